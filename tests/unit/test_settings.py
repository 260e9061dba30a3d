"""Settings: what a field says reaches the command, the stage's keywords and the pipeline alike."""

import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

import seformer
from seformer.cli import build_app, main
from seformer.explain.settings import AttributionSettings, ExplainSettings
from seformer.regions.simulate import simulate
from seformer.splits.settings import SplitSettings
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.training.settings import FullSettings, HeadSettings
from seformer.util.errors import UserError
from seformer.util.settings import (
    Settings,
    bounds_of,
    choices_of,
    default_of,
    expected,
    fields_of,
    meta,
    option_of,
    setting,
    takes,
)

ROOT = Path(__file__).parents[2]
MODULES = [m.name for m in pkgutil.walk_packages(seformer.__path__, "seformer.")]
CLASSES = {
    value
    for name in MODULES
    if name.endswith(".settings")
    for value in vars(importlib.import_module(name)).values()
    if isinstance(value, type) and issubclass(value, Settings)
}


class Small(Settings):
    passes: int = setting(3, "Passes over the data.", ge=1, le=9)
    rate: float | None = setting(None, "Rate.", gt=0, option="--step-rate", unset="the usual one")


@takes(Small)
def stage(data, settings: Small, *, beside=None):
    """Do it."""
    return data, settings.passes, settings.rate, beside


@pytest.fixture(scope="module")
def commands() -> dict:
    return typer.main.get_command(build_app()).commands


def test_every_field_is_described():
    for kind in CLASSES:
        for name, field in kind.model_fields.items():
            assert field.description and field.description.endswith("."), f"{kind} {name}"


@pytest.mark.parametrize(
    ("verb", "kind"),
    [("finetune-head", HeadSettings), ("explain", ExplainSettings), ("split", SplitSettings)],
)
def test_fields_are_the_options_of_the_command(commands, verb, kind):
    options = {text: entry for entry in commands[verb].params for text in entry.opts}
    for name, field in kind.model_fields.items():
        if meta(field).name is None:
            assert option_of(name, field) not in options
            continue
        option = options[option_of(name, field)]
        assert field.description in option.help
        assert option.default == default_of(field)
        bounds = bounds_of(field)
        assert (option.min, option.max) == (bounds.get("ge"), bounds.get("le"))


def test_fields_are_keywords_of_the_stage():
    assert stage(1) == stage(1, Small()) == stage(1, settings=Small()) == (1, 3, None, None)
    assert stage(1, passes=2, beside=4) == stage(1, Small(passes=2), beside=4) == (1, 2, None, 4)
    assert list(inspect.signature(stage).parameters) == ["data", "beside", "passes", "rate"]
    assert inspect.signature(finetune_head).parameters["epochs"].default == 50
    assert "Passes over the data." in stage.__doc__ and stage.__doc__.startswith("Do it.")


def test_unknown_keywords_and_two_ways_at_once():
    with pytest.raises(TypeError, match="unexpected keyword argument 'epohcs'"):
        stage(1, epohcs=3)
    with pytest.raises(TypeError, match="epohcs"):
        Small(epohcs=3)
    with pytest.raises(TypeError, match="passes: given beside settings"):
        stage(1, Small(), passes=2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"passes": 0}, "--passes 0. Expected: a whole number from 1 to 9."),
        ({"passes": "3"}, "--passes '3'. Expected: a whole number from 1 to 9."),
        ({"passes": True}, "--passes True. Expected: a whole number from 1 to 9."),
        ({"rate": 0}, "--step-rate 0. Expected: a number above 0."),
        ({"rate": float("nan")}, "--step-rate nan. Expected: a number above 0."),
    ],
)
def test_values_that_cannot_be(values, message):
    with pytest.raises(UserError) as error:
        stage(1, **values)
    assert str(error.value) == message


@pytest.mark.parametrize("name", ["one two", "../x", "", ".hidden", "$(touch ran)"])
def test_every_command_that_takes_a_sample_checks_its_name(name, commands):
    taking = [
        command
        for command in commands.values()
        if any("--sample" in parameter.opts for parameter in command.params)
    ]
    assert len(taking) >= 6
    for command in taking:
        given = {p.name: p.default for p in command.params if p.name != "help"}
        with pytest.raises(UserError, match="cannot name a sample"):
            command.callback(**given | {"sample": name})


