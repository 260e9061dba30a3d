"""Where the computation happens: device and threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from seformer.util.errors import UserError

T = TypeVar("T")
# four regions of 700 bases, 64 wide: one thread takes a third of the time of two that share
FEW_ACTIVATIONS = 2**18


def resolve_device(name: str) -> torch.device:
    """Turn auto, cpu, cuda or cuda:N into a device; of several processes each has its own GPU.

    Raises
    ------
    UserError
        If the device does not exist here.
    """
    if name == "auto" and not torch.cuda.is_available():
        return torch.device("cpu")
    here = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    try:
        device = torch.device(here if name in ("auto", "cuda") else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f"the device {name!r} cannot be used",
            where="--device",
            expected="auto, cpu or cuda",
            do="see whether nvidia-smi lists a GPU where this runs; without one leave out "
            "-profile gpu, or give --device cpu",
        ) from error
    return device


def seed_step(seed: int, device: torch.device) -> None:
    """Seed what a training step draws, the numbers that `torch.manual_seed` gives.

    That function notes the seed, with a trace of the calls, for every kind of device that is not
    in use, each time: half a millisecond a step, and memory that grows with the steps.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


@contextlib.contextmanager
def threads_worth(activations: float) -> Iterator[None]:
    """Use one CPU thread for steps of so few activations a layer: more only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(threads if activations > FEW_ACTIVATIONS else 1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def side_by_side(
    run: Callable[[T], None], batches: Sequence[T], tokens: Sequence[int], room: int, at_once: int
) -> None:
    """Call ``run`` on all ``batches`` by workers, which share torch's CPU threads evenly.

    Threads that each have a batch of their own need not wait for each other after every operation,
    and the batch stays in the cache of its processor. What is larger than ``at_once`` is computed
    alone, before all else: two of them at once would double the peak of memory.

    Parameters
    ----------
    tokens
        Of each batch.
    room, at_once
        Tokens that fit into memory together, and those that a batch is planned for.
    """
    threads, sized = torch.get_num_threads(), [*zip(batches, tokens, strict=True)]
    small = [batch for batch, size in sized if size <= at_once]
    workers = min(room // at_once, threads, len(small))
    for batch, size in sized:
        if size > at_once or workers < 2:
            run(batch)
    if workers < 2:
        return
    torch.set_num_threads(threads // workers)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(run, small):
                pass
    finally:
        torch.set_num_threads(threads)
