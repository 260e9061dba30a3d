#!/usr/bin/env python3
"""Broken and hostile inputs, each with the message that seformer has to answer it with.

`tests/unit/test_bad_input.py` makes each in a folder of its own (`make`) and runs it.
``tests/data/bad/make_bad.py`` writes ``expected.tsv``, the table of all of them, beside itself.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pybigtools
import pysam

HERE = Path(__file__).parent
EXPECTED = "expected.tsv"

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


# ------------------------------------------------------------------------- regions

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


def _vcf_bomb(here: Path, _good: Path) -> None:
    with gzip.open(here / "bomb.vcf.gz", "wb", compresslevel=9) as handle:
        handle.write((VCF_HEAD + VCF_COLUMNS).encode())
        for position in range(1, 129):
            cells = ("chr1", position, ".", "A", "C", ".", ".", "X=" + "A" * 2**20)
            handle.write(row(*cells).encode())


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


# ------------------------------------------------------------------------- genomes


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


# ------------------------------------------------------------------------- model folders


def edited(
    file: str, change: Callable[[dict], object] | bytes | str | None, good: str = "model"
) -> Callable[[Path, Path], None]:
    """A copy of the sound model with one file changed, replaced, or (None) removed."""

    def make(here: Path, sound: Path) -> None:
        shutil.copytree(sound / good, here / "model")
        path = here / "model" / file
        if change is None:
            path.unlink()
        elif callable(change):
            record = json.loads(path.read_text())
            changed = change(record)
            path.write_text(json.dumps(record if changed is None else changed))
        else:
            path.write_bytes(change.encode() if isinstance(change, str) else change)

    return make


def weights(change: Callable[[dict], object]) -> Callable[[Path, Path], None]:
    """A copy of the sound model with changed tensors."""

    def make(here: Path, sound: Path) -> None:
        from safetensors.torch import load_file, save_file

        shutil.copytree(sound / "model", here / "model")
        path = here / "model/model.safetensors"
        state = load_file(path)
        change(state)
        save_file(state, path, metadata={"format": "pt"})

    return make


def _cut_weights(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    os.truncate(here / "model/model.safetensors", 5_000)


def _giant_header(here: Path, sound: Path) -> None:
    """A header that says it is 2^60 bytes long."""
    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")


def giant(file: str) -> Callable[[Path, Path], None]:
    """A gigabyte of a small file, without a byte on the disk."""

    def make(here: Path, sound: Path) -> None:
        shutil.copytree(sound / "model", here / "model")
        os.truncate(here / "model" / file, 1 << 30)

    return make


class Payload:
    """What would run a command if it were unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch '{self.witness}'",)


def _pickle(here: Path, sound: Path) -> None:
    import torch

    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").unlink()
    torch.save({"x": Payload(here / "ran")}, here / "model/pytorch_model.bin")


