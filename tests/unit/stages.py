"""Every stage as a command, run under limits or stopped on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from corpus import listing, run

from seformer import files

QUICK = "--device cpu --threads 1"
TRAINING = "--extracted {good}/cell --splits {good}/splits.tsv"
STAGES = {
    "simulate": "simulate --out {out}",
    "index": "index --fasta {good}/genome.fa --out {out}",
    "extract": "extract --fasta {good}/genome.fa --regions {good}/all.csv --out {out}",
    "split": "split --extracted {good}/cell --out {out}",
    "finetune-head": f"finetune-head --model tiny {TRAINING} --out {{out}} --head-epochs 1 {QUICK}",
    "finetune-full": f"finetune-full --model {{good}}/model {TRAINING} --out {{out}} --epochs 2"
    f" --checkpoints {{out}}-checkpoints --checkpoint-minutes 0 {QUICK}",
    "evaluate": f"evaluate --model {{good}}/model {TRAINING} --out {{out}} --bootstrap 10 {QUICK}",
    "predict": "predict --model {good}/model --fasta {good}/genome.fa --regions {good}/all.bed"
    f" --out {{out}} {QUICK}",
    "explain": "explain --model {good}/model --fasta {good}/genome.fa --regions {good}/few.bed"
    f" --out {{out}} --faithfulness 0 --max-steps 8 {QUICK}",
    "variants": "variants --model {good}/model --fasta {good}/genome.fa --vcf {good}/few.vcf"
    f" --out {{out}} {QUICK}",
    "report": "report {good}/results --out {out}",
    "pack": "pack --model {good}/model --archive {out}",
}
# files that hold no times
SAME = (".tsv", ".bed", ".gz", ".safetensors", ".fa", ".fai")


def words(stage: str, good: Path, out: Path) -> list[str]:
    """The command line of a stage; ``good`` is what `corpus.sound_inputs` made."""
    return [word.format(good=good, out=out) for word in STAGES[stage].split()]


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
    return _found(out)


def _found(out: Path) -> dict[str, str]:
    if out.is_file():
        return {"": files.sha256(out)}
    return {k: v for k, v in listing(out).items() if k.endswith(SAME) and "history" not in k}


def check_after(stage: str, status: int, good: Path, out: Path, whole: dict[str, str]) -> None:
    """Whole and right, or not there; and the next run makes it."""
    if status and out.exists():
        # it was stopped after its result had come, which then is whole
        assert _found(out) == whole, f"{stage} ended with {status} and left a part"
    if status:
        assert run(words(stage, good, out)) == 0
    assert _found(out) == whole
