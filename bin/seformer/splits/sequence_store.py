"""The sequences of extracted regions, read from their compressed files once."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np

from seformer.regions.folder import Extracted
from seformer.util.atomic import temporary_folder
from seformer.util.streams import Stream


class SequenceStore:
    """The kept regions' bases of one or several samples, by row, for as often as they are wanted.

    A stage goes over the sequences several times, from several threads, and a gzipped file can
    only be read from its beginning. So each is unpacked once, at the first use, into a file in
    the temporary folder that has no name (it goes with the process), one byte a base: memory
    does not grow with the regions, and `os.pread` reads anywhere without a position to share.

    Parameters
    ----------
    sources
        Extracted folders; the rows are their kept regions, one folder after the other.
    """

    def __init__(self, sources: Sequence[Extracted]) -> None:
        self.sources = tuple(sources)
        self._opening = threading.Lock()
        self._file: BinaryIO | None = None
        self._edges = np.zeros(1, dtype=np.int64)
        self._digests: list[str] = []

    def take(self, rows: Sequence[int] | np.ndarray) -> Stream[str]:
        """Yield the bases (upper case ACGTN) of ``rows``, one at a time.

        Raises
        ------
        UserError
            At the first use, if a file does not hold exactly the kept regions.
        """
        return Stream(self._read(rows), len(rows))

    def _read(self, rows: Sequence[int] | np.ndarray) -> Iterator[str]:
        descriptor = self._opened().fileno()
        for row in rows:
            start, stop = int(self._edges[row]), int(self._edges[row + 1])
            yield os.pread(descriptor, stop - start, start).decode("ascii")

    def digests(self) -> list[str]:
        """SHA-256 of each compressed file, in hexadecimal."""
        self._opened()
        return self._digests

    def _opened(self) -> BinaryIO:
        with self._opening:
            if self._file is None:
                with temporary_folder() as folder:
                    bases = open(folder / "bases", "w+b")
                weakref.finalize(self, bases.close)
                self._unpack_into(bases)
                self._file = bases
        return self._file

    def _unpack_into(self, bases: BinaryIO) -> None:
        lengths, digests = [0], []
        for source in self.sources:
            digest = hashlib.sha256()
            for sequence in source.sequences(digest):
                lengths.append(bases.write(sequence.encode("ascii")))
            digests.append(digest.hexdigest())
        bases.flush()
        self._edges, self._digests = np.cumsum(lengths), digests
