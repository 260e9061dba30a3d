"""The rooms of the house: imports go down, nothing goes in a circle, names say what is inside."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# names that say nothing to somebody who has not read the file
UNCLEAR = {
    "ahead", "blocks", "checked", "contributions", "explained", "extracted", "frozen", "letters",
    "loci", "measure", "misc", "shares", "store", "trained", "utils",
}  # fmt: skip


def test_imports_go_to_lower_rooms_only():
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_room():
    doors = {"__init__", "api", "backbones", "cli"}
    assert {path.stem for path in (ROOT / "bin/seformer").glob("*.py")} == doors


def test_names_of_modules_say_what_is_inside():
    assert not {path.stem for path in (ROOT / "bin/seformer").rglob("*.py")} & UNCLEAR
