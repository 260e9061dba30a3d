"""Evaluation: the test part scored once, beside baselines that had the same chances.

For the model and for every baseline alike, calibration and threshold are fitted on the
validation part; the test part only measures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer import baselines, calibrate, curves, files, metrics, modelcard, verdict
from seformer.backbones import registry
from seformer.devices import resolve_device
from seformer.errors import UserError
from seformer.modelfolder import Calibration, Model, SplitRecord, load_model, save_model
from seformer.score import score
from seformer.training import TrainingData, open_training_data

logger = logging.getLogger(__name__)
MODEL = "model"
# the headline differences; ECE is left out: it is fitted on validation to be small for all
DELTAS = ("auroc", "auprc", "mcc", "balanced_accuracy", "brier")
# share of a test region's 31-mers that also occur in the training part
UNLIKE_TRAINING = 0.05
CONTAINMENT = "train_containment"
RULES = {
    "calibration": "fitted on the validation part, for the model and each baseline",
    "threshold": "chosen on the validation part, for the model and each baseline",
    "best_baseline": "per metric, the baseline with the best value on the test part itself: the "
    "choice that is hardest on the model",
    "intervals": "95 % percentile bootstrap over loci, the same resamples for every scorer",
    "ece": f"{metrics.ECE_BINS} bins of equal width",
}


class Judged(NamedTuple):
    """A scorer made ready on validation: probabilities and decisions for all rows given."""

    calibration: dict[str, Any]
    threshold: calibrate.Threshold
    scored: metrics.Scored

    def rows(self, chosen: np.ndarray) -> metrics.Scored:
        return metrics.Scored(*(column[chosen] for column in self.scored))


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
    names = [name for name in test.values if name != MODEL]
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
) -> dict[str, Any]:
    """Measure validation and test part; the content of metrics.json.

    Parameters
    ----------
    regions
        Rows of both parts with ``label``, ``split``, ``cluster`` and, if known,
        ``train_containment``.
    judged
        ``model`` and the baselines, over the same rows.
    """
    labels = regions["label"].to_numpy(np.int64)
    clusters = regions["cluster"].to_numpy()
    parts, drawn = {}, {}
    for part in ("test", "validation"):
        rows = (regions["split"] == part).to_numpy()
        scorers = {name: j.rows(rows) for name, j in judged.items()}
        parts[part], drawn[part] = measure(labels[rows], clusters[rows], scorers, resamples, seed)
    best = best_baselines(drawn["test"])
    parts["test"]["delta"] = {
        metric: {
            "baseline": best[metric],
            **drawn["test"].delta(MODEL, best[metric], metric)._asdict(),
        }
        for metric in DELTAS
    }
    if CONTAINMENT in regions.columns:
        near = regions[CONTAINMENT].to_numpy(np.float64)
        rows = (regions["split"] == "test").to_numpy() & (near <= UNLIKE_TRAINING)
        parts["test"]["unlike_training"] = unlike_training(
            rows, labels, clusters, judged, resamples, seed
        )
    return parts


def unlike_training(
    rows: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    judged: Mapping[str, Judged],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure the test regions that share almost no 31-mer with the training part."""
    found: dict[str, Any] = {"n": int(rows.sum()), "containment_at_most": UNLIKE_TRAINING}
    if 0 < labels[rows].sum() < rows.sum():
        scorers = {name: j.rows(rows) for name, j in judged.items()}
        found |= measure(labels[rows], clusters[rows], scorers, resamples, seed)[0]
    return found


