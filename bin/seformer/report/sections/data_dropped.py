"""Regions that were given and left out, by reason."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import TEXTS, Section
from seformer.report.draw import CYCLE, bars
from seformer.report.results import Results

REASONS = TEXTS["drop_reasons"]


def sections(results: Results) -> Iterator[Section]:
    dropped = {s.name: s.regions["drop_reason"].value_counts() for s in results.with_("regions")}
    # known reasons in their order, then others as they come
    reasons = dict.fromkeys(
        [
            *REASONS,
            *(
                reason
                for sample in results.with_("regions")
                for reason in sample.regions["drop_reason"].unique()
            ),
        ]
    )
    seen = [r for r in reasons if r and any(counts.get(r, 0) for counts in dropped.values())]
    if seen:
        names = {reason: REASONS.get(reason, reason) for reason in seen}
        data = {
            sample: {name: int(counts.get(reason, 0)) for reason, name in names.items()}
            for sample, counts in dropped.items()
        }
        colours = {name: (name, CYCLE[i % len(CYCLE)]) for i, name in enumerate(names.values())}
        yield bars("data_dropped", data, colours)
