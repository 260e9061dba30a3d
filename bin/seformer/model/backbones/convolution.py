"""A convolution along sequences, as one product of matrices on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["convolve"]


def convolve(convolution: nn.Conv1d, hidden: torch.Tensor) -> torch.Tensor:
    """Return what ``convolution`` makes of ``hidden``: float ``[batch, length, channels]``, both.

    On a CPU as one product of matrices: oneDNN compiles a convolution anew for every length, and
    hardly two batches of regions have the same, so that compiling cost more than computing. With
    the channels last, what the kernel sees of a sequence lies together in memory.
    """
    if hidden.device.type != "cpu":
        return convolution(hidden.transpose(1, 2)).transpose(1, 2)
    ends, stride = convolution.padding[0], convolution.stride[0]
    return _Product.apply(hidden, convolution.weight, convolution.bias, ends, stride)


class _Product(torch.autograd.Function):
    """The convolution, and its gradients; of the input only where they are asked for."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor,
        ends: int,
        stride: int,
    ) -> torch.Tensor:
        width, channels, kernel = weight.shape
        padded = F.pad(hidden, (0, 0, ends, ends)).contiguous()
        batch, length, _ = padded.shape
        places = (length - kernel) // stride + 1
        windows = padded.as_strided(
            (batch, places, kernel * channels), (length * channels, stride * channels, 1)
        ).reshape(batch * places, kernel * channels)
        matrix = weight.permute(2, 1, 0).reshape(kernel * channels, width)
        ctx.save_for_backward(windows if weight.requires_grad else None, matrix)
        ctx.shape = batch, length, places, ends, stride, kernel
        return torch.addmm(bias, windows, matrix).view(batch, places, width)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        windows, matrix = ctx.saved_tensors
        batch, length, places, ends, stride, kernel = ctx.shape
        gradient = gradient.reshape(batch * places, -1)
        of_hidden = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            # channels first: each of the kernel's positions is added up along whole sequences
            parts = (matrix @ gradient.t()).view(kernel, -1, batch, places)
            total = parts.new_zeros((parts.shape[1], batch, length))
            for position, part in enumerate(parts):
                total[..., position : position + stride * places : stride][..., :places] += part
            of_hidden = total[..., ends : length - ends].permute(1, 2, 0)
        if ctx.needs_input_grad[1]:
            of_weight = (gradient.t() @ windows).view(gradient.shape[1], kernel, -1).mT
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum(0)
        return of_hidden, of_weight, of_bias, None, None
