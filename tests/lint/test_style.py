"""The code keeps to its style, and the pipeline to Nextflow's strict syntax."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("how", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff(how):
    run(sys.executable, "-m", "ruff", *how, "--no-cache", "bin", "benchmarks", "tests")


def test_strict_syntax_of_nextflow():
    if not list(ROOT.glob(".venv/share/nextflow/nf-lang-*.jar")):
        pytest.skip("the parser of Nextflow's language is not here: scripts/setup.sh fetches it")
    run("scripts/lint_nextflow.sh")


@pytest.mark.parametrize(
    "script", sorted([*ROOT.glob("scripts/*.sh"), *ROOT.glob("tests/**/*.sh"), ROOT / ".ci/run"])
)
def test_scripts_parse_and_can_be_run(script):
    run("bash", "-n", str(script))
    assert script.stat().st_mode & 0o111, "not executable"


@pytest.mark.parametrize("path", sorted(ROOT.glob("containers/*.lock")), ids=lambda p: p.name)
def test_lock_names_no_host(path):
    lock = path.read_text()
    assert "://" not in lock and "--" not in lock
    assert all("==" in line for line in lock.splitlines() if line.strip())


def test_no_braces_that_nf_core_takes_for_its_template():
    """nf-core's lint, a test of systems, refuses them: said here, within a second."""
    left_out = yaml.safe_load((ROOT / ".nf-core.yml").read_text())["lint"]["template_strings"]
    rooms = ("bin", "lib", "modules", "scripts", "tests")
    files = [p for room in rooms for p in (ROOT / room).rglob("*.*")]
    files = [path for path in files if str(path.relative_to(ROOT)) not in left_out]
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in files
        if path.suffix in {".py", ".sh", ".nf", ".groovy", ".toml"}
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\{\{[^:}]*\}\}", line)
    ]
    assert not lines


def test_closures_of_workflows_name_what_they_take():
    """The strict parser of Nextflow 25.04 ends with an error at `it`, which no lint says."""
    files = [
        ROOT / "main.nf",
        *(p for r in ("workflows", "subworkflows") for p in ROOT.glob(f"{r}/**/*.nf")),
    ]
    named = [path.name for path in files if re.search(r"\{ *it *->", path.read_text())]
    assert not named
