"""`seformer variants`: the effect of variants on a region's score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.scoring.settings import VariantSettings


@options.expand
def command(
    model: options.TrainedModel,
    fasta: options.Fasta,
    out: options.Out,
    settings: VariantSettings,
    vcf: Annotated[Path | None, typer.Option("--vcf", help="Variants, VCF or BCF.")] = None,
    positions: Annotated[
        Path | None, typer.Option("--positions", help="BED: every substitution at its bases.")
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option("--regions", help="Score variants in these regions, not round each."),
    ] = None,
) -> None:
    """Score variants: the logit with the alternative allele minus that with the reference's.

    Give --vcf or --positions. Both strands are averaged. Each allele is checked against the FASTA;
    what cannot be scored is reported with its reason.
    """
    from seformer.model.archive import opened
    from seformer.scoring.variants import variants

    with opened(model) as folder:
        variants(folder, out, settings, fasta=fasta, vcf=vcf, positions=positions, regions=regions)
