"""Settings of the evaluation: of one model, of folds, and across samples."""

from __future__ import annotations

from typing import Literal

from seformer.model.choices import CalibrationMethod
from seformer.util.settings import (
    SEED,
    Batched,
    Computing,
    Names,
    ReadingRegions,
    Settings,
    setting,
)

Probabilities = Literal["auto", "given", "fitted"]
Direction = Literal["higher", "lower", "absolute"]
Several = Literal["most", "mean", "max", "drop"]

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
    ("all",), "Baselines beside the model: all, or a comma list.", option="--baselines"
)
BASELINE_TRACKS = setting(
    (),
    "Tracks as baselines beside the model: name=file.bw, with commas between several.",
    group="evaluation_options",
    metavar="NAME=FILE,…",
)


class CalibrateSettings(Batched):
    """How a model's scores become probabilities, calls and sets."""

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
    seed: int = SEED


class BaselineSettings(Settings):
    """Which baselines are fitted."""

    baseline_names: Names = BASELINE_NAMES
    baseline_tracks: Names = BASELINE_TRACKS
    twin: bool = setting(
        False,
        "A random twin stands beside the model: where it alone is asked for, nothing is fitted.",
        parameter=None,
    )


class EvaluateSettings(CalibrateSettings):
    """How a model is judged, and how its scores become probabilities and calls."""

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
    baseline_tracks: Names = BASELINE_TRACKS
    resamples: int = RESAMPLES


class EnsembleSettings(Computing):
    """How the models of all folds become one."""

    sample: str | None = SAMPLE


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


class AgreeSettings(ReadingRegions):
    """How scores are matched with a measured table, and compared with it."""

    score_column: str | None = setting(
        None,
        "Column of the scores.",
        parameter=None,
        unset="the first of the usual names, such as logit, probability, score, difference",
    )
    value_column: str | None = setting(
        None,
        "Column of the measured numbers.",
        parameter=None,
        unset="the first of the usual names, such as EffectSize, log2FC, activity, score",
    )
    class_column: str | None = setting(
        None,
        "Column of the measured classes (yes/no, significant/ns, active/inactive).",
        parameter=None,
        unset="the first of the usual names, such as Regulated, Significant, active, class",
    )
    target_column: str | None = setting(
        None,
        "Column of the gene that was measured: rows of one gene are one locus.",
        parameter=None,
        unset="the first of the usual names, such as measuredGeneSymbol, target_gene, gene",
    )
    tss_column: str | None = setting(
        None,
        "Column of the target's TSS, or of the distance to it.",
        parameter=None,
        unset="the first of the usual names, such as distanceToTSS, startTSS, TSS",
    )
    score_direction: Direction = setting(
        "higher",
        "What of a score says more activity: a higher one, a lower one, or a larger absolute one.",
        parameter=None,
    )
    value_direction: Direction = setting(
        "higher",
        "What of a measured number says more activity. Effects of CRISPRi on expression: lower.",
        parameter=None,
    )
    min_overlap: float = setting(
        0.5,
        "Share of the shorter of two regions that both must share to match.",
        gt=0,
        le=1,
        parameter=None,
        refused="the overlap {value} is not a share",
    )
    several: Several = setting(
        "most",
        "Where several scored regions match a measured row: the one that shares most bases, the"
        " mean, the highest, or leave the row out.",
        parameter=None,
    )
    locus_gap: int = setting(
        10_000,
        "Measured rows no further apart are one locus.",
        unit="base pairs",
        ge=0,
        parameter=None,
    )
    resamples: int = RESAMPLES
    seed: int = SEED
