"""`seformer modisco`: motifs found anew, without a motif file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.motifs.settings import ModiscoSettings


@options.expand
def command(
    attributions: options.Attributions,
    out: options.Out,
    settings: ModiscoSettings,
    motifs: Annotated[
        Path | None,
        typer.Option("--motifs", help="Motifs in MEME format (or jaspar), to compare with."),
    ] = None,
) -> None:
    """Find repeated patterns in attributions with modisco (installed apart: modisco-lite)."""
    from seformer.motifs.modisco import modisco as run

    run(attributions, out, settings, motif_file=motifs)
