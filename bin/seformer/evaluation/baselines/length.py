"""The length of the region alone."""

from __future__ import annotations

import numpy as np

from seformer.evaluation.baselines.base import Baseline, fit_feature

BASELINE = Baseline(
    order=1,
    title="region length",
    sees="the length",
    colour="#E69F00",
    fit=fit_feature(lambda regions: np.log(np.maximum(1, regions.composition.length))),
    advice="Whatever else it looks at, these classes can be told apart by length. Cut or match "
    "the regions to one length, and train again, to ask what the sequence says.",
)
