"""Measuring scorers that had the same chances: the model, its parts, its members, the baselines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.control_variate import CalibrationControl
from seformer.evaluation.metrics import BootstrapMetrics, ScoredRegions
from seformer.evaluation.signal_ranks import GROUPS, SIGNAL, measure_signal
from seformer.evaluation.uncertainty import measure_probabilities
from seformer.model.calibration import (
    Threshold,
    calibrate,
    choose_threshold,
    fit_calibration,
    shift_intercept,
)
from seformer.model.settings import ConformalSets

MODEL, DELTA = "model", "model_less_best_baseline"
INTERVAL = ("value", "low", "high")
# the headline differences; ECE is left out: it is fitted on validation to be small for all
DELTAS = ("auroc", "auprc", "mcc", "balanced_accuracy", "brier")
CONTAINMENT = "train_containment"
# regions of each class, unlike those of the training, that a calibration wants
ENOUGH = 50
# share of a test region's 31-mers that also occur in the training part: up to here it is unlike it
UNLIKE_TRAINING = 0.05
UNLIKE = "under_5_percent"
# bins of that share: above the first, at most the second
SIMILARITY_BINS = {
    UNLIKE: (-np.inf, UNLIKE_TRAINING),
    "5_to_50_percent": (UNLIKE_TRAINING, 0.5),
    "over_50_percent": (0.5, np.inf),
}


def probability_column(scorer: str) -> str:
    """Return the column of a scorer's probabilities in test_predictions.tsv."""
    return "probability" if scorer == MODEL else f"{scorer}_probability"


class CalibratedScorer(NamedTuple):
    """A scorer made ready on validation: probabilities and decisions for all rows given.

    ``sets`` are those of the model; a baseline has none.
    """

    calibration: dict[str, Any]
    threshold: Threshold
    scored: ScoredRegions
    sets: ConformalSets | None = None


def unlike_training(regions: pd.DataFrame) -> np.ndarray:
    """Tell which regions share at most `UNLIKE_TRAINING` of their 31-mers with the training part.

    bool [n]; none where it is not known.
    """
    if CONTAINMENT not in regions.columns:
        return np.zeros(len(regions), bool)
    return _in_bin(regions, UNLIKE)


def _in_bin(regions: pd.DataFrame, name: str) -> np.ndarray:
    """Tell which regions are in one of `SIMILARITY_BINS`: bool [n]; no 31-mer shares nothing."""
    share = np.nan_to_num(regions[CONTAINMENT].to_numpy(np.float64))
    above, most = SIMILARITY_BINS[name]
    return (share > above) & (share <= most)


def calibration_rows(regions: pd.DataFrame, validation: np.ndarray) -> np.ndarray:
    """Choose among the rows ``validation`` (bool [n]) those that calibrations are fitted on.

    Regions like some of the training part are scored too well: probabilities fitted on them are
    too sure of all others. They are left out where `ENOUGH` regions of each class remain.
    """
    unlike = validation & unlike_training(regions)
    counts = np.bincount(regions["label"].to_numpy(np.int64)[unlike], minlength=2)
    return unlike if counts.min() >= ENOUGH else validation


def calibrate_scorer(
    scores: np.ndarray,
    labels: np.ndarray,
    validation: np.ndarray,
    method: str,
    threshold_by: str,
    calibrated_on: np.ndarray | None = None,
    control: CalibrationControl | None = None,
) -> CalibratedScorer:
    """Fit calibration and threshold on the rows ``validation`` (bool [n]); apply them to all.

    ``calibrated_on`` (bool [n]) are those of them that the calibration is fitted on, see
    `calibration_rows`; all of them by default. ``control`` is of the same rows, and steadies the
    line of a temperature.
    """
    rows = validation if calibrated_on is None else calibrated_on
    steadied = control is not None and method == "temperature"
    factor = control.factor(scores) if steadied else 1.0
    fitted = fit_calibration(scores[rows], labels[rows], method, factor)
    if steadied:
        fitted = shift_intercept(fitted, control.shift(calibrate(fitted, scores)), scores[rows])
    fitted["unlike_training"] = bool(rows.sum() < validation.sum())
    probability = calibrate(fitted, scores)
    threshold = choose_threshold(labels[validation], probability[validation], threshold_by)
    prediction = (probability >= threshold.value).astype(np.int64)
    return CalibratedScorer(fitted, threshold, ScoredRegions(scores, probability, prediction))


