"""Assign chromosomes or clusters to parts so that size and class balance are as wanted.

Whole chromosomes are the stricter test: neighbours share what no overlap shows, such as copies in
tandem or one regulatory domain. Contigs without order, or a single chromosome, leave clusters.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from seformer.genome.chromosomes import match_names
from seformer.util.errors import UserError

# not in the pre-training of GENA-LM's t2t models: they have not seen the test either
DEFAULT_TEST = ("chr7", "chr10")
# the largest are candidates, the rest trains; all sets of up to three are tried: 10,700
MOST_CHROMOSOMES = 40
MOST_TOGETHER = 3


def class_counts(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Count regions per value of ``by``: columns 0 (TE) and 1 (SE), sorted by name."""
    counts = rows.groupby([by, "label"]).size().unstack(fill_value=0)
    return counts.reindex(columns=[0, 1], fill_value=0).sort_index()


def usable_chromosomes(rows: pd.DataFrame, parts: int = 3, minimum: int = 5) -> bool:
    """Tell whether whole chromosomes can make so many parts with both classes.

    Those with fewer regions of a class than ``minimum`` do not count; and where they hold most of
    the regions (an assembly in contigs), chromosomes are not what the genome is divided into.
    """
    counts = class_counts(rows, "chrom")
    both = counts[(counts >= minimum).all(axis=1)]
    return len(both) >= parts and both.sum(axis=None) >= 0.5 * len(rows)


def by_chromosomes(
    rows: pd.DataFrame,
    test: Sequence[str],
    validation: Sequence[str],
    test_fraction: float,
    validation_fraction: float,
    seed: int,
) -> pd.Series:
    """Hold whole chromosomes out.

    Parameters
    ----------
    rows
        Columns ``chrom`` and ``label``.
    test, validation
        Chromosomes given; chosen where empty.
    test_fraction, validation_fraction
        Wanted shares of the regions where chosen.
    seed
        Decides between equally good choices.

    Returns
    -------
    pandas.Series
        str: train, validation or test.

    Raises
    ------
    UserError
        If a given chromosome has no region or is in both lists.
    """
    counts = class_counts(rows, "chrom")
    # people know chromosomes by one name, the genome may have another
    test, validation = (
        [match_names([name], counts.index).get(name, name) for name in names]
        for names in (test, validation)
    )
    for option, names in (("test", test), ("validation", validation)):
        for name in names:
            if name not in counts.index:
                raise UserError(
                    f"--{option}-chromosomes: {name} has no regions",
                    expected=f"some of {', '.join(map(str, counts.index[:30]))}",
                )
    if both := sorted(set(test) & set(validation)):
        raise UserError(f"{', '.join(both)} is given for test and for validation")
    rng = np.random.default_rng(seed)
    test = list(test) or _default_test(counts, validation)
    test = test or _choose(counts.drop(index=list(validation)), counts, test_fraction, rng)
    validation = list(validation) or _choose(
        counts.drop(index=test), counts, validation_fraction, rng
    )
    part = pd.Series("train", index=rows.index, dtype="str")
    part[rows["chrom"].isin(validation)] = "validation"
    part[rows["chrom"].isin(test)] = "test"
    return part


def _default_test(counts: pd.DataFrame, taken: Sequence[str]) -> list[str]:
    names = match_names(DEFAULT_TEST, set(counts.index) - set(taken)).values()
    if len(names) == len(DEFAULT_TEST):
        size = counts.loc[list(names)].sum()
        if (size > 0).all() and size.sum() <= 0.5 * counts.sum(axis=None):
            return list(names)
    return []


