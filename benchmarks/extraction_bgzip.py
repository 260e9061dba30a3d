"""Extraction from a bgzipped genome, which bedtools does not read."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

import extraction
import inputs
import pandas as pd
from harness import Other, Work


def samtools(fasta: Path, bed: Path) -> list[str]:
    """`samtools faidx` with a list of places, and its result read in."""
    places, out = bed.with_suffix(".txt"), bed.with_suffix(".fa")
    rows = pd.read_csv(bed, sep="\t", header=None).itertuples(index=False)
    places.write_text("".join(f"{chrom}:{start + 1}-{end}\n" for chrom, start, end in rows))
    command = ["samtools", "faidx", fasta, "--region-file", places, "--length", 10**9]
    subprocess.run([*map(str, command), "-o", out], check=True)
    with open(out, encoding="ascii") as lines:
        return [line.rstrip("\n").upper() for line in lines if not line.startswith(">")]


def pysam_fetch(fasta: Path, bed: Path) -> list[str]:
    import pysam

    rows = pd.read_csv(bed, sep="\t", header=None)
    with pysam.FastaFile(str(fasta)) as genome:
        return [genome.fetch(c, s, e).upper() for c, s, e in rows.itertuples(index=False)]


def make(work: Path, size: str) -> Work:
    how = inputs.SIZES[size]
    fasta = inputs.bgzipped(inputs.genome(work / "genome.fa", how.genome))
    bed = inputs.bed(work / "regions.bed", fasta, how.extracted)
    ordered = inputs.ordered(bed)
    ways = {
        "pysam, unsorted BED": Other(partial(pysam_fetch, fasta, bed)),
        "pysam, sorted BED": Other(partial(pysam_fetch, fasta, ordered)),
    }
    if shutil.which("samtools"):
        ways["samtools faidx, sorted, read in"] = Other(partial(samtools, fasta, ordered))

    def difference() -> float:
        expected = extraction.ours(fasta, bed)
        return max(float(sorted(way.run()) != sorted(expected)) for way in ways.values())

    return Work(
        f"extraction, bgzipped: {how.extracted:,} regions of a genome of {how.genome / 1e6:g} Mb",
        partial(extraction.ours, fasta, bed),
        ways,
        difference,
    )
