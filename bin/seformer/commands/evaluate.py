"""`seformer evaluate`: the test part scored once, beside its baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import EvaluateSettings


@options.expand
def command(
    model: Annotated[
        list[Path],
        typer.Option(
            "--model",
            help="Model folder of an earlier stage; several make one ensemble (mean logit).",
        ),
    ],
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: EvaluateSettings,
    random_twin: Annotated[
        list[Path] | None,
        typer.Option(
            "--random-twin",
            help="Model folder of the same network, trained in the same way from random weights "
            "(finetune-head --random-weights); several make one ensemble.",
        ),
    ] = None,
) -> None:
    """Score the held-out test part once and compare with simple baselines.

    Writes metrics.json, test_predictions.tsv, curves.json and the final model folder model/.
    """
    from seformer.evaluation.evaluate import evaluate

    evaluate(model, extracted, splits, out, settings, random_twin=random_twin or ())
