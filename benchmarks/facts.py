"""What has no alternative: starting, memory that does not grow, and the whole demo."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import inputs
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
# the command in a process of its own, which says its peak of memory in the end
COMMAND = """
import json, sys
sys.path.insert(0, sys.argv.pop(1))
import harness
from seformer.cli import main
try:
    main()
except SystemExit as done:
    if done.code:
        raise
sys.stdout.write("\\n" + json.dumps(harness.own_peak()) + "\\n")
"""


class Fact(NamedTuple):
    """One measured number and the largest it may be."""

    what: str
    value: float
    unit: str
    bar: float
    remark: str = ""


def command(*words: object) -> tuple[float, float]:
    """Run ``seformer``; return its seconds and its peak of memory in MB."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(Path(__file__).parent), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{words}: {done.stderr}")
    return time.perf_counter() - began, json.loads(done.stdout.splitlines()[-1])


def starting(work: Path, size: str) -> list[Fact]:
    """Seconds until help is there, and until ten regions are scored."""
    how = inputs.SIZES[size]
    fasta, model = inputs.genome(work / "genome.fa", how.genome), inputs.saved_preset(work)
    bed = inputs.bed(work / "ten.bed", fasta, 10)
    ten = ("predict", "--model", model, "--fasta", fasta, "--regions", bed, "--out", work / "ten")
    repeats = range(how.repeats)
    scored = median(command(*ten)[0] for _ in repeats)
    return [
        Fact("`seformer --help`", median(command("--help")[0] for _ in repeats), "s", 1),
        Fact("`seformer predict` on 10 regions", scored, "s", 10),
    ]


def memory(work: Path, size: str) -> list[Fact]:
    """Peaks of the commands that read regions, against those with ten times the regions."""
    how = inputs.SIZES[size]
    fasta, model = inputs.genome(work / "genome.fa", how.genome), inputs.saved_preset(work)
    loaded = ("--model", model)
    # gradients of one step: each further step takes as much memory again, one after the other
    once = (*loaded, "--method", "saliency", "--faithfulness", 0)
    commands = {
        "extract": (how.streamed, ("--unlabelled",)),
        "predict": (how.streamed, loaded),
        "explain": (how.streamed // 4, once),
    }
    found = []
    for verb, (few, options) in commands.items():
        peaks = []
        for number in (few, 10 * few):
            bed = inputs.bed(work / f"{number}.bed", fasta, number)
            out = work / f"{verb}_{number}"
            words = (*options, "--fasta", fasta, "--regions", bed, "--out", out)
            peaks.append(command(verb, *words)[1])
        found.append(
            Fact(
                f"peak memory of `seformer {verb}`: {10 * few:,} regions against {few:,}",
                peaks[1] / peaks[0],
                "×",
                1.1,
                f"{peaks[0]:.0f} MB and {peaks[1]:.0f} MB",
            )
        )
    return found


def seconds(duration: str) -> float:
    """Seconds of a duration as Nextflow writes it, such as ``1m 40s`` or ``978ms``."""
    units = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(ms|[smhd])", duration))


def busy(trace: Path) -> float:
    """Seconds in which at least one task ran."""
    spans = []
    for row in pd.read_csv(trace, sep="\t").itertuples():
        end = datetime.fromisoformat(row.submit) + timedelta(seconds=seconds(row.duration))
        spans.append((end - timedelta(seconds=seconds(row.realtime)), end))
    total, until = 0.0, datetime.min
    for begin, end in sorted(spans):
        total += max(0.0, (end - max(begin, until)).total_seconds())
        until = max(until, end)
    return total


def demo() -> list[Fact]:
    """The demo from command to report, and what of it is Nextflow's own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"SEFORMER_DEMO": folder}
        began = time.perf_counter()
        done = subprocess.run(
            [ROOT / "scripts/demo.sh"], env=environment, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        (trace,) = Path(folder).glob("results/pipeline_info/execution_trace_*.txt")
        tasks = busy(trace)
    return [
        Fact("the demo, from command to report", wall, "s", 100),
        Fact("the demo's wall time less its tasks'", wall - tasks, "s", 40),
    ]
