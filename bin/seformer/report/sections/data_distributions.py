"""How long the regions of both classes are, and how rich in G and C."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from seformer.report.content import Section, say
from seformer.report.draw import CLASSES, outline, tabbed
from seformer.report.results import Results

BINS = 30
YLAB = "share of the class in %"


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("regions")
    if not samples:
        return
    # one length tells nothing
    for column in ("gc",) if all(s.one_length for s in samples) else ("length", "gc"):
        tabs = {sample.name: _outlines(sample.used, column) for sample in samples}
        data, labels = tabbed(tabs, dict.fromkeys(tabs, YLAB))
        config = {
            "xlab": say(f"data_{column}", "xlab"),
            "ylab": YLAB,
            "ymin": 0,
            "colors": {title: colour for _, title, colour in CLASSES},
            "style": "lines",
            "smooth_points": None,
            "x_decimals": 0 if column == "length" else 1,
            "y_decimals": 1,
            **labels,
            **({"xlog": True} if column == "length" else {}),
        }
        yield Section(f"data_{column}", "linegraph", data, config)


def _outlines(used: pd.DataFrame, column: str) -> dict[str, list[list[float]]]:
    """Draw the share of each class over length (log scale) or GC in percent."""
    used = used[np.isfinite(used[column].to_numpy(np.float64))]
    edges = _edges(used[column].to_numpy(np.float64), column)
    scale = 100 if column == "gc" else 1
    drawn = {}
    for label, title, _ in CLASSES:
        values = used.loc[used["label"] == label, column].to_numpy(np.float64)
        share = np.histogram(values, edges)[0] / max(1, len(values))
        drawn[title] = outline((edges * scale).tolist(), 100 * share)
    return drawn


def _edges(values: np.ndarray, column: str) -> np.ndarray:
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = values.min(), values.max()
    if column == "length":
        return np.geomspace(max(1, low) * 0.98, max(2, high) * 1.02, BINS + 1)
    return np.linspace(max(0, low - 0.01), min(1, high + 0.01), BINS + 1)
