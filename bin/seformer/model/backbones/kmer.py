"""seformer's own small encoder over k-mers, trained from scratch: the presets tiny and small.

The k-mer at every base has an embedding, and six neighbours are added up to one position of the
transformer. So it hardly matters where the first k-mer begins, and one reading of a strand is
enough; models of version 1.0 have k-mers that do not overlap, one a position, and read each strand
in six phases. In training half of the k-mers are left out at random: those over one motif overlap
and say the same, and no single one should be relied on.

A pre-LayerNorm transformer (Xiong 2020, arXiv:2002.04745) with rotary positions (Su 2021,
arXiv:2104.09864), so that spacing counts and any length goes. No dropout inside the attention: it
would leave the fused kernel and triple the time on CPUs. No LayerNorm at the end: scaling every
token to one length would make a switch of it, and integrated gradients of many switches converge
only after hundreds of steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones.base import ESM_MASKED_HEAD, Backbone, HeadStyle, key_mask
from seformer.model.backbones.rotary import Rotary, rotate

EMBEDDING_DEVIATION = 0.1
LARGEST_POOL = 64


class RotaryLayer(nn.Module):
    """One pre-LayerNorm transformer layer; ``mask`` is as attention takes it."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_attention_heads"]
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.dropout = nn.Dropout(config["hidden_dropout_prob"])

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, cos: torch.Tensor, sin: torch.Tensor
    ) -> torch.Tensor:
        batch, tokens, width = hidden.shape
        qkv = self.qkv(self.attention_norm(hidden)).view(batch, tokens, 3, self.heads, -1)
        turned, (value,) = qkv.permute(2, 0, 3, 1, 4).split([2, 1])
        query, key = rotate(turned, cos, sin)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(batch, tokens, width)
        hidden = hidden + self.dropout(self.out(mixed))
        inner = F.gelu(self.up(self.mlp_norm(hidden)))
        return hidden + self.dropout(self.down(inner))


class Preset(Backbone):
    """A backbone of seformer's own; ``model_type`` is ``seformer_`` and the family."""

    prefix = "backbone."
    head_style = HeadStyle("head.dense", "head.out", activation="gelu", pooling="mean")
    # nobody published one
    masked_head_style = ESM_MASKED_HEAD._replace(norm_eps=1e-5)

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        return config.get("model_type") == f"seformer_{cls.family}"


class KmerEncoder(Preset):
    """The backbone of the presets tiny and small."""

    family = "kmer"
    title = "a preset of seformer"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config, context=config["max_position_embeddings"])
        width = config["hidden_size"]
        self.pool = self.tokens_a_state = config.get("pool", 1)
        if self.pool > LARGEST_POOL:
            raise ValueError(f"pool is at most {LARGEST_POOL}")
        self.left_out = config.get("token_dropout_prob", 0.0)
        self.word_embeddings = nn.Embedding(config["vocab_size"], width)
        self.dropout = nn.Dropout(config["embedding_dropout_prob"])
        self.layers = nn.ModuleList(RotaryLayer(config) for _ in range(config["num_hidden_layers"]))
        self.rotary = Rotary(width // config["num_attention_heads"], config["rotary_base"])

    @property
    def embedding(self) -> nn.Embedding:
        return self.word_embeddings

    def initialise(self) -> None:
        """Draw all weights: normal, residual outputs scaled by depth (as in GPT-2)."""
        deviation = self.config["initializer_range"]
        residual = deviation / (2 * len(self.layers)) ** 0.5
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                nn.init.constant_(parameter, 1.0 if name.endswith("norm.weight") else 0.0)
            elif name == "word_embeddings.weight":
                # large beside what training adds, so that the layers' norms change smoothly
                nn.init.normal_(parameter, std=EMBEDDING_DEVIATION)
            else:
                scale = residual if name.endswith(("out.weight", "down.weight")) else deviation
                nn.init.normal_(parameter, std=scale)

    def states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden, keep = self.word_embeddings(input_ids), attention_mask
        if self.pool > 1:
            hidden, keep = self._positions(hidden, attention_mask)
        hidden = self.dropout(hidden)
        mask = key_mask(keep)
        cos, sin = self.rotary(hidden.shape[1], hidden)
        for layer in self.layers:
            hidden = self.run(layer, hidden, mask, cos, sin)
        return hidden

    def _positions(
        self, tokens: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add up neighbouring tokens, padding and what lies beyond the end as zeros.

        Returns float ``[batch, positions, width]``, and int64 ``[batch, positions]``: 0 where there
        is padding alone.
        """
        real = attention_mask.unsqueeze(-1).to(tokens.dtype)
        beyond = -tokens.shape[1] % self.pool
        kept = tokens * F.dropout(real, self.left_out, self.training)
        groups = F.pad(kept, (0, 0, 0, beyond)).unflatten(1, (-1, self.pool))
        inside = F.pad(attention_mask, (0, beyond)).unflatten(1, (-1, self.pool))
        # as large as one token alone while embeddings are random
        return groups.sum(2) * self.pool**-0.5, inside.amax(2)
