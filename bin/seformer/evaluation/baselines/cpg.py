"""CpG observed over expected, alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    fit_one_feature,
)


def _fit(regions: BaselineRegions) -> BaselineScores:
    return fit_one_feature(regions.composition.cpg, regions)


BASELINE = Baseline(
    order=3,
    title="CpG ratio",
    sees="observed over expected CpG",
    colour="#CC79A7",
    fit=_fit,
    advice="These classes can be told apart by their CpG content; look whether one of them lies on "
    "CpG islands.",
)
