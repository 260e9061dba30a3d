"""Settings of the evaluation: of one model, of folds, and across samples."""

from __future__ import annotations

from typing import Literal

from seformer.model.choices import CalibrationMethod
from seformer.util.settings import SEED, Batched, Computing, Names, ReadingRegions, setting

Probabilities = Literal["auto", "given", "fitted"]

SAMPLE = setting(None, "Name in the results.", parameter=None, unset="the model's")
RESAMPLES = setting(1000, "Resamples of loci behind each interval.", ge=10, option="--bootstrap")
CALIBRATION = setting(
    "temperature", "How logits become probabilities, fitted on the validation part."
)
THRESHOLD_BY = setting(
    "mcc",
    "What the threshold is chosen for on the validation part: mcc, or precision:X.",
    metavar="mcc|precision:X",
)
BASELINE_NAMES = setting(
    ("all",),
    "Baselines beside the model: all, or a comma list.",
    option="--baselines",
)


class EvaluateSettings(Batched):
    """How a model is judged, and how its scores become probabilities and calls."""

    sample: str | None = SAMPLE
    calibration: CalibrationMethod = CALIBRATION
    threshold_by: str = THRESHOLD_BY
    coverage: float = setting(
        0.9,
        "Share of the regions of each class whose set of classes holds the right one, as promised.",
        gt=0,
        lt=1,
        group="evaluation_options",
        refused="the coverage {value} is not a share",
    )
    prevalence: float | None = setting(
        None,
        "Share of super-enhancers for which precision, AUPRC and MCC are given too.",
        gt=0,
        lt=1,
        parameter=None,
        unset="that of all labelled regions",
        refused="the prevalence {value} is not a share",
    )
    baseline_names: Names = BASELINE_NAMES
    baseline_tracks: Names = setting(
        (),
        "Tracks as baselines beside the model: name=file.bw, with commas between several.",
        group="evaluation_options",
        metavar="NAME=FILE,…",
    )
    resamples: int = RESAMPLES
    seed: int = SEED


class PoolSettings(Computing):
    """How folds are judged together."""

    sample: str | None = SAMPLE
    resamples: int = RESAMPLES
    seed: int = SEED


class TransferSettings(Batched):
    """How every model is judged on every sample."""

    baseline_names: Names = BASELINE_NAMES
    resamples: int = RESAMPLES
    seed: int = SEED


class JudgeSettings(ReadingRegions):
    """How anybody's scores are read, and judged beside the baselines."""

    sample: str | None = setting(
        None, "Name in the results.", parameter=None, unset="that of the folder for the results"
    )
    score_column: str | None = setting(
        None,
        "Column of the scores; higher must mean more super-enhancer.",
        parameter=None,
        unset="the first of the usual names, such as logit, probability, score",
    )
    label_column: str | None = setting(
        None,
        "Column of the labels (1/0, SE/TE, YES/NO).",
        parameter=None,
        unset="label, isSuper or a column of words for the two classes",
    )
    probabilities: Probabilities = setting(
        "auto",
        "Where probabilities come from: as given, fitted to the scores in cross-validation, or"
        " auto: as given where they look like probabilities.",
        parameter=None,
    )
    folds: int = setting(
        5, "Folds in which the baselines are fitted and tested.", ge=2, parameter=None
    )
    skip_few: bool = setting(
        False, "Too few regions of a class are no error: nothing is written.", parameter=None
    )
    calibration: CalibrationMethod = CALIBRATION
    threshold_by: str = THRESHOLD_BY
    baseline_names: Names = BASELINE_NAMES
    resamples: int = RESAMPLES
    seed: int = SEED
