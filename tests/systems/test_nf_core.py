"""nf-core's own check of the pipeline; .nf-core.yml says what it leaves out, and why."""

import subprocess

import pytest
from runs import ROOT


def test_lint():
    script = ROOT / "scripts" / "lint_nf_core.sh"
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(f"nf-core's tools cannot be installed: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]


def test_it_reads_no_environment():
    """Its own rules for .gitignore: seven gigabytes of libraries took it two minutes."""
    patterns = (ROOT / ".gitignore").read_text().splitlines()
    assert ".venv/" in patterns
