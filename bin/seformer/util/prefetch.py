"""Prepare the next item while this one is used: reading and tokenising beside computing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items`` in order, each made by a second thread while the one before is used.

    At most two items exist at a time. An error in making one is raised here, in its turn.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming: Future[Any] = thread.submit(next, iterator, _END)
        while (item := coming.result()) is not _END:
            coming = thread.submit(next, iterator, _END)
            yield item
