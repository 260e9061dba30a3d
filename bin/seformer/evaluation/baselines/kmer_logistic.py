"""Logistic regression on k-mer frequencies; k and the penalty are chosen on validation."""

from __future__ import annotations

import numpy as np

from seformer.evaluation.baselines.base import Baseline, BaselineRegions, BaselineScores


def _fit(regions: BaselineRegions) -> BaselineScores:
    from seformer.model.kmer_logistic import fit_kmer_logistic

    kmers = regions.composition.kmers
    best = fit_kmer_logistic(kmers, regions.labels, regions.train, regions.validation)
    # row by row: the table in float64 would double the memory
    scores = np.array([row @ best.weight + best.bias for row in kmers[best.k]], np.float64)
    return BaselineScores(scores, {"k": best.k, "C": best.strength})


BASELINE = Baseline(
    order=7,
    title="k-mer regression",
    sees="3- to 6-mer frequencies, logistic regression",
    colour="#56B4E9",
    dash="dash",
    fit=_fit,
    choice="logistic regression on {k}-mers",
    probabilities=True,
)
