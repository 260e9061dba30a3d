"""How large the completeness errors of regions and windows are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seformer.evaluation.findings import largest_error, largest_errors
from seformer.report.content import Section
from seformer.report.draw import GREY, lines, strokes
from seformer.report.results import Results

# completeness errors are shown on this scale
EDGES = np.logspace(-4, 0, 33)


def sections(results: Results) -> Iterator[Section]:
    beds = results.by_bed("explanations")
    if not any(len(bed.errors) for bed in beds.values()):
        return
    drawn, looks, colours = {}, {}, strokes(beds)
    for name, bed in beds.items():
        colour, dash = colours[name]
        for line, errors, stroke in (
            (name, bed.errors, dash),
            (f"{name} · windows", bed.window_errors, "dot"),
        ):
            if len(errors):
                share = 100 * np.searchsorted(np.sort(errors), EDGES, side="right") / len(errors)
                x = np.round(100 * EDGES, 5).tolist()
                drawn[line] = [[a, round(float(b), 3)] for a, b in zip(x, share, strict=True)]
                looks[line] = colour, stroke
    yield lines(
        "explanations_completeness",
        {"": drawn},
        looks,
        values={"limits": largest_errors(beds.values())},
        x_lines=[
            {"value": 100 * value, "color": GREY, "dash": "dash", "width": 1}
            for value in sorted({largest_error(bed) for bed in beds.values() if len(bed.errors)})
        ],
    )