def test_help_breaks_its_lines_where_the_terminal_ends(commands):
    for name, command in commands.items():
        for paragraph in (command.help or "").split("\n\n"):
            assert "\n" not in paragraph, name


def test_a_refusal_names_every_bound():
    for kind in CLASSES:
        for name, field in kind.model_fields.items():
            said = expected(field).replace(",", "").split()
            for bound in bounds_of(field).values():
                assert f"{bound:g}".replace("e-0", "e-") in said, (kind.__name__, name, said)


def test_values_of_other_libraries_are_taken():
    settings = Small(passes=np.int64(4), rate=np.float32(0.5))
    assert type(settings.passes) is int and type(settings.rate) is float
    assert SplitSettings(test_chromosomes=["chr7"]) == SplitSettings(test_chromosomes="chr7, ")
    assert FullSettings(checkpoints="x").checkpoints == Path("x")
    with pytest.raises(Exception, match="frozen"):
        settings.passes = 3


def test_a_wrong_choice_is_told_at_both_doors(tmp_path, commands):
    with pytest.raises(UserError, match=r"--size huge.*tiny or small"):
        simulate(tmp_path, size="huge")
    with pytest.raises(Exception, match="huge"):
        commands["simulate"].main(["--out", "x", "--size", "huge"], standalone_mode=False)
    with pytest.raises(UserError, match="learning rate nan is not usable"):
        finetune_full("m", [], [], tmp_path, learning_rate=float("nan"))


def test_a_wrong_choice_is_told_in_words_of_people(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "--out", "x", "--size", "huge"])
    assert stopped.value.code == 2
    assert "--size huge. Expected: tiny or small" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["--shard-bases", "--seed"])
def test_a_number_that_no_array_holds(capsys, name):
    number = "9" * 20
    with pytest.raises(SystemExit) as stopped:
        main(["extract", "--fasta", "x", "--out", "y", name, number])
    assert stopped.value.code == 2
    assert f"{name} {number}. Expected: a number below 9007" in capsys.readouterr().err


def test_what_results_record():
    assert list(ExplainSettings().only(AttributionSettings)) == [
        *("method", "reference", "references", "completeness", "max_steps", "seed"),
        *("batch_tokens", "occluded_tokens"),
    ]


def test_a_stage_shares_its_facts_with_the_schema():
    schema = json.loads((ROOT / "nextflow_schema.json").read_text())
    there = {k: v for group in schema["$defs"].values() for k, v in group["properties"].items()}
    epochs, dropout = there["head_epochs"], there["dropout"]
    assert (epochs["default"], epochs["minimum"]) == (HeadSettings().epochs, 0)
    assert epochs["description"] == HeadSettings.model_fields["epochs"].description
    assert (dropout["minimum"], dropout["maximum"]) == (0, 0.9)
    assert tuple(there["features"]["enum"]) == choices_of(HeadSettings.model_fields["features"])


def test_a_new_parameter_is_written_where_its_group_is(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    parameters = importlib.import_module("parameters")

    class New(Settings):
        brand_new: int = setting(5, "A new one.", ge=2, group="model_options")

    monkeypatch.setattr(parameters, "all_settings", lambda: [New])
    texts = {name: (ROOT / name).read_text() for name in parameters.FILES}
    written = parameters.updated(texts)
    group = json.loads(written["nextflow_schema.json"])["$defs"]["model_options"]["properties"]
    assert group["brand_new"] == {
        "type": "integer",
        "description": "A new one.",
        "default": 5,
        "minimum": 2,
    }
    model, _ = written["nextflow.config"].split("    // Splits")
    assert re.search(r"^    brand_new += 5$", model, re.M)
    assert "| `--brand_new` | A new one. At least 2. | `5` |" in written["docs/usage.md"]
    field = fields_of(New)["brand_new"]
    assert parameters.option_item("brand_new", field, "brand_new", None) == (
        '"--brand-new ${params.brand_new}"'
    )


def test_settings_are_light():
    """The commands' options come from them: torch and pandas would make --help slow."""
    names = [name for name in MODULES if name.endswith(".settings")]
    script = f"import sys, {', '.join(names)}; print(*set(['torch', 'pandas']) & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
