"""The share of unknown bases alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    fit_one_feature,
)


def _fit(regions: BaselineRegions) -> BaselineScores:
    return fit_one_feature(regions.composition.n_fraction, regions)


BASELINE = Baseline(
    order=4,
    title="share of N",
    sees="share of N",
    colour="#8A8A8A",
    fit=_fit,
    advice="The share of unknown bases differs between the classes, which is an artefact "
    "of how the regions were made.",
)
