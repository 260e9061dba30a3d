"""`seformer faithfulness`: the checks of attributions that are there, apart from making them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.explain.settings import FaithfulnessSettings


@options.expand
def command(
    model: options.TrainedModel,
    attributions: Annotated[
        Path,
        typer.Option(
            "--attributions",
            writable=True,  # where the checks may be added
            help="Folder of `seformer explain`, or of merged shards.",
        ),
    ],
    out: options.Out,
    settings: FaithfulnessSettings,
) -> None:
    """Check how far attributions can be believed, on a few regions: what explain does at its end.

    Writes the summary of the attributions anew, with the checks in it.
    """
    from seformer.explain.check import check
    from seformer.model.archive import opened

    with opened(model) as folder:
        check(folder, attributions, out, settings)
