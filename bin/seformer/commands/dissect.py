"""`seformer dissect`: what each constituent of a super-enhancer is worth to its score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.explain.settings import DissectSettings


@options.expand
def command(
    model: options.TrainedModel,
    fasta: options.Fasta,
    constituents: Annotated[
        Path,
        typer.Option(
            "--constituents", help="What the regions were stitched from: BED or another table."
        ),
    ],
    out: options.Out,
    settings: DissectSettings,
    regions: options.Regions = None,
    splits: Annotated[
        Path | None,
        typer.Option(
            "--splits",
            help="Instead of --regions: regions.tsv of `seformer split`; the super-enhancers of"
            " its test part are dissected.",
        ),
    ] = None,
) -> None:
    """Dissect super-enhancers in silico: shuffle, mask and cut out their constituents.

    Give --regions or --splits. A positive effect is a loss of the logit: the constituent speaks
    for a super-enhancer. Writes constituents.tsv, pairs.tsv, constituents.bed and summary.json.
    """
    from seformer.explain.dissect import dissect
    from seformer.model.archive import opened

    with opened(model) as folder:
        dissect(
            folder,
            out,
            settings,
            fasta=fasta,
            constituents=constituents,
            regions=regions,
            splits=splits,
        )
