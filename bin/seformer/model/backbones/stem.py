"""seformer's own small encoder over single bases, trained from scratch: the preset bases.

A convolution finds motifs at every base, eight neighbouring bases are averaged to one position (as
in Enformer, Avsec et al. 2021, doi:10.1038/s41592-021-01252-x), and a transformer relates the
positions: which motifs stand near which others, and in what order. So one reading of a strand is
enough where tokens of several bases need one for each phase of their grid, and the gradient at a
base is that base's own.

Attention falls off with distance, at another rate in each head (ALiBi, Press et al. 2022,
arXiv:2108.12409): at the start of training the heads see what is near, from some ten to some
hundred bases, and need not find that out. Rotary positions (`rotary`) tell left from right.

A filter's response is cubed before it is averaged, so that one good match counts more than eight
poor ones: with a response that grows linearly the mean is mostly background, and explanations are
spread over it. All activations are smooth, and no LayerNorm ends it, so that integrated gradients
add up after few steps (see `kmer`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones.convolution import convolve
from seformer.model.backbones.kmer import LARGEST_POOL, Preset, RotaryLayer
from seformer.model.backbones.rotary import Rotary
from seformer.sequence.dna import BASES

# attention falls to 1/e over so many positions: 2.5 in the first head, twice as many in each next
STEEPEST = 0.4


class StemEncoder(Preset):
    """The backbone of the preset bases."""

    family = "stem"
    title = "the preset bases of seformer"

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config, context=config["max_position_embeddings"])
        width, heads = config["hidden_size"], config["num_attention_heads"]
        self.pool = self.tokens_a_state = config["pool"]
        kernels = config["stem_kernel"], config["mixing_kernel"]
        if self.pool > LARGEST_POOL or any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f"pool is at most {LARGEST_POOL}, and kernels are odd")
        self.word_embeddings = nn.Embedding(config["vocab_size"], config["embedding_width"])
        self.motifs, self.mixing = (
            nn.Conv1d(inner, outer, kernel, padding=kernel // 2)
            for inner, outer, kernel in zip(
                (config["embedding_width"], config["stem_width"]),
                (config["stem_width"], width),
                kernels,
                strict=True,
            )
        )
        self.dropout = nn.Dropout(config["embedding_dropout_prob"])
        self.layers = nn.ModuleList(RotaryLayer(config) for _ in range(config["num_hidden_layers"]))
        self.rotary = Rotary(width // heads, config["rotary_base"])
        slopes = STEEPEST * 0.5 ** torch.arange(heads).float()
        self.register_buffer("slopes", slopes, persistent=False)

    @property
    def embedding(self) -> nn.Embedding:
        return self.word_embeddings

    def initialise(self) -> None:
        """Draw all weights: layers normal, convolutions as torch does.

        The bases begin as the corners of a tetrahedron; other tokens, which come before them in the
        vocabulary, as zeros.
        """
        for name, parameter in self.layers.named_parameters():
            if parameter.dim() < 2:
                nn.init.constant_(parameter, 1.0 if name.endswith("norm.weight") else 0.0)
            else:
                nn.init.normal_(parameter, std=self.config["initializer_range"])
        for convolution in (self.motifs, self.mixing):
            convolution.reset_parameters()
        nn.init.zeros_(self.word_embeddings.weight)
        with torch.no_grad():
            # alike far from one another, and nothing that all have in common
            corners = 2 * torch.eye(len(BASES)) - 0.5
            self.word_embeddings.weight[-len(BASES) :, : len(BASES)] = corners

    def states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        # padding is zero before each convolution, as what lies beyond the end of a sequence;
        # a group that the sequence ends in is averaged as if zeros followed
        beyond = 0, -input_ids.shape[1] % self.pool
        hidden = F.pad(self.word_embeddings(input_ids), (0, 0, *beyond))
        keep = F.pad(attention_mask, beyond)
        real = keep.unsqueeze(2).to(hidden.dtype)
        hidden = _Cube.apply(convolve(self.motifs, hidden * real), 2 * real)
        hidden = hidden.unflatten(1, (-1, self.pool)).sum(2) * self.pool**-0.5
        keep = keep.unflatten(1, (-1, self.pool)).amax(2).bool()
        hidden = self.dropout(convolve(self.mixing, hidden))
        nearness = self._nearness(hidden.shape[1], keep).to(hidden.dtype)
        cos, sin = self.rotary(hidden.shape[1], hidden)
        for layer in self.layers:
            hidden = self.run(layer, hidden, nearness, cos, sin)
        return hidden

    def _nearness(self, positions: int, keep: torch.Tensor) -> torch.Tensor:
        """Return −slope·distance, and −∞ for padded keys.

        ``keep`` is bool ``[batch, positions]``; the result is float
        ``[batch or 1, heads, positions, positions]``.
        """
        place = torch.arange(positions, device=keep.device)
        distance = (place[:, None] - place[None, :]).abs()
        bias = -self.slopes[None, :, None, None] * distance
        if bool(keep.all()):
            return bias
        return bias.masked_fill(~keep[:, None, None, :], float("-inf"))


class _Cube(torch.autograd.Function):
    """``scale`` times the cube of what is above zero; in few passes, for it is at every base."""

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        above = hidden.clamp(min=0)
        ctx.save_for_backward(above, scale)
        return (above * above).mul_(above).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (above, scale), (gradient,) = ctx.saved_tensors, gradients
        return (above * above).mul_(gradient).mul_(3 * scale), None
