"""CpG observed over expected, alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import Baseline, fit_feature

BASELINE = Baseline(
    order=3,
    title="CpG ratio",
    sees="observed over expected CpG",
    colour="#CC79A7",
    fit=fit_feature(lambda regions: regions.composition.cpg),
    advice="These classes can be told apart by their CpG content; look whether one of them lies on "
    "CpG islands.",
)
