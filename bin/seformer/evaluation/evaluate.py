"""Evaluation: the test part scored once, beside baselines that had the same chances.

For the model and for every baseline alike, calibration and threshold are fitted on the
validation part; the test part only measures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.baseline_scores import (
    FittedBaselines,
    baseline_regions,
    fit_held_out,
    read_baselines,
)
from seformer.evaluation.baselines import check_baselines, sort_baselines
from seformer.evaluation.baselines.base import BaselineRegions, BaselineScores
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.card import model_card
from seformer.evaluation.compare import (
    CONTAINMENT,
    MODEL,
    CalibratedScorer,
    measure_parts,
    probability_column,
    tabulate_measures,
)
from seformer.evaluation.control_variate import REFERENCE_K, Reference
from seformer.evaluation.curves import curve_points
from seformer.evaluation.held_out import (
    Calibrated,
    HeldOutScores,
    Network,
    calibrator,
    check_test_part,
    held_out_regions,
    read_calibrated,
    require_same_regions,
)
from seformer.evaluation.settings import EvaluateSettings
from seformer.evaluation.signal_ranks import SIGNAL, judge_signal
from seformer.evaluation.tracks import Tracks, named_tracks, read_tracks
from seformer.evaluation.twin import TwinScores, chosen_names, is_pretrained, twin_scores
from seformer.evaluation.uncertainty import measure_sets
from seformer.evaluation.verdict import in_short, judge_test
from seformer.model.archive import OWN_FILES
from seformer.model.backbones import registry
from seformer.model.calibration import check_rule
from seformer.model.conformal import always_held, name_sets
from seformer.model.settings import ModelSettings
from seformer.regions.negatives import RANDOM
from seformer.scoring.merge import LOGIT_SD, SET, logit_sd
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.grey_zone import LEFT_OUT
from seformer.splits.record import trained_on_another
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import PARTS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)
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
    calibrated: Path | None = None,
    baseline_scores: Path | None = None,
) -> None:
    """Evaluate a model, or several as one ensemble, and write everything into ``out``.

    metrics.json, curves.json, test_predictions.tsv and the final model folder ``model/`` with
    its calibration, threshold and model card.

    Parameters
    ----------
    random_twin
        Model folders of the model's random twin, or what `seformer calibrate` wrote of them;
        several make one ensemble.
    calibrated
        What `seformer calibrate` wrote, in place of ``models``: no network is needed then.
    baseline_scores
        What `seformer baselines` wrote; by default the baselines are fitted here.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    check_rule(settings.threshold_by)
    check_baselines(settings.baseline_names)
    files = named_tracks(settings.baseline_tracks)
    folders = [Path(models)] if isinstance(models, str | Path) else models
    if bool(folders) == (calibrated is not None):
        raise UserError(
            f"--model and --calibrated were {'both' if folders else 'not'} given",
            expected="one of them",
            do="give the model folder of stage 2 to --model, or what `seformer calibrate` wrote to "
            "--calibrated",
        )
    if baseline_scores is not None and (files or settings.changed("baseline_names")):
        raise UserError(
            "the baselines were chosen when they were fitted",
            where=baseline_scores,
            do="leave out --baselines and --baseline-tracks, or fit other ones: seformer baselines",
        )
    require_writable(out)
    data = open_dataset(extracted, splits)
    check_test_part(data, splits)
    regions = held_out_regions(data)
    tracks = read_tracks(files, data)

    def baselines(model: ModelSettings, of: BaselineRegions) -> FittedBaselines:
        if baseline_scores is not None:
            return read_baselines(baseline_scores, regions)
        beside = bool(random_twin), bool(random_twin or tracks.statistics)
        names = chosen_names(settings.baseline_names, model, *beside)
        return FittedBaselines(fit_held_out(of, names), tracks.counts)

    if calibrated is None:
        ready, beside = calibrate_here(folders, data, regions, splits, settings, tracks, baselines)
    else:
        ready, table = read_calibrated(calibrated)
        require_same_regions(table, regions, calibrated)
        settings = as_calibrated(settings, ready, calibrated)
        sample = settings.sample or ready.settings.sample
        ready = ready._replace(settings=ready.settings.model_copy(update={"sample": sample}))
        beside = baselines(ready.settings, baseline_regions(data, tracks))
    score = partial(score_folder, data, settings)
    twin = twin_scores(random_twin, ready, regions, score)
    evaluation = measure_model(ready, data, regions, settings, beside, twin)
    if trained_on_another([ready.settings.splits], splits):
        evaluation.metrics["other_split"] = True
    write_evaluation(out, evaluation, ready.settings, ready.save, part_sizes(data))


