"""`seformer extract`: regions and their bases."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.regions.settings import ExtractSettings

logger = logging.getLogger(__name__)


@options.expand
def command(
    fasta: options.Fasta,
    out: options.Out,
    settings: ExtractSettings,
    regions: options.Regions = None,
    super_enhancers: Annotated[
        Path | None, typer.Option("--super-enhancers", help="BED of super-enhancers.")
    ] = None,
    typical_enhancers: Annotated[
        Path | None, typer.Option("--typical-enhancers", help="BED of typical enhancers.")
    ] = None,
    labelled_fasta: options.LabelledFasta = None,
    splits: Annotated[
        Path | None,
        typer.Option(
            "--splits",
            help="splits.tsv of these regions, for the split in --labelled-fasta; without it there "
            "is the label alone.",
        ),
    ] = None,
    pass_over: Annotated[
        Path | None,
        typer.Option(
            "--pass-over",
            writable=True,
            help="Of several files: one without regions on the genome is no error, but named here.",
        ),
    ] = None,
) -> None:
    """Read regions and their bases: checked, filtered, counted."""
    from seformer.regions.extract import extract
    from seformer.util.errors import NothingToReadError
    from seformer.util.records import write_json

    try:
        extract(
            fasta,
            out,
            settings,
            regions=regions,
            super_enhancers=super_enhancers,
            typical_enhancers=typical_enhancers,
            labelled_fasta=labelled_fasta,
            splits=splits,
        )
    except NothingToReadError as error:
        if pass_over is None or regions is None:
            raise
        logger.warning("%s: passed over. %s", regions.name, error)
        write_json({"file": regions.name, "reason": str(error)}, pass_over)
