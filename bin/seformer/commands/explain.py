"""`seformer explain`: attributions that add up, as a table and a genome track."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: options.TrainedModel,
    out: options.Out,
    fasta: options.OptionalFasta = None,
    regions: options.Regions = None,
    extracted: options.ExtractedOne = None,
    chrom_sizes: Annotated[
        Path | None,
        typer.Option("--chrom-sizes", help="Chromosome lengths (a .fai), with --extracted."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method", help="integrated_gradients, saliency, input_x_gradient or occlusion."
        ),
    ] = "integrated_gradients",
    reference: Annotated[
        str, typer.Option("--reference", help="dinucleotide (shuffled), mask, pad or zero.")
    ] = "dinucleotide",
    references: Annotated[
        int,
        typer.Option(
            "--references", min=1, help="Shuffles of each view (a strand in one k-mer phase)."
        ),
    ] = 4,
    completeness: Annotated[
        float,
        typer.Option("--completeness", min=1e-6, max=1, help="Largest relative error of the sum."),
    ] = 0.05,
    max_steps: Annotated[
        int, typer.Option("--max-steps", min=1, help="Steps of the integral at most.")
    ] = 512,
    faithfulness: Annotated[
        int,
        typer.Option("--faithfulness", min=0, help="Regions on which faithfulness is measured."),
    ] = 4,
    bedgraph: Annotated[
        bool, typer.Option("--bedgraph", help="Also write the track as bedGraph.")
    ] = False,
    batch_tokens: options.BatchTokens = 4096,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
    rename_chromosomes: options.RenameChromosomes = False,
    invalid_regions: options.InvalidRegions = "error",
) -> None:
    """Explain scores base by base: the bases of a region sum to its logit minus the reference's.

    Give --fasta with --regions, or --extracted.
    """
    from seformer.explain.attribute import Settings
    from seformer.explain.explain import explain
    from seformer.model.archive import opened
    from seformer.util.devices import use_threads

    use_threads(threads)
    with opened(model) as folder:
        explain(
            folder,
            out,
            fasta=fasta,
            regions=regions,
            extracted=extracted,
            chrom_sizes=chrom_sizes,
            settings=Settings(
                method=method,
                reference=reference,
                references=references,
                completeness=completeness,
                max_steps=max_steps,
                seed=seed,
                batch_tokens=batch_tokens,
            ),
            faithfulness_regions=faithfulness,
            bedgraph=bedgraph,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
            device=device,
        )