def measure_parts(
    regions: pd.DataFrame,
    scorers: Mapping[str, CalibratedScorer],
    resamples: int = 1000,
    seed: int = 1,
    *,
    parts: Mapping[str, CalibratedScorer] | None = None,
    members: Sequence[CalibratedScorer] = (),
    prevalence: float | None = None,
) -> dict[str, Any]:
    """Measure validation and test part; the content of metrics.json.

    Parameters
    ----------
    regions
        Rows of both parts with ``split`` and what `measure_test` needs.
    scorers, parts, members, prevalence
        As of `measure_test`, over the same rows.
    """
    test = (regions["split"] == "test").to_numpy()

    def take(scorers: Mapping[str, CalibratedScorer], rows: np.ndarray) -> dict[str, ScoredRegions]:
        return {name: scorer.scored.take(rows) for name, scorer in scorers.items()}

    return {
        "test": measure_test(
            regions[test],
            take(scorers, test),
            resamples,
            seed,
            parts=take(parts or {}, test),
            members=[member.scored.take(test) for member in members],
            prevalence=prevalence,
        ),
        "validation": _measure_part(regions[~test], take(scorers, ~test), resamples, seed)[0],
    }


def measure_test(
    regions: pd.DataFrame,
    scorers: Mapping[str, ScoredRegions],
    resamples: int,
    seed: int,
    *,
    parts: Mapping[str, ScoredRegions] | None = None,
    members: Sequence[ScoredRegions] = (),
    prevalence: float | None = None,
) -> dict[str, Any]:
    """Measure the test part.

    Parameters
    ----------
    regions
        Its rows with ``label``, ``cluster`` and, if known, ``train_containment`` and ``signal``.
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
    parts = parts or {}
    test, drawn = _measure_part(regions, {**scorers, **parts}, resamples, seed)
    test["delta"] = _deltas(drawn, [name for name in scorers if name != MODEL])
    if TWIN in scorers:
        test["over_random_twin"] = {
            metric: drawn.delta(MODEL, TWIN, metric)._asdict() for metric in DELTAS
        }
    if parts:
        test["parts"] = {
            name: test["baselines"].pop(name)
            | {"delta": drawn.delta(MODEL, name, "auroc")._asdict()}
            for name in parts
        }
    labels, clusters = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    if len(members) > 1:
        each = metrics.bootstrap(
            labels, {str(i): one for i, one in enumerate(members)}, n=0
        ).values.values()
        test["members"] = spread({m: [row[m] for row in each] for m in metrics.METRICS})
    shares = {"balanced": 0.5} | ({} if prevalence is None else {"natural": prevalence})
    test["prevalences"] = {}
    for name, share in shares.items():
        drawn = metrics.at_prevalence(labels, scorers, share, clusters, resamples, seed)
        rows = _model_and_baselines(drawn.table(metrics.PREVALENCE_METRICS))
        test["prevalences"][name] = {"prevalence": share} | rows

    def probabilities(rows: np.ndarray, model: Mapping[str, Any]) -> dict[str, Any]:
        of_rows = labels[rows], scorers[MODEL].probability[rows], clusters[rows]
        return {"ece": model["ece"]} | measure_probabilities(*of_rows, resamples, seed)

    if SIGNAL in regions.columns:
        margins = {name: np.asarray(s.score, np.float64) for name, s in scorers.items()}
        margin = margins.pop(MODEL)
        if (found := measure_signal(regions, margin, margins, resamples, seed)) is not None:
            test[SIGNAL] = found
    test["probabilities"] = probabilities(np.ones(len(labels), bool), test[MODEL])
    if CONTAINMENT in regions.columns:
        test["similarity_bins"] = bins = measure_bins(regions, scorers, resamples, seed)
        unlike = bins[UNLIKE] if MODEL in bins[UNLIKE] else {"n": bins[UNLIKE]["n"]}
        test["unlike_training"] = unlike | {"containment_at_most": UNLIKE_TRAINING}
        if MODEL in unlike:
            of_unlike = probabilities(unlike_training(regions), unlike[MODEL])
            test["probabilities"]["unlike_training"] = of_unlike
    return test


def measure_bins(
    regions: pd.DataFrame, scorers: Mapping[str, ScoredRegions], resamples: int, seed: int
) -> dict[str, Any]:
    """Measure the test part by its similarity to the training part: ``test.similarity_bins``.

    Returns
    -------
    dict
        Bin of `SIMILARITY_BINS` to ``n``, ``n_super_enhancers``, ``n_typical_enhancers`` and
        ``loci``; where it has both classes also to what is measured of the whole test part. Regions
        too short or too unknown for a 31-mer share none: they are in the lowest bin, and counted
        there as ``without_31mers``.
    """
    share = regions[CONTAINMENT].to_numpy(np.float64)
    labels = regions["label"].to_numpy(np.int64)
    bins: dict[str, Any] = {}
    for name in SIMILARITY_BINS:
        inside = _in_bin(regions, name)
        some, positive = regions[inside], int(labels[inside].sum())
        bins[name] = {
            "n": len(some),
            "n_super_enhancers": positive,
            "n_typical_enhancers": len(some) - positive,
            "loci": int(some["cluster"].nunique()),
        }
        if name == UNLIKE:
            bins[name]["without_31mers"] = int(np.isnan(share).sum())
        if 0 < positive < len(some):
            taken = {scorer: scored.take(inside) for scorer, scored in scorers.items()}
            measured, drawn = _measure_part(some, taken, resamples, seed)
            delta = _deltas(drawn, [scorer for scorer in scorers if scorer != MODEL])
            bins[name] |= measured | {"delta": delta}
    return bins


def _deltas(drawn: BootstrapMetrics, baselines: Sequence[str]) -> dict[str, Any]:
    """Differences of the model to the baseline that is the best of these by each of `DELTAS`."""
    best = best_baselines(drawn, baselines)
    return {
        metric: {"baseline": best[metric], **drawn.delta(MODEL, best[metric], metric)._asdict()}
        for metric in DELTAS
    }


def _measure_part(
    regions: pd.DataFrame, scorers: Mapping[str, ScoredRegions], resamples: int, seed: int
) -> tuple[dict[str, Any], BootstrapMetrics]:
    """Count the regions of one part and measure every scorer on them."""
    labels, clusters = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    drawn = metrics.bootstrap(labels, scorers, clusters, n=resamples, seed=seed)
    positive = int(labels.sum())
    counts = {
        "n": len(labels),
        "n_super_enhancers": positive,
        "n_typical_enhancers": len(labels) - positive,
        "loci": len(np.unique(clusters)),
        "prevalence": positive / len(labels),
    }
    return counts | _model_and_baselines(drawn.table()), drawn


def _model_and_baselines(rows: dict[str, Any]) -> dict[str, Any]:
    """The model's row, and those of the baselines, as in every table of metrics.json."""
    return {MODEL: rows.pop(MODEL), "baselines": rows}


