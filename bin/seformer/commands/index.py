"""seformer index."""

from __future__ import annotations

from typing import Annotated

import typer

from seformer.commands.options import Fasta, Out


def command(
    fasta: Fasta,
    out: Out,
    compress: Annotated[
        bool,
        typer.Option("--compress", help="Also write the genome itself, bgzipped anew."),
    ] = False,
) -> None:
    """Index a genome once for all stages."""
    from seformer.genome.index import index_genome

    index_genome(fasta, out, compress=compress)
