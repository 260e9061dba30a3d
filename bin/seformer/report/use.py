"""Sections on the BED files that the trained model scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seformer.report.collect import Predictions, Results
from seformer.report.content import (
    CYCLE,
    GREY,
    SUPER,
    TYPICAL,
    Section,
    bar_height,
    escape,
    number,
    outline,
    percent,
    plain,
    table,
)

FLAGS = {
    "length_outside_training": "length outside training",
    "gc_outside_training": "GC outside training",
    "n_rich": "over 10 % unknown bases",
    "short": "under 200 bp",
    "other_assembly": "other assembly than in training",
}


def sections(results: Results) -> Iterator[Section]:
    scored = named({s.name: s.predictions for s in results.with_("predictions")})
    if scored:
        yield calls(scored)
        yield probabilities(scored)
        if any(found.flags or found.unscored for found in scored.values()):
            yield flags(scored)


def named(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name every BED; with several models by model and BED."""
    if len(found) == 1:
        return {plain(bed): one for beds in found.values() for bed, one in beds.items()}
    return {
        f"{plain(sample)} · {plain(bed)}": one
        for sample, beds in found.items()
        for bed, one in beds.items()
    }


def calls(scored: Mapping[str, Predictions]) -> Section:
    data = {
        name: {
            "se": found.super_enhancers,
            "te": found.scored - found.super_enhancers,
            "none": found.rows - found.scored,
        }
        for name, found in scored.items()
    }
    return Section(
        "predictions",
        "predictions_calls",
        "Calls",
        "Regions called super-enhancer, typical enhancer, or not scored (for instance without "
        "known bases); every row is in the table of predictions. A bad bar is almost all one "
        "colour where you expect both, or has many regions not scored.",
        "bargraph",
        data,
        {
            "ylab": "regions",
            "cpswitch_counts_label": "Regions",
            "tt_decimals": 0,
            "height": bar_height(len(data)),
        },
        {
            "se": {"name": "super-enhancer", "color": SUPER},
            "te": {"name": "typical enhancer", "color": TYPICAL},
            "none": {"name": "not scored", "color": GREY},
        },
    )


def probabilities(scored: Mapping[str, Predictions]) -> Section:
    lines = {}
    for name, found in scored.items():
        share = 100 * found.histogram / max(1, found.scored)
        lines[name] = outline(np.linspace(0, 1, len(share) + 1).tolist(), share)
    return Section(
        "predictions",
        "predictions_probability",
        "Probabilities",
        "How the probabilities of each BED spread. A single narrow peak means that the model "
        "does not tell these regions apart, often because they are unlike those of the training.",
        "linegraph",
        lines,
        {
            "xlab": "predicted probability of a super-enhancer",
            "ylab": "share of regions in %",
            "xmin": 0,
            "xmax": 1,
            "ymin": 0,
            "colors": {name: CYCLE[i % len(CYCLE)] for i, name in enumerate(lines)},
            "style": "lines",
            "smooth_points": None,
        },
    )


def flags(scored: Mapping[str, Predictions]) -> Section:
    rows = []
    for name, found in scored.items():
        counted = [(FLAGS.get(k, k), v) for k, v in found.flags.most_common()]
        counted += [(f"not scored: {k.replace('_', ' ')}", v) for k, v in found.unscored.items()]
        for flag, n in counted:
            rows.append([escape(name), escape(flag), number(n), percent(n, found.rows)])
    return Section(
        "predictions",
        "predictions_flags",
        "Flags",
        "What to keep in mind about single rows. A flag on most rows means that the BED is not "
        "of the kind the model knows: its scores may rank, but hardly measure.",
        "html",
        table(["regions", "flag", "rows", "share"], rows, numeric=2),
    )
