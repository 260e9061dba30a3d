"""The slope of a calibration, held steady by a reference whose slope is known from elsewhere.

A validation part of some hundred regions is easier or harder than the next one by chance, for every
scorer alike: a slope that is fitted on it says so too, and probabilities are then too sure, or too
cautious, everywhere else. What the validation part happens to be is seen by a reference: a
regression on 4-mers, whose slope is also known from all loci of the training part, each scored by
a fit that did not see it. How far its slope on validation is off tells how far the scorer's is:
the method of control variates (Lavenberg and Welch 1981, doi:10.1287/mnsc.27.3.322). Test regions
are not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from seformer.evaluation.metrics import locus_draws
from seformer.evaluation.uncertainty import logistic_lines

REFERENCE_K = 4
# inverse penalty of the reference on the whole training part: strong, so that it does not overfit
_STRENGTH = 1e-3
_FOLDS = 5
_DRAWS = 200
# a slope that is not positive in more of the draws than this says nothing
_SENSELESS = 0.05
# nor does a reference whose own slope is known less well: standard deviation of its logarithm
_VAGUE = 0.25


class Reference(NamedTuple):
    """A regression on 4-mers.

    Attributes
    ----------
    margins
        float64 [n], of all regions, fitted on the training part.
    log_slope, variance
        Logarithm of the slope of its calibration on loci that it did not see, and its variance.
    """

    margins: np.ndarray
    log_slope: float
    variance: float

    def take(self, rows: np.ndarray) -> Reference:
        """Return it with the margins of some of the regions (bool [n])."""
        return self._replace(margins=self.margins[rows])


# one thread: the same sums on every machine, see `baselines.fit_baselines`
@threadpool_limits.wrap(limits=1)
def fit_reference(
    kmers: np.ndarray, labels: np.ndarray, train: np.ndarray, loci: np.ndarray, seed: int
) -> Reference | None:
    """Fit the reference, and cross-fit it over the loci of the training part.

    Parameters
    ----------
    kmers
        float32 [n, canonical 4-mers], frequencies.
    labels
        int [n], 1 = SE; only those of the training part are read.
    train
        bool [n].
    loci
        [n]: the locus of each region, kept on one side.

    Returns
    -------
    Reference or None
        None where the training part is too small to tell a slope, or 4-mers say nothing.
    """
    rows = np.flatnonzero(train)
    number = np.unique(loci[rows], return_inverse=True)[1]
    fold = (np.random.default_rng(seed).permutation(number.max() + 1) % _FOLDS)[number]
    unseen = np.empty(len(rows))
    for each in range(_FOLDS):
        others = np.zeros(len(labels), bool)
        others[rows[fold != each]] = True
        if len(np.unique(labels[others])) < 2 or not (fold == each).any():
            return None
        unseen[fold == each] = _fit(kmers, labels, others, len(rows))[rows[fold == each]]
    drawn = _log_slopes(unseen, labels[rows], number, seed)
    if drawn is None or not np.nanstd(drawn) < _VAGUE:
        return None
    return Reference(
        _fit(kmers, labels, train, len(rows)),
        float(np.log(_slopes(unseen, labels[rows], np.ones((1, len(rows))))[0])),
        float(np.nanvar(drawn)),
    )


def _fit(kmers: np.ndarray, labels: np.ndarray, train: np.ndarray, whole: int) -> np.ndarray:
    """Margins of all rows, fitted on some; with fewer of them the penalty weighs no more."""
    from sklearn.linear_model import LogisticRegression

    from seformer.model.kmer_logistic import scaling, standardised

    scaled = standardised(kmers, *scaling(kmers, train)).astype(np.float64)
    model = LogisticRegression(C=_STRENGTH * whole / train.sum(), max_iter=200, tol=1e-4)
    return model.fit(scaled[train], labels[train]).decision_function(scaled)


def _slopes(margins: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Slopes of the labels on the margins, float64 [fits]; NaN where there is none."""
    spread = float(np.std(margins)) or 1.0
    return logistic_lines(margins / spread, labels, weights)[0] / spread


def _log_slopes(
    margins: np.ndarray, labels: np.ndarray, loci: np.ndarray, seed: int
) -> np.ndarray | None:
    """Logarithms of the slopes over resamples of the loci, NaN for one without; None if useless."""
    draws = locus_draws(labels, loci, _DRAWS, np.random.default_rng(seed))
    slopes = np.concatenate([_slopes(margins, labels, weights) for weights in draws])
    useful = slopes > 0  # not of NaN
    if 1 - useful.mean() > _SENSELESS:
        return None
    return np.log(np.where(useful, slopes, np.nan))


class SlopeControl:
    """What the reference tells of one validation part, for every scorer alike.

    Parameters
    ----------
    reference
        Its margins are of the same n rows as below.
    labels, loci
        [n]; only those of ``rows`` are read.
    rows
        bool [n]: those that calibrations are fitted on.
    """

    def __init__(
        self,
        reference: Reference | None,
        labels: np.ndarray,
        loci: np.ndarray,
        rows: np.ndarray,
        seed: int,
    ) -> None:
        self.rows, self.labels, self.loci, self.seed = rows, labels[rows], loci[rows], seed
        self._drawn, self._surplus, self._variance = None, 0.0, 0.0
        if reference is None:
            return
        margins = reference.margins[rows]
        self._drawn = _log_slopes(margins, self.labels, self.loci, seed)
        if self._drawn is not None:
            here = _slopes(margins, self.labels, np.ones((1, len(margins))))[0]
            self._surplus = float(np.log(here)) - reference.log_slope
            self._variance = reference.variance

    def factor(self, scores: np.ndarray) -> float:
        """By what the slope of ``scores`` (float64 [n]) that validation gives is multiplied.

        The surplus of the reference's logarithmic slope counts as far as the scorer's varies with
        it over resamples of the loci: of a scorer that has nothing in common with it, not at all.
        """
        if self._drawn is None or not np.isfinite(self._surplus):
            return 1.0
        own = _log_slopes(np.asarray(scores)[self.rows], self.labels, self.loci, self.seed)
        if own is None:
            return 1.0
        known = np.isfinite(own) & np.isfinite(self._drawn)
        (_, common), (_, spread) = np.cov(own[known], self._drawn[known])
        weight = np.clip(common / (spread + self._variance), 0.0, 1.0)
        return float(np.exp(-weight * self._surplus))
