"""Effects of variants beside those of random substitutions, and the strongest of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import GREY, apart, headed, html, lines, number, signed, strokes, table
from seformer.report.results import Results, VariantEffects
from seformer.util.markup import escape

CHANCE = "as random substitutions"


def sections(results: Results) -> Iterator[Section]:
    files = results.by_bed("variants")
    compared = {name: one for name, one in files.items() if len(one.null) and len(one.sizes)}
    if compared:
        points = {name: _points(one) for name, one in compared.items()}
        looks = strokes(points) | {CHANCE: (GREY, "dash")}
        end = max(float(one.null[-1]) for one in compared.values())
        drawn = {**points, CHANCE: [[0.0, 0.0], [end, end]]}
        yield lines("variants_effects", {"": drawn}, looks)
    if files:
        parts = {name: _counts(one) + _strongest(one) for name, one in files.items()}
        yield html("variants_strongest", headed(parts))


def _points(effects: VariantEffects) -> list[list[float]]:
    """Quantiles of the null's sizes against those of the variants'."""
    steps = np.linspace(0, 1, len(effects.null))
    own = np.quantile(effects.sizes, steps)
    return apart([[float(x), float(y)] for x, y in zip(effects.null, own, strict=True)])


def _counts(effects: VariantEffects) -> str:
    """Say what was scored, what not and why, and how many stand out."""
    summary = effects.summary
    status = summary.get("status", {})
    lost = ", ".join(f"{number(n)} {escape(k)}" for k, n in status.items() if k != "scored")
    said = [
        say(
            "variants_strongest",
            "scored",
            scored=number(status.get("scored", effects.scored)),
            alleles=number(summary.get("alleles", effects.scored)),
            lost=say("variants_strongest", "lost", reasons=lost) if lost else "",
        )
    ]
    if unreadable := summary.get("unreadable"):
        reasons = ", ".join(f"{number(n)} {escape(k)}" for k, n in unreadable.items())
        said.append(say("variants_strongest", "unreadable", reasons=reasons))
    if summary.get("tested"):
        said.append(
            say(
                "variants_strongest",
                "tested",
                tested=number(summary["tested"]),
                drawn=number(summary["null"]["drawn"]),
                significant=number(summary["significant"]),
            )
        )
    if untested := summary.get("untested"):
        key = "untested" if summary.get("null", {}).get("drawn") else "no_null"
        said.append(say("variants_strongest", key, untested=number(untested)))
    return f"<p>{' '.join(said)}</p>"


def _strongest(effects: VariantEffects) -> str:
    head = TEXTS["variants_strongest"]["head"]
    motifs = {"motif_gained", "motif_lost"} <= set(effects.strongest)
    rows = []
    for row in effects.strongest.to_dict("records"):
        cells = [
            escape(f"{row['chrom']}:{row['position']:,}"),
            escape(_text(row["id"])) or "–",
            escape(f"{_shown(row['reference'])} > {_shown(row['alternative'])}"),
            signed(row["difference"]),
            _small(row.get("p")),
            _small(row.get("q")),
        ]
        if motifs:
            cells += [escape(_text(row[name])) or "–" for name in ("motif_gained", "motif_lost")]
        rows.append(cells)
    return table(head if motifs else head[:6], rows, numeric=3) if rows else ""


def _text(value: object) -> str:
    """A cell of text; an empty one was read as missing."""
    return value if isinstance(value, str) else ""


def _shown(allele: object, most: int = 12) -> str:
    """A long allele is cut."""
    allele = _text(allele)
    return allele if len(allele) <= most else f"{allele[:most]}… ({len(allele)} bp)"


def _small(value: float | None) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.2g}"
