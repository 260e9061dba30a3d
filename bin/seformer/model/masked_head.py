"""The masked-LM head over a backbone: the published one where its checkpoint has it, or a new one.

dense → activation → norm → decoder, as BERT, ESM and ModernBERT all have it. The decoder's weights
are those of the embedding where the published ones are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from seformer.model.backbones import Backbone
from seformer.model.backbones.loading import require_finite
from seformer.model.classifier import ACTIVATIONS
from seformer.util.errors import UserError

NEW_DEVIATION = 0.02


class MaskedHead(nn.Module):
    """Logits of the vocabulary at some tokens.

    Parameters
    ----------
    backbone
        Its `masked_head_style` and `tokens_a_state` say the form; of a hidden state that several
        tokens share each of their places has its own dense layer, all places one decoder: what a
        token is called does not hang on its place, and is learned from every one of them.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        style, width = backbone.masked_head_style, backbone.hidden_size
        if style.activation not in ACTIVATIONS:
            raise UserError(
                f"the activation is {style.activation!r}", expected=", ".join(ACTIVATIONS)
            )
        self.style, self.places = style, backbone.tokens_a_state
        self.dense = nn.Linear(width, width * self.places, bias=style.dense_bias)
        self.activation = ACTIVATIONS[style.activation]()
        self.norm = nn.LayerNorm(width, eps=style.norm_eps, bias=style.norm_bias)
        vocabulary = backbone.embedding.num_embeddings
        self.decoder = nn.Linear(width, vocabulary, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        for layer in (self.dense, self.decoder):
            nn.init.normal_(layer.weight, std=NEW_DEVIATION)
        if style.dense_bias:
            nn.init.zeros_(self.dense.bias)

    def forward(self, hidden: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        """Map float ``[n, width]`` and places in the window, int64 ``[n]``, to ``[n, tokens]``."""
        features = self.dense(hidden).unflatten(-1, (self.places, -1))
        features = features[torch.arange(len(place), device=place.device), place % self.places]
        return self.decoder(self.norm(self.activation(features))) + self.bias

    def names(self) -> dict[str, tuple[str, ...]]:
        """The published keys of each weight; of several each may hold it."""
        style = self.style
        names = {"decoder.weight": (f"{style.decoder}.weight",), "bias": style.bias}
        for part, name in (("dense", style.dense), ("norm", style.norm)):
            for kind in ("weight", "bias"):
                if getattr(getattr(self, part), kind) is not None:
                    names[f"{part}.{kind}"] = (f"{name}.{kind}",)
        return names

    def published(self) -> dict[str, torch.Tensor]:
        """The weights under the keys of the published layout."""
        state = self.state_dict()
        return {key: state[own] for own, keys in self.names().items() for key in keys}


class MaskedModel(nn.Module):
    """A backbone and its masked-LM head: logits at the tokens that are asked for."""

    def __init__(self, backbone: Backbone, head: MaskedHead) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, asked: torch.Tensor
    ) -> torch.Tensor:
        """Return float ``[asked, vocabulary]``, window by window.

        Parameters
        ----------
        input_ids, attention_mask
            int64 ``[windows, tokens]``.
        asked
            bool ``[windows, tokens]``.
        """
        states = self.backbone.states(input_ids, attention_mask).float()
        window, place = asked.nonzero(as_tuple=True)
        return self.head(states[window, place // self.head.places], place).float()


def masked_head(
    backbone: Backbone, state: Mapping[str, torch.Tensor], where: str | Path, seed: int
) -> tuple[MaskedHead, bool]:
    """Return the head that a checkpoint holds and True, or a new one and False.

    Parameters
    ----------
    state
        All tensors of the checkpoint by their published keys; empty of a preset.
    seed
        Of the weights of a new one.

    Raises
    ------
    UserError
        If a part of a published head is missing or of another shape.
    """
    fits = backbone.embedding.embedding_dim == backbone.hidden_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = MaskedHead(backbone)
    names = head.names()
    found = {own: next((key for key in keys if key in state), None) for own, keys in names.items()}
    # ModernBERT's classifier has these parts too, and its decoder alone tells the two apart
    if found["bias"] is None:
        if fits:
            head.decoder.weight = backbone.embedding.weight
        return head, False
    lacking = [names[own][0] for own, key in found.items() if key is None]
    # files leave out a decoder that is the embedding
    if found["decoder.weight"] is None and fits:
        lacking.remove(names["decoder.weight"][0])
    if lacking:
        raise UserError(
            f"the masked-LM head lacks {', '.join(lacking)}",
            where=where,
            expected="the whole head that was published with the model, or none",
        )
    weights = {own: state[key] for own, key in found.items() if key is not None}
    own_state = head.state_dict()
    for own, tensor in weights.items():
        if tensor.shape != own_state[own].shape:
            raise UserError(
                f"{found[own]} has the shape {tuple(tensor.shape)}",
                where=where,
                expected=f"{tuple(own_state[own].shape)}, as of this backbone",
            )
    require_finite({names[own][0]: tensor for own, tensor in weights.items()}, where)
    head.load_state_dict(weights, strict=False)
    embedding = backbone.embedding.weight
    if "decoder.weight" not in weights or torch.equal(weights["decoder.weight"], embedding.cpu()):
        head.decoder.weight = embedding
    return head, True
