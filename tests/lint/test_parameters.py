"""The schema, the configuration, the processes and the command line say the same."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import typer

from seformer.cli import build_app

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "nextflow_schema.json").read_text())
GROUPS = [SCHEMA["$defs"][part["$ref"].rsplit("/", 1)[1]] for part in SCHEMA["allOf"]]
PARAMETERS = {name: entry for group in GROUPS for name, entry in group["properties"].items()}
CONFIG = (ROOT / "nextflow.config").read_text()
MODULES = (ROOT / "conf/modules.config").read_text()
COMMAND_OF = {
    "CALL": "call",
    "EXTRACT": "extract",
    "EXTRACT_TO_PREDICT": "extract",
    "EXTRACT_TO_EXPLAIN": "extract",
    "SPLIT": "split",
    "PRETRAIN": "pretrain",
    "FINETUNE_HEAD": "finetune-head",
    "FINETUNE_FULL": "finetune-full",
    "BASELINES": "baselines",
    "CALIBRATE": "calibrate",
    "EVALUATE": "evaluate",
    "ENSEMBLE": "ensemble",
    "POOL": "pool",
    "TRANSFER": "transfer",
    "PREDICT": "predict",
    "MERGE_PREDICTIONS": "merge-predictions",
    "MERGE_ATTRIBUTIONS": "merge-attributions",
    "JUDGE": "judge",
    "EXPLAIN": "explain",
    "FAITHFULNESS": "faithfulness",
    "MOTIFS": "motifs",
    "CUT_VARIANTS": "cut-variants",
    "VARIANTS": "variants",
    "MERGE_VARIANTS": "merge-variants",
    "DISSECT": "dissect",
    "REPORT": "report",
}


def config_defaults() -> dict[str, str]:
    """Return the text of each default of the block `params` in nextflow.config."""
    block = CONFIG[CONFIG.index("params {") : CONFIG.index("\n}")]
    return dict(re.findall(r"^    (\w+) *= (.+)$", block, re.MULTILINE))


def process_options() -> list[tuple[str, str, str]]:
    """Return (process, option, parameter) for each option that modules.config passes on."""
    found = []
    for block in re.split(r"(?=withName: ')", MODULES)[1:]:
        process = re.match(r"withName: '(\w+)'", block)[1]
        if process == "MULTIQC":  # a program of others
            continue
        for option, parameter in re.findall(r"(--[a-z-]+) '?\$\{params\.(\w+)\}", block):
            found.append((process, option, parameter))
        switch = r""""\$\{params\.(\w+)\}"\.toBoolean\(\) \? '(--[a-z-]+)'"""
        for parameter, option in re.findall(switch, block):
            found.append((process, option, parameter))
    return found


@pytest.fixture(scope="module")
def commands() -> dict:
    return typer.main.get_command(build_app()).commands


def test_what_is_written_from_the_settings_is_up_to_date():
    script = [sys.executable, ROOT / "scripts/parameters.py", "--check"]
    assert subprocess.run(script, check=False).returncode == 0, "run scripts/parameters.py"


def test_schema_is_draft_2020_12():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert list(SCHEMA["$defs"]) == [part["$ref"].rsplit("/", 1)[1] for part in SCHEMA["allOf"]]


def test_sample_sheet_schema():
    schema = json.loads((ROOT / "assets/schema_input.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    row = {"sample": "a", "regions": "a.bed"}
    assert validator.is_valid([row])
    assert not validator.is_valid([{"sample": "a", "super_enhancers": "a.bed"}])
    assert not validator.is_valid([row | {"sample": "a b"}])


def test_every_parameter_is_described():
    for name, entry in PARAMETERS.items():
        assert entry["description"].endswith((".", "?")) or "." in entry["description"], name


def test_configuration_and_schema_have_the_same_parameters():
    institutional = {name for name in PARAMETERS if name.startswith("config_profile")}
    assert set(config_defaults()) | institutional == set(PARAMETERS)


def test_configuration_and_schema_have_the_same_defaults():
    computed = {"max_cpus", "max_memory", "trace_report_suffix"}
    for name, text in config_defaults().items():
        if name in computed:
            assert "default" not in PARAMETERS[name]
            continue
        wanted = PARAMETERS[name].get("default")
        value = None if text == "null" else text.strip("'")
        if isinstance(wanted, bool):
            wanted = str(wanted).lower()
        if isinstance(wanted, int | float):
            assert float(value) == float(wanted), name
        else:
            assert value == wanted, name


def test_defaults_are_valid_themselves():
    for group in GROUPS:
        for name, entry in group["properties"].items():
            if "default" in entry:
                jsonschema.validate(entry["default"], entry)
                assert entry["default"] in entry.get("enum", [entry["default"]]), name


def test_every_option_of_a_process_is_one_of_its_command(commands):
    options = process_options()
    assert len(options) > 40
    for process, option, parameter in options:
        assert parameter in PARAMETERS, parameter
        known = {text for entry in commands[COMMAND_OF[process]].params for text in entry.opts}
        assert option in known, f"{process} {option}"


def test_defaults_of_the_pipeline_are_those_of_the_command_line(commands):
    for process, option, parameter in process_options():
        entry = next(e for e in commands[COMMAND_OF[process]].params if option in e.opts)
        ours, theirs = PARAMETERS[parameter].get("default"), entry.default
        if callable(theirs) or option in ("--shard-bases",):
            continue
        theirs = getattr(theirs, "value", theirs)
        assert (ours or None) == (theirs or None), f"--{parameter}: {ours}, {option}: {theirs}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("conf/*.config")), ids=lambda path: path.name)
def test_configuration_takes_parameters_that_are_written_as_text(path):
    """Numbers are passed on as they stand or converted, truth is asked of the text."""
    text = path.read_text()
    allowed = {
        "integer": r"\$\{params\.NAME\}|params\.NAME as (int|long)|params\.NAME \? (\"--|params)",
        "number": r"\$\{params\.NAME\}|params\.NAME \? \"--",
        "boolean": r'"\$\{params\.NAME\}"\.toBoolean\(\)',
    }
    for name, entry in PARAMETERS.items():
        if form := allowed.get(str(entry["type"])):
            left = re.sub(form.replace("NAME", name), "", text)
            assert not re.search(rf"params\.{name}\b", left), name


def test_text_that_reaches_a_command_line_has_a_form():
    for _process, _option, parameter in process_options():
        entry = PARAMETERS[parameter]
        if entry["type"] == "string":
            assert "pattern" in entry or "enum" in entry, parameter


@pytest.mark.parametrize("module", sorted(ROOT.glob("modules/local/*/main.nf")))
def test_modules_are_complete(module):
    text = module.read_text()
    for part in ("process ", "label '", "stub:", "topic: versions", "task.ext.args"):
        assert part in text, part
    assert (module.parent / "meta.yml").is_file()
    for executable in re.findall(r"^    (seformer-[a-z-]+)", text, re.MULTILINE):
        assert (ROOT / "bin" / executable).stat().st_mode & 0o111
