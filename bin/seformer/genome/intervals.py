"""Overlaps between half-open intervals, exact and vectorised."""

from __future__ import annotations

from typing import Literal

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
        touch, −1 only those that share a base.

    Returns
    -------
    numpy.ndarray
        int64 [n]: cluster of each row, counted along the genome from 0.
    """
    ((start, end),) = _along_one_line(regions, gap=gap)
    order = np.lexsort((end, start))
    reach = np.maximum.accumulate(end[order])
    new = np.append(True, start[order][1:] > reach[:-1] + gap)[: len(order)]
    clusters = np.empty(len(order), dtype=np.int64)
    clusters[order] = np.cumsum(new) - 1
    return clusters


def merged(regions: pd.DataFrame) -> pd.DataFrame:
    """Join regions that overlap or touch: ``chrom``, ``start``, ``end``, along the genome."""
    places = regions[["chrom", "start", "end"]].assign(cluster=cluster(regions))
    grouped = places.groupby("cluster", sort=True)
    return grouped.agg({"chrom": "first", "start": "min", "end": "max"}).reset_index(drop=True)


def subtract(regions: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """Return what of the regions no interval of ``taken`` covers, as `merged` regions.

    Parameters
    ----------
    regions, taken
        Columns ``chrom``, ``start``, ``end`` (0-based half-open).
    """
    left, taken = merged(regions), merged(taken)
    of, by = pairs(left, taken)
    # each region is cut before and behind every interval in it; both are sorted
    cut_start = np.maximum(taken["start"].to_numpy()[by], left["start"].to_numpy()[of])
    cut_end = np.minimum(taken["end"].to_numpy()[by], left["end"].to_numpy()[of])
    row = np.concatenate([np.arange(len(left)), of])
    start = np.concatenate([left["start"].to_numpy(), cut_end])
    end = np.concatenate([cut_start, left["end"].to_numpy()])
    # the k-th start of a region belongs to its k-th end
    begins = np.lexsort((start, row))
    ends = np.lexsort((end, np.concatenate([of, np.arange(len(left))])))
    rows = row[begins]
    parts = pd.DataFrame(
        {"chrom": left["chrom"].to_numpy()[rows], "start": start[begins], "end": end[ends]}
    )
    return parts[parts["start"] < parts["end"]].reset_index(drop=True)


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
    (start, end), (begin, stop) = _along_one_line(queries, targets)
    order = np.argsort(begin, kind="stable")
    reach = np.maximum.accumulate(stop[order])
    # all targets that begin before the query ends, and how far the longest of them reaches
    before = np.searchsorted(begin[order], end, side="left")
    return np.concatenate([[-1], reach])[before] > start


def pairs(queries: pd.DataFrame, targets: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Find all pairs of a query and a target that share at least one base.

    Of two intervals that overlap, one begins inside the other: whatever the lengths, sorted starts
    give all pairs and nothing else.

    Parameters
    ----------
    queries, targets
        Columns ``chrom``, ``start``, ``end`` (0-based half-open).

    Returns
    -------
    tuple
        int64 ``[pairs]`` twice: row of the query and row of the target, in their orders.
    """
    (start, end), (begin, stop) = _along_one_line(queries, targets)
    query, target = _begin_inside(begin, start, end, "left")
    # those that begin together are among these already
    target_again, query_again = _begin_inside(start, begin, stop, "right")
    query, target = np.append(query, query_again), np.append(target, target_again)
    order = np.lexsort((target, query))
    return query[order], target[order]


def _begin_inside(
    begins: np.ndarray, start: np.ndarray, end: np.ndarray, side: Literal["left", "right"]
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals and the ``begins`` in them; side "right" leaves out those at a start."""
    order = np.argsort(begins, kind="stable")
    first = np.searchsorted(begins[order], start, side)
    count = np.maximum(np.searchsorted(begins[order], end, "left") - first, 0)
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(start)), count), order[np.repeat(first, count) + rank]


def _along_one_line(*tables: pd.DataFrame, gap: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Starts and ends of intervals, chromosomes laid one after the other: int64 ``[rows]`` each.

    More than ``gap`` bases lie between two chromosomes, which stand in the order of their names.
    """
    joined = pd.concat([table[["chrom", "start", "end"]] for table in tables], ignore_index=True)
    start, end = (joined[name].to_numpy(np.int64) for name in ("start", "end"))
    shift = pd.factorize(joined["chrom"], sort=True)[0] * (end.max(initial=0) + gap + 1)
    cuts = np.cumsum([len(table) for table in tables])[:-1]
    return list(zip(np.split(start + shift, cuts), np.split(end + shift, cuts), strict=True))
