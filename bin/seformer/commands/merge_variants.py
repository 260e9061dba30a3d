"""`seformer merge-variants`: the scores of shards back into one table, with p and q."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.motifs.settings import MotifChangeSettings
from seformer.scoring.settings import VariantPlanSettings


@options.expand
def command(
    shards: Annotated[
        list[Path], typer.Argument(metavar="SHARD...", help="Folders of `seformer variants`.")
    ],
    fasta: options.Fasta,
    out: options.Out,
    settings: VariantPlanSettings,
    changes: MotifChangeSettings,
    vcf: options.Variants = None,
    positions: options.Positions = None,
    regions: options.VariantRegions = None,
    motifs: options.VariantMotifs = None,
) -> None:
    """Merge the scores of shards, with the files and options that these were cut with."""
    from seformer.scoring.variant_shards import merge_variants

    files = {"fasta": fasta, "vcf": vcf, "positions": positions, "regions": regions}
    merge_variants(shards, out, settings, **files, motifs=options.read_motifs(motifs, changes))
