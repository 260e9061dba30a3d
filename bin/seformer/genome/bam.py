"""Bases that the reads of a BAM cover, read along the genome in flat memory."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pysam

from seformer.genome.chromosomes import match_regions
from seformer.genome.fasta_index import quiet_htslib
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
# unmapped, secondary, failed and duplicate reads: what `samtools depth` leaves out by default
LEFT_OUT = 0x704
READS = 500_000  # of a region that are in memory at a time
SORT = "samtools sort -o sorted.bam reads.bam && samtools index sorted.bam"


class ReadCoverage(NamedTuple):
    """What the reads of a BAM cover of n stretches.

    Attributes
    ----------
    bases
        int64 [n]: sum over the bases of a stretch of the reads on them.
    reads
        All reads of the file that count, wherever they lie.
    sizes
        Its chromosomes and their lengths.
    missing
        Chromosomes of the stretches that it does not have.
    """

    bases: np.ndarray
    reads: int
    sizes: dict[str, int]
    missing: list[str]


def read_coverage(path: Path, stretches: pd.DataFrame, extend: int = 0) -> ReadCoverage:
    """Sum the reads over the bases of stretches of the genome.

    Reads with a flag of `LEFT_OUT` do not count. Memory holds `READS` reads at most.

    Parameters
    ----------
    path
        A BAM, sorted by place, with its index beside it.
    stretches
        ``chrom``, ``start``, ``end`` (0-based half-open), sorted along each chromosome and without
        overlaps. Those that touch are read together.
    extend
        Bases by which each read is made longer at its end (3').

    Raises
    ------
    UserError
        If it is not a BAM, not sorted, has no index, is damaged, or is of another genome.
    """
    path = existing_file(path)
    with quiet_htslib(), _readable(path), _opened(path) as bam:
        sizes = dict(zip(bam.references, bam.lengths, strict=True))
        names = match_regions(stretches, sizes, path)
        logger.info("%s: counting the reads", path.name)
        reads = int("".join(pysam.view("-c", "-F", str(LEFT_OUT), str(path.absolute()))))
        bases = np.zeros(len(stretches), np.int64)
        chroms, starts, ends = (stretches[c].to_numpy() for c in ("chrom", "start", "end"))
        new = (chroms[1:] != chroms[:-1]) | (starts[1:] != ends[:-1])
        groups = np.split(np.arange(len(stretches)), np.flatnonzero(new) + 1)
        for rows in progress(groups, f"reads of {path.name}", len(groups)):
            if len(rows) and (chrom := names.get(chroms[rows[0]])) is not None:
                edges = np.append(starts[rows], ends[rows[-1]])
                for first, last in _extended(bam, chrom, edges, extend):
                    bases[rows] += np.diff(_covered_before(edges, first, last))
    missing = [name for name in dict.fromkeys(chroms) if name not in names]
    return ReadCoverage(bases, reads, sizes, missing)


def _extended(
    bam: pysam.AlignmentFile, chrom: str, edges: np.ndarray, extend: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield starts and ends (0-based half-open) of the reads that reach the place, some at a time.

    A start may lie before the chromosome's: no stretch does.
    """
    first = max(0, int(edges[0]) - extend)
    last = min(bam.get_reference_length(chrom), int(edges[-1]) + extend)
    found = (
        (read.reference_start - extend, read.reference_end)
        if read.is_reverse
        else (read.reference_start, read.reference_end + extend)
        for read in bam.fetch(chrom, first, last)
        if not read.flag & LEFT_OUT and read.reference_end is not None
    )
    while some := list(itertools.islice(found, READS)):
        start, end = np.array(some, np.int64).T
        yield start, end


def _covered_before(edges: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Count bases of reads that lie before each edge: int64 [edges], summed over the reads.

    Of one read these are clip(edge, start, end) − start, which is (edge − start)⁺ − (edge − end)⁺;
    both sums over sorted reads are a number of reads and a cumulated sum.
    """

    def beyond(places: np.ndarray) -> np.ndarray:
        places = np.sort(places)
        before = np.searchsorted(places, edges)
        return before * edges - np.append(0, np.cumsum(places))[before]

    return beyond(start) - beyond(end)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pysam.AlignmentFile]:
    # htslib takes a name such as data:x for an address; none begins with a slash
    with pysam.AlignmentFile(str(path.absolute()), check_sq=False) as bam:
        if not bam.is_bam:
            raise UserError(
                "this is CRAM" if bam.is_cram else "this is SAM",
                where=path,
                expected="a BAM or a bigWig",
                do=f"turn it into BAM, sorted and indexed: {SORT}",
            )
        order = bam.header.to_dict().get("HD", {}).get("SO", "coordinate")
        if order not in ("coordinate", "unknown"):
            raise UserError(
                f"the reads are not sorted by place (its header says {order})",
                where=path,
                expected="a BAM sorted by place, with its index",
                do=f"sort and index it: {SORT}",
            )
        if not bam.has_index():
            raise UserError(
                "the BAM has no index",
                where=path,
                expected=f"{path.name}.bai (or .csi) beside it",
                do=f"make it: samtools index {path.name} (a BAM that is not sorted: {SORT})",
            )
        _warn_of_older_index(path)
        yield bam


def _warn_of_older_index(path: Path) -> None:
    """htslib looks for these in this order, and takes an index of another file for granted."""
    names = [f"{path.name}.csi", f"{path.name}.bai", f"{path.stem}.csi", f"{path.stem}.bai"]
    index = next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)
    if index is not None and index.stat().st_mtime < path.stat().st_mtime:
        logger.warning("%s is older than the BAM: is it of this file? samtools index", index)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in one message that a file is not a BAM, or damaged."""
    try:
        yield
    except (OSError, ValueError, pysam.SamtoolsError) as error:
        raise UserError(
            f"this cannot be read as a BAM ({str(error).splitlines()[0] if str(error) else error})",
            where=path,
            expected="a BAM, whole, with an index of the same file",
            do="look whether it was copied to its end, and make the index anew: samtools index",
        ) from error
