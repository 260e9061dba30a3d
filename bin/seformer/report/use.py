"""Sections on the BED files that the trained model scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seformer.evaluation.verdict import percent
from seformer.report.collect import Predictions, Results, Sample
from seformer.report.content import (
    GREY,
    SUPER,
    TYPICAL,
    Section,
    bar_height,
    number,
    outline,
    strokes,
    table,
)
from seformer.report.data import REASONS
from seformer.util.markup import escape

FLAGS = {
    "length_outside_training": "length outside training",
    "gc_outside_training": "GC outside training",
    "n_rich": "over 10 % unknown bases",
    "short": "under 200 bp",
    "chromosome_outside_training": "chromosome without a labelled region",
    "other_assembly": "other assembly than in training",
}


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("predictions")
    scored = named({s.name: s.predictions for s in samples})
    if scored:
        yield calls(scored)
        yield probabilities(samples)
        if any(found.flags or found.unscored for found in scored.values()):
            yield flags(scored)


def named(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name every BED; with several models by model and BED."""
    if len(found) == 1:
        return {bed: one for beds in found.values() for bed, one in beds.items()}
    return {f"{sample} · {bed}": one for sample, beds in found.items() for bed, one in beds.items()}


def headed(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give each BED its heading; a single one needs none."""
    for name, one in found.items():
        yield f"<h4>{escape(name)}</h4>" if len(found) > 1 else "", one


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
        "colour where you expect both, or has many regions not scored."
        + "".join(
            f" {escape(name)} was read as {escape(found.summary['read_as'])}."
            for name, found in scored.items()
            if "read_as" in found.summary
        ),
        "bargraph",
        data,
        {
            "ylab": "regions",
            "cpswitch_counts_label": "Regions",
            "tt_decimals": 0,
            "sort_samples": False,
            "height": bar_height(len(data)),
        },
        {
            "se": {"name": "super-enhancer", "color": SUPER},
            "te": {"name": "typical enhancer", "color": TYPICAL},
            "none": {"name": "not scored", "color": GREY},
        },
    )


def probabilities(samples: list[Sample]) -> Section:
    """Draw one line per BED; with several models one tab per BED and one line per model."""
    several = len(samples) > 1
    tabs: dict[str, dict[str, Any]] = {}
    for sample in samples:
        for bed, found in sample.predictions.items():
            share = 100 * found.histogram / max(1, found.scored)
            line = outline(np.linspace(0, 1, len(share) + 1).tolist(), share)
            name = sample.name if several else bed
            tabs.setdefault(bed if several else "", {})[name] = line
    drawn = strokes(dict.fromkeys(name for lines in tabs.values() for name in lines))
    labels = [{"name": bed, "ylab": "share of regions in %"} for bed in tabs]
    return Section(
        "predictions",
        "predictions_probability",
        "Probabilities",
        "How the probabilities of each BED spread. A single narrow peak means that the model "
        "does not tell these regions apart, often because they are unlike those of the training.",
        "linegraph",
        list(tabs.values()) if len(tabs) > 1 else next(iter(tabs.values())),
        {
            "xlab": "predicted probability of a super-enhancer",
            "ylab": "share of regions in %",
            "xmin": 0,
            "xmax": 1,
            "ymin": 0,
            "colors": {name: colour for name, (colour, _) in drawn.items()},
            "dash_styles": {name: dash for name, (_, dash) in drawn.items()},
            "style": "lines",
            "smooth_points": None,
            **({"data_labels": labels} if len(tabs) > 1 else {}),
        },
    )


def flags(scored: Mapping[str, Predictions]) -> Section:
    """Tabulate the flags: a row per BED, a column per flag that occurs."""
    seen = dict.fromkeys(k for found in scored.values() for k, _ in found.flags.most_common())
    lost = dict.fromkeys(k for found in scored.values() for k in found.unscored)
    rows = []
    for name, found in scored.items():
        counted = [found.flags[k] for k in seen] + [found.unscored[k] for k in lost]
        cells = [f"{number(n)}<small>{percent(n, found.rows)}</small>" for n in counted]
        rows.append([escape(name), number(found.rows), *cells])
    head = [escape(FLAGS.get(k, k)) for k in seen]
    head += [f"not scored: {escape(REASONS.get(k, k.replace('_', ' ')))}" for k in lost]
    return Section(
        "predictions",
        "predictions_flags",
        "Flags",
        "What to keep in mind about single rows. A flag on most rows means that the BED is not "
        "of the kind the model knows: its scores may rank, but hardly measure.",
        "html",
        table(["regions", "rows", *head], rows),
    )
