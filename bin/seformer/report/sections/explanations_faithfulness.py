"""Whether the attributions can be believed: four checks on a few regions of every BED."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.findings import CHECKS, FAITHFUL, MUTAGENESIS, SHUFFLED, STABLE
from seformer.report.content import Section
from seformer.report.draw import html, number, table
from seformer.report.results import Results
from seformer.util.markup import escape

HEAD = [
    "regions",
    "checked",
    f"deletion, times random<small>bad: under {FAITHFUL}</small>",
    f"agreement with mutagenesis<small>bad: under {MUTAGENESIS}</small>",
    f"agreement between seeds<small>bad: under {STABLE}</small>",
    f"agreement with a random model<small>bad: {SHUFFLED} or more, or as high as one of the two "
    "before</small>",
]


def sections(results: Results) -> Iterator[Section]:
    rows = []
    for name, bed in results.by_bed("explanations").items():
        checked = bed.summary.get("faithfulness", {})
        if summary := checked.get("summary"):
            cells = ["–" if summary.get(key) is None else f"{summary[key]:.2f}" for key in CHECKS]
            rows.append([escape(name), number(len(checked.get("regions", []))), *cells])
    if rows:
        yield html("explanations_faithfulness", table(HEAD, rows))
