"""`seformer unpack`: a model folder from one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


@options.expand
def command(
    archive: Annotated[Path, typer.Option("--archive", help="Tar archive of a model folder.")],
    out: options.Out,
) -> None:
    """Unpack a model's archive, checked: no code, no links, nothing outside the folder."""
    from seformer.model.archive import unpack_whole

    unpack_whole(archive, out)
