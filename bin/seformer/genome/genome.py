"""Bases from a genome FASTA: plain or bgzipped, indexed or not, soft-masked or not.

htslib (pysam) reads; here is what keeps it from wrong bases: indexes that fit, and letters that are
bases.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
import pysam

from seformer.genome import assemblies, chromosomes, fasta_index, rewrap
from seformer.genome.fasta_index import FastaText, NotInPlacesError, index_fault
from seformer.util.atomic import atomic_path, temporary_folder
from seformer.util.errors import UserError
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)

COPY = ".seformer.bgz"  # what a copy that can be read in places is called, after the FASTA
# sequences are told apart by whole ones of at most so many bases, by stretches of longer ones, and
# of a genome by so many of the longest: it takes tenths of a second, on three billion bases as well
WHOLE, STRETCHES, STRETCH, LONGEST = 2**18, 8, 2**15, 200
# upper case; IUPAC codes (and X, an old mask) that are none of A, C, G, T as N; RNA's U is a T
TO_BASES = bytes(range(256)).upper().translate(bytes.maketrans(b"RYSWKMBDHVNXU", b"N" * 12 + b"T"))
# the same, but 0 for what is not a nucleotide
TO_BASES_OR_ZERO = bytes(base if base in b"ACGTN" else 0 for base in TO_BASES)


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
        self._text: FastaText
        self._fasta: pysam.FastaFile
        try:
            self.index_files = self._open(compress)
            self._records = fasta_index.read_fai(self.index_files[0])
            self._contigs = list(self._records.items())
            self._text = FastaText(self.source, *self.index_files[1:])
            self._temporary.callback(self._text.close)
            # htslib takes a name such as data:x for an address; none begins with a slash
            paths = [str(file.absolute()) for file in (self.source, *self.index_files)]
            with fasta_index.quiet_htslib():
                self._fasta = pysam.FastaFile(*paths)
            self._temporary.callback(self._fasta.close)
        except BaseException:
            self.close()
            raise
        self.chromosomes: dict[str, int] = {n: r.length for n, r in self._records.items()}
        # of very many contigs the others are compared with the index when they are read
        self._unchecked: dict[str, int] = {}
        if len(fasta_index.chosen_contigs(len(self._contigs))) < len(self._contigs):
            self._unchecked = {name: i for i, name in enumerate(self._records)}

    def __enter__(self) -> Genome:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and remove a temporary index."""
        self._temporary.close()

    @functools.cached_property
    def assembly(self) -> str | None:
        """The common name of the assembly (hg38, mm10 …) where chromosome 1 tells it."""
        return assemblies.recognise_assembly(self.chromosomes)

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
            digest.update(self._read(name, start, start + size).translate(TO_BASES).encode())
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
        letters = self._read(chrom, start, end)
        bases = letters.translate(TO_BASES_OR_ZERO)
        if "\0" not in bases:
            return bases
        odd = min({*letters.translate(TO_BASES)} - {*"ACGTN"})
        if odd in "\r\n":
            found, expected, do = (
                "the lines do not end where the index says",
                None,
                fasta_index.REMAKE,
            )
        else:
            found, expected, do = f"{odd!r} is no nucleotide", rewrap.EXPECTED, None
        raise UserError(
            f"{chrom}:{start}-{end}: {found}", where=self.path, expected=expected, do=do
        )

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
        bases = [""] * len(regions)
        # sorted, each stretch of the file is read and unpacked once
        order = np.lexsort((regions["start"], pd.factorize(regions["chrom"])[0]))
        columns = (regions[name].to_numpy()[order].tolist() for name in ("chrom", "start", "end"))
        with fasta_index.quiet_htslib():
            for row, chrom, start, end in zip(order.tolist(), *columns, strict=True):
                bases[row] = self.fetch(chrom, start, end)
        # of a file that is cut off meanwhile, htslib still gives what it has read ahead
        if self._text.is_cut():
            raise UserError("the FASTA ends early: it has become shorter", where=self.path)
        return bases

    def _read(self, chrom: str, start: int, end: int) -> str:
        """Return letters as they stand in the file, without the ends of lines."""
        if self._unchecked and (number := self._unchecked.pop(chrom, None)) is not None:
            if fault := fasta_index.contigs_fault(self._text, self._contigs, [number]):
                raise UserError(fault, where=self.path, do=fasta_index.REMAKE)
        if self._text.is_packed:
            self._text.check(self._records[chrom].position(start))
        try:
            letters = self._fasta.fetch(chrom, start, end)
        except (OSError, ValueError) as error:
            logger.debug("%s", error)
            letters = ""
        if len(letters) != end - start:
            raise UserError(
                f"{chrom}:{start}-{end}: the sequence ends early, or is damaged",
                where=self.path,
                do="copy the file again",
            )
        return letters

    def match_chromosomes(self, names: Iterable[str], rename: bool = False) -> dict[str, str]:
        """Map names to the genome's; with ``rename`` whatever their spelling. Others are left out.

        See `seformer.genome.chromosomes.match_names`.
        """
        if not rename:
            return {name: name for name in names if name in self.chromosomes}
        return chromosomes.match_names(names, self.chromosomes, self.assembly)

    def resolve(
        self, rows: Mapping[str, int], where: str | PathLike[str], rename: bool
    ) -> chromosomes.ChromosomeMatch:
        """Match the chromosomes of one file; see `seformer.genome.chromosomes.resolve_names`."""
        return chromosomes.resolve_names(
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
        except NotInPlacesError:
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
        except NotInPlacesError as fault:
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
                index = fasta_index.make_index(copy, folder)[0]
            except NotInPlacesError as error:
                raise OSError("it is not whole") from error
            if {
                name: record.length for name, record in fasta_index.read_fai(index).items()
            } != lengths:
                raise OSError("it is not whole")

    def _folder(self) -> Path:
        return self._temporary.enter_context(temporary_folder())

    def _index(self) -> list[Path]:
        wanted = fasta_index.index_names(self.source, self._beside or self.source.parent)
        if all(file.is_file() for file in wanted):
            fault = fasta_index.date_fault(self.source, wanted) or index_fault(self.source, wanted)
            if fault is None:
                return wanted
            logger.warning("%s: %s; making it anew", wanted[0], fault)
        else:
            logger.info("%s: making the index", self.source.name)
        made = fasta_index.make_index(self.source, self._folder())
        fault = index_fault(self.source, made)
        if fault is not None:
            raise NotInPlacesError(fault)
        try:
            for new, file in zip(made, wanted, strict=True):
                with atomic_path(file) as partial:
                    shutil.copyfile(new, partial)
            made = wanted
        except OSError:
            logger.info("%s: the folder cannot be written, the index is temporary", self.source)
        return made
