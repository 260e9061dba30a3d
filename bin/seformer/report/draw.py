"""Numbers, tables, bars and lines of the page, in colours that all can tell apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seformer.evaluation.baselines import BASELINES, find_baseline
from seformer.evaluation.verdict import scorer_title
from seformer.report.content import TEXTS, Section
from seformer.util import labels
from seformer.util.markup import escape

# Okabe and Ito (2008): apart for colour-blind readers, on screen and in print
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
PINK, GREY = "#CC79A7", "#8A8A8A"
# samples, files, reasons: without the colours of the classes, which mean nothing else
CYCLE = (GREEN, PINK, SKY, ORANGE, "#6A3D9A", "#882255", "#999933", GREY)
STROKES = ("solid", "dash", "dot", "dashdot")
# the model of all samples stands out among theirs
INTEGRATIVE = "integrative"
# between the names of a sample and a BED
OF_BED = " · "
SUPER, TYPICAL = (labels.COLOURS[name] for name in (labels.SUPER, labels.TYPICAL))
# of the verdict, as in style.css: orange and blue are the classes, and nothing else
GOOD, BAD = "#007A5A", "#A50F2E"
# label, name and colour of both classes
CLASSES = ((1, "super-enhancers", SUPER), (0, "typical enhancers", TYPICAL))
# more parts than these are folded
OPEN_UP_TO = 2
# of tracks in their turn, apart from those of the baselines (Tol's muted scheme)
TRACKS = ("#44AA99", "#332288", "#DDCC77", "#AA4499")


def number(value: int) -> str:
    """Write 12345 as 12,345."""
    return f"{value:,}"


def counted(start: int, end: int) -> str:
    """Write a stretch (0-based half-open) as genome browsers count it, from 1: 1,001-2,000."""
    return f"{start + 1:,}-{end:,}"


def counted_place(place: str) -> str:
    """Write a place such as chr1:1000-2000 (0-based half-open) so too: chr1:1,001-2,000."""
    found = re.fullmatch(r"(.*?)(\d+)-(\d+)", place)
    return found[1] + counted(int(found[2]), int(found[3])) if found else place


def signed(value: float, plus: bool = True) -> str:
    """Write a number with three decimals and a real minus."""
    # what rounds to zero has no sign
    value = round(value, 3) or 0.0
    return f"{value:{'+' if plus and value else ''}.3f}".replace("-", "−")


def interval(value: Mapping[str, float], plus: bool = False) -> str:
    """Write a value with its interval beneath."""
    middle, low, high = (signed(value[key], plus) for key in ("value", "low", "high"))
    link = " to " if "−" in low + high or plus else "–"
    return f"{middle}<small>{low}{link}{high}</small>"


def headline(test: Mapping[str, Any] | None) -> str:
    """Say a test in a few words: AUROC, and Δ to the best baseline; nothing without one.

    ``test`` is in short, see `evaluation.verdict.in_short`.
    """
    if not test:
        return ""
    auroc, delta = test["auroc"], test["delta"]
    return (
        f"test AUROC {auroc['value']:.3f}, Δ {signed(delta['value'])} to "
        f"{escape(scorer_title(delta['baseline']))}"
    )


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
    # not a <caption>, which is as narrow as its table
    top = f'<p class="sf-caption">{caption}</p>' if caption else ""
    return (
        f'{top}<div class="table-responsive"><table class="table table-sm sf-table">'
        f"<thead><tr>{cells('th', head)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def headed(parts: Mapping[str, str]) -> str:
    """Join HTML below headings; one part needs none, and of many all but the first are shut."""
    if len(parts) == 1:
        return next(iter(parts.values()))
    if len(parts) <= OPEN_UP_TO:
        return "".join(f"<h4>{escape(name)}</h4>{part}" for name, part in parts.items())
    return "".join(
        f'<details class="sf-part"{"" if i else " open"}><summary>{escape(name)}</summary>{part}'
        "</details>"
        for i, (name, part) in enumerate(parts.items())
    )


def html(id: str, data: str, **values: object) -> Section:
    """Make a section of HTML; ``values`` fill in its texts."""
    return Section(id, "html", data, values=values)


def bars(
    id: str,
    data: Mapping[str, Mapping[str, int]],
    categories: Mapping[str, tuple[str, str]],
    **values: object,
) -> Section:
    """Draw counts of regions: a bar a row, split by category (key -> name and colour)."""
    config = {
        "ylab": "regions",
        "cpswitch_counts_label": "Regions",
        "tt_decimals": 0,
        "sort_samples": False,
        "height": 200 + 34 * len(data),
    }
    headers = {key: {"name": name, "color": colour} for key, (name, colour) in categories.items()}
    return Section(id, "bargraph", data, config, headers, values)


def lines(
    id: str,
    tabs: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    looks: Mapping[str, str | tuple[str, str]],
    *,
    ylabs: Mapping[str, str] | None = None,
    style: str = "lines",
    values: Mapping[str, object] | None = None,
    **config: Any,
) -> Section:
    """Draw lines of points (x, y) over the axes that ``texts.toml`` describes.

    Parameters
    ----------
    tabs
        Data sets, by name: name of the line -> its points.
    looks
        Colour, or colour and dash, of each line.
    ylabs
        Tab -> its y axis; without, that of the figure.
    """
    data, labels = tabbed(tabs, ylabs)
    colours = {name: look if isinstance(look, str) else look[0] for name, look in looks.items()}
    dashes = {name: look[1] for name, look in looks.items() if not isinstance(look, str)}
    config = {
        **TEXTS[id]["axes"],
        **config,
        "colors": colours,
        **({"dash_styles": dashes} if dashes else {}),
        "style": style,
        # all points, as they are
        "smooth_points": None,
        **labels,
    }
    return Section(id, "linegraph", data, config, values=values or {})


def tabbed(
    tabs: Mapping[str, Any], ylabs: Mapping[str, str] | None = None
) -> tuple[Any, dict[str, Any]]:
    """Return a figure's data and, where there are several tabs, their labels."""
    if len(tabs) == 1:
        return next(iter(tabs.values())), {}
    labels = [{"name": name, **({"ylab": ylabs[name]} if ylabs else {})} for name in tabs]
    return list(tabs.values()), {"data_labels": labels}


def scorer_looks(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give the model and each baseline its colour and dash: lines differ in more than colour.

    Parts of the model have none of their own.
    """
    looks, tracks = {"model": (BLACK, "solid")}, 0
    for name in names:
        baseline = find_baseline(name)
        if baseline is None:
            continue
        looks[name] = baseline.colour, baseline.dash
        if name not in BASELINES:
            looks[name] = TRACKS[tracks % len(TRACKS)], baseline.dash
            tracks += 1
    return looks


def strokes(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Give each of many lines a colour and a dash of its own; the colours repeat after eight.

    What is of the model of all samples is black, also where a BED stands behind its name.
    """
    drawn, black = {}, 0
    for name in names:
        turn, i = divmod(len(drawn), len(CYCLE))
        drawn[name] = (CYCLE[i], STROKES[turn % len(STROKES)])
        if name.split(OF_BED)[0] == INTEGRATIVE:
            drawn[name] = (BLACK, STROKES[black % len(STROKES)])
            black += 1
    return drawn


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
