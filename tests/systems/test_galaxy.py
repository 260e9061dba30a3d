"""The tools in Galaxy: planemo's checks; in a server their own tests, a workflow, the scores."""

import re
import subprocess

import pytest
from galaxy_server import GALAXY, PLANTED, Served

TOOLS = sorted(path.name for path in GALAXY.glob("seformer_*.xml"))
NUMBER = {name: len(re.findall("<test ", (GALAXY / name).read_text())) for name in TOOLS}
WORKFLOWS = sorted((GALAXY / "workflows").glob("*.gxwf.yml"))
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


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_lint(planemo, workflow):
    planemo_says(planemo, "workflow_lint", "--fail_level", "error", workflow)


def assert_passed(served: Served, tool: str) -> None:
    """All tests of a tool were run, and passed."""
    name = tool.removesuffix(".xml")
    problems = {test: said for test, said in served.tests.items() if test.startswith(f"{name}/")}
    assert len(problems) == NUMBER[tool], served.said[-3000:]
    assert not any(problems.values()), "\n".join(f"{t}: {s}" for t, s in problems.items() if s)


@pytest.mark.parametrize("tool", TOOLS)
def test_tests_of_the_tool(galaxy, tool):
    assert_passed(galaxy, tool)


@pytest.mark.parametrize("tool", TOOLS)
def test_tests_of_the_tool_in_its_image(galaxy_docker, tool):
    assert_passed(galaxy_docker, tool)


def test_a_planted_expectation_fails(galaxy):
    (said,) = [said for test, said in galaxy.tests.items() if test.startswith(f"{PLANTED}/")]
    assert "planted" in said


@pytest.mark.parametrize(
    "check", ["scores", "hostile_names", "messages", "parameters", "viewers", "workflow"]
)
def test_server(galaxy, check):
    """As tests/galaxy/server_checks.py tells of each."""
    assert galaxy.checks.get(check, "was not made:\n" + galaxy.said[-3000:]) == ""
