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
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from seformer.evaluation import metrics
from seformer.evaluation.baselines import check_baselines, fit_baselines, sort_baselines
from seformer.evaluation.baselines.base import BaselineRegions, BaselineScores
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.card import model_card
from seformer.evaluation.compare import (
    CONTAINMENT,
    MODEL,
    CalibratedScorer,
    calibrate_scorer,
    calibration_rows,
    measure_parts,
    probability_column,
    tabulate_measures,
)
from seformer.evaluation.control_variate import (
    REFERENCE_K,
    CalibrationControl,
    Reference,
    fit_reference,
)
from seformer.evaluation.curves import curve_points
from seformer.evaluation.settings import EvaluateSettings
from seformer.evaluation.signal_ranks import SIGNAL, judge_signal
from seformer.evaluation.tracks import NO_TRACKS, Tracks, named_tracks, read_tracks
from seformer.evaluation.twin import chosen_names, is_pretrained, load_twin
from seformer.evaluation.uncertainty import measure_sets
from seformer.evaluation.verdict import in_short, judge_test
from seformer.model.backbones import registry
from seformer.model.calibration import check_rule
from seformer.model.conformal import always_held, few_loci, fit_sets, name_sets
from seformer.model.folder import OWN_FILES, Model, ensemble, load_model, save_model
from seformer.model.settings import ConformalSets, FittedCalibration, SplitRecord
from seformer.regions.negatives import RANDOM
from seformer.scoring.merge import SET
from seformer.scoring.score import Ensemble, Scores
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.grey_zone import LEFT_OUT
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import PARTS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv
from seformer.util.text import sha256

logger = logging.getLogger(__name__)
FEW_CHROMOSOMES = 30
RULES = {
    "calibration": "fitted on the validation part, for the model and each baseline: on its regions "
    "unlike those of the training part, where there are enough of each class; the slope is held "
    "steady by a 4-mer regression, whose slope is known from the training part by cross-fitting",
    "threshold": "chosen on the validation part, for the model and each baseline",
    "sets": "limits of each class fitted on the validation part (split-conformal)",
    "best_baseline": "per metric, the baseline with the best value on the test part itself: the "
    "choice that is hardest on the model",
    "intervals": "95 % percentile bootstrap over loci, the same resamples for every scorer",
    "ece": f"{metrics.ECE_BINS} bins of equal width",
}


class Evaluation(NamedTuple):
    """What was measured: metrics.json, curves.json (by kind) and test_predictions.tsv."""

    metrics: dict[str, Any]
    curves: dict[str, Any]
    predictions: pd.DataFrame


