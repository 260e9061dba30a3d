"""Measures of ranks, without what takes a second to import and every training would pay."""

from __future__ import annotations

import numpy as np
import pandas as pd


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve: of the pairs of both classes the share that is ranked right.

    From the sum of the ranks (Mann and Whitney 1947); scikit-learn's ``roc_auc_score`` gives the
    same but for rounding.

    Parameters
    ----------
    labels
        int or bool [n], 1 = super-enhancer.
    scores
        float [n], higher means more super-enhancer. Ties count one half.

    Returns
    -------
    float
        NaN where one class is missing.

    Raises
    ------
    ValueError
        If a score is not a number.
    """
    positive = np.asarray(labels).astype(bool)
    ranks = _ranks(scores)
    if np.isnan(ranks).any():
        raise ValueError("a score is not a number")
    supers = int(positive.sum())
    typicals = len(positive) - supers
    if not supers or not typicals:
        return float("nan")
    return float((ranks[positive].sum() - supers * (supers + 1) / 2) / (supers * typicals))


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two float [n], neither of them constant; ties share a rank."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def false_discovery_rates(p: np.ndarray) -> np.ndarray:
    """Return q (Benjamini and Hochberg 1995) of float [n]; what has no p, NaN, has no q."""
    p = np.asarray(p, np.float64)
    q, known = np.full(len(p), np.nan), np.isfinite(p)
    if known.any():
        # a second, which only those pay that have a p
        from scipy.stats import false_discovery_control

        q[known] = false_discovery_control(p[known])
    return q


def _ranks(values: np.ndarray) -> np.ndarray:
    return pd.Series(np.asarray(values)).rank().to_numpy()
