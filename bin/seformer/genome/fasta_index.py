"""Indexes of a FASTA: made, read, and compared with the FASTA before they are trusted.

They are samtools' `.fai` (https://www.htslib.org/doc/faidx.html) and, of a bgzipped FASTA, htslib's
`.gzi` (https://www.htslib.org/doc/bgzip.html). htslib reads by them whatever they say, so a stale
one gives wrong bases without a word.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from seformer.util.errors import UserError
from seformer.util.text import is_gzipped

CONTIGS_CHECKED = 5_000
AROUND = 1024  # bytes read before and after a contig to compare it with the index
LINES_CHECKED = 512  # line ends of all contigs together, at least one of each
REMAKE = "remove the index (.fai and .gzi), it is made anew"
BLOCK = 2**16  # bytes of a bgzipped block at most, packed and unpacked


class NotInPlacesError(Exception):
    """A FASTA cannot be indexed as it is."""


class FaiRecord(NamedTuple):
    """One sequence of a FASTA as its ``.fai`` has it."""

    length: int
    offset: int
    line_bases: int
    line_bytes: int

    def position(self, base: int) -> int:
        """Return where in the text a base stands."""
        lines, rest = divmod(base, self.line_bases) if self.line_bases else (0, 0)
        return self.offset + lines * self.line_bytes + rest

    @property
    def line_end(self) -> bytes:
        return b"\r\n" if self.line_bytes - self.line_bases == 2 else b"\n"


def read_fai(path: Path) -> dict[str, FaiRecord]:
    """Read a ``.fai``, in the order of the file.

    Raises
    ------
    OSError, ValueError, TypeError
        If it is not such a file.
    """
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line)
    return {row[0]: FaiRecord(*map(int, row[1:5])) for row in rows}


def index_names(path: Path, folder: Path) -> list[Path]:
    """Return what the indexes of a FASTA are called in a folder."""
    endings = [".fai", ".gzi"] if is_gzipped(path) else [".fai"]
    return [folder / (path.name + ending) for ending in endings]


def make_index(path: Path, folder: Path) -> list[Path]:
    """Index through a symlink, by opening it: pysam.faidx would print to standard output.

    Raises
    ------
    NotInPlacesError
        If htslib cannot.
    """
    link = folder / f"index-{path.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    for old in (made := [link.with_name(link.name + e) for e in (".fai", ".gzi")]):
        old.unlink(missing_ok=True)
    try:
        with quiet_htslib():
            pysam.FastaFile(str(link)).close()
    except (OSError, ValueError) as error:
        raise NotInPlacesError(str(error)) from error
    return made if is_gzipped(path) else made[:1]


@contextlib.contextmanager
def quiet_htslib():
    """Keep htslib's own lines off standard error: the error says it."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)


class FastaText:
    """The text of a FASTA, read at any offset, whether the file is plain or bgzipped.

    It is read without mapping it, so that a genome's pages do not count as this process's memory.

    Parameters
    ----------
    path
        The FASTA.
    gzi
        The ``.gzi`` if it is bgzipped.
    """

    def __init__(self, path: Path, gzi: Path | None = None) -> None:
        self._path = path
        self.is_packed = gzi is not None
        self._starts: list[int] = []  # of the blocks, in the text
        if gzi is not None:
            raw = gzi.read_bytes()
            (count,) = struct.unpack_from("<Q", raw)
            pairs = np.frombuffer(raw, "<u8", 2 * count, 8).astype(np.int64).reshape(-1, 2)
            self._packed, self._starts = ([0, *column.tolist()] for column in pairs.T)
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._whole = os.fstat(self._file).st_size
        self._block = functools.lru_cache(maxsize=8)(self._unpack)
        self._check_block = functools.lru_cache(maxsize=None)(self._compare_sizes)

    def close(self) -> None:
        os.close(self._file)

    def read(self, offset: int, size: int) -> bytes:
        """Read bytes of the text; past the end there are fewer or none."""
        if not self.is_packed:
            return os.pread(self._file, size, offset)
        block = self._block_at(offset)
        text = self._block(block)[offset - self._starts[block] :]
        while len(text) < size and block + 1 < len(self._starts):
            block += 1
            text += self._block(block)
        return text[:size]

    def is_cut(self) -> bool:
        """Tell whether the file has become shorter since it was opened."""
        return os.fstat(self._file).st_size < self._whole

    def check(self, offset: int) -> None:
        """See that the ``.gzi`` leads to the block of an offset in a bgzipped file, once a block.

        Raises
        ------
        UserError
            If it does not.
        """
        self._check_block(self._block_at(offset))

    def _block_at(self, offset: int) -> int:
        return max(bisect.bisect_right(self._starts, offset) - 1, 0)

    def _unpack(self, block: int) -> bytes:
        try:
            packed = os.pread(self._file, BLOCK, self._packed[block])
            text = zlib.decompress(packed, wbits=31, bufsize=BLOCK)
        except zlib.error as error:
            raise UserError(
                f"the file is damaged ({error})", where=self._path, do="copy it again"
            ) from error
        if block + 1 < len(self._starts) and len(text) != self._size(block):
            raise self._misfit()
        return text

    def _compare_sizes(self, block: int) -> None:
        """Compare the size of a block in the index with that in the file, without unpacking it."""
        # of the last block the index does not know the end
        if block + 1 == len(self._starts):
            return
        # the index leaves out empty blocks, as between files that were joined: the next block that
        # it knows need not follow at once, so that its own header says where this one ends
        start = self._packed[block]
        head = os.pread(self._file, 18, start)
        if len(head) < 18 or head[:2] != b"\x1f\x8b":
            raise self._misfit()
        end = start + struct.unpack_from("<H", head, 16)[0] + 1
        size = os.pread(self._file, 4, end - 4)
        following = os.pread(self._file, 2, self._packed[block + 1])
        if size != struct.pack("<I", self._size(block)) or following != b"\x1f\x8b":
            raise self._misfit()

    def _size(self, block: int) -> int:
        return self._starts[block + 1] - self._starts[block]

    def _misfit(self) -> UserError:
        return UserError("the .gzi does not fit the file", where=self._path, do=REMAKE)


