"""`seformer pool`: the folds of a cross-validation together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    evaluated: Annotated[
        list[Path],
        typer.Argument(help="Folders written by `seformer evaluate`, one a fold."),
    ],
    out: options.Out,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Name in the results; default: the first's.")
    ] = None,
    bootstrap: options.Bootstrap = 1000,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Pool the test parts of folds: metrics over all regions, and the ensemble of the models.

    Writes metrics.json, test_predictions.tsv, curves.json and the model folder model/.
    """
    from seformer.evaluation.cross_validation import pool_folds
    from seformer.util.devices import use_threads

    use_threads(threads)
    pool_folds(evaluated, out, sample=sample, resamples=bootstrap, seed=seed, device=device)
