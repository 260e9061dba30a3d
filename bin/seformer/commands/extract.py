"""seformer extract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands.options import Fasta, InvalidRegions, Out, Regions, RenameChromosomes


def command(
    fasta: Fasta,
    out: Out,
    regions: Regions = None,
    super_enhancers: Annotated[
        Path | None, typer.Option("--super-enhancers", help="BED of super-enhancers.")
    ] = None,
    typical_enhancers: Annotated[
        Path | None, typer.Option("--typical-enhancers", help="BED of typical enhancers.")
    ] = None,
    sample: Annotated[str, typer.Option("--sample", help="Name of the cell line.")] = "sample",
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Regions to score: do not look for labels.")
    ] = False,
    rename_chromosomes: RenameChromosomes = False,
    invalid_regions: InvalidRegions = "error",
    max_n_fraction: Annotated[
        float,
        typer.Option(
            "--max-n-fraction", min=0, max=1, help="Training regions with more N are dropped."
        ),
    ] = 0.97,
    min_length: Annotated[
        int | None,
        typer.Option(
            "--min-length",
            min=1,
            help="Shorter regions are dropped (50 bp in training, else 10 bp).",
        ),
    ] = None,
    shard_bases: Annotated[
        int | None,
        typer.Option("--shard-bases", min=1, help="Cut into folders of about so many bases."),
    ] = None,
) -> None:
    """Read regions and their bases: checked, filtered, counted."""
    from seformer.extract import extract

    extract(
        fasta,
        out,
        regions=regions,
        super_enhancers=super_enhancers,
        typical_enhancers=typical_enhancers,
        sample=sample,
        unlabelled=unlabelled,
        rename_chromosomes=rename_chromosomes,
        invalid_regions=invalid_regions,
        max_n_fraction=max_n_fraction,
        min_length=min_length,
        shard_bases=shard_bases,
    )
