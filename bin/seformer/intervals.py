"""Overlaps between half-open intervals, exact and vectorised."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cluster(regions: pd.DataFrame, gap: int = 0) -> np.ndarray:
    """Number the groups of regions that overlap or lie at most ``gap`` bases apart.

    Parameters
    ----------
    regions
        Columns ``chrom``, ``start``, ``end`` (0-based half-open), any order and index.
    gap
        Largest distance between neighbours of one cluster; 0 joins regions that overlap or
        touch.

    Returns
    -------
    numpy.ndarray
        int64 [n]: cluster of each row, counted along the genome from 0.
    """
    chrom = pd.factorize(regions["chrom"], sort=True)[0]
    start = regions["start"].to_numpy(np.int64)
    end = regions["end"].to_numpy(np.int64)
    order = np.lexsort((end, start, chrom))
    chrom, start, end = chrom[order], start[order], end[order]
    # an offset per chromosome turns the running maximum into one pass over all of them
    offset = chrom * (np.int64(end.max(initial=0)) + gap + 1)
    reach = np.maximum.accumulate(end + offset)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (chrom[1:] != chrom[:-1]) | (start[1:] + offset[1:] > reach[:-1] + gap)
    clusters = np.empty(len(order), dtype=np.int64)
    clusters[order] = np.cumsum(new) - 1
    return clusters


def overlapping(queries: pd.DataFrame, targets: pd.DataFrame) -> np.ndarray:
    """Tell which queries share at least one base with any target.

    Parameters
    ----------
    queries, targets
        Columns ``chrom``, ``start``, ``end`` (0-based half-open).

    Returns
    -------
    numpy.ndarray
        bool [number of queries].
    """
    chrom = pd.factorize(pd.concat([queries["chrom"], targets["chrom"]], ignore_index=True))[0]
    (start, end), (begin, stop) = (
        (rows["start"].to_numpy(np.int64), rows["end"].to_numpy(np.int64))
        for rows in (queries, targets)
    )
    # an offset per chromosome lays all of them out along one line
    span = max(end.max(initial=0), stop.max(initial=0)) + 1
    shift, target_shift = np.split(chrom * span, [len(queries)])
    order = np.argsort(begin + target_shift, kind="stable")
    begins = (begin + target_shift)[order]
    reach = np.maximum.accumulate((stop + target_shift)[order])
    # all targets that begin before the query ends, and how far the longest of them reaches
    before = np.searchsorted(begins, end + shift, side="left")
    return np.concatenate([[-1], reach])[before] > start + shift
