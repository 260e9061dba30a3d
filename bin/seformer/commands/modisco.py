"""`seformer modisco`: motifs found anew, without a motif file."""

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
    out: options.Out,
    motifs: Annotated[
        Path | None,
        typer.Option("--motifs", help="Motifs in MEME format, to compare what is found with."),
    ] = None,
    max_seqlets: Annotated[
        int, typer.Option("--max-seqlets", min=1, help="Stretches of each sign at most.")
    ] = 2000,
    width: Annotated[int, typer.Option("--width", min=100, help="Bases of a window.")] = 400,
    windows: Annotated[
        int, typer.Option("--windows", min=1, help="Windows of a region at most.")
    ] = 4,
    threads: Annotated[int, typer.Option("--threads", min=1, max=1024, help="CPU threads.")] = 1,
) -> None:
    """Find repeated patterns in attributions with modisco (installed apart: modisco-lite)."""
    from seformer.motifs.modisco import modisco as run

    run(
        attributions,
        out,
        motif_file=motifs,
        max_seqlets=max_seqlets,
        width=width,
        windows=windows,
        threads=threads,
    )
