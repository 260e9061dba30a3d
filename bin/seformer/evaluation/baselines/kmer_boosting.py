"""Gradient-boosted trees on k-mer frequencies; as many as give the best validation AUROC."""

from __future__ import annotations

import itertools

import numpy as np

from seformer.evaluation.baselines.base import Baseline, BaselineRegions, BaselineScores

K = 4
MOST_TREES = 400


def _fit(regions: BaselineRegions) -> BaselineScores:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    kmers, labels = regions.composition.kmers[K], regions.labels
    train, validation = regions.train, regions.validation
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=MOST_TREES,
        max_leaf_nodes=15,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    ).fit(kmers[train], labels[train])
    aurocs = [
        roc_auc_score(labels[validation], scores.ravel())
        for scores in model.staged_decision_function(kmers[validation])
    ]
    trees = int(np.argmax(aurocs)) + 1
    staged = itertools.islice(model.staged_decision_function(kmers), trees - 1, None)
    return BaselineScores(next(staged).ravel(), {"k": K, "trees": trees})


BASELINE = Baseline(
    order=6,
    title="k-mer boosting",
    sees="4-mer frequencies, gradient-boosted trees",
    colour="#0072B2",
    dash="solid",
    fit=_fit,
    choice="{trees} boosted trees",
    probabilities=True,
)
