"""`seformer calibrate`: a trained model made ready to score, before its test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from seformer.commands import options
from seformer.evaluation.settings import CalibrateSettings


@options.expand
def command(
    model: Annotated[list[Path], options.MODELS],
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: CalibrateSettings,
) -> None:
    """Fit a model's probabilities, threshold and sets on the validation part, before its test.

    Writes the model folder model/, held_out.tsv (scores of the validation and test part) and
    calibrated.json. `seformer evaluate` does this too; apart, scores and explanations need not
    wait for the test.
    """
    from seformer.evaluation.calibrate import calibrate_models

    calibrate_models(model, extracted, splits, out, settings)
