"""The demo, run once for all tests that look at it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [ROOT / "scripts" / "demo.sh", "-ansi-log", "false"],
        env=os.environ | {"SEFORMER_DEMO": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{folder}/results/multiqc/multiqc_report.html" in done.stdout
    return folder


@pytest.fixture(scope="session")
def results(demo) -> Path:
    (sample,) = (path.parent for path in demo.glob("results/*/metrics.json"))
    return sample
