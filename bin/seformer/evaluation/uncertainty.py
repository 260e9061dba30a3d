"""Do the probabilities hold, and do the sets keep their promise? Both measured on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit, logit

from seformer.evaluation import metrics
from seformer.evaluation.metrics import MetricInterval
from seformer.model.conformal import BOTH, SETS
from seformer.util.labels import SUPER, TYPICAL

# probabilities that a float64 logit still tells from 0 and 1
_LEAST = 1e-12
# none is looked for beyond
MOST_SLOPE = 100.0
_STEPS, _EXACT = 100, 1e-10
NOISE_DRAWS = 500


def calibration_lines(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the logistic regression of labels on the logit of their probabilities (Cox 1958).

    Slope 1 and intercept 0 where the probabilities hold. A slope below 1 means overconfident, above
    1 too cautious (Van Calster et al. 2016, doi:10.1016/j.jclinepi.2015.12.005).

    Parameters
    ----------
    labels
        int [n], 1 = SE.
    probabilities
        float64 [n].
    weights
        float64 [fits, n]: how often each region counts, in each of several fits.

    Returns
    -------
    tuple
        Slopes and intercepts, see `logistic_lines`.
    """
    probabilities = np.asarray(probabilities, np.float64)
    return logistic_lines(logit(np.clip(probabilities, _LEAST, 1 - _LEAST)), labels, weights)


