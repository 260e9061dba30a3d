"""The tools for Galaxy: planemo's checks. scripts/test_galaxy.sh runs them in a server."""

import subprocess

import pytest
from galaxy_server import GALAXY

TOOLS = sorted(path.name for path in GALAXY.glob("seformer_*.xml"))
# planemo's other checks; this one asks a server
OFFLINE = ("--fail_level", "warn", "--skip")


def planemo_says(planemo, *words) -> None:
    done = subprocess.run([planemo, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_lint(planemo, tool):
    planemo_says(planemo, "lint", *OFFLINE, "BioToolsValid", GALAXY / tool)


def test_shed_lint(planemo):
    skipped = "BioToolsValid,version_bumped"
    planemo_says(planemo, "shed_lint", "--tools", "--ensure_metadata", *OFFLINE, skipped, GALAXY)


def test_workflow_lint(planemo):
    workflow = GALAXY / "workflows/seformer.gxwf.yml"
    planemo_says(planemo, "workflow_lint", "--fail_level", "error", workflow)
