"""Every bad input of `make_bad` ends in one message, and leaves the results as they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import make_bad
import pytest
from bad_case import SCORE
from corpus import BAD, listing, run, sound_inputs

ROOT_SEES_ALL = "the superuser reads every file"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return sound_inputs(tmp_path_factory.mktemp("good"))


@pytest.fixture
def place(tmp_path) -> Path:
    """A results folder of an earlier run, which must not change."""
    (tmp_path / "out/logos").mkdir(parents=True)
    (tmp_path / "out/predictions.tsv").write_text("of an earlier run\n")
    return tmp_path


def arguments(one, good: Path, place: Path) -> list[str]:
    words = one.command.split(" ")
    return [w.format(good=good, here=place / "here", out=place / "out") for w in words]


def without_indexes(found: dict[str, str]) -> dict[str, str]:
    """An index is made, or made anew, beside a FASTA of the user's."""
    return {name: at for name, at in found.items() if not name.endswith((".fai", ".gzi"))}


def check_message(one, log: str) -> None:
    """One message, with all that it has to say; no traceback, nothing that moves a terminal."""
    assert "Traceback" not in log
    assert "\x1b" not in log
    said = [line for line in log.splitlines() if line.startswith("seformer: error: ")]
    usage = "Usage:" in log
    assert len(said) == (0 if usage else 1), log
    # usage errors come in a frame whose lines are broken
    text = " ".join(log.replace("│", " ").split()) if usage else said[0]
    for part in one.message:
        assert part in text, text


@pytest.mark.parametrize("one", make_bad.CASES, ids=lambda one: one.name)
def test_one_message_and_nothing_changed(one, good, place, capfd):
    make_bad.make(one, place / "here", good)
    before, sound = listing(place), listing(good)
    code = run(arguments(one, good, place))
    log = capfd.readouterr()
    assert code in (1, 2), log.err
    assert log.out == ""
    check_message(one, log.err)
    assert without_indexes(listing(place)) == without_indexes(before)
    assert listing(good) == sound
    assert not (place / "here/ran").exists()


@pytest.mark.parametrize("name", ["bed/backwards.bed", "model/weights_pickle", "option/seed"])
def test_the_same_from_a_process_of_its_own(name, good, place):
    one = next(one for one in make_bad.CASES if one.name == name)
    make_bad.make(one, place / "here", good)
    before = listing(place)
    command = [sys.executable, "-m", "seformer.cli", *arguments(one, good, place)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode in (1, 2)
    check_message(one, done.stderr)
    assert listing(place) == before
    assert not (place / "here/ran").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason=ROOT_SEES_ALL)
def test_a_file_without_permission(good, place, capfd):
    path = place / "secret.bed"
    path.write_text("chr1\t5\t90\n")
    path.chmod(0)
    words = SCORE.replace("{here}/%s", str(path)).split()
    assert run([w.format(good=good, out=place / "out") for w in words]) == 2
    assert "cannot be read" in capfd.readouterr().err


def test_the_table_is_that_of_all_cases():
    assert len(make_bad.CASES) >= 60
    assert len({one.name for one in make_bad.CASES}) == len(make_bad.CASES)
    assert (BAD / make_bad.EXPECTED).read_text(encoding="utf-8") == make_bad.expected()
