"""seformer split."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seformer.commands.options import ExtractedMany, Out, Seed, names


class Conflicts(StrEnum):
    keep = "keep"
    drop = "drop"
    majority = "majority"


class SplitBy(StrEnum):
    auto = "auto"
    chromosomes = "chromosomes"
    clusters = "clusters"
    file = "file"


def command(
    extracted: ExtractedMany,
    out: Out,
    split_by: Annotated[
        SplitBy, typer.Option("--split-by", help="What is held out as a whole.")
    ] = SplitBy.auto,
    test_chromosomes: Annotated[
        str, typer.Option("--test-chromosomes", help="Comma list, e.g. chr7,chr10.")
    ] = "",
    validation_chromosomes: Annotated[
        str, typer.Option("--validation-chromosomes", help="Comma list.")
    ] = "",
    clusters: Annotated[
        list[Path] | None,
        typer.Option(
            "--clusters",
            help="Table of region or contig and cluster; one for all samples or one each.",
        ),
    ] = None,
    splits: Annotated[
        list[Path] | None,
        typer.Option("--splits", help="splits.tsv (folds.tsv) of an earlier run to use again."),
    ] = None,
    test_fraction: Annotated[
        float, typer.Option("--test-fraction", help="Wanted share of the test part.")
    ] = 0.2,
    validation_fraction: Annotated[
        float, typer.Option("--validation-fraction", help="Wanted share of the validation part.")
    ] = 0.1,
    folds: Annotated[
        int, typer.Option("--folds", min=1, help="Folds of a cross-validation; 1 = one split.")
    ] = 1,
    conflicts: Annotated[
        Conflicts,
        typer.Option(
            "--conflicts",
            help="Loci with another label in another sample, in the training of one model for all.",
        ),
    ] = Conflicts.keep,
    seed: Seed = 1,
) -> None:
    """Split all samples together, by chromosomes or clusters, and audit the leakage."""
    from seformer.splits.split import split

    split(
        extracted,
        out,
        split_by=split_by.value,
        test_chromosomes=names(test_chromosomes),
        validation_chromosomes=names(validation_chromosomes),
        clusters=clusters or (),
        splits=splits or (),
        test_fraction=test_fraction,
        validation_fraction=validation_fraction,
        folds=folds,
        conflict_rule=conflicts.value,
        seed=seed,
    )
