"""Bases from a genome FASTA: plain or bgzipped, indexed or not, soft-masked or not.

Indexes follow samtools' `.fai` (https://www.htslib.org/doc/faidx.html) and htslib's `.gzi`.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import logging
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

from seformer.genome import assemblies, chromosomes, rewrap
from seformer.genome.bgzf import PlainFile, open_bytes
from seformer.genome.fasta_lines import Letters, Record, clean, read_index
from seformer.util.atomic import atomic_path, temporary_folder
from seformer.util.errors import UserError
from seformer.util.text import existing_file, is_gzipped

logger = logging.getLogger(__name__)

CONTIGS_CHECKED, CONTIGS_AT_ONCE = 5_000, 256
AROUND = 1024  # bytes read before and after a contig to compare it with the index
LINES_CHECKED = 512  # line ends of all contigs together, at least one of each
COPY = ".seformer.bgz"  # what a copy that can be read in places is called, after the FASTA
# sequences are told apart by whole ones of at most so many bases, by stretches of longer ones, and
# of a genome by so many of the longest: it takes tenths of a second, on three billion bases as well
WHOLE, STRETCHES, STRETCH, LONGEST = 2**18, 8, 2**15, 200


class Genome:
    """Random access to a genome; use it as a context manager or call `close`.

    A missing index is made beside the FASTA, or in a temporary folder where that cannot be
    written. An index that is older than the FASTA or does not fit it is never used: it is made
    anew, and the log says so. A FASTA that cannot be read in places (plain gzip, lines of
    different lengths, blanks in them) is copied into one that can (`genome.rewrap`), beside it
    or in a temporary folder, and the log says so.

    Parameters
    ----------
    path
        FASTA, plain, bgzipped or gzipped.
    folder
        Where index and copy are made instead of beside the FASTA; the copy is called `NAME.gz`.
    compress
        Read from a copy in any case.

    Attributes
    ----------
    source : Path
        What is read: the FASTA or its copy.
    index_files : list of Path
        The `.fai`, and the `.gzi` of a bgzipped FASTA.
    chromosomes : dict[str, int]
        Name to length in base pairs, in file order.

    Raises
    ------
    UserError
        If the file is missing or not FASTA, or the disk is full.
    """

    def __init__(
        self, path: str | PathLike[str], *, folder: Path | None = None, compress: bool = False
    ) -> None:
        self.path = existing_file(path)
        self._beside = folder
        self.source = self.path
        self._temporary = contextlib.ExitStack()
        self._letters: Letters | None = None
        try:
            self.index_files = self._open(compress)
            self._letters = Letters(self.source, *self.index_files)
        except BaseException:
            self.close()
            raise
        self._contigs = list(self._letters.records.items())
        chosen = _chosen(len(self._contigs))
        # of very many contigs the others are compared with the index when they are read
        self._unchecked: dict[str, int] = {}
        if len(chosen) < len(self._contigs):
            self._unchecked = {name: i for i, (name, _) in enumerate(self._contigs)}
        self.chromosomes: dict[str, int] = {n: record.length for n, record in self._contigs}

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        if self._letters is not None:
            self._letters.close()
            self._letters = None
        self._temporary.close()

    @functools.cached_property
    def assembly(self) -> str | None:
        """The common name of the assembly (hg38, mm10 …) where chromosome 1 tells it."""
        return assemblies.recognise(self.chromosomes)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the sorted names and lengths, as version 1.0 compared genomes."""
        lines = sorted(f"{name}\t{length}\n" for name, length in self.chromosomes.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def sequences(self) -> dict[str, str]:
        """Return what tells chromosomes apart by their content, whatever their names.

        Of the `LONGEST` chromosomes: name to length and checksum of the bases, upper case. Of more
        than `WHOLE` bases, `STRETCHES` stretches of `STRETCH` bases, evenly spread, stand for all.
        """
        longest = sorted(self.chromosomes, key=lambda name: -self.chromosomes[name])[:LONGEST]
        return {name: self._checksum(name) for name in longest}

    def _checksum(self, name: str) -> str:
        length = self.chromosomes[name]
        starts, size = [0], length
        if length > WHOLE:
            starts, size = np.linspace(0, length - STRETCH, STRETCHES).astype(int).tolist(), STRETCH
        digest = hashlib.sha256()
        for start in starts:
            digest.update(clean(self._letters.fetch(name, start, start + size))[0].encode())
        return f"{length}:{digest.hexdigest()[:16]}"

    def fetch(self, chrom: str, start: int, end: int) -> str:
        """Return the bases of one region, upper case, A, C, G, T and N only.

        Parameters
        ----------
        chrom, start, end
            0-based half-open, inside the chromosome.

        Raises
        ------
        UserError
            If the region leaves the chromosome or holds something that is no nucleotide.
        """
        length = self.chromosomes.get(chrom)
        if length is None or not 0 <= start < end <= length:
            raise UserError(f"{chrom}:{start}-{end} is not in the genome", where=self.path)
        self._compare([chrom])
        bases, odd = clean(self._letters.fetch(chrom, start, end))
        if odd or len(bases) != end - start:
            found = f"{odd!r} is no nucleotide" if odd else "the sequence ends early"
            raise UserError(
                f"{chrom}:{start}-{end}: {found}", where=self.path, expected=rewrap.EXPECTED
            )
        return bases

    def fetch_many(self, regions: pd.DataFrame) -> list[str]:
        """Return the bases of many regions in input order, read in the file's order.

        Parameters
        ----------
        regions
            Columns ``chrom``, ``start``, ``end`` (0-based half-open), inside the chromosomes.

        Raises
        ------
        UserError
            As `fetch` does.
        """
        chrom = regions["chrom"].tolist()
        start, end = (regions[column].to_numpy(np.int64) for column in ("start", "end"))
        length = np.array([self.chromosomes.get(name, 0) for name in chrom])
        for row in np.flatnonzero((start < 0) | (start >= end) | (end > length)):
            self.fetch(chrom[row], start[row], end[row])
        self._compare(chrom)
        found = self._letters.fetch_many(chrom, start, end)
        for row, bases in enumerate(found):
            if bases is None:
                found[row] = self.fetch(chrom[row], int(start[row]), int(end[row]))
        return found

    def _compare(self, names: Iterable[str]) -> None:
        """Compare contigs that are read for the first time with the index."""
        new = [self._unchecked.pop(name) for name in set(names) if name in self._unchecked]
        if new and (fault := _fault(self.source, self._contigs, sorted(new), self.index_files)):
            raise UserError(
                fault, where=self.path, do="remove the index (.fai and .gzi), it is made anew"
            )

    def match_chromosomes(self, names: Iterable[str], rename: bool = False) -> dict[str, str]:
        """Map names to the genome's; with ``rename`` whatever their spelling. Others are left out.

        See `seformer.genome.chromosomes.match`.
        """
        if not rename:
            return {name: name for name in names if name in self.chromosomes}
        return chromosomes.match(names, self.chromosomes, self.assembly)

    def resolve(
        self, rows: Mapping[str, int], where: str | PathLike[str], rename: bool
    ) -> chromosomes.Resolved:
        """Match the chromosomes of one file; see `seformer.genome.chromosomes.resolve`."""
        return chromosomes.resolve(
            rows,
            self.chromosomes,
            rename=rename,
            where=where,
            genome=self.path.name,
            assembly=self.assembly,
        )

    def _open(self, compress: bool) -> list[Path]:
        """Find or make the index, and a copy first where the FASTA cannot be read in places."""
        if compress:
            return self._copy("it is compressed into blocks")
        if rewrap.is_plain_gzip(self.path):
            return self._copy("plain gzip cannot be read in places")
        try:
            return self._index()
        except _NotInPlaces:
            return self._copy(rewrap.unevenness(self.path))

    def _copy(self, why: str) -> list[Path]:
        """Read a copy from now on; an earlier one is known by the date of the FASTA."""
        date = self.path.stat().st_mtime_ns
        beside = self.path.with_name(self.path.name + COPY)
        if self._beside is not None:
            beside = self._beside / (self.path.name.removesuffix(".gz") + ".gz")
        if not (beside.is_file() and beside.stat().st_mtime_ns == date):
            try:
                with atomic_path(beside) as partial:
                    lengths = rewrap.rewrite(self.path, partial)
                    self._require_whole(partial, lengths)
                    os.utime(partial, ns=(date, date))
            except OSError:
                beside = self._folder() / beside.name
                try:
                    self._require_whole(beside, rewrap.rewrite(self.path, beside))
                except OSError as error:
                    raise UserError(
                        f"the FASTA must be copied ({why}), but the copy cannot be written "
                        f"({error})",
                        where=self.path,
                        do="run `seformer index --fasta FASTA --out FOLDER` where there is room, "
                        "and use the FASTA in FOLDER",
                    ) from error
            logger.warning("%s: %s; read from a copy: %s", self.path, why, beside)
        self.source = beside
        try:
            return self._index()
        except _NotInPlaces as fault:
            raise UserError(
                f"the FASTA cannot be indexed ({fault})",
                where=self.path,
                expected=rewrap.EXPECTED,
                do=rewrap.COPIED,
            ) from fault

    @staticmethod
    def _require_whole(copy: Path, lengths: Mapping[str, int]) -> None:
        """A full disk shows only when what was written is read."""
        with temporary_folder() as folder:
            try:
                index = _make_index(copy, folder)[0]
            except _NotInPlaces as error:
                raise OSError("it is not whole") from error
            if {name: record.length for name, record in read_index(index).items()} != lengths:
                raise OSError("it is not whole")

    def _folder(self) -> Path:
        return self._temporary.enter_context(temporary_folder())

    def _index(self) -> list[Path]:
        wanted = _index_names(self.source, self._beside or self.source.parent)
        if all(file.is_file() for file in wanted):
            fault = _date_fault(self.source, wanted) or index_fault(self.source, wanted)
            if fault is None:
                return wanted
            logger.warning("%s: %s; making it anew", wanted[0], fault)
        else:
            logger.info("%s: making the index", self.source)
        made = _make_index(self.source, self._folder())
        fault = index_fault(self.source, made)
        if fault is not None:
            raise _NotInPlaces(fault)
        try:
            for new, file in zip(made, wanted, strict=True):
                with atomic_path(file) as partial:
                    shutil.copyfile(new, partial)
            made = wanted
        except OSError:
            logger.info("%s: the folder cannot be written, the index is temporary", self.source)
        return made


class _NotInPlaces(Exception):
    """A FASTA cannot be indexed as it is."""


def _index_names(path: Path, folder: Path) -> list[Path]:
    endings = [".fai", ".gzi"] if is_gzipped(path) else [".fai"]
    return [folder / (path.name + ending) for ending in endings]


def _make_index(path: Path, folder: Path) -> list[Path]:
    """Index through a symlink, by opening it: pysam.faidx would print to standard output."""
    link = folder / f"index-{path.name}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    for old in (made := [link.with_name(link.name + e) for e in (".fai", ".gzi")]):
        old.unlink(missing_ok=True)
    try:
        _quietly(pysam.FastaFile, str(link)).close()
    except (OSError, ValueError) as error:
        raise _NotInPlaces(str(error)) from error
    return made if is_gzipped(path) else made[:1]


def _quietly(open_fasta, *args, **kwargs):
    """Call pysam without htslib's own lines on standard error: the error says it."""
    verbosity = pysam.set_verbosity(0)
    try:
        return open_fasta(*args, **kwargs)
    finally:
        pysam.set_verbosity(verbosity)


def _date_fault(path: Path, indexes: Iterable[Path]) -> str | None:
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
        contigs = list(read_index(indexes[0]).items())
    except (OSError, ValueError, IndexError, TypeError):
        return "the index is damaged"
    if not contigs:
        return "the index is empty"
    return _fault(path, contigs, _chosen(len(contigs)), indexes)


def _chosen(contigs: int) -> range:
    return range(0, contigs, max(1, contigs // CONTIGS_CHECKED))


def _fault(
    path: Path,
    contigs: Sequence[tuple[str, Record]],
    chosen: Sequence[int],
    indexes: Sequence[Path],
) -> str | None:
    try:
        with contextlib.closing(open_bytes(path, *indexes[1:])) as file:
            around = _around([contigs[i][1] for i in chosen], file)
            for i, (before, after) in zip(chosen, around, strict=True):
                if (fault := _contig_fault(contigs, i, before, after)) is not None:
                    return fault
            return _line_fault([contigs[i] for i in chosen], file)
    except (OSError, ValueError, IndexError, TypeError, OverflowError, struct.error, UserError):
        return "the index is damaged"


def _line_fault(contigs: Sequence[tuple[str, Record]], file: PlainFile) -> str | None:
    """Compare ends of lines inside the contigs; a line end stands between two letters."""
    each = max(1, LINES_CHECKED // len(contigs))
    places = []
    for name, record in contigs:
        if not record.line_bases or not 0 <= record.line_bytes - record.line_bases <= 2:
            return f"the lines of {name} do not end as lines do"
        lines = (record.length - 1) // record.line_bases
        some = min(lines, each)
        for line in (1 + i * (lines - 1) // max(1, some - 1) for i in range(some)):
            places.append((name, record.place(line * record.line_bases - 1), record.line_end, 1))
        if not lines and record.line_bytes > record.line_bases:
            places.append((name, record.place(record.length - 1), record.line_end, 0))
    for first in range(0, len(places), CONTIGS_AT_ONCE):
        some = places[first : first + CONTIGS_AT_ONCE]
        offsets = np.array([place for _, place, _, _ in some])
        size = np.array([1 + len(end) + inside for _, _, end, inside in some])
        for (name, _, end, inside), found in zip(some, file.read(offsets, size), strict=True):
            letters = found[:1] + found[1 + len(end) :]
            # the very last line may have no end
            ends = found[1 : 1 + len(end)] in (end, *([] if inside else [b""]))
            if not ends or len(letters.strip()) < 1 + inside:
                return f"the lines of {name} do not end where the index says"
    return None


def _around(records: Sequence[Record], file: PlainFile) -> Iterator[tuple[bytes, bytes]]:
    """Yield the bytes before the first base of each record, and those from its last base on."""
    for first in range(0, len(records), CONTIGS_AT_ONCE):
        some = records[first : first + CONTIGS_AT_ONCE]
        begin = np.array([record.offset for record in some])
        last = np.array([record.place(record.length - 1) for record in some])
        size = np.minimum(begin, AROUND)
        after = file.read(last, np.full_like(last, AROUND + 1))
        yield from zip(file.read(begin - size, size), after, strict=True)


def _contig_fault(
    contigs: Sequence[tuple[str, Record]], i: int, before: bytes, after: bytes
) -> str | None:
    name = contigs[i][0]
    header = before.rstrip(b"\r\n").rpartition(b"\n")[2]
    cut = len(header) >= AROUND - 2  # a header line longer than what was read cannot be judged
    if not cut and (header[:1] != b">" or header[1:].split(None, 1)[:1] != [name.encode()]):
        return f"the index does not fit the FASTA at {name}"
    if not after.strip():
        return f"the FASTA ends before {name} does"
    following = contigs[i + 1][0].encode() if i + 1 < len(contigs) else None
    found = _next_names(after[1:])
    if following in found or (following is None and found[-1] is None):
        return None
    if found[-1] in [contig.encode() for contig, _ in contigs]:
        return f"the name {found[-1].decode()} occurs more than once"
    return f"the index does not fit the FASTA after {name}"


def _next_names(text: bytes) -> list[bytes | None]:
    """Return the names up to the next record that has a sequence; None stands for the end.

    Records without a sequence are passed over, as htslib leaves them out of the index.
    """
    lines = [line.strip() for line in text.split(b"\n")]
    lines = [line for line in lines if line]
    at_end = len(text) < AROUND
    names: list[bytes | None] = []
    for line, following in itertools.pairwise([*lines, b">" if at_end else b""]):
        if line[:1] != b">":
            return [*names, b""]  # bases where the index has none
        names.append((line[1:].split(None, 1) or [b""])[0])
        if following[:1] != b">":
            return names
    return [*names, None]
