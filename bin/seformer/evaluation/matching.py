"""Which score stands for which measured row: by shared bases, and of variants by allele."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from seformer.genome import intervals


class Matches(NamedTuple):
    """Pairs of a measured row and a scored one, and what each measured row has of them.

    Attributes
    ----------
    measured, scored
        int64 [pairs], rows.
    shared
        int64 [pairs], bases.
    count
        int64 [measured rows]: scored rows that match.
    too_little
        int64 [measured rows]: further ones that overlap by less than the rule asks.
    other_allele
        int64 [measured rows]: further ones at the place, of other alleles.
    """

    measured: np.ndarray
    scored: np.ndarray
    shared: np.ndarray
    count: np.ndarray
    too_little: np.ndarray
    other_allele: np.ndarray


def match_places(
    measured: pd.DataFrame,
    scored: pd.DataFrame,
    min_overlap: float,
    alleles: tuple[np.ndarray, np.ndarray] | None = None,
) -> Matches:
    """Match measured rows with scored ones that share enough bases.

    Parameters
    ----------
    measured, scored
        Columns ``chrom``, ``start``, ``end`` (0-based half-open).
    min_overlap
        Share of the shorter of two that both must share, above 0.
    alleles
        Reference and alternative, str [rows, 2], of the measured and of the scored: then place and
        alleles must be the same.
    """
    m, s = intervals.pairs(measured, scored)
    begin, stop = (measured[name].to_numpy(np.int64) for name in ("start", "end"))
    start, end = (scored[name].to_numpy(np.int64) for name in ("start", "end"))
    shared = np.minimum(stop[m], end[s]) - np.maximum(begin[m], start[s])
    enough = (shared > 0) & (
        shared >= min_overlap * np.minimum((stop - begin)[m], (end - start)[s])
    )
    same = np.ones(len(m), bool)
    if alleles is not None:
        enough &= begin[m] == start[s]
        same = (alleles[0][m] == alleles[1][s]).all(axis=1)
    kept = enough & same

    def per_row(pairs: np.ndarray) -> np.ndarray:
        return np.bincount(m[pairs], minlength=len(measured))

    return Matches(
        m[kept], s[kept], shared[kept], per_row(kept), per_row(~enough), per_row(enough & ~same)
    )


def choose_scores(
    matches: Matches, scored: pd.DataFrame, score: np.ndarray, several: str
) -> tuple[np.ndarray, np.ndarray]:
    """Give each measured row one score.

    Parameters
    ----------
    scored
        Columns ``chrom``, ``start``, ``end``.
    score
        float64 [scored rows].
    several
        What counts where several match: ``most`` (the one that shares most bases; of equal ones
        the shortest, then the first along the genome, then the highest score: never the order in
        the file), ``mean``, ``max``, or ``drop`` (none).

    Returns
    -------
    tuple
        float64 [measured rows], NaN where there is none; and int64, the scored row that shares
        most, −1 where there is none.
    """
    start, end = (scored[name].to_numpy(np.int64)[matches.scored] for name in ("start", "end"))
    own = score[matches.scored]
    order = np.lexsort((-own, start, end - start, -matches.shared, matches.measured))
    rows, first = np.unique(matches.measured[order], return_index=True)
    best = np.full(len(matches.count), -1, np.int64)
    best[rows] = matches.scored[order][first]
    chosen = np.full(len(best), np.nan)
    chosen[rows] = own[order][first]
    if several in ("mean", "max") and len(own):
        grouped = pd.Series(own).groupby(matches.measured).agg(several)
        chosen[grouped.index] = grouped
    elif several == "drop":
        chosen[matches.count > 1] = np.nan
    return chosen, best


def name_loci(
    measured: pd.DataFrame, scored: pd.DataFrame, best: np.ndarray, target: np.ndarray, gap: int
) -> np.ndarray:
    """Number the loci of measured rows, which are drawn whole: int64 [n].

    One locus are rows at most ``gap`` apart, rows of which one scored region is the score, and
    rows of one target gene; and so on from row to row.

    Parameters
    ----------
    measured
        Columns ``chrom``, ``start``, ``end``.
    scored, best
        The scored rows, and which of them each measured row has.
    target
        str [n], "" for none.
    """
    other = scored.iloc[best]
    reach = measured[["chrom"]].reset_index(drop=True)
    reach["start"] = np.minimum(measured["start"].to_numpy(), other["start"].to_numpy())
    reach["end"] = np.maximum(measured["end"].to_numpy(), other["end"].to_numpy())
    near = intervals.cluster(reach, gap)
    genes = np.unique(target, return_inverse=True)[1]
    named = target != ""
    size = int(near.max(initial=-1)) + 1
    nodes = size + int(genes.max(initial=-1)) + 1
    edges = (np.ones(int(named.sum())), (near[named], size + genes[named]))
    components = connected_components(coo_matrix(edges, shape=(nodes, nodes)), directed=False)[1]
    return np.unique(components[near], return_inverse=True)[1]
