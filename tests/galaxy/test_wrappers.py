"""The Galaxy tools agree with the command; tests/systems/test_galaxy.py runs them in a server."""

from __future__ import annotations

import importlib
import inspect
import re
import runpy
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml
from pydantic.fields import FieldInfo

import seformer
from seformer import cli
from seformer.evaluation.baselines import BASELINES
from seformer.model import archive
from seformer.util.errors import UserError
from seformer.util.settings import Settings, bounds_of, choices_of, fields_of, option_of

GALAXY = Path(__file__).parents[2] / "galaxy"
MACROS = ET.parse(GALAXY / "macros.xml").getroot()
TOOLS = {
    path.stem: ET.parse(path).getroot()
    for path in sorted(GALAXY.glob("*.xml"))
    if path.name != "macros.xml"
}
TOKENS = {token.get("name"): token.text or "" for token in MACROS.findall("token")}
WORKFLOWS = sorted((GALAXY / "workflows").glob("*.gxwf.yml"))
MAX_TEST_DATA = 1_000_000


def expanded(root: ET.Element, parts: dict[str | None, ET.Element] | None = None) -> ET.Element:
    """Copy ``root`` with its macros put in; ``parts`` are what the macro's yields stand for."""
    copy, parts = ET.Element(root.tag, root.attrib), parts or {}
    for child in root:
        if child.tag == "expand":
            macro = MACROS.find(f"xml[@name='{child.get('macro')}']")
            assert macro is not None, child.get("macro")
            given = {token.get("name"): token for token in child.findall("token")}
            copy.extend(expanded(macro, given | {None: child}))
        elif child.tag == "yield":
            copy.extend(expanded(parts[name]) if (name := child.get("name")) in parts else ())
        elif not (root.tag == "expand" and child.tag == "token"):
            copy.append(expanded(child, parts))
    return copy


def elements(root: ET.Element) -> Iterator[ET.Element]:
    """All elements below ``root``, those of the macros it expands too."""
    return (element for child in expanded(root) for element in child.iter())


def command_text(tool: ET.Element) -> str:
    text = tool.findtext("command")
    while found := re.search(r"@[A-Z_]+@", text):
        text = text.replace(found[0], TOKENS[found[0]])
    return text


def steps(tool: ET.Element) -> list[tuple[str, list[str]]]:
    """Each call of `seformer` in a tool's command: the subcommand and its options."""
    calls = re.findall(
        r"(?<![\w$'])seformer ([a-z][\w-]*)(.*?)(?=&&|;|\Z)", command_text(tool), re.S
    )
    return [(verb, re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)) for verb, rest in calls]


def options(verb: str) -> dict[str, typer.core.TyperOption]:
    command = typer.main.get_command(cli.build_app()).commands[verb]
    return {name: option for option in command.params for name in option.opts}


def fields(verb: str) -> dict[str, FieldInfo]:
    """The settings of a command, by option."""
    module = importlib.import_module(f"seformer.commands.{verb.replace('-', '_')}")
    function = getattr(module.command, "__wrapped__", module.command)
    kinds = [p.annotation for p in inspect.signature(function, eval_str=True).parameters.values()]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)]
    return {
        str(option_of(name, field)): field
        for kind in kinds
        for name, field in fields_of(kind).items()
    }


def test_the_tools_are_these():
    verbs = ("call", "extract", "finetune", "predict", "explain", "dissect", "variants", "judge")
    wanted = {f"seformer_{verb}" for verb in verbs}
    assert set(TOOLS) == wanted == {tool.get("id") for tool in TOOLS.values()}
    # and the administrator's list has them all
    page = (GALAXY.parent / "docs/galaxy.md").read_text()
    assert set(re.findall(r'<tool file="seformer/(\w+)\.xml"/>', page)) == wanted


@pytest.mark.parametrize("name", TOOLS)
def test_every_option_exists(name):
    called = steps(TOOLS[name])
    assert called
    for verb, given in called:
        known = options(verb)
        assert set(given) <= set(known), f"seformer {verb}"
        needed = {o.opts[0] for o in known.values() if o.required and o.opts[0].startswith("--")}
        assert needed <= set(given), f"seformer {verb}"


@pytest.mark.parametrize("name", TOOLS)
def test_every_parameter_is_an_option_and_is_used(name):
    """`argument` names an option of the tool's commands, with the same choices and default."""
    known = {}
    for verb, _ in steps(TOOLS[name]):
        known |= options(verb)
    text = command_text(TOOLS[name])
    for param in elements(TOOLS[name].find("inputs")):
        argument = param.get("argument")
        if argument is None:
            continue
        assert argument in known, argument
        used = param.get("name") or argument.removeprefix("--").replace("-", "_")
        assert re.search(rf"[.$]{{?({used})\b", text), f"{argument} is never used"
        default = known[argument].default
        if param.get("type") in ("integer", "float") and default is not None:
            assert float(param.get("value")) == float(default), argument
        chosen = param.find("option[@selected='true']")
        if chosen is not None and default is not None and argument != "--model":
            assert chosen.get("value") == str(getattr(default, "value", default)), argument
        if argument == "--baselines":
            offered = {option.get("value") for option in param.findall("option")}
            # the random twin is trained: only where there is a training
            assert offered == {
                name for name, b in BASELINES.items() if b.fit or "--random-twin" in known
            }


