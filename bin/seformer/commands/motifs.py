"""`seformer motifs`: names for the stretches that attributions point to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.motifs.settings import MotifSettings


@options.expand
def command(
    attributions: options.Attributions,
    motifs: Annotated[
        Path,
        typer.Option(
            "--motifs", help="Motifs in MEME format; jaspar: JASPAR 2024 CORE, vertebrates."
        ),
    ],
    out: options.Out,
    settings: MotifSettings,
) -> None:
    """Find seqlets, match them to a motif file, and count them in SE against TE."""
    from seformer.motifs.seqlets import motifs as run

    run(attributions, motifs, out, settings)