@takes(EvaluateSettings)
def evaluate(
    models: Path | Sequence[Path],
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    settings: EvaluateSettings,
    *,
    random_twin: Sequence[Path] = (),
) -> None:
    """Evaluate a model, or several as one ensemble, and write everything into ``out``.

    metrics.json, curves.json, test_predictions.tsv and the final model folder ``model/`` with
    its calibration, threshold and model card.

    Parameters
    ----------
    random_twin
        Model folders of the model's random twin; several make one ensemble.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    check_rule(settings.threshold_by)
    check_baselines(settings.baseline_names)
    files = named_tracks(settings.baseline_tracks)
    require_writable(out)
    data = open_dataset(extracted, splits)
    check_test_part(data, splits)
    tracks = read_tracks(files, data)
    folders = [Path(models)] if isinstance(models, str | Path) else models
    model = ensemble([load_model(folder, settings.device) for folder in folders])
    twin = load_twin(random_twin, model, settings.device)
    evaluation, scorer = evaluate_model(model, data, settings, twin, tracks)
    sample, split = evaluation.metrics["sample"], record_split(model, data, splits)
    finished = finish_model(model, scorer, sample=sample, splits=split)
    write_evaluation(out, evaluation, finished, part_sizes(data))


def evaluate_model(
    model: Model,
    data: LabelledDataset,
    settings: EvaluateSettings,
    twin: Model | None = None,
    tracks: Tracks = NO_TRACKS,
) -> tuple[Evaluation, CalibratedScorer]:
    """Score validation and test part, by the model and by the baselines, and measure them.

    Returns what was measured, and the model's scores with its calibration, threshold and sets.
    """
    regions = held_out_regions(data)
    beside_them = twin is not None or bool(tracks.statistics)
    names = chosen_names(settings.baseline_names, model, twin is not None, beside_them)
    with ThreadPoolExecutor(1) as beside:
        fitting = beside.submit(score_baselines, data, names, settings.seed, tracks.statistics)
        scores = Ensemble(model, settings.batch_tokens).score(data.sequences("validation", "test"))
        if twin is not None:
            held_out = data.sequences("validation", "test")
            of_twin = Ensemble(twin, settings.batch_tokens).score(held_out, "random twin").logit
        baselines, reference = fitting.result()
    if twin is not None:
        baselines = sort_baselines(baselines | {TWIN: BaselineScores(of_twin, {})})
    labels, loci = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    test = (regions["split"] == "test").to_numpy()
    rows = calibration_rows(regions, ~test)
    control = CalibrationControl(reference, labels, loci, rows, settings.seed)

    def calibrated(margins: np.ndarray) -> CalibratedScorer:
        how = settings.calibration, settings.threshold_by
        return calibrate_scorer(margins, labels, ~test, *how, rows, control)

    scorers = {MODEL: calibrated(scores.logit)}
    scorers |= {name: calibrated(baseline.scores) for name, baseline in baselines.items()}
    # of a model with a k-mer spectrum both parts can be judged alone
    parts = {}
    if model.classifier.spectrum is not None:
        parts = {"transformer": calibrated(scores.logit - scores.spectrum)}
        parts["kmers"] = calibrated(scores.spectrum)
    measured: dict[str, Any] = {"sample": settings.sample or model.settings.sample} | measure_parts(
        regions,
        scorers,
        settings.resamples,
        settings.seed,
        parts=parts,
        members=[calibrated(member) for member in scores.members],
        prevalence=settings.prevalence or data.natural_prevalence(),
    )
    sets = fit_sets(scores.logit[~test], labels[~test], loci[~test], settings.coverage)
    chosen = scorers[MODEL]._replace(sets=sets)
    warn_of_sets(sets)
    table = tabulate_predictions(regions, scorers | parts, scores)[test]
    table.insert(table.columns.get_loc("prediction") + 1, SET, name_sets(sets, table["logit"]))
    measured["test"]["conformal"] = measure_sets(
        labels[test],
        table[SET],
        loci[test],
        sets.coverage,
        always_held(sets),
        {name: getattr(sets, name).loci for name in (SUPER, TYPICAL)},
        settings.resamples,
        settings.seed,
    )
    measured |= {
        "calibration": {k: v for k, v in chosen.calibration.items() if np.isscalar(v)},
        "threshold": chosen.threshold._asdict(),
        "thresholds": {name: s.threshold.value for name, s in (scorers | parts).items()},
        "baseline_choices": {name: baseline.chosen for name, baseline in baselines.items()},
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "rules": RULES,
    }
    if (seen := seen_in_pretraining(model, data)) is not None:
        measured["pretraining"] = seen
    if twin is not None:
        measured[TWIN] = {"models": len(twin.members), "of": len(model.members)}
    if left_out := int((data.regions["grey_zone"] == LEFT_OUT).sum()):
        measured["grey_zone"] = {LEFT_OUT: left_out}
    if tracks.counts:
        measured["tracks"] = tracks.counts
    drawn = curve_points(labels[test], {n: s.scored.take(test) for n, s in scorers.items()})
    return Evaluation(measured, drawn, table), chosen


def warn_of_sets(sets: ConformalSets) -> None:
    """Say of which class there are too few validation regions, or loci, for the coverage."""
    for name in few_loci(sets):
        logger.warning(
            "the validation regions of class %s lie in %d loci, too few for --coverage %g: what "
            "the sets promise is not sure where the regions of a locus are alike",
            *(name, getattr(sets, name).loci, sets.coverage),
        )
    for name in always_held(sets):
        of_class = getattr(sets, name)
        logger.warning(
            "%d validation regions of class %s in %d loci are too few for --coverage %g: every "
            "set holds %s",
            *(of_class.regions, name, of_class.loci, sets.coverage, name),
        )


def write_evaluation(
    out: Path, evaluation: Evaluation, model: Model, sizes: Mapping[str, Mapping[str, int]]
) -> None:
    """Make the verdict and write the evaluated folder; ``sizes`` as of `model_card`."""
    measured = evaluation.metrics
    findings = [*judge_test(measured), *judge_signal(measured["test"])]
    measured["verdict"] = [finding._asdict() for finding in findings]
    settings = model.settings.model_copy(update={"test": in_short(measured)})
    for finding in measured["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])
    drawn = {"sample": measured["sample"], "test": evaluation.curves}
    with output_folder(out, own=[f"model/{name}" for name in OWN_FILES]) as staging:
        save_model(replace(model, settings=settings), staging / "model")
        card = model_card(settings, measured, sizes)
        (staging / "model" / "README.md").write_text(card, encoding="utf-8")
        write_json(measured, staging / "metrics.json")
        write_tsv(tabulate_measures(measured), staging / "metrics.tsv")
        write_json(drawn, staging / "curves.json")
        write_tsv(evaluation.predictions, staging / "test_predictions.tsv")


def seen_in_pretraining(model: Model, data: LabelledDataset) -> dict[str, Any] | None:
    """Tell which test chromosomes a published backbone saw in pre-training; None if it has none.

    Returns
    -------
    dict
        ``backbone``, ``held_out`` (chromosomes that its pre-training left out; empty if none or
        unknown), ``seen`` (test chromosomes not among them) and, of a backbone that was trained
        with labels too, ``labels``.
    """
    name = model.settings.backbone.get("name")
    entry = registry.find(name) if name else None
    if entry is None or entry.hub is None or not is_pretrained(model.settings):
        return None
    tested = sorted(map(str, data.regions["chrom"].iloc[data.select("test")].unique()))
    held_out = {chrom.removeprefix("chr") for chrom in entry.held_out}
    return {
        "backbone": entry.name,
        "held_out": entry.held_out,
        "seen": [chrom for chrom in tested if chrom.removeprefix("chr") not in held_out],
    } | ({"labels": entry.labels} if entry.labels else {})


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


def held_out_regions(data: LabelledDataset) -> pd.DataFrame:
    """Take the rows of validation and test, see `with_loci`."""
    return with_loci(data.regions.iloc[data.select("validation", "test")])


def with_loci(regions: pd.DataFrame) -> pd.DataFrame:
    """Make a region without a cluster its own locus; rows are numbered anew."""
    regions = regions.reset_index(drop=True)
    clusters = regions["cluster"].astype(object)
    alone = "region " + regions.index.astype(str)
    regions["cluster"] = clusters.where(clusters.notna() & (clusters != ""), alone).astype(str)
    return regions


def score_baselines(
    data: LabelledDataset,
    names: Sequence[str],
    seed: int,
    tracks: Mapping[str, np.ndarray] | None = None,
) -> tuple[dict[str, BaselineScores], Reference | None]:
    """Fit the baselines, and the reference of calibrations beside them, on the training part.

    Returns the scores of the rows of validation and test.
    """
    rows = with_loci(data.regions.iloc[data.select(*PARTS)])
    regions = BaselineRegions(
        lambda: data.sequences(*PARTS),
        rows["label"].to_numpy(np.int64),
        rows["split"].to_numpy(str),
        tracks or {},
    )
    # torch gives a new thread its number of threads at first use: before the baselines limit it
    torch.get_num_threads()
    baselines = {
        name: baseline._replace(scores=baseline.scores[~regions.train])
        for name, baseline in fit_baselines(regions, names).items()
    }
    kmers, loci = regions.composition.kmers[REFERENCE_K], rows["cluster"].to_numpy()
    reference = fit_reference(kmers, regions.labels, regions.train, loci, seed)
    return baselines, reference and reference.take(~regions.train)


def part_sizes(data: LabelledDataset) -> dict[str, dict[str, int]]:
    """Count regions and classes of every part, and the random regions among the latter."""
    sizes = {}
    for part in PARTS:
        rows = data.regions.iloc[data.select(part)]
        positive, drawn = int(rows["label"].sum()), int(rows["source"].eq(RANDOM).sum())
        sizes[part] = {"SE": positive, "TE": len(rows) - positive, RANDOM: drawn}
    return sizes


def record_split(model: Model, data: LabelledDataset, splits: Sequence[Path]) -> SplitRecord:
    """Return the split's record: that of the training, or of these files where it has none."""
    record = model.settings.splits
    if record.hash is not None:
        return record
    chromosomes = {
        part: sorted(map(str, data.regions["chrom"].iloc[data.select(part)].unique()))
        for part in ("test", "validation")
    }
    # a split by loci has thousands of "chromosomes" or shares them: then only the hash tells
    few = max(map(len, chromosomes.values())) <= FEW_CHROMOSOMES
    digest = "+".join(sha256(path) for path in splits)
    return SplitRecord(method=record.method, hash=digest, **(chromosomes if few else {}))


