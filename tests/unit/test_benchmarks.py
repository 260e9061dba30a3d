"""The benchmarks run, and every way of the same work gives the same results."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import facts
import harness
import pytest
import run

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_all_ways_agree_at_the_smallest_size(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{run.BEGIN}\n{run.END}\nafter\n")
    skipped = [word for name in run.FACTS for word in ("--without", name)]
    environment = os.environ | {"SEFORMER_TEST_DATA": "", "PYTHONPATH": str(ROOT / "bin")}
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/run.py", "--size", "smoke", "--page", page, *skipped],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(lines) >= 10
    extractions = ("extraction: 100 regions", "extraction, bgzipped")
    tiny = ("scores of `tiny`: ", "explanations of `tiny`: ")
    for work in (*extractions, "6-mers", "stage 1", "stage 2", "prediction", "attribution", *tiny):
        assert any(line.startswith(f"| {work}") for line in lines)
    assert all(float(line.split(" | ")[-1].rstrip(" |")) <= harness.TOLERANCE for line in lines)


def test_a_gpu_is_measured_beside_its_own_products(tmp_path, monkeypatch):
    """On the processor here: all of it but the card."""
    page = tmp_path / "page.md"
    page.write_text("\n".join(("before", *run.ON_GPU, "after")))
    monkeypatch.setattr(run.inputs, "real_data", lambda: None)
    monkeypatch.setattr(run.harness, "use_all_threads", lambda: 1)
    monkeypatch.setattr(run.sys, "argv", ["run.py", "--gpu", "cpu", "--size", "smoke"])
    monkeypatch.setattr(run.sys, "argv", [*run.sys.argv, "--page", str(page)])
    run.main()
    lines = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if "|" in line]
    assert [line[1] for line in lines[2:]] == ["fp32", "fp32", "bf16"]
    for line in lines[2:]:
        speed, limit = (float(cell.replace(",", "")) for cell in line[2:4])
        assert 0 < speed < limit
    assert page.read_text().startswith("before") and "No GPU" in page.read_text()


def test_without_a_gpu_nothing_is_written(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    before = run.PAGE.read_text()
    with pytest.raises(SystemExit, match="no CUDA here"):
        run.on_gpu("cuda", "smoke", 1, run.PAGE)
    assert run.PAGE.read_text() == before


def row(difference: float) -> harness.Row:
    return harness.Row("work", "other", 2.0, 7.0, 5, 3.0, difference, 10.0, None)


def test_nothing_is_written_without_agreement():
    run.require_agreement([row(1e-6)])
    for difference in (1e-4, float("nan")):
        with pytest.raises(SystemExit, match="nothing is written"):
            run.require_agreement([row(0.0), row(difference)])


def test_a_missed_bar_is_said():
    line = run.comparison_table([row(0.0)])[-1]
    assert "**3.5**" in line and "3 (met)" in line
    assert "3 (missed)" in run.comparison_table([row(0.0)._replace(ours_seconds=3.0)])[-1]
    assert "(missed)" in run.fact_table([facts.Fact("demo", 200, "s", 180)])[-1]


def test_ways_are_timed_in_turns_and_compared(monkeypatch, tmp_path):
    calls = []
    other = harness.Other(lambda: calls.append("other"), 2.0)
    once = harness.Other(lambda: calls.append("once"), repeats=1)
    limit = harness.Other(lambda: harness.Seconds(3.0))
    work = harness.Work(
        "w", lambda: calls.append("ours"), {"o": other, "1": once, "l": limit}, lambda: 0.5
    )
    module = type("Module", (), {"make": staticmethod(lambda folder, size: work)})
    monkeypatch.setitem(sys.modules, "toy_work", module)
    monkeypatch.setattr(harness, "peak", lambda *arguments: 1.0)
    rows = harness.measure("toy_work", tmp_path, "smoke", 3)
    assert calls == ["ours", "other", "once", "ours", "other", "ours", "other"]
    assert [r.repeats for r in rows] == [3, 1, 3]
    assert rows[2].other_seconds == 3.0 and rows[0].difference == 0.5
    assert rows[1].other_peak is None


def test_time_in_which_tasks_ran(tmp_path):
    trace = tmp_path / "trace.txt"
    trace.write_text(
        "name\tsubmit\tduration\trealtime\n"
        "a\t2026-01-01 10:00:00.000\t12s\t10s\n"
        "b\t2026-01-01 10:00:05.000\t1m 1s\t1m\n"
        "c\t2026-01-01 10:02:00.000\t900ms\t500ms\n"
    )
    # a from 2 to 12, b from 6 to 66, c half a second
    assert facts.busy(trace) == pytest.approx(64.5)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_the_process_its_own():
    code = "import harness; x = bytearray(300_000_000); print(harness.own_peak())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "benchmarks", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 280 < float(re.search(r"[\d.]+", done.stdout)[0]) < 400
