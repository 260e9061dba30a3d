"""Every stage stopped at many moments, without room, and with too little memory: some minutes.

Seeds are fixed; ``SEFORMER_FAULT_SEED`` gives others. With ``SEFORMER_TEST_LONG`` every command
meets every disk and every surrounding, not one of each in turn.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from corpus import run, sound_inputs
from stages import (
    LATER,
    STAGES,
    check_after,
    compared,
    file_limit,
    limited,
    made,
    words,
)
from warm import run_warm

from seformer.cli import COMMANDS

SEED = int(os.environ.get("SEFORMER_FAULT_SEED", "1"))
MOMENTS = int(os.environ.get("SEFORMER_FAULT_MOMENTS", "1"))
HEAVY = "torch, pandas, pysam, sklearn, scipy, captum, matplotlib, accelerate"


ALL = [*STAGES, *LATER]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return made(sound_inputs(tmp_path_factory.mktemp("good")))


class Whole(NamedTuple):
    """What a command makes if nothing stops it, what is compared of it, and how long it takes."""

    place: Path
    files: dict[str, str]
    seconds: float


@pytest.fixture(scope="module")
def whole(good, tmp_path_factory) -> Callable[[str], Whole]:
    """Run a command to its end, once for all tests."""

    @cache
    def run_to_its_end(stage: str) -> Whole:
        place = tmp_path_factory.mktemp("whole") / "out"
        began = time.monotonic()
        status, said = run_warm(words(stage, good, place))
        assert status == 0, said
        return Whole(place, compared(place), time.monotonic() - began)

    return run_to_its_end


def test_every_command_is_here():
    """But `models`, which only prints and downloads, and `modisco`, which calls a program."""
    assert set(COMMANDS) - set(ALL) == {"models", "modisco"}


@pytest.mark.parametrize("stage", ALL)
def test_every_stage_at_random_moments(stage, good, whole, tmp_path):
    """TERM and KILL in turn, from its start to its end; what is there afterwards is whole."""
    _, files, seconds = whole(stage)
    random = np.random.default_rng([SEED, *stage.encode()])
    for moment in range(MOMENTS):
        out = tmp_path / f"results_{moment}/out"
        number = (signal.SIGTERM, signal.SIGKILL)[(moment + ALL.index(stage)) % 2]
        after = seconds * random.uniform()
        status, _ = run_warm(words(stage, good, out), signalled=number, after=after)
        check_after(stage, status, good, out, files)


@pytest.mark.parametrize("stage", [stage for stage in ALL if stage != "index"])
def test_no_room_for_any_stage(stage, good, tmp_path):
    out = tmp_path / "results/out"
    status, said = run_warm(words(stage, good, out), file_limit(20))
    assert status == 1, said
    assert "Traceback" not in said
    assert "seformer: error: " in said
    assert not out.exists()
    assert run(words(stage, good, out)) == 0


# a disk that lacks something of what the result takes: 4 kB pages, files
TOO_SMALL = {"2 pages": (2, 0), "5 pages": (5, 0), "8 pages": (8, 0), "2 files": (0, 2)}


@pytest.fixture(scope="module")
def disk(tmp_path_factory) -> Iterator[Callable[[str], Path]]:
    """Mount an empty file system with options; where this process may not, the test is skipped."""
    place = tmp_path_factory.mktemp("disk")
    mounted = 0

    def mount(options: str) -> Path:
        nonlocal mounted
        unmount()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("file systems cannot be mounted here")
        mounted += 1
        return place

    def unmount() -> None:
        nonlocal mounted
        for _ in range(mounted):
            subprocess.run(["umount", str(place)], check=True)
        mounted = 0

    yield mount
    unmount()


def rotated(kinds: dict) -> list[tuple[str, str]]:
    """Every command with one kind of fault in turn; with each of them where all are asked for."""
    names = list(kinds)
    if "SEFORMER_TEST_LONG" in os.environ:
        return [(stage, name) for stage in ALL for name in names]
    return [(stage, names[i % len(names)]) for i, stage in enumerate(ALL)]


@pytest.mark.parametrize("stage, name", rotated(TOO_SMALL))
def test_a_disk_too_small_by_a_little(stage, name, good, whole, disk):
    """What was not written whole is not there, whatever library wrote it."""
    result = whole(stage).place
    place = disk("size=64m")
    copy = shutil.copytree if result.is_dir() else shutil.copyfile
    copy(result, place / "out")
    figures = os.statvfs(place)
    pages, inodes = figures.f_blocks - figures.f_bfree, figures.f_files - figures.f_ffree
    fewer, files = TOO_SMALL[name]
    if fewer and pages <= fewer:
        return  # there is no disk without a page
    number = max(2, inodes - files)
    options = f"size={4 * (pages - fewer)}k" if fewer else f"size=64m,nr_inodes={number}"
    place = disk(options)
    status, said = run_warm(words(stage, good, place / "out"))
    assert status in (1, 2), f"{status} {said}"
    assert said.count("seformer: error: ") == 1, said
    assert "Traceback" not in said and "Exception ignored" not in said
    # checkpoints are there to go on from
    assert {path.name for path in place.iterdir()} <= {"out-checkpoints"}


LACKING = {
    "TMPDIR missing": 'TMPDIR=/none exec "$@"',
    "TMPDIR read-only": 'TMPDIR=/proc exec "$@"',
    "TMPDIR full": 'TMPDIR={disk} exec "$@"',
    "no standard error": 'exec "$@" 2>&-',
    "no streams": 'exec "$@" <&- >&- 2>&-',
    "16 open files": 'ulimit -n 16; exec "$@"',
}


@pytest.mark.parametrize("stage, what", rotated(LACKING))
def test_surroundings_that_lack_something(stage, what, good, disk, tmp_path):
    """The whole result and 0, or nothing and one message."""
    out = tmp_path / "out"
    place = disk("size=4k,nr_inodes=4") if "{disk}" in LACKING[what] else tmp_path
    line = LACKING[what].replace("{disk}", str(place))
    command = [sys.executable, "-m", "seformer.cli", *words(stage, good, out)]
    done = subprocess.run(
        ["sh", "-c", line, "sh", *command], stderr=subprocess.PIPE, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert done.returncode in (0, 1, 2), done.stderr
    assert out.exists() == (done.returncode == 0), done.stderr


def test_too_little_memory_is_said(good, tmp_path):
    """A quarter of a gigabyte above what the libraries take: one batch of all does not fit."""
    fasta, regions = tmp_path / "long.fa", tmp_path / "long.bed"
    fasta.write_text(">chr1\n" + "ACGTTGCA" * 1_000_000 + "\n")
    regions.write_text("chr1\t0\t8000000\n")
    out = tmp_path / "results/out"
    arguments = ["predict", "--model", good / "model", "--fasta", fasta, "--regions", regions]
    arguments += ["--out", out, "--device", "cpu", "--threads", 1, "--batch-tokens", 10**8]
    now = "int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()"
    limit = f"resource.setrlimit(resource.RLIMIT_AS, ({now} + 2**28, -1))"
    done = limited(arguments, limit, HEAVY + ", seformer.scoring.predict")
    assert done.returncode == 137, done.stderr
    assert "Out of memory. What to do:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "results").iterdir())
