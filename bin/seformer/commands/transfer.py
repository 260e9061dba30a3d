"""`seformer transfer`: the matrix of samples, trained on against tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import TransferSettings


@options.expand
def command(
    model: Annotated[
        list[Path],
        typer.Option("--model", help="Evaluated model folder; one per sample (and fold)."),
    ],
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: TransferSettings,
) -> None:
    """Score every sample's test part with every sample's model, beside the mean of the locus.

    Writes transfer.json.
    """
    from seformer.evaluation.cross_sample import transfer_samples

    transfer_samples(model, extracted, splits, out, settings)
