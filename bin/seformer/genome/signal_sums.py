"""Signal of an experiment over stretches of the genome, from a bigWig or a BAM."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.bam import read_coverage
from seformer.genome.bigwig import bigwig_sizes, read_track
from seformer.util.errors import UserError
from seformer.util.text import existing_file, is_gzipped

BIGWIG = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
PER = 1_000_000  # reads are given per so many


class SignalSums(NamedTuple):
    """Signal over n stretches.

    Attributes
    ----------
    sums
        float64 [n]: sum over the bases of a stretch. Of a bigWig its values (a base without one
        adds 0); of a BAM the reads on each base, per million reads that count.
    reads
        Reads of a BAM that count; None of a bigWig.
    sizes
        Chromosomes of the file and their lengths.
    missing
        Chromosomes of the stretches that the file does not have: their sums are 0.
    """

    sums: np.ndarray
    reads: int | None
    sizes: dict[str, int]
    missing: list[str]


def read_signal(path: Path, stretches: pd.DataFrame, extend: int = 0) -> SignalSums:
    """Read signal over stretches, as `genome.bam.read_coverage` or `genome.bigwig.read_track`.

    Raises
    ------
    UserError
        If the file is neither bigWig nor BAM, damaged, or of another genome; if it has no reads.
    """
    path = existing_file(path)
    with open(path, "rb") as handle:
        head = handle.read(6)
    if head[:4] in BIGWIG:
        track = read_track(path, stretches)
        return SignalSums(track.statistics[:, 2], None, bigwig_sizes(path), track.missing)
    if head[:4] != b"CRAM" and not head.startswith(b"@") and not is_gzipped(path):
        raise UserError(
            "this is neither a bigWig nor a BAM",
            where=path,
            expected="signal along the genome: a bigWig, or a sorted BAM with its index",
            do="of a bedGraph make a bigWig: bedGraphToBigWig",
        )
    coverage = read_coverage(path, stretches, extend)
    if coverage.reads == 0:
        raise UserError(
            "no read counts: none is mapped, or all are marked as duplicates, failed or secondary",
            where=path,
            do="look at it: samtools flagstat",
        )
    sums = coverage.bases * (PER / coverage.reads)
    return SignalSums(sums, coverage.reads, coverage.sizes, coverage.missing)
