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
    versions: Annotated[
        Path | None,
        typer.Option("--versions", help="YAML file: process, then software and version."),
    ] = None,
) -> None:
    """Turn results into MultiQC content: *_mqc files and multiqc_config.yml.

    Then `multiqc --config OUT/multiqc_config.yml OUT` makes the report.
    """
    from seformer.report.page import write_report

    write_report(folders, out, settings, parameters=parameters, versions=versions, run=run)
