"""`seformer ensemble`: the models of all folds as one, before their tests are pooled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import EnsembleSettings


@options.expand
def command(
    calibrated: Annotated[
        list[Path], typer.Argument(help="Folders written by `seformer calibrate`, one a fold.")
    ],
    out: options.Out,
    settings: EnsembleSettings,
) -> None:
    """Join the models of all folds to one ensemble, calibrated on what each fold held out.

    Writes a model folder. `seformer pool` does this too; apart, scores and explanations need not
    wait for the tests.
    """
    from seformer.evaluation.ensemble import ensemble_folds

    ensemble_folds(calibrated, out, settings)
