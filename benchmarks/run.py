"""Measure everything and write the tables of docs/benchmarks.md.

python benchmarks/run.py [--size small] [--only prediction] [--without demo] [--clock processor]

Nothing is written unless all ways of every benchmark gave the same results.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import facts
import gpu
import harness
import inputs
from facts import Fact
from harness import TOLERANCE, Row

COMPARISONS = (
    *("extraction", "extraction_bgzip", "tokenisation"),
    *("stage1", "stage2", "prediction", "attribution", "views", "views_explained"),
)
FACTS = ("starting", "memory", "demo")
MEASURES = {"starting": facts.starting, "memory": facts.memory}
PAGE = facts.ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- measured: begin (benchmarks/run.py) -->", "<!-- measured: end -->"
ON_GPU = "<!-- on a GPU: begin (benchmarks/run.py --gpu) -->", "<!-- on a GPU: end -->"
LIBRARIES = ("torch", "transformers", "tokenizers", "captum", "pysam", "pyfaidx", "numpy")


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def verdict(met: bool) -> str:
    return "met" if met else "missed"


def comparison_table(rows: list[Row]) -> list[str]:
    """One line for each alternative; what misses its bar says so."""
    lines = [
        "| work | against | ratio | at least | seformer, s | alternative, s | repetitions |"
        " seformer, MB | alternative, MB | largest difference |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        bar = "" if row.bar is None else f"{row.bar:g} ({verdict(row.ratio >= row.bar)})"
        peaks = ["" if p is None else f"{p:.0f}" for p in (row.ours_peak, row.other_peak)]
        what = f"{row.what}; {row.remark}" if row.remark else row.what
        cells = [what, row.other, f"**{number(row.ratio)}**", bar]
        cells += [f"{row.ours_seconds:.3g}", f"{row.other_seconds:.3g}", str(row.repeats)]
        lines.append("| " + " | ".join([*cells, *peaks, f"{row.difference:.1g}"]) + " |")
    return lines


def fact_table(found: list[Fact]) -> list[str]:
    lines = ["| what | measured | at most |", "| --- | --- | --- |"]
    for fact in found:
        remark = f" ({fact.remark})" if fact.remark else ""
        bar = f"{fact.bar:g} {fact.unit} ({verdict(fact.value <= fact.bar)})"
        lines.append(f"| {fact.what} | **{fact.value:.3g} {fact.unit}**{remark} | {bar} |")
    return lines


def machine(threads: int, clock: str) -> str:
    """Describe where and with what this was measured."""
    cpu = platform.processor() or platform.machine()
    if (known := Path("/proc/cpuinfo")).is_file():
        names = (line for line in known.read_text().splitlines() if line.startswith("model name"))
        cpu = next(names, f": {cpu}").split(":", 1)[1].strip()
    versions = [f"Python {platform.python_version()}", *(f"{n} {version(n)}" for n in LIBRARIES)]
    if shutil.which("bedtools"):
        done = subprocess.run(["bedtools", "--version"], capture_output=True, text=True, check=True)
        versions.append(done.stdout.strip())
    else:
        versions.append("no bedtools here")
    load = os.getloadavg()[1]
    word = "thread" if threads == 1 else "threads"
    data = "hg19 chr22, GENA-LM's byte pairs" if inputs.real_data() else "random bases"
    return (
        f"{cpu}, {len(os.sched_getaffinity(0))} processors, {threads} {word};"
        f" seconds are {clock} time; load over the last 5 minutes {load:.1f}."
        f" Sequences: {data}. {', '.join(versions)}."
    )


def report(rows: list[Row], found: list[Fact], about: str) -> str:
    parts = [about]
    if rows:
        parts.append("\n".join(comparison_table(rows)))
    if found:
        parts.append("\n".join(fact_table(found)))
    return "\n\n".join(parts)


def earlier(path: Path | None) -> dict[str, list[Row] | list[Fact]]:
    """Parts that an earlier call measured into ``path``."""
    if path is None or not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {
        name: [(Row if name in COMPARISONS else Fact)(**line) for line in lines]
        for name, lines in stored.items()
    }


def keep(path: Path, parts: dict[str, list[Row] | list[Fact]]) -> None:
    lines = {name: [line._asdict() for line in part] for name, part in parts.items()}
    path.write_text(json.dumps(lines, indent=1), encoding="utf-8")


def require_agreement(rows: list[Row]) -> None:
    """Stop if two ways of the same work gave different results."""
    for row in rows:
        if not row.difference <= TOLERANCE:
            raise SystemExit(
                f"{row.what}: the results differ by {row.difference:.2g}, more than {TOLERANCE:g};"
                " nothing is written"
            )


def write(page: Path, text: str, marks: tuple[str, str] = (BEGIN, END)) -> None:
    begin, end = marks
    before, rest = page.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def on_gpu(device: str, size: str, repeats: int, page: Path) -> None:
    """Measure tokens a second on a GPU, and write that part of the page."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no CUDA here: nothing is measured, nothing is written")
    size = "base" if size == "small" else size
    with tempfile.TemporaryDirectory(prefix="seformer-bench-") as folder:
        text = gpu.table(gpu.measure(Path(folder), size, repeats, device), device, size)
    sys.stdout.write(text + "\n")
    if device == "cuda" or page != PAGE:
        write(page, text, ON_GPU)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(inputs.SIZES), default="small")
    names = (*COMPARISONS, *FACTS)
    parser.add_argument("--clock", choices=list(harness.CLOCKS), default="wall")
    parser.add_argument("--results", type=Path, help="keep parts here, and write all kept ones")
    parser.add_argument("--repeats", type=int, help="instead of those of the size")
    parser.add_argument(
        "--only", choices=names, action="append", help="without --results: print, write nothing"
    )
    parser.add_argument("--without", choices=names, action="append", default=[])
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument(
        "--gpu", nargs="?", const="cuda", choices=["cuda", "cpu"], help="measure a GPU alone"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for noisy in ("seformer", "transformers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    wanted = [name for name in given.only or names if name not in given.without]
    threads = harness.use_all_threads()
    repeats = given.repeats or inputs.SIZES[given.size].repeats
    if given.gpu:
        return on_gpu(given.gpu, given.size, repeats, given.page)
    parts = earlier(given.results)
    with tempfile.TemporaryDirectory(prefix="seformer-bench-") as folder:
        work = Path(folder)
        for name in wanted:
            if name in COMPARISONS:
                parts[name] = harness.measure(name, work, given.size, repeats, given.clock)
                require_agreement(parts[name])
            else:
                parts[name] = facts.demo() if name == "demo" else MEASURES[name](work, given.size)
            if given.results is not None:
                keep(given.results, parts)
    rows = [row for name in COMPARISONS for row in parts.get(name, [])]
    found = [fact for name in FACTS for fact in parts.get(name, [])]
    text = report(rows, found, machine(threads, given.clock))
    sys.stdout.write(text + "\n")
    if given.only is None or given.results is not None:
        write(given.page, text)


if __name__ == "__main__":
    main()
