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
    hit = np.zeros(len(queries), dtype=bool)
    by_chrom = {chrom: part for chrom, part in targets.groupby("chrom", sort=False)}
    places = queries.groupby("chrom", sort=False).indices
    for chrom, rows in places.items():
        part = by_chrom.get(chrom)
        if part is None:
            continue
        order = np.argsort(part["start"].to_numpy(), kind="stable")
        starts = part["start"].to_numpy()[order]
        reach = np.maximum.accumulate(part["end"].to_numpy()[order])
        # the last target that begins before the query ends, and all before it, reach this far
        last = np.searchsorted(starts, queries["end"].to_numpy()[rows], side="left") - 1
        begins = queries["start"].to_numpy()[rows]
        hit[rows] = (last >= 0) & (reach[np.maximum(last, 0)] > begins)
    return hit
