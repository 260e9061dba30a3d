"""Results that were damaged or made by a stranger: a page on which nothing runs, or one message.

The short tests change every kind of field in some ways, chosen by their order; the long ones every
field in every way.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_inputs import write_everything

from seformer.errors import UserError
from seformer.report import collect as reading
from seformer.report.content import content_of
from seformer.report.page import page

MARKUP = "<img src=x onerror=alert(1)> `code` | [a](javascript:alert(1)) \" onload='x' __b__"
# none of it may stand anywhere as it is
RAW = re.compile(r"<img src=x|`code`|\]\(javascript:|\" onload=|onload='|__b__")
REMOVED = object()
OTHERS = ["text", [], [[1]], None, 1.5, -1, 10**40, float("nan"), True, {}, {"a": 1}, REMOVED]
CELLS = ["text", "", "nan", "inf", "-1", "1.5", "1e300", "True", "9" * 30, MARKUP, "a\tb"]


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a JSON value, containers too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))


def changed(value: Any, path: tuple, new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    found = dict(value) if isinstance(value, dict) else list(value)
    if not rest and new is REMOVED:
        del found[key]
    else:
        found[key] = changed(found[key], tuple(rest), new)
    return found


def renamed(value: Any, path: tuple) -> Any:
    """Give a name in an object markup for another."""
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    other = {MARKUP if name == path[-1] else name: part for name, part in inner.items()}
    return changed(value, path[:-1], other)


def kind(path: tuple) -> tuple:
    """What stands for all entries of a list, and for all scorers, samples and metrics alike."""
    alike = {"gc", "cpg", "length", "n_fraction", "kmer_logistic", "kmer_boosting", "MM1S", "TE"}
    alike |= {"auprc", "mcc", "balanced_accuracy", "brier", "ece", "validation_in_train", "te"}
    alike |= {"test_in_validation"}
    return tuple("*" if isinstance(step, int) or step in alike else step for step in path)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return write_everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def whole(place):
    return reading.collect([place])


def shown(whole, place: Path, path: Path, content: str) -> str | None:
    """The page with one file changed; None where the file is refused in one message."""
    before = path.read_text()
    sample = whole.samples["K562"]
    own = {f.name: getattr(sample, f.name) for f in dataclasses.fields(sample)}
    copy = reading.Sample(**{k: dict(v) if k in COPIED else v for k, v in own.items()})
    if path.suffix == ".json" and path.name != "seformer.json":
        copy.regions, copy.runs = None, {}  # drawn slowly, and not from this file
    results = dataclasses.replace(whole, samples={"K562": copy})
    path.write_text(content)
    try:
        # the file itself, or the table that it lies beside
        for read in (path, *sorted(path.parent.glob("*.tsv"))):
            if read.name == "history.tsv":
                copy.runs = {k: v for k, v in copy.runs.items() if k not in str(read)}
                reading._take_history(read, copy, "fold_1/seed_1")
            elif path.parent == place:
                return _sections(reading.collect([place]))
            else:
                reading._read_file(read, copy)
        return _sections(results)
    except UserError as error:
        assert path.name in str(error), error
        assert "\n" not in str(error)
        return None
    finally:
        path.write_text(before)


COPIED = {"runs", "predictions", "explanations", "motifs", "patterns"}


def _sections(results) -> str:
    return "\n".join(
        json.dumps(content_of(section), allow_nan=False, ensure_ascii=False).replace('\\"', '"')
        for section in page(results)
    )


def tried(whole, place: Path, forms: Iterator[tuple[Path, str, str]]) -> tuple[int, int]:
    """Try changed files; returns how many gave a page, and how many one message."""
    pages, refused, wrong = 0, 0, []
    for path, content, what in forms:
        try:
            found = shown(whole, place, path, content)
        except Exception as error:
            wrong.append(f"{path.name}: {what}: {error!r}")
            continue
        pages, refused = pages + (found is not None), refused + (found is None)
        if raw := RAW.search(found or ""):
            wrong.append(f"{path.name}: {what}: {found[raw.start() - 100 : raw.end() + 100]}")
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:40]])
    return pages, refused


def places_in(place: Path, every: bool) -> Iterator[tuple[int, Path, Any, tuple]]:
    """Every place in every JSON file, or one of each kind: its number, file, content and path."""
    seen, number = set(), 0
    for path in sorted(place.rglob("*.json")):
        value = json.loads(path.read_text())
        for leaf in leaves(value):
            if every or (path, kind(leaf)) not in seen:
                seen.add((path, kind(leaf)))
                yield (number := number + 1), path, value, leaf


long_too = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])


@long_too
def test_a_damaged_field_is_a_page_or_one_message(place, whole, every):
    def forms():
        for number, path, value, leaf in places_in(place, every):
            for new in OTHERS if every else [OTHERS[number % 12], OTHERS[(5 * number + 3) % 12]]:
                yield path, json.dumps(changed(value, leaf, new)), f"{leaf} = {new!r}"

    pages, refused = tried(whole, place, forms())
    assert pages > 30 and refused > 200


@long_too
def test_nothing_from_outside_stands_raw_in_the_page(place, whole, every):
    def forms():
        for _, path, value, leaf in places_in(place, every):
            yield path, json.dumps(changed(value, leaf, MARKUP)), str(leaf)
            if isinstance(leaf[-1], str):
                yield path, json.dumps(renamed(value, leaf)), f"the name of {leaf}"

    pages, refused = tried(whole, place, forms())
    assert pages > 60 and refused > 200


@long_too
def test_a_damaged_cell_is_a_page_or_one_message(place, whole, every):
    def forms():
        number = 0
        for path in sorted(place.rglob("*.tsv")):
            lines = [line.split("\t") for line in path.read_text().splitlines()]
            for row in (0, 1, len(lines) - 1) if every else (0, 1):
                for column, name in enumerate(lines[0]):
                    number += 1
                    for new in CELLS if every else (CELLS[number % len(CELLS)], MARKUP):
                        other = [list(line) for line in lines]
                        other[row][column] = new
                        text = "".join("\t".join(line) + "\n" for line in other)
                        yield path, text, f"{name}, row {row} = {new!r}"

    pages, refused = tried(whole, place, forms())
    assert pages > 30 and refused > 50
