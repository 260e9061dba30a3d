"""Systems that runs are tried on. What cannot be had here is skipped, and says why.

Starting a system and building images is mostly waiting for downloads: it begins with the tests, and
goes on beside those that need none of it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from galaxy_server import (
    Served,
    install_planemo,
    serve_in_docker,
    serve_plain,
)
from runs import DEMO, IMAGES, OFFLINE, ROOT, UNNAMED, Run, possible, run

AHEAD: dict[str, Future] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on systems come last, of these the ones that need images, and what Galaxy has shown."""

    def place(item: pytest.Item) -> int:
        galaxy = needs(item, "galaxy") or needs(item, "galaxy_docker")
        return (Path(__file__).parent in item.path.parents) + needs(item, "images") + 2 * galaxy

    items.sort(key=place)


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    systems = {"docker": start_docker, "images": build_images, "slurm": start_slurm}
    servers = {"planemo": install_planemo, "galaxy": start_galaxy, "galaxy_docker": start_jobs}
    # one after another: systems may install packages, and one server is enough for a machine. A
    # server takes what the tests leave of the processors: their course is what has to end first
    for works, niceness in ((systems, 0), (servers, 5)):
        worker = ThreadPoolExecutor(1, initializer=os.nice, initargs=(niceness,))
        for name, work in works.items():
            if any(needs(item, name) for item in session.items):
                AHEAD[name] = worker.submit(work)
        worker.shutdown(wait=False)


def needs(item: pytest.Item, name: str) -> bool:
    return name in getattr(item, "fixturenames", ())


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


def start_docker() -> None:
    if not possible("docker", "info"):
        start("docker-up.sh")


def start_slurm() -> dict[str, str] | None:
    """Return the environment that the commands of a cluster started here need."""
    if possible("sinfo", "-h"):
        return None
    exports = start("slurm-up.sh").split("export ")[1:]
    return dict(line.strip().split("=", 1) for line in exports)


def build_images() -> None:
    """Both images, from a clean clone (layers that are there are taken)."""
    AHEAD["docker"].result()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        for name, dockerfile in IMAGES.items():
            words = ["docker", "build", "--network=host", "--tag", name]
            words += ["--file", f"containers/{dockerfile}", "."]
            done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def start_galaxy() -> Served:
    return serve_plain(AHEAD["planemo"].result())


def start_jobs() -> Served:
    """The same with jobs in containers."""
    AHEAD["images"].result()
    return serve_in_docker()


@pytest.fixture(scope="session")
def docker() -> None:
    """A Docker engine."""
    AHEAD["docker"].result()


@pytest.fixture(scope="session")
def images(docker) -> None:
    """Both images in it."""
    AHEAD["images"].result()


@pytest.fixture(scope="session")
def planemo() -> Path:
    """Galaxy's tool for developers."""
    return AHEAD["planemo"].result()


@pytest.fixture(scope="session")
def galaxy(planemo) -> Served:
    """What a Galaxy server has shown."""
    return AHEAD["galaxy"].result()


@pytest.fixture(scope="session")
def galaxy_docker(images) -> Served:
    """What a Galaxy server has shown whose jobs run in the tools' image."""
    return AHEAD["galaxy_docker"].result()


@pytest.fixture(scope="session")
def slurm() -> Iterator[dict[str, str]]:
    """A SLURM cluster; the environment that its commands need. Stopped again if started here."""
    environment = AHEAD["slurm"].result()
    yield environment or {}
    if environment:
        subprocess.run(["scontrol", "shutdown"], env={**os.environ, **environment}, check=False)


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
    offline = {"NXF_OFFLINE": "true"}
    return run(folder, "test,venv", config=UNNAMED, within=within, environment=offline)
