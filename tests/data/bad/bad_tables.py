"""Broken variants, motifs, splits, and tables of scores and measurements."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bad_case import (
    AGREE,
    CALL,
    DISSECT,
    GOOD,
    JUDGE,
    MOTIFS,
    OF_MOTIFS,
    REPORT,
    SHARD,
    SPLIT,
    STAGE_1,
    VARIANTS,
    VCF_COLUMNS,
    VCF_HEAD,
    Case,
    case,
    row,
)

MEME = "MEME version 4\n\nALPHABET= ACGT\n\n"


def _row_removed(here: Path, good: Path) -> None:
    lines = (good / "splits.tsv").read_text().splitlines(keepends=True)
    (here / "row_removed.tsv").write_text("".join(lines[:-1]))


def _other_scores(here: Path, good: Path) -> None:
    header = ("edit", "chrom", "start", "end", "bases", "reference_logit", "edited_logit")
    (here / "scores.tsv").write_text(row(*header) + row(0, "chr1", 5, 6, "A", 0.5, 1.5))


def extracted(change: Callable[[Path], object]) -> Callable[[Path, Path], None]:
    """A changed copy of the extracted folder."""

    def make(here: Path, good: Path) -> None:
        shutil.copytree(good / "cell", here / "cell")
        change(here / "cell")

    return make


def cell(column: str, value: str) -> Callable[[Path], None]:
    """Another value in the first row of regions.tsv."""

    def change(folder: Path) -> None:
        path = folder / "regions.tsv"
        rows = [line.split("\t") for line in path.read_text().splitlines()]
        rows[1][rows[0].index(column)] = value
        path.write_text("".join(row(*cells) for cells in rows))

    return change


def _vcf_bomb(here: Path, _good: Path) -> None:
    with gzip.open(here / "bomb.vcf.gz", "wb", compresslevel=9) as handle:
        handle.write((VCF_HEAD + VCF_COLUMNS).encode())
        for position in range(1, 129):
            cells = ("chr1", position, ".", "A", "C", ".", ".", "X=" + "A" * 2**20)
            handle.write(row(*cells).encode())


EXTRACTED = "split --extracted {here}/cell --out {out}"
OTHER = [
    case("vcf/empty.vcf", VARIANTS, "", "cannot be read as VCF", "Expected"),
    case("vcf/really_bed.vcf", VARIANTS, GOOD, "cannot be read as VCF"),
    case("vcf/no_columns.vcf", VARIANTS, VCF_HEAD, "cannot be read as VCF"),
    case("vcf/cut_row.vcf", VARIANTS, VCF_HEAD + VCF_COLUMNS + "chr1\t5\t.\n", "VCF"),
    case(
        "vcf/text_position.vcf",
        VARIANTS,
        VCF_HEAD + VCF_COLUMNS + row("chr1", "x", ".", "A", "C", ".", ".", "."),
        "VCF",
    ),
    case(
        "vcf/other_genome.vcf",
        VARIANTS,
        VCF_HEAD.replace("chr1", "q") + VCF_COLUMNS + row("q", 5, ".", "A", "C", ".", ".", "."),
        "no chromosome",
    ),
    case(
        "vcf/cut.vcf.gz",
        VARIANTS,
        gzip.compress((VCF_HEAD + VCF_COLUMNS).encode() * 50, mtime=0)[:60],
        "cannot be read to its end",
    ),
    case("vcf/binary.vcf", VARIANTS, bytes(range(256)) * 9, "cannot be read as VCF"),
    case("vcf/missing.vcf", VARIANTS, None, "no such file"),
    case("vcf/no_alleles.tsv", VARIANTS, "chr_id\tchr_pos\n1\t200\n", "but no alleles", "observed"),
    case(
        "vcf/position.tsv",
        VARIANTS,
        "chrom\tpos\talleles\nchr1\t2e2\tA/C\n",
        "line 2",
        "position '2e2' is not a whole number",
    ),
    case(
        "vcf/cut_row.tsv",
        VARIANTS,
        "chrom\tpos\talleles\nchr1\t200\tA/C\nchr1\t300\n",
        "line 3",
        "2 columns where the header has 3",
    ),
    case(
        "vcf/to_cut.tsv",
        "cut-variants --fasta {good}/genome.fa --vcf {here}/%s --out {out}",
        "chr_id\tchr_pos\n1\t200\n",
        "but no alleles",
        "observed",
    ),
    case("vcf/motifs.meme", OF_MOTIFS, MEME, "holds 0 motifs"),
    case("vcf/no_shard", SHARD, None, "blocks.tsv", "no such file"),
    Case(
        "vcf/other_scores",
        "merge-variants {here} --fasta {good}/genome.fa --vcf {good}/few.vcf --out {out}",
        ("the 1 scores are not those of", "cut and score"),
        _other_scores,
    ),
    case("vcf/bomb.vcf.gz", VARIANTS, _vcf_bomb, "times its size"),
    case("motifs/none.meme", MOTIFS, MEME, "holds 0 motifs"),
    case("motifs/empty.meme", MOTIFS, "", "motifs"),
    case(
        "motifs/cut.meme",
        MOTIFS,
        MEME + "MOTIF a\nletter-probability matrix: alength= 4 w= 3 nsites= 2\n0.1 0.2\n",
        "a row of 2 numbers",
        "line 7",
    ),
    case(
        "motifs/text.meme",
        MOTIFS,
        MEME + "MOTIF a\nletter-probability matrix: alength= 4 w= 1\na b c d\n",
        "'a' is not a probability",
        "line 7",
    ),
    case("motifs/binary.meme", MOTIFS, bytes(range(128, 256)) * 9, "not text"),
    case(
        "splits/no_columns.tsv",
        SPLIT + "--split-by file --splits {here}/%s",
        "a\tb\n1\t2\n",
        "columns chrom, start, end, split are missing",
        "line 1",
    ),
    case(
        "splits/unknown_part.tsv",
        SPLIT + "--split-by file --splits {here}/%s",
        row("chrom", "start", "end", "split") + row("chr1", 1, 9, "tset"),
        "line 2",
        "'tset'",
    ),
    case(
        "splits/text_place.tsv",
        SPLIT + "--split-by file --splits {here}/%s",
        row("chrom", "start", "end", "split") + row("chr1", "x", 9, "test"),
        "line 2",
        "'x'",
    ),
    case(
        "splits/row_removed.tsv",
        STAGE_1.replace("{good}/splits.tsv", "{here}/%s") + " --model tiny",
        _row_removed,
        "splits",
    ),
    case("splits/empty.tsv", SPLIT + "--split-by file --splits {here}/%s", "", "cannot be read"),
    case(
        "splits/no_signal",
        SPLIT + "--grey-zone 0.2",
        None,
        "regions of cell have no signal",
        "column called signal",
    ),
    case("clusters/three_columns.tsv", SPLIT + "--clusters {here}/%s", "a\tb\tc\n", "line 1"),
    case("clusters/two_clusters.tsv", SPLIT + "--clusters {here}/%s", "a\t1\na\t2\n", "line 2"),
    case("clusters/missing_region.tsv", SPLIT + "--clusters {here}/%s", "a\t1\n", "neither"),
    case(
        "extracted/no_table",
        EXTRACTED,
        extracted(lambda f: (f / "regions.tsv").unlink()),
        "regions.tsv",
        "no such file",
    ),
    case(
        "extracted/no_bases",
        EXTRACTED,
        extracted(lambda f: (f / "sequences.fa.gz").unlink()),
        "sequences.fa.gz",
        "no such file",
    ),
    case(
        "extracted/unknown_reason",
        EXTRACTED,
        extracted(cell("drop_reason", "no_reason")),
        "'no_reason'",
    ),
    case(
        "extracted/text_label",
        EXTRACTED,
        extracted(cell("label", "super")),
        "regions.tsv",
    ),
    case(
        "extracted/other_place",
        EXTRACTED,
        extracted(cell("start", "101")),
        "extract the regions",
    ),
    case(
        "extracted/cut_bases",
        EXTRACTED,
        extracted(lambda f: os.truncate(f / "sequences.fa.gz", 700)),
        "cannot be read to its end",
    ),
    case("judge/no_label.bed", JUDGE, row("chr1", 0, 100, "a", 0.5), "no labels"),
    case("judge/one.bed", JUDGE, row("chr1", 0, 100, "SE", 0.5), "1 super-enhancers and 0 typical"),
    case("judge/text.bed", JUDGE, row("chr1", 0, 100, "SE", "high"), "'high'", "line 1"),
    case("judge/infinite.bed", JUDGE, row("chr1", 0, 100, "SE", "inf"), "not a finite number"),
    case("judge/no_score.bed", JUDGE, row("chr1", 0, 100, "SE"), "usual name of scores"),
    case("call/one.bed", CALL, row("chr1", 0, 100), "one peak only"),
    case("call/two.bed", CALL, row("chr1", 0, 100) + row("chr1", 200, 300), "neither a bigWig nor"),
    case("dissect/elsewhere.bed", DISSECT, row("chr2", 0, 90), "no constituent lies in any region"),
    case("dissect/too_long.bed", DISSECT, row("chr1", 0, 10**6), "reach beyond them", "line 1"),
    case("dissect/chromosome.bed", DISSECT, row("chr99", 0, 9), "no chromosome of this file is in"),
    case(
        "dissect/blocks.bed",
        DISSECT,
        row("chr1", 0, 90, "a", 0, ".", 0, 90, 0, 2, "9,9", "0"),
        "blocks",
    ),
    case("agree/no_values.bed", AGREE, row("chr1", 0, 100, "a"), "what is measured"),
    case("agree/text.bed", AGREE, row("chr1", 0, 100, "a", "high"), "'high'", "line 1"),
    case("agree/elsewhere.bed", AGREE, row("chr99", 0, 100, "a", 1), "no measured row has a score"),
    case("agree/few.bed", AGREE, row("chr1", 0, 10**7, "a", 1), "too little to compare"),
    case(
        "agree/position.tsv",
        AGREE,
        row("chrom", "pos", "log2FC") + row("chr1", "1e6", 1),
        "'1e6' is not a whole number",
        "line 2",
    ),
    case("report/cell/metrics.json", REPORT, lambda h, _: _in(h, "metrics.json", "{"), "JSON"),
    case(
        "report/cell/model/seformer.json",
        REPORT,
        lambda h, _: _in(h, "model/seformer.json", "[" * 200_000),
        "nested",
    ),
    case(
        "report/cell/predictions/a.tsv",
        REPORT,
        lambda h, _: _in(h, "predictions/a.tsv", "chrom\n1\n"),
        "predictions",
    ),
]


def _in(here: Path, name: str, text: str) -> None:
    path = here / "cell" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
