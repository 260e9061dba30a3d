"""Every stage stopped at many moments, without room, and with too little memory: some minutes.

Seeds are fixed; ``SEFORMER_FAULT_SEED`` gives others.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from corpus import run, sound_inputs
from stages import (
    LATER,
    STAGES,
    check_after,
    file_limit,
    interrupted,
    limited,
    made,
    reference,
    words,
)

from seformer.cli import COMMANDS

SEED = int(os.environ.get("SEFORMER_FAULT_SEED", "1"))
MOMENTS = int(os.environ.get("SEFORMER_FAULT_MOMENTS", "1"))
HEAVY = "torch, pandas, pysam, sklearn, scipy, captum, matplotlib, accelerate"


ALL = [*STAGES, *LATER]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return made(sound_inputs(tmp_path_factory.mktemp("good")))


def test_every_command_is_here():
    """But `models`, which only prints and downloads, and `modisco`, which calls a program."""
    assert set(COMMANDS) - set(ALL) == {"models", "modisco"}


@pytest.mark.parametrize("stage", ALL)
def test_every_stage_at_random_moments(stage, good, tmp_path):
    """TERM and KILL in turn, from its start to its end; what is there afterwards is whole."""
    began = time.monotonic()
    assert interrupted(words(stage, good, tmp_path / "timed"), signal.SIGKILL, 300) == 0
    seconds = time.monotonic() - began
    whole = reference(stage, good, tmp_path / "whole")
    random = np.random.default_rng([SEED, *stage.encode()])
    for moment in range(MOMENTS):
        out = tmp_path / f"results_{moment}/out"
        number = (signal.SIGTERM, signal.SIGKILL)[(moment + ALL.index(stage)) % 2]
        # the first part of the time goes into starting Python
        status = interrupted(words(stage, good, out), number, seconds * random.uniform(0.3, 1))
        check_after(stage, status, good, out, whole)


@pytest.mark.parametrize("stage", [stage for stage in ALL if stage != "index"])
def test_no_room_for_any_stage(stage, good, tmp_path):
    out = tmp_path / "results/out"
    done = limited(words(stage, good, out), file_limit(20), HEAVY)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "seformer: error: " in done.stderr
    assert not out.exists()
    assert run(words(stage, good, out)) == 0


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
    done = limited(arguments, limit, HEAVY + ", seformer.predict")
    assert done.returncode == 137, done.stderr
    assert "Out of memory. What to do:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "results").iterdir())
