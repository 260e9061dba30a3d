"""What length, composition and a small network alone achieve on the same folds.

Every baseline is fitted on the training part, chosen on the validation part, and only scores the
test part. All are deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from seformer.evaluation import convolution, metrics
from seformer.model.kmer_logistic import fit_kmer_logistic, scaling, standardised
from seformer.sequence.composition import SINGLE_FEATURES, Composition
from seformer.util.errors import UserError

BOOSTING_K = 4
BOOSTING_ROUNDS = 400
COMPOSITION_NAMES = (*SINGLE_FEATURES, "kmer_logistic", "kmer_boosting")
NAMES = (*COMPOSITION_NAMES, "cnn")


class Baseline(NamedTuple):
    """One baseline's scores on all rows (log-odds, float64 [n]) and what was chosen."""

    scores: np.ndarray
    chosen: dict[str, Any]


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the baselines asked for, in the order of `NAMES`.

    Raises
    ------
    UserError
        If one is not known, or none is left.
    """
    asked = set(names)
    unknown = sorted(asked - set(NAMES))
    if unknown or not asked:
        raise UserError(
            f"the baseline {unknown[0]!r} is not known" if unknown else "no baseline was chosen",
            where="--baselines",
            expected=f"some of {', '.join(NAMES)}",
        )
    return tuple(name for name in NAMES if name in asked)


# one thread: the same sums on every machine, and no threads that wait for each other on a busy one
@threadpool_limits.wrap(limits=1)
def fit_all(
    features: Composition,
    labels: np.ndarray,
    split: np.ndarray,
    names: Iterable[str] = COMPOSITION_NAMES,
    sequences: Sequence[str] = (),
) -> dict[str, Baseline]:
    """Fit baselines and score all rows.

    Parameters
    ----------
    features
        Of all rows.
    labels
        int [n], 1 = SE.
    split
        str [n]: train, validation or test. The labels of test rows are never read.
    names
        Which of `NAMES`.
    sequences
        Of all rows; only ``cnn`` reads them.

    Returns
    -------
    dict
        The baselines asked for, in the order of `NAMES`.
    """
    train, validation = split == "train", split == "validation"
    single = {"length": np.log(np.maximum(1, features.length))}
    single |= {name: getattr(features, name) for name in SINGLE_FEATURES[1:]}
    found = {}
    for name in check_names(names):
        if name in single:
            found[name] = _single(single[name], labels, train)
        elif name == "kmer_logistic":
            found[name] = _kmer_logistic(features.kmers, labels, train, validation)
        elif name == "kmer_boosting":
            table = features.kmers[BOOSTING_K]
            found[name] = _kmer_boosting(table, labels, train, validation)
        else:
            found[name] = Baseline(*convolution.fit(sequences, labels, train, validation))
    return found


def _single(values: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Baseline:
    scaled = standardised(values[:, None], *scaling(values[:, None], train))
    model = LogisticRegression(C=1.0).fit(scaled[train], labels[train])
    slope = float(model.coef_[0, 0])
    direction = "none" if slope == 0 else "higher is SE" if slope > 0 else "lower is SE"
    return Baseline(model.decision_function(scaled), {"direction": direction})


def _kmer_logistic(
    kmers: dict[int, np.ndarray], labels: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> Baseline:
    found = fit_kmer_logistic(kmers, labels, train, validation)
    # row by row: the table in float64 would double the memory
    scores = np.array([row @ found.weight + found.bias for row in kmers[found.k]], np.float64)
    return Baseline(scores, {"k": found.k, "C": found.strength})


def _kmer_boosting(
    kmers: np.ndarray, labels: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> Baseline:
    """Gradient-boosted trees; the number of trees with the best validation AUROC."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=BOOSTING_ROUNDS,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    ).fit(kmers[train], labels[train])
    aurocs = [
        metrics.auroc(labels[validation], scores.ravel())
        for scores in model.staged_decision_function(kmers[validation])
    ]
    rounds = int(np.argmax(aurocs))
    staged = itertools.islice(model.staged_decision_function(kmers), rounds, None)
    return Baseline(next(staged).ravel(), {"k": BOOSTING_K, "trees": rounds + 1})
