"""GC content alone."""

from __future__ import annotations

from seformer.evaluation.baselines.base import Baseline, fit_feature

BASELINE = Baseline(
    order=2,
    title="GC content",
    sees="GC content",
    colour="#009E73",
    fit=fit_feature(lambda regions: regions.composition.gc),
    advice="These classes can be told apart by base composition. Match the negatives in GC, and "
    "train again, to ask what the sequence says beyond it.",
)
