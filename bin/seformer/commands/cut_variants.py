"""`seformer cut-variants`: a file of variants in shards, to be scored apart."""

from __future__ import annotations

from seformer.commands import options
from seformer.scoring.settings import VariantCutSettings


@options.expand
def command(
    fasta: options.Fasta,
    out: options.Out,
    settings: VariantCutSettings,
    vcf: options.Variants = None,
    positions: options.Positions = None,
    regions: options.VariantRegions = None,
) -> None:
    """Cut variants, and the random substitutions beside them, into shards of like work."""
    from seformer.scoring.variant_shards import cut_variants

    cut_variants(out, settings, fasta=fasta, vcf=vcf, positions=positions, regions=regions)
