"""`seformer pool`: the folds of a cross-validation together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import PoolSettings


@options.expand
def command(
    evaluated: Annotated[
        list[Path], typer.Argument(help="Folders written by `seformer evaluate`, one a fold.")
    ],
    out: options.Out,
    settings: PoolSettings,
    ensemble: Annotated[
        Path | None,
        typer.Option(
            "--ensemble",
            help="Model folder written by `seformer ensemble`. Default: it is made here.",
        ),
    ] = None,
) -> None:
    """Pool the test parts of folds: metrics over all regions, and the ensemble of the models.

    Writes metrics.json, test_predictions.tsv, curves.json and the model folder model/.
    """
    from seformer.evaluation.cross_validation import pool_folds

    pool_folds(evaluated, out, settings, ensemble=ensemble)
