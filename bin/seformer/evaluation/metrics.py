"""Metrics of a two-class scorer and their bootstrap intervals over loci.

Labels are 1 for a super-enhancer and 0 for a typical enhancer. AUROC and AUPRC rank by a score,
MCC and balanced accuracy judge decisions, Brier and ECE judge probabilities.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

import numpy as np
from sklearn import metrics as sk

from seformer.util.logs import progress
from seformer.util.ranks import auroc

# name -> title
METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "mcc": "MCC",
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier",
    "ece": "ECE",
}
# those that depend on the share of super-enhancers
PREVALENCE_METRICS = ("auprc", "mcc", "precision", "recall")
# a lower value is better
LOSSES = ("brier", "ece")
ECE_BINS = 15
# weights held at once: 2**22 float64 are 32 MiB
_CELLS = 2**22
_MAX_DRAWS = 100


class ScoredRegions(NamedTuple):
    """What one scorer says of n regions.

    Attributes
    ----------
    score
        float64 [n], any scale; higher means more super-enhancer. Ranks AUROC and AUPRC.
    probability
        float64 [n], calibrated.
    prediction
        int [n], 1 = super-enhancer.
    """

    score: np.ndarray
    probability: np.ndarray
    prediction: np.ndarray

    def take(self, rows: np.ndarray) -> ScoredRegions:
        """Return what it says of some of the regions: bool [n] or their numbers."""
        return ScoredRegions(*(column[rows] for column in self))


class MetricInterval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class BootstrapMetrics(NamedTuple):
    """Metrics of every scorer on the same resamples.

    Attributes
    ----------
    values
        scorer -> metric -> value on the regions as given.
    resamples
        scorer -> metric -> float64 [resamples]; entry i of every array is the same resample,
        which makes differences paired.
    """

    values: dict[str, dict[str, float]]
    resamples: dict[str, dict[str, np.ndarray]]

    def interval(self, scorer: str, metric: str) -> MetricInterval:
        """Return the percentile interval of one metric.

        Resampling adds noise to every calibration bin, so resampled ECEs lie too high by about
        the same amount as the ECE itself does; that interval is moved down by the bootstrap's
        estimate of the bias (mean of the resamples less the value), not below 0.
        """
        value, drawn = self.values[scorer][metric], self.resamples[scorer][metric]
        low, high = percentiles(drawn)
        if metric == "ece":
            bias = float(drawn.mean()) - value
            low, high = max(0.0, low - bias), max(0.0, high - bias)
        return MetricInterval(value, low, high)

    def delta(self, scorer: str, baseline: str, metric: str) -> MetricInterval:
        """Return the paired difference ``scorer`` − ``baseline`` of one metric."""
        drawn = self.resamples[scorer][metric] - self.resamples[baseline][metric]
        value = self.values[scorer][metric] - self.values[baseline][metric]
        return MetricInterval(value, *percentiles(drawn))

    def table(self, metrics: Iterable[str] = METRICS) -> dict[str, dict[str, dict[str, float]]]:
        """Return every scorer's intervals as metrics.json holds them."""
        return {
            name: {metric: self.interval(name, metric)._asdict() for metric in metrics}
            for name in self.values
        }


