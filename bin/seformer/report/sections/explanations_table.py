"""Whether the attributions of every BED add up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seformer.evaluation.findings import count_incomplete, largest_errors
from seformer.report.content import TEXTS, Section
from seformer.report.draw import html, number, table
from seformer.report.results import Explanations, Results
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    beds = results.by_bed("explanations")
    if beds:
        rows = [[escape(name), *_cells(bed)] for name, bed in beds.items()]
        limit = largest_errors(beds.values())
        yield html(
            "explanations_table",
            table(TEXTS["explanations_table"]["head"], rows, numeric=2),
            limits=limit,
        )


def _cells(bed: Explanations) -> list[str]:
    settings, windows = bed.summary.get("settings", {}), bed.summary.get("windows", {})
    how = [str(settings[key]) for key in ("method", "reference") if settings.get(key)]
    quantiles = ["–", "–"]
    if len(bed.errors):
        quantiles = [f"{100 * q:.2g} %" for q in np.quantile(bed.errors, [0.5, 0.95])]
    return [
        " · ".join(escape(word.replace("_", " ")) for word in how),
        number(bed.regions),
        number(count_incomplete(bed)),
        f"{number(windows['incomplete'])} of {number(windows['rows'])}" if windows else "–",
        *quantiles,
    ]
