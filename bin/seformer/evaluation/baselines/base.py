"""What a baseline is: its words and looks, and how it is fitted."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seformer.model.kmer_logistic import fit_kmer_logistic, scaling, standardised
from seformer.sequence.composition import Composition, composition
from seformer.util.ranks import auroc

MOST_TREES = 400


class BaselineScores(NamedTuple):
    """Scores of all regions (margins, float64 [n]) and what was chosen on validation."""

    scores: np.ndarray
    chosen: dict[str, Any]


@dataclass(frozen=True)
class BaselineRegions:
    """The regions of all three parts, as every baseline sees them.

    Attributes
    ----------
    sequences
        Opens the sequences of all regions anew, so that a baseline holds no more of them than it
        needs.
    labels
        int [n], 1 = SE. Those of test rows are never read.
    split
        str [n]: train, validation or test.
    tracks
        Name of a track -> its mean, maximum and sum over each region, float64 [n, 3].
    """

    sequences: Callable[[], Iterable[str]]
    labels: np.ndarray
    split: np.ndarray
    tracks: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def train(self) -> np.ndarray:
        """Rows that are fitted on: bool [n]."""
        return self.split == "train"

    @cached_property
    def validation(self) -> np.ndarray:
        """Rows that choose: bool [n]."""
        return self.split == "validation"

    @cached_property
    def composition(self) -> Composition:
        """Length and composition of all regions, measured once for all baselines."""
        return composition(self.sequences(), total=len(self.labels))

    def in_parts(self, split: np.ndarray) -> BaselineRegions:
        """Return the same regions in other parts, str [n]; their composition is kept."""
        other = replace(self, split=split)
        vars(other)["composition"] = self.composition
        return other


@dataclass(frozen=True)
class Baseline:
    """One baseline; its name is that of its module.

    Attributes
    ----------
    order
        Place among the baselines, in tables and results.
    title
        As sentences and tables say it.
    sees
        What it sees, for the documentation.
    colour, dash
        Of its lines in figures.
    fit
        Fits on the training part, chooses on the validation part and scores all regions:
        deterministic, without side effects. Imports of torch and sklearn stand inside, so that
        the words can be read without them. None for a training of its own, which comes as a
        model folder.
    advice
        What it means for the user if the model is hardly better; empty for a baseline that is
        no shortcut.
    choice
        How the report says what was chosen, a format of the keys of `BaselineScores.chosen`.
    probabilities
        Whether the report draws its calibration beside the model's.
    strong
        Whether it goes as far as composition does: to beat none of these shows nothing.
    """

    order: int
    title: str
    sees: str
    colour: str
    fit: Callable[[BaselineRegions], BaselineScores] | None
    dash: str = "dot"
    advice: str = ""
    choice: str = ""
    probabilities: bool = False
    strong: bool = False


def fit_feature(
    feature: Callable[[BaselineRegions], np.ndarray],
) -> Callable[[BaselineRegions], BaselineScores]:
    """Return the fit of a logistic regression on one number a region.

    ``feature`` gives it of all regions, float64 ``[n]``: of their composition, which is measured
    already, or of the sequences.
    """
    return lambda regions: logistic_regression(feature(regions)[:, None], regions)


def logistic_regression(features: np.ndarray, regions: BaselineRegions) -> BaselineScores:
    """Fit a logistic regression on a few standardised features, float64 ``[n, features]``."""
    from sklearn.linear_model import LogisticRegression

    train = regions.train
    scaled = standardised(features, *scaling(features, train))
    model = LogisticRegression(C=1.0).fit(scaled[train], regions.labels[train])
    scores = model.decision_function(scaled)
    if features.shape[1] > 1:
        return BaselineScores(scores, {})
    slope = float(model.coef_[0, 0])
    direction = "none" if slope == 0 else "higher is SE" if slope > 0 else "lower is SE"
    return BaselineScores(scores, {"direction": direction})


def kmer_regression(kmers: Mapping[int, np.ndarray], regions: BaselineRegions) -> BaselineScores:
    """Fit a logistic regression on k-mers; k and the penalty are chosen on validation.

    ``kmers``: k -> float32 ``[n, canonical k-mers]``.
    """
    best = fit_kmer_logistic(kmers, regions.labels, regions.train, regions.validation)
    # row by row: the table in float64 would double the memory
    scores = np.array([row @ best.weight + best.bias for row in kmers[best.k]], np.float64)
    return BaselineScores(scores, {"k": best.k, "C": best.strength})


def boosted_trees(features: np.ndarray, regions: BaselineRegions) -> BaselineScores:
    """Fit gradient-boosted trees on ``[n, features]``; as many as rank validation best."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels, train, validation = regions.labels, regions.train, regions.validation
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=MOST_TREES,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    ).fit(features[train], labels[train])
    aurocs = [
        auroc(labels[validation], scores.ravel())
        for scores in model.staged_decision_function(features[validation])
    ]
    trees = int(np.argmax(aurocs)) + 1
    staged = itertools.islice(model.staged_decision_function(features), trees - 1, None)
    return BaselineScores(next(staged).ravel(), {"trees": trees})


def better_on_validation(
    candidates: Mapping[str, BaselineScores], regions: BaselineRegions, key: str
) -> BaselineScores:
    """Take the candidate with the best validation AUROC, of equals the first.

    Its name is what was chosen as ``key``.
    """
    rows = regions.validation
    name = max(
        candidates, key=lambda name: auroc(regions.labels[rows], candidates[name].scores[rows])
    )
    best = candidates[name]
    return best._replace(chosen={key: name} | best.chosen)
