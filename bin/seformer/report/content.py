"""Writing MultiQC custom content: one file per section, escaped, in colours all can tell apart."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seformer.util import labels
from seformer.util.labels import COLOURS
from seformer.util.markup import mark, plain

# Okabe and Ito (2008): apart for colour-blind readers, on screen and in print
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PINK, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8A8A8A"
CYCLE = (BLUE, RED, GREEN, PINK, ORANGE, SKY, GREY, "#6A3D9A")
STROKES = ("solid", "dash", "dot", "dashdot")
# the model of all samples stands out among theirs
INTEGRATIVE = "integrative"
SUPER, TYPICAL = (COLOURS[name] for name in (labels.SUPER, labels.TYPICAL))

FIGURE = ("data", "pconfig", "headers", "categories")
# parent sections in the order of the page
PARENTS = {
    "verdict": ("Verdict", "What this run shows, in plain words."),
    "summary": ("General statistics", "One row per sample."),
    "data": ("Data", "The regions that were given, and what became of them."),
    "split": ("Split and leakage", "Which regions the model never saw, and how far they differ."),
    "training": ("Training", "Stage 1 trains the head on the frozen backbone, stage 2 all layers."),
    "test": ("Test results", "The held-out test part, scored once."),
    "predictions": ("Predictions", "The BED files scored with the trained model."),
    "explanations": ("Explanations", "Attributions of the score to single bases."),
    "methods": ("Methods", "Text for a paper, with the numbers of this run."),
    "parameters": ("Parameters", "What this run was started with."),
}


@dataclass(frozen=True)
class Section:
    """One section of the page; ``kind`` is html, linegraph, bargraph or table."""

    parent: str
    id: str
    name: str
    description: str
    kind: str
    data: Any
    config: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] | None = None


def number(value: int) -> str:
    """Write 12345 as 12,345."""
    return f"{value:,}"


def place_of(name: str) -> tuple[bool, str, str]:
    """Sort samples as people do, upper case or not; the model of all of them is the last."""
    return (name == INTEGRATIVE, name.casefold(), name)


def strokes(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give each of many lines a colour and a dash of its own; the colours repeat after eight."""
    found = {}
    for name in names:
        turn, i = divmod(len(found), len(CYCLE))
        found[name] = (CYCLE[i], STROKES[turn % len(STROKES)])
    if INTEGRATIVE in found:
        found[INTEGRATIVE] = (BLACK, "solid")
    return found


def bar_height(bars: int) -> int:
    """Height of a bar graph in pixels."""
    return 190 + 34 * bars


def signed(value: float, plus: bool = True) -> str:
    """Write a number with three decimals and a real minus."""
    # what rounds to zero has no sign
    value = round(value, 3) or 0.0
    return f"{value:{'+' if plus and value else ''}.3f}".replace("-", "−")


def interval(value: Mapping[str, float], plus: bool = False) -> str:
    """Write a value with its interval beneath."""
    value, low, high = (signed(value[key], plus) for key in ("value", "low", "high"))
    link = " to " if "−" in low + high or plus else "–"
    return f"{value}<small>{low}{link}{high}</small>"


def apart(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Move equal x apart by a hair: a MultiQC line keeps one y for each x."""
    if not points:
        return []
    hair = 1e-6 * ((points[-1][0] - points[0][0]) or 1.0)
    moved = [[float(points[0][0]), float(points[0][1])]]
    for x, y in points[1:]:
        moved.append([round(max(float(x), moved[-1][0] + hair), 9), float(y)])
    return moved


def outline(edges: Sequence[float], heights: Sequence[float]) -> list[list[float]]:
    """Draw a histogram as its outline."""
    points = [[edges[0], 0.0]]
    for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True):
        points += [[low, round(float(height), 4)], [high, round(float(height), 4)]]
    return apart([*points, [edges[-1], 0.0]])


def write(section: Section, order: int, out: Path) -> None:
    """Write one section as ``<order>_<id>_mqc.json``."""
    path = out / f"{order:02d}_{section.id}_mqc.json"
    text = json.dumps(content_of(section), indent=1, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8")


def content_of(section: Section) -> dict[str, Any]:
    """Put a section into the words of MultiQC, nothing in which can be more than a name."""
    title, about = PARENTS[section.parent]
    if section.name == title:  # then MultiQC shows the parent's words alone
        about = section.description
    content: dict[str, Any] = {
        "id": f"seformer_{section.id}",
        "parent_id": f"seformer-{section.parent}",
        "parent_name": title,
        "parent_description": about,
        "section_name": section.name,
        "description": section.description,
        "plot_type": section.kind,
        "data": section.data,
    }
    if section.kind != "html":
        content["pconfig"] = {
            "id": f"seformer_{section.id}_plot",
            "title": f"seformer: {section.name}",
            "series_label": False,
            **({"showlegend": True} if section.kind == "linegraph" else {}),
            **(section.config or {}),
        }
    if section.headers:
        content["categories" if section.kind == "bargraph" else "headers"] = section.headers
    if section.kind != "html":
        content |= {key: harmless(content[key]) for key in FIGURE if key in content}
    return content


def harmless(value: Any) -> Any:
    """Make every name in what a figure draws harmless: MultiQC puts them into the page as HTML."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        often = Counter(map(plain, value))
        names = [f"{plain(k)} {mark(k)}" if often[plain(k)] > 1 else plain(k) for k in value]
        return dict(zip(names, map(harmless, value.values()), strict=True))
    return [harmless(one) for one in value] if isinstance(value, list | tuple) else value


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numeric: int = 1, caption: str = ""
) -> str:
    """Make an HTML table of cells that are HTML already; columns from ``numeric`` on are right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=sf-num' if i >= numeric else ''}>{cell}</{tag}>"
            for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    top = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="table-responsive"><table class="table table-sm sf-table">{top}'
        f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table></div>"
    )
