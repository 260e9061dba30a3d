"""`seformer judge`: anybody's scores beside the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.evaluation.settings import JudgeSettings


@options.expand
def command(
    scores: Annotated[
        Path,
        typer.Option(
            "--scores",
            help="Scored regions with labels: BED, CSV or table in any form that regions have, or "
            "predictions.tsv.",
        ),
    ],
    fasta: options.Fasta,
    out: options.Out,
    settings: JudgeSettings,
    training: Annotated[
        list[Path] | None,
        typer.Option(
            "--training",
            help="Regions that the scores' maker trained on; of a splits.tsv its training part. "
            "May be repeated.",
        ),
    ] = None,
    super_enhancers: Annotated[
        Path | None,
        typer.Option(
            "--super-enhancers", help="Super-enhancers, where the table has no labels: by place."
        ),
    ] = None,
    typical_enhancers: Annotated[
        Path | None, typer.Option("--typical-enhancers", help="Typical enhancers, likewise.")
    ] = None,
    clusters: Annotated[
        Path | None,
        typer.Option(
            "--clusters", help="Table of region or contig and cluster: what stays in one fold."
        ),
    ] = None,
) -> None:
    """Judge anybody's scores of labelled regions beside simple baselines, in cross-validation.

    Writes metrics.json, curves.json and judged.tsv.
    """
    from seformer.evaluation.judge import judge

    judge(
        scores,
        fasta,
        out,
        settings,
        training=training or (),
        super_enhancers=super_enhancers,
        typical_enhancers=typical_enhancers,
        clusters=clusters,
    )
