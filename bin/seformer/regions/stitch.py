"""Peaks stitched to regions, by the rules of ROSE (Whyte et al. 2013; Lovén et al. 2013)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from seformer.genome.intervals import cluster

TOUCH = 50  # bases round a start site that a region must reach to touch it
MOST_GENES = 2  # a stitched region that touches more falls back to its peaks

Sites = Mapping[str, tuple[np.ndarray, np.ndarray]]


def sites_by_chromosome(sites: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the sorted positions of start sites and the number of the gene of each.

    Parameters
    ----------
    sites
        ``chrom``, ``position`` (0-based), ``gene``.
    """
    # transcripts may share a site
    sites = sites.drop_duplicates(["chrom", "position", "gene"])
    genes = pd.Series(pd.factorize(sites["gene"])[0], index=sites.index)
    result = {}
    for chrom, rows in sites.groupby("chrom", sort=False):
        order = np.argsort(rows["position"].to_numpy(), kind="stable")
        result[chrom] = (rows["position"].to_numpy()[order], genes[rows.index].to_numpy()[order])
    return result


def near_start_site(peaks: pd.DataFrame, sites: Sites, exclusion: int) -> np.ndarray:
    """Tell which peaks lie wholly inside ± ``exclusion`` bases of a start site.

    Parameters
    ----------
    peaks
        ``chrom``, ``start``, ``end`` (0-based half-open).
    sites
        See `sites_by_chromosome`.

    Returns
    -------
    numpy.ndarray
        bool [peaks].
    """
    if exclusion == 0:
        return np.zeros(len(peaks), bool)
    # a peak lies inside if a site is at most so far from its first and from its last base
    low, high = _sites_between(
        peaks, sites, peaks["end"] - 1 - exclusion, peaks["start"] + exclusion
    )
    return high > low


def stitch(peaks: pd.DataFrame, gap: int, sites: Sites | None = None) -> np.ndarray:
    """Number the regions that peaks at most ``gap`` bases apart make.

    A region that touches the start sites (± `TOUCH` bases) of more than `MOST_GENES` genes is taken
    apart again: each of its peaks is a region.

    Parameters
    ----------
    peaks
        ``chrom``, ``start``, ``end`` (0-based half-open), sorted by these, and ``name``.

    Returns
    -------
    numpy.ndarray
        int64 [peaks]: region of each peak, from 0 in the order of the peaks.
    """
    owner = cluster(peaks, gap)
    if not sites:
        return owner
    regions = region_table(peaks, owner)
    low, high = _sites_between(regions, sites, regions["start"] - TOUCH, regions["end"] - 1 + TOUCH)
    apart = np.zeros(len(regions), bool)
    for row in np.flatnonzero(high - low > MOST_GENES):
        genes = sites[regions["chrom"].iat[row]][1][low[row] : high[row]]
        apart[row] = len(np.unique(genes)) > MOST_GENES
    # a number for each region that stays, and for each peak of the others
    first = np.append(True, owner[1:] != owner[:-1]) | apart[owner]
    return np.cumsum(first) - 1


def region_table(peaks: pd.DataFrame, owner: np.ndarray) -> pd.DataFrame:
    """Return the regions that peaks were stitched to.

    Parameters
    ----------
    peaks
        ``chrom``, ``start``, ``end``, ``name``.
    owner
        See `stitch`.

    Returns
    -------
    pandas.DataFrame
        ``chrom``, ``start``, ``end``, ``name`` (of the first peak), ``peaks`` (how many) and
        ``bases`` (sum of their lengths), by number of the region.
    """
    table = peaks.assign(peaks=1, bases=peaks["end"] - peaks["start"])
    return table.groupby(owner, sort=True).agg(
        chrom=("chrom", "first"),
        start=("start", "min"),
        end=("end", "max"),
        name=("name", "first"),
        peaks=("peaks", "sum"),
        bases=("bases", "sum"),
    )


def _sites_between(
    rows: pd.DataFrame, sites: Sites, first: pd.Series, last: pd.Series
) -> tuple[np.ndarray, np.ndarray]:
    """Number of sites of the chromosome before ``first``, and up to ``last``: int64 [rows] each."""
    low, high = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
    chroms = rows["chrom"].to_numpy()
    for chrom in dict.fromkeys(chroms):
        if chrom in sites:
            here, positions = chroms == chrom, sites[chrom][0]
            low[here] = np.searchsorted(positions, first.to_numpy()[here], "left")
            high[here] = np.searchsorted(positions, last.to_numpy()[here], "right")
    return low, high