def _outside(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").unlink()
    index = {"weight_map": {"x": "../../../../etc/passwd"}}
    (here / "model/model.safetensors.index.json").write_text(json.dumps(index))


def _code(here: Path, sound: Path) -> None:
    """A configuration that asks for the repository's own code."""
    shutil.copytree(sound / "model", here / "model")
    witness = here / "ran"
    (here / "model/modeling_x.py").write_text(f"open({str(witness)!r}, 'w')\n")
    config = json.loads((here / "model/config.json").read_text())
    config |= {"model_type": "evo3", "auto_map": {"AutoModel": "modeling_x.Model"}}
    (here / "model/config.json").write_text(json.dumps(config))


def _wrong_sum(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    record = {"hub": "a/b", "revision": "c", "sha256": {"model.safetensors": "0" * 64}}
    (here / "model/checksums.json").write_text(json.dumps(record))


def _sum_outside(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    record = {"hub": "a/b", "revision": "c", "sha256": {"../../../../etc/passwd": "0" * 64}}
    (here / "model/checksums.json").write_text(json.dumps(record))


def _nested_ensemble(here: Path, sound: Path) -> None:
    """An ensemble whose member leads back to itself: it has no end."""
    setting(members=2)(here, sound)
    (here / "model/members").mkdir()
    (here / "model/members/2").symlink_to("..", target_is_directory=True)


def setting(**values: object) -> Callable[[Path, Path], None]:
    return edited("seformer.json", lambda record: record.update(values))


def config(**values: object) -> Callable[[Path, Path], None]:
    return edited("config.json", lambda record: record.update(values))


NAN_SLOPE = {"method": "temperature", "slope": float("nan"), "prevalence": 0.5, "regions": 9}
NO_CURVE = {"method": "isotonic", "logits": [0.0], "probabilities": [], "prevalence": 0.5}
MODELS = [
    case("model/no_settings", PREDICT, edited("seformer.json", None), "not a model folder"),
    case("model/settings_no_json", PREDICT, edited("seformer.json", '{\n"a":'), "line 2", "JSON"),
    case("model/settings_list", PREDICT, edited("seformer.json", "[]"), "seformer.json"),
    case("model/settings_deep", PREDICT, edited("seformer.json", "[" * 200_000), "nested"),
    case("model/settings_giant", PREDICT, giant("seformer.json"), "larger than 64 MiB"),
    case("model/settings_future", PREDICT, setting(format=2), "format", "this version"),
    case("model/settings_unknown", PREDICT, setting(run="rm -rf /"), "run: Extra inputs"),
    case("model/members_nested", PREDICT, _nested_ensemble, "is an ensemble itself"),
    case("model/members_missing", PREDICT, setting(members=2), "members/2"),
    case("model/window_text", PREDICT, setting(window="all"), "window", "integer"),
    case("model/window_zero", PREDICT, setting(window=0), "window"),
    case("model/window_only_special", PREDICT, setting(window=2), "window"),
    case("model/overlap_large", PREDICT, setting(overlap=10**6), "overlap"),
    case("model/threshold_nan", PREDICT, setting(threshold=float("nan")), "threshold"),
    case("model/calibration_nan", PREDICT, setting(calibration=NAN_SLOPE), "calibration.slope"),
    case("model/calibration_short", PREDICT, setting(calibration=NO_CURVE), "calibration"),
    case("model/dropout_text", PREDICT, setting(training={"dropout": "x"}), "dropout"),
    case("model/no_config", PREDICT, edited("config.json", None), "no such file", "config.json"),
    case("model/config_list", PREDICT, edited("config.json", "[1]"), "config.json", "no object"),
    case("model/config_not_text", PREDICT, edited("config.json", b"\xff\xfe{"), "not valid JSON"),
    case("model/config_text_size", PREDICT, config(hidden_size="x"), "config.json"),
    case("model/config_negative", PREDICT, config(hidden_size=-4), "config.json"),
    case("model/config_giant", PREDICT, config(vocab_size=10**15), "config.json"),
    case("model/config_layers", PREDICT, config(num_hidden_layers=10**9), "config.json"),
    case("model/config_heads", PREDICT, config(num_attention_heads=3), "a divisor of hidden_size"),
    case("model/config_odd_heads", PREDICT, config(num_attention_heads=16), "even width"),
    case("model/config_other_size", PREDICT, config(hidden_size=32), "has the shape"),
    case(
        "model/config_lacks",
        PREDICT,
        edited("config.json", lambda c: {k: v for k, v in c.items() if k != "hidden_size"}),
        "lacks 'hidden_size'",
    ),
    case("model/config_code", PREDICT, _code, "seformer never runs"),
    case("model/config_decoder", PREDICT, config(model_type="gpt2"), "is not an encoder"),
    case("model/no_weights", PREDICT, edited("model.safetensors", None), "has no weights"),
    case("model/weights_cut", PREDICT, _cut_weights, "damaged", "model.safetensors"),
    case("model/weights_empty", PREDICT, edited("model.safetensors", b""), "damaged"),
    case("model/weights_text", PREDICT, edited("model.safetensors", "<html>" * 99), "damaged"),
    case("model/weights_giant_header", PREDICT, _giant_header, "damaged"),
    case("model/weights_pickle", BACKBONE, _pickle, "could run code", "safetensors"),
    case("model/weights_outside", PREDICT, _outside, "names files outside the folder"),
    case("model/weights_sum", PREDICT, _wrong_sum, "not what was downloaded"),
    case("model/sums_outside", PREDICT, _sum_outside, "outside the folder"),
    case("model/sums_list", PREDICT, edited("checksums.json", "[]"), "checksums.json"),
    case(
        "model/weights_nan",
        PREDICT,
        weights(lambda s: [t.fill_(float("nan")) for t in s.values()]),
        "not finite",
    ),
    case(
        "model/weights_extra",
        PREDICT,
        weights(lambda s: s.update(extra=next(iter(s.values())).clone())),
        "unknown key",
    ),
    case(
        "model/weights_no_head",
        PREDICT,
        weights(lambda s: [s.pop(k) for k in list(s) if k.startswith("head.")]),
        "are missing",
    ),
    case("model/no_tokenizer", PREDICT, edited("vocab.txt", None), "no tokeniser"),
    case("model/tokenizer_giant", PREDICT, giant("vocab.txt"), "larger than 64 MiB"),
    case("model/tokenizer_binary", PREDICT, edited("vocab.txt", b"\xff\0\xff"), "not text"),
    case(
        "model/tokenizer_stride",
        PREDICT,
        edited("tokenizer_config.json", lambda c: c.update(kmer={"stride": 0})),
        "stride",
    ),
    case(
        "model/tokenizer_kmer_list",
        PREDICT,
        edited("tokenizer_config.json", lambda c: c.update(kmer=[])),
        "tokenizer_config.json",
    ),
    case(
        "model/tokenizer_larger",
        PREDICT,
        edited(
            "vocab.txt",
            "\n".join(
                ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
                + [f"{i:04d}" for i in range(9000)]
                + ["ACG"]
            ),
        ),
        "tokeniser has",
    ),
    case(
        "model/backbone_folder_empty", BACKBONE, lambda h, _: (h / "model").mkdir(), "config.json"
    ),
    case("model/name_unknown", STAGE_1 + " --model gena-lm-bert-bsae", None, "did you mean"),
    case("model/name_option", STAGE_1 + " --model=--help", None, "no model or folder"),
]


# ------------------------------------------------------------------------- archives

ARCHIVE = PREDICT + ".tar"


def archive(*members: tuple[str, bytes | str], mode: str = "w") -> Callable[[Path, Path], None]:
    """An archive with the sound model and ``members``: a name and content, or a link's target."""

    def make(here: Path, good: Path) -> None:
        with tarfile.open(here / "model.tar", mode) as tar:
            for path in sorted((good / "model").iterdir()):
                tar.add(path, path.name)
            for name, content in members:
                member = tarfile.TarInfo(name)
                if isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                    tar.addfile(member)
                else:
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))

    return make


def _cut_archive(here: Path, good: Path) -> None:
    archive()(here, good)
    os.truncate(here / "model.tar", 9_000)


def _huge_member(here: Path, good: Path) -> None:
    """A member that says it has 8 GB, of which there are none."""
    member = tarfile.TarInfo("README.md")
    member.size = 8 << 30
    (here / "model.tar").write_bytes(member.tobuf())


ARCHIVES = [
    case("archive/outside", ARCHIVE, archive(("../evil.json", b"{}")), "outside", "seformer pack"),
    case("archive/absolute", ARCHIVE, archive(("/tmp/evil.json", b"{}")), "outside"),
    case("archive/link", ARCHIVE, archive(("README.md", "/etc/passwd")), "is a link"),
    case("archive/pickle", ARCHIVE, archive(("pytorch_model.bin", b"x")), "could run code"),
    case("archive/script", ARCHIVE, archive(("modeling.py", b"x")), "no file of a model folder"),
    case("archive/escape_codes", ARCHIVE, archive(("\x1b[31m.json", b"x")), "unusable name"),
    case("archive/twice", ARCHIVE, archive(("config.json", b"{}")), "is there twice"),
    case("archive/many", ARCHIVE, archive(*((f"{i}.md", b"") for i in range(600))), "more than"),
    case("archive/compressed", ARCHIVE, archive(mode="w:gz"), "no whole tar archive"),
    case("archive/cut", ARCHIVE, _cut_archive, "model.tar", "seformer pack"),
    case("archive/huge_member", ARCHIVE, _huge_member, "too large"),
    case(
        "archive/text",
        ARCHIVE,
        lambda h, _: (h / "model.tar").write_text("x" * 999) and None,
        "no whole tar archive",
    ),
]


# ------------------------------------------------------------------------- variants, motifs, splits

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


def scores(*rows: tuple[object, ...], summary: str = "{}") -> Callable[[Path, Path], None]:
    """What `predict` writes of a shard: a row a region."""

    def make(here: Path, good: Path) -> None:
        header = ("line", "logit", "probability", "prediction", "coverage", "flags")
        (here / "scores.tsv").write_text("".join(row(*cells) for cells in (header, *rows)))
        (here / "summary.json").write_text(summary)

    return make


def values(**changed: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, Path], None]:
    """An explained folder with other tensors in its attributions.safetensors."""

    def make(here: Path, good: Path) -> None:
        from safetensors.numpy import load_file, save_file

        shutil.copytree(good / "explained", here / "explained")
        path = here / "explained/attributions.safetensors"
        tensors = load_file(path)
        save_file(tensors | {k: change(tensors[k]) for k, change in changed.items()}, path)

    return make


