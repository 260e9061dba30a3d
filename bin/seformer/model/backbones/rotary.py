"""Rotary positions in the half-and-half (GPT-NeoX) form, which GENA-LM uses too."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["Rotary", "rotate"]


class Rotary(nn.Module):
    """Cosines and sines of the rotary angles of Su 2021 (arXiv:2104.09864).

    Parameters
    ----------
    dim
        Rotated part of a head, even.
    base
        Base of the wave lengths.
    """

    def __init__(self, dim: int, base: float = 10000.0) -> None:
        super().__init__()
        if dim % 2:
            raise ValueError(f"rotary positions need heads of even width, not {dim}")
        self.dim, self.base = dim, base

    def frequencies(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Return what a position's angles are multiples of: float32 [dim / 2]."""
        exponents = torch.arange(0, self.dim, 2, device=device).float() / self.dim
        return 1.0 / self.base**exponents

    def forward(self, tokens: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cos and sin, each [tokens, dim], on the device of ``like``."""
        # made anew each time: cheap, and a tensor kept from inference could not be trained through
        positions = torch.arange(tokens, device=like.device).float()
        angles = torch.outer(positions, self.frequencies(like.device))
        angles = torch.cat([angles, angles], dim=-1)
        return angles.cos(), angles.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate the first ``cos.shape[-1]`` channels of ``x`` [..., tokens, channels]."""
    dim = cos.shape[-1]
    turned, kept = x[..., :dim], x[..., dim:]
    low, high = turned.chunk(2, dim=-1)
    turned = turned * cos.to(x.dtype) + torch.cat([-high, low], dim=-1) * sin.to(x.dtype)
    return torch.cat([turned, kept], dim=-1) if kept.shape[-1] else turned
