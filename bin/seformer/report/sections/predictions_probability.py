"""How the probabilities of every BED spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seformer.report.content import TEXTS, Section
from seformer.report.draw import lines, outline, strokes
from seformer.report.results import Results
from seformer.report.sections.predictions_calls import say_thresholds


def sections(results: Results) -> Iterator[Section]:
    """Draw one line per BED; with several models one tab per BED and one line per model."""
    samples = results.with_("predictions")
    several = len(samples) > 1
    tabs: dict[str, dict[str, list[list[float]]]] = {}
    for sample in samples:
        for bed, counts in sample.predictions.items():
            share = 100 * counts.histogram / max(1, counts.scored)
            line = outline(np.linspace(0, 1, len(share) + 1).tolist(), share)
            tabs.setdefault(bed if several else "", {})[sample.name if several else bed] = line
    if tabs:
        ylab = TEXTS["predictions_probability"]["axes"]["ylab"]
        yield lines(
            "predictions_probability",
            tabs,
            strokes(dict.fromkeys(name for drawn in tabs.values() for name in drawn)),
            ylabs=dict.fromkeys(tabs, ylab),
            values={"thresholds": say_thresholds(results)},
        )
