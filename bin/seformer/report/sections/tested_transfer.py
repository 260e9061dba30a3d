"""The models of all samples on one another: rows learned from, columns tested on."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.verdict import percent, scorer_title, spoken
from seformer.report.content import Section, say
from seformer.report.draw import html, table
from seformer.report.results import Results
from seformer.util.markup import escape

LOCUS_MEAN = "locus_mean"


def sections(results: Results) -> Iterator[Section]:
    if not results.transfer:
        return
    tests = results.transfer["tests"]
    samples, models = (results.in_order(results.transfer[key]) for key in ("samples", "models"))
    rows = []
    for model in [*models, LOCUS_MEAN]:
        cells = [escape("mean of the locus elsewhere" if model == LOCUS_MEAN else model)]
        for sample in samples:
            value, low, high = (
                f"{tests[sample]['scores'][model]['auroc'][key]:.3f}"
                for key in ("value", "low", "high")
            )
            text = f"{value}<br><small>{low} to {high}</small>"
            if delta := tests[sample].get("delta", {}).get(model):
                over = escape(scorer_title(delta["auroc"]["baseline"]))
                text += f"<br><small>Δ {spoken(delta['auroc'], signed=True)} over {over}</small>"
            cells.append(f"<strong>{text}</strong>" if model == sample else text)
        rows.append(cells)
    known = ", ".join(
        f"{escape(sample)} {percent(100 * tests[sample]['known_elsewhere'], 100)}"
        for sample in samples
    )
    drawn = table(["learned from", *map(escape, samples)], rows)
    yield html("test_transfer", f"{drawn}<p>{say('test_transfer', 'known', known=known)}</p>")
