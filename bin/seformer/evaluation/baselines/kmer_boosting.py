"""Gradient-boosted trees on k-mer frequencies; as many as give the best validation AUROC."""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    boosted_trees,
)

K = 4


def _fit(regions: BaselineRegions) -> BaselineScores:
    boosted = boosted_trees(regions.composition.kmers[K], regions)
    return boosted._replace(chosen={"k": K} | boosted.chosen)


BASELINE = Baseline(
    order=9,
    title="k-mer boosting",
    sees="4-mer frequencies, gradient-boosted trees",
    colour="#661100",
    dash="solid",
    fit=_fit,
    choice="{trees} boosted trees",
    probabilities=True,
    strong=True,
)
