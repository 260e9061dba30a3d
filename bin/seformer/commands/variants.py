"""`seformer variants`: the effect of variants on a region's score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: options.TrainedModel,
    fasta: options.Fasta,
    out: options.Out,
    vcf: Annotated[Path | None, typer.Option("--vcf", help="Variants, VCF or BCF.")] = None,
    positions: Annotated[
        Path | None,
        typer.Option("--positions", help="BED: every substitution at its bases."),
    ] = None,
    regions: Annotated[
        Path | None,
        typer.Option("--regions", help="Score variants in these regions [default: round each]."),
    ] = None,
    width: Annotated[
        int, typer.Option("--width", min=1, help="Bases round a variant, without --regions.")
    ] = 3000,
    batch_tokens: options.BatchTokens = 16_384,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    rename_chromosomes: options.RenameChromosomes = False,
) -> None:
    """Score variants: the logit with the alternative allele minus that with the reference's.

    Give --vcf or --positions. Both strands are averaged. Each allele is checked against the FASTA;
    what cannot be scored is reported with its reason.
    """
    from seformer.model.archive import opened
    from seformer.scoring.variants import variants
    from seformer.util.devices import use_threads

    use_threads(threads)
    with opened(model) as folder:
        variants(
            folder,
            out,
            fasta=fasta,
            vcf=vcf,
            positions=positions,
            regions=regions,
            width=width,
            rename_chromosomes=rename_chromosomes,
            batch_tokens=batch_tokens,
            device=device,
        )
