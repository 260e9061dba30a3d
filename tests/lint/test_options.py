"""Every option that a message, a help text or a page names is there."""

import ast
import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from seformer.cli import COMMANDS, build_app

ROOT = Path(__file__).parents[2]
# of other programs, and of no command
OTHERS = {"--vcf", "--help", "--version", "--config", "--account", "--gres"}
# not a variable of a style sheet
OPTION = re.compile(r"(?<![\w(-])--(?!bs-)[a-z][a-z_-]*[a-z]\b")


def known() -> set[str]:
    """All options of all commands, and all parameters of the pipeline."""
    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    found = {f"--{name}" for group in schema["$defs"].values() for name in group["properties"]}
    pending = [typer.main.get_command(build_app())]
    while pending:
        command = pending.pop()
        pending += getattr(command, "commands", {}).values()
        found |= {text for entry in command.params for text in (*entry.opts, *entry.secondary_opts)}
    return found | OTHERS


def texts() -> list[tuple[str, str]]:
    """File and text of all that may be a message, of the package and of the pipeline."""
    found = []
    for path in sorted(ROOT.glob("bin/seformer/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append((path.name, node.value))
    for path in [*sorted(ROOT.glob("lib/*.groovy")), ROOT / "nextflow_schema.json"]:
        found.append((path.name, path.read_text()))
    return found


def test_options_that_messages_name_are_there():
    there = known()
    missing = {(f, o) for f, text in texts() for o in OPTION.findall(text) if o not in there}
    assert not missing


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_every_option_whole_at_80_columns(name):
    """And every word of what it says: text in square brackets is no markup."""
    command = typer.main.get_command(build_app()).commands[name]
    done = CliRunner().invoke(build_app(), [name, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    said = re.split(r"[\s│]+", done.stdout)
    for entry in command.params:
        assert {option for option in entry.opts if option.startswith("-")} <= {*said}
        for words in (getattr(entry, "help", None) or "").split():
            # a long word is cut where the column ends
            assert words in said or len(words) > 20, words
