"""Logistic regression on k-mer frequencies; k and the penalty are chosen on validation."""

from __future__ import annotations

from seformer.evaluation.baselines.base import Baseline, kmer_regression

BASELINE = Baseline(
    order=7,
    title="k-mer regression",
    sees="3- to 6-mer frequencies, logistic regression",
    colour="#56B4E9",
    dash="dash",
    fit=lambda regions: kmer_regression(regions.composition.kmers, regions),
    choice="logistic regression on {k}-mers",
    probabilities=True,
    strong=True,
)
