"""What training of whole backbones shares: precision, rate, optimiser, and its state on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState

from seformer.training.checkpoint import Checkpoints
from seformer.util.errors import UserError
from seformer.util.verified_tensors import Stored

MAX_GRADIENT_NORM = 1.0
WEIGHT_DECAY = 0.01


def resolve_precision(precision: str, device: torch.device) -> str:
    """Choose bf16 where the GPU computes in it, fp16 on older GPUs, fp32 on a CPU.

    Raises
    ------
    UserError
        For fp16 on a CPU.
    """
    if precision == "fp16" and device.type == "cpu":
        raise UserError(
            "fp16 needs a GPU", where="--precision", do="use auto, fp32 or bf16 on a CPU"
        )
    if precision != "auto":
        return precision
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def learning_rate_at(step: int, steps: int, rate: float, warmup: float) -> float:
    """Linear warm-up to ``rate`` over a part of the steps, then linear decay to zero."""
    warm = max(1, round(warmup * steps))
    if step < warm:
        return rate * (step + 1) / warm
    return rate * max(0.0, (steps - step) / max(1, steps - warm))


def parameter_groups(module: torch.nn.Module) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for biases and norms."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


def take_up(
    checkpoints: Checkpoints, accelerator: Accelerator, restore: Callable[[Stored], None]
) -> None:
    """Go on from the last checkpoint, if there is one.

    Of several processes the first writes the checkpoints; all of them read them.
    """
    if (stored := checkpoints.load()) is not None:
        restore(stored)
    accelerator.wait_for_everyone()
    checkpoints.writes = accelerator.is_main_process


def prepare(
    module: torch.nn.Module, device: torch.device, precision: str, rate: float
) -> tuple[Accelerator, torch.nn.Module, torch.optim.Optimizer]:
    """Make accelerator and AdamW; returns them and the module as its forward pass is called."""
    # one process may train on one device after the other, and in one precision after the other
    alone = not (torch.distributed.is_available() and torch.distributed.is_initialized())
    AcceleratorState._reset_state(reset_partial_state=alone)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision="no" if precision == "fp32" else precision,
        device_placement=False,
        kwargs_handlers=[
            # what a configuration leaves unused (a pooler of a stock class) is not waited for
            DistributedDataParallelKwargs(find_unused_parameters=True)
        ],
    )
    optimizer = torch.optim.AdamW(parameter_groups(module), lr=rate, fused=True)
    wrapped, optimizer = accelerator.prepare(module, optimizer)
    return accelerator, wrapped, optimizer


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Its state as tensors on the CPU, for a checkpoint."""
    return {
        f"optimizer.{index}.{key}": value.cpu()
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def tensors_by_kind(tensors: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """Part the tensors of a checkpoint by the first word of their names."""
    kinds: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for key, value in tensors.items():
        kind, name = key.split(".", 1)
        kinds[kind][name] = value
    return kinds


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Take over what `optimizer_tensors` gave, without the first word of the names."""
    state: dict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state[int(index)][name] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
