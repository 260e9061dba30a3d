"""`seformer predict`: scores for any region file."""

from __future__ import annotations

from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: options.TrainedModel,
    out: options.Out,
    fasta: options.OptionalFasta = None,
    regions: options.Regions = None,
    extracted: options.ExtractedOne = None,
    prevalence: Annotated[
        float | None,
        typer.Option(
            "--prevalence",
            help="Share of super-enhancers among your regions, if it differs from the training's.",
        ),
    ] = None,
    rename_chromosomes: options.RenameChromosomes = False,
    invalid_regions: options.InvalidRegions = "error",
    batch_tokens: options.BatchTokens = 16_384,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Score every region: logit, calibrated probability, call, coverage and flags."""
    from seformer.model.archive import opened
    from seformer.scoring.predict import predict
    from seformer.util.devices import resolve_device, use_threads

    use_threads(threads)
    with opened(model) as folder:
        predict(
            folder,
            out,
            fasta=fasta,
            regions=regions,
            extracted=extracted,
            prevalence=prevalence,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
            batch_tokens=batch_tokens,
            device=str(resolve_device(device)),
        )
