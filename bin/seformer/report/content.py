"""One section of the page, its words, and how MultiQC wants it; names are made harmless here."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

from seformer.util.markup import mark, plain

FOLDER = package_files("seformer.report")


def read_toml(name: str) -> dict[str, Any]:
    """Read a file of this folder."""
    return tomllib.loads(FOLDER.joinpath(name).read_text(encoding="utf-8"))


TEXTS = read_toml("texts.toml")
STYLE = f"<style>\n{FOLDER.joinpath('style.css').read_text(encoding='utf-8')}</style>"
SCRIPT = f"<script>\n{FOLDER.joinpath('page.js').read_text(encoding='utf-8')}</script>"
# parts of the page, in its order
PARENTS = TEXTS["parents"]
FIGURE = ("data", "pconfig", "headers", "categories")


def say(section: str, text: str, **values: object) -> str:
    """Fill in a template of ``texts.toml``; values from outside have to be escaped before."""
    # the lines of the file are of any length; words are joined by one blank
    return TEXTS[section][text].replace("\n", " ").format(**values)


@dataclass
class Section:
    """One section of the page; ``kind`` is html, linegraph, bargraph or table.

    Name, parent and description stand in ``texts.toml`` below its ``id``; ``values`` fill them in.
    """

    id: str
    kind: str
    data: Any
    config: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return say(self.id, "name", **self.values)

    @property
    def description(self) -> str:
        """What it shows, how to read it, and what a bad one looks like."""
        return say(self.id, "description", **self.values)


def write_section(section: Section, order: int, out: Path) -> None:
    """Write one section as ``<order>_<id>_mqc.json``."""
    path = out / f"{order:02d}_{section.id}_mqc.json"
    text = json.dumps(content_of(section), indent=1, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


def content_of(section: Section) -> dict[str, Any]:
    """Put a section into the words of MultiQC, nothing in which can be more than a name."""
    parent = TEXTS[section.id]["parent"]
    title, about = PARENTS[parent]["title"], PARENTS[parent]["about"]
    if section.name == title:  # then MultiQC shows the parent's words alone
        about = section.description
    content: dict[str, Any] = {
        "id": f"seformer_{section.id}",
        "parent_id": f"seformer-{parent}",
        "parent_name": title,
        "parent_description": about,
        "section_name": section.name,
        "description": section.description,
        "plot_type": section.kind,
        "data": section.data,
    }
    if section.kind == "html":
        return content
    content["pconfig"] = {
        "id": f"seformer_{section.id}_plot",
        "title": f"seformer: {section.name}",
        "series_label": False,
        **({"showlegend": True} if section.kind == "linegraph" else {}),
        **section.config,
    }
    if section.headers:
        content["categories" if section.kind == "bargraph" else "headers"] = section.headers
    return content | {key: harmless(content[key]) for key in FIGURE if key in content}


def harmless(value: Any) -> Any:
    """Make every name in what a figure draws harmless: MultiQC puts them into the page as HTML."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        often = Counter(map(plain, value))
        names = [f"{plain(k)} {mark(k)}" if often[plain(k)] > 1 else plain(k) for k in value]
        return dict(zip(names, map(harmless, value.values()), strict=True))
    return [harmless(item) for item in value] if isinstance(value, list | tuple) else value
