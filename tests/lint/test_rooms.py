"""The rooms of the house: imports go down, nothing goes in a circle."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_to_lower_rooms_only():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_room():
    doors = {"__init__", "api", "backbones", "cli"}
    assert {path.stem for path in (ROOT / "bin/seformer").glob("*.py")} == doors
