"""Every process is described beside it as it is."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULES = sorted(ROOT.glob("modules/local/*"))


def section(text: str, name: str, end: str) -> list[str]:
    body = text[text.index(f"    {name}:") : text.index(f"    {end}:")]
    return body.splitlines()[1:]


def described(entries: list[dict]) -> list[str]:
    return [name for entry in entries for name in entry]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_inputs_and_outputs_are_described(module):
    text = (module / "main.nf").read_text()
    meta = yaml.safe_load((module / "meta.yml").read_text())
    assert re.search(r"process (\w+)", text)[1].lower() == meta["name"] == module.name
    inputs = [
        name
        for line in section(text, "input", "output")
        for name in re.findall(r"\b(?:val|path)[ (](\w+)", line)
    ]
    assert described(meta["input"]) == inputs
    outputs = re.findall(r"emit: (\w+)", "\n".join(section(text, "output", "script")))
    assert described(meta["output"]) == outputs


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_process_can_be_tried_without_work(module):
    text = (module / "main.nf").read_text()
    assert "    stub:" in text
    assert "topic: versions" in text and "task.ext.args" in text
