"""Bases from a genome FASTA: plain or bgzipped, indexed or not, soft-masked or not.

Indexes follow samtools' `.fai` (https://www.htslib.org/doc/faidx.html) and htslib's `.gzi`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import shutil
import struct
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

from seformer import assemblies
from seformer.blocks import PlainFile, open_bytes
from seformer.errors import UserError
from seformer.files import atomic_path, existing_file, is_gzipped, temporary_folder
from seformer.letters import Letters, Record, clean, read_index

logger = logging.getLogger(__name__)

RENAME_ADVICE = "give --rename-chromosomes (in the pipeline --rename_chromosomes) to match them"
CONTIGS_CHECKED, CONTIGS_AT_ONCE = 5_000, 256
AROUND = 1024  # bytes read before and after a contig to compare it with the index


class Genome:
    """Random access to a genome; use it as a context manager or call `close`.

    A missing index is made beside the FASTA, or in a temporary folder where that cannot be
    written. An index that is older than the FASTA or does not fit it is never used: it is made
    anew, and the log says so.

    Parameters
    ----------
    path
        FASTA, plain or bgzipped.

    Attributes
    ----------
    chromosomes : dict[str, int]
        Name to length in base pairs, in file order.

    Raises
    ------
    UserError
        If the file is missing, not FASTA, gzipped but not bgzipped, or cannot be indexed.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = existing_file(path)
        self._bgzipped = is_gzipped(self.path)
        if self._bgzipped:
            _require_bgzip(self.path)
        self._temporary = contextlib.ExitStack()
        self._letters: Letters | None = None
        index, blocks = self._index()
        self._letters = Letters(self.path, index, blocks if self._bgzipped else None)
        records = self._letters.records.items()
        self.chromosomes: dict[str, int] = {name: record.length for name, record in records}

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

    @property
    def assembly(self) -> str | None:
        """The common name of the assembly (hg38, mm10 …) where chromosome 1 tells it."""
        return assemblies.recognise(self.chromosomes)

    def fingerprint(self) -> str:
        """Return the SHA-256 over the sorted names and lengths: the same for one assembly."""
        lines = sorted(f"{name}\t{length}\n" for name, length in self.chromosomes.items())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

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
        bases, odd = clean(self._letters.fetch(chrom, start, end))
        if odd or len(bases) != end - start:
            found = f"{odd!r} is no nucleotide" if odd else "the sequence ends early"
            raise UserError(f"{chrom}:{start}-{end}: {found}", where=self.path)
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
        found = self._letters.fetch_many(chrom, start, end)
        for row, bases in enumerate(found):
            if bases is None:
                found[row] = self.fetch(chrom[row], int(start[row]), int(end[row]))
        return found

    def match_chromosomes(
        self, names: Iterable[str], rename: bool = False, *, strict: bool = True
    ) -> dict[str, str]:
        """Map the regions' chromosome names to the genome's; unknown names are left out.

        Parameters
        ----------
        names
            Chromosome names of the regions.
        rename
            Also match ``chr1`` with ``1`` and ``chrM`` with ``MT``, either way.
        strict
            Complain about names that do not match.

        Raises
        ------
        UserError
            If ``strict`` and not one name is in the genome.
        """
        names = list(dict.fromkeys(names))
        exact = {name: name for name in names if name in self.chromosomes}
        other = {name: twin for name in names if (twin := self._twin(name)) is not None}
        matched = other | exact if rename else exact
        if not strict:
            return matched
        if not matched and names:
            here = next(iter(self.chromosomes), "none")
            found = f"no chromosome of the regions is in the genome: they say {names[0]!r}"
            raise UserError(
                f"{found}, the FASTA says {next(iter(other.values()), here)!r}",
                where=self.path,
                expected="regions and genome of one assembly, with the same names",
                do=RENAME_ADVICE if other else "check that the two files belong together",
            )
        if other.keys() - matched.keys():
            missed = ", ".join(sorted(other.keys() - matched.keys()))
            logger.warning("%s: not in the FASTA under this name; %s", missed, RENAME_ADVICE)
        return matched

    def _twin(self, name: str) -> str | None:
        bare = name.removeprefix("chr")
        spellings = [bare, f"chr{bare}"]
        if bare in ("M", "MT"):
            spellings = ["chrM", "MT", "M", "chrMT"]
        return next((twin for twin in spellings if twin in self.chromosomes), None)

    def _index(self) -> tuple[Path, Path]:
        index = self.path.with_name(self.path.name + ".fai")
        blocks = self.path.with_name(self.path.name + ".gzi")
        wanted = [index, blocks] if self._bgzipped else [index]
        if all(file.is_file() for file in wanted):
            fault = _date_fault(self.path, wanted) or self._content_fault(wanted)
            if fault is None:
                return index, blocks
            logger.warning("%s: %s; making it anew", index, fault)
        else:
            logger.info("%s: making the index", self.path)
        return self._build(wanted)

    def _content_fault(self, files: Sequence[Path]) -> str | None:
        return _content_fault(self.path, files[0], files[1] if self._bgzipped else None)

    def _build(self, wanted: Sequence[Path]) -> tuple[Path, Path]:
        """Index through a symlink in a temporary folder, then put the index beside the FASTA."""
        link = self._temporary.enter_context(temporary_folder()) / self.path.name
        link.symlink_to(self.path.resolve())
        try:
            # opening indexes; pysam.faidx would print to standard output
            _quietly(pysam.FastaFile, str(link)).close()
        except (OSError, ValueError) as error:
            self.close()
            raise UserError(
                "the FASTA cannot be indexed",
                where=self.path,
                expected="records of a '>name' line and sequence lines of one length",
                do="check that it is nucleotide FASTA and was copied completely",
            ) from error
        made = [link.with_name(file.name) for file in wanted]
        fault = self._content_fault(made)
        if fault is not None:
            self.close()
            raise UserError(f"the FASTA cannot be indexed ({fault})", where=self.path)
        try:
            for new, file in zip(made, wanted, strict=True):
                with atomic_path(file) as partial:
                    shutil.copyfile(new, partial)
        except OSError:
            logger.info("%s: the folder cannot be written, the index is temporary", self.path)
            return made[0], made[-1]
        return wanted[0], wanted[-1]