def tabulate_measures(measured: Mapping[str, Any]) -> pd.DataFrame:
    """Tabulate what metrics.json measures of scorers: a row for each part, scorer and metric.

    Columns ``part`` (validation or test), ``scorer``, ``metric``, ``value``, ``low``, ``high``
    (the 95 % interval) and ``best_baseline``, which only the rows of the differences have.
    """
    rows = []
    for part in ("validation", "test"):
        scorers = {MODEL: measured[part][MODEL], **measured[part].get("parts", {})}
        scorers |= measured[part]["baselines"] | {DELTA: measured[part].get("delta", {})}
        rows += [
            (part, name, metric, *(value[key] for key in INTERVAL), value.get("baseline"))
            for name, row in scorers.items()
            for metric, value in row.items()
        ]
    # of score and signal the model stands beside one baseline alone
    if signal := measured["test"].get(SIGNAL):
        for group in GROUPS:
            metric, best = f"spearman_signal_{group}", signal["baselines"].get(group)
            of_group = {MODEL: signal[group]} if "value" in signal[group] else {}
            if best:
                of_group |= {best["baseline"]: best | {"baseline": None}}
                of_group[DELTA] = signal["delta"][group]
            rows += [
                ("test", name, metric, *(value[key] for key in INTERVAL), value.get("baseline"))
                for name, value in of_group.items()
            ]
    columns = ["part", "scorer", "metric", *INTERVAL, "best_baseline"]
    return pd.DataFrame(rows, columns=columns)


def best_baselines(test: BootstrapMetrics, baselines: Iterable[str]) -> dict[str, str]:
    """Name, per metric, the baseline with the best value on the test part."""
    return {
        metric: (min if metric in metrics.LOSSES else max)(
            baselines, key=lambda name, metric=metric: test.values[name][metric]
        )
        for metric in metrics.METRICS
    }


def spread(values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Mean and standard deviation of each metric over the members of an ensemble."""
    return {"n": len(values["auroc"])} | {
        metric: {
            "mean": float(np.mean(members)),
            "sd": float(np.std(members, ddof=1)),
            "values": list(members),
        }
        for metric, members in values.items()
    }
