"""A real SLURM: the demo on it, with stage 2 preempted in the middle."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from beside import beside
from runs import (
    ENVIRONMENT,
    PLACE,
    UNNAMED,
    Run,
    assert_complete,
    assert_same_scores,
    command,
    write,
)

QUICK = "executor { pollInterval = '2 s'; queueStatInterval = '4 s' }\n"
PATIENCE = 600


def queue(environment: dict[str, str], *options: str) -> str:
    words = ["squeue", "--noheader", *options]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout


def jobs(environment: dict[str, str]) -> dict[str, str]:
    """Return the running jobs: name to number."""
    lines = queue(environment, "--states=RUNNING", "--format=%j %i").splitlines()
    return dict(line.split() for line in lines)


def preempt(started: subprocess.Popen, folder: Path, environment: dict[str, str]) -> None:
    end = time.monotonic() + PATIENCE
    while not list(folder.glob("work/checkpoints/*/*/*.safetensors")):
        assert started.poll() is None, (folder / "said").read_text()[-6000:]
        waits = "stage 2 has not begun; jobs, their states and reasons:\n"
        assert time.monotonic() < end, waits + queue(environment, "--format=%j %T %r")
        time.sleep(0.2)
    (number,) = [n for name, n in jobs(environment).items() if "FINETUNE_FULL" in name]
    words = ["scancel", "--signal=TERM", "--full", number]
    subprocess.run(words, env=environment, check=True)


@beside()
def preempted(slurm) -> Run:
    """A run whose stage 2 gets what a preempted job gets, SIGTERM, once it has begun to learn."""
    folder = PLACE / "slurm"
    folder.mkdir()
    environment = ENVIRONMENT | (slurm or {})
    words = command(
        "test,slurm,venv", "--checkpoint_minutes", 0, config=write(folder, QUICK + UNNAMED)
    )
    with open(folder / "said", "w") as said:
        started = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            preempt(started, folder, environment)
            status = started.wait(PATIENCE)
        finally:
            started.terminate()
            started.wait()
            if slurm:
                subprocess.run(["scontrol", "shutdown"], env=environment, check=False)
    text = (folder / "said").read_text()
    assert status == 0, text[-6000:]
    return Run(folder, text)


def test_a_run_from_start_to_report(preempted):
    assert_complete(preempted)
    assert {row["native_id"].isdigit() for row in preempted.tasks().values()} == {True}
    assert "#SBATCH" in preempted.command_file("PREDICT", ".command.run")


def test_the_preempted_task_went_on_from_its_checkpoint(preempted):
    assert "NOTE: Process `SEFORMER:TRAIN:FINETUNE_FULL (simulated)` terminated" in preempted.said
    assert "Re-submitted process > SEFORMER:TRAIN:FINETUNE_FULL (simulated)" in preempted.said
    said = preempted.command_file("FINETUNE_FULL", ".command.err")
    assert "going on from" in said


def test_scores_are_those_of_a_run_without_interruption(preempted, reference):
    assert_same_scores(reference, preempted)
