"""`seformer merge-predictions`: the scores of shards back into one file, in input order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.regions.settings import GeneSettings


@options.expand
def command(
    shards: Annotated[
        list[Path],
        typer.Argument(metavar="SHARD...", help="Folders of `seformer predict --extracted`."),
    ],
    regions: Annotated[Path, typer.Option("--regions", help="The region file itself.")],
    out: options.Out,
    settings: GeneSettings,
    chrom_sizes: Annotated[
        Path | None,
        typer.Option(
            "--chrom-sizes",
            help="Chromosome lengths (a .fai): with them there is a bigBed for genome browsers.",
        ),
    ] = None,
) -> None:
    """Merge the scores of consecutive shards, in the order of their numbers."""
    from seformer.scoring.merge import merge_predictions

    merge_predictions(regions, shards, out, settings, chrom_sizes=chrom_sizes)
