"""All that counting says, together: length, GC, CpG both ways, N; in one regression or in trees."""

from __future__ import annotations

import numpy as np

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    better_on_validation,
    boosted_trees,
    logistic_regression,
)


def _fit(regions: BaselineRegions) -> BaselineScores:
    measured = regions.composition
    features = np.column_stack(
        [
            np.log(np.maximum(1, measured.length)),
            measured.gc,
            measured.cpg,
            measured.cpg_density,
            measured.cpg_known_density,
            measured.n_fraction,
        ]
    )
    candidates = {
        "logistic regression": logistic_regression(features, regions),
        "boosted trees": boosted_trees(features, regions),
    }
    return better_on_validation(candidates, regions, "by")


BASELINE = Baseline(
    order=6,
    title="composition",
    sees="length, GC, CpG (ratio and densities) and N together",
    colour="#999933",
    dash="dashdot",
    fit=_fit,
    choice="composition by {by}",
    advice="Length, GC, CpG and N together tell these classes apart. Match the negatives in all of "
    "them, and train again, to ask what the sequence says beyond counting.",
    probabilities=True,
    strong=True,
)
