"""`seformer merge-attributions`: the explained shards of one region file into one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.explain.settings import TrackSettings


@options.expand
def command(
    shards: Annotated[
        list[Path],
        typer.Argument(
            metavar="SHARD...",
            help="Folders of `seformer explain`; the shards of one folder in any order.",
        ),
    ],
    out: options.Out,
    settings: TrackSettings,
    fasta: options.OptionalFasta = None,
    chrom_sizes: options.ChromSizes = None,
) -> None:
    """Join explained shards into one table, one genome track and one values file."""
    from seformer.explain.merge import merge_attributions

    merge_attributions(shards, out, settings, fasta=fasta, chrom_sizes=chrom_sizes)
