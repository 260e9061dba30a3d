"""Extraction: from a BED file and a genome to upper-case sequences in memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import inputs
import pandas as pd
from harness import Other, Work

from seformer.genome.genome import Genome
from seformer.regions.read import read_regions


def ours(fasta: Path, bed: Path) -> list[str]:
    rows = read_regions(bed, labels=False).regions
    with Genome(fasta) as genome:
        return genome.fetch_many(rows)


def bedtools(fasta: Path, bed: Path) -> list[str]:
    """`bedtools getfasta`, and its result read in."""
    out = bed.with_suffix(".fa")
    subprocess.run(["bedtools", "getfasta", "-fi", fasta, "-bed", bed, "-fo", out], check=True)
    with open(out, encoding="ascii") as lines:
        return [line.rstrip("\n").upper() for line in lines if not line.startswith(">")]


def bedtools_alone(fasta: Path, bed: Path) -> None:
    out = bed.with_suffix(".fa")
    subprocess.run(["bedtools", "getfasta", "-fi", fasta, "-bed", bed, "-fo", out], check=True)


def pyfaidx(fasta: Path, bed: Path) -> list[str]:
    import pyfaidx

    rows = pd.read_csv(bed, sep="\t", header=None)
    with pyfaidx.Fasta(str(fasta), as_raw=True, sequence_always_upper=True) as genome:
        return [genome[c][s:e] for c, s, e in rows.itertuples(index=False)]


def make(work: Path, size: str) -> Work:
    how = inputs.SIZES[size]
    fasta = inputs.genome(work / "genome.fa", how.genome)
    bed = inputs.bed(work / "regions.bed", fasta, how.extracted)
    ordered = inputs.ordered(bed)
    others: dict[str, Callable[[], list[str]]] = {}
    if shutil.which("bedtools"):
        others["bedtools getfasta, unsorted BED, read in"] = partial(bedtools, fasta, bed)
        others["bedtools getfasta, sorted BED, read in"] = partial(bedtools, fasta, ordered)
    others["pyfaidx"] = partial(pyfaidx, fasta, bed)

    def difference() -> float:
        expected = ours(fasta, bed)
        return max(float(sorted(run()) != sorted(expected)) for run in others.values())

    ways = {name: Other(run, 2.5 if "bedtools" in name else None) for name, run in others.items()}
    if shutil.which("bedtools"):
        ways["bedtools getfasta, unsorted BED, not read in"] = Other(
            partial(bedtools_alone, fasta, bed)
        )
    return Work(
        f"extraction: {how.extracted:,} regions of a genome of {how.genome / 1e6:g} Mb",
        partial(ours, fasta, bed),
        ways,
        difference,
    )
