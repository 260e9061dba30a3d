"""Systems that runs are tried on. What cannot be had here is skipped, and says why.

Starting a system and building images is mostly waiting for downloads: it begins with the tests, and
so do the runs on them, all beside the tests that need none of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from beside import MADE, RUNS, begin, beside, needed, runners, threads
from galaxy_server import Served, install_planemo, serve_in_docker, serve_plain
from runs import (
    DEMO,
    IMAGES,
    OFFLINE,
    PLACE,
    ROOT,
    UNNAMED,
    Run,
    backbone,
    docker_is_whole,
    possible,
    run,
)

# one after another: systems may install packages, and one server is enough for a machine
SYSTEMS, SERVERS = "systems", "servers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on systems come last, of these the ones that need images, and what Galaxy has shown."""

    def place(item: pytest.Item) -> int:
        names = needed(item)
        galaxy = bool(names & {"galaxy", "galaxy_docker"})
        return here(item) + ("images" in names) + 2 * galaxy

    items.sort(key=place)


def pytest_collection_finish(session: pytest.Session) -> None:
    if not session.config.option.collectonly:
        begin(session, {SYSTEMS: threads(SYSTEMS, 1, 0), SERVERS: threads(SERVERS, 1, 5)})


def pytest_runtestloop(session: pytest.Session) -> None:
    """Runs on systems come after those of tests/pipeline: by then the systems have started."""
    if any(map(here, session.items)):
        # before any test begins: random numbers are torch's, which the tests seed as well
        backbone()
    begin(session, {RUNS: runners(session.config)})


def pytest_sessionfinish() -> None:
    """What has not begun is not wanted any more."""
    for made in MADE.values():
        made.cancel()


def here(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents


def start(name: str) -> str:
    """Start a system by its script in SEFORMER_FIXTURES; return what that prints."""
    folder = os.environ.get("SEFORMER_FIXTURES")
    if not folder:
        pytest.skip("SEFORMER_FIXTURES does not name the folder with the scripts that start it")
    script = Path(folder) / name
    if not script.is_file():
        pytest.skip(f"SEFORMER_FIXTURES has no {name}")
    # nproc, by which a system is given its processors, takes this number for the machine's own
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    done = subprocess.run(
        ["bash", script], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{name} could not start it: {(done.stdout + done.stderr).strip()[-300:]}")
    return done.stdout


@beside(SYSTEMS)
def docker() -> None:
    """A Docker engine, with what images are built on."""
    if not docker_is_whole():
        start("docker-up.sh")


@beside(SYSTEMS)
def images(docker) -> None:
    """Both images in it, from a clean clone (layers that are there are taken)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        for name, dockerfile in IMAGES.items():
            words = ["docker", "build", "--network=host", "--tag", name]
            words += ["--file", f"containers/{dockerfile}", "."]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@beside(SYSTEMS)
def slurm() -> dict[str, str] | None:
    """A SLURM cluster; the environment that the commands of one started here need."""
    if possible("sinfo", "-h"):
        return None
    exports = start("slurm-up.sh").split("export ")[1:]
    return dict(line.strip().split("=", 1) for line in exports)


@beside(SERVERS)
def planemo() -> Path:
    """Galaxy's tool for developers."""
    return install_planemo()


@beside(SERVERS)
def galaxy(planemo) -> Served:
    """What a Galaxy server has shown."""
    return serve_plain(planemo)


@beside(SERVERS)
def galaxy_docker(images) -> Served:
    """What a Galaxy server has shown whose jobs run in the tools' image."""
    return serve_in_docker()


@beside()
def bundle() -> Path:
    """What is carried to a machine without network; the images are in the engine already."""
    folder = PLACE / "bundle"
    words = [ROOT / "scripts/bundle.sh", folder, "--fasta", DEMO / "genome.fa.gz"]
    subprocess.run([*words, "--images", "none"], check=True, capture_output=True)
    return folder


@beside()
def reference() -> Run:
    """A run from start to report in the environment of scripts/setup.sh.

    Without a network where that can be had, so that one run shows two things.
    """
    within = OFFLINE if possible(*OFFLINE, "true") else ()
    offline = {"NXF_OFFLINE": "true"}
    return run("reference", "test,venv", config=UNNAMED, within=within, environment=offline)
