"""The model's probabilities of both classes on the test part."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import Section
from seformer.report.draw import CLASSES, lines, outline
from seformer.report.results import Results


def sections(results: Results) -> Iterator[Section]:
    tabs = {}
    for sample in results.with_("curves"):
        counts = sample.curves["test"]["histogram"]["model"]
        tabs[sample.name] = {}
        for key, (_, title, _) in zip(("se", "te"), CLASSES, strict=True):
            total = max(1, sum(counts[key]))
            shares = [100 * n / total for n in counts[key]]
            tabs[sample.name][title] = outline(counts["edges"], shares)
    if tabs:
        yield lines("test_scores", tabs, {title: colour for _, title, colour in CLASSES})
