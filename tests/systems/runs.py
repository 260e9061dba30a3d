"""Whole runs on the systems that people have, and what they leave."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from published import write_published

from seformer.util.tables import read_tsv

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"
# what takes time without showing more: shuffles, baselines that are trained, many resamples
SHORT = ("--explain_references", 1, "--explain_faithfulness", 0)
SHORT += ("--baselines", "length,gc", "--head_epochs", 2, "--bootstrap", 20)
# read by whoever runs it; a container is given the place that all inputs have in common, not /tmp
FOLDER = tempfile.TemporaryDirectory(prefix="seformer_systems_", ignore_cleanup_errors=True)
PLACE = Path(FOLDER.name)
PLACE.chmod(0o755)
# before any test changes it
ENVIRONMENT = dict(os.environ)
# one run that names motifs is enough
UNNAMED = "params.motifs = null\n"
# scores of one model on one machine, whatever runs it
TOLERANCE = 1e-6
IMAGES = {"seformer:1.0.0": "Dockerfile", "seformer-multiqc:1.0.0": "multiqc.Dockerfile"}
(BASE,) = {
    re.search(r"^ARG BASE=(\S+)", (ROOT / "containers" / name).read_text(), re.M)[1]
    for name in IMAGES.values()
}
# a place without any interface to a network
OFFLINE = ("unshare", "--map-root-user", "--net")


class Run(NamedTuple):
    """A run that has ended: its folder (results in ``results``) and what it has said."""

    folder: Path
    said: str

    @property
    def sample(self) -> Path:
        return self.folder / "results" / "simulated"

    def tasks(self) -> dict[str, dict[str, str]]:
        """Return each task of the last trace by its name, the last attempt where there are more."""
        trace = max(self.folder.glob("results/pipeline_info/execution_trace_*.txt"))
        with open(trace) as handle:
            return {row["name"]: row for row in csv.DictReader(handle, delimiter="\t")}

    def statuses(self) -> set[str]:
        return {row["status"] for row in self.tasks().values()}

    def command_file(self, process: str, name: str) -> str:
        """Return ``name`` (such as .command.run) of a process's last task."""
        (row,) = [row for task, row in self.tasks().items() if f":{process} " in f"{task} "]
        (folder,) = (self.folder / "work").glob(f"{row['hash']}*")
        return (folder / name).read_text()


def possible(*words: str) -> bool:
    """Whether a command works on this machine."""
    return (
        shutil.which(words[0]) is not None
        and not subprocess.run(words, capture_output=True, check=False).returncode
    )


def docker_is_whole() -> bool:
    """Whether an engine runs that has what the images are built on, or is left to fetch it.

    Where scripts start the systems there may be no registry: the engine's script makes the base.
    """
    if not possible("docker", "info"):
        return False
    return "SEFORMER_FIXTURES" not in os.environ or possible("docker", "image", "inspect", BASE)


@cache
def backbone() -> tuple[object, ...]:
    """A ModernBERT-DNA in small, without real data the profile's preset; as long in stage 2.

    An epoch of the first takes a third of a second: some seconds are wanted to be preempted in.
    """
    folder = write_published("modernbert_dna", PLACE / "modernbert_dna")
    if folder is None:
        return ("--epochs", 2)
    return ("--model", folder, "--window", 128, "--epochs", 10, "--patience", 10)


def command(profile: str, *options: object, root: Path = ROOT, config: Path | None = None):
    """Return the command line of a run on the demo's data."""
    words: list[object] = [root / "scripts/nextflow.sh"]
    words += ["-c", config] if config else []
    words += ["run", root, "-profile", profile, "-ansi-log", "false"]
    given = () if "--trained_model" in options else backbone()
    return list(map(str, [*words, "--outdir", "results", *SHORT, *given, *options]))


def run(
    name: str,
    profile: str,
    *options: object,
    root: Path = ROOT,
    config: str = "",
    within: Sequence[str] = (),
    environment: dict[str, str] | None = None,
) -> Run:
    """Run the pipeline in a folder of this name, and see it succeed.

    Parameters
    ----------
    config
        Nextflow settings that this machine needs, given with ``-c``.
    within
        A command in front, such as ``unshare --net``.
    """
    folder = PLACE / name
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [*within, *command(profile, *options, root=root, config=write(folder, config))],
        cwd=folder,
        env=ENVIRONMENT | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    return Run(folder, said)


def write(folder: Path, config: str) -> Path | None:
    """Write settings as a file for ``-c``, beside the folder: what is in it is the run's own."""
    if not config:
        return None
    path = folder.with_name(f"{folder.name}.config")
    path.write_text(config)
    return path


def assert_complete(run: Run) -> None:
    """A run from regions to report."""
    for name in (
        "model/model.safetensors",
        "metrics.json",
        "predictions/to_score.tsv",
        "attributions/to_explain.bw",
    ):
        assert (run.sample / name).stat().st_size, name
    assert (run.folder / "results/multiqc/multiqc_report.html").stat().st_size > 100_000


def assert_same_scores(one: Run, two: Run) -> None:
    """Every score of the two runs is the same: training, prediction and explanation."""
    for name in (
        "test_predictions.tsv",
        "predictions/to_score.tsv",
        "attributions/to_explain.tsv",
    ):
        here, there = (read_tsv(run.sample / name)["logit"] for run in (one, two))
        assert len(here) == len(there) > 0
        np.testing.assert_allclose(there, here, rtol=0, atol=TOLERANCE, err_msg=name)
