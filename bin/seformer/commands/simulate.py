"""seformer simulate."""

from __future__ import annotations

from typing import Annotated

import typer

from seformer.commands.options import Out, Seed


def command(
    out: Out,
    seed: Seed = 1,
    size: Annotated[str, typer.Option("--size", help="tiny (2.6 Mb) or small (16 Mb).")] = "tiny",
) -> None:
    """Make the demo data: a genome with planted motif grammar, and its enhancers."""
    from seformer.regions.simulate import simulate

    simulate(out, seed=seed, size=size)
