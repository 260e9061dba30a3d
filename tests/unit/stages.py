"""Every stage as a command, run under limits or stopped on the way."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from corpus import listing, run

from seformer.util.text import sha256

QUICK = "--device cpu --threads 1"
TRAINING = "--extracted {good}/cell --splits {good}/splits.tsv"
STAGES = {
    "simulate": "simulate --out {out}",
    "index": "index --fasta {good}/genome.fa --out {out}",
    "extract": "extract --fasta {good}/genome.fa --regions {good}/all.csv --out {out}",
    "split": "split --extracted {good}/cell --out {out}",
    "pretrain": f"pretrain --model tiny --fasta {{good}}/genome.fa --splits {{good}}/splits.tsv"
    f" --out {{out}} --steps 2 --checkpoints {{out}}-checkpoints --checkpoint-minutes 0 {QUICK}",
    "finetune-head": f"finetune-head --model tiny {TRAINING} --out {{out}} --head-epochs 1 {QUICK}",
    "finetune-full": f"finetune-full --model {{good}}/model {TRAINING} --out {{out}} --epochs 2"
    f" --checkpoints {{out}}-checkpoints --checkpoint-minutes 0 {QUICK}",
    "evaluate": f"evaluate --model {{good}}/model {TRAINING} --out {{out}} --bootstrap 10 {QUICK}",
    "calibrate": f"calibrate --model {{good}}/model {TRAINING} --out {{out}} {QUICK}",
    "baselines": f"baselines {TRAINING} --baselines gc,composition --out {{out}}",
    "predict": "predict --model {good}/model --fasta {good}/genome.fa --regions {good}/all.bed"
    f" --out {{out}} {QUICK}",
    "explain": "explain --model {good}/model --fasta {good}/genome.fa --regions {good}/few.bed"
    f" --out {{out}} --faithfulness 0 --max-steps 8 {QUICK}",
    "dissect": "dissect --model {good}/model --fasta {good}/genome.fa --regions {good}/few.bed"
    f" --constituents {{good}}/few.bed --out {{out}} --shuffles 1 {QUICK}",
    "variants": "variants --model {good}/model --fasta {good}/genome.fa --vcf {good}/few.vcf"
    f" --null 100 --out {{out}} {QUICK}",
    "cut-variants": "cut-variants --fasta {good}/genome.fa --vcf {good}/few.vcf --null 100"
    " --out {out}",
    "judge": "judge --scores {good}/all.csv --score-column start --fasta {good}/genome.fa"
    " --out {out} --bootstrap 10 --folds 2 --baselines gc",
    "call": "call --peaks {good}/all.bed --signal {good}/signal.bw --stitch 0 --out {out}",
    "agree": "agree --scores {good}/all.csv --score-column start --measured {good}/all.csv"
    " --value-column end --locus-gap 0 --fasta {good}/genome.fa --out {out} --bootstrap 10",
    "report": "report {good}/results --out {out}",
    "pack": "pack --model {good}/model --archive {out}",
    "init": "init {good}/se.bed {good}/te.bed --fasta {good}/genome.fa --out {out}",
}
# these take what other stages made: `made`
LATER = {
    "unpack": "unpack --archive {good}/model.tar --out {out}",
    "pool": f"pool {{good}}/fold_1 {{good}}/fold_2 --out {{out}} --bootstrap 10 {QUICK}",
    "evaluate-apart": f"evaluate --calibrated {{good}}/calibrated {TRAINING} --baseline-scores"
    " {good}/baselines --bootstrap 10 --out {out} --threads 1",
    "ensemble": f"ensemble {{good}}/calibrated_1 {{good}}/calibrated_2 --out {{out}} {QUICK}",
    "transfer": "transfer --model {good}/of_cell/model --model {good}/of_other/model"
    " --extracted {good}/cell --extracted {good}/other --splits {good}/both/cell/splits.tsv"
    f" --splits {{good}}/both/other/splits.tsv --out {{out}} --bootstrap 10 {QUICK}",
    "predict-shard": "predict --model {good}/model --extracted {good}/shards/shard_0001"
    f" --out {{out}} {QUICK}",
    "merge-predictions": "merge-predictions {good}/scores --regions {good}/few.bed --out {out}",
    "variants-shard": "variants --model {good}/model --shard {good}/cut/shard_0001"
    f" --out {{out}} {QUICK}",
    "merge-variants": "merge-variants {good}/scored_variants --fasta {good}/genome.fa"
    " --vcf {good}/few.vcf --null 100 --motifs {good}/motifs.meme --out {out}",
    "merge-attributions": "merge-attributions {good}/explained --fasta {good}/genome.fa"
    " --bedgraph --out {out}",
    "faithfulness": "faithfulness --model {good}/model --attributions {good}/explained"
    f" --faithfulness 1 --out {{out}} {QUICK}",
    "motifs": "motifs --attributions {good}/explained --motifs {good}/motifs.meme --out {out}",
}
# files that hold no times
TABLES = (".tsv", ".bed", ".bedgraph", ".csv", "transfer.json", "_mqc.json")
TIMED = re.compile("history|loss.tsv")
SAME = (*TABLES, ".bw", ".gz", ".safetensors", ".fa", ".fai")
DEMO = Path(__file__).parents[1] / "data/demo"


def words(stage: str, good: Path, out: Path) -> list[str]:
    """The command line of a stage; ``good`` is what `corpus.sound_inputs` made."""
    return [word.format(good=good, out=out) for word in (STAGES | LATER)[stage].split()]


def made(good: Path) -> Path:
    """Add to sound inputs what the stages of `LATER` take."""
    shutil.copyfile(DEMO / "motifs.meme", good / "motifs.meme")
    fasta = ["--fasta", good / "genome.fa"]
    classes = ["--super-enhancers", good / "se.bed", "--typical-enhancers", good / "te.bed"]
    few = [*fasta, "--regions", good / "few.bed", "--unlabelled", "--shard-bases", "1000000"]
    scores = ["--model", good / "model", "--extracted", good / "shards/shard_0001"]
    both = ["--extracted", good / "cell", "--extracted", good / "other"]
    for command in (
        words("pack", good, good / "model.tar"),
        ["extract", *few, "--out", good / "shards"],
        ["predict", *scores, "--out", good / "scores"],
        words("cut-variants", good, good / "cut"),
        words("variants-shard", good, good / "scored_variants"),
        ["extract", *fasta, *classes, "--sample", "other", "--out", good / "other"],
        ["split", *both, "--out", good / "both"],
        ["split", "--extracted", good / "cell", "--folds", "2", "--out", good / "folds"],
        words("calibrate", good, good / "calibrated"),
        words("baselines", good, good / "baselines"),
        calibrated(good, "folds/fold_1/cell", "calibrated_1"),
        calibrated(good, "folds/fold_2/cell", "calibrated_2"),
        evaluated(good, "cell", "folds/fold_1/cell", "fold_1"),
        evaluated(good, "cell", "folds/fold_2/cell", "fold_2"),
        evaluated(good, "cell", "both/cell", "of_cell"),
        evaluated(good, "other", "both/other", "of_other"),
    ):
        assert run(command) == 0
    return good


def calibrated(good: Path, splits: str, out: str) -> list[object]:
    """The command that calibrates the model on a split."""
    data = ["--extracted", good / "cell", "--splits", good / splits / "splits.tsv"]
    model = ["calibrate", "--model", good / "model", "--out", good / out]
    return [*model, *data, *QUICK.split()]


def evaluated(good: Path, sample: str, splits: str, out: str) -> list[object]:
    """The command that evaluates the model on a sample's split."""
    data = ["--extracted", good / sample, "--splits", good / splits / "splits.tsv"]
    model = ["evaluate", "--model", good / "model", "--out", good / out]
    return [*model, *data, "--sample", sample, "--bootstrap", "10", *QUICK.split()]


