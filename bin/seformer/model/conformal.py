"""Sets of classes with a promise: split-conformal prediction, class by class (Mondrian).

A region's set holds every class that its logit is not too strange for: SE unless fewer than
1 − coverage of the super-enhancers of the validation part score as low, TE unless so few of the
typical ones score as high. Of the regions of a class, whatever their number, the set then holds
their class with at least the probability ``coverage``: averaged over validation parts, for regions
whose loci could as well have been drawn into the validation part (exchangeable loci: Vovk 2012,
doi:10.48550/arXiv.1209.2673; Angelopoulos and Bates 2023, doi:10.1561/2200000101). Of loci of one
size that is exact; where a few large ones are the strangest it may be some points less. Nothing is
promised for another cell line, assembly or length.
"""

from __future__ import annotations

import math

import numpy as np

from seformer.model.settings import ClassLimit, ConformalSets
from seformer.util.labels import SUPER, TYPICAL

BOTH, NONE = "both", "none"
SETS = (SUPER, TYPICAL, BOTH, NONE)
# of a product that is a whole number but for its rounding
_ROUNDING = 1e-9


def fit_sets(
    logits: np.ndarray, labels: np.ndarray, loci: np.ndarray, coverage: float
) -> ConformalSets:
    """Find the limits of both classes on the validation part.

    Parameters
    ----------
    logits
        float64 [n], margin of SE over TE. Sets depend on their order alone: a calibration, or
        another prevalence, changes nothing.
    labels
        int [n], 1 = SE; both classes.
    loci
        [n], any ids: regions of one locus are not independent.
    coverage
        Between 0 and 1: the share of each class whose set is to hold it.
    """
    logits, labels, loci = np.asarray(logits, np.float64), np.asarray(labels), np.asarray(loci)
    se, te = labels == 1, labels == 0
    # strange is what is low among super-enhancers, and what is high among typical enhancers
    return ConformalSets(
        coverage=coverage,
        SE=_limit(-logits[se], loci[se], coverage, -1),
        TE=_limit(logits[te], loci[te], coverage, 1),
    )


def _limit(strangeness: np.ndarray, loci: np.ndarray, coverage: float, sign: int) -> ClassLimit:
    """Take the strangeness that a region may have at most, as a logit.

    With n regions it is the ⌈(n + m) · coverage⌉-th smallest, where m is the mean number of regions
    of a locus: the locus to come counts as strange as can be. Where every region is its own locus
    that is the usual n + 1. Equal values are on the same side. Where n + 1 regions are too few, no
    limit holds the promise, and there is none; where they are enough but the loci too few, it is
    the strangest of all.
    """
    n, number = len(strangeness), len(np.unique(loci))

    def rank(one: float) -> int:
        return max(1, math.ceil((n + one) * coverage - _ROUNDING))

    if rank(1) > n:
        return ClassLimit(limit=None, regions=n, loci=number)
    strangest = np.sort(strangeness)[min(rank(n / number), n) - 1]
    return ClassLimit(limit=sign * float(strangest), regions=n, loci=number)


def holds(sets: ConformalSets, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tell whether each region's set holds SE, and whether it holds TE: two bool [n]."""
    logits = np.asarray(logits, np.float64)
    low, high = sets.SE.limit, sets.TE.limit
    everything = np.ones(len(logits), bool)
    return (
        everything if low is None else logits >= low,
        everything if high is None else logits <= high,
    )


def name_sets(sets: ConformalSets, logits: np.ndarray) -> np.ndarray:
    """Name each region's set, one of `SETS`: str [n]."""
    se, te = holds(sets, logits)
    return np.select([se & te, se, te], [BOTH, SUPER, TYPICAL], NONE)


def few_loci(sets: ConformalSets) -> list[str]:
    """Name the classes with a limit that is fitted on too few loci, if not on too few regions.

    The promise then holds only as far as the regions of a locus are no more alike than others.
    """
    limits = {name: getattr(sets, name) for name in (SUPER, TYPICAL)}
    return [
        name
        for name, of_class in limits.items()
        if of_class.limit is not None
        and (of_class.loci + 1) * sets.coverage > of_class.loci + _ROUNDING
    ]


def always_held(sets: ConformalSets) -> list[str]:
    """Name the classes that every set holds, for want of regions to fit a limit on."""
    return [name for name in (SUPER, TYPICAL) if getattr(sets, name).limit is None]
