"""`seformer pretrain`: masked-token training before stage 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.training.settings import LaunchSettings, PretrainSettings


@options.expand
def command(
    model: options.Backbone,
    fasta: options.Fasta,
    out: options.Out,
    settings: PretrainSettings,
    launch: LaunchSettings,
    regions: Annotated[
        Path | None,
        typer.Option(
            "--regions", help="BED or another table: learn from these only, not the whole genome."
        ),
    ] = None,
    splits: Annotated[
        list[Path] | None,
        typer.Option(
            "--splits",
            help="splits.tsv of `seformer split`, whose test and validation are left out; repeat "
            "per sample.",
        ),
    ] = None,
) -> None:
    """Train a backbone on sequence without labels: to tell hidden tokens, before stage 1.

    The folder that it writes is a --model of `seformer finetune-head`.
    """
    from seformer.training.launch import in_processes

    if in_processes(launch.processes, "pretrain"):
        return
    from seformer.training.pretrain import pretrain

    pretrain(model, out, settings, fasta=fasta, regions=regions, splits=splits or ())
