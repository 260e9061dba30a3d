"""`seformer variants`: the effect of variants on a region's score."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.motifs.settings import MotifChangeSettings
from seformer.scoring.settings import VariantSettings


@options.expand
def command(
    model: options.TrainedModel,
    out: options.Out,
    settings: VariantSettings,
    changes: MotifChangeSettings,
    fasta: options.OptionalFasta = None,
    vcf: options.Variants = None,
    positions: options.Positions = None,
    regions: options.VariantRegions = None,
    motifs: options.VariantMotifs = None,
    shard: Annotated[
        Path | None,
        typer.Option("--shard", help="A shard of `seformer cut-variants`, instead of files."),
    ] = None,
) -> None:
    """Score variants: the logit with the alternative allele minus that with the reference's.

    Give --fasta and either --vcf or --positions. Both strands are averaged. Each allele is checked
    against the FASTA; what cannot be scored is reported with its reason. p and q are those of the
    difference among random substitutions in the same regions.
    """
    from seformer.model.archive import opened
    from seformer.scoring.variant_shards import score_shard
    from seformer.scoring.variants import variants
    from seformer.util.errors import UserError

    if (shard is None) == (fasta is None) or (shard and (vcf or positions or regions or motifs)):
        raise UserError("give either --fasta with --vcf or --positions, or --shard")
    with opened(model) as folder:
        if shard is not None:
            score_shard(folder, shard, out, settings)
        else:
            files = {"fasta": fasta, "vcf": vcf, "positions": positions, "regions": regions}
            wanted = options.read_motifs(motifs, changes)
            variants(folder, out, settings, **files, motifs=wanted)
