"""nf-core's own check of the pipeline; .nf-core.yml says what it leaves out, and why."""

import subprocess

import pytest
from beside import beside
from runs import ENVIRONMENT, ROOT


@beside()
def linted() -> subprocess.CompletedProcess:
    script = ROOT / "scripts" / "lint_nf_core.sh"
    return subprocess.run([script], env=ENVIRONMENT, capture_output=True, text=True, check=False)


def test_lint(linted):
    if linted.returncode == 3:
        pytest.skip(f"nf-core's tools cannot be installed: {linted.stderr.strip()[-200:]}")
    assert linted.returncode == 0, linted.stdout[-5000:] + linted.stderr[-1000:]


def test_it_reads_no_environment():
    """Its own rules for .gitignore: seven gigabytes of libraries took it two minutes."""
    patterns = (ROOT / ".gitignore").read_text().splitlines()
    assert ".venv/" in patterns