def limited(arguments: list[str], limits: str, modules: str) -> subprocess.CompletedProcess:
    """Run a command with ``modules`` imported before ``limits`` (Python) are set."""
    program = (
        f"import resource, sys, seformer.cli, {modules}\n{limits}\n"
        "seformer.cli.main(sys.argv[1:])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def file_limit(size: int) -> str:
    """No file may grow beyond ``size`` bytes: what a full disk does, in the middle of a file."""
    return f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"


def interrupted(arguments: list[str], number: signal.Signals, seconds: float) -> int:
    """Start a command, send it a signal after a while, and return its exit status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "seformer.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        return process.wait(60)


def reference(stage: str, good: Path, out: Path) -> dict[str, str]:
    """The files of a run without interruption that do not hold the time it took."""
    assert run(words(stage, good, out)) == 0
    return compared(out)


def compared(out: Path) -> dict[str, str]:
    """The files of a whole result that do not hold the time it took, by their sums."""
    found = _found(out)
    assert found, "there is nothing to compare with"
    return found


def _found(out: Path) -> dict[str, str]:
    if out.is_file():
        return {"": sha256(out)}
    files = listing(out)
    same = {k: v for k, v in files.items() if k.endswith(SAME) and not TIMED.search(k)}
    # a result may be one summary alone, which then holds no time of its own
    return same or files


def check_after(stage: str, status: int, good: Path, out: Path, whole: dict[str, str]) -> None:
    """Whole and right, or not there; and the next run makes it."""
    if status and out.exists():
        # it was stopped after its result had come, which then is whole
        assert _found(out) == whole, f"{stage} ended with {status} and left a part"
    if status:
        assert run(words(stage, good, out)) == 0
    assert _found(out) == whole
