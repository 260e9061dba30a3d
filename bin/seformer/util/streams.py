"""Streams that know how long they are, so that work on them can say how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")


class Stream(Iterator[T]):
    """An iterator whose ``len`` is the number of its items, those that are gone included."""

    def __init__(self, items: Iterable[T], length: int) -> None:
        self._items, self._length = iter(items), length

    def __next__(self) -> T:
        return next(self._items)

    def __len__(self) -> int:
        return self._length


def length_of(items: Iterable[object]) -> int | None:
    """Return how many items there are, None if that is not known before the last."""
    return len(items) if isinstance(items, Sized) else None