def percentiles(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def auprc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Average precision: the step-wise area under the precision–recall curve."""
    return float(sk.average_precision_score(labels, scores))


def mcc(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Matthews correlation coefficient; 0 where only one class is predicted."""
    return float(sk.matthews_corrcoef(labels, predictions))


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Mean of sensitivity and specificity."""
    return float(sk.balanced_accuracy_score(labels, predictions))


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared difference between probability and label."""
    return float(sk.brier_score_loss(labels, probabilities))


def ece(labels: np.ndarray, probabilities: np.ndarray, bins: int = ECE_BINS) -> float:
    """Expected calibration error over ``bins`` bins of equal width (Guo et al. 2017).

    The mean over bins, weighted by their regions, of |share of SE − mean probability|.
    """
    gaps = np.asarray(labels, np.float64) - np.asarray(probabilities, np.float64)
    binned = np.bincount(_bins(probabilities, bins), weights=gaps, minlength=bins)
    return float(np.abs(binned).sum() / len(gaps))


def _bins(probabilities: np.ndarray, bins: int) -> np.ndarray:
    return np.minimum((np.asarray(probabilities) * bins).astype(np.int64), bins - 1)


def bootstrap(
    labels: np.ndarray,
    scorers: Mapping[str, ScoredRegions],
    clusters: np.ndarray | None = None,
    n: int = 1000,
    seed: int = 1,
) -> BootstrapMetrics:
    """Compute every metric of every scorer, and again on ``n`` resamples of the loci.

    Parameters
    ----------
    labels
        int [regions], both classes present.
    scorers
        Name to `ScoredRegions`; all over the same regions.
    clusters
        [regions], any hashable ids: regions with one id are drawn together. Default: each
        region is its own locus.
    n
        Resamples; 0 for the values alone. One with a single class is drawn again.
    seed
        Of the resampling.

    Raises
    ------
    ValueError
        If one class is missing, or resamples with both classes cannot be drawn.
    """
    labels = np.asarray(labels).astype(np.int64)
    if len(np.unique(labels)) != 2:
        raise ValueError("the metrics need regions of both classes")
    values = {name: _values(labels, scored) for name, scored in scorers.items()}
    draws = locus_draws(labels, clusters, n, np.random.default_rng(seed))
    return BootstrapMetrics(values, _measure(labels, scorers, draws, METRICS))


def at_prevalence(
    labels: np.ndarray,
    scorers: Mapping[str, ScoredRegions],
    prevalence: float,
    clusters: np.ndarray | None = None,
    n: int = 1000,
    seed: int = 1,
) -> BootstrapMetrics:
    """Compute what the metrics would be at another share of super-enhancers, decisions unchanged.

    Every super-enhancer counts prevalence / share, every typical enhancer the rest in the same
    way: what drawing the two classes in that proportion from the same regions gives on average.

    Parameters
    ----------
    labels, scorers, clusters, n, seed
        As for `bootstrap`; the same resamples.
    prevalence
        Between 0 and 1.

    Returns
    -------
    BootstrapMetrics
        With `PREVALENCE_METRICS` only.
    """
    labels = np.asarray(labels).astype(np.int64)

    def reweighted(weights: np.ndarray) -> np.ndarray:
        share = (weights @ labels / weights.sum(axis=1))[:, None]
        return weights * np.where(labels == 1, prevalence / share, (1 - prevalence) / (1 - share))

    # the first entry is the regions as they are
    as_given = np.ones((1, len(labels)))
    draws = chain([as_given], locus_draws(labels, clusters, n, np.random.default_rng(seed)))
    drawn = _measure(labels, scorers, map(reweighted, draws), PREVALENCE_METRICS)
    return BootstrapMetrics(
        {name: {m: float(v[0]) for m, v in row.items()} for name, row in drawn.items()},
        {name: {m: v[1:] for m, v in row.items()} for name, row in drawn.items()},
    )


def _measure(
    labels: np.ndarray,
    scorers: Mapping[str, ScoredRegions],
    draws: Iterable[np.ndarray],
    metrics: Iterable[str],
) -> dict[str, dict[str, np.ndarray]]:
    """Compute metrics under weights drawn in turn: scorer -> metric -> float64 [resamples]."""
    drawn: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in scorers}
    for weights in draws:
        for name, scored in scorers.items():
            drawn[name].append(_weighted(labels, scored, weights))
    return {
        name: {m: np.concatenate([np.empty(0), *(each[m] for each in rows)]) for m in metrics}
        for name, rows in drawn.items()
    }


def _values(labels: np.ndarray, scored: ScoredRegions) -> dict[str, float]:
    return {
        "auroc": auroc(labels, scored.score),
        "auprc": auprc(labels, scored.score),
        "mcc": mcc(labels, scored.prediction),
        "balanced_accuracy": balanced_accuracy(labels, scored.prediction),
        "brier": brier(labels, scored.probability),
        "ece": ece(labels, scored.probability),
    }


