#!/usr/bin/env python3
"""Writes what the pipeline and the documentation repeat of the stages' settings.

scripts/parameters.py            write it
scripts/parameters.py --check    exit 1 and name the files that are not up to date

The classes of settings (bin/seformer/*/settings.py) say default, bounds, values and description of
every parameter that the pipeline shares with a stage. From them come these facts in
nextflow_schema.json and nextflow.config, the options of each process in conf/modules.config
(between the marks there), and, from the schema, the tables in docs/usage.md. A field whose `group`
names a group of the schema is added there, and to nextflow.config, if it is not there yet.
"""

import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bin"))

import seformer  # noqa: E402
from seformer.util.settings import (  # noqa: E402
    SAME,
    Settings,
    bounds_of,
    choices_of,
    default_of,
    fields_of,
    kind_of,
    meta,
    option_of,
)

BEGIN, END = "<!-- parameters: begin (scripts/parameters.py) -->", "<!-- parameters: end -->"
# // begin: training.settings.HeadSettings seed=meta.seed without device (scripts/parameters.py)
MARKED = re.compile(
    r"^( *)// begin: ([\w.]+)((?: \w+=[\w.]+)*)(?: without ([\w ]+?))?"
    r" \(scripts/parameters\.py\)\n(.*?)^ *// end\n(?=( *\])?)",
    re.M | re.S,
)
TYPES = {int: "integer", float: "number", bool: "boolean"}
BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}
# after running out of GPU memory each attempt takes half of the tokens at a time
HALVED = {"batch_tokens"}
HALF = "(params.{} as long).intdiv(task.exitStatus == 75 ? 2 ** (task.attempt - 1) : 1)"
# a task that asked for a GPU never runs on the processor without a word
ASKED = {"device": "task.accelerator && params.device == 'auto' ? 'cuda' : params.device"}


def all_settings() -> list[type[Settings]]:
    """Every class of settings of the package."""
    names = [m.name for m in pkgutil.walk_packages(seformer.__path__, "seformer.")]
    modules = [importlib.import_module(name) for name in names if name.endswith(".settings")]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Settings)
    ]


def groups_of(schema: dict) -> list[dict]:
    """The groups of the schema, in the order of its pages."""
    return [schema["$defs"][part["$ref"].rsplit("/", 1)[1]] for part in schema["allOf"]]


def parameter_of(name: str, field: Any, there: dict) -> str | None:
    """The parameter that a field is, if the pipeline offers it."""
    chosen = meta(field).parameter
    if chosen == SAME:
        chosen = (option_of(name, field) or "--").removeprefix("--").replace("-", "_")
    return chosen if chosen in there or meta(field).group else None


# ------------------------------------------------------------------------- schema, configuration


def facts(field: Any) -> dict[str, Any]:
    """What the schema says of a field."""
    description = re.sub(r"--[a-z-]+", lambda found: _underscored(found[0]), field.description)
    said = {"type": TYPES.get(kind_of(field), "string"), "description": description}
    if default_of(field) not in (None, ""):
        said["default"] = default_of(field)
    if choices := choices_of(field):
        said["enum"] = list(choices)
    return said | {BOUNDS[bound]: value for bound, value in bounds_of(field).items()}


def _underscored(option: str) -> str:
    return "--" + option.removeprefix("--").replace("-", "_")


def update_schema(schema: dict) -> None:
    """Put the facts of all fields into the schema; what it says beside them stays."""
    there = {
        name: entry for group in groups_of(schema) for name, entry in group["properties"].items()
    }
    written: dict[str, dict] = {}
    for kind in all_settings():
        for name, field in kind.model_fields.items():
            parameter = parameter_of(name, field, there)
            if parameter is None:
                continue
            said = facts(field)
            if written.setdefault(parameter, dict(said)) != said:
                raise SystemExit(f"two classes of settings differ on {parameter}: {kind.__name__}")
            if parameter not in there:
                if (group := meta(field).group) not in schema["$defs"]:
                    raise SystemExit(
                        f"{kind.__name__}.{name}: no group {group}; those of the schema are "
                        + ", ".join(schema["$defs"])
                    )
                there[parameter] = schema["$defs"][group]["properties"][parameter] = {}
            entry = there[parameter]
            # the names of the baselines stand behind it, see scripts/doc_tables.py
            if entry.get("description", "").startswith(said["description"].removesuffix(".")):
                said["description"] = entry["description"]
            entry.update(said)


