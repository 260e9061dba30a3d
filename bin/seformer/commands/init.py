"""`seformer init`: a sample sheet and a parameter file from region files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.regions.settings import InitSettings


@options.expand
def command(
    files: Annotated[
        list[Path], typer.Argument(help="BED files or tables of regions, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for samplesheet.csv and params.yml.")],
    settings: InitSettings,
    fasta: options.OptionalFasta = None,
) -> None:
    """Write a commented sample sheet and parameter file from your region files."""
    from seformer.regions.init import init

    init(files, out, settings, fasta=fasta)
