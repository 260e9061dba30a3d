"""Broken and hostile genomes."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pysam
from bad_case import FASTA, GOOD, case


def fasta_text(records: dict[str, str], width: int = 60) -> str:
    lines = []
    for name, bases in records.items():
        lines += [f">{name}", *(bases[i : i + width] for i in range(0, len(bases), width))]
    return "\n".join(lines) + "\n"


def _cut_after_indexing(here: Path, good: Path) -> None:
    """The index is that of the whole file, and younger than what is left of it."""
    shutil.copyfile(good / "genome.fa", here / "cut.fa")
    pysam.FastaFile(str(here / "cut.fa")).close()
    os.truncate(here / "cut.fa", (here / "cut.fa").stat().st_size - 1_000)
    os.utime(here / "cut.fa", (1, 1))


def _cut_bgzip(here: Path, good: Path) -> None:
    whole = here / "whole.fa.gz"
    with pysam.BGZFile(str(whole), "wb") as handle:
        handle.write((good / "genome.fa").read_bytes() * 20)
    data = whole.read_bytes()
    (here / "cut.fa.gz").write_bytes(data[: len(data) // 2])
    whole.unlink()


PROTEIN = fasta_text({"chr1": "MKVLAAGIVQLEFPW" * 600})
GENOMES = [
    case("fasta/empty.fa", FASTA, "", "cannot be indexed", "What to do"),
    case("fasta/no_header.fa", FASTA, "ACGT\nACGT\n", "cannot be indexed"),
    case("fasta/really_bed.fa", FASTA, GOOD * 9, "cannot be indexed", "Expected"),
    case("fasta/web_page.fa", FASTA, "<html>\n<b>404</b>\n</html>\n", "cannot be indexed"),
    case("fasta/nameless.fa", FASTA, ">chr1\nACGT\nACG\n>\nACGTACG\n", "line 4", "has no name"),
    case("fasta/twice.fa", FASTA, ">chr1\nACGT\n>chr1\nACGT\n", "cannot be indexed"),
    case("fasta/protein.fa", FASTA, PROTEIN, "is no nucleotide"),
    case("fasta/gaps.fa", FASTA, fasta_text({"chr1": "ACG-" * 2250}), "is no nucleotide"),
    case("fasta/gzip.fa.gz", FASTA, gzip.compress(b"chr1\nACGT\n", mtime=0), "first record"),
    case(
        "fasta/twobit.2bit", FASTA, b"\x43\x27\x41\x1a" + bytes(60), "a 2bit genome", "twoBitToFa"
    ),
    case("fasta/cut.fa.gz", FASTA, _cut_bgzip, "cut.fa.gz", "copied completely"),
    case("fasta/cut.fa", FASTA, _cut_after_indexing, "passes the end of chr6"),
    case("fasta/missing.fa", FASTA, None, "no such file"),
    case("fasta/folder.fa", FASTA, lambda here, _: (here / "folder.fa").mkdir(), "is a folder"),
]
