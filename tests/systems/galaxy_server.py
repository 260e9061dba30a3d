"""Galaxy servers with the tools of this repository, and what they have shown.

A script in SEFORMER_FIXTURES starts a Galaxy from its Python packages, runs a command of ours
beside it, then every tool's own tests. All of it goes on beside other tests. Once
more with jobs in containers only if SEFORMER_GALAXY_DOCKER is set: it takes long.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from runs import ROOT

GALAXY = ROOT / "galaxy"
DATA = GALAXY / "test-data"
CHECKS = ROOT / "tests/galaxy/server_checks.py"
IMAGE = "seformer-galaxy:1.0.0"
# where the script keeps its Galaxy; planemo's packages would not go with ours either
PLACE = Path(tempfile.gettempdir()) / "galaxy-tool-test"
PLANTED = "seformer_planted"
# by itself every file that is taken in starts Python with all of Galaxy twice, every job once more,
# six seconds of processor each time; Galaxy's own workers, as large servers have them, do it once
WORKERS = {
    "GALAXY_CONFIG_OVERRIDE_ENABLE_CELERY_TASKS": "true",
    "GALAXY_CONFIG_OVERRIDE_METADATA_STRATEGY": "directory_celery",
}
START_WORKERS = """
GALAXY_CONFIG_FILE="$WORK/galaxy.yml" setsid celery --app galaxy.celery worker --concurrency 2 \
    --pool threads --queues celery,galaxy.internal,galaxy.external --loglevel INFO \
    --pidfile "$WORK/celery.pid" > "$WORK/celery.log" 2>&1 &
for second in $(seq 300); do ! grep -q " ready" "$WORK/celery.log" || break; sleep 1; done
grep -q " ready" "$WORK/celery.log" || { tail -n 40 "$WORK/celery.log"; exit 3; }
"""


class Served(NamedTuple):
    """What a server has shown.

    Attributes
    ----------
    tests
        Name of each tool's test -> what was wrong with it, empty if nothing.
    checks
        Name of each check of tests/galaxy/server_checks.py -> the same.
    said
        What the script has printed, with its times.
    """

    tests: dict[str, str]
    checks: dict[str, str]
    said: str


def install_planemo() -> Path:
    """Return planemo, in an environment of its own."""
    planemo = PLACE / "planemo/bin/planemo"
    if not planemo.is_file():
        uv = [Path(sys.executable).with_name("uv"), "--quiet", "--no-cache", "--system-certs"]
        subprocess.run([*uv, "venv", PLACE / "planemo"], check=True)
        words = [*uv, "pip", "install", "--python", PLACE / "planemo", "planemo==0.75.*"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"planemo cannot be installed: {done.stderr.strip()[-300:]}")
    return planemo


def serve_plain(planemo: Path) -> Served:
    """The tools' tests with this environment's seformer; the checks; a test that has to fail."""
    script = starter()
    with tempfile.TemporaryDirectory(prefix="seformer-galaxy") as name:
        folder = Path(name)
        tools = copy_tools(folder)
        plant(tools)
        expected = score_elsewhere(folder)
        words = [CHECKS, "http://127.0.0.1:$PORT", "$KEY", DATA, *expected]
        words += ["--to", folder / "checks", "--planemo", planemo]
        words += ["--workflow", *sorted((tools / "workflows").glob("*.gxwf.yml"))]
        hook = '"$VENV/bin/python" ' + " ".join(f'"{word}"' for word in words)
        bin_folder = Path(sys.executable).parent
        return serve(script, folder, tools, GX_HOOK=hook, GX_TOOL_PATH=str(bin_folder))


def serve_in_docker() -> Served:
    """The tools' tests with every job in a container of the tools' image."""
    if not os.environ.get("SEFORMER_GALAXY_DOCKER"):
        pytest.skip("SEFORMER_GALAXY_DOCKER is not set, with which jobs run in containers")
    script = starter()
    build_image()
    with tempfile.TemporaryDirectory(prefix="seformer-galaxy") as name:
        return serve(script, Path(name), copy_tools(Path(name)), GX_DOCKER="1")


def build_image() -> None:
    """The image of the tools, upon the pipeline's two."""
    words = ["docker", "build", "--network=host", "--tag", IMAGE]
    words += ["--file", "containers/galaxy.Dockerfile", "."]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def copy_tools(folder: Path) -> Path:
    return shutil.copytree(GALAXY, folder / "tools")


