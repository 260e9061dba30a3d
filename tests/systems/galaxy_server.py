"""Galaxy's own tools for developers, for the tools of this repository."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from runs import ROOT

GALAXY = ROOT / "galaxy"
# planemo's packages would not go with ours
PLACE = Path(tempfile.gettempdir()) / "galaxy-tool-test"


def install_planemo() -> Path:
    """Return planemo, in an environment of its own."""
    planemo = PLACE / "planemo/bin/planemo"
    if not planemo.is_file():
        subprocess.run([sys.executable, "-m", "venv", PLACE / "planemo"], check=True)
        words = [PLACE / "planemo/bin/pip", "install", "--quiet", "planemo==0.75.*"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"planemo cannot be installed: {done.stderr.strip()[-300:]}")
    return planemo
