"""`seformer agree`: anybody's scores beside what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import AgreeSettings


@options.expand
def command(
    scores: Annotated[
        Path,
        typer.Option(
            "--scores",
            help="Scored regions, constituents or variants: a table in any form that regions "
            "have, predictions.tsv or variants.tsv.",
        ),
    ],
    measured: Annotated[
        Path,
        typer.Option(
            "--measured",
            help="What was measured (CRISPRi, MPRA, STARR-seq): a table of regions or variants "
            "with numbers, classes, or both.",
        ),
    ],
    out: options.Out,
    settings: AgreeSettings,
    fasta: options.OptionalFasta = None,
) -> None:
    """Ask whether scores agree with a measured table, more than length, GC, CpG or distance do.

    Writes agreement.tsv and agreement.json. GC and CpG need --fasta.
    """
    from seformer.evaluation.agree import agree

    agree(scores, measured, out, settings, fasta=fasta)
