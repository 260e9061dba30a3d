"""Attributions on the genome: bigWig and bedGraph.

Where regions overlap, a base gets the mean over the regions that cover it; a region that shares
bases with another therefore does not sum to its own total on the track (it is flagged).
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.explain.folder import SUMMARY_FILE, TABLE_FILE
from seformer.explain.values import ValuesWriter, adds_up
from seformer.genome.bigwig_writer import Interval, write_bigwig
from seformer.genome.chromosomes import match_names
from seformer.genome.genome import Genome
from seformer.genome.intervals import cluster
from seformer.regions.sizes import LARGEST, TOO_LONG, read_chromosome_sizes
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
TRACK_FILE, BEDGRAPH_FILE = "attributions.bw", "attributions.bedgraph"
# of an explanation: an earlier run's tracks must not lie beside the new table
OWN_FILES = (TABLE_FILE, SUMMARY_FILE, TRACK_FILE, BEDGRAPH_FILE)


def intervals(regions: pd.DataFrame, values: Callable[[int], np.ndarray]) -> Iterator[Interval]:
    """Yield (chrom, start, end, value) in genome order, one group of overlaps at a time.

    Chromosomes are in the order of their letters, as in the index of a bigWig. Neighbouring bases
    with the same value make one interval. Memory holds one group; each region is read once.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` (0-based half-open).
    values
        float ``[bases]`` of a region, by its row.
    """
    starts, ends = regions["start"].to_numpy(), regions["end"].to_numpy()
    names = regions["chrom"].to_numpy()
    group = cluster(regions, gap=-1)  # counted along the genome
    order = np.lexsort((ends, starts, group))
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        first, last = int(starts[rows].min()), int(ends[rows].max())
        total, depth = np.zeros(last - first), np.zeros(last - first)
        for row in rows.tolist():
            span = slice(int(starts[row]) - first, int(ends[row]) - first)
            total[span] += values(row)
            depth[span] += 1
        mean = (total / depth).astype(np.float32)
        edges = np.concatenate([[0], np.flatnonzero(np.diff(mean)) + 1, [len(mean)]])
        for begin, stop in pairwise(edges.tolist()):
            yield str(names[rows[0]]), first + begin, first + stop, float(mean[begin])


# ------------------------------------------------------------------------- writing


def write_tracks(
    folder: Path,
    regions: pd.DataFrame,
    values: ValuesWriter,
    sizes: Mapping[str, int],
    *,
    bedgraph: bool = False,
) -> None:
    """Write the tracks of regions whose values were just written.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` and ``attribution_sum`` of the regions in ``values``.
    sizes
        See `track_sizes`.

    Raises
    ------
    OSError
        If a track cannot be written, or the values in the file are not those that were computed.
    """
    if not len(regions):
        logger.warning("no region has values: no track is written")
        return
    # the sums were never on the disk: a file that was not written as it should be is found out
    for row, total in enumerate(regions["attribution_sum"]):
        if not adds_up(values[row], total):
            fault = "the values do not sum to those in the table"
            raise OSError(errno.EIO, fault, str(values.path))
    # the order of a track is the genome's, not the file's
    write_bigwig(folder / TRACK_FILE, sizes, intervals(regions, values.__getitem__))
    if bedgraph:
        items = intervals(regions, values.__getitem__)
        write_bedgraph(folder / BEDGRAPH_FILE, "seformer attribution", items)


def write_bedgraph(path: Path, name: str, items: Iterable[Interval]) -> None:
    """Write a bedGraph with a track line (UCSC)."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8") as handle:
        handle.write(f'track type=bedGraph name="{name}" visibility=full alwaysZero=on\n')
        for chrom, start, end, value in items:
            handle.write(f"{chrom}\t{start}\t{end}\t{value:.7g}\n")


def check_sizes(
    regions: pd.DataFrame, sizes: Mapping[str, int], where: str | Path
) -> dict[str, int]:
    """Refuse regions that do not lie on the chromosomes; returns the sizes by the regions' names.

    Raises
    ------
    UserError
        If a chromosome is not in ``sizes``, is shorter than a region's end, or longer than a
        bigWig can hold.
    """
    twins = match_names(regions["chrom"].unique(), sizes)
    renamed = {twin: name for name, twin in twins.items() if name not in sizes}
    sizes = {renamed.get(name, name): size for name, size in sizes.items()}
    for chrom, end in regions.groupby("chrom", sort=False)["end"].max().items():
        if chrom not in sizes:
            fault = f"the chromosome {chrom} is not in it"
        elif sizes[chrom] > LARGEST:
            fault = f"{chrom} has {sizes[chrom]} bp, which {TOO_LONG}"
        elif sizes[chrom] < end:
            fault = f"{chrom} has {sizes[chrom]} bp, but a region ends at {end}"
        else:
            continue
        do = "give the genome the regions were extracted from"
        if TOO_LONG in fault:
            do = "explain the regions of this chromosome in Python, which writes no track"
        raise UserError(fault, where=where, do=do)
    return sizes


def genome_sizes(fasta: Path | None, chrom_sizes: Path | None) -> dict[str, int] | None:
    """Chromosome lengths from a genome or a table; None if neither is given."""
    if chrom_sizes is not None:
        return read_chromosome_sizes(chrom_sizes)
    if fasta is not None:
        with Genome(fasta) as genome:
            return dict(genome.chromosomes)
    return None


def track_sizes(regions: pd.DataFrame, sizes: Mapping[str, int] | None) -> dict[str, int]:
    """Chromosome lengths of the track of ``regions``; see `check_sizes`.

    Where nothing else is known (None) a chromosome ends with its last region.
    """
    if sizes is None:
        logger.warning(
            "%s: without --fasta or --chrom-sizes every chromosome ends with its last region",
            TRACK_FILE,
        )
        ends = regions.groupby("chrom", sort=False)["end"].max()
        sizes = {str(chrom): int(end) for chrom, end in ends.items()}
    return check_sizes(regions, sizes, "the genome of the track")
