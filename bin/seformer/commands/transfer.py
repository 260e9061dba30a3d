"""`seformer transfer`: the matrix of samples, trained on against tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: Annotated[
        list[Path],
        typer.Option("--model", help="Evaluated model folder; one per sample (and fold)."),
    ],
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    bootstrap: options.Bootstrap = 1000,
    batch_tokens: options.BatchTokens = 16_384,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Score every sample's test part with every sample's model, beside the mean of the locus.

    Writes transfer.json.
    """
    from seformer.evaluation.cross_sample import transfer_samples
    from seformer.util.devices import use_threads

    use_threads(threads)
    transfer_samples(
        model,
        extracted,
        splits,
        out,
        resamples=bootstrap,
        batch_tokens=batch_tokens,
        seed=seed,
        device=device,
    )
