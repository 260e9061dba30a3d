"""`seformer explain`: attributions that add up, as a table and a genome track."""

from __future__ import annotations

from seformer.commands import options
from seformer.explain.settings import ExplainSettings


@options.expand
def command(
    model: options.TrainedModel,
    out: options.Out,
    settings: ExplainSettings,
    fasta: options.OptionalFasta = None,
    regions: options.Regions = None,
    extracted: options.ExtractedOne = None,
    chrom_sizes: options.ChromSizes = None,
) -> None:
    """Explain scores base by base: the bases of a region sum to its logit minus the reference's.

    Give --fasta with --regions, or --extracted.
    """
    from seformer.explain.explain import explain
    from seformer.model.archive import opened

    with opened(model) as folder:
        explain(
            folder,
            out,
            settings,
            fasta=fasta,
            regions=regions,
            extracted=extracted,
            chrom_sizes=chrom_sizes,
        )
