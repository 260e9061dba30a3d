"""How scores agree with measurements, beside simple measures, with intervals by locus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy.stats import rankdata

from seformer.evaluation import metrics
from seformer.evaluation.metrics import BootstrapMetrics

SCORE, BEYOND = "score", "beyond_baselines"
# rows that are needed for any statement, and of each class
LEAST_ROWS, LEAST_EACH = 10, 3
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
    turned, directions = _turned(scorers, lambda x: _spearman(value, [x])[0])
    values = _with_partial(value, turned)
    # no class has to be in a resample: each row counts one half
    draws = metrics.locus_draws(np.full(len(value), 0.5), loci, resamples, _generator(seed))
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for rows in _rows_drawn(draws):
        some = _with_partial(value[rows], {name: x[rows] for name, x in turned.items()})
        for name in values:
            drawn[name].append(some[name])
    measured = BootstrapMetrics(
        {name: {"spearman": x} for name, x in values.items()},
        {name: {"spearman": np.array(x)} for name, x in drawn.items()},
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
    for weights in metrics.locus_draws(answer, loci, resamples, _generator(seed)):
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


def _generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _rows_drawn(draws: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Rows of each resample, each as often as it was drawn."""
    for weights in draws:
        for counts in weights.astype(np.int64):
            yield np.repeat(np.arange(len(counts)), counts)


def _spearman(value: np.ndarray, columns: list[np.ndarray]) -> list[float]:
    ranks = rankdata(np.stack([value, *columns]), axis=1)
    return [_correlation(ranks[0], each) for each in ranks[1:]]


def _with_partial(value: np.ndarray, scorers: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Spearman's correlation of every scorer and, beside baselines, what the score adds."""
    ranks = rankdata(np.stack([value, *scorers.values()]), axis=1)
    found = {
        name: _correlation(ranks[0], each) for name, each in zip(scorers, ranks[1:], strict=True)
    }
    if len(scorers) > 1:
        baselines = [each for name, each in zip(scorers, ranks[1:], strict=True) if name != SCORE]
        design = np.stack([np.ones(len(value)), *baselines], axis=1)
        both = np.stack([ranks[0], ranks[1 + [*scorers].index(SCORE)]], axis=1)
        rest = both - design @ np.linalg.lstsq(design, both, rcond=None)[0]
        # what is left of rounding is no rest
        rest[:, np.abs(rest).max(axis=0) < 1e-6 * len(value)] = 0
        found[BEYOND] = _correlation(rest[:, 0], rest[:, 1])
    return found


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; 0 where one does not vary."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / spread if spread > 0 else 0.0