def calibrate_here(
    folders: Sequence[Path],
    data: LabelledDataset,
    regions: pd.DataFrame,
    splits: Sequence[Path],
    settings: EvaluateSettings,
    tracks: Tracks,
    baselines: Callable[[ModelSettings, BaselineRegions], FittedBaselines],
) -> tuple[Calibrated, FittedBaselines]:
    """Load and calibrate the model while the baselines are fitted beside it."""
    import torch

    from seformer.evaluation.calibrate import calibrate_on, reference_of
    from seformer.model.folder import ensemble, load_model

    model = ensemble([load_model(folder, settings.device) for folder in folders])
    of = baseline_regions(data, tracks)

    def beside() -> FittedBaselines:
        # torch gives a new thread its number of threads at first use: before baselines limit it
        torch.get_num_threads()
        return baselines(model.settings, of)

    with ThreadPoolExecutor(1) as thread:
        fitting = thread.submit(beside)

        def reference() -> Reference | None:
            fitting.result()
            return reference_of(data, of.composition.kmers[REFERENCE_K], settings.seed)

        ready = calibrate_on(model, data, regions, splits, settings, reference)
        return ready, fitting.result()


def score_folder(
    data: LabelledDataset, settings: EvaluateSettings, folder: Path
) -> tuple[ModelSettings, Network, np.ndarray]:
    """Score the held-out regions with a model folder: float64 [members, n]."""
    from seformer.evaluation.calibrate import network_of
    from seformer.model.folder import load_model
    from seformer.scoring.score import Ensemble

    twin = load_model(folder, settings.device)
    scorer = Ensemble(twin, settings.batch_tokens)
    scores = scorer.score(data.sequences("validation", "test"), "random twin")
    return twin.settings, network_of(twin), scores.members


def as_calibrated(settings: EvaluateSettings, ready: Calibrated, folder: Path) -> EvaluateSettings:
    """Return the settings by which the model was calibrated; an option that says otherwise is none.

    Raises
    ------
    UserError
        For such an option.
    """
    how = {
        "calibration": ready.settings.calibration.method,
        "threshold_by": ready.threshold.by,
        "coverage": ready.sets.coverage,
        "seed": ready.seed,
    }
    for name, value in how.items():
        if settings.changed(name) and getattr(settings, name) != value:
            raise UserError(
                f"{name} is {getattr(settings, name)}, but the model was calibrated with {value}",
                where=folder,
                do="leave the option out, or calibrate again with it",
            )
    return settings.but(**how)


def measure_model(
    ready: Calibrated,
    data: LabelledDataset,
    regions: pd.DataFrame,
    settings: EvaluateSettings,
    beside: FittedBaselines,
    twin: TwinScores | None = None,
) -> Evaluation:
    """Measure the held-out scores of the model and of all that stands beside it."""
    scores, sets = ready.scores, ready.sets
    baselines = beside.scores
    if twin is not None:
        baselines = sort_baselines(baselines | {TWIN: BaselineScores(twin.logit, {})})
    labels, loci = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    test = (regions["split"] == "test").to_numpy()
    calibrated = calibrator(regions, scores.reference, settings)
    scorers = {MODEL: calibrated(scores.logit)}
    scorers |= {name: calibrated(baseline.scores) for name, baseline in baselines.items()}
    # of a model with a k-mer spectrum both parts can be judged alone
    parts = {}
    if scores.spectrum is not None:
        parts = {"transformer": calibrated(scores.logit - scores.spectrum)}
        parts["kmers"] = calibrated(scores.spectrum)
    measured: dict[str, Any] = {"sample": settings.sample or ready.settings.sample} | measure_parts(
        regions,
        scorers,
        settings.resamples,
        settings.seed,
        parts=parts,
        members=[calibrated(member) for member in scores.members],
        prevalence=settings.prevalence or data.natural_prevalence(),
    )
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
    chosen = scorers[MODEL]
    measured |= {
        "regions": len(data.regions),
        "calibration": {k: v for k, v in chosen.calibration.items() if np.isscalar(v)},
        "threshold": chosen.threshold._asdict(),
        "thresholds": {name: s.threshold.value for name, s in (scorers | parts).items()},
        "baseline_choices": {name: baseline.chosen for name, baseline in baselines.items()},
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "rules": RULES,
    }
    if (seen := seen_in_pretraining(ready.settings, data)) is not None:
        measured["pretraining"] = seen
    if twin is not None:
        measured[TWIN] = {"models": twin.members, "of": len(scores.members)}
    if left_out := int((data.regions["grey_zone"] == LEFT_OUT).sum()):
        measured["grey_zone"] = {LEFT_OUT: left_out}
    if beside.tracks:
        measured["tracks"] = beside.tracks
    drawn = curve_points(labels[test], {n: s.scored.take(test) for n, s in scorers.items()})
    return Evaluation(measured, drawn, table)


