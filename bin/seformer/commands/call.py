"""`seformer call`: super-enhancers from peaks and signal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.regions.settings import CallSettings


@options.expand
def command(
    peaks: Annotated[
        Path, typer.Option("--peaks", help="Peaks: narrowPeak, broadPeak, BED or another table.")
    ],
    signal: Annotated[
        Path, typer.Option("--signal", help="Signal: a sorted BAM with its index, or a bigWig.")
    ],
    out: options.Out,
    settings: CallSettings,
    control: Annotated[
        Path | None,
        typer.Option("--control", help="The control's BAM or bigWig; its signal is subtracted."),
    ] = None,
    fasta: Annotated[
        Path | None,
        typer.Option(
            "--fasta", help="Genome, to check that signal and control are of the same assembly."
        ),
    ] = None,
) -> None:
    """Call super- and typical enhancers from peaks and signal, by the rules of ROSE.

    Writes AllEnhancers.table.txt as ROSE does, super_enhancers.bed, typical_enhancers.bed,
    constituents.bed, hockey_stick.png, sensitivity.tsv and call.json.
    """
    from seformer.regions.call import call

    call(peaks, signal, out, settings, control=control, fasta=fasta)
