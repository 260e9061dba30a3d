"""Does a score follow the signal that regions were ranked by: over all of them, and in a class?

Over all regions a score that tells the classes apart follows the signal for that alone, since the
signal made the classes. Within a class it is another question: whether the score knows more than
on which side of the cut-off a region lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.agreement import LEAST_ROWS, rank_correlations
from seformer.evaluation.metrics import MetricInterval
from seformer.evaluation.verdict import Finding, scorer_title, spoken
from seformer.util.labels import SUPER, TYPICAL

SIGNAL = "signal"
GROUPS = {"all": "all of them", SUPER: "super-enhancers", TYPICAL: "typical enhancers"}


def measure_signal(
    regions: pd.DataFrame,
    score: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    resamples: int,
    seed: int,
) -> dict[str, Any] | None:
    """Measure Spearman's correlation of scores with signal: ``test.signal`` of metrics.json.

    It is of ranks, so that the signal and its logarithm give the same; a region whose signal is 0
    has no logarithm, and is left out and counted like one without signal. Signal of several samples
    is ranked within each, since their scales differ.

    Parameters
    ----------
    regions
        [n], with ``label``, ``cluster``, ``sample`` and ``signal`` (float, NaN without).
    score
        float64 [n], of the model: its margin, or of pooled folds the calibrated probability.
    baselines
        Name to float64 [n].
    resamples, seed
        Of the bootstrap over loci: the same resamples as of the other metrics.

    Returns
    -------
    dict or None
        ``n``, ``zero`` and ``without`` count regions; each of `GROUPS` has its ``n`` and, if that
        is `agreement.LEAST_ROWS` or more, ``value``, ``low`` and ``high``; ``baselines`` has the
        baseline with the highest correlation in each such group, ``delta`` the difference to it.
        None where no region has signal.
    """
    signal = regions[SIGNAL].to_numpy(np.float64)
    used = signal > 0
    if not used.any():
        return None
    by_sample = pd.Series(np.where(used, signal, np.nan)).groupby(regions["sample"].to_numpy())
    place = by_sample.rank(pct=True).to_numpy() if by_sample.ngroups > 1 else signal
    labels, loci = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    found: dict[str, Any] = {
        "n": int(used.sum()),
        "zero": int((signal == 0).sum()),
        "without": int(np.isnan(signal).sum()),
    }
    beside: dict[str, dict[str, Any]] = {"baselines": {}, "delta": {}}
    for group, rows in zip(GROUPS, (used, used & (labels == 1), used & (labels == 0)), strict=True):
        found[group] = {"n": int(rows.sum())}
        if rows.sum() < LEAST_ROWS:
            continue
        draws = metrics.locus_draws(labels, loci, resamples, np.random.default_rng(seed))
        weights = (row[rows] for some in draws for row in some)
        of_group = {name: values[rows] for name, values in baselines.items()}
        own, best, other = _beside_best(place[rows], score[rows], of_group, weights)
        found[group] |= own._asdict()
        if best:
            beside["baselines"][group] = {"baseline": best, **other["value"]._asdict()}
            beside["delta"][group] = {"baseline": best, **other["delta"]._asdict()}
    return found | beside


def _beside_best(
    signal: np.ndarray,
    score: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    weights: Iterable[np.ndarray],
) -> tuple[MetricInterval, str, dict[str, MetricInterval]]:
    """Correlate a score with signal, and the baseline that follows the signal best.

    ``weights`` are of the resamples, each float64 [n].
    """
    once = np.ones(len(signal))
    alone = dict(
        zip(
            baselines,
            rank_correlations([signal, *baselines.values()], once)[0, 1:].tolist(),
            strict=True,
        )
    )
    best = max(alone, key=lambda name: alone[name], default="")
    columns = [signal, score, *([baselines[best]] if best else [])]
    value = rank_correlations(columns, once)[0, 1:]
    codes = [np.unique(column, return_inverse=True)[1] for column in columns]
    # a resample without any region of the class says nothing
    drawn = np.array([rank_correlations(codes, row)[0, 1:] for row in weights if row.sum()])

    def interval(weighting: tuple[int, ...]) -> MetricInterval:
        sides = np.array(weighting)
        return MetricInterval(float(value @ sides), *metrics.percentiles(drawn @ sides))

    if not best:
        return interval((1,)), "", {}
    return interval((1, 0)), best, {"value": interval((0, 1)), "delta": interval((1, -1))}


def judge_signal(test: Mapping[str, Any]) -> list[Finding]:
    """Say within which classes the score follows the signal; nothing without signal."""
    found = test.get(SIGNAL)
    if not found:
        return []
    within = {name: found[name] for name in (SUPER, TYPICAL) if "value" in found[name]}
    if not within:
        return []
    said = [f"{GROUPS[name]} {spoken(rho)}" for name, rho in within.items()]
    follows = [name for name, rho in within.items() if rho["low"] > 0]
    text = f"Spearman's correlation of score and signal within a class: {', '.join(said)}. "
    if not follows:
        text += "Within a class the score is not shown to follow the signal: it tells the classes "
        text += "apart, not how strong an enhancer is."
    for name in follows:
        text += f"It follows the signal within {GROUPS[name]}"
        if delta := found["delta"].get(name):
            more = "more" if delta["low"] > 0 else "but not shown to do so more"
            text += f", {more} than {scorer_title(delta['baseline'])}"
        text += ". "
    return [Finding("note", "Signal", text.rstrip())]
