"""Settings of the stages that read or make regions."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from seformer.util.settings import SEED, Names, ReadingRegions, Settings, setting

Unit = Literal["region", "window", "constituent"]
FetchedGenome = Literal["hg19", "hg38", "mm10", "mm39"]
DemoSize = Literal["tiny", "small"]
DemoGrammar = Literal["pairs", "motifs"]


class ExtractSettings(ReadingRegions):
    """Which regions are kept, and in training what they are cut into and compared with."""

    sample: str = setting("sample", "Name of the cell line.", parameter=None)
    unlabelled: bool = setting(False, "Regions to score: do not look for labels.")
    max_n_fraction: float = setting(
        0.97,
        "Training regions with a larger part of N are dropped. Repeat-masked genomes have much N.",
        ge=0,
        le=1,
    )
    min_length: int | None = setting(
        None,
        "Shorter regions are dropped.",
        unit="base pairs",
        ge=1,
        unset="50 bp in training, else 10 bp",
    )
    shard_bases: int | None = setting(None, "Cut into folders of about so many bases.", ge=1)
    unit: Unit = setting(
        "region", "What one row of the training is: a whole region, a window, or a constituent."
    )
    # as in the published benchmark of 3 kb regions
    unit_length: int = setting(
        3000, "Length of a window with --unit window.", unit="base pairs", ge=50
    )
    constituents: Path | None = setting(
        None,
        "BED of constituents, with --unit constituent.",
        parameter=None,
        unset="the blocks of a BED12",
    )
    match_negatives: Names = setting(
        (),
        "Keep pairs of super- and typical enhancers that are alike in length, gc, cpg, n or some"
        " of these.",
    )
    random_negatives: str = setting(
        "",
        "Draw so many random regions of the genome as typical enhancers: a number, or 2x for two"
        " per super-enhancer.",
    )
    blacklist: Path | None = setting(None, "BED of places where no random region is drawn.")
    seed: int = SEED


class GeneSettings(Settings):
    """Which genes stand beside regions."""

    gtf: Path | None = setting(
        None,
        "Genes: GTF, GFF3, or a BED of transcription start sites with strands.",
        group="calling_options",
    )
    gene_types: Names = setting(
        (),
        "Only genes of these types count, such as protein_coding; all without it.",
        group="calling_options",
    )


class CallSettings(GeneSettings):
    """How peaks become super- and typical enhancers (the rules of ROSE)."""

    stitch: int = setting(
        12_500,
        "Peaks that lie at most so far apart are stitched to one region.",
        unit="base pairs",
        ge=0,
        group="calling_options",
    )
    tss_exclusion: int = setting(
        2_500,
        "Peaks wholly inside so many bases on either side of a transcription start site are left"
        " out; without start sites none is.",
        unit="base pairs",
        ge=0,
        group="calling_options",
    )
    extend_reads: int = setting(
        200,
        "Reads of a BAM are made longer at their end by so much, towards the length of fragments.",
        unit="base pairs",
        ge=0,
        le=10_000,
        group="calling_options",
    )


class InitSettings(Settings):
    """What the new sheet's parameters say."""

    genome: FetchedGenome | None = setting(
        None, "A genome that is not at hand: it is fetched, compressed and indexed."
    )


class SimulateSettings(Settings):
    """The demo data."""

    size: DemoSize = setting("tiny", "tiny (2.6 Mb) or small (16 Mb).")
    grammar: DemoGrammar = setting(
        "pairs",
        "What tells the classes apart: pairs, the order of motifs, which counting cannot see; or"
        " motifs, which motifs there are.",
    )
    seed: int = SEED