def write_evaluation(
    out: Path,
    evaluation: Evaluation,
    model: ModelSettings,
    save: Callable[[ModelSettings, Path], None],
    sizes: Mapping[str, Mapping[str, int]],
) -> None:
    """Make the verdict and write the evaluated folder.

    Parameters
    ----------
    model, save
        As of `held_out.Calibrated`.
    sizes
        As of `model_card`.
    """
    measured = evaluation.metrics
    findings = [*judge_test(measured), *judge_signal(measured["test"])]
    measured["verdict"] = [finding._asdict() for finding in findings]
    settings = model.model_copy(update={"test": in_short(measured)})
    for finding in measured["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])
    drawn = {"sample": measured["sample"], "test": evaluation.curves}
    with output_folder(out, own=[f"model/{name}" for name in OWN_FILES]) as staging:
        save(settings, staging / "model")
        card = model_card(settings, measured, sizes)
        (staging / "model" / "README.md").write_text(card, encoding="utf-8")
        write_json(measured, staging / "metrics.json")
        write_tsv(tabulate_measures(measured), staging / "metrics.tsv")
        write_json(drawn, staging / "curves.json")
        write_tsv(evaluation.predictions, staging / "test_predictions.tsv")


def seen_in_pretraining(settings: ModelSettings, data: LabelledDataset) -> dict[str, Any] | None:
    """Tell which test chromosomes a published backbone saw in pre-training; None if it has none.

    Returns
    -------
    dict
        ``backbone``, ``held_out`` (chromosomes that its pre-training left out; empty if none or
        unknown), ``seen`` (test chromosomes not among them) and, of a backbone that was trained
        with labels too, ``labels``.
    """
    name = settings.backbone.get("name")
    entry = registry.find(name) if name else None
    if entry is None or entry.hub is None or not is_pretrained(settings):
        return None
    tested = sorted(map(str, data.regions["chrom"].iloc[data.select("test")].unique()))
    held_out = {chrom.removeprefix("chr") for chrom in entry.held_out}
    return {
        "backbone": entry.name,
        "held_out": entry.held_out,
        "seen": [chrom for chrom in tested if chrom.removeprefix("chr") not in held_out],
    } | ({"labels": entry.labels} if entry.labels else {})


def part_sizes(data: LabelledDataset) -> dict[str, dict[str, int]]:
    """Count regions and classes of every part, and the random regions among the latter."""
    sizes = {}
    for part in PARTS:
        rows = data.regions.iloc[data.select(part)]
        positive, drawn = int(rows["label"].sum()), int(rows["source"].eq(RANDOM).sum())
        sizes[part] = {"SE": positive, "TE": len(rows) - positive, RANDOM: drawn}
    return sizes


def tabulate_predictions(
    regions: pd.DataFrame, scorers: Mapping[str, CalibratedScorer], scores: HeldOutScores
) -> pd.DataFrame:
    """Tabulate every row's scores: test_predictions.tsv."""
    table = regions[["sample", "chrom", "start", "end", "name", "label"]].copy()
    table["label"] = table["label"].astype(np.int64)
    scored = scorers[MODEL].scored
    table["logit"], table[probability_column(MODEL)] = scored.score, scored.probability
    table["prediction"] = np.where(scored.prediction == 1, SUPER, TYPICAL)
    if len(scores.members) > 1:
        table[LOGIT_SD] = logit_sd(scores.members)
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
