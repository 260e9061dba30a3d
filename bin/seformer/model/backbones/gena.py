"""GENA-LM's BERT: pre-LayerNorm, absolute or rotary positions, full or block-sparse attention.

Follows the authors' src/gena_lm/modeling_bert.py (AIRI-Institute/GENA_LM; Fishman 2025,
doi:10.1093/nar/gkae1310), whose key names are the names of the modules here. The stock BERT class
would load these files and drop the LayerNorms before the attention without a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones.base import Backbone, key_mask, zero_padding
from seformer.model.backbones.bert import DEFAULTS, Embeddings, Encoder, is_bert, masked_head_style
from seformer.model.backbones.rotary import Rotary, rotate
from seformer.model.backbones.sparse import Pattern, attend, draw_layout, sparse_options
from seformer.util.errors import UserError

ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
}


class _AttentionState:
    """What all layers share in one forward pass: padding, rotary angles, sparse pattern."""

    def __init__(self, attention_mask: torch.Tensor) -> None:
        self.keep = attention_mask.bool()
        self.mask = key_mask(attention_mask)
        self.cos: torch.Tensor | None = None
        self.sin: torch.Tensor | None = None
        self.pattern: Pattern | None = None


class _Layout(nn.Module):
    """Holds the sparse pattern under the name that it has in a checkpoint."""

    def __init__(self, config: dict[str, Any], options: dict[str, Any]) -> None:
        super().__init__()
        blocks = config["max_position_embeddings"] // options["block"]
        layout = draw_layout(config["num_attention_heads"], blocks, options, config["sparse_seed"])
        self.register_buffer("master_layout", layout)


class _SelfAttention(nn.Module):
    """Query, key and value projections and the attention itself."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.dropout = config.get("attention_probs_dropout_prob", 0.0)
        options = sparse_options(config)
        if options:
            self.sparse_self_attention = _Layout(config, options)

    def forward(self, hidden: torch.Tensor, state: _AttentionState) -> torch.Tensor:
        query, key, value = (
            part(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        if state.cos is not None and state.sin is not None:
            query, key = (rotate(x, state.cos, state.sin) for x in (query, key))
        dropout = self.dropout if self.training else 0.0
        if state.pattern is not None:
            mixed = attend(query, key, value, state.keep, state.pattern, dropout)
        else:
            mixed = F.scaled_dot_product_attention(query, key, value, state.mask, dropout)
        return mixed.transpose(1, 2).flatten(2)


class _Dense(nn.Module):
    """A linear layer under the name that BERT gives it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(x)


class _Attention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _Dense(config["hidden_size"], config["hidden_size"])

    def forward(self, hidden: torch.Tensor, state: _AttentionState) -> torch.Tensor:
        return self.output(self.self(hidden, state))


class _Layer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Xiong 2020, arXiv:2002.04745)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        eps = config["layer_norm_eps"]
        self.pre_attention_ln = nn.LayerNorm(width, eps=eps)
        self.post_attention_ln = nn.LayerNorm(width, eps=eps)
        self.attention = _Attention(config)
        self.intermediate = _Dense(width, inner)
        self.output = _Dense(inner, width)
        self.activation = ACTIVATIONS[config.get("hidden_act", "gelu")]
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, hidden: torch.Tensor, state: _AttentionState) -> torch.Tensor:
        hidden = hidden + self.dropout(self.attention(self.pre_attention_ln(hidden), state))
        inner = self.activation(self.intermediate(self.post_attention_ln(hidden)))
        return hidden + self.dropout(self.output(inner))


class GenaBert(Backbone):
    """The BERT of GENA-LM, by its published configuration.

    Keys of the configuration beside BERT's: ``pre_layer_norm`` (true), ``last_layer_norm``
    (default true), ``position_embedding_type`` (absolute or rotary), ``rotary_base``,
    ``rotary_dim`` (default: the whole head), ``sparse_attention`` (see `model.backbones.sparse`)
    and, our own, ``sparse_seed`` for a pattern that the checkpoint does not hold.
    """

    family = "gena"
    title = "a GENA-LM BERT (pre-LayerNorm)"
    hint = "take config.json of the published model: it says pre_layer_norm = true"
    prefix = "bert."
    ignored_keys = (*Backbone.ignored_keys, "rotary_emb.inv_freq")

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        given = config.get("pre_layer_norm") or any(
            ".pre_attention_ln." in key for key in weights or ()
        )
        return is_bert(config) and bool(given)

    def __init__(self, config: dict[str, Any]) -> None:
        config = {**DEFAULTS, **config}
        if options := sparse_options(config):
            config.setdefault("sparse_seed", 0)
        super().__init__(config, context=config["max_position_embeddings"])
        self.masked_head_style = masked_head_style(config)
        self.block = options["block"] if options else None
        positions = config.get("position_embedding_type", "absolute")
        if positions not in ("absolute", "rotary"):
            raise UserError(
                f"position_embedding_type is {positions}", expected="absolute or rotary"
            )
        head = config["hidden_size"] // config["num_attention_heads"]
        self.rotary = None
        if positions == "rotary":
            self.rotary = Rotary(
                config.get("rotary_dim") or head, config.get("rotary_base") or 10000
            )
        self.embeddings = Embeddings(config, absolute=positions == "absolute")
        layers = [_Layer(config) for _ in range(config["num_hidden_layers"])]
        last_norm = nn.LayerNorm(config["hidden_size"], eps=config["layer_norm_eps"])
        self.encoder = Encoder(layers, last_norm if config.get("last_layer_norm", True) else None)
        self.optional_keys = frozenset(k for k in self.state_dict() if k.endswith("master_layout"))

    @property
    def embedding(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def initialise(self) -> None:
        """Draw all weights as the authors do: residual outputs are scaled by depth."""
        deviation = self.config.get("initializer_range", 0.02)
        residual = deviation / (2 * len(self.encoder.layer)) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                norm = "_ln." in name or "LayerNorm." in name
                nn.init.constant_(parameter, float(norm and name.endswith("weight")))
            else:
                nn.init.normal_(parameter, std=residual if ".output." in name else deviation)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        self.check_tokens(input_ids)
        hidden = self.embeddings(input_ids)
        tokens = input_ids.shape[1]
        if self.block is not None:
            missing = -tokens % self.block
            hidden = F.pad(hidden, (0, 0, 0, missing))
            attention_mask = F.pad(attention_mask, (0, missing))
        state = _AttentionState(attention_mask)
        if self.block is not None:
            master = self.encoder.layer[0].attention.self.sparse_self_attention.master_layout
            state.pattern = Pattern.of(master, hidden.shape[1] // self.block, self.block)
        if self.rotary is not None:
            state.cos, state.sin = self.rotary(hidden.shape[1], hidden)
        for layer in self.encoder.layer:
            hidden = self.run(layer, hidden, state)
        if hasattr(self.encoder, "last_layer_ln"):
            hidden = self.encoder.last_layer_ln(hidden)
        return zero_padding(hidden, attention_mask)[:, :tokens]
