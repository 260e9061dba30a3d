"""What length and composition alone achieve on the same folds.

Every baseline is fitted on the training part, chosen on the validation part, and only scores the
test part. All are deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from seformer import logs, metrics

KMER_SIZES = (3, 4, 5, 6)
BOOSTING_K = 4
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
BOOSTING_ROUNDS = 400
SINGLE_FEATURES = ("length", "gc", "cpg", "n_fraction")

_CODES = np.full(256, -1, np.int8)
for _code, _base in enumerate(b"ACGT"):
    _CODES[_base] = _CODES[_base + 32] = _code


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


def canonical_index(k: int) -> tuple[np.ndarray, int]:
    """Map each k-mer number (base 4, A=0 … T=3, first base highest) to its canonical column.

    Returns int64 [4**k] and the number of columns; columns follow the alphabetical order of the
    smaller of a k-mer and its reverse complement.
    """
    numbers = np.arange(4**k)
    reverse = np.zeros_like(numbers)
    rest = numbers.copy()
    for _ in range(k):
        reverse = reverse * 4 + (3 - rest % 4)
        rest //= 4
    columns, index = np.unique(np.minimum(numbers, reverse), return_inverse=True)
    return index, len(columns)


def kmer_numbers(codes: np.ndarray, k: int) -> np.ndarray:
    """Number the k-mers of one sequence, those with an N left out.

    ``codes`` is int8 [length], 0–3 for A, C, G, T and negative for anything else.
    """
    if len(codes) < k:
        return np.empty(0, np.int64)
    windows = len(codes) - k + 1
    numbers = np.zeros(windows, np.int64)
    unknown = np.zeros(windows, bool)
    for offset in range(k):
        part = codes[offset : offset + windows]
        numbers *= 4
        numbers += part
        unknown |= part < 0
    return numbers[~unknown]


def composition(
    sequences: Iterable[str], sizes: Iterable[int] = KMER_SIZES, total: int | None = None
) -> Composition:
    """Measure length and composition, one sequence at a time; see `Composition`."""
    indices = {k: canonical_index(k) for k in sorted(set(sizes))}
    columns: dict[str, list[float]] = {name: [] for name in SINGLE_FEATURES}
    kmers: dict[int, list[np.ndarray]] = {k: [] for k in indices}
    for sequence in logs.progress(sequences, "counting k-mers", total):
        codes = _CODES[np.frombuffer(sequence.encode("ascii"), np.uint8)]
        a, c, g, t = np.bincount(codes[codes >= 0], minlength=4).tolist()
        known = a + c + g + t
        pairs = int(np.count_nonzero((codes[:-1] == 1) & (codes[1:] == 2)))
        columns["length"].append(len(codes))
        columns["gc"].append((c + g) / known if known else 0.5)
        columns["cpg"].append(pairs * known / (c * g) if c * g else 0.0)
        columns["n_fraction"].append(1 - known / len(codes) if len(codes) else 0.0)
        for k, (index, width) in indices.items():
            counts = np.bincount(index[kmer_numbers(codes, k)], minlength=width)
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


# one thread: the same sums on every machine, and no threads that wait for each other on a busy one
@threadpool_limits.wrap(limits=1)
def fit_all(features: Composition, labels: np.ndarray, split: np.ndarray) -> dict[str, Baseline]:
    """Fit every baseline and score all rows.

    Parameters
    ----------
    features
        Of all rows.
    labels
        int [n], 1 = SE.
    split
        str [n]: train, validation or test. The labels of test rows are never read.

    Returns
    -------
    dict
        ``length gc cpg n_fraction kmer_logistic kmer_boosting`` in this order.
    """
    train, validation = split == "train", split == "validation"
    single = {"length": np.log(np.maximum(1, features.length))}
    single |= {name: getattr(features, name) for name in SINGLE_FEATURES[1:]}
    found = {name: _single(values, labels, train) for name, values in single.items()}
    found["kmer_logistic"] = _kmer_logistic(features.kmers, labels, train, validation)
    found["kmer_boosting"] = _kmer_boosting(features.kmers[BOOSTING_K], labels, train, validation)
    return found


def _standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    mean = values[train].mean(axis=0, dtype=np.float64)
    spread = values[train].std(axis=0, dtype=np.float64)
    # a feature that is constant up to rounding says nothing: leave it at zero
    scale = np.where(spread > 1e-9 * np.maximum(1, np.abs(mean)), 1 / np.maximum(spread, 1e-300), 0)
    # in the table's own precision: a copy in float64 would double the memory
    return (values - mean.astype(values.dtype)) * scale.astype(values.dtype)


def _single(values: np.ndarray, labels: np.ndarray, train: np.ndarray) -> Baseline:
    scaled = _standardised(values[:, None], train)
    model = LogisticRegression(C=1.0).fit(scaled[train], labels[train])
    slope = float(model.coef_[0, 0])
    direction = "none" if slope == 0 else "higher is SE" if slope > 0 else "lower is SE"
    return Baseline(model.decision_function(scaled), {"direction": direction})


def _kmer_logistic(
    kmers: dict[int, np.ndarray], labels: np.ndarray, train: np.ndarray, validation: np.ndarray
) -> Baseline:
    """L2-penalised logistic regression; k and the penalty with the best validation AUROC."""
    best = (-1.0, np.empty(0), {})
    for k in sorted(kmers):
        scaled = _standardised(kmers[k], train)
        model = LogisticRegression(max_iter=200, tol=1e-3, warm_start=True)
        for strength in STRENGTHS:
            model.set_params(C=strength).fit(scaled[train], labels[train])
            auroc = metrics.auroc(labels[validation], model.decision_function(scaled[validation]))
            if auroc > best[0]:
                scores = model.decision_function(scaled).astype(np.float64)
                best = (auroc, scores, {"k": k, "C": strength})
    return Baseline(best[1], best[2])


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
