"""Bases from a genome FASTA: plain or bgzipped, indexed or not, soft-masked or not.

Indexes follow samtools' `.fai` (https://www.htslib.org/doc/faidx.html) and htslib's `.gzi`.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import logging
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

from seformer import assemblies
from seformer.errors import UserError
from seformer.files import atomic_path, existing_file, is_gzipped
from seformer.letters import PlainReader, clean, stretches

logger = logging.getLogger(__name__)

RENAME_ADVICE = "give --rename-chromosomes (in the pipeline --rename_chromosomes) to match them"
CONTIGS_CHECKED = 5_000
BGZF_BLOCK = 2**16
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
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._plain: PlainReader | None = None
        index, blocks = self._index()
        try:
            self._fasta = _quietly(
                pysam.FastaFile,
                str(self.path),
                filepath_index=str(index),
                filepath_index_compressed=str(blocks) if self._bgzipped else None,
            )
            self._plain = None if self._bgzipped else PlainReader(self.path, index)
        except (OSError, ValueError) as error:
            self.close()
            raise UserError("the FASTA cannot be read", where=self.path) from error
        self.chromosomes: dict[str, int] = dict(
            zip(self._fasta.references, self._fasta.lengths, strict=True)
        )

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        if getattr(self, "_fasta", None) is not None:
            self._fasta.close()
        if getattr(self, "_plain", None) is not None:
            self._plain.close()
            self._plain = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

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
        raw = (
            self._plain.fetch(chrom, start, end)
            if self._plain is not None
            else self._fasta.fetch(chrom, start, end).encode()
        )
        bases, odd = clean(raw)
        if odd or len(bases) != end - start:
            found = f"{odd!r} is no nucleotide" if odd else "the sequence ends early"
            raise UserError(f"{chrom}:{start}-{end}: {found}", where=self.path)
        return bases

    def fetch_many(self, regions: pd.DataFrame) -> list[str]:
        """Return the bases of many regions in input order, read in the file's order.

        Regions that overlap or lie close together are read in one go.

        Parameters
        ----------
        regions
            Columns ``chrom``, ``start``, ``end`` (0-based half-open).
        """
        rows = list(zip(*(regions[c].tolist() for c in ("chrom", "start", "end")), strict=True))
        place = {name: i for i, name in enumerate(self.chromosomes)}
        chromosome = [place.get(row[0], -1) for row in rows]
        order = np.lexsort((regions["start"].to_numpy(), chromosome)).tolist()
        sequences = [""] * len(rows)
        for group in stretches(rows, order):
            chrom, first, _ = rows[group[0]]
            last = max(rows[i][2] for i in group)
            try:
                bases = self.fetch(chrom, first, last)
            except UserError:
                if len(group) == 1:
                    raise
                # what is wrong may lie between the regions; else the error names the region
                for i in group:
                    sequences[i] = self.fetch(*rows[i])
                continue
            for i in group:
                sequences[i] = bases[rows[i][1] - first : rows[i][2] - first]
        return sequences

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
        self._temporary = tempfile.TemporaryDirectory(prefix="seformer-index-")
        link = Path(self._temporary.name) / self.path.name
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
    FASTA must be its own header line and the next record's.
    """
    try:
        rows = [line.split("\t") for line in index.read_text(encoding="utf-8").splitlines()]
        contigs = [(row[0].encode(), *map(int, row[1:5])) for row in rows]
        reader = _Reader(path, blocks)
        step = max(1, len(contigs) // CONTIGS_CHECKED)
        for i in range(0, len(contigs), step):
            if (fault := _contig_fault(contigs, i, reader)) is not None:
                return fault
    except (OSError, ValueError, IndexError, TypeError, struct.error, zlib.error):
        return "the index is damaged"
    return None if contigs else "the index is empty"


def _contig_fault(contigs: Sequence[tuple], i: int, reader: _Reader) -> str | None:
    name, length, offset, line_bases, line_bytes = contigs[i]
    lines, rest = divmod(length, line_bases) if line_bases else (0, 0)
    before = reader.read(max(0, offset - AROUND), min(offset, AROUND))
    header = before.rstrip(b"\r\n").rpartition(b"\n")[2]
    cut = len(header) >= AROUND - 2  # a header line longer than what was read cannot be judged
    if not cut and (header[:1] != b">" or header[1:].split(None, 1)[:1] != [name]):
        return f"the index does not fit the FASTA at {name.decode()}"
    following = contigs[i + 1][0] if i + 1 < len(contigs) else None
    found = _next_names(reader.read(offset + lines * line_bytes + rest, AROUND))
    if following in found or (following is None and found[-1] is None):
        return None
    if found[-1] in [contig[0] for contig in contigs]:
        return f"the name {found[-1].decode()} occurs more than once"
    return f"the index does not fit the FASTA after {name.decode()}"


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


class _Reader:
    """Bytes of a FASTA by their offset in the uncompressed text."""

    def __init__(self, path: Path, blocks: Path | None) -> None:
        self.path = path
        self.starts: list[int] | None = None
        if blocks is not None:
            raw = blocks.read_bytes()
            (count,) = struct.unpack_from("<Q", raw)
            pairs = list(struct.iter_unpack("<QQ", raw[8 : 8 + 16 * count]))
            self.places, self.starts = map(list, zip((0, 0), *pairs, strict=True))

    def read(self, offset: int, length: int) -> bytes:
        if self.starts is None:
            with open(self.path, "rb") as handle:
                handle.seek(offset)
                return handle.read(length)
        first = bisect.bisect_right(self.starts, offset) - 1
        data = b""
        for block in range(first, len(self.starts)):
            if self.starts[block] >= offset + length:
                break
            data += self._block(block)
        begin = offset - self.starts[first]
        return data[begin : begin + length]

    @lru_cache(maxsize=4)  # noqa: B019 - a reader lives for one check
    def _block(self, block: int) -> bytes:
        with open(self.path, "rb") as handle:
            handle.seek(self.places[block])
            return zlib.decompressobj(wbits=31).decompress(handle.read(BGZF_BLOCK))
