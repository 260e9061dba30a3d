"""Where the computation happens: device and threads."""

from __future__ import annotations

import os

import torch

from seformer.errors import UserError


def resolve_device(name: str) -> torch.device:
    """Turn auto, cpu, cuda or cuda:N into a device.

    Raises
    ------
    UserError
        If the device does not exist here.
    """
    if name == "auto":
        # of several processes each has the GPU of its number
        here = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
        return torch.device(here if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"the device {name!r} cannot be used", where="--device", expected="auto, cpu or cuda"
        ) from error
    return device


def use_threads(threads: int) -> None:
    """Use so many CPU threads; 0 takes the processors that this task may use."""
    torch.set_num_threads(threads or len(os.sched_getaffinity(0)))
