"""`seformer pack`: a model folder as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


@options.expand
def command(
    model: options.ModelFolder,
    archive: Annotated[
        Path, typer.Option("--archive", writable=True, help="Tar archive to write.")
    ],
) -> None:
    """Pack a model folder into one file, which predict, explain and variants take as it is."""
    from seformer.model.archive import pack_model

    pack_model(model, archive)
