"""GC content alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    fit_one_feature,
)


def _fit(regions: BaselineRegions) -> BaselineScores:
    return fit_one_feature(regions.composition.gc, regions)


BASELINE = Baseline(
    order=2,
    title="GC content",
    sees="GC content",
    colour="#009E73",
    fit=_fit,
    advice="These classes can be told apart by base composition. Match the negatives in GC, and "
    "train again, to ask what the sequence says beyond it.",
)
