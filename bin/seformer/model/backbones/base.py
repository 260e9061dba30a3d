"""What every backbone offers, whatever class it wraps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.utils.checkpoint
from torch import nn

from seformer.util.errors import UserError


class Origin(NamedTuple):
    """Where a backbone came from, for the model folder and the report.

    Attributes
    ----------
    name
        As the user asked for it: preset, registry name, hub id or folder.
    source
        ``preset``, ``registry``, ``hub`` or ``folder``.
    revision
        Commit of the hub repository, if it came from there.
    family
        Family of backbones, see `Backbone.family`.
    """

    name: str
    source: str
    revision: str | None
    family: str


class HeadStyle(NamedTuple):
    """The family's own classification head: dense → activation → [norm] → out.

    Names are keys of the published layout without ``.weight``; ``norm`` is None where there is
    none. ``pooling`` is what the family's classifier reads: ``cls`` or ``mean``.
    """

    dense: str
    out: str
    activation: str = "tanh"
    norm: str | None = None
    dense_bias: bool = True
    out_bias: bool = True
    norm_bias: bool = True
    norm_eps: float = 1e-12
    pooling: str = "cls"


BERT_HEAD = HeadStyle("bert.pooler.dense", "classifier")


class MaskedHeadStyle(NamedTuple):
    """The family's published masked-LM head: dense → activation → norm → decoder.

    Names are keys of the published layout: of ``dense``, ``norm`` and ``decoder`` without
    ``.weight`` and ``.bias``, of ``bias`` (the decoder's) in full, each of which may hold it.
    """

    dense: str = "cls.predictions.transform.dense"
    norm: str = "cls.predictions.transform.LayerNorm"
    decoder: str = "cls.predictions.decoder"
    bias: tuple[str, ...] = ("cls.predictions.bias", "cls.predictions.decoder.bias")
    activation: str = "gelu"
    dense_bias: bool = True
    norm_bias: bool = True
    norm_eps: float = 1e-12


ESM_MASKED_HEAD = MaskedHeadStyle(
    "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", ("lm_head.bias",)
)


class Backbone(nn.Module):
    """A DNA encoder: ``model(input_ids, attention_mask)`` gives the last hidden state.

    Attributes
    ----------
    config : dict
        The published configuration, as it is saved again.
    family : str
        ``stem``, ``kmer``, ``gena``, ``dnabert2`` or the model type of a stock class.
    title, hint : str
        The family in words (empty: a stock class), and what to do where its weights came with
        another's configuration.
    hidden_size : int
    context : int or None
        Most tokens in one window, special tokens included; None if any length goes.
    prefix : str
        Put before the names of this module's state to give the published keys.
    head_style : HeadStyle
    masked_head_style : MaskedHeadStyle
    mask_share : float
        Part of the tokens that masked-token training hides: 0.15 as in BERT, or as published.
    tokens_a_state : int
        Neighbouring tokens that have one hidden state in common.
    optional_keys : frozenset
        Names of the module's state that a checkpoint may lack.
    ignored_keys : tuple of str
        Ends of published keys that are of no use, or computed anew.
    told_by_keys : bool
        Whether the keys of the weights make a stock class's configuration one of this family.
    masks_are_zero : bool
        Whether the model puts zeros in place of the embedding of a mask token.
    licence : str or None
        Of the published weights, where it is known.
    pretraining : tuple of dict
        What `seformer pretrain` did to them since, each time, see `util.shapes_of_pretraining`.
    """

    family = ""
    title = hint = ""
    prefix = ""
    head_style = BERT_HEAD
    masked_head_style = MaskedHeadStyle()
    mask_share = 0.15
    tokens_a_state = 1
    optional_keys: frozenset[str] = frozenset()
    ignored_keys: tuple[str, ...] = ("position_ids", "token_type_ids")
    told_by_keys = False
    masks_are_zero = False
    licence: str | None = None
    pretraining: tuple[dict[str, Any], ...] = ()

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        """Tell whether a configuration, or else the keys of weights, are of this family."""
        raise NotImplementedError

    @classmethod
    def draw(cls, config: dict[str, Any], where: str | Path | None = None) -> Backbone:
        """Make the module that a configuration describes, with random weights."""
        # null stands for nothing given
        given = {name: value for name, value in config.items() if value is not None}
        model = cls(given)  # ty: ignore[missing-argument]  each family works its context out
        model.initialise()
        return model

    def __init__(self, config: dict[str, Any], context: int | None) -> None:
        super().__init__()
        self.config = config
        self.context = context
        self.hidden_size = int(config["hidden_size"])
        self.gradient_checkpointing = False

    @property
    def embedding(self) -> nn.Embedding:
        """Return the word embedding; a forward pass calls it once, with ``input_ids``."""
        raise NotImplementedError

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the last hidden state, float32 [batch, tokens, hidden], zero at padding.

        A family defines this or `states`; each is made of the other.

        Parameters
        ----------
        input_ids : int tensor [batch, tokens]
        attention_mask : tensor [batch, tokens]
            1 for tokens, 0 for padding (on the right).
        """
        hidden = self.states(input_ids, attention_mask)
        if self.tokens_a_state > 1:
            hidden = hidden.repeat_interleave(self.tokens_a_state, 1)[:, : input_ids.shape[1]]
        return zero_padding(hidden, attention_mask)

    def states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return hidden states, each of which `tokens_a_state` neighbouring tokens have in common.

        Float ``[batch, states, hidden]``, whatever at padding; a last group may be incomplete.
        """
        return self(input_ids, attention_mask)

    def initialise(self) -> None:
        """Draw all weights as the family's authors do: here normal, LayerNorms at one."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                norm = "norm" in name.lower() and name.endswith("weight")
                nn.init.constant_(parameter, float(norm))
            else:
                nn.init.normal_(parameter, std=self.config.get("initializer_range", 0.02))

    def check_ignored(self, ignored: Mapping[str, torch.Tensor], where: str | Path) -> None:
        """Refuse tensors under `ignored_keys` that say something else than is computed here."""

    @property
    def weights(self) -> nn.Module:
        """Return the module whose state, after `prefix`, has the published keys."""
        return self

    def published_state(self) -> dict[str, torch.Tensor]:
        """Return the weights under the keys of the published layout."""
        state = self.weights.state_dict()
        return {self.prefix + name: tensor for name, tensor in state.items()}

    def check_tokens(self, input_ids: torch.Tensor) -> None:
        """Refuse windows that are longer than the model has positions for."""
        if self.context is not None and input_ids.shape[1] > self.context:
            raise UserError(
                f"a window has {input_ids.shape[1]} tokens",
                expected=f"at most {self.context}, the context of this model",
                do="choose a smaller --window",
            )

    def gradient_checkpointing_enable(self) -> None:
        """Trade computation for memory in training: layers are recomputed in the backward pass."""
        self.gradient_checkpointing = True

    def run(self, layer: Callable[..., torch.Tensor], *arguments: Any) -> torch.Tensor:
        """Call a layer, recomputing it in the backward pass if so switched."""
        if self.gradient_checkpointing and self.training:
            return torch.utils.checkpoint.checkpoint(layer, *arguments, use_reentrant=False)
        return layer(*arguments)


def key_mask(attention_mask: torch.Tensor) -> torch.Tensor | None:
    """Return the mask for `scaled_dot_product_attention`; None without padding (faster)."""
    keep = attention_mask.bool()
    return None if bool(keep.all()) else keep[:, None, None, :]


def zero_padding(hidden: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Return ``hidden`` as float32 with zeros at padding."""
    return hidden.float().masked_fill(attention_mask[..., None] == 0, 0.0)
