"""The number of CpG per base: no more than counting, and on benchmarks of the field as good.

It is another number than observed over expected CpG (`cpg`), which divides by the content of C
and G. Where N runs mark repeats or padding, per base and per known base differ: both are tried.
"""

from __future__ import annotations

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    better_on_validation,
    fit_feature,
)

PER_BASE = fit_feature(lambda regions: regions.composition.cpg_density)
PER_KNOWN_BASE = fit_feature(lambda regions: regions.composition.cpg_known_density)


def _fit(regions: BaselineRegions) -> BaselineScores:
    candidates = {"base": PER_BASE(regions), "known base": PER_KNOWN_BASE(regions)}
    return better_on_validation(candidates, regions, "per")


BASELINE = Baseline(
    order=4,
    title="CpG density",
    sees="CpG per base, or per known base",
    colour="#882255",
    fit=_fit,
    choice="CpG per {per}",
    advice="These classes can be told apart by counting CpG. Match the negatives in CpG, and "
    "train again, to ask what the sequence says beyond it.",
)
