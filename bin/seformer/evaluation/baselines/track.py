"""A track over the regions: conservation, ATAC, or what another model predicts, as a baseline.

Mean, maximum and sum of a bigWig over the region, each in a logistic regression, and all three
together; the best on validation. A track is no shortcut of the sequence: it is other knowledge,
and the question is whether the model has more of it.
"""

from __future__ import annotations

import functools
import re

import numpy as np

from seformer.evaluation.baselines.base import (
    Baseline,
    BaselineRegions,
    BaselineScores,
    better_on_validation,
    logistic_regression,
)
from seformer.genome.bigwig import STATISTICS

PREFIX = "track_"
NAME = re.compile("[A-Za-z0-9_]+")


def _fit(name: str, regions: BaselineRegions) -> BaselineScores:
    values = regions.tracks[name]
    # a region without any value speaks for neither class: it has the mean of those to train on
    train = values[regions.train]
    known = np.isfinite(train)
    middle = np.where(known, train, 0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
    values = np.where(np.isfinite(values), values, middle)
    candidates = {
        statistic: logistic_regression(values[:, [column]], regions)
        for column, statistic in enumerate(STATISTICS)
    }
    candidates["mean, maximum and sum"] = logistic_regression(values, regions)
    return better_on_validation(candidates, regions, "of")


@functools.cache
def track_baseline(name: str) -> Baseline:
    """Return the baseline of the track ``name``."""
    return Baseline(
        order=100,
        title=f"track {name}",
        sees="mean, maximum and sum of a bigWig",
        colour="#44AA99",
        fit=functools.partial(_fit, name),
        dash="longdash",
        choice="{of} of track " + name,
    )
