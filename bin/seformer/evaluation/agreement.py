"""How scores agree with measurements, beside simple measures, with intervals by locus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seformer.evaluation import metrics
from seformer.evaluation.metrics import BootstrapMetrics

SCORE, BEYOND = "score", "beyond_baselines"
# rows that are needed for any statement, and of each class
LEAST_ROWS, LEAST_EACH = 10, 3
_EXPLAINED = 1e-9
# what guessing gives
CHANCE = {"spearman": 0.0, "auroc": 0.5}


def measure_ranks(
    value: np.ndarray,
    scorers: Mapping[str, np.ndarray],
    loci: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure rank correlations with numbers: ``spearman`` of agreement.json.

    Parameters
    ----------
    value
        float64 [n], measured; higher is more active.
    scorers
        `SCORE` and the baselines, each float64 [n].
    loci
        [n], rows of one locus are drawn together.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    dict
        ``n``, ``loci``, ``scorers`` (Spearman's correlation with its 95 % interval),
        ``directions``, ``best_baseline``, ``delta`` to it, and `BEYOND`: the correlation of the
        ranks of scores and values from both of which what is linear in the baselines' ranks was
        taken (a partial rank correlation).
    """
    turned, directions = _turned(
        scorers, lambda x: float(rank_correlations([value, x], np.ones(len(x)))[0, 1])
    )
    columns = [value, *turned.values()]
    names = [*turned, BEYOND] if directions else [*turned]
    values = _with_partial(rank_correlations(columns, np.ones(len(value))))
    # no class has to be in a resample: each row counts one half
    draws = metrics.locus_draws(
        np.full(len(value), 0.5), loci, resamples, np.random.default_rng(seed)
    )
    codes = [np.unique(x, return_inverse=True)[1] for x in columns]
    drawn = np.array(
        [_with_partial(rank_correlations(codes, row)) for weights in draws for row in weights]
    )
    measured = BootstrapMetrics(
        {name: {"spearman": float(x)} for name, x in zip(names, values, strict=False)},
        {name: {"spearman": x} for name, x in zip(names, drawn.T, strict=False)},
    )
    return _counted(loci) | _beside(measured, "spearman", directions)


def measure_classes(
    answer: np.ndarray,
    scorers: Mapping[str, np.ndarray],
    loci: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure how scores tell two classes apart: ``auroc`` of agreement.json.

    Parameters
    ----------
    answer
        int [n], 1 = yes; both are there.
    scorers, loci, resamples, seed
        As of `measure_ranks`.

    Returns
    -------
    dict
        ``n``, ``positive``, ``loci``, ``scorers`` (AUROC with its 95 % interval), ``auprc`` in the
        same way, ``directions``, ``best_baseline`` and ``delta`` to it.

    Raises
    ------
    ValueError
        If almost every resample of the loci has one class.
    """
    turned, directions = _turned(scorers, lambda x: metrics.auroc(answer, x) - 0.5)
    names = ("auroc", "auprc")
    values = {
        name: {"auroc": metrics.auroc(answer, x), "auprc": metrics.auprc(answer, x)}
        for name, x in turned.items()
    }
    drawn: dict[str, list[tuple]] = {name: [] for name in turned}
    for weights in metrics.locus_draws(answer, loci, resamples, np.random.default_rng(seed)):
        for name, x in turned.items():
            drawn[name].append(metrics.ranking_under(answer, x, weights))
    measured = BootstrapMetrics(
        values,
        {
            name: dict(zip(names, map(np.concatenate, zip(*each, strict=True)), strict=True))
            for name, each in drawn.items()
        },
    )
    auprc = {name: measured.interval(name, "auprc")._asdict() for name in turned}
    counted = _counted(loci) | {"positive": int(answer.sum())}
    return counted | _beside(measured, "auroc", directions) | {"auprc": auprc}


def _turned(scorers, agreement) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Turn baselines to the side on which they agree: nothing says what length should do."""
    turned, directions = {SCORE: scorers[SCORE]}, {}
    for name, x in scorers.items():
        if name != SCORE:
            lower = agreement(x) < 0
            turned[name], directions[name] = (-x, "lower") if lower else (x, "higher")
    return turned, directions


def _beside(
    measured: BootstrapMetrics, metric: str, directions: Mapping[str, str]
) -> dict[str, Any]:
    """Intervals of all scorers, and the difference of the score to the best baseline."""
    table = {name: measured.interval(name, metric)._asdict() for name in measured.values}
    beyond = table.pop(BEYOND, None)
    best = max(directions, key=lambda name: table[name]["value"], default=None)
    delta = None if best is None else measured.delta(SCORE, best, metric)._asdict()
    found = {"scorers": table, "directions": dict(directions), "best_baseline": best}
    return found | {"delta": delta} | ({} if beyond is None else {BEYOND: beyond})


def _counted(loci: np.ndarray) -> dict[str, int]:
    return {"n": len(loci), "loci": len(np.unique(loci))}


def rank_correlations(columns: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Compute Spearman's correlations as if every row stood there so often as its weight says.

    Parameters
    ----------
    columns
        Each [n]: numbers as float64, or as int64 the place of each among the different ones.
    weights
        float64 [n], whole numbers.

    Returns
    -------
    numpy.ndarray
        float64 [columns, columns]; 0 where a column does not vary.
    """
    ranks = []
    for column in columns:
        codes = np.unique(column, return_inverse=True)[1] if column.dtype.kind == "f" else column
        # rows of one value share the mean of the ranks that they take up
        standing = np.bincount(codes, weights)
        ranks.append((np.cumsum(standing) - standing / 2)[codes])
    x = np.stack(ranks)
    x -= (x @ weights / weights.sum())[:, None]
    products = (x * weights) @ x.T
    spread = np.sqrt(np.outer(products.diagonal(), products.diagonal()))
    return np.divide(products, spread, out=np.zeros_like(products), where=spread > 0)


def _with_partial(correlations: np.ndarray) -> np.ndarray:
    """Correlations of the values, in row 0, with each scorer, and the partial one of the score.

    The score is in row 1, baselines behind it; without any there is none to take out.
    """
    # both less what a linear regression on the baselines' ranks explains of them
    across = correlations[:2, 2:]
    rest = correlations[:2, :2] - across @ np.linalg.pinv(correlations[2:, 2:]) @ across.T
    left = rest.diagonal()
    # of what is explained but for rounding nothing is left
    partial = rest[0, 1] / np.sqrt(left.prod()) if left.min() > _EXPLAINED else 0.0
    return np.append(correlations[0, 1:], partial)
