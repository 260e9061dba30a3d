"""Evaluation: the test part scored once, beside baselines that had the same chances.

For the model and for every baseline alike, calibration and threshold are fitted on the
validation part; the test part only measures.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seformer.evaluation import curves, metrics, verdict
from seformer.evaluation.baselines import check_baselines, fit_baselines
from seformer.evaluation.baselines.base import BaselineRegions, BaselineScores
from seformer.evaluation.card import model_card
from seformer.evaluation.compare import (
    CONTAINMENT,
    MODEL,
    CalibratedScorer,
    calibrate_scorer,
    measure_parts,
)
from seformer.evaluation.settings import EvaluateSettings
from seformer.model.backbones import registry
from seformer.model.calibration import check_rule
from seformer.model.folder import OWN_FILES, Model, ensemble, load_model, save_model
from seformer.model.settings import FittedCalibration, SplitRecord
from seformer.regions.negatives import RANDOM
from seformer.scoring.score import Ensemble, Scores
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.util.atomic import output_folder, require_writable
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.labels import PARTS
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv
from seformer.util.text import sha256

logger = logging.getLogger(__name__)
RULES = {
    "calibration": "fitted on the validation part, for the model and each baseline",
    "threshold": "chosen on the validation part, for the model and each baseline",
    "best_baseline": "per metric, the baseline with the best value on the test part itself: the "
    "choice that is hardest on the model",
    "intervals": "95 % percentile bootstrap over loci, the same resamples for every scorer",
    "ece": f"{metrics.ECE_BINS} bins of equal width",
}


@takes(EvaluateSettings)
def evaluate(
    models: Path | Sequence[Path],
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    settings: EvaluateSettings,
) -> None:
    """Evaluate a model, or several as one ensemble, and write everything into ``out``.

    metrics.json, curves.json, test_predictions.tsv and the final model folder ``model/`` with
    its calibration, threshold and model card.

    Parameters
    ----------
    prevalence
        Share of super-enhancers that the threshold metrics are given for too; default: among
        all labelled regions that were given.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    check_rule(settings.threshold_by)
    models = [models] if isinstance(models, str | Path) else models
    names = check_baselines(settings.baseline_names)
    require_writable(out)
    data = open_dataset(extracted, splits)
    check_test_part(data, splits)
    place = resolve_device(settings.device)
    loaded = ensemble([load_model(model, place) for model in models])
    sample = settings.sample or loaded.settings.sample

    regions = held_out(data)
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(score_baselines, data, names)
        scores = Ensemble(loaded, settings.batch_tokens).score(data.sequences("validation", "test"))
        fitted = fitting.result()
    labels = regions["label"].to_numpy(np.int64)
    validation = (regions["split"] == "validation").to_numpy()

    def judged_as(logits: np.ndarray) -> CalibratedScorer:
        return calibrate_scorer(
            logits, labels, validation, settings.calibration, settings.threshold_by
        )

    judged = {MODEL: judged_as(scores.logit)}
    judged |= {name: judged_as(baseline.scores) for name, baseline in fitted.items()}
    alone = {name: judged_as(part) for name, part in part_margins(loaded, scores).items()}
    found = {"sample": sample} | measure_parts(
        regions,
        judged,
        settings.resamples,
        settings.seed,
        parts=alone,
        members=[judged_as(member) for member in scores.members],
        prevalence=settings.prevalence or data.natural_prevalence(),
    )
    found |= {
        "calibration": {k: v for k, v in judged[MODEL].calibration.items() if np.isscalar(v)},
        "threshold": judged[MODEL].threshold._asdict(),
        "thresholds": {name: j.threshold.value for name, j in (judged | alone).items()},
        "baseline_choices": {name: baseline.chosen for name, baseline in fitted.items()},
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "rules": RULES,
    }
    if (seen := seen_in_pretraining(loaded, data)) is not None:
        found["pretraining"] = seen
    finished = finish_model(loaded, data, splits, judged[MODEL], sample)
    test = ~validation
    table = predictions(regions, judged | alone, scores)[test]
    scorers = {name: j.scored.take(test) for name, j in judged.items()}
    write_evaluation(
        out, found, table, curves.curve_points(labels[test], scorers), finished, part_sizes(data)
    )


