"""What a broken input is, and what those of several kinds share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# {good}: sound inputs, see `good`; {here}: the case's own folder; {out}: the results
SCORE = "extract --unlabelled --fasta {good}/genome.fa --out {out} --regions {here}/%s"
TRAIN = "extract --fasta {good}/genome.fa --out {out} --regions {here}/%s"
FASTA = "extract --unlabelled --regions {good}/all.bed --out {out} --fasta {here}/%s"
PREDICT = (
    "predict --fasta {good}/genome.fa --regions {good}/all.bed --out {out} --model {here}/model"
)
STAGE_1 = (
    "finetune-head --extracted {good}/cell --splits {good}/splits.tsv --out {out} --head-epochs 1"
)
BACKBONE = STAGE_1 + " --model {here}/model"
VARIANTS = "variants --model {good}/model --fasta {good}/genome.fa --out {out} --vcf {here}/%s"
OF_MOTIFS = (
    "variants --model {good}/model --fasta {good}/genome.fa --vcf {good}/few.vcf --out {out}"
    " --motifs {here}/%s"
)
SHARD = "variants --model {good}/model --shard {here}/%s --out {out}"
SPLIT = "split --extracted {good}/cell --out {out} "
MOTIFS = "motifs --attributions {good}/explained --out {out} --motifs {here}/%s"
REPORT = "report {here} --out {out}"
JUDGE = "judge --fasta {good}/genome.fa --out {out} --scores {here}/%s"
CALL = "call --peaks {here}/%s --signal {here}/%s --out {out}"
DISSECT = (
    "dissect --model {good}/model --fasta {good}/genome.fa --regions {good}/few.bed --out {out}"
    " --constituents {here}/%s"
)
PRETRAIN = (
    "pretrain --fasta {good}/genome.fa --out {out} --steps 1 --regions {here}/%s --model tiny"
)
AGREE = "agree --scores {good}/all.csv --score-column start --out {out} --measured {here}/%s"


class Case(NamedTuple):
    """One bad input.

    Attributes
    ----------
    name
        ``group/file``.
    command
        Arguments of `seformer`, separated by spaces.
    message
        What the one message has to contain, all of it.
    content
        The file's content, or a function that makes the case's folder from the sound inputs.
    """

    name: str
    command: str
    message: tuple[str, ...]
    content: bytes | Callable[[Path, Path], None] | None

    @property
    def file(self) -> str:
        return self.name.partition("/")[2]


def case(name: str, command: str, content: str | bytes | Callable | None, *message: str) -> Case:
    file = name.partition("/")[2]
    content = content.encode() if isinstance(content, str) else content
    return Case(name, command.replace("%s", file), message, content)


def row(*cells: object) -> str:
    return "\t".join(map(str, cells)) + "\n"


GOOD = row("chr1", 100, 400)
VCF_HEAD = "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=9000>\n"
VCF_COLUMNS = row("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO")
ROSE = "# ROSE\n" + row("REGION_ID", "CHROM", "START", "STOP", "isSuper")
DEEPSE = "chrom,start,end,label\n"