def finish_model(model: Model, scorer: CalibratedScorer, **settings: Any) -> Model:
    """Put calibration, threshold and sets, and more ``settings``, into the model's settings."""
    fitted = FittedCalibration(**scorer.calibration)
    update = {"calibration": fitted, "threshold": scorer.threshold.value, **settings}
    update["conformal"] = scorer.sets
    return replace(model, settings=model.settings.model_copy(update=update))


def tabulate_predictions(
    regions: pd.DataFrame, scorers: Mapping[str, CalibratedScorer], scores: Scores
) -> pd.DataFrame:
    """Tabulate every row's scores: test_predictions.tsv."""
    table = regions[["sample", "chrom", "start", "end", "name", "label"]].copy()
    table["label"] = table["label"].astype(np.int64)
    scored = scorers[MODEL].scored
    table["logit"], table[probability_column(MODEL)] = scored.score, scored.probability
    table["prediction"] = np.where(scored.prediction == 1, SUPER, TYPICAL)
    if len(scores.members) > 1:
        table["logit_sd"] = scores.logit_sd
        for number, member in enumerate(scores.members, 1):
            table[f"member_{number}_logit"] = member
    for name, scorer in scorers.items():
        if name != MODEL:
            table[probability_column(name)] = scorer.scored.probability
    added = ["split", "cluster", CONTAINMENT]
    table[added] = regions[added]
    if SIGNAL in regions and regions[SIGNAL].notna().any():
        table[SIGNAL] = regions[SIGNAL]
    return table