def write_evaluation(
    out: Path,
    found: dict[str, Any],
    predictions: pd.DataFrame,
    drawn: Mapping[str, Any],
    model: Model,
    sizes: Mapping[str, Mapping[str, int]],
) -> None:
    """Add the verdict to ``found`` and write the evaluated folder."""
    found["verdict"] = [finding._asdict() for finding in verdict.judge_test(found)]
    for finding in found["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])
    with output_folder(out, own=[f"model/{name}" for name in OWN_FILES]) as staging:
        save_model(model, staging / "model")
        card = model_card(model.settings, found, sizes)
        (staging / "model" / "README.md").write_text(card, encoding="utf-8")
        write_json(found, staging / "metrics.json")
        write_json({"sample": found["sample"], "test": drawn}, staging / "curves.json")
        write_tsv(predictions, staging / "test_predictions.tsv")


def part_margins(model: Model, scores: Scores) -> dict[str, np.ndarray]:
    """Logits of what can be judged alone: of a model with a k-mer spectrum its transformer."""
    if model.classifier.spectrum is None:
        return {}
    return {"transformer": scores.logit - scores.spectrum}


def seen_in_pretraining(model: Model, data: LabelledDataset) -> dict[str, Any] | None:
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


def check_test_part(data: LabelledDataset, splits: Sequence[Path]) -> None:
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


def held_out(data: LabelledDataset) -> pd.DataFrame:
    """Take the rows of validation and test; a region without a cluster is its own locus."""
    regions = data.regions.iloc[data.select("validation", "test")].reset_index(drop=True)
    alone = pd.Series([f"region {i}" for i in range(len(regions))], dtype=object)
    clusters = regions["cluster"] if "cluster" in regions.columns else pd.Series(index=alone.index)
    clusters = clusters.astype(object)
    regions["cluster"] = clusters.where(clusters.notna() & (clusters != ""), alone).astype(str)
    return regions


def score_baselines(data: LabelledDataset, names: Sequence[str]) -> dict[str, BaselineScores]:
    """Fit the baselines on the training part; scores of the rows of validation and test."""
    rows = data.regions.iloc[data.select(*PARTS)]
    regions = BaselineRegions(
        lambda: data.sequences(*PARTS),
        rows["label"].to_numpy(np.int64),
        rows["split"].to_numpy(str),
    )
    # torch gives a new thread its number of threads at first use: before the baselines limit it
    torch.get_num_threads()
    return {
        name: baseline._replace(scores=baseline.scores[~regions.train])
        for name, baseline in fit_baselines(regions, names).items()
    }


def part_sizes(data: LabelledDataset) -> dict[str, dict[str, int]]:
    """Count regions and classes of every part, and the random regions among the latter."""
    sizes = {}
    for part in PARTS:
        labels = data.labels(part)
        positive = int(labels.sum())
        drawn = data.regions["source"].iloc[data.select(part)].eq(RANDOM).sum()
        sizes[part] = {"SE": positive, "TE": len(labels) - positive, RANDOM: int(drawn)}
    return sizes


def finish_model(
    model: Model,
    data: LabelledDataset,
    splits: Sequence[Path],
    judged: CalibratedScorer,
    sample: str,
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
            hash="+".join(sha256(path) for path in splits),
            **(chromosomes if few else {}),
        )
    settings = model.settings.model_copy(
        update={
            "sample": sample,
            "calibration": FittedCalibration(**judged.calibration),
            "threshold": judged.threshold.value,
            "splits": record,
        }
    )
    return replace(model, settings=settings)


def predictions(
    regions: pd.DataFrame, judged: Mapping[str, CalibratedScorer], scores: Scores
) -> pd.DataFrame:
    """Tabulate every row's scores: test_predictions.tsv."""
    names = ["sample", "chrom", "start", "end", "name", "label"]
    table = regions[[name for name in names if name in regions.columns]].copy()
    table["label"] = table["label"].astype(np.int64)
    scored = judged[MODEL].scored
    table["logit"], table["probability"] = scored.score, scored.probability
    table["prediction"] = np.where(scored.prediction == 1, "SE", "TE")
    if len(scores.members) > 1:
        table["logit_sd"] = scores.logit_sd
        for number, member in enumerate(scores.members, 1):
            table[f"member_{number}_logit"] = member
    for name, other in judged.items():
        if name != MODEL:
            table[f"{name}_probability"] = other.scored.probability
    for name in ("split", "cluster", CONTAINMENT):
        if name in regions.columns:
            table[name] = regions[name]
    return table