def explained(file: str, old: str, new: str) -> Callable[[Path, Path], None]:
    """An explained folder with some text of a file replaced."""

    def make(here: Path, good: Path) -> None:
        shutil.copytree(good / "explained", here / "explained")
        path = here / "explained" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return make


def _other_logits(here: Path, good: Path) -> None:
    shutil.copytree(good / "explained", here / "explained")
    path = here / "explained/attributions.tsv"
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    for cells in rows:
        cells[header.index("logit")] = "9.5"
    path.write_text("".join(row(*cells) for cells in (header, *rows)))


S = (0.5, 0.6, "SE", 1.0, "")
MERGE = "merge-predictions {here} --regions {good}/few.bed --out {out}"
TRACKS = "merge-attributions {here}/explained --fasta {good}/genome.fa --out {out}"
OF_TEST = "evaluate --extracted {good}/cell --splits {good}/splits.tsv --bootstrap 10 --out {out}"
TOGETHER = OF_TEST.replace("evaluate", "calibrate") + " --model {here}/model"
CHECKS = "faithfulness --model {good}/model --attributions {here}/explained --out {out}"
SHARDS = [
    case("scores/cut", MERGE, scores((1, *S), (2, *S), (3, 0.5)), "line 4", "6 columns"),
    case("scores/text_line", MERGE, scores(("x", *S)), "line 2", "no row of scores"),
    case("scores/missing", MERGE, scores((1, *S), (2, *S)), "do not fit the file's lines"),
    case("scores/many", MERGE, scores(*((i, *S) for i in (1, 2, 3, 4))), "more scores than"),
    case("scores/nan", MERGE, scores(*((i, *S[:1], "nan", *S[2:]) for i in (1, 2, 3))), "from 0"),
    case(
        "scores/summary",
        MERGE,
        scores(*((i, *S) for i in (1, 2, 3)), summary='{"rows": "x"}'),
        "summary.json: rows is 'x'",
    ),
    case("scores/list", MERGE, scores(*((i, *S) for i in (1, 2, 3)), summary="[]"), "no object"),
    case("explained/negative", TRACKS, values(offsets=lambda o: -o), "damaged"),
    case("explained/too_far", TRACKS, values(offsets=lambda o: o * 1000), "damaged"),
    case("explained/no_letters", TRACKS, values(bases=lambda b: b * 0 + 99), "damaged"),
    case("explained/nan", TRACKS, values(values=lambda v: v * np.float32("nan")), "no numbers"),
    case(
        "explained/text",
        TRACKS,
        explained("attributions.tsv", "chr1\t100", "chr1\tx"),
        "column start",
    ),
    case(
        "explained/other_place",
        TRACKS,
        explained("attributions.tsv", "chr1\t100", "chr1\t150"),
        "not those of the regions",
    ),
    case(
        "explained/summary",
        TRACKS,
        explained("summary.json", '"settings"', '"settnigs"'),
        "settings is missing",
    ),
    case("held_out/neither", OF_TEST, "", "--model and --calibrated were not given"),
    case("held_out/none", OF_TEST + " --calibrated {here}", "", "there is no held_out.tsv"),
    case(
        "held_out/no_baselines",
        OF_TEST + " --model {good}/model --baseline-scores {here}",
        "",
        "baselines.json",
        "no such file",
    ),
    case(
        "held_out/baselines",
        "baselines --extracted {good}/cell --splits {good}/splits.tsv --baselines luck --out {out}",
        "",
        "the baseline 'luck' is not known",
    ),
    case("held_out/model", TOGETHER.replace(" --bootstrap 10", ""), "", "not a model folder"),
    case("held_out/no_folds", "ensemble {here} {good} --out {out}", "", "there is no held_out.tsv"),
    case("checks/none", CHECKS, None, "attributions.tsv", "no such file"),
    case("checks/nan", CHECKS, values(values=lambda v: v * np.float32("nan")), "no numbers"),
    case(
        "checks/other_model",
        CHECKS,
        _other_logits,
        "with this model",
        "that they were made with",
    ),
    case(
        "checks/method",
        CHECKS,
        explained("summary.json", '"saliency"', '"guessing"'),
        "settings: guessing is no method",
        "run `seformer explain` again",
    ),
]

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


