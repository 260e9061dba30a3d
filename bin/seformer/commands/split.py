"""`seformer split`: who trains, chooses and tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.splits.settings import SplitSettings


@options.expand
def command(
    extracted: options.ExtractedMany,
    out: options.Out,
    settings: SplitSettings,
    clusters: Annotated[
        list[Path] | None,
        typer.Option(
            "--clusters",
            help="Table of region or contig and cluster; one for all samples or one each.",
        ),
    ] = None,
    labelled_fasta: options.LabelledFasta = None,
    splits: Annotated[
        list[Path] | None,
        typer.Option("--splits", help="splits.tsv (folds.tsv) of an earlier run to use again."),
    ] = None,
) -> None:
    """Split all samples together, by chromosomes or clusters, and audit the leakage."""
    from seformer.splits.split import split

    split(
        extracted,
        out,
        settings,
        clusters=clusters or (),
        splits=splits or (),
        labelled_fasta=labelled_fasta,
    )