@pytest.mark.parametrize("name", TOOLS)
def test_bounds_and_choices_are_those_of_the_settings(name):
    """A tool may allow less than the command, never more."""
    known = {}
    for verb, _ in steps(TOOLS[name]):
        known |= fields(verb)
    looked_at = 0
    for param in elements(TOOLS[name].find("inputs")):
        if (field := known.get(param.get("argument"))) is None:
            continue
        looked_at += 1
        bounds = bounds_of(field)
        for low in {"ge", "gt"} & bounds.keys():
            assert float(param.get("min")) >= bounds[low], param.get("argument")
        for high in {"le", "lt"} & bounds.keys():
            assert float(param.get("max")) <= bounds[high], param.get("argument")
        if choices := choices_of(field):
            offered = {option.get("value") for option in param.findall("option")}
            assert offered == set(choices), param.get("argument")
    assert looked_at


@pytest.mark.parametrize("name", TOOLS)
def test_datasets_never_reach_the_command_line_by_name(name):
    """Quoted paths only: no name, no identifier of a data set, nothing unquoted but known words."""
    text = command_text(TOOLS[name])
    assert not re.search(r"element_identifier|\.name\b|on_string", text)
    shell = "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))
    bare = re.findall(r"(?<!['\\{\w/.])\$\{?[a-z_][\w.]*", re.sub(r"'[^'\n]*'", "''", shell))
    booleans = {"${names.rename_chromosomes", "$training.gradient_checkpointing"}
    assert set(bare) <= booleans, bare


@pytest.mark.parametrize("name", TOOLS)
def test_tests_of_every_tool(name):
    tests = TOOLS[name].findall("tests/test")
    failing = [test for test in tests if test.get("expect_failure") == "true"]
    assert failing and len(tests) - len(failing) >= 2
    for test in tests:
        assert test in failing or test.get("expect_num_outputs")
        assert test not in failing or test.find("assert_stderr") is not None
    used = {e.get("macro") for e in TOOLS[name].iter("expand")}
    assert {"test_genome_history", "test_genome_cached"} <= used
    if "trained_model" in used:
        assert {"test_model_history", "test_model_cached"} <= used
    given = [p.get("value") for p in TOOLS[name].iter("param") if p.get("ftype")]
    files = {file for value in given for file in value.split(",")}
    assert all((GALAXY / "test-data" / file).is_file() for file in files)


def named(element: ET.Element) -> str:
    argument = element.get("argument", "").removeprefix("--").replace("-", "_")
    return element.get("name") or argument


@pytest.mark.parametrize("name", TOOLS)
def test_every_branch_is_tested(name):
    """Each choice of every conditional is made in a test, and each output is looked at."""
    tests = [expanded(test) for test in TOOLS[name].findall("tests/test")]
    inputs = expanded(TOOLS[name].find("inputs"))
    for conditional in inputs.iter("conditional"):
        choice = conditional.find("param")
        path = f".//conditional[@name='{named(conditional)}']/param[@name='{named(choice)}']"
        made = {param.get("value") for test in tests for param in test.findall(path)}
        if any(test.find(path) is None for test in tests):
            made.add(choice.find("option[@selected='true']").get("value"))
        assert made == {when.get("value") for when in conditional.findall("when")}, path
    outputs = [output.get("name") for output in expanded(TOOLS[name].find("outputs"))]
    for output in outputs:
        assert any(test.find(f"*[@name='{output}']//assert_contents") is not None for test in tests)


@pytest.mark.parametrize("name", TOOLS)
def test_labels_tell_outputs_apart(name):
    """In a history they stand below one another: each says what is in it, not only how."""
    outputs = expanded(TOOLS[name].find("outputs"))
    labels = [
        output.get("label").removeprefix("${tool.name} on ${on_string}: ") for output in outputs
    ]
    assert len(set(labels)) == len(labels)
    assert not {"table", "bed", "bigwig", "vcf", "summary", "json"} & {x.lower() for x in labels}
    # and the help explains every one by that name
    explained = set(re.findall(r"\*([^*\n]+)\*", TOOLS[name].findtext("help")))
    assert set(labels) <= explained


REPORTING = [name for name in TOOLS if "command -v multiqc" in command_text(TOOLS[name])]


def test_tools_with_a_report():
    assert REPORTING == [f"seformer_{v}" for v in ("explain", "finetune", "judge", "predict")]


