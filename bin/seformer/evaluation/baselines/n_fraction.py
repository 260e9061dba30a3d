"""The share of unknown bases alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import Baseline, fit_feature

BASELINE = Baseline(
    order=5,
    title="share of N",
    sees="share of N",
    colour="#8A8A8A",
    fit=fit_feature(lambda regions: regions.composition.n_fraction),
    advice="The share of unknown bases differs between the classes, which is an artefact "
    "of how the regions were made.",
)
