"""Systems that runs are tried on. What cannot be had here is skipped, and says why."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import DEMO, IMAGES, OFFLINE, ROOT, Run, possible, run


def start(name: str) -> str:
    """Start a system by its script in SEFORMER_FIXTURES; return what that prints."""
    folder = os.environ.get("SEFORMER_FIXTURES")
    if not folder:
        pytest.skip("SEFORMER_FIXTURES does not name the folder with the scripts that start it")
    script = Path(folder) / name
    if not script.is_file():
        pytest.skip(f"SEFORMER_FIXTURES has no {name}")
    done = subprocess.run(["bash", script], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{name} could not start it: {(done.stdout + done.stderr).strip()[-300:]}")
    return done.stdout


@pytest.fixture(scope="session")
def docker() -> None:
    """A Docker engine."""
    if not possible("docker", "info"):
        start("docker-up.sh")


@pytest.fixture(scope="session")
def slurm() -> Iterator[dict[str, str]]:
    """A SLURM cluster; the environment that its commands need. Stopped again if started here."""
    if possible("sinfo", "-h"):
        yield {}
        return
    exports = start("slurm-up.sh").split("export ")[1:]
    environment = dict(line.strip().split("=", 1) for line in exports)
    yield environment
    subprocess.run(["scontrol", "shutdown"], env={**os.environ, **environment}, check=False)


@pytest.fixture(scope="session")
def clone(tmp_path_factory) -> Path:
    """A clean clone of the repository."""
    folder = tmp_path_factory.mktemp("clone") / "seformer"
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    return folder


@pytest.fixture(scope="session")
def images(docker, clone) -> None:
    """Both images, built from the clean clone (layers that are there are taken)."""
    for name, dockerfile in IMAGES.items():
        words = [
            "docker",
            "build",
            "--network=host",
            "-t",
            name,
            "-f",
            f"containers/{dockerfile}",
            ".",
        ]
        done = subprocess.run(words, cwd=clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    """What is carried to a machine without network; the images are in the engine already."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    words = [
        ROOT / "scripts/bundle.sh",
        folder,
        "--fasta",
        DEMO / "genome.fa.gz",
        "--images",
        "none",
    ]
    subprocess.run(words, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def reference(tmp_path_factory) -> Run:
    """A run from start to report in the environment of scripts/setup.sh.

    Without a network where that can be had, so that one run shows two things.
    """
    folder = tmp_path_factory.mktemp("venv")
    within = OFFLINE if possible(*OFFLINE, "true") else ()
    return run(folder, "test,venv", within=within, environment={"NXF_OFFLINE": "true"})
