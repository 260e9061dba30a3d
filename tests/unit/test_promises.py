"""The table of promises names tests that exist, and the bill of materials is that of the locks."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/promises.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+(?:::\w+)?)`", PAGE)))


@pytest.mark.parametrize("name", NAMED)
def test_the_test_exists(name):
    place, _, function = name.partition("::")
    path = ROOT / place
    assert path.exists()
    assert not function or re.search(rf"^def {function}\(", path.read_text("utf-8"), re.M)


def test_every_promise_has_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    promises = [row for row in rows if not row.endswith(("| test |",))]
    assert len(promises) > 30
    assert not [row for row in promises if "`tests/" not in row]


def test_the_bill_of_materials_is_that_of_the_locks():
    specification = importlib.util.spec_from_file_location("sbom", ROOT / "scripts/sbom.py")
    sbom = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(sbom)
    written = json.loads((ROOT / "docs/sbom.json").read_text(encoding="utf-8"))
    assert written == sbom.bill(), "call scripts/sbom.py"
    locked = (ROOT / "containers/requirements.lock").read_text().count("==")
    assert len(written["components"]) >= locked
