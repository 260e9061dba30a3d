"""A calibrated model and its scores of the held-out regions, as they lie between two stages.

Scores and explanations need the calibration, and nothing of the test; the test needs the scores,
and no network. So the calibrated model is a folder of its own: another number of resamples or
other baselines change nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation.compare import (
    CONTAINMENT,
    CalibratedScorer,
    calibrate_scorer,
    calibration_rows,
)
from seformer.evaluation.control_variate import CalibrationControl, Reference
from seformer.evaluation.settings import CalibrateSettings
from seformer.model.archive import OWN_FILES, copy_model_files
from seformer.model.calibration import Threshold
from seformer.model.settings import (
    MEMBERS_FOLDER,
    SETTINGS_FILE,
    ConformalSets,
    ModelSettings,
    TrainingRange,
    read_settings,
    write_settings,
)
from seformer.splits.dataset import PLACE, LabelledDataset
from seformer.util import records, shapes_of_tests
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.tables import EXACT, NUMBER, WHOLE, read_tsv, write_tsv

MODEL_FOLDER, TABLE, RECORD = "model", "held_out.tsv", "calibrated.json"
REGION = ["sample", *PLACE]
ROW = (*REGION, "name", "label", "split", "cluster")
SPECTRUM, REFERENCE = "kmer_logit", "reference_logit"
AGAIN = "run seformer calibrate again"


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of n regions of validation and test part, and the reference of their calibration.

    Attributes
    ----------
    logit
        float64 [n].
    members
        float64 [members, n], the logit of each member of an ensemble.
    spectrum
        float64 [n], what the k-mer spectrum adds to the logit; None without one.
    reference
        Its margins are of the same rows; None where the training part was too small for it.
    """

    logit: np.ndarray
    members: np.ndarray
    spectrum: np.ndarray | None
    reference: Reference | None


class Network(NamedTuple):
    """What makes two models alike but for their weights, see `evaluation.twin`.

    Attributes
    ----------
    config, tokenizer
        As of `model.settings.Contents`.
    ranges
        Training range of each member.
    """

    config: str
    tokenizer: dict[str, str | int]
    ranges: list[TrainingRange | None]


class Calibrated(NamedTuple):
    """A model with calibration, threshold and sets.

    Attributes
    ----------
    settings, network
        Of the model.
    threshold, sets
        How the threshold was chosen; the limits of the sets, as `settings` has them too.
    seed
        Of the calibration.
    scores
        Of the held-out regions.
    save
        Writes the model with these settings into a folder.
    """

    settings: ModelSettings
    network: Network
    threshold: Threshold
    sets: ConformalSets
    seed: int
    scores: HeldOutScores
    save: Callable[[ModelSettings, Path], None]


def with_loci(regions: pd.DataFrame) -> pd.DataFrame:
    """Make a region without a cluster its own locus; rows are numbered anew."""
    regions = regions.reset_index(drop=True)
    clusters = regions["cluster"].astype(object)
    alone = "region " + regions.index.astype(str)
    regions["cluster"] = clusters.where(clusters.notna() & (clusters != ""), alone).astype(str)
    return regions


def held_out_regions(data: LabelledDataset) -> pd.DataFrame:
    """Take the rows of validation and test, see `with_loci`."""
    return with_loci(data.regions.iloc[data.select("validation", "test")])


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


def calibrator(
    regions: pd.DataFrame, reference: Reference | None, settings: CalibrateSettings
) -> Callable[[np.ndarray], CalibratedScorer]:
    """Return what calibrates the margins of a scorer, float64 [n], of the held-out ``regions``."""
    labels, loci = regions["label"].to_numpy(np.int64), regions["cluster"].to_numpy()
    validation = (regions["split"] == "validation").to_numpy()
    rows = calibration_rows(regions, validation)
    control = CalibrationControl(reference, labels, loci, rows, settings.seed)
    how = settings.calibration, settings.threshold_by
    return lambda margins: calibrate_scorer(margins, labels, validation, *how, rows, control)


def write_calibrated(out: Path, calibrated: Calibrated, regions: pd.DataFrame) -> None:
    """Write model folder, scores of ``regions`` (`held_out_regions`) and record into ``out``."""
    scores, reference = calibrated.scores, calibrated.scores.reference
    table = regions[[*ROW, CONTAINMENT]].assign(logit=scores.logit)
    if len(scores.members) > 1:
        for number, member in enumerate(scores.members, 1):
            table[f"member_{number}_logit"] = member
    if scores.spectrum is not None:
        table[SPECTRUM] = scores.spectrum
    line = None
    if reference is not None:
        table[REFERENCE] = reference.margins
        line = {name: value for name, value in reference._asdict().items() if name != "margins"}
    record = {"threshold": calibrated.threshold._asdict(), "seed": calibrated.seed}
    record["reference"] = line
    with output_folder(out, own=[f"{MODEL_FOLDER}/{name}" for name in OWN_FILES]) as staging:
        calibrated.save(calibrated.settings, staging / MODEL_FOLDER)
        write_tsv(table, staging / TABLE, EXACT)
        records.write_json(record, staging / RECORD)


