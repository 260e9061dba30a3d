"""The page about models: every test that it names exists, and its registry is the registry."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from seformer.model.backbones import registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
TEST = re.compile(r"`((?:tests/\w+/)?test_\w+\.py)::(test_\w+)(?:\[([^\]]+)\])?`")


def test_every_named_test_exists():
    named = set(TEST.findall(PAGE))
    assert len(named) > 60
    for file, function, case in named:
        folder = ROOT if "/" in file else Path(__file__).parent
        source = (folder / file).read_text(encoding="utf-8")
        functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
        assert function in {node.name for node in functions}, f"{file}::{function}"
        assert re.search(rf'\b{re.escape(case)}["\']?\b', source), f"{file}::{function}[{case}]"


def test_every_family_of_the_tests_has_a_row():
    from test_families import FAMILIES

    loads = {case for _, function, case in TEST.findall(PAGE) if function == "test_loads"}
    assert loads == set(FAMILIES)
    table = PAGE.partition("| family | loads |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) == len(FAMILIES)
    for row in table:
        cells = row.strip("| ").split(" | ")
        assert len(cells) == 8
        tested = [*cells[1:6], cells[7]]
        assert all(TEST.search(cell) for cell in tested), row


@pytest.mark.parametrize(
    ("case", "name"),
    {
        "tiny": "tiny",
        "bases": "bases",
        "gena": "gena-lm-bert-base",
        "gena-lastln": "gena-lm-bert-base-lastln-t2t",
        "gena-rotary": "gena-lm-bert-base",
        "gena-sparse": "gena-lm-bigbird-base-sparse",
        "gena-sparse-rotary": "gena-lm-bigbird-base-sparse-t2t",
        "gena-bigbird": "gena-lm-bigbird-base-t2t",
        "moderngena": "moderngena-base",
        "dnabert-3": "dnabert-3",
        "dnabert-6": "dnabert-6",
        "dnabert-2": "dnabert-2",
        "nt-v1": "nucleotide-transformer-500m-human-ref",
        "nt-v2": "nucleotide-transformer-v2-50m-multi-species",
    }.items(),
)
def test_licences_are_those_of_the_registry(case, name):
    (row,) = (line for line in PAGE.splitlines() if f"test_loads[{case}]" in line)
    licence = row.strip("| ").split(" | ")[7].partition(":")[0].strip("*")
    assert licence == (registry.find(name).licence or "see model card")


def test_the_registry_is_listed_as_it_is():
    rows = re.findall(
        r"^\| `([\w.-]+)` \| (?:`(\S+)`|made here) \| (?:`(\w+)`|–) \|.*$", PAGE, re.M
    )
    assert rows == [
        (entry.name, entry.hub or "", (entry.revision or "")[:8] or entry.branch or "")
        for entry in registry.entries()
    ]
    for entry in registry.entries():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{entry.name}` |"))
        for cell in (
            f"{entry.context_bp:,}" if entry.context_bp else "–",
            f"{entry.learning_rates['full']:g}",
            entry.family,
        ):
            assert f"| {cell} |" in row
