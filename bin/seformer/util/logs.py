"""Log lines and progress: rich on a terminal, plain lines otherwise."""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from seformer.util.errors import visible

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 15.0
logger = logging.getLogger(__name__)
_last_line: dict[str, float] = {}  # when the progress of a work was said, or the work began


class _Visible(logging.Formatter):
    """Messages with file names in them stay on one line and cannot move a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = visible(record.message)
        return super().formatMessage(record)


def set_up(verbose: bool = False) -> None:
    """Send seformer's log to standard error."""
    if sys.stderr.isatty():
        from rich.logging import RichHandler

        handler: logging.Handler = RichHandler(show_path=False, rich_tracebacks=False)
        handler.setFormatter(_Visible("%(message)s", datefmt="%H:%M:%S"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(_Visible("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    root = logging.getLogger("seformer")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.DEBUG if verbose else logging.INFO)


def _one(item: object) -> int:
    return 1


def progress(
    items: Iterable[T],
    description: str,
    total: int | None = None,
    *,
    done: int = 0,
    counted: Callable[[T], int] = _one,
) -> Iterator[T]:
    """Yield ``items`` and show how far they are: a bar on a terminal, else a line now and then.

    Work in a second thread has lines: a terminal shows one bar at a time.

    Parameters
    ----------
    total
        How many there are in all; by default ``done`` and the length of ``items``, if it is known.
    done
        How many were done before: by an earlier run, or on an earlier part of them.
    counted
        How many of ``total`` an item is, where items are groups of what people count.
    """
    if total is None and isinstance(items, Sized):
        total = done + len(items)
    if sys.stderr.isatty() and threading.current_thread() is threading.main_thread():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = "{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(description, total=total, completed=done)
            for item in items:
                yield item
                bar.advance(task, counted(item))
        return
    # a work in parts, each shorter than that, has its lines too
    last = _last_line.get(description, -math.inf) if done else time.monotonic()
    for item in items:
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            logger.info("%s: %s", description, f"{done} of {total}" if total else done)
            last = now
        _last_line[description] = last
        yield item
        done += counted(item)
