#!/usr/bin/env python3
"""Writes the tables of parameters in docs/usage.md from nextflow_schema.json.

scripts/parameter_tables.py            write them
scripts/parameter_tables.py --check    exit 1 if they are not up to date
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE, SCHEMA = ROOT / "docs/usage.md", ROOT / "nextflow_schema.json"
BEGIN, END = "<!-- parameters: begin (scripts/parameter_tables.py) -->", "<!-- parameters: end -->"


def tables(schema: dict) -> str:
    """One heading and one table for each group of the schema, in its order."""
    groups = [schema["$defs"][part["$ref"].rsplit("/", 1)[1]] for part in schema["allOf"]]
    return "\n\n".join(map(table, groups))


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


def updated(page: str) -> str:
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    text = tables(json.loads(SCHEMA.read_text(encoding="utf-8")))
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--check"]:
        sys.exit(page != updated(page))
    PAGE.write_text(updated(page), encoding="utf-8")
