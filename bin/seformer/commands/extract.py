"""seformer extract."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seformer.commands.options import (
    Fasta,
    InvalidRegions,
    Out,
    Regions,
    RenameChromosomes,
    Seed,
    names,
)

logger = logging.getLogger(__name__)


class Unit(StrEnum):
    region = "region"
    window = "window"
    constituent = "constituent"


def command(
    fasta: Fasta,
    out: Out,
    regions: Regions = None,
    super_enhancers: Annotated[
        Path | None, typer.Option("--super-enhancers", help="BED of super-enhancers.")
    ] = None,
    typical_enhancers: Annotated[
        Path | None, typer.Option("--typical-enhancers", help="BED of typical enhancers.")
    ] = None,
    sample: Annotated[str, typer.Option("--sample", help="Name of the cell line.")] = "sample",
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Regions to score: do not look for labels.")
    ] = False,
    rename_chromosomes: RenameChromosomes = False,
    invalid_regions: InvalidRegions = "error",
    max_n_fraction: Annotated[
        float,
        typer.Option(
            "--max-n-fraction", min=0, max=1, help="Training regions with more N are dropped."
        ),
    ] = 0.97,
    min_length: Annotated[
        int | None,
        typer.Option(
            "--min-length",
            min=1,
            help="Shorter regions are dropped (50 bp in training, else 10 bp).",
        ),
    ] = None,
    shard_bases: Annotated[
        int | None,
        typer.Option("--shard-bases", min=1, help="Cut into folders of about so many bases."),
    ] = None,
    unit: Annotated[
        Unit, typer.Option("--unit", help="What one row of the training is.")
    ] = Unit.region,
    unit_length: Annotated[
        int, typer.Option("--unit-length", min=50, help="Bases of a window, with --unit window.")
    ] = 3000,
    constituents: Annotated[
        Path | None,
        typer.Option(
            "--constituents",
            help="BED of constituents, with --unit constituent; default: the blocks of a BED12.",
        ),
    ] = None,
    match_negatives: Annotated[
        str,
        typer.Option(
            "--match-negatives",
            help="Keep pairs of SE and TE alike in length,gc,n (or some of them).",
        ),
    ] = "",
    random_negatives: Annotated[
        str,
        typer.Option(
            "--random-negatives", help="Draw TEs from the genome: 500, or 2x for two per SE."
        ),
    ] = "",
    blacklist: Annotated[
        Path | None, typer.Option("--blacklist", help="BED of places where none is drawn.")
    ] = None,
    seed: Seed = 1,
    pass_over: Annotated[
        Path | None,
        typer.Option(
            "--pass-over",
            help="Of several files: one without regions on the genome is no error, but named here.",
        ),
    ] = None,
) -> None:
    """Read regions and their bases: checked, filtered, counted."""
    from seformer.regions.extract import extract
    from seformer.regions.negatives import Negatives
    from seformer.regions.units import Units
    from seformer.util.errors import NothingToReadError
    from seformer.util.records import write_json

    try:
        extract(
            fasta,
            out,
            regions=regions,
            super_enhancers=super_enhancers,
            typical_enhancers=typical_enhancers,
            sample=sample,
            unlabelled=unlabelled,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
            max_n_fraction=max_n_fraction,
            min_length=min_length,
            shard_bases=shard_bases,
            units=Units(unit.value, unit_length, constituents),
            negatives=Negatives(names(match_negatives), random_negatives, blacklist, seed),
        )
    except NothingToReadError as error:
        if pass_over is None or regions is None:
            raise
        logger.warning("%s: passed over. %s", regions.name, error)
        write_json({"file": regions.name, "reason": str(error)}, pass_over)
