"""`seformer evaluate`: the test part scored once, beside its baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import EvaluateSettings


@options.expand
def command(
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: EvaluateSettings,
    model: Annotated[list[Path] | None, options.MODELS] = None,
    random_twin: Annotated[
        list[Path] | None,
        typer.Option(
            "--random-twin",
            help="Model folder of the same network, trained in the same way from random weights "
            "(finetune-head --random-weights), or what `seformer calibrate` wrote of it; several "
            "make one ensemble.",
        ),
    ] = None,
    calibrated: Annotated[
        Path | None,
        typer.Option(
            "--calibrated", help="Folder written by `seformer calibrate`, in place of --model."
        ),
    ] = None,
    baseline_scores: Annotated[
        Path | None,
        typer.Option(
            "--baseline-scores",
            help="Folder written by `seformer baselines`. Default: they are fitted here.",
        ),
    ] = None,
) -> None:
    """Score the held-out test part once and compare with simple baselines.

    Writes metrics.json, test_predictions.tsv, curves.json and the final model folder model/.
    """
    from seformer.evaluation.evaluate import evaluate

    evaluate(
        model or (),
        extracted,
        splits,
        out,
        settings,
        random_twin=random_twin or (),
        calibrated=calibrated,
        baseline_scores=baseline_scores,
    )