def _quietly(open_fasta, *args, **kwargs):
    """Call pysam without htslib's own lines on standard error: the error says it."""
    verbosity = pysam.set_verbosity(0)
    try:
        return open_fasta(*args, **kwargs)
    finally:
        pysam.set_verbosity(verbosity)


def _require_bgzip(path: Path) -> None:
    """Tell bgzip from gzip by the BC field of the first block (SAM specification 4.1)."""
    with open(path, "rb") as handle:
        head = handle.read(18)
    if len(head) < 18 or not head[3] & 4 or head[12:14] != b"BC":
        plain = path.name.removesuffix(".gz")
        raise UserError(
            "the FASTA is gzipped but not bgzipped, so it cannot be read in places",
            where=path,
            do=f"run: gunzip {path.name} && bgzip {plain}",
        )


def _date_fault(path: Path, indexes: Iterable[Path]) -> str | None:
    newest = path.stat().st_mtime_ns
    old = [file.name for file in indexes if file.stat().st_mtime_ns < newest]
    return f"{old[0]} is older than the FASTA" if old else None


def _content_fault(path: Path, index: Path, blocks: Path | None) -> str | None:
    """Say why the index does not belong to the FASTA, or return None.

    For every contig (evenly chosen ones in a genome of very many), the bytes around it in the
    FASTA must be its own header line, its last base and the next record's header.
    """
    try:
        contigs = list(read_index(index).items())
        chosen = range(0, len(contigs), max(1, len(contigs) // CONTIGS_CHECKED))
        with contextlib.closing(open_bytes(path, blocks)) as file:
            around = _around([contigs[i][1] for i in chosen], file)
            for i, (before, after) in zip(chosen, around, strict=True):
                if (fault := _contig_fault(contigs, i, before, after)) is not None:
                    return fault
    except (OSError, ValueError, IndexError, TypeError, OverflowError, struct.error, UserError):
        return "the index is damaged"
    return None if contigs else "the index is empty"


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