def run(
    model: Path,
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    *,
    sample: str | None = None,
    calibration: str = "temperature",
    threshold_by: str = "mcc",
    resamples: int = 1000,
    batch_tokens: int = 16_384,
    seed: int = 1,
    device: str = "auto",
) -> None:
    """Evaluate a model and write everything into ``out``.

    metrics.json, curves.json, test_predictions.tsv and the final model folder ``model/`` with
    its calibration, threshold and model card.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    if calibration not in calibrate.METHODS:
        raise UserError(
            f"the calibration {calibration!r} is not known",
            where="--calibration",
            expected=f"one of {', '.join(calibrate.METHODS)}",
        )
    calibrate.check_rule(threshold_by)
    data = open_training_data(extracted, splits)
    check_test_part(data, splits)
    loaded = load_model(model, resolve_device(device))
    sample = sample or loaded.settings.sample

    regions = held_out(data)
    scores = {MODEL: score(loaded, data.sequences("validation", "test"), batch_tokens).logit}
    fitted = fit_baselines(data)
    scores |= {name: baseline.scores for name, baseline in fitted.items()}
    labels = regions["label"].to_numpy(np.int64)
    validation = (regions["split"] == "validation").to_numpy()
    judged = {
        name: judge(values, labels, validation, calibration, threshold_by)
        for name, values in scores.items()
    }
    found = {"sample": sample, **evaluate(regions, judged, resamples, seed)}
    found |= {
        "calibration": {k: v for k, v in judged[MODEL].calibration.items() if np.isscalar(v)},
        "threshold": judged[MODEL].threshold._asdict(),
        "baseline_choices": {name: baseline.chosen for name, baseline in fitted.items()},
        "bootstrap": {"resamples": resamples, "seed": seed},
        "rules": RULES,
    }
    if (seen := seen_in_pretraining(loaded, data)) is not None:
        found["pretraining"] = seen
    found["verdict"] = [finding._asdict() for finding in verdict.judge_test(found)]
    for finding in found["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])

    finished = finish(loaded, data, splits, judged[MODEL], sample)
    with files.output_folder(out) as staging:
        save_model(finished, staging / "model")
        card = modelcard.write(finished.settings, found, part_sizes(data))
        (staging / "model" / "README.md").write_text(card, encoding="utf-8")
        files.write_json(found, staging / "metrics.json")
        test = ~validation
        scorers = {name: j.rows(test) for name, j in judged.items()}
        drawn = {"sample": sample, "test": curves.draw(labels[test], scorers)}
        files.write_json(drawn, staging / "curves.json")
        files.write_table(predictions(regions, judged)[test], staging / "test_predictions.tsv")


def seen_in_pretraining(model: Model, data: TrainingData) -> dict[str, Any] | None:
    """Tell which test chromosomes a published backbone saw in pre-training; None if it has none.

    Returns
    -------
    dict
        ``backbone``, ``held_out`` (chromosomes that its pre-training left out; empty if none or
        unknown) and ``seen`` (test chromosomes not among them).
    """
    name = model.settings.backbone.get("name")
    entry = registry.find(name) if name else None
    if entry is None or entry.hub is None:
        return None
    tested = sorted(map(str, data.regions["chrom"].iloc[data.select("test")].unique()))
    known = {chrom.removeprefix("chr") for chrom in entry.held_out}
    return {
        "backbone": entry.name,
        "held_out": entry.held_out,
        "seen": [chrom for chrom in tested if chrom.removeprefix("chr") not in known],
    }


def check_test_part(data: TrainingData, splits: Sequence[Path]) -> None:
    """Refuse a test part that lacks a class.

    Raises
    ------
    UserError
        With the counts.
    """
    labels = data.labels("test")
    positive = int(labels.sum())
    if not 0 < positive < len(labels):
        raise UserError(
            f"the test part has {positive} super-enhancers and {len(labels) - positive} typical "
            "enhancers",
            where=splits[0],
            expected="both classes in every part",
            do="split again, with a larger test part or other chromosomes",
        )


def held_out(data: TrainingData) -> pd.DataFrame:
    """Take the rows of validation and test; a region without a cluster is its own locus."""
    regions = data.regions.iloc[data.select("validation", "test")].reset_index(drop=True)
    alone = pd.Series([f"region {i}" for i in range(len(regions))], dtype=object)
    clusters = regions["cluster"] if "cluster" in regions.columns else pd.Series(index=alone.index)
    clusters = clusters.astype(object)
    regions["cluster"] = clusters.where(clusters.notna() & (clusters != ""), alone).astype(str)
    return regions


def fit_baselines(data: TrainingData) -> dict[str, baselines.Baseline]:
    """Fit the baselines on the training part; scores of the rows of validation and test."""
    parts = ("train", "validation", "test")
    rows = data.regions.iloc[data.select(*parts)]
    features = baselines.composition(data.sequences(*parts), total=len(rows))
    split = rows["split"].to_numpy(str)
    fitted = baselines.fit_all(features, rows["label"].to_numpy(np.int64), split)
    return {
        name: baseline._replace(scores=baseline.scores[split != "train"])
        for name, baseline in fitted.items()
    }


def part_sizes(data: TrainingData) -> dict[str, dict[str, int]]:
    """Count regions and classes of every part."""
    sizes = {}
    for part in ("train", "validation", "test"):
        labels = data.labels(part)
        positive = int(labels.sum())
        sizes[part] = {"SE": positive, "TE": len(labels) - positive}
    return sizes


def finish(
    model: Model, data: TrainingData, splits: Sequence[Path], judged: Judged, sample: str
) -> Model:
    """Put calibration, threshold and the split's record into the model's settings."""
    record = model.settings.splits
    if record.hash is None:
        chromosomes = {
            part: sorted(map(str, data.regions["chrom"].iloc[data.select(part)].unique()))
            for part in ("test", "validation")
        }
        # a split by loci has thousands of "chromosomes" or shares them: then only the hash tells
        few = max(map(len, chromosomes.values())) <= 30
        record = SplitRecord(
            method=record.method,
            hash="+".join(files.sha256(path) for path in splits),
            **(chromosomes if few else {}),
        )
    settings = model.settings.model_copy(
        update={
            "sample": sample,
            "calibration": Calibration(**judged.calibration),
            "threshold": judged.threshold.value,
            "splits": record,
        }
    )
    return Model(model.classifier, model.tokenizer, settings, model.device)


def predictions(regions: pd.DataFrame, judged: Mapping[str, Judged]) -> pd.DataFrame:
    """Tabulate every row's scores: test_predictions.tsv."""
    names = ["sample", "chrom", "start", "end", "name", "label"]
    table = regions[[name for name in names if name in regions.columns]].copy()
    table["label"] = table["label"].astype(np.int64)
    scored = judged[MODEL].scored
    table["logit"], table["probability"] = scored.score, scored.probability
    table["prediction"] = np.where(scored.prediction == 1, "SE", "TE")
    for name, other in judged.items():
        if name != MODEL:
            table[f"{name}_probability"] = other.scored.probability
    for name in ("split", "cluster", CONTAINMENT):
        if name in regions.columns:
            table[name] = regions[name]
    return table
