"""Baselines in cross-validation beside scores that are given, and all of them measured together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm, rankdata

from seformer.evaluation.baselines import BASELINES, fit_baselines, fitted_baselines
from seformer.evaluation.baselines.base import BaselineRegions
from seformer.evaluation.compare import (
    CONTAINMENT,
    MODEL,
    CalibratedScorer,
    calibrate_scorer,
    measure_parts,
    measure_test,
    probability_column,
)
from seformer.evaluation.cross_validation import mean_validation
from seformer.evaluation.curves import curve_points
from seformer.evaluation.evaluate import RULES, Evaluation
from seformer.evaluation.judged_regions import TooFewError
from seformer.evaluation.metrics import ScoredRegions
from seformer.evaluation.settings import JudgeSettings
from seformer.model.calibration import choose_threshold
from seformer.regions.scores import MARGINS, PROBABILITIES, ScoredTable
from seformer.sequence.composition import SINGLE_FEATURES
from seformer.splits.assign import class_counts, into_folds, usable_chromosomes
from seformer.splits.sequence_store import SequenceStore
from seformer.util.errors import UserError
from seformer.util.labels import PARTS, SUPER, TYPICAL
from seformer.util.ranks import spearman

logger = logging.getLogger(__name__)
VALIDATION_FRACTION = 0.2
# in each part of each fold
LEAST_PER_CLASS = 2
PLACES = {"chrom": "chromosomes", "cluster": "clusters"}
JUDGED_RULES = {
    **RULES,
    "calibration": "fitted on each fold's validation part for each baseline; for the scores on all "
    "regions outside the fold, on their normal ranks, unless probabilities were given",
    "threshold": "chosen on the same regions as the calibration",
    "pooling": "a baseline's score of a region is its rank among all regions in the model of the "
    "fold that tests it; the scores are taken as they are",
    "validation": "mean over the folds of values and of interval ends",
}


def choose_folds(
    regions: pd.DataFrame, folds: int, seed: int, source: str
) -> tuple[str, list[np.ndarray]]:
    """Choose the folds of the baselines: whole chromosomes where there are enough, else clusters.

    Parameters
    ----------
    regions
        Columns ``chrom``, ``cluster`` and ``label``.
    source
        Where they are from, for messages.

    Returns
    -------
    tuple
        ``chrom`` or ``cluster``, and for each fold the part of each region, str ``[n]``.

    Raises
    ------
    TooFewError
        If there are too few regions of a class.
    """
    ways = ["chrom"] if usable_chromosomes(regions, max(3, folds)) else []
    ways += ["cluster"] if regions["cluster"].nunique() > folds else []
    for by in ways:
        parts = into_folds(regions, by, folds, VALIDATION_FRACTION, seed)
        if all(map(_has_both, [regions] * folds, parts)):
            return by, [part.to_numpy(str) for part in parts]
    positive = int((regions["label"] == 1).sum())
    raise TooFewError(
        f"too few regions to judge in {folds} folds: {positive} super-enhancers and "
        f"{len(regions) - positive} typical enhancers in {regions['cluster'].nunique()} loci",
        where=source,
        expected=f"so many that {LEAST_PER_CLASS} of each class are in each fold's training, "
        "validation and test part: some thirty of either class, in separate loci",
        do="give more regions, or fewer --folds",
    )


def _has_both(regions: pd.DataFrame, part: pd.Series) -> bool:
    counts = class_counts(regions.assign(split=part), "split").reindex(PARTS, fill_value=0)
    return bool((counts >= LEAST_PER_CLASS).all(axis=None))


# ------------------------------------------------------------------------- measuring


def judge_in_folds(
    regions: pd.DataFrame, store: SequenceStore, table: ScoredTable, settings: JudgeSettings
) -> Evaluation:
    """Fit the baselines fold by fold, and measure all scorers on all regions together."""
    by, parts = choose_folds(regions, settings.folds, settings.seed, table.source)
    labels = regions["label"].to_numpy(np.int64)
    given = _given_probabilities(regions, table, settings.probabilities)
    # torch gives a new thread its number of threads at first use: before the baselines limit it
    torch.get_num_threads()
    whole = BaselineRegions(lambda: store.take(range(len(regions))), labels, parts[0])
    pooled: dict[str, ScoredRegions] = {}
    measured, met = [], True
    for number, split in enumerate(parts, 1):
        logger.info("fold %d of %d", number, settings.folds)
        fitted = fit_baselines(whole.in_parts(split), fitted_baselines(settings.baseline_names))
        scorers = {MODEL: _ready(regions["score"].to_numpy(), given, labels, split, settings)}
        for name, baseline in fitted.items():
            scorers[name] = calibrate_scorer(
                baseline.scores,
                labels,
                split == "validation",
                settings.calibration,
                settings.threshold_by,
            )
        met &= scorers[MODEL].threshold.met
        measured.append(_measure_fold(regions.assign(split=split), scorers, settings))
        _pool(pooled, scorers, split == "test")
    test = measure_test(regions, pooled, settings.resamples, settings.seed)
    tests = [fold["test"] for fold in measured]
    return Evaluation(
        {
            "sample": settings.sample,
            "test": test,
            "validation": mean_validation([fold["validation"] for fold in measured]),
            "folds": [
                {"fold": number, "n": part["n"], "auroc": part[MODEL]["auroc"]}
                | {"delta": part["delta"]["auroc"]}
                for number, part in enumerate(tests, 1)
            ],
            "threshold": {"by": settings.threshold_by, "met": met},
            "thresholds": {},
            "baseline_choices": {},
            "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
            "rules": JUDGED_RULES,
            "judged": {
                "scores": Path(table.source).name,
                "column": table.column,
                "probabilities": "fitted" if given is None else "given",
                "folds_of": PLACES[by],
                "rank_correlations": correlate(regions["score"].to_numpy(), whole, pooled),
            },
        },
        curve_points(labels, pooled),
        _tabulate(regions, pooled, parts),
    )


def _given_probabilities(
    regions: pd.DataFrame, table: ScoredTable, probabilities: str
) -> np.ndarray | None:
    """The probabilities that the table gives, float64 [n]; None if they have to be fitted.

    Any number from 0 to 1 may be something else, such as a share of bases: without a name that
    says so they count as probabilities only if they lie on both sides of one half.
    """
    if probabilities == "fitted":
        return None
    beside = regions["probability"].to_numpy(np.float64)
    if table.beside and ((beside >= 0) & (beside <= 1)).all():
        return beside
    scores = regions["score"].to_numpy(np.float64)
    lowest, highest = scores.min(), scores.max()
    named, inside = table.column.lower(), 0 <= lowest and highest <= 1
    if probabilities == "given":
        if not inside:
            raise UserError(
                f"the scores are not probabilities: they lie between {lowest:g} and {highest:g}",
                where=table.source,
                expected="numbers from 0 to 1 with --probabilities given",
                do="leave it out, or name another column with --score-column",
            )
        return scores
    likely = named in PROBABILITIES or (named not in MARGINS and lowest < 0.5 < highest)
    return scores if inside and likely else None


def _ready(
    scores: np.ndarray,
    given: np.ndarray | None,
    labels: np.ndarray,
    split: np.ndarray,
    settings: JudgeSettings,
) -> CalibratedScorer:
    """Probabilities and calls of the scores in one fold, learned outside its test part.

    Scores may be of any scale and hold outliers: their normal ranks are calibrated, which keep
    their order and nothing else.
    """
    rest, by = split != "test", settings.threshold_by
    if given is None:
        normal = norm.ppf(rankdata(scores) / (len(scores) + 1))
        return calibrate_scorer(normal, labels, rest, settings.calibration, by)
    threshold = choose_threshold(labels[rest], given[rest], by)
    called = (given >= threshold.value).astype(np.int64)
    return CalibratedScorer({}, threshold, ScoredRegions(scores, given, called))


def _measure_fold(
    regions: pd.DataFrame, scorers: Mapping[str, CalibratedScorer], settings: JudgeSettings
) -> dict[str, Any]:
    held_out = (regions["split"] != "train").to_numpy()
    taken = {
        name: scorer._replace(scored=scorer.scored.take(held_out))
        for name, scorer in scorers.items()
    }
    plain = regions[held_out].drop(columns=CONTAINMENT, errors="ignore")
    return measure_parts(plain, taken, settings.resamples, settings.seed)


def _pool(
    pooled: dict[str, ScoredRegions], scorers: Mapping[str, CalibratedScorer], test: np.ndarray
) -> None:
    """Put the test rows of one fold into the arrays of all folds.

    Margins of two folds' models have two scales, and calibration on a small part does not make
    them one. The rank of a region among all regions, in the fold's own model, does: of a single
    feature it is the rank of the feature itself, so that no scorer is worse for being pooled.
    """
    for name, scorer in scorers.items():
        scored, n = scorer.scored, len(test)
        if name != MODEL:
            scored = scored._replace(score=rankdata(scored.score) / n)
        whole = pooled.setdefault(
            name, ScoredRegions(np.empty(n), np.empty(n), np.empty(n, np.int64))
        )
        for column, values in zip(whole, scored, strict=True):
            column[test] = values[test]


def correlate(
    scores: np.ndarray, regions: BaselineRegions, pooled: Mapping[str, ScoredRegions]
) -> dict[str, float]:
    """Rank correlation (Spearman) of the scores with length and composition, where these vary.

    Each single feature, and each baseline that is a shortcut of several, out of fold.
    """
    features = {name: getattr(regions.composition, name) for name in SINGLE_FEATURES}
    features |= {
        name: pooled[name].score
        for name, baseline in BASELINES.items()
        if baseline.advice and name in pooled and name not in features
    }
    return {
        name: spearman(scores, values) for name, values in features.items() if np.ptp(values) > 0
    }


def _tabulate(
    regions: pd.DataFrame, pooled: Mapping[str, ScoredRegions], parts: Sequence[np.ndarray]
) -> pd.DataFrame:
    """Tabulate the judged regions: judged.tsv, less what was left out."""
    table = regions[["score"]].copy()
    table["probability"] = pooled[MODEL].probability
    table["prediction"] = np.where(pooled[MODEL].prediction == 1, SUPER, TYPICAL)
    for name, scored in pooled.items():
        if name != MODEL:
            table[probability_column(name)] = scored.probability
    table["fold"] = np.argmax([part == "test" for part in parts], axis=0) + 1
    table["cluster"] = regions["cluster"]
    if CONTAINMENT in regions:
        table[CONTAINMENT] = regions[CONTAINMENT]
    return table
