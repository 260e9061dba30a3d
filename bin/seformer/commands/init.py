"""`seformer init`: a sample sheet and a parameter file from what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    files: Annotated[
        list[Path],
        typer.Argument(help="BED files or tables of regions, or folders of them."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for samplesheet.csv and params.yml.")],
    fasta: options.OptionalFasta = None,
    genome: Annotated[
        str | None,
        typer.Option("--genome", help="A genome to be fetched: hg19, hg38, mm10 or mm39."),
    ] = None,
) -> None:
    """Write a commented sample sheet and parameter file from your region files."""
    from seformer.regions.init import init

    init(files, out, fasta=fasta, genome=genome)
