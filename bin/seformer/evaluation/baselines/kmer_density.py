"""Logistic regression on k-mers a kilobase, in logarithms; k and the penalty chosen on validation.

What `--features kmer_density` adds to a model. It sees what frequencies hide: N, and how many
k-mers there are at all.
"""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    kmer_regression,
)
from seformer.sequence.kmers import density_of_frequency

# longer k-mers are mostly absent from a region, and rank no better there
SIZES = (3, 4, 5)


def _fit(regions: BaselineRegions) -> BaselineScores:
    measured = regions.composition
    densities = {
        k: density_of_frequency(measured.kmers[k], measured.kmer_totals[k], measured.length)
        for k in SIZES
    }
    return kmer_regression(densities, regions)


BASELINE = Baseline(
    order=8,
    title="k-mer density regression",
    sees="3- to 5-mers a kilobase in logarithms, N among the bases, logistic regression",
    colour="#DDAA33",
    dash="longdash",
    fit=_fit,
    choice="logistic regression on densities of {k}-mers",
    probabilities=True,
    strong=True,
)