def plant(tools: Path) -> None:
    """One more tool, whose test expects what is not there."""
    text = (tools / "seformer_extract.xml").read_text()
    tests = re.findall(r"<test .*?</test>", text, re.DOTALL)
    wrong = tests[1].replace('text="not_matched"', 'text="planted"')
    assert wrong != tests[1]
    text = re.sub(r"<tests>.*</tests>", lambda _: f"<tests>{wrong}</tests>", text, flags=re.DOTALL)
    text = text.replace('id="seformer_extract"', f'id="{PLANTED}"')
    (tools / f"{PLANTED}.xml").write_text(text)


def score_elsewhere(folder: Path) -> Iterable[Path]:
    """Scores of the test regions by the command and by the pipeline: their tables."""
    options = ["--fasta", DATA / "genome.fa.gz"]
    command = [sys.executable, "-m", "seformer.cli", "predict", "--model", DATA / "model.tar"]
    command += [*options, "--regions", DATA / "to_score.bed", "--out", "command"]
    unpack = [sys.executable, "-m", "seformer.cli", "unpack", "--archive", DATA / "model.tar"]
    unpack += ["--out", "toy/model"]
    pipeline = [ROOT / "scripts/nextflow.sh", "run", ROOT, "-profile", "venv", "-ansi-log", "false"]
    pipeline += [*options, "--trained_model", "toy/model", "--predict", DATA / "to_score.bed"]
    pipeline += ["--outdir", "results"]
    for words in (command, unpack, pipeline):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (table,) = folder.glob("results/*/predictions/to_score.tsv")
    return folder / "command/predictions.tsv", table


def starter() -> Path:
    """Return the script that starts a server."""
    if not os.environ.get("SEFORMER_FIXTURES"):
        pytest.skip("SEFORMER_FIXTURES does not name the folder with galaxy-tool-test.sh")
    return Path(os.environ["SEFORMER_FIXTURES"]) / "galaxy-tool-test.sh"


def serve(script: Path, folder: Path, tools: Path, **settings: str) -> Served:
    """Start a server and its workers with ``tools`` in it, run their tests, stop both."""
    settings |= {"GX_WORK": str(folder / "server"), "GX_START_TIMEOUT": "1800", **WORKERS}
    settings["GX_HOOK"] = START_WORKERS + settings.get("GX_HOOK", "")
    try:
        done = subprocess.run(
            ["bash", script, tools],
            env={**os.environ, "OMP_NUM_THREADS": "1", **settings},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        stop_workers(folder / "server/celery.pid")
    said = done.stdout + done.stderr
    if "ready on port" not in said:
        pytest.skip(f"no Galaxy can be had here: {said.strip()[-300:]}")
    results = folder / "server/results.json"
    assert results.is_file(), said[-6000:]
    tests = {test["id"]: problem(test["data"]) for test in json.loads(results.read_text())["tests"]}
    checks = {path.name: path.read_text() for path in (folder / "checks").glob("*")}
    assert not list(folder.rglob("escaped.json")), "a member of an archive got out"
    return Served(tests, checks, said)


def stop_workers(number: Path) -> None:
    """Stop the process whose number a file holds, and all that it has started."""
    with suppress(FileNotFoundError, ProcessLookupError):
        os.killpg(int(number.read_text()), signal.SIGKILL)


def problem(result: dict) -> str:
    """Return what was wrong with a tool's test."""
    if result["status"] == "success":
        return ""
    said = [*result.get("output_problems", ()), result.get("execution_problem", "")]
    return "\n".join([*map(str, said), result.get("job", {}).get("stderr", "")[-2000:]]) or "failed"
