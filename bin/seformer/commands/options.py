"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class TokenPooling(StrEnum):
    mean = "mean"
    cls = "cls"


class WindowPooling(StrEnum):
    mean = "mean"
    lse = "lse"
    attention = "attention"


class Features(StrEnum):
    none = "none"
    kmer = "kmer"


class ClassWeights(StrEnum):
    balanced = "balanced"
    none = "none"


class Precision(StrEnum):
    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


ClassWeightsOption = Annotated[
    ClassWeights,
    typer.Option("--class-weights", help="Weight of each class in the loss."),
]


def _folder(text: str) -> Path:
    """What an unset variable of a shell leaves would be the current folder."""
    if not text:
        raise typer.BadParameter("it is empty; name a folder for the results")
    return Path(text)


Out = Annotated[
    Path,
    typer.Option("--out", parser=_folder, metavar="PATH", help="Folder for the results."),
]
Fasta = Annotated[Path, typer.Option("--fasta", help="Genome FASTA, plain, bgzipped or gzipped.")]
OptionalFasta = Annotated[
    Path | None, typer.Option("--fasta", help="Genome FASTA, plain, bgzipped or gzipped.")
]
Regions = Annotated[
    Path | None,
    typer.Option("--regions", help="BED (3 to 12 columns), DeepSE CSV or ROSE table."),
]
ExtractedOne = Annotated[
    Path | None, typer.Option("--extracted", help="Folder written by `seformer extract`.")
]
ExtractedMany = Annotated[
    list[Path],
    typer.Option("--extracted", help="Folder written by `seformer extract`; repeat per sample."),
]
SplitsMany = Annotated[
    list[Path],
    typer.Option("--splits", help="splits.tsv of `seformer split`, in the order of --extracted."),
]
ModelFolder = Annotated[Path, typer.Option("--model", help="Model folder of an earlier stage.")]
TrainedModel = Annotated[
    Path,
    typer.Option("--model", help="Trained model: its folder, or an archive of it (`pack`)."),
]
Bootstrap = Annotated[
    int, typer.Option("--bootstrap", min=10, help="Resamples of loci behind each interval.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, max=1024, help="CPU threads; 0 = all allotted.")
]
BatchTokens = Annotated[
    int, typer.Option("--batch-tokens", min=1, help="Tokens per batch, padding included.")
]
RenameChromosomes = Annotated[
    bool,
    typer.Option(
        "--rename-chromosomes", help="Match chr1 in one file with 1 or NC_000001.11 in the other."
    ),
]
InvalidRegions = Annotated[
    str,
    typer.Option(
        "--invalid-regions",
        help="Regions outside the genome or without length: error, or drop (and count).",
    ),
]


def names(text: str) -> tuple[str, ...]:
    """Cut a comma list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