@pytest.mark.parametrize("name", REPORTING)
def test_results_survive_without_multiqc(tmp_path, name):
    """The end of the command, in an environment that lacks MultiQC."""
    text = command_text(TOOLS[name])
    end = re.search(r"if command -v multiqc.*?\nfi\n", text, re.S)[0]
    path = tmp_path / "bin"
    path.mkdir()
    subprocess.run(["/bin/sh", "-ec", end], cwd=tmp_path, env={"PATH": str(path)}, check=True)
    assert "MultiQC is missing" in (tmp_path / "multiqc_report.html").read_text()


def test_versions_agree():
    assert TOKENS["@TOOL_VERSION@"] == seformer.__version__
    container = MACROS.findtext(".//container").replace("@TOOL_VERSION@", seformer.__version__)
    recipe = (GALAXY.parent / "containers/galaxy.Dockerfile").read_text()
    assert f"-t {container} ." in recipe and f"ARG VERSION={seformer.__version__}" in recipe
    lock = (GALAXY.parent / "containers/multiqc.lock").read_text().splitlines()
    for name in REPORTING:
        required = TOOLS[name].find(".//requirement[.='multiqc']").get("version")
        assert f"multiqc=={required}" in lock
    suffix = TOKENS["@VERSION_SUFFIX@"]
    for path in WORKFLOWS:
        flow = path.read_text()
        versions = set(re.findall(r"tool_version: (\S+)", flow))
        assert versions == {f"{seformer.__version__}+galaxy{suffix}"}
        assert set(re.findall(r"tool_id: (\S+)", flow)) <= set(TOOLS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_fit_the_tools_and_their_tests(path):
    """Every connection is a parameter of its tool or an output; tests give and look at all."""
    flow = yaml.safe_load(path.read_text())
    outputs = {
        f"{step}/{output.get('name')}"
        for step, run in flow["steps"].items()
        for output in expanded(TOOLS[run["tool_id"]].find("outputs"))
    }
    for run in flow["steps"].values():
        known = parameters(expanded(TOOLS[run["tool_id"]].find("inputs")))
        assert set(run["in"]) <= known, run["tool_id"]
        assert set(run["in"].values()) <= outputs | set(flow["inputs"])
    assert {output["outputSource"] for output in flow["outputs"].values()} <= outputs
    (test,) = yaml.safe_load(path.with_name(f"{path.name[:-9]}.gxwf-tests.yml").read_text())
    assert set(test["job"]) == set(flow["inputs"])
    assert set(test["outputs"]) == set(flow["outputs"])
    given = [value["path"] for value in test["job"].values() if isinstance(value, dict)]
    assert all((path.parent / place).is_file() for place in given)


def parameters(element: ET.Element, within: str = "") -> set[str]:
    """Names of parameters as workflows have them: those of sections and choices behind theirs."""
    known = set()
    for child in element:
        if child.tag == "param":
            known.add(within + named(child))
        elif child.tag in ("conditional", "section"):
            known |= parameters(child, f"{within}{child.get('name')}|")
        elif child.tag == "when":
            known |= parameters(child, within)
    return known


def test_test_data_are_small():
    assert sum(p.stat().st_size for p in (GALAXY / "test-data").rglob("*")) < MAX_TEST_DATA


def test_data_tables_agree():
    """The tests' tables are the samples' with other files, which hold rows of the same columns."""
    sample = (GALAXY / "tool_data_table_conf.xml.sample").read_text()
    tests = (GALAXY / "tool_data_table_conf.xml.test").read_text()
    assert tests == sample.replace('"tool-data/', '"${__HERE__}/test-data/')
    for table in ET.fromstring(sample).findall("table"):
        columns = table.findtext("columns").split(", ")
        rows = (GALAXY / "test-data" / f"{table.get('name')}.loc").read_text().splitlines()
        assert rows and all(len(row.split("\t")) == len(columns) for row in rows)
        example = (GALAXY / "tool-data" / f"{table.get('name')}.loc.sample").read_text()
        assert all(line.startswith("#") for line in example.splitlines())


def test_column_names_are_told(tmp_path, capsys, monkeypatch):
    (tmp_path / "table.tsv").write_text("#Ranked by x\na\tit's $(odd)\n1\t2\n")
    arguments = ["column_names.py", f"table={tmp_path / 'table.tsv'}"]
    monkeypatch.setattr("sys.argv", arguments)
    runpy.run_path(str(GALAXY / "column_names.py"))
    assert (
        capsys.readouterr().out
        == '{"table": {"metadata": {"column_names": ["a", "it\'s $(odd)"]}}}\n'
    )


def test_archives_of_the_tests_are_what_they_say(tmp_path):
    model = archive.unpack(GALAXY / "test-data/model.tar", tmp_path / "model")
    assert (model / "seformer.json").is_file()
    with pytest.raises(UserError, match="lies outside"):
        archive.unpack(GALAXY / "test-data/model_outside.tar", tmp_path / "outside")
    with pytest.raises(UserError, match="What to do"):
        archive.unpack(GALAXY / "test-data/model_cut.tar", tmp_path / "cut")
