"""Letters of a FASTA: read in whole lines, many regions at a time, and cleaned."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

# IUPAC codes (and X, an old mask) that are none of A, C, G, T
AMBIGUOUS = b"RYSWKMBDHVNUX"
TO_BASES = bytes.maketrans(AMBIGUOUS, b"N" * len(AMBIGUOUS))
# clears the bit that tells lower case from upper case in ASCII
TO_UPPER = 0xDF
# regions that lie closer are read in one go: reading so many bases costs less than one more call
NEAR = 2_048
STRETCH = 2**24


class _Record(NamedTuple):
    offset: int
    line_bases: int
    line_bytes: int


class PlainReader:
    """Reads an uncompressed FASTA by its ``.fai`` (https://www.htslib.org/doc/faidx.html).

    Several times as fast as htslib, which looks at each letter for itself. The file is read
    without mapping it, so that a genome's pages do not count as this process's memory.
    """

    def __init__(self, path: Path, index: Path) -> None:
        rows = (line.split("\t") for line in index.read_text(encoding="utf-8").splitlines())
        self._records = {row[0]: _Record(*map(int, row[2:5])) for row in rows}
        self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def close(self) -> None:
        os.close(self._file)

    def fetch(self, chrom: str, start: int, end: int) -> bytes:
        """Return the letters as they stand in the file; 0-based half-open."""
        record = self._records[chrom]
        first, last = self._place(record, start), self._place(record, end - 1) + 1
        raw = os.pread(self._file, last - first, first).replace(b"\n", b"")
        # lines that end in CR LF
        return raw.replace(b"\r", b"") if record.line_bytes > record.line_bases + 1 else raw

    @staticmethod
    def _place(record: _Record, position: int) -> int:
        lines, rest = divmod(position, record.line_bases)
        return record.offset + lines * record.line_bytes + rest


def clean(raw: bytes) -> tuple[str, str]:
    """Upper-case letters, ambiguous ones as N, and one that is no nucleotide (or "")."""
    if not raw.translate(None, b"ACGTNacgtn"):
        return str(np.frombuffer(raw, np.uint8) & TO_UPPER, "ascii"), ""
    bases = raw.upper().translate(TO_BASES)
    odd = bases.translate(None, b"ACGTN")
    return bases.decode("latin-1"), chr(min(odd)) if odd else ""


def stretches(rows: Sequence[tuple[str, int, int]], order: Iterable[int]) -> Iterator[list[int]]:
    """Group row numbers, in ``order`` of place, into stretches that are read at once."""
    group: list[int] = []
    last = 0
    for i in order:
        chrom, start, end = rows[i]
        if group:
            before, first, _ = rows[group[0]]
            if chrom != before or start > last + NEAR or end - first > STRETCH:
                yield group
                group = []
        last = max(last, end) if group else end
        group.append(i)
    if group:
        yield group