# ------------------------------------------------------------------------- parameters

SOUND = PREDICT.replace("{here}", "{good}")
FULL = (
    STAGE_1.replace("finetune-head", "finetune-full").replace("--head-", "--")
    + " --model {good}/model"
)
ALL_OF_IT = PRETRAIN.replace(" --regions {here}/%s", "")
PRETRAINING = [
    case("pretrain/empty.bed", PRETRAIN, "", "has no regions"),
    case(
        "pretrain/short.bed", PRETRAIN, row("chr1", 0, 20), "nothing to pre-train on", "too short"
    ),
    case("pretrain/elsewhere.bed", PRETRAIN, row("chr99", 0, 900), "no chromosome of this file"),
    case("pretrain/past.bed", PRETRAIN, row("chr1", 0, 9999), "passes the end of chr1"),
    case(
        "pretrain/held_out.bed",
        PRETRAIN + " --test-chromosomes chr1",
        row("chr1", 0, 5000),
        "all of it is left out",
    ),
    case(
        "pretrain/not_there",
        ALL_OF_IT + " --test-chromosomes chr99",
        None,
        "chr99 is not in the genome",
        "some of chr1",
    ),
    case(
        "pretrain/splits_and_names",
        ALL_OF_IT + " --splits {good}/splits.tsv --test-chromosomes chr1",
        None,
        "both given",
    ),
    case(
        "pretrain/nothing_and_splits",
        ALL_OF_IT + " --leave-out nothing --splits {good}/splits.tsv",
        None,
        "--leave-out nothing",
    ),
    case(
        "pretrain/splits_of_another.tsv",
        ALL_OF_IT + " --splits {here}/%s",
        row("chrom", "start", "end", "split") + row("chrX", 1, 9, "test"),
        "chrX is not in the genome",
    ),
    case("pretrain/no_splits.tsv", ALL_OF_IT + " --splits {here}/%s", row("a", "b"), "Expected"),
    case("pretrain/share", ALL_OF_IT + " --mask-share 1", None, "--mask-share"),
    case("pretrain/window", ALL_OF_IT + " --window 4000", None, "context of 3072"),
    case("pretrain/no_model", ALL_OF_IT.replace("tiny", "teeny"), None, "did you mean tiny"),
    case(
        "pretrain/no_encoder",
        ALL_OF_IT.replace("tiny", "{here}"),
        None,
        "config.json",
    ),
]
PARAMETERS = [
    case("option/unknown", SOUND + " --treshold 1", None, "No such option"),
    case("option/no_command", "predcit --out {out}", None, "No such command"),
    case("option/missing", "predict --out {out}", None, "Missing option"),
    case("option/prevalence", SOUND + " --prevalence 2", None, "--prevalence 2"),
    case("option/prevalence_nan", SOUND + " --prevalence nan", None, "--prevalence nan"),
    case("option/batch", SOUND + " --batch-tokens 0", None, "--batch-tokens"),
    case("option/device", SOUND + " --device quantum", None, "quantum"),
    case("option/invalid", SOUND + " --invalid-regions ignore", None, "ignore", "error or drop"),
    case("option/both", SOUND + " --extracted {good}/cell", None, "either"),
    case("option/seed", "simulate --out {out} --seed -1", None, "--seed"),
    case("option/size", "simulate --out {out} --size huge", None, "huge"),
    case("option/rate_nan", FULL + " --learning-rate nan", None, "learning rate"),
    case("option/rate_negative", FULL + " --learning-rate -1", None, "learning rate"),
    case("option/rate_zero", FULL + " --learning-rate 0", None, "learning rate"),
    case("option/epochs", FULL.replace("--epochs 1", "--epochs 0"), None, "--epochs"),
    case("option/fp16", FULL + " --precision fp16", None, "fp16 needs a GPU"),
    case(
        "option/sample",
        TRAIN.replace("{here}/%s", "{good}/all.csv") + " --sample ../x",
        None,
        "cannot name a sample",
    ),
    case(
        "option/sample_line",
        TRAIN.replace("{here}/%s", "{good}/all.csv") + " --sample a\u2028b",
        None,
        "cannot name a sample",
    ),
    case("option/fractions", SPLIT + "--test-fraction 0.9 --validation-fraction 0.9", None, "0.9"),
    case("option/folds", SPLIT + "--folds 1000000", None, "--folds 1000000", "fewer folds"),
    case("option/fraction_nan", SPLIT + "--test-fraction nan", None, "nan"),
    case("option/chromosome", SPLIT + "--test-chromosomes chr99", None, "chr99"),
    case(
        "option/both_parts",
        SPLIT + "--test-chromosomes chr1 --validation-chromosomes chr1",
        None,
        "for test and for validation",
    ),
    case("option/threads", SOUND + " --threads 99999999", None, "--threads"),
    case("option/out_empty", SOUND.replace("--out {out}", "--out="), None, "it is empty"),
    case("option/file_empty", SOUND + " --gtf=", None, "'--gtf': it is empty"),
    case(
        "option/model_empty", SOUND.replace("--model {good}/model", "--model="), None, "'--model'"
    ),
    case("option/argument_empty", "pool {good}/cell --ensemble= --out {out}", None, "it is empty"),
    case("option/out_is_a_file", SOUND.replace("{out}", "{good}/genome.fa"), None, "genome.fa"),
    case(
        "option/out_below_a_file",
        SOUND.replace("{out}", "{good}/genome.fa/x"),
        None,
        "cannot be written here",
    ),
    case("option/out_no_place", SOUND.replace("{out}", "/proc/x/y"), None, "cannot be written"),
]

