"""What the families that descend from BERT share, under the names of its published keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from seformer.model.backbones.base import MaskedHeadStyle

DEFAULTS: dict[str, Any] = {"layer_norm_eps": 1e-12, "hidden_dropout_prob": 0.1}


def is_bert(config: dict[str, Any]) -> bool:
    """Tell whether a configuration is BERT's, or one of those that only changed its layers."""
    return config.get("model_type", "bert" if "num_attention_heads" in config else None) == "bert"


def masked_head_style(config: dict[str, Any]) -> MaskedHeadStyle:
    """Return BERT's masked-LM head with the activation and eps of a configuration."""
    activation = config.get("hidden_act") or "gelu"
    return MaskedHeadStyle(activation=activation, norm_eps=config["layer_norm_eps"])


class Embeddings(nn.Module):
    """Word, token type and (if absolute) position embeddings under one LayerNorm."""

    def __init__(self, config: dict[str, Any], absolute: bool) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.word_embeddings = nn.Embedding(config["vocab_size"], width)
        if absolute:
            self.position_embeddings = nn.Embedding(config["max_position_embeddings"], width)
        self.token_type_embeddings = nn.Embedding(config.get("type_vocab_size", 2), width)
        self.LayerNorm = nn.LayerNorm(width, eps=config["layer_norm_eps"])
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])
        self.absolute = absolute

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        hidden = self.word_embeddings(input_ids) + self.token_type_embeddings.weight[0]
        if self.absolute:
            hidden = hidden + self.position_embeddings.weight[: input_ids.shape[1]]
        return self.dropout(self.LayerNorm(hidden))


class Encoder(nn.Module):
    """Layers, and the LayerNorm after the last one where a family has it."""

    def __init__(self, layers: Iterable[nn.Module], last_norm: nn.LayerNorm | None = None) -> None:
        super().__init__()
        self.layer = nn.ModuleList(layers)
        if last_norm is not None:
            self.last_layer_ln = last_norm