def logistic_lines(
    x: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit P(SE) = sigmoid(intercept + slope · x) by maximum likelihood, many times at once.

    Parameters
    ----------
    x
        float64 [n], of a spread near 1.
    labels, weights
        As of `calibration_lines`.

    Returns
    -------
    tuple
        Slopes and intercepts, float64 [fits]; NaN where there is none: all x are equal, or they
        separate the classes.
    """
    weights, y = np.asarray(weights, np.float64), np.asarray(labels, np.float64)
    slope, intercept = np.ones(len(weights)), np.zeros(len(weights))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_STEPS):
            # Newton's step: the 2 × 2 system of every fit at once
            p = expit(slope[:, None] * x + intercept[:, None])
            residual, bend = weights * (y - p), weights * p * (1 - p)
            g0, g1 = residual.sum(axis=1), residual @ x
            h0, h1, h2 = bend.sum(axis=1), bend @ x, bend @ x**2
            determinant = h0 * h2 - h1**2
            up, across = (h0 * g1 - h1 * g0) / determinant, (h2 * g0 - h1 * g1) / determinant
            change = np.maximum(np.abs(up), np.abs(across))
            # a step too long may overshoot for ever
            shorter = np.minimum(1, 2 / change)
            slope, intercept = slope + up * shorter, intercept + across * shorter
            still = (change > _EXACT * (1 + np.abs(slope))) & (np.abs(slope) < MOST_SLOPE)
            if not still.any():
                break
        found = (change <= 1e-6 * (1 + np.abs(slope))) & (np.abs(slope) < MOST_SLOPE)
    found &= ~_separated(x, y == 1, weights > 0)
    return np.where(found, slope, np.nan), np.where(found, intercept, np.nan)


def _separated(x: np.ndarray, is_se: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Tell for each fit, a row of ``drawn``, whether one class lies wholly above the other."""

    def ends(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low = np.where(drawn & rows, x, np.inf).min(axis=1)
        return low, np.where(drawn & rows, x, -np.inf).max(axis=1)

    (se_low, se_high), (te_low, te_high) = ends(is_se), ends(~is_se)
    return (se_low >= te_high) | (te_low >= se_high)


def ece_noise(probabilities: np.ndarray, seed: int = 1, draws: int = NOISE_DRAWS) -> np.ndarray:
    """Draw the ECEs that probabilities have which hold: float64 [draws].

    Labels are drawn from the probabilities themselves, so that what is left is the noise of so
    many regions.
    """
    probabilities = np.asarray(probabilities, np.float64)
    rng = np.random.default_rng(seed)
    return np.array(
        [
            metrics.ece(rng.random(len(probabilities)) < probabilities, probabilities)
            for _ in range(draws)
        ]
    )


def measure_probabilities(
    labels: np.ndarray, probabilities: np.ndarray, clusters: np.ndarray, resamples: int, seed: int
) -> dict[str, Any]:
    """Measure calibrated probabilities: ``test.probabilities`` of metrics.json, but for the ECE.

    Parameters
    ----------
    labels
        int [n], 1 = SE; both classes.
    probabilities
        float64 [n], of the model.
    clusters
        [n]: the locus of each region, drawn whole.
    resamples, seed
        Of the bootstrap: the same resamples as of the other metrics.

    Returns
    -------
    dict
        ``n``; ``slope`` and ``intercept`` with their intervals, see `calibration_lines`, left out
        where almost every resample has to have one and has not; ``ece_noise``, the mean of
        `ece_noise`, and ``ece_noise_high``, its 95 % quantile.
    """
    noise = ece_noise(probabilities, seed)
    measured: dict[str, Any] = {
        "n": len(labels),
        "ece_noise": float(noise.mean()),
        "ece_noise_high": float(np.quantile(noise, 0.95)),
    }
    values = calibration_lines(labels, probabilities, np.ones((1, len(labels))))
    draws = metrics.locus_draws(labels, clusters, resamples, np.random.default_rng(seed))
    drawn = [calibration_lines(labels, probabilities, weights) for weights in draws]
    for name, value, each in zip(
        ("slope", "intercept"), values, zip(*drawn, strict=True), strict=True
    ):
        lines = np.concatenate(each)
        # a resample without a line has an end of the interval that cannot be told
        if np.isfinite(value[0]) and np.isfinite(lines).mean() > 0.975:
            measured[name] = _with_interval(float(value[0]), lines[np.isfinite(lines)])
    return measured


def _with_interval(value: float, drawn: np.ndarray) -> dict[str, float]:
    """Put the 95 % percentile interval beside a value."""
    return MetricInterval(value, *metrics.percentiles(drawn))._asdict()


def measure_sets(
    labels: np.ndarray,
    sets: np.ndarray,
    clusters: np.ndarray,
    coverage: float,
    always: Sequence[str],
    fitted: Mapping[str, int],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Count how often sets hold the right class: ``test.conformal`` of metrics.json.

    Parameters
    ----------
    labels, clusters, resamples, seed
        As of `measure_probabilities`.
    sets
        str [n], of `model.conformal.SETS`.
    coverage
        What they promise for each class.
    always
        Classes that every set holds, for want of regions on validation.
    fitted
        Class to the loci of the validation part that its limit was fitted on.

    Returns
    -------
    dict
        ``coverage``, ``always_held``, ``regions``, ``observed`` over all and by class, each with
        its interval (a class with ``fitted_loci`` too), and ``sets``, how often each is there.
    """
    labels, sets = np.asarray(labels).astype(np.int64), np.asarray(sets, str)
    right = (sets == np.where(labels == 1, SUPER, TYPICAL)) | (sets == BOTH)
    groups = {"observed": np.ones(len(labels), bool), SUPER: labels == 1, TYPICAL: labels == 0}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in groups}
    for weights in metrics.locus_draws(labels, clusters, resamples, np.random.default_rng(seed)):
        for name, rows in groups.items():
            drawn[name].append(weights @ (rows & right) / (weights @ rows))
    return {
        "coverage": coverage,
        "always_held": list(always),
        "regions": len(labels),
        **{
            name: {"n": int(rows.sum())}
            | _with_interval(float(right[rows].mean()), np.concatenate(drawn[name]))
            | ({"fitted_loci": fitted[name]} if name in fitted else {})
            for name, rows in groups.items()
        },
        "sets": {name: int((sets == name).sum()) for name in SETS},
    }