CASES: list[Case] = [
    *REGIONS,
    *GENOMES,
    *MODELS,
    *ARCHIVES,
    *SHARDS,
    *OTHER,
    *PRETRAINING,
    *PARAMETERS,
]


# ------------------------------------------------------------------------- making


def good(folder: Path) -> None:
    """Sound inputs: a genome, labelled regions, an extracted folder, splits, a random model."""
    import torch

    from seformer.model.backbones import random_backbone
    from seformer.model.backbones.base import Origin
    from seformer.model.backbones.presets import PRESETS, preset_tokenizer
    from seformer.model.folder import new_model, save_model

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    genome = {f"chr{i}": "".join(random.choice(list("ACGT"), 9_000)) for i in range(1, 7)}
    (folder / "genome.fa").write_text(fasta_text(genome))
    places = [(chrom, start, start + 300) for chrom in genome for start in range(100, 8_500, 700)]
    (folder / "all.bed").write_text("".join(row(*place) for place in places))
    labelled = [",".join(map(str, (*p, "YES" if i % 3 else "NO"))) for i, p in enumerate(places)]
    (folder / "few.bed").write_text("".join(row(*place) for place in places[:3]))
    base = genome["chr1"][199]
    other = "A" if base != "A" else "C"
    variant = row("chr1", 200, ".", base, other, ".", ".", ".")
    (folder / "few.vcf").write_text(VCF_HEAD + VCF_COLUMNS + variant)
    (folder / "all.csv").write_text(DEEPSE + "\n".join(labelled) + "\n")
    values = [(*place, float(number)) for number, place in enumerate(places)]
    track = pybigtools.open(str(folder / "signal.bw"), "w")
    track.write(dict.fromkeys(genome, 9_000), values)
    (folder / "se.bed").write_text("".join(row(*p) for p in places[::2]))
    (folder / "te.bed").write_text("".join(row(*p) for p in places[1::2]))
    settings = PRESETS["tiny"] | {
        "k": 3,
        "stride": 3,
        "vocab_size": 69,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "intermediate_size": 32,
        "max_position_embeddings": 66,
    }
    origin = Origin("tiny", "preset", None, "kmer")
    backbone = random_backbone(settings, seed=1)
    torch.manual_seed(1)
    model = new_model(
        backbone, preset_tokenizer(settings), origin, device=torch.device("cpu"), window=66
    )
    save_model(model, folder / "model")


def make(one: Case, folder: Path, sound: Path) -> None:
    """Write the input of a case into ``folder``."""
    folder.mkdir(parents=True)
    if isinstance(one.content, bytes):
        (folder / one.file).write_bytes(one.content)
    elif one.content is not None:
        one.content(folder, sound)


def expected() -> str:
    rows = ["case\tcommand\tmessage"]
    rows += [f"{one.name}\tseformer {one.command}\t{' … '.join(one.message)}" for one in CASES]
    return "\n".join(rows).replace("\u2028", "\\u2028") + "\n"


def main() -> int:
    """Write the table of all cases beside this script."""
    (HERE / EXPECTED).write_text(expected(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
