"""Broken and hostile files of regions."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from bad_case import DEEPSE, GOOD, ROSE, SCORE, TRAIN, case, row

REGIONS = [
    case("bed/empty.bed", SCORE, "", "has no regions", "Expected"),
    case("bed/comments_only.bed", SCORE, "# nothing\ntrack name=x\n", "has no regions"),
    case("bed/two_columns.bed", SCORE, "chr1\t100\n", "line 1", "only 2 columns"),
    case("bed/text_start.bed", SCORE, GOOD + "chr1\tx\t9\n", "line 2", "'x' is not a whole number"),
    case("bed/negative.bed", SCORE, "chr1\t-5\t90\n", "line 1", "'-5' is negative"),
    case("bed/backwards.bed", SCORE, GOOD + "chr1\t500\t100\n", "line 2", "is not before end 100"),
    case("bed/no_length.bed", SCORE, "chr1\t500\t500\n", "line 1", "is not before end 500"),
    case("bed/exponent.bed", SCORE, "chr1\t1e+03\t2000\n", "line 1", "write the number out"),
    case("bed/decimal.bed", SCORE, "chr1\t10.5\t2000\n", "line 1", "is not a whole number"),
    case("bed/thousands.bed", SCORE, "chr1\t1,000\t2,000\n", "line 1", "is not a whole number"),
    case("bed/arabic_digits.bed", SCORE, "chr1\t١٢\t٩٩\n", "line 1", "is not a whole number"),
    case("bed/too_large.bed", SCORE, "chr1\t1\t" + "9" * 30 + "\n", "line 1", "too large"),
    case(
        "bed/cut_off.bed", SCORE, GOOD * 3 + "chr1\t7", "line 4", "2 columns where the file has 3"
    ),
    case("bed/too_wide.bed", SCORE, GOOD + row("chr1", 1, 9, "x"), "line 2", "4 columns where"),
    case("bed/mixed_blanks.bed", SCORE, GOOD + "chr1 5 90\n", "line 2", "1 column where"),
    case("bed/no_chromosome.bed", SCORE, "\t5\t90\n", "line 1", "the chromosome is missing"),
    case("bed/swapped_columns.bed", SCORE, row(5, 90, "chr1"), "line 1", "not a whole number"),
    case("bed/second_header.bed", SCORE, "chrom\tstart\tend\n" * 2, "line 2", "whole number"),
    case("bed/really_fasta.bed", SCORE, ">chr1\nACGT\n", "line 1", "looks like FASTA"),
    case("bed/really_xlsx.bed", SCORE, b"PK\3\4\x14\0\6\0" + bytes(range(256)), "is not text"),
    case("bed/really_bam.bed", SCORE, gzip.compress(b"BAM\1\0\0\0\0", mtime=0), "is not text"),
    case("bed/utf16.bed", SCORE, GOOD.encode("utf-16"), "is not text", "Expected"),
    case("bed/latin1.bed", SCORE, GOOD.encode() + "chr1\t5\t90\té".encode("latin-1"), "not text"),
    case("bed/nul.bed", SCORE, GOOD + "chr1\0\t5\t90\n", "line 2", "is not text"),
    case("bed/web_page.bed", SCORE, "<!DOCTYPE html>\n<html>404</html>\n", "line 1", "Expected"),
    case("bed/past_the_end.bed", SCORE, GOOD + row("chr1", 8900, 9001), "line 2", "9000 bp long"),
    case("bed/unknown_names.bed", SCORE, row("1", 5, 90), "says 'chr1'", "--rename-chromosomes"),
    case("bed/other_genome.bed", SCORE, row("scaffold_7", 5, 90), "no chromosome", "belong"),
    case("bed/escape_codes.bed", SCORE, "chr1\t\x1b[2J\x1b[31m\t90\n", "line 1", r"'\x1b[2J"),
    case(
        "bed/cut.bed.gz",
        SCORE,
        gzip.compress(os.urandom(0) + GOOD.encode() * 99, mtime=0)[:-12],
        "cannot be read to its end",
        "copy it again",
    ),
    case(
        "bed/bad_sum.bed.gz",
        SCORE,
        gzip.compress(GOOD.encode() * 9, mtime=0)[:-8] + b"\1" * 8,
        "cannot be read to its end",
    ),
    case("table/no_labels.bed", TRAIN, GOOD * 2, "have no labels", "two BED files"),
    case("table/unknown_label.csv", TRAIN, DEEPSE + "chr1,1,99,maybe\n", "line 2", "'maybe'"),
    case(
        "table/label_missing.csv",
        TRAIN,
        DEEPSE + "chr1,1,99,YES\nchr1,200,400,\n",
        "line 3",
        "1 regions lack a label",
    ),
    case(
        "table/one_class.csv",
        TRAIN,
        DEEPSE + "chr1,1,99,YES\nchr1,200,400,YES\n",
        "one class only",
        "no typical-enhancers",
    ),
    case(
        "table/all_overlap.csv",
        TRAIN,
        DEEPSE + "chr1,1,499,YES\nchr1,200,400,NO\n",
        "one class only",
        "1 te_overlaps_se",
    ),
    case(
        "table/contradiction.csv",
        TRAIN,
        DEEPSE + "chr1,1,499,YES\nchr1,1,499,NO\n",
        "no region is left",
        "2 conflicting_label",
    ),
    case(
        "table/label_twice.csv",
        TRAIN,
        "chrom,start,end,label,label\nchr1,1,99,YES,NO\nchr1,200,400,NO,YES\n",
        "the column 'label' stands there twice",
    ),
    case("table/header_only.csv", TRAIN, DEEPSE, "has no regions"),
    case("table/no_end.csv", TRAIN, "chrom,start,label\nchr1,1,YES\n", "line 1", "Expected"),
    case("table/open_quote.csv", TRAIN, DEEPSE + 'chr1,1,"99,YES\n', "line 2", "columns where"),
    case("table/not_a_number.csv", TRAIN, DEEPSE + "chr1,nan,99,YES\n", "line 2", "'nan'"),
    case("table/rose_cut.txt", TRAIN, ROSE + "a\tchr1\t5\t90\t1\nb\tchr1\t", "line 4", "3 columns"),
    case("table/rose_two.txt", TRAIN, ROSE + row("a", "chr1", 5, 90, 2), "line 3", "label '2'"),
    case("table/rose_super_only.txt", TRAIN, ROSE + row("a", "chr1", 5, 900, 1), "one class only"),
]


def _giant_line(here: Path, _good: Path) -> None:
    (here / "giant_line.bed").write_bytes(GOOD.encode() + b"a" * (64 << 20))


def _bomb(here: Path, _good: Path) -> None:
    """Unpacks to 128 MB, a thousand times its size."""
    with gzip.open(here / "bomb.bed.gz", "wb", compresslevel=9) as handle:
        for _ in range(128):
            handle.write((b"#" * 1023 + b"\n") * 1024)


def _wide(here: Path, _good: Path) -> None:
    (here / "wide.bed").write_text(row("chr1", 100, 400, *["x"] * 100_000))


def _folder(here: Path, _good: Path) -> None:
    (here / "folder.bed").mkdir()


def _pipe(here: Path, _good: Path) -> None:
    os.mkfifo(here / "pipe.bed")


REGIONS += [
    case("bed/missing.bed", SCORE, None, "no such file", "check the path"),
    case("bed/https://a.org/peaks.bed", SCORE.replace("{here}/", ""), None, "download it first"),
    case("bed/~/peaks.bed", SCORE.replace("{here}/", ""), None, "only a shell knows what ~ is"),
    case("bed/folder.bed", SCORE, _folder, "this is a folder"),
    case("bed/pipe.bed", SCORE, _pipe, "neither a file nor", "Expected: a file"),
    case("bed/giant_line.bed", SCORE, _giant_line, "line 2", "longer than"),
    case("bed/bomb.bed.gz", SCORE, _bomb, "times its size", "Expected"),
    case("bed/wide.bed", SCORE, _wide, "there are 100003 columns", "at most"),
]
