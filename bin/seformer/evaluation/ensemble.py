"""The models of all folds as one ensemble, calibrated on what each fold held out.

Every region was held out by one fold, so the ensemble is calibrated on all of them; what it is
worth the folds' tests say, since it was itself trained on every region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation.calibrate import finish_model, save_with_settings
from seformer.evaluation.compare import calibrate_scorer, calibration_rows
from seformer.evaluation.held_out import MODEL_FOLDER, join_tests, read_calibrated
from seformer.evaluation.settings import EnsembleSettings
from seformer.model.archive import OWN_FILES
from seformer.model.conformal import fit_sets
from seformer.model.folder import ensemble, load_model
from seformer.model.settings import ModelSettings, SplitRecord, TrainingRange
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.settings import takes


class Joined(NamedTuple):
    """What folds become one model by.

    Attributes
    ----------
    models
        Model folder of each fold.
    regions
        All test regions with ``label`` and ``logit``: each scored by the fold that held it out.
    method, rule
        Of calibration and threshold; without a method the first model's.
    coverage
        That the sets promise; None if the folds do not promise the same.
    """

    models: Sequence[Path]
    regions: pd.DataFrame
    method: str | None
    rule: str
    coverage: float | None


@takes(EnsembleSettings)
def ensemble_folds(folders: Sequence[Path], out: Path, settings: EnsembleSettings) -> None:
    """Join the calibrated models of folds and write the model folder ``out``.

    Parameters
    ----------
    folders
        Of `seformer calibrate`, in the order of the folds.

    Raises
    ------
    UserError
        If there is one alone, they were calibrated differently, or a region was held out twice.
    """
    require_writable(out)
    read = [read_calibrated(folder) for folder in folders]
    first = read[0][0]
    how = [(fold.settings.calibration.method, fold.threshold.by) for fold, _ in read]
    for folder, other in zip(folders, how, strict=True):
        if other != how[0]:
            raise UserError(
                f"it was calibrated by {' and '.join(other)}",
                where=folder,
                expected=" and ".join(how[0]),
                do="calibrate all folds with the same options",
            )
    table = join_tests([rows[rows["split"] == "test"] for _, rows in read])
    promised = {fold.sets.coverage for fold, _ in read}
    joined = Joined(
        [Path(folder) / MODEL_FOLDER for folder in folders],
        table,
        *how[0],
        promised.pop() if len(promised) == 1 else None,
    )
    model, save = join_models(joined, settings.sample or first.settings.sample, settings.device)
    with output_folder(out, own=OWN_FILES) as staging:
        save(model, staging)


def join_models(
    how: Joined, sample: str, device: str
) -> tuple[ModelSettings, Callable[[ModelSettings, Path], None]]:
    """Load and join the models: the ensemble's settings, and what writes it with such settings."""
    model = ensemble([load_model(folder, device) for folder in how.models])
    settings = [member.settings for member in model.members]
    labels, logits = (how.regions[name].to_numpy() for name in ("label", "logit"))
    every = np.ones(len(labels), bool)
    scorer = calibrate_scorer(
        logits,
        labels,
        every,
        how.method or model.settings.calibration.method,
        how.rule,
        calibration_rows(how.regions, every),
    )
    if how.coverage is not None:
        loci = how.regions["cluster"].to_numpy()
        scorer = scorer._replace(sets=fit_sets(logits, labels, loci, how.coverage))
    ranges = [s.training_range for s in settings if s.training_range]
    hashes = dict.fromkeys(s.splits.hash for s in settings if s.splits.hash)
    ready = finish_model(
        model,
        scorer,
        sample=sample,
        splits=SplitRecord(method=f"{len(how.models)} folds", hash="+".join(hashes) or None),
        training_range=widest_range(ranges, labels) if ranges else None,
    )
    return ready.settings, partial(save_with_settings, ready)


def widest_range(ranges: Sequence[TrainingRange], labels: np.ndarray) -> TrainingRange:
    """Join the training ranges of the folds; together they were trained on every region."""
    return ranges[0].model_copy(
        update={
            name: (
                min(getattr(r, name)[0] for r in ranges),
                max(getattr(r, name)[1] for r in ranges),
            )
            for name in ("length", "gc")
        }
        | {"prevalence": float(labels.mean()), "regions": len(labels)}
        | {"chromosomes": sorted({name for r in ranges for name in r.chromosomes})}
    )
