"""DNABERT-2: MosaicBERT with ALiBi and a gated MLP, on plain attention.

Follows the authors' bert_layers.py (zhihan1996/DNABERT-2-117M; Zhou 2024, arXiv:2306.15006, after
MosaicBERT, arXiv:2312.17482), whose key names are the names of the modules here. Their unpadding
only saves time: padding is masked here instead, which gives the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones.base import Backbone, zero_padding
from seformer.model.backbones.bert import DEFAULTS, Embeddings, Encoder, is_bert, masked_head_style


def alibi_slopes(heads: int) -> list[float]:
    """Return the slope of each head (Press 2022, arXiv:2108.12409)."""
    power = 2 ** math.floor(math.log2(heads))
    start = 2 ** (-(2 ** -(math.log2(power) - 3)))
    slopes = [start ** (i + 1) for i in range(power)]
    if power < heads:
        slopes += alibi_slopes(2 * power)[0::2][: heads - power]
    return slopes


class _SelfAttention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.Wqkv = nn.Linear(width, 3 * width)
        self.dropout = config.get("attention_probs_dropout_prob", 0.0)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        qkv = self.Wqkv(hidden).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            query, key, value, bias.to(query.dtype), self.dropout if self.training else 0.0
        )
        return mixed.transpose(1, 2).flatten(2)


class _SelfOutput(nn.Module):
    """Dense, residual, LayerNorm after."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.dense = nn.Linear(width, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, mixed: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        return self.LayerNorm(self.dropout(self.dense(mixed)) + hidden)


class _Attention(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _SelfOutput(config)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return self.output(self.self(hidden, bias), hidden)


class _GatedMlp(nn.Module):
    """gelu(first half) * second half, then down (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gated_layers = nn.Linear(width, 2 * inner, bias=False)
        self.wo = nn.Linear(inner, width)
        self.layernorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        gate, value = self.gated_layers(hidden).chunk(2, dim=-1)
        return self.layernorm(self.wo(self.dropout(F.gelu(gate) * value)) + hidden)


class _Layer(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.mlp = _GatedMlp(config)

    def forward(self, hidden: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return self.mlp(self.attention(hidden, bias))


class DnaBert2(Backbone):
    """DNABERT-2 by its published configuration; ALiBi lets windows exceed its 512 tokens."""

    family = "dnabert2"
    title = "a DNABERT-2"
    hint = "take config.json of the published model: it holds alibi_starting_size"
    prefix = "bert."
    ignored_keys = (*Backbone.ignored_keys, "encoder.alibi")
    # its first configurations lack the ALiBi key
    told_by_keys = True

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        given = "alibi_starting_size" in config or any(
            ".attention.self.Wqkv." in k for k in weights or ()
        )
        return is_bert(config) and given

    def __init__(self, config: dict[str, Any]) -> None:
        config = {**DEFAULTS, **config}
        super().__init__(config, context=config.get("max_position_embeddings", 512))
        self.masked_head_style = masked_head_style(config)
        self.embeddings = Embeddings(config, absolute=False)
        self.encoder = Encoder(_Layer(config) for _ in range(config["num_hidden_layers"]))
        slopes = torch.tensor(alibi_slopes(config["num_attention_heads"]))
        self.register_buffer("slopes", slopes, persistent=False)

    @property
    def embedding(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def _bias(self, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return −slope·distance, and −∞ for padded keys: [batch or 1, heads, tokens, tokens]."""
        place = torch.arange(attention_mask.shape[1], device=attention_mask.device)
        distance = (place[:, None] - place[None, :]).abs()
        bias = -self.slopes[None, :, None, None] * distance
        keep = attention_mask.bool()
        if bool(keep.all()):
            return bias
        return bias.masked_fill(~keep[:, None, None, :], float("-inf"))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.embeddings(input_ids)
        bias = self._bias(attention_mask)
        for layer in self.encoder.layer:
            hidden = self.run(layer, hidden, bias)
        return zero_padding(hidden, attention_mask)