def read_calibrated(folder: Path) -> tuple[Calibrated, pd.DataFrame]:
    """Read what `write_calibrated` wrote; the weights stay where they are.

    Returns the model and the table of its held-out regions.

    Raises
    ------
    UserError
        If it is not such a folder, or is damaged.
    """
    folder = Path(folder)
    path = folder / TABLE
    if not path.is_file():
        raise UserError(
            f"there is no {TABLE}",
            where=folder,
            expected="a folder that `seformer calibrate` wrote",
            do="give that folder, or the model's own folder to --model",
        )
    settings = read_settings(folder / MODEL_FOLDER)
    record = records.read(folder / RECORD, shapes_of_tests.Calibrated, AGAIN)
    line, number = record["reference"], settings.members
    members = [f"member_{i}_logit" for i in range(1, number + 1)] if number > 1 else ["logit"]
    spectrum = [SPECTRUM] if settings.spectrum else []
    reference = [REFERENCE] if line else []
    numbers = list(dict.fromkeys(("logit", *members, *spectrum, *reference)))
    table = read_exactly(path, numbers, [*ROW, CONTAINMENT])
    scores = HeldOutScores(
        table["logit"].to_numpy(),
        table[members].to_numpy().T,
        table[SPECTRUM].to_numpy() if spectrum else None,
        Reference(table[REFERENCE].to_numpy(), **line) if line else None,
    )
    threshold, sets = Threshold(**record["threshold"]), settings.conformal
    if sets is None:
        raise UserError("conformal is null", where=folder / MODEL_FOLDER / SETTINGS_FILE, do=AGAIN)
    save = partial(copy_with_settings, folder / MODEL_FOLDER)
    return Calibrated(
        settings,
        stored_network(folder / MODEL_FOLDER, settings),
        threshold,
        sets,
        record["seed"],
        scores,
        save,
    ), table


def copy_with_settings(folder: Path, settings: ModelSettings, target: Path) -> None:
    """Copy a model folder, with other settings."""
    copy_model_files(folder, target)
    write_settings(settings, target)


def stored_network(folder: Path, first: ModelSettings) -> Network:
    """Say what the network of a model folder is that this version wrote; ``first`` is its own."""
    others = [folder / MEMBERS_FOLDER / str(i) for i in range(2, first.members + 1)]
    if (contents := first.contents) is None:
        raise UserError("contents is missing", where=folder / SETTINGS_FILE, do=AGAIN)
    ranges = [settings.training_range for settings in (first, *map(read_settings, others))]
    return Network(contents.config, contents.tokenizer, ranges)


def read_exactly(path: Path, numbers: Sequence[str], others: Sequence[str]) -> pd.DataFrame:
    """Read a table of held-out regions with finite ``numbers``; label, start and end are whole."""
    columns = [*others, *numbers]
    kinds = dict.fromkeys((*numbers, CONTAINMENT), NUMBER)
    kinds |= dict.fromkeys(("label", "start", "end"), WHOLE)
    # as text first: read_csv takes the last digit less exactly than `as_numbers`
    table = read_tsv(path, columns, text=columns, numbers=kinds)
    for name in numbers:
        finite = np.isfinite(table[name].to_numpy(np.float64))
        if not finite.all():
            row = int((~finite).argmax())
            raise UserError(f"{name} is not a number", where=path, line=row + 2, do=AGAIN)
    return table


def require_same_regions(table: pd.DataFrame, regions: pd.DataFrame, path: Path) -> None:
    """Refuse stored scores that are not of the held-out ``regions``, in their order.

    Raises
    ------
    UserError
        Naming ``path``.
    """
    columns = ["chrom", "start", "end", "label", "split"]

    def rows(frame: pd.DataFrame) -> list[list[Any]]:
        return frame[columns].astype(str).to_numpy().tolist()

    if rows(table) != rows(regions):
        raise UserError(
            f"its {len(table)} rows are not the {len(regions)} regions of the validation and test "
            "part",
            where=path,
            do="give the --extracted and --splits that it was made with",
        )


def join_tests(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the test regions that each fold held out to one table.

    Raises
    ------
    UserError
        If there is one fold alone, or two held out the same region.
    """
    if len(tables) < 2:
        raise UserError("there is one fold only", expected="two folds or more")
    table = pd.concat(tables, ignore_index=True)
    if (twice := table.duplicated(REGION)).any():
        place = table[twice].iloc[0]
        raise UserError(
            f"{int(twice.sum())} regions were held out for the test by two folds, such as "
            f"{place['chrom']}:{place['start']}-{place['end']}",
            do="give the folds of one split, each once",
        )
    return table
