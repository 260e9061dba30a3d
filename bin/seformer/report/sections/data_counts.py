"""How many regions are used, how long they are, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.findings import random_regions
from seformer.evaluation.verdict import percent
from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import CLASSES, html, number, table
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("regions")
    if samples:
        remarks = [f"{escape(s.name)}: {remark}." for s in samples for remark in _remarks(s)]
        remarks += [
            f"{escape(name)}: {escape(file)} was read as {escape(form)}."
            for name, forms in (results.audit or {}).get("read_as", {}).items()
            for file, form in forms.items()
        ]
        below = "".join(f"<p>{remark}</p>" for remark in remarks)
        yield html(
            "data_counts", table(TEXTS["data_counts"]["head"], list(map(_row, samples))) + below
        )


def _row(sample: SampleResults) -> list[str]:
    used = sample.used
    cells = [
        escape(sample.name),
        number(0 if sample.regions is None else len(sample.regions)),
        number(len(used)),
    ]
    for label, _, _ in CLASSES:
        regions = used[used["label"] == label]
        median = f"{regions['length'].median():,.0f}" if len(regions) else "–"
        gc = f"{100 * regions['gc'].mean():.1f}" if len(regions) else "–"
        cells += [number(len(regions)), median, gc]
    return [*cells, percent((used["label"] == 1).sum(), len(used))]


def _remarks(sample: SampleResults) -> Iterator[str]:
    """Say what the counts do not: one length only, rows that are not regions as they were given."""
    if sample.one_length:
        yield say("data_counts", "one_length", length=number(sample.one_length))
    parents = sample.regions.get("parent")
    parents = parents[parents.fillna("") != ""] if parents is not None else ()
    if len(parents):
        sizes = {"units": number(len(parents)), "regions": number(parents.nunique())}
        yield say("data_counts", "units", **sizes)
    if words := random_regions(sample.used):
        yield words
