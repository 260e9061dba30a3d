"""`seformer report`: results into MultiQC content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


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
    parameters: Annotated[
        Path | None,
        typer.Option("--parameters", help="JSON file with the run's resolved parameters."),
    ] = None,
    versions: Annotated[
        Path | None,
        typer.Option("--versions", help="YAML file: process, then software and version."),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Title of the report.")] = "seformer",
) -> None:
    """Turn results into MultiQC content: *_mqc files and multiqc_config.yml.

    Then `multiqc --config OUT/multiqc_config.yml OUT` makes the report.
    """
    from seformer.report.page import write_report

    write_report(folders, out, parameters=parameters, versions=versions, title=title)
