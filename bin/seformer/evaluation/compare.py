"""Measuring scorers that were judged alike: the model, its parts, its members and the baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.model import calibration as calibrate

MODEL = "model"
# marks a part of the model among the scorers of one bootstrap
PART = "part of the model: "
# the headline differences; ECE is left out: it is fitted on validation to be small for all
DELTAS = ("auroc", "auprc", "mcc", "balanced_accuracy", "brier")
# share of a test region's 31-mers that also occur in the training part
UNLIKE_TRAINING = 0.05
CONTAINMENT = "train_containment"


class Judged(NamedTuple):
    """A scorer made ready on validation: probabilities and decisions for all rows given."""

    calibration: dict[str, Any]
    threshold: calibrate.Threshold
    scored: metrics.Scored

    def rows(self, chosen: np.ndarray) -> metrics.Scored:
        """Return what it says of the rows ``chosen``, bool [n]."""
        return _take(self.scored, chosen)


def judge(
    scores: np.ndarray, labels: np.ndarray, validation: np.ndarray, method: str, threshold_by: str
) -> Judged:
    """Fit calibration and threshold on the rows ``validation`` (bool [n]); apply them to all."""
    fitted = calibrate.fit(scores[validation], labels[validation], method)
    probability = calibrate.apply(fitted, scores)
    threshold = calibrate.choose_threshold(
        labels[validation], probability[validation], threshold_by
    )
    prediction = (probability >= threshold.value).astype(np.int64)
    return Judged(fitted, threshold, metrics.Scored(scores, probability, prediction))


def measure(
    labels: np.ndarray,
    clusters: np.ndarray,
    scorers: Mapping[str, metrics.Scored],
    resamples: int,
    seed: int,
) -> tuple[dict[str, Any], metrics.Bootstrap]:
    """Count the regions of one part and measure every scorer on them."""
    drawn = metrics.bootstrap(labels, scorers, clusters, n=resamples, seed=seed)
    table = {
        name: {metric: drawn.interval(name, metric)._asdict() for metric in metrics.METRICS}
        for name in scorers
    }
    positive = int(labels.sum())
    part = {
        "n": len(labels),
        "n_super_enhancers": positive,
        "n_typical_enhancers": len(labels) - positive,
        "loci": len(np.unique(clusters)),
        "prevalence": positive / len(labels),
        MODEL: table.pop(MODEL),
        "baselines": table,
    }
    return part, drawn


def best_baselines(test: metrics.Bootstrap) -> dict[str, str]:
    """Name, per metric, the baseline with the best value on the test part."""
    names = [n for n in test.values if n != MODEL and not n.startswith(PART)]
    return {
        metric: (min if metric in metrics.LOSSES else max)(
            names, key=lambda name, metric=metric: test.values[name][metric]
        )
        for metric in metrics.METRICS
    }


def evaluate(
    regions: pd.DataFrame,
    judged: Mapping[str, Judged],
    resamples: int = 1000,
    seed: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """Measure validation and test part; the content of metrics.json.

    Parameters
    ----------
    regions
        Rows of both parts with ``label``, ``split``, ``cluster`` and, if known,
        ``train_containment``.
    judged
        ``model`` and the baselines, over the same rows.
    **more
        ``parts`` (name to `Judged`), ``members`` (of `Judged`) and ``prevalence``, see
        `measure_test`.
    """
    labels = regions["label"].to_numpy(np.int64)
    clusters = regions["cluster"].to_numpy()
    held = (regions["split"] == "validation").to_numpy()
    rows = (regions["split"] == "test").to_numpy()
    test = measure_test(
        regions[rows],
        {name: j.rows(rows) for name, j in judged.items()},
        resamples,
        seed,
        parts={name: j.rows(rows) for name, j in more.get("parts", {}).items()},
        members=[j.rows(rows) for j in more.get("members", ())],
        prevalence=more.get("prevalence"),
    )
    scorers = {name: j.rows(held) for name, j in judged.items()}
    validation, _ = measure(labels[held], clusters[held], scorers, resamples, seed)
    return {"test": test, "validation": validation}


def measure_test(
    regions: pd.DataFrame,
    scorers: Mapping[str, metrics.Scored],
    resamples: int,
    seed: int,
    *,
    parts: Mapping[str, metrics.Scored] | None = None,
    members: Sequence[metrics.Scored] = (),
    prevalence: float | None = None,
) -> dict[str, Any]:
    """Measure the test part.

    Parameters
    ----------
    regions
        Its rows with ``label``, ``cluster`` and, if known, ``train_containment``.
    scorers
        ``model`` and the baselines.
    parts
        Parts of the model that can be judged alone, such as the transformer without the k-mer
        spectrum.
    members
        The members of an ensemble, each alone.
    prevalence
        Share of super-enhancers among all regions there are (natural); where it is known, the
        metrics that depend on it are given for it too, beside an equal share.
    """
    labels, clusters = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    test, drawn = measure(labels, clusters, {**scorers, **_marked(parts)}, resamples, seed)
    best = best_baselines(drawn)
    test["delta"] = {
        metric: {"baseline": best[metric], **drawn.delta(MODEL, best[metric], metric)._asdict()}
        for metric in DELTAS
    }
    if parts:
        table = test["baselines"]
        test["parts"] = {
            name: table.pop(PART + name)
            | {"delta": drawn.delta(MODEL, PART + name, "auroc")._asdict()}
            for name in parts
        }
    if len(members) > 1:
        test["members"] = spread(labels, members)
    shares = {"balanced": 0.5} | ({} if prevalence is None else {"natural": prevalence})
    test["prevalences"] = {
        name: {"prevalence": share}
        | _rows(metrics.at_prevalence(labels, scorers, share, clusters, resamples, seed))
        for name, share in shares.items()
    }
    if CONTAINMENT in regions.columns:
        near = regions[CONTAINMENT].to_numpy(np.float64) <= UNLIKE_TRAINING
        found: dict[str, Any] = {"n": int(near.sum()), "containment_at_most": UNLIKE_TRAINING}
        if 0 < labels[near].sum() < near.sum():
            unlike = {name: _take(scored, near) for name, scored in scorers.items()}
            found |= measure(labels[near], clusters[near], unlike, resamples, seed)[0]
        test["unlike_training"] = found
    return test


def spread(labels: np.ndarray, members: Sequence[metrics.Scored]) -> dict[str, Any]:
    """Mean and standard deviation of each metric over the members of an ensemble."""
    drawn = metrics.bootstrap(labels, {str(i): m for i, m in enumerate(members)}, n=0)
    found: dict[str, Any] = {"n": len(members)}
    for metric in metrics.METRICS:
        values = [row[metric] for row in drawn.values.values()]
        found[metric] = {
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)),
            "values": values,
        }
    return found


def _marked(parts: Mapping[str, metrics.Scored] | None) -> dict[str, metrics.Scored]:
    return {PART + name: scored for name, scored in (parts or {}).items()}


def _take(scored: metrics.Scored, chosen: np.ndarray) -> metrics.Scored:
    return metrics.Scored(*(column[chosen] for column in scored))


def _rows(table: Mapping[str, Mapping[str, metrics.Interval]]) -> dict[str, Any]:
    """The model's row and those of the baselines, as in the other tables."""
    rows = {name: {m: v._asdict() for m, v in row.items()} for name, row in table.items()}
    return {MODEL: rows.pop(MODEL), "baselines": rows}
