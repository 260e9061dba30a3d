"""ROC, precision and recall, and calibration on the test part: curves over the unit square."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from seformer.evaluation.baselines import find_baseline
from seformer.evaluation.verdict import scorer_title
from seformer.report.content import Section
from seformer.report.draw import GREY, apart, lines, scorer_looks, strokes
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape

SQUARE = {"xmin": 0, "xmax": 1, "ymin": 0, "ymax": 1.01, "height": 560}
# what guessing, or a perfect calibration, draws
DIAGONAL = {"pairs": [[0, 0], [1, 1]], "color": GREY, "dash": "longdash", "width": 1}


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("curves")
    if not samples:
        return
    yield square(samples, "roc", diagonal="guessing")
    shares = ", ".join(
        f"{escape(s.name)} {s.metrics['test']['prevalence']:.2f}" for s in samples if s.metrics
    )
    yield square(samples, "precision_recall", values={"shares": shares})
    yield square(samples, "calibration", reliability, diagonal="perfect", style="lines+markers")


def reliability(curves: dict[str, Any]) -> dict[str, Any]:
    """Points (probability, share) of the scorers that give probabilities."""
    return {
        name: [[point["probability"], point["share"]] for point in points]
        for name, points in curves.items()
        if name == "model" or ((baseline := find_baseline(name)) and baseline.probabilities)
    }


def square(
    samples: list[SampleResults],
    kind: str,
    points: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    *,
    section: str = "test",
    diagonal: str = "",
    **options: Any,
) -> Section:
    """Lay a figure over the unit square: a tab a sample, and with several first all models."""
    curves = {sample.name: points(sample.curves["test"][kind]) for sample in samples}
    tabs = {
        name: {scorer_title(scorer): apart(line) for scorer, line in drawn.items()}
        for name, drawn in curves.items()
    }
    if len(tabs) > 1:
        models = {name: apart(drawn["model"]) for name, drawn in curves.items()}
        tabs = {"All models": models} | tabs
    every = dict.fromkeys(scorer for drawn in curves.values() for scorer in drawn)
    looks = {scorer_title(name): look for name, look in scorer_looks(every).items()}
    if diagonal:
        series = [{"name": diagonal, **DIAGONAL}]
        options["extra_series"] = [series] * len(tabs) if len(tabs) > 1 else series
    return lines(f"{section}_{kind}", tabs, looks | strokes(curves), **options, **SQUARE)