def date_fault(path: Path, indexes: Iterable[Path]) -> str | None:
    """Say which index is older than the FASTA, or return None."""
    newest = path.stat().st_mtime_ns
    old = [file.name for file in indexes if file.stat().st_mtime_ns < newest]
    return f"{old[0]} is older than the FASTA" if old else None


def index_fault(path: Path, indexes: Sequence[Path]) -> str | None:
    """Say why the index does not belong to the FASTA, or return None.

    For every contig (evenly chosen ones in a genome of very many), the bytes around it in the
    FASTA must be its own header line, its last base and the next record's header, and its lines
    must end where the index says.
    """
    try:
        contigs = list(read_fai(indexes[0]).items())
    except (OSError, ValueError, IndexError, TypeError):
        return "the index is damaged"
    if not contigs:
        return "the index is empty"
    try:
        with contextlib.closing(FastaText(path, *indexes[1:])) as text:
            return contigs_fault(text, contigs, chosen_contigs(len(contigs)))
    except (OSError, ValueError, struct.error):
        return "the index is damaged"


def chosen_contigs(contigs: int) -> range:
    """Return which of so many contigs are compared with the FASTA when it is opened."""
    return range(0, contigs, max(1, contigs // CONTIGS_CHECKED))


def contigs_fault(
    text: FastaText, contigs: Sequence[tuple[str, FaiRecord]], chosen: Sequence[int]
) -> str | None:
    """Say why the records ``chosen`` of an index do not fit the FASTA; see `index_fault`."""
    lines = max(1, LINES_CHECKED // len(contigs))
    try:
        faults = itertools.chain(
            (_contig_fault(contigs, i, text) for i in chosen),
            (_line_fault(*contigs[i], text, lines) for i in chosen),
        )
        return next(filter(None, faults), None)
    except (OSError, ValueError, IndexError, TypeError, OverflowError, UserError):
        return "the index is damaged"


def _contig_fault(contigs: Sequence[tuple[str, FaiRecord]], i: int, text: FastaText) -> str | None:
    name, record = contigs[i]
    size = min(record.offset, AROUND)
    before = text.read(record.offset - size, size)
    after = text.read(record.position(record.length - 1), AROUND + 1)
    header = before.rstrip(b"\r\n").rpartition(b"\n")[2]
    cut = len(header) >= AROUND - 2  # a header line longer than what was read cannot be judged
    if not cut and (header[:1] != b">" or header[1:].split(None, 1)[:1] != [name.encode()]):
        return f"the index does not fit the FASTA at {name}"
    if not after.strip():
        return f"the FASTA ends before {name} does"
    following = contigs[i + 1][0].encode() if i + 1 < len(contigs) else None
    names = _next_names(after[1:])
    if following in names or (following is None and names[-1] is None):
        return None
    if names[-1] in [contig.encode() for contig, _ in contigs]:
        return f"the name {names[-1].decode()} occurs more than once"
    return f"the index does not fit the FASTA after {name}"


def _next_names(text: bytes) -> list[bytes | None]:
    """Return the names up to the next record that has a sequence; None stands for the end.

    Records without a sequence are passed over, as htslib leaves them out of the index.
    """
    lines = [line for line in map(bytes.strip, text.split(b"\n")) if line]
    at_end = len(text) < AROUND
    names: list[bytes | None] = []
    for line, following in itertools.pairwise([*lines, b">" if at_end else b""]):
        if line[:1] != b">":
            return [*names, b""]  # bases where the index has none
        names.append((line[1:].split(None, 1) or [b""])[0])
        if following[:1] != b">":
            return names
    return [*names, None]


def _line_fault(name: str, record: FaiRecord, text: FastaText, number: int) -> str | None:
    """Compare line ends inside a contig, ``number`` at most; one stands between two letters."""
    if not record.line_bases or not 0 <= record.line_bytes - record.line_bases <= 2:
        return f"the lines of {name} do not end as lines do"
    end, lines = record.line_end, (record.length - 1) // record.line_bases
    last_bases = [line * record.line_bases - 1 for line in _evenly(lines, number)]
    if not lines and record.line_bytes > record.line_bases:
        last_bases = [record.length - 1]
    for base in last_bases:
        inside = int(base < record.length - 1)
        read = text.read(record.position(base), 1 + len(end) + inside)
        letters = read[:1] + read[1 + len(end) :]
        # the very last line may have no end
        ends = read[1 : 1 + len(end)] in (end, *([] if inside else [b""]))
        if not ends or len(letters.strip()) < 1 + inside:
            return f"the lines of {name} do not end where the index says"
    return None


def _evenly(total: int, number: int) -> list[int]:
    """Return ``number`` of 1 … ``total``, the first and the last among them."""
    some = min(total, number)
    return [1 + i * (total - 1) // max(1, some - 1) for i in range(some)]
