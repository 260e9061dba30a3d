"""`seformer report`: results into MultiQC content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options
from seformer.report.settings import ReportSettings


@options.expand
def command(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...",
            help="Folders that hold one folder per sample (FOLDER/SAMPLE/...): a results folder "
            "of the pipeline, or the folders of single stages. Known files are found by name.",
        ),
    ],
    out: options.Out,
    settings: ReportSettings,
    parameters: Annotated[
        Path | None,
        typer.Option("--parameters", help="JSON file with the run's resolved parameters."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="JSON file: what the header says of the run, name and text."),
    ] = None,
    fasta: Annotated[
        Path | None,
        typer.Option(
            "--fasta",
            help="Genome of the results: igv_session.xml opens it, hub/ needs its lengths.",
        ),
    ] = None,
    chrom_sizes: options.ChromSizes = None,
    published: Annotated[
        Path | None,
        typer.Option(
            "--published",
            help="JSON file: where the results will lie from hub/ and igv_session.xml, as the "
            "pipeline publishes them. Without it they stay where they are.",
        ),
    ] = None,
    versions: Annotated[
        Path | None,
        typer.Option("--versions", help="YAML file: process, then software and version."),
    ] = None,
) -> None:
    """Turn results into MultiQC content: *_mqc files and multiqc_config.yml.

    Then `multiqc --config OUT/multiqc_config.yml OUT` makes the report. Beside it, for the tracks
    of the results, are hub/ for UCSC's genome browser and igv_session.xml for IGV.
    """
    from seformer.report.page import write_report

    write_report(
        folders,
        out,
        settings,
        parameters=parameters,
        versions=versions,
        run=run,
        fasta=fasta,
        chrom_sizes=chrom_sizes,
        published=published,
    )
