"""Calibration: the held-out parts scored once; probabilities, threshold and sets from validation.

What scores and explanations need of the evaluation, and no more: the test part is scored, for the
evaluation to measure, and not looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation.compare import CalibratedScorer
from seformer.evaluation.control_variate import REFERENCE_K, Reference, fit_reference
from seformer.evaluation.held_out import (
    Calibrated,
    HeldOutScores,
    Network,
    calibrator,
    check_test_part,
    held_out_regions,
    with_loci,
    write_calibrated,
)
from seformer.evaluation.settings import CalibrateSettings
from seformer.model.calibration import check_rule
from seformer.model.conformal import always_held, few_loci, fit_sets
from seformer.model.folder import Model, config_digest, ensemble, load_model, save_model
from seformer.model.settings import ConformalSets, FittedCalibration, ModelSettings
from seformer.scoring.score import Ensemble
from seformer.sequence.composition import composition
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.record import split_of_training
from seformer.util.atomic import require_writable
from seformer.util.labels import PARTS
from seformer.util.settings import takes

logger = logging.getLogger(__name__)


@takes(CalibrateSettings)
def calibrate_models(
    models: Sequence[Path],
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    settings: CalibrateSettings,
) -> None:
    """Calibrate a model, or several as one ensemble, and write what `held_out` describes.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    check_rule(settings.threshold_by)
    require_writable(out)
    data = open_dataset(extracted, splits)
    check_test_part(data, splits)
    model = ensemble([load_model(folder, settings.device) for folder in models])
    regions = held_out_regions(data)

    def reference() -> Reference | None:
        return four_mer_reference(data, settings.seed)

    calibrated = calibrate_on(model, data, regions, splits, settings, reference)
    write_calibrated(out, calibrated, regions)


def calibrate_on(
    model: Model,
    data: LabelledDataset,
    regions: pd.DataFrame,
    splits: Sequence[Path],
    settings: CalibrateSettings,
    reference: Callable[[], Reference | None],
) -> Calibrated:
    """Score validation and test part, and fit calibration, threshold and sets on the former.

    Parameters
    ----------
    regions
        Of `held_out_regions`.
    reference
        Gives the reference of the calibration, on the rows of validation and test.
    """
    # before the work: it warns of a model that was trained on another one
    trained_on = split_of_training([m.settings.splits for m in model.members], data, splits)
    scored = Ensemble(model, settings.batch_tokens).score(data.sequences("validation", "test"))
    spectrum = scored.spectrum if model.classifier.spectrum is not None else None
    scores = HeldOutScores(scored.logit, scored.members, spectrum, reference())
    labels, loci = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    validation = (regions["split"] == "validation").to_numpy()
    calibrated = calibrator(regions, scores.reference, settings)(scores.logit)
    sets = fit_sets(
        scores.logit[validation], labels[validation], loci[validation], settings.coverage
    )
    warn_of_sets(sets)
    ready = finish_model(
        model,
        calibrated._replace(sets=sets),
        sample=settings.sample or model.settings.sample,
        splits=trained_on,
    )
    return Calibrated(
        ready.settings,
        network_of(model),
        calibrated.threshold,
        sets,
        settings.seed,
        scores,
        partial(save_with_settings, ready),
    )


def save_with_settings(model: Model, settings: ModelSettings, folder: Path) -> None:
    """Write a model into ``folder``, with other settings."""
    save_model(replace(model, settings=settings), folder)


def network_of(model: Model) -> Network:
    """Say what the network of a loaded model is."""
    config = config_digest(model.classifier.backbone.config)
    ranges = [member.settings.training_range for member in model.members]
    return Network(config, dict(model.tokenizer.identity), ranges)


def four_mer_reference(data: LabelledDataset, seed: int) -> Reference | None:
    """Fit the reference of the calibrations; its margins are of the rows of validation and test."""
    rows = data.regions.iloc[data.select(*PARTS)]
    counted = composition(data.sequences(*PARTS), (REFERENCE_K,), len(rows))
    return reference_of(data, counted.kmers[REFERENCE_K], seed)


def reference_of(data: LabelledDataset, kmers: np.ndarray, seed: int) -> Reference | None:
    """The same from the frequencies of 4-mers in the regions of all parts, float32 [n, 4-mers]."""
    rows = with_loci(data.regions.iloc[data.select(*PARTS)])
    labels, loci = rows["label"].to_numpy(np.int64), rows["cluster"].to_numpy()
    train = (rows["split"] == "train").to_numpy()
    reference = fit_reference(kmers, labels, train, loci, seed)
    return reference and reference.take(~train)


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


def finish_model(model: Model, scorer: CalibratedScorer, **settings: Any) -> Model:
    """Put calibration, threshold and sets, and more ``settings``, into the model's settings."""
    fitted = FittedCalibration(**scorer.calibration)
    update = {"calibration": fitted, "threshold": scorer.threshold.value, **settings}
    update["conformal"] = scorer.sets
    return replace(model, settings=model.settings.model_copy(update=update))
