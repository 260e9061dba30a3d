"""Nucleotide Transformer v2: ESM with rotary positions and a gated MLP without biases.

Follows the authors' modeling_esm.py (InstaDeepAI/nucleotide-transformer-v2-*; Dalla-Torre et al.
2024, doi:10.1038/s41592-024-02523-z), whose key names are the names of the modules here. The stock
ESM class has no gate, and fails on the shape of the first layer's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones.base import (
    ESM_MASKED_HEAD,
    Backbone,
    HeadStyle,
    key_mask,
    zero_padding,
)
from seformer.model.backbones.bert import DEFAULTS
from seformer.model.backbones.rotary import Rotary, rotate
from seformer.util.errors import UserError

# what the published configurations have, and nothing else is computed here
_PUBLISHED = {
    "position_embedding_type": "rotary",
    "emb_layer_norm_before": False,
    "token_dropout": False,
}
# positions 0 and 1 of the published tables are never used, as in every ESM
_RESERVED = 2


def is_gated(weights: Mapping[str, torch.Tensor]) -> bool:
    """Tell whether an MLP's first layer gives twice what its second one takes."""
    first, second = "intermediate.dense.weight", "output.dense.weight"
    for key, tensor in weights.items():
        if key.endswith(first) and tensor.dim() == 2:
            down = weights.get(key.removesuffix(first) + second)
            return down is not None and down.dim() == 2 and len(tensor) == 2 * down.shape[1]
    return False


class _SelfAttention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.dropout = config.get("attention_probs_dropout_prob", 0.0)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, cos: torch.Tensor, sin: torch.Tensor
    ) -> torch.Tensor:
        query, key, value = (
            part(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        # in float32 whatever the rest is in: at position 2,000 half precision knows no angle
        query, key = (rotate(x.float(), cos, sin).to(x.dtype) for x in (query, key))
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, mask, dropout)
        return mixed.transpose(1, 2).flatten(2)


class _Dense(nn.Module):
    def __init__(self, inner: int, outer: int, bias: bool = True) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, outer, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(x)


class _Attention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.self = _SelfAttention(config)
        self.output = _Dense(width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])

    def forward(self, hidden: torch.Tensor, *state: torch.Tensor | None) -> torch.Tensor:
        return self.output(self.self(self.LayerNorm(hidden), *state))


class _Layer(nn.Module):
    """x + attention(norm(x)), then x + down(silu(gate) · value) of norm(x) (Shazeer 2020)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.attention = _Attention(config)
        self.intermediate = _Dense(width, 2 * inner, config["add_bias_fnn"])
        self.output = _Dense(inner, width, config["add_bias_fnn"])
        self.LayerNorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, hidden: torch.Tensor, *state: torch.Tensor | None) -> torch.Tensor:
        hidden = hidden + self.dropout(self.attention(hidden, *state))
        gate, value = self.intermediate(self.LayerNorm(hidden)).chunk(2, dim=-1)
        return hidden + self.dropout(self.output(F.silu(gate) * value))


class _Embeddings(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.word_embeddings(input_ids))


class _Encoder(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer(config) for _ in range(config["num_hidden_layers"]))
        self.emb_layer_norm_after = nn.LayerNorm(
            config["hidden_size"], eps=config["layer_norm_eps"]
        )


class NucleotideTransformerV2(Backbone):
    """Nucleotide Transformer v2 by its published configuration.

    The files hold position embeddings that no computation uses, and the frequencies of the rotary
    positions, which are compared with those made here.
    """

    family = "nt_v2"
    title = "a Nucleotide Transformer v2 (gated MLP)"
    hint = "take config.json of the published model: it says add_bias_fnn"
    prefix = "esm."
    head_style = HeadStyle("classifier.dense", "classifier.out_proj")
    ignored_keys = (
        *Backbone.ignored_keys,
        "embeddings.position_embeddings.weight",
        "rotary_embeddings.inv_freq",
    )
    # fine-tunings that were saved again say that they are ESM
    told_by_keys = True

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        return "add_bias_fnn" in config or is_gated(weights or {})

    def __init__(self, config: dict[str, Any]) -> None:
        config = {**DEFAULTS, "add_bias_fnn": False, **config}
        for name, value in _PUBLISHED.items():
            if config.setdefault(name, value) != value:
                raise UserError(
                    f"{name} is {config[name]!r}",
                    where="config.json",
                    expected=f"{value!r}, as in every published Nucleotide Transformer v2",
                )
        # any length goes; beyond this the positions were never seen in pre-training
        positions = config.get("max_position_embeddings", 2050)
        super().__init__(config, context=max(1, positions - _RESERVED))
        self.masked_head_style = ESM_MASKED_HEAD._replace(norm_eps=config["layer_norm_eps"])
        self.embeddings = _Embeddings(config)
        self.encoder = _Encoder(config)
        self.rotary = Rotary(config["hidden_size"] // config["num_attention_heads"])

    @property
    def embedding(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def check_ignored(self, ignored: Mapping[str, torch.Tensor], where: str | Path) -> None:
        wanted = self.rotary.frequencies()
        for key, tensor in ignored.items():
            # stored in half precision they differ by up to a thousandth
            if key.endswith("inv_freq") and not (
                tensor.shape == wanted.shape and torch.allclose(tensor.float(), wanted, rtol=0.01)
            ):
                raise UserError(
                    f"the rotary frequencies of {key} are not those of the base 10,000",
                    where=where,
                    expected="weights of a published Nucleotide Transformer v2, or trained from it",
                )

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.embeddings(input_ids)
        state = key_mask(attention_mask), *self.rotary(input_ids.shape[1], hidden)
        for layer in self.encoder.layer:
            hidden = self.run(layer, hidden, *state)
        return zero_padding(self.encoder.emb_layer_norm_after(hidden), attention_mask)
