"""A logistic regression on k-mer frequencies: a baseline, and the linear part of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from seformer.util import ranks
from seformer.util.logs import progress

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def scaling(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each feature on the training rows, and one over its spread: float64 [features]."""
    mean = values[train].mean(axis=0, dtype=np.float64)
    spread = values[train].std(axis=0, dtype=np.float64)
    # a feature that is constant up to rounding says nothing: leave it at zero
    varies = spread > 1e-9 * np.maximum(1, np.abs(mean))
    return mean, np.where(varies, 1 / np.maximum(spread, 1e-300), 0)


def standardised(values: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Features less their mean, times their scale."""
    # in the table's own precision: a copy in float64 would double the memory
    return (values - mean.astype(values.dtype)) * scale.astype(values.dtype)


class KmerLogistic(NamedTuple):
    """A logistic regression on k-mer frequencies: margin = frequencies · weight + bias.

    ``weight`` is float64 [canonical k-mers] for the frequencies as they are, not standardised.
    """

    k: int
    strength: float
    weight: np.ndarray
    bias: float


def fit_kmer_logistic(
    kmers: Mapping[int, np.ndarray], labels: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> KmerLogistic:
    """L2-penalised logistic regression; k and the penalty with the best validation AUROC.

    Parameters
    ----------
    kmers
        k -> frequencies, float32 [n, canonical k-mers].
    labels
        int [n], 1 = SE; only those of the two parts are read.
    train, validation
        bool [n].
    """
    # a second to import, which most trainings need not
    from sklearn.linear_model import LogisticRegression

    highest, best = -1.0, None
    for k in progress(sorted(kmers), "fitting k-mers"):
        mean, scale = scaling(kmers[k], train)
        scaled = standardised(kmers[k], mean, scale)
        model = LogisticRegression(max_iter=200, tol=1e-3, warm_start=True)
        for strength in STRENGTHS:
            model.set_params(C=strength).fit(scaled[train], labels[train])
            auroc = ranks.auroc(labels[validation], model.decision_function(scaled[validation]))
            if auroc > highest:
                weight = model.coef_[0].astype(np.float64) * scale
                bias = float(model.intercept_[0]) - float(weight @ mean)
                highest, best = auroc, KmerLogistic(k, strength, weight, bias)
    if best is None:
        raise ValueError("no k-mers were given, or the validation part has one class alone")
    return best
