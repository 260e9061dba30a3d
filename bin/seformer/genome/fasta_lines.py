"""Letters of a FASTA: read in whole lines, many regions at a time, and cleaned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.bgzf import open_bytes
from seformer.util.errors import UserError

# IUPAC codes (and X, an old mask) that are none of A, C, G, T; RNA's U is a T
AMBIGUOUS = b"RYSWKMBDHVNX"
TO_BASES = bytes.maketrans(AMBIGUOUS + b"U", b"N" * len(AMBIGUOUS) + b"T")
BASES = b"ACGTN"
# clears the bit that tells lower case from upper case in ASCII
TO_UPPER = 0xDF
# bases that are cleaned at once: they stay in a processor's cache. Second threads would not help:
# each read gives up the interpreter, and waits to get it back from what cuts
AT_ONCE = 2**19
# where lines are longer, regions are read one by one
LONG_LINE = 2**10


class Record(NamedTuple):
    """One sequence of a FASTA as its ``.fai`` has it; also a column each, int64 ``[records]``."""

    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def place(self, position: int) -> int:
        """Return where in the file a base stands."""
        lines, rest = divmod(position, self.line_bases) if self.line_bases else (0, 0)
        return self.offset + lines * self.line_bytes + rest

    @property
    def line_end(self) -> bytes:
        return b"\r\n" if self.line_bytes - self.line_bases == 2 else b"\n"


def read_index(path: Path) -> dict[str, Record]:
    """Read a ``.fai`` (https://www.htslib.org/doc/faidx.html), in the order of the file.

    Raises
    ------
    OSError, ValueError, TypeError
        If it is not such a file.
    """
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line)
    return {row[0]: Record(*map(int, row[1:5])) for row in rows}


def clean(raw: bytes) -> tuple[str, str]:
    """Upper-case letters, ambiguous ones as N, U as T, and one that is no nucleotide (or "")."""
    bases = raw.upper().translate(TO_BASES)
    odd = bases.translate(None, BASES)
    return bases.decode("latin-1"), chr(min(odd)) if odd else ""


class _Part(NamedTuple):
    """Regions whose lines are read and cleaned at once, in the order of the file.

    Attributes
    ----------
    row
        int64 ``[regions]``: number of each region.
    offset, size
        int64 ``[runs]``: where the lines that hold them stand in the file, whole, and none twice.
    first, last
        int64 ``[regions]``: where a region begins and ends among the bases of all these lines.
    """

    row: np.ndarray
    offset: np.ndarray
    size: np.ndarray
    first: np.ndarray
    last: np.ndarray


class Letters:
    """The letters of an indexed FASTA.

    Parameters
    ----------
    path, index
        The FASTA and its ``.fai``.
    blocks
        The ``.gzi`` if it is bgzipped.
    """

    def __init__(self, path: Path, index: Path, blocks: Path | None = None) -> None:
        self.records = read_index(index)
        longest = max(self.records.values())
        self._line_bases, self._line_bytes = longest.line_bases, longest.line_bytes
        self._line_end = np.frombuffer(longest.line_end, np.uint8)
        self._path = path
        self._file = open_bytes(path, blocks)

    def close(self) -> None:
        self._file.close()

    def fetch(self, chrom: str, start: int, end: int) -> bytes:
        """Return the letters as they stand in the file; 0-based half-open.

        Raises
        ------
        UserError
            If the lines do not end where the index says.
        """
        record = self.records[chrom]
        first, last = record.place(start), record.place(end - 1) + 1
        (raw,) = self._file.read(np.array([first]), np.array([last - first]))
        letters = raw.replace(b"\n", b"").replace(b"\r", b"")
        width = max(record.line_bases, 1)
        lines = [letters[: width - start % width]]
        lines += [letters[i : i + width] for i in range(len(lines[0]), len(letters), width)]
        if record.line_end.join(lines) != raw:
            raise UserError(
                f"{chrom}:{start}-{end}: the lines do not end where the index says",
                where=self._path,
                do="remove the index (.fai and .gzi), it is made anew",
            )
        return letters

    def fetch_many(
        self, chrom: Sequence[str], start: np.ndarray, end: np.ndarray
    ) -> list[str | None]:
        """Return the bases of many regions, upper case; None for one to be looked at by itself.

        That is one with letters other than A, C, G, T, N nearby, or not in whole lines of the
        usual length.
        """
        found: list[str | None] = [None] * len(start)
        for part in self._parts(chrom, start, end):
            if bases := self._clean(part, self._file.read(part.offset, part.size)):
                places = (column.tolist() for column in (part.row, part.first, part.last))
                for row, first, last in zip(*places, strict=True):
                    found[row] = bases[first:last]
        return found

    def _parts(self, chrom: Sequence[str], start: np.ndarray, end: np.ndarray) -> Iterator[_Part]:
        """Plan what to read, about `AT_ONCE` bases a part."""
        codes, names = pd.factorize(np.asarray(chrom, dtype=object))
        records = np.array([self.records[name] for name in names], np.int64).reshape(-1, 4)
        record = Record(*records[codes].T)
        above = start // self._line_bases
        below = -(-end // self._line_bases)
        usual = (record.line_bases == self._line_bases) & (record.line_bytes == self._line_bytes)
        usual &= self._line_bytes == self._line_bases + len(self._line_end)
        usual &= (below * self._line_bases <= record.length) & (self._line_bases <= LONG_LINE)
        offset = record.offset + above * self._line_bytes
        rows = np.flatnonzero(usual)
        rows = rows[np.argsort(offset[rows], kind="stable")]
        start, end, above, offset = start[rows], end[rows], above[rows], offset[rows]
        lines = below[rows] - above
        part = (np.cumsum(lines) - lines) * self._line_bases // AT_ONCE
        for at in map(slice, *_stretches(part)):
            # lines that regions share are read once; those of two records never touch
            reach = np.maximum.accumulate(offset[at] + lines[at] * self._line_bytes)
            new = np.append(True, offset[at][1:] > reach[:-1])
            begin = offset[at][new]
            size = reach[np.append(new[1:], True)] - begin
            before = (np.cumsum(size) - size) // self._line_bytes - above[at][new]
            shift = before[np.cumsum(new) - 1] * self._line_bases
            yield _Part(rows[at], begin, size, start[at] + shift, end[at] + shift)

    def _clean(self, part: _Part, raw: Sequence[bytes]) -> str:
        """Upper-case bases of whole lines; nothing if they are not whole, or hold other letters."""
        letters = np.frombuffer(b"".join(raw), np.uint8)
        if len(letters) < part.size.sum():
            return ""
        ends = letters.reshape(-1, self._line_bytes)[:, self._line_bases :]
        # one item a line: copied as such, many times faster than base by base
        end = self._line_bytes - self._line_bases
        line = [("bases", f"V{self._line_bases}"), ("end", f"V{end}")]
        bases = letters.view(line)["bases"].copy().view(np.uint8)
        bases &= TO_UPPER
        known = bases == BASES[0]
        for base in BASES[1:]:
            known |= bases == base
        return str(bases, "ascii") if known.all() and (ends == self._line_end).all() else ""


def _stretches(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each stretch of equal numbers begins and ends."""
    bounds = np.flatnonzero(np.diff(numbers, prepend=-1, append=-1))
    return bounds[:-1], bounds[1:]