def update_config(config: str, schema: dict) -> str:
    """Put the schema's defaults into the block `params`; those that are computed stay."""
    for group in groups_of(schema):
        for name, entry in group["properties"].items():
            value = _groovy(entry.get("default"))
            line = re.search(rf"^    {name} *= (.*)$", config, re.M)
            if line is None and not name.startswith("config_profile"):
                section = re.search(rf"^    // {group['title']}\n(?:    .*\n)*", config, re.M)
                # in one column with those before it
                column = section[0].rstrip().rsplit("\n", 1)[-1].index("=") - 5
                item = f"    {name:<{column}} = {value}\n"
                config = config[: section.end()] + item + config[section.end() :]
            elif line and "default" in entry and not _same(line[1], entry["default"]):
                config = config[: line.start(1)] + value + config[line.end(1) :]
    return config


def _groovy(value: Any) -> str:
    """A value as it is written in a configuration."""
    if value is None:
        return "null"
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _same(text: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text == _groovy(value)
    return float(text) == value


# ------------------------------------------------------------------------- options of a process


def braced(expression: str) -> str:
    """The expression within a text of Groovy. (nf-core takes two braces for its own template.)"""
    return "$" + "{" + expression + "}"


def option_item(name: str, field: Any, parameter: str, value: str | None) -> str:
    """The item of the list `ext.args` that passes a parameter on."""
    option, given = option_of(name, field), f"params.{parameter}"
    if kind_of(field) is bool:
        return f"\"{braced(given)}\".toBoolean() ? '{option}' : ''"
    if value is None and name in HALVED:
        value = HALF.format(parameter)
    value = ASKED.get(name, value)
    shown = braced(value or given)
    # of enumerations the schema takes nothing else; other texts have a pattern there
    if TYPES.get(kind_of(field)) is None and not choices_of(field):
        shown = f"'{shown}'"
    item = f'"{option} {shown}"'
    return f"{given} ? {item} : ''" if default_of(field) in (None, "") else item


def update_modules(modules: str, there: dict) -> str:
    """Write the items between the marks; a file that a process is given is staged, no option."""

    def items(found: re.Match) -> str:
        indent, kind, values, without, _, closed = found.groups()
        module, _, name = kind.rpartition(".")
        fields = fields_of(getattr(importlib.import_module(f"seformer.{module}"), name))
        given = dict(pair.split("=") for pair in values.split())
        lines = [
            option_item(name, field, parameter, given.get(name))
            for name, field in fields.items()
            if (parameter := parameter_of(name, field, there))
            and kind_of(field) is not Path
            and name not in (without or "").split()
        ]
        begin, end = found[0].split("\n", 1)[0], f"{indent}// end\n"
        text = ",\n".join(f"{indent}{line}" for line in lines)
        return f"{begin}\n{text}{'' if closed else ','}\n{end}"

    return MARKED.sub(items, modules)


# ------------------------------------------------------------------------- documentation


def tables(schema: dict) -> str:
    """One heading and one table for each group of the schema, in its order."""
    return "\n\n".join(map(table, groups_of(schema)))


def table(group: dict) -> str:
    rows = [
        f"| `--{name}` | {meaning(entry)} | {default(entry)} |"
        for name, entry in group["properties"].items()
    ]
    head = ["| parameter | meaning | default |", "| --- | --- | --- |"]
    return "\n".join([f"### {group['title']}", "", group["description"], "", *head, *rows])


def meaning(entry: dict) -> str:
    parts = [entry["description"], entry.get("help_text", "")]
    if "enum" in entry:
        parts.append(f"One of {', '.join(f'`{value}`' for value in entry['enum'])}.")
    parts += [
        f"{words} {entry[key]:g}."
        for key, words in (
            ("minimum", "At least"),
            ("exclusiveMinimum", "More than"),
            ("maximum", "At most"),
            ("exclusiveMaximum", "Less than"),
        )
        if key in entry
    ]
    return " ".join(filter(None, parts)).replace("|", "\\|")


def default(entry: dict) -> str:
    value = entry.get("default")
    if value is None:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def update_page(page: str, schema: dict) -> str:
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables(schema)}\n\n{END}{rest.split(END)[1]}"


def updated(files: dict[str, str]) -> dict[str, str]:
    """The text of every file as it is to be."""
    schema = json.loads(files["nextflow_schema.json"])
    update_schema(schema)
    there = {
        name: entry for group in groups_of(schema) for name, entry in group["properties"].items()
    }
    return {
        "nextflow_schema.json": json.dumps(schema, indent=4, ensure_ascii=False) + "\n",
        "nextflow.config": update_config(files["nextflow.config"], schema),
        "conf/modules.config": update_modules(files["conf/modules.config"], there),
        "docs/usage.md": update_page(files["docs/usage.md"], schema),
    }


FILES = ("nextflow_schema.json", "nextflow.config", "conf/modules.config", "docs/usage.md")

if __name__ == "__main__":
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in FILES}
    changed = {name: text for name, text in updated(texts).items() if text != texts[name]}
    if sys.argv[1:] == ["--check"]:
        print(*changed)
        sys.exit(bool(changed))
    for name, text in changed.items():
        (ROOT / name).write_text(text, encoding="utf-8")
