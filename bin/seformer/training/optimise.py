"""What training of whole backbones shares: precision, rate, optimiser, and its state on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import nn

from seformer.training.checkpoint import Checkpoints
from seformer.training.common import check_finite, copy_weights
from seformer.util.errors import UserError
from seformer.util.optimisers import AdamW
from seformer.util.verified_tensors import Stored

T = TypeVar("T")
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


def parameter_groups(module: nn.Module) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for biases and norms."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


class Optimisation:
    """A module in training: accelerator, AdamW, one step, and the state for a checkpoint.

    Attributes
    ----------
    wrapped
        The module as its forward pass is called.
    """

    def __init__(
        self, module: nn.Module, device: torch.device, precision: str, rate: float
    ) -> None:
        # one process may train on one device after the other, and in one precision after the other
        alone = not (torch.distributed.is_available() and torch.distributed.is_initialized())
        AcceleratorState._reset_state(reset_partial_state=alone)
        self.accelerator = Accelerator(
            cpu=device.type == "cpu",
            mixed_precision="no" if precision == "fp32" else precision,
            device_placement=False,
            kwargs_handlers=[
                # what a configuration leaves unused (a pooler of a stock class) is not waited for
                DistributedDataParallelKwargs(find_unused_parameters=True)
            ],
        )
        optimizer = AdamW(parameter_groups(module), lr=rate, fused=True)
        self.module, self.device = module, device
        self.wrapped, self.optimizer = self.accelerator.prepare(module, optimizer)

    @property
    def share(self) -> tuple[int, int]:
        """Which process this is, and of how many."""
        return self.accelerator.process_index, self.accelerator.num_processes

    def step(
        self, parts: Sequence[T], loss_of: Callable[[T], torch.Tensor], rate: float, **at: Any
    ) -> float:
        """Train on one batch, a forward pass a part; returns its loss, the sum of the parts'.

        Raises
        ------
        UserError
            If the loss is not a number; ``at`` says where, see `check_finite`.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        total = torch.zeros((), device=self.device)
        for part in parts:
            # gradients add up here; the processes exchange them once, after the last forward pass
            last = part is parts[-1]
            with nullcontext() if last else self.accelerator.no_sync(self.wrapped):
                loss = loss_of(part)
                # the exchange takes the mean over the processes, but a batch's loss is their sum
                self.accelerator.backward(loss * self.accelerator.num_processes)
            total += loss.detach()
        summed = self.accelerator.reduce(total, "sum").item()
        check_finite(summed, **at)
        # as the accelerator would, which imports what tensors in pieces need: a second
        self.accelerator.unscale_gradients()
        nn.utils.clip_grad_norm_(self.module.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        return summed

    def take_up(self, checkpoints: Checkpoints, restore: Callable[[Stored], None]) -> None:
        """Go on from the last checkpoint, if there is one.

        Of several processes the first writes the checkpoints; all of them read them.
        """
        if (stored := checkpoints.load()) is not None:
            restore(stored)
        self.accelerator.wait_for_everyone()
        checkpoints.writes = self.accelerator.is_main_process

    def tensors(self, best: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Its state and the best weights so far, on the CPU, for a checkpoint."""
        states = self.optimizer.state_dict()["state"]
        return {
            **{f"model.{key}": value for key, value in copy_weights(self.module).items()},
            **{f"best.{key}": value for key, value in best.items()},
            **{
                f"optimizer.{index}.{key}": value.cpu()
                for index, state in states.items()
                for key, value in state.items()
            },
        }

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Take over what `tensors` gave; returns the best weights."""
        kinds: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
        for key, value in tensors.items():
            kind, name = key.split(".", 1)
            kinds[kind][name] = value
        self.module.load_state_dict(kinds["model"])
        state: dict[int, dict[str, torch.Tensor]] = defaultdict(dict)
        for key, value in kinds["optimizer"].items():
            index, name = key.split(".", 1)
            state[int(index)][name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
        return kinds["best"]