def locus_draws(
    labels: np.ndarray, clusters: np.ndarray | None, n: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yield weight matrices float64 [resamples, regions]: how often each region was drawn."""
    return progress(_draws(labels, clusters, n, rng), "resampling the loci", n, counted=len)


def _draws(
    labels: np.ndarray, clusters: np.ndarray | None, n: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    if clusters is None:
        members = np.arange(len(labels))
    else:
        members = np.unique(np.asarray(clusters), return_inverse=True)[1]
    if n == 0:
        return
    loci = int(members.max()) + 1
    rows = max(1, min(n, _CELLS // max(len(labels), loci)))
    left = n
    for _ in range(_MAX_DRAWS * -(-n // rows)):
        size = min(rows, left)
        drawn = rng.integers(0, loci, size=(size, loci))
        flat = (drawn + loci * np.arange(size)[:, None]).ravel()
        counts = np.bincount(flat, minlength=size * loci).reshape(size, loci)
        weights = counts[:, members].astype(np.float64)
        positive = weights @ labels
        weights = weights[(positive > 0) & (positive < weights.sum(axis=1))]
        if len(weights):
            yield weights
        left -= len(weights)
        if left == 0:
            return
    raise ValueError("almost every resample of the loci holds a single class")


def _weighted(
    labels: np.ndarray, scored: ScoredRegions, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Compute the metrics under each row of ``weights``: each float64 [resamples]."""
    is_se = labels == 1
    total = weights.sum(axis=1)
    positive = weights @ is_se
    negative = total - positive
    auroc, auprc = _ranked(is_se, scored.score, weights, positive, negative)
    called = np.asarray(scored.prediction) == 1
    tp, fp = weights @ (is_se & called), weights @ (~is_se & called)
    # counted, not as differences, which rounding may turn negative
    fn, tn = weights @ (is_se & ~called), weights @ (~is_se & ~called)
    spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    mcc = np.divide(tp * tn - fp * fn, spread, out=np.zeros_like(spread), where=spread > 0)
    gaps = labels - np.asarray(scored.probability, np.float64)
    in_bin = np.eye(ECE_BINS)[_bins(scored.probability, ECE_BINS)]
    return {
        "auroc": auroc,
        "auprc": auprc,
        "mcc": mcc,
        "balanced_accuracy": (tp / positive + tn / negative) / 2,
        "precision": np.divide(tp, tp + fp, out=np.zeros_like(tp), where=tp + fp > 0),
        "recall": tp / positive,
        "brier": weights @ gaps**2 / total,
        "ece": np.abs(weights @ (gaps[:, None] * in_bin)).sum(axis=1) / total,
    }


def ranking_under(
    labels: np.ndarray, score: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute AUROC and AUPRC under each row of ``weights``: float64 [resamples] twice.

    Parameters
    ----------
    labels, score
        int and float64 [n].
    weights
        float64 [resamples, n], of `locus_draws`; both classes in each row.
    """
    is_positive = np.asarray(labels) == 1
    positive = weights @ is_positive
    return _ranked(is_positive, score, weights, positive, weights.sum(axis=1) - positive)


def _ranked(
    is_se: np.ndarray,
    score: np.ndarray,
    weights: np.ndarray,
    positive: np.ndarray,
    negative: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute weighted AUROC and average precision, equal scores being one step."""
    order = np.argsort(-np.asarray(score, np.float64), kind="stable")
    ranked, is_se, weights = np.asarray(score)[order], is_se[order], weights[:, order]
    steps = np.concatenate(([0], np.flatnonzero(np.diff(ranked)) + 1))
    tp = np.add.reduceat(weights * is_se, steps, axis=1)
    fp = np.add.reduceat(weights * ~is_se, steps, axis=1)
    true, false = np.cumsum(tp, axis=1), np.cumsum(fp, axis=1)
    # a super-enhancer beats the negatives that come after its step, and half of those within
    beaten = negative[:, None] - false + fp / 2
    auroc = (tp * beaten).sum(axis=1) / (positive * negative)
    above = true + false
    precision = np.divide(true, above, out=np.zeros_like(above), where=above > 0)
    auprc = (tp * precision).sum(axis=1) / positive
    return auroc, auprc
