"""`seformer motifs`: names for the stretches that attributions point to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    attributions: Annotated[
        list[Path],
        typer.Option("--attributions", help="Folder of `seformer explain`; may be repeated."),
    ],
    motifs: Annotated[Path, typer.Option("--motifs", help="Motifs in MEME format.")],
    out: options.Out,
    threshold: Annotated[
        float,
        typer.Option("--threshold", min=0, max=1, help="p-value below which a stretch counts."),
    ] = 0.01,
    max_q: Annotated[
        float, typer.Option("--max-q", min=0, max=1, help="Largest q-value of a match.")
    ] = 0.1,
    logos: Annotated[
        int, typer.Option("--logos", min=0, help="Pictures of so many motifs and regions.")
    ] = 6,
    seed: options.Seed = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, max=1024, help="CPU threads.")] = 1,
) -> None:
    """Find seqlets, match them to a motif file, and count them in SE against TE."""
    from seformer.motifs.seqlets import motifs as run

    run(
        attributions,
        motifs,
        out,
        threshold=threshold,
        max_q=max_q,
        logos=logos,
        seed=seed,
        threads=threads,
    )
