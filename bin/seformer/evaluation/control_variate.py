"""A calibration's line, held steady by a reference whose line is known from elsewhere.

A validation part of some hundred regions is easier or harder than the next one by chance, and has
more or fewer super-enhancers than their sequences let expect, for every scorer alike: a slope and
an intercept that are fitted on it say so too, and probabilities are then too sure or too cautious,
too high or too low, everywhere else. What the validation part happens to be is seen by a
reference: a regression on 4-mers, whose line is also known from all loci of the training part, each
scored by a fit that did not see it. How far its line on validation is off tells how far the
scorer's is: the method of control variates (Lavenberg and Welch 1981, doi:10.1287/mnsc.27.3.322).
Test regions are not looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit
from threadpoolctl import threadpool_limits

from seformer.evaluation.metrics import locus_draws
from seformer.evaluation.uncertainty import logistic_lines
from seformer.model.kmer_logistic import scaling, standardised

REFERENCE_K = 4
# inverse penalty of the reference on the whole training part: strong, so that it does not overfit
_STRENGTH = 1e-3
_FOLDS = 5
_DRAWS = 200
# a slope that is not positive in more of the draws than this says nothing
_SENSELESS = 0.05
# nor does a reference whose own slope is known less well: standard deviation of its logarithm
_VAGUE = 0.25
# beyond so many standard deviations a validation part is of other regions, not others by chance
_OTHER = 3.0


class Reference(NamedTuple):
    """A regression on 4-mers.

    Attributes
    ----------
    margins
        float64 [n], of all regions, fitted on the training part.
    log_slope, variance
        Logarithm of the slope of its calibration on loci that it did not see, and its variance.
    intercept, intercept_variance
        The same of the intercept, with this slope.
    """

    margins: np.ndarray
    log_slope: float
    variance: float
    intercept: float
    intercept_variance: float

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of some of the regions (bool [n]) by the line that is known."""
        return expit(np.exp(self.log_slope) * self.margins[rows] + self.intercept)

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
    slope, intercept = (line[0] for line in _lines(unseen, labels[rows], np.ones((1, len(rows)))))
    by_locus = _pulls(labels[rows], expit(slope * unseen + intercept), number)
    return Reference(
        _fit(kmers, labels, train, len(rows)),
        float(np.log(slope)),
        float(np.nanvar(drawn)),
        float(intercept),
        float(by_locus @ by_locus),
    )


def _fit(kmers: np.ndarray, labels: np.ndarray, train: np.ndarray, whole: int) -> np.ndarray:
    """Margins of all rows, fitted on some; with fewer of them the penalty weighs no more."""
    from sklearn.linear_model import LogisticRegression

    scaled = standardised(kmers, *scaling(kmers, train)).astype(np.float64)
    model = LogisticRegression(C=_STRENGTH * whole / train.sum(), max_iter=200, tol=1e-4)
    return model.fit(scaled[train], labels[train]).decision_function(scaled)


def _lines(
    margins: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts of the labels on the margins, float64 [fits]; NaN where none is."""
    spread = float(np.std(margins)) or 1.0
    slopes, intercepts = logistic_lines(margins / spread, labels, weights)
    return slopes / spread, intercepts


def _pulls(labels: np.ndarray, probabilities: np.ndarray, loci: np.ndarray) -> np.ndarray:
    """How far each locus pulls the intercept of a line away from these probabilities: [loci].

    Newton's step of the likelihood, locus by locus; the sum is the step of all of them, and
    products of two scorers' pulls sum up to the covariance of their intercepts (Liang and Zeger
    1986, doi:10.1093/biomet/73.1.13).
    """
    bend = np.sum(probabilities * (1 - probabilities))
    return np.bincount(np.unique(loci, return_inverse=True)[1], labels - probabilities) / bend


def _log_slopes(
    margins: np.ndarray, labels: np.ndarray, loci: np.ndarray, seed: int
) -> np.ndarray | None:
    """Logarithms of the slopes over resamples of the loci, NaN for one without; None if useless."""
    draws = locus_draws(labels, loci, _DRAWS, np.random.default_rng(seed))
    slopes = np.concatenate([_lines(margins, labels, weights)[0] for weights in draws])
    useful = slopes > 0  # not of NaN
    if 1 - useful.mean() > _SENSELESS:
        return None
    return np.log(np.where(useful, slopes, np.nan))


class CalibrationControl:
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
        self._pulls, self._known = None, 0.0
        if reference is None:
            return
        self._pulls = _pulls(self.labels, reference.probabilities(rows), self.loci)
        self._known = reference.intercept_variance
        margins = reference.margins[rows]
        self._drawn = _log_slopes(margins, self.labels, self.loci, seed)
        if self._drawn is not None:
            here = _lines(margins, self.labels, np.ones((1, len(margins))))[0][0]
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

    def shift(self, probabilities: np.ndarray) -> float:
        """What is added to the intercept of a scorer's line, by its probabilities (float64 [n]).

        As with the slope, the surplus of the reference's intercept counts as far as the scorer's
        varies with it. A validation part that is off by more than chance is of other regions than
        the training part, such as with another share of super-enhancers: it is taken as it is.
        """
        if self._pulls is None:
            return 0.0
        surplus, spread = self._pulls.sum(), self._pulls @ self._pulls + self._known
        if surplus**2 > _OTHER**2 * spread:
            return 0.0
        own = _pulls(self.labels, np.asarray(probabilities)[self.rows], self.loci)
        return float(-np.clip(own @ self._pulls / spread, 0.0, 1.0) * surplus)
