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

from seformer import convolution, logs, metrics
from seformer.errors import UserError
from seformer.kmers import base_codes, canonical_index, kmer_starts

KMER_SIZES = (3, 4, 5, 6)
BOOSTING_K = 4
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
BOOSTING_ROUNDS = 400
SINGLE_FEATURES = ("length", "gc", "cpg", "n_fraction")
COMPOSITION_NAMES = (*SINGLE_FEATURES, "kmer_logistic", "kmer_boosting")
NAMES = (*COMPOSITION_NAMES, "cnn")


class Composition(NamedTuple):
    """Length and composition of n sequences.

    Attributes
    ----------
    length
        int64 [n], bases with N.
    gc
        float64 [n], share of G and C among A, C, G, T; 0.5 without any.
    cpg
        float64 [n], CpG dinucleotides observed over expected (Gardiner-Garden 1987); 0 without.
    n_fraction
        float64 [n], share of other letters.
    kmers
        k -> float32 [n, canonical k-mers], frequencies of a k-mer and its reverse complement
        together, windows with an N left out; rows sum to 1 (0 without any k-mer).
    """

    length: np.ndarray
    gc: np.ndarray
    cpg: np.ndarray
    n_fraction: np.ndarray
    kmers: dict[int, np.ndarray]


class Baseline(NamedTuple):
    """One baseline's scores on all rows (log-odds, float64 [n]) and what was chosen."""

    scores: np.ndarray
    chosen: dict[str, Any]


def composition(
    sequences: Iterable[str], sizes: Iterable[int] = KMER_SIZES, total: int | None = None
) -> Composition:
    """Measure length and composition, one sequence at a time; see `Composition`."""
    indices = {k: canonical_index(k) for k in sorted(set(sizes))}
    columns: dict[str, list[float]] = {name: [] for name in SINGLE_FEATURES}
    kmers: dict[int, list[np.ndarray]] = {k: [] for k in indices}
    for sequence in logs.progress(sequences, "counting k-mers", total):
        codes = base_codes(sequence)
        a, c, g, t = np.bincount(codes[codes >= 0], minlength=4).tolist()
        known = a + c + g + t
        pairs = int(np.count_nonzero((codes[:-1] == 1) & (codes[1:] == 2)))
        columns["length"].append(len(codes))
        columns["gc"].append((c + g) / known if known else 0.5)
        columns["cpg"].append(pairs * known / (c * g) if c * g else 0.0)
        columns["n_fraction"].append(1 - known / len(codes) if len(codes) else 0.0)
        for k, (index, width) in indices.items():
            counts = np.bincount(index[kmer_starts(codes, k)[0]], minlength=width)
            kmers[k].append((counts / max(1, counts.sum())).astype(np.float32))
    tables = {
        k: np.stack(rows) if rows else np.empty((0, indices[k][1]), np.float32)
        for k, rows in kmers.items()
    }
    return Composition(
        np.asarray(columns["length"], np.int64),
        *(np.asarray(columns[name], np.float64) for name in ("gc", "cpg", "n_fraction")),
        tables,
    )


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


def _scaling(values: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each feature on the training rows, and one over its spread: float64 [features]."""
    mean = values[train].mean(axis=0, dtype=np.float64)
    spread = values[train].std(axis=0, dtype=np.float64)
    # a feature that is constant up to rounding says nothing: leave it at zero
    varies = spread > 1e-9 * np.maximum(1, np.abs(mean))
    return mean, np.where(varies, 1 / np.maximum(spread, 1e-300), 0)


def _standardised(values: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    # in the table's own precision: a copy in float64 would double the memory
    return (values - mean.astype(values.dtype)) * scale.astype(values.dtype)


def _single(values: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Baseline:
    scaled = _standardised(values[:, None], *_scaling(values[:, None], train))
    model = LogisticRegression(C=1.0).fit(scaled[train], labels[train])
    slope = float(model.coef_[0, 0])
    direction = "none" if slope == 0 else "higher is SE" if slope > 0 else "lower is SE"
    return Baseline(model.decision_function(scaled), {"direction": direction})


class KmerLogistic(NamedTuple):
    """A logistic regression on k-mer frequencies: margin = frequencies · weight + bias.

    ``weight`` is float64 [canonical k-mers] for the frequencies as they are, not standardised.
    """

    k: int
    strength: float
    weight: np.ndarray
    bias: float


def fit_kmer_logistic(
    kmers: dict[int, np.ndarray], labels: np.ndarray, train: np.ndarray, validation: np.ndarray
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
    highest, best = -1.0, None
    for k in sorted(kmers):
        mean, scale = _scaling(kmers[k], train)
        scaled = _standardised(kmers[k], mean, scale)
        model = LogisticRegression(max_iter=200, tol=1e-3, warm_start=True)
        for strength in STRENGTHS:
            model.set_params(C=strength).fit(scaled[train], labels[train])
            auroc = metrics.auroc(labels[validation], model.decision_function(scaled[validation]))
            if auroc > highest:
                weight = model.coef_[0].astype(np.float64) * scale
                bias = float(model.intercept_[0]) - float(weight @ mean)
                highest, best = auroc, KmerLogistic(k, strength, weight, bias)
    return best


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
