"""The patterns that modisco finds in the attributions, without a motif file."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import headed, html, number, table
from seformer.report.results import Motifs, Results
from seformer.util.markup import escape

ROWS = 12


def sections(results: Results) -> Iterator[Section]:
    parts = {}
    for name, bed in results.by_bed("patterns").items():
        rows = [
            [
                escape(row.pattern),
                escape(row.speaks_for),
                number(int(row.seqlets)),
                f"<code>{escape(row.consensus)}</code>",
            ]
            for row in bed.table.head(ROWS).itertuples()
        ]
        parts[name] = f"<p>{_counted(bed)}</p>" + (
            table(TEXTS["explanations_patterns"]["head"], rows) if rows else ""
        )
    if parts:
        yield html("explanations_patterns", headed(parts))


def _counted(bed: Motifs) -> str:
    """Say what was searched, and how much of the attribution lies there."""
    counts, texts = bed.summary, "explanations_patterns"
    text = f"<b>{number(len(bed.table))}</b> patterns"
    if "windows" in counts:
        text += say(
            texts,
            "windows",
            windows=number(counts["windows"]),
            regions=number(counts["regions"]),
            attribution=100 * counts["attribution_in_windows"],
        )
    if unknown := counts.get("seqlets_with_unknown_bases"):
        text += say(texts, "unknown", unknown=number(unknown))
    if "instances" in counts:
        text += say(texts, "instances", instances=number(counts["instances"]))
    return f"{text}."
