"""What takes long goes on beside the tests, in threads that start processes.

The tests run one after another, and a run of the pipeline is mostly one process at a time: each by
itself leaves a processor idle. What is made here takes what the tests leave of the processors.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest

RUNS = "runs"
MADE: dict[str, Future] = {}
_MAKERS: dict[str, tuple[Callable[..., Any], str]] = {}


@cache
def threads(kind: str, number: int, niceness: int) -> ThreadPoolExecutor:
    """Return the threads for one kind of work: its order is kept, ``number`` go on at a time."""
    return ThreadPoolExecutor(number, kind, os.nice, (niceness,))


def runners(config: pytest.Config) -> ThreadPoolExecutor:
    """Return the threads for runs of the pipeline, as many as the option says."""
    return threads(RUNS, config.getoption("workflow_threads"), 5)


def beside(kind: str = RUNS) -> Callable[[Callable[..., Any]], Callable[[], Any]]:
    """Make of a function a fixture of the whole session whose work goes on beside the tests.

    It begins with the tests if any of them needs it. Parameters of the function are fixtures of
    this sort, defined before it: so nothing waits for what stands behind it in its own queue.
    """

    def register(make: Callable[..., Any]) -> Callable[[], Any]:
        _MAKERS[make.__name__] = make, kind

        @pytest.fixture(scope="session", name=make.__name__)
        def made() -> Any:
            return MADE[make.__name__].result()

        return made

    return register


def needed(item: pytest.Item) -> set[str]:
    """Return the names of all fixtures of a test, with those that these are made of."""
    names, todo = set(), list(getattr(item, "fixturenames", ()))
    while todo:
        name = todo.pop()
        names.add(name)
        if name in _MAKERS:
            todo += inspect.signature(_MAKERS[name][0]).parameters
    return names


def begin(session: pytest.Session, kinds: dict[str, ThreadPoolExecutor]) -> None:
    """Begin what these tests need of some kinds."""
    wanted = set().union(*map(needed, session.items))
    for name, (make, kind) in _MAKERS.items():
        if name in wanted and kind in kinds:
            MADE[name] = kinds[kind].submit(_make, make)


def _make(make: Callable[..., Any]) -> Any:
    return make(*(MADE[name].result() for name in inspect.signature(make).parameters))
