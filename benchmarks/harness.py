"""Measure ways of doing the same work: interleaved, in one run, their results compared.

A benchmark is a module with a function ``make(work, size)`` that returns `Work`: seformer's own
way, the alternatives, and a check that all of them give the same. The memory of each way is the
peak of a process of its own: ``python harness.py MODULE WAY WORK SIZE``.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

logger = logging.getLogger(__name__)

OURS = "seformer"
TOLERANCE = 1e-5


class Seconds(float):
    """What a way returns that knows its own time (such as a limit that is computed)."""


class Other(NamedTuple):
    """Another way of the same work.

    Attributes
    ----------
    run
        Does the work once.
    bar
        The ratio (its time over seformer's) to reach; None where there is none.
    repeats
        Repetitions at most, where one takes minutes.
    memory
        Whether its peak of memory says anything.
    """

    run: Callable[[], Any]
    bar: float | None = None
    repeats: int = 10**9
    memory: bool = True


class Work(NamedTuple):
    """One benchmark.

    Attributes
    ----------
    what
        The work, in words, with its size.
    run
        seformer's way.
    others
        Name to alternative.
    difference
        Runs the ways once and gives the largest difference between their results.
    remark
        What the table has to say beside the numbers.
    """

    what: str
    run: Callable[[], Any]
    others: dict[str, Other]
    difference: Callable[[], float]
    remark: Callable[[], str] = str


class Row(NamedTuple):
    """A line of the table: seconds are medians, memory is in MB."""

    what: str
    other: str
    ours_seconds: float
    other_seconds: float
    repeats: int
    bar: float | None
    difference: float
    ours_peak: float | None
    other_peak: float | None
    remark: str = ""

    @property
    def ratio(self) -> float:
        return self.other_seconds / self.ours_seconds


def processor_time() -> float:
    """Seconds of processor time of this process and of the programs it has called."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


CLOCKS = {"wall": time.perf_counter, "processor": processor_time}


def timed(run: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds that one call takes, or that it says it takes."""
    began = clock()
    result = run()
    return float(result) if isinstance(result, Seconds) else clock() - began


def measure(module: str, work: Path, size: str, repeats: int, clock: str = "wall") -> list[Row]:
    """Time the ways of one benchmark in turns, after their results have been compared."""
    job: Work = importlib.import_module(module).make(work, size)
    logger.info("%s", job.what)
    difference = job.difference()
    ways = {OURS: Other(job.run), **job.others}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name, way in ways.items():
            if repeat < way.repeats:
                seconds[name].append(timed(way.run, CLOCKS[clock]))
                logger.info("  %s: %.3g s", name, seconds[name][-1])
    often = [n for n, way in ways.items() if way.memory and min(repeats, way.repeats) > 1]
    peaks = {name: peak(module, name, work, size) for name in often}
    ours = median(seconds[OURS])
    return [
        Row(
            job.what,
            name,
            ours,
            median(seconds[name]),
            len(seconds[name]),
            way.bar,
            difference,
            peaks.get(OURS),
            peaks.get(name),
            job.remark(),
        )
        for name, way in job.others.items()
    ]


def peak(module: str, way: str, work: Path, size: str) -> float | None:
    """Peak memory in MB of one way in a process of its own; None where it cannot be known."""
    if sys.platform != "linux":
        return None
    command = [sys.executable, __file__, module, way, str(work), size]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module}, {way}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def own_peak() -> float:
    """Peak memory of this process in MB; VmHWM begins with the program, not with its starter."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def use_all_threads() -> int:
    """Give torch the processors that this process may use, or OMP_NUM_THREADS of them."""
    import torch

    threads = int(os.environ.get("OMP_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    return threads


def main(module: str, way: str, work: str, size: str) -> None:
    job: Work = importlib.import_module(module).make(Path(work), size)
    ({OURS: job.run} | {name: other.run for name, other in job.others.items()})[way]()
    sys.stdout.write(f"\n{json.dumps(own_peak())}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
