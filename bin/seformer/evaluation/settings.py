"""Settings of the evaluation: of one model, of folds, and across samples."""

from __future__ import annotations

from seformer.model.choices import CalibrationMethod
from seformer.util.settings import SEED, Batched, Computing, Names, setting

SAMPLE = setting(None, "Name in the results.", parameter=None, unset="the model's")
RESAMPLES = setting(1000, "Resamples of loci behind each interval.", ge=10, option="--bootstrap")


class EvaluateSettings(Batched):
    """How a model is judged, and how its scores become probabilities and calls."""

    sample: str | None = SAMPLE
    calibration: CalibrationMethod = setting(
        "temperature", "How logits become probabilities, fitted on the validation part."
    )
    threshold_by: str = setting(
        "mcc",
        "What the threshold is chosen for on the validation part: mcc, or precision:X.",
        metavar="mcc|precision:X",
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
    baseline_names: Names = setting(
        ("all",),
        "Baselines beside the model: all, or a comma list.",
        option="--baselines",
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

    resamples: int = RESAMPLES
    seed: int = SEED
