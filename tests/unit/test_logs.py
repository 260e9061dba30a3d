"""Progress on a terminal and in a log: how many of how many."""

import io
import sys

import pytest

from seformer.util import logs
from seformer.util.logs import progress
from seformer.util.streams import Stream, length_of


@pytest.fixture
def talkative(monkeypatch, caplog):
    monkeypatch.setattr(logs, "SECONDS_BETWEEN_LINES", 0)
    monkeypatch.setattr(logs, "_last_line", {})
    caplog.set_level("INFO", "seformer")
    return caplog


def test_lines_count_what_groups_hold(talkative):
    groups = [["a", "b"], ["c"], ["d"]]
    assert list(progress(iter(groups), "scoring", 4, counted=len)) == groups
    assert talkative.messages == [f"scoring: {done} of 4" for done in (0, 2, 3)]


def test_work_that_goes_on_counts_from_where_it_was(talkative):
    assert list(progress("cd", "training", done=2)) == ["c", "d"]
    assert talkative.messages == ["training: 2 of 4", "training: 3 of 4"]


def test_short_parts_of_a_long_work_have_lines(talkative, monkeypatch):
    now = iter(range(0, 1000, 4))  # seconds
    monkeypatch.setattr(logs, "SECONDS_BETWEEN_LINES", 15)
    monkeypatch.setattr(logs.time, "monotonic", lambda: float(next(now)))
    for part in range(6):
        assert list(progress("ab", "scoring", 12, done=2 * part)) == ["a", "b"]
    assert len(talkative.messages) >= 2
    assert all(message.endswith("of 12") for message in talkative.messages)


def test_a_terminal_shows_how_many_of_how_many(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert list(progress(iter([["a", "b"], ["c"]]), "scoring", 3, counted=len)) == [
        ["a", "b"],
        ["c"],
    ]
    assert "scoring" in terminal.getvalue() and "/3" in terminal.getvalue()


def test_a_stream_knows_its_length():
    stream = Stream((letter for letter in "abc"), 3)
    assert next(stream) == "a" and len(stream) == length_of(stream) == 3
    assert list(stream) == ["b", "c"]
    assert length_of(iter("abc")) is None
