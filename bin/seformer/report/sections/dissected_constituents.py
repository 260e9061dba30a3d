"""What constituents of super-enhancers are worth: the strongest, and a heat map a region."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.explain.dissect_record import DissectionRecord, DrawnRegion
from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import SUPER, TYPICAL, counted_place, headed, html, number, signed, table
from seformer.report.results import Results
from seformer.util.markup import escape

WIDTH, HEIGHT, LEFT, TOP = 52, 26, 148, 22  # of a cell; room for names


def sections(results: Results) -> Iterator[Section]:
    beds = results.by_bed("dissections")
    if not beds:
        return
    parts = {name: f"<p>{_remarks(bed)}</p>{_strongest(bed)}" for name, bed in beds.items()}
    yield html("dissected_constituents", headed(parts))
    maps = {
        name: f'<div class="sf-maps">{"".join(map(draw_heat_map, bed["drawn"]))}</div>'
        for name, bed in beds.items()
        if bed["drawn"]
    }
    if maps:
        limit = max(bed["settings"]["pair_limit"] for bed in beds.values())
        yield html("dissected_pairs", headed(maps), limit=number(limit))


def _remarks(bed: DissectionRecord) -> str:
    """Say what was measured, and what was left out."""
    regions, constituents = bed["regions"], bed["constituents"]
    texts = "dissected_constituents"
    said = [
        say(
            texts,
            "measured",
            constituents=number(bed["rows"]),
            regions=number(regions["dissected"]),
            shuffles=number(bed["settings"]["shuffles"]),
            tested=number(bed["tested"]),
            stand_out=number(bed["stand_out"]),
            q=bed["q_at_most"],
        )
    ]
    counts = {
        "no_room": bed["flags"].get("no_room", 0),
        "too_few_bases": bed["flags"].get("too_few_bases", 0),
        "clipped": constituents["clipped"],
        "without_constituents": regions["without_constituents"],
        "unusable": sum(regions["unusable"].values()),
        "without_pairs": regions["without_pairs"],
    }
    said += [say(texts, key, count=number(count)) for key, count in counts.items() if count]
    return " ".join(said)


def _strongest(bed: DissectionRecord) -> str:
    rows = [
        [
            f"{escape(counted_place(row['constituent']))}<small>{escape(row['name'])}</small>",
            f"{escape(counted_place(row['region']))}<small>rank {number(row['rank'])}</small>",
            _effect(row["effect"])
            + (f"<small>± {row['effect_sd']:.3f}</small>" if row["effect_sd"] is not None else ""),
            *(_effect(row[key]) for key in ("masked_effect", "cut_effect", "alone_effect")),
            *(_share(row[key]) for key in ("p", "q")),
        ]
        for row in bed["strongest"]
    ]
    return table(TEXTS["dissected_constituents"]["head"], rows, numeric=2) if rows else ""


def _effect(value: float | None) -> str:
    return "–" if value is None else signed(value)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}"


def draw_heat_map(region: DrawnRegion) -> str:
    """Draw constituents against each other, in the region's own scale.

    On the diagonal the effect of one, above it that of both, below it their synergy.
    """
    names = [counted_place(item["place"]) for item in region["constituents"]]
    cells = {(i, i): item["effect"] for i, item in enumerate(region["constituents"])}
    for pair in region["pairs"]:
        first, second = sorted((pair["first"], pair["second"]))
        cells[first, second], cells[second, first] = pair["effect"], pair["synergy"]
    most = max((abs(value) for value in cells.values() if value is not None), default=0) or 1.0
    side = len(names)
    drawn = [_cell(row, column, value, most) for (row, column), value in cells.items()]
    for i, name in enumerate(names):
        middle = TOP + HEIGHT * i + 17
        drawn.append(f'<text x="{LEFT - 6}" y="{middle}" text-anchor="end">{escape(name)}</text>')
        across = LEFT + WIDTH * i + WIDTH // 2
        drawn.append(f'<text x="{across}" y="{TOP - 6}" text-anchor="middle">{i + 1}</text>')
    width, height = LEFT + WIDTH * side, TOP + HEIGHT * side
    place = escape(counted_place(region["region"]))
    name = escape(region["name"]) if region["name"] != region["region"] else ""
    title = f"<b>{place}</b> {name}"
    return (
        f'<figure style="width:{width}px"><figcaption>{title} logit '
        f"{signed(region['logit'], plus=False)}</figcaption>"
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="constituents of {place}">{"".join(drawn)}</svg></figure>'
    )


def _cell(row: int, column: int, value: float | None, most: float) -> str:
    x, y = LEFT + WIDTH * column, TOP + HEIGHT * row
    text = "–" if value is None else f"{value:+.2f}".replace("-", "−")
    colour, share = (SUPER if (value or 0) > 0 else TYPICAL), abs(value or 0) / most
    frame = ' class="sf-own"' if row == column else ""
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH - 2}" height="{HEIGHT - 2}" fill="{colour}" '
        f'fill-opacity="{0.75 * share:.2f}"{frame}/>'
        f'<text x="{x + WIDTH // 2 - 1}" y="{y + 17}" text-anchor="middle">{text}</text>'
    )