def _choose(
    candidates: pd.DataFrame, whole: pd.DataFrame, fraction: float, rng: np.random.Generator
) -> list[str]:
    """Choose up to three chromosomes whose size and share of SEs are nearest to what is wanted."""
    size = candidates.sum(axis=1)
    largest = candidates.loc[size.sort_values(ascending=False, kind="stable").index]
    largest = largest.iloc[:MOST_CHROMOSOMES]
    together = range(1, min(MOST_TOGETHER, len(largest) - 1) + 1)
    sets = [c for n in together for c in itertools.combinations(range(len(largest)), n)]
    if not sets:
        return []
    counts = largest.to_numpy()
    chosen = np.array([counts[list(members)].sum(axis=0) for members in sets])
    total = chosen.sum(axis=1)
    share = whole[1].sum() / whole.sum(axis=None)
    # how far the size and the share of SEs are off, both relative, so that they weigh the same
    off = np.abs(total / (fraction * whole.sum(axis=None)) - 1)
    off = off + np.abs(chosen[:, 1] / np.maximum(total, 1) / share - 1)
    off[(chosen == 0).any(axis=1)] += 100  # a part without one class serves nothing
    # rounded, so that sums in another order do not decide; of equally good sets the seed does
    order = np.lexsort((rng.permutation(len(sets)), off.round(6)))
    return [str(largest.index[i]) for i in sets[order[0]]]


def by_clusters(
    rows: pd.DataFrame, test_fraction: float, validation_fraction: float, seed: int
) -> pd.Series:
    """Hold whole clusters out, large ones placed first, each where its classes are missing most.

    Parameters
    ----------
    rows
        Columns ``cluster`` and ``label``.
    test_fraction, validation_fraction
        Wanted shares of the regions of either class.
    seed
        Orders clusters of one size.

    Returns
    -------
    pandas.Series
        str: train, validation or test.
    """
    counts = class_counts(rows, "cluster")
    parts = ("train", "test", "validation")
    shares = (1 - test_fraction - validation_fraction, test_fraction, validation_fraction)
    chosen = _distribute(counts, shares, np.random.default_rng(seed))
    part = pd.Series(np.array(parts)[chosen], index=counts.index)
    return rows["cluster"].map(part).astype("str")


def into_folds(
    rows: pd.DataFrame, by: str, folds: int, validation_fraction: float, seed: int
) -> list[pd.Series]:
    """Split for cross-validation: every region is in the test part of one fold.

    Parameters
    ----------
    rows
        Columns ``chrom``, ``cluster``, ``label``.
    by
        ``chrom`` or ``cluster``: what stays together as a whole.
    folds
        Number of folds; their test parts are like in size and class balance.
    validation_fraction
        Wanted share of the validation part of each fold, taken from outside its test part.
    seed
        Seed of the choice.

    Returns
    -------
    list of pandas.Series
        str, one series per fold: train, validation or test.

    Raises
    ------
    UserError
        If there are fewer chromosomes or clusters than folds.
    """
    counts = class_counts(rows, by)
    if folds > len(counts):
        name = {"chrom": "chromosomes", "cluster": "clusters of regions"}[by]
        raise UserError(
            f"--folds {folds}: the regions lie in {len(counts)} {name}, the test part of fold "
            f"{len(counts) + 1} would have 0",
            expected="one or more for each fold",
            do="ask for fewer folds",
        )
    rng = np.random.default_rng(seed)
    fold = _distribute(counts, np.full(folds, 1 / folds), rng)
    parts = []
    for k in range(folds):
        rest = counts[fold != k]
        if by == "chrom":
            validation = _choose(rest, counts, validation_fraction, rng)
        else:
            share = validation_fraction * len(rows) / max(rest.sum(axis=None), 1)
            validation = rest.index[_distribute(rest, (1 - share, share), rng) == 1]
        part = pd.Series("train", index=counts.index, dtype="str")
        part[validation] = "validation"
        part[fold == k] = "test"
        parts.append(rows[by].map(part).astype("str"))
    return parts


def _distribute(
    counts: pd.DataFrame, shares: Sequence[float] | np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Give each row of class counts to a part (int64 [rows]), large ones first."""
    # largest first: while there is room, and small ones even out in the end what they left
    sizes = counts.to_numpy().astype(float)
    wanted = np.maximum(np.asarray(shares)[:, None] * sizes.sum(axis=0), 1e-9)
    missing = wanted.copy()
    order = np.lexsort((rng.permutation(len(sizes)), -sizes.sum(axis=1)))
    chosen = np.empty(len(sizes), dtype=np.int64)
    for i in order:
        # what of either class each part would still lack, as a share of what it wants; weighed by
        # the cluster's own classes, so that a cluster of SEs goes where SEs are missing most
        room = ((missing - sizes[i]) / wanted) @ sizes[i]
        chosen[i] = int(np.argmax(room))
        missing[chosen[i]] -= sizes[i]
    return chosen
