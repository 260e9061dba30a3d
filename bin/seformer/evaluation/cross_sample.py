"""Every cell line's model on every cell line's test regions.

Across cell lines a score can be right for two reasons: the model has learned sequence that works
elsewhere too, or most loci simply keep their class. The locus mean of the other cell lines knows
nothing but the latter, so it stands beside (Schreiber 2020, doi:10.1186/s13059-020-02177-y). And
composition may carry over too: the baselines learn from the same regions as the model they stand
beside, and are scored where it is.
"""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.baselines import fit_baselines, fitted_baselines
from seformer.evaluation.baselines.base import BaselineRegions
from seformer.evaluation.compare import MODEL, best_baselines
from seformer.evaluation.settings import TransferSettings
from seformer.evaluation.transfer_verdict import judge_transfer
from seformer.genome import intervals
from seformer.model.calibration import calibrate, fit_calibration
from seformer.model.folder import load_model
from seformer.model.settings import read_settings
from seformer.scoring.score import Ensemble
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import TRAINING_PARTS
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import read_tsv

logger = logging.getLogger(__name__)
LOCUS_MEAN = "locus_mean"
MEASURES = ("auroc", "auprc")


class ModelScores(NamedTuple):
    """Probabilities of the test regions of one sample: float64 ``[n]`` each.

    ``baselines`` learned from the regions that ``model`` learned from.
    """

    model: np.ndarray
    baselines: dict[str, np.ndarray]


class _Learner(NamedTuple):
    """What a model learned from in one fold, and where it is tested.

    Attributes
    ----------
    own
        Its regions: train and validation part are read. Of a model of all samples those of all,
        as the rule on conflicting labels leaves them.
    tested
        Sample -> its regions in the same fold, of which the test part is read.
    """

    own: LabelledDataset
    tested: dict[str, LabelledDataset]


@takes(TransferSettings)
def transfer_samples(
    models: Sequence[Path],
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    settings: TransferSettings,
) -> dict[str, Any]:
    """Score the test part of every sample with the model of every sample.

    The samples were split together, so that a test region of one is in no training part of
    another.

    Parameters
    ----------
    models
        Evaluated model folders; ``seformer.json`` says of which sample. Several of one sample
        are its folds, in order.
    extracted
        Extracted folders, one per sample.
    splits
        ``splits.tsv`` of every sample; several of one sample are its folds, in order.
    out
        Folder for ``transfer.json``.

    Returns
    -------
    dict
        The content of ``transfer.json``: ``samples`` (tested on), ``models`` (trained on),
        ``folds``, ``bootstrap``, and ``tests``: per sample ``n``, ``prevalence``,
        ``known_elsewhere`` (share of test regions that overlap a region of another sample),
        ``scores`` of each model and of ``locus_mean``: AUROC and AUPRC with their intervals;
        ``baselines`` of each model, which learned from the same regions, and ``delta``, how much
        better each model is than the best of them there; ``verdict``: what is shown to carry over.

    Raises
    ------
    UserError
        If the files are not of the same samples and folds, or a baseline is not known.
    """
    require_writable(out)
    names = fitted_baselines(settings.baseline_names)
    folders = {_sample_of(Path(path) / "regions.tsv"): Path(path) for path in extracted}
    tables, trained = defaultdict(list), defaultdict(list)
    for path in map(Path, splits):
        tables[_sample_of(path)].append(path)
    for path in map(Path, models):
        trained[read_settings(path).sample].append(path)
    folds = _check_folds(folders, tables, trained)
    data = {
        # the folds of a sample share its regions and sequences
        name: [first, *(first.with_splits([table]) for table in tables[name][1:])]
        for name, folder in folders.items()
        for first in [open_dataset([folder], tables[name][:1])]
    }
    scores: dict[str, dict[str, list[ModelScores]]] = {name: defaultdict(list) for name in folders}
    for name, members in trained.items():
        for fold, member in enumerate(members):
            tested = {sample: parts[fold] for sample, parts in data.items()}
            # a model that has no sample of its own learned from all of them
            own = tested.get(name) or open_dataset(
                list(folders.values()), [tables[sample][fold] for sample in folders]
            )
            learner = _Learner(own, tested)
            for sample, of_member in _score_everywhere(learner, member, names, settings).items():
                scores[sample][name].append(of_member)
    tests = {}
    for tested, parts in data.items():
        tests_of_folds = [part.regions.iloc[part.select("test")] for part in parts]
        rows = pd.concat(tests_of_folds, ignore_index=True)
        others = [other[0].regions for name, other in data.items() if name != tested]
        of_models = {name: _join_folds(each) for name, each in scores[tested].items()}
        elsewhere = locus_means(rows, others)
        tests[tested] = measure_sample(
            rows, of_models, elsewhere, settings.resamples, settings.seed
        )
        aurocs = {name: row["auroc"]["value"] for name, row in tests[tested]["scores"].items()}
        deltas = tests[tested]["delta"]
        values = ", ".join(
            f"{name} {auroc:.3f}"
            + (f" (Δ {deltas[name]['auroc']['value']:+.3f})" if name in deltas else "")
            for name, auroc in aurocs.items()
        )
        logger.info("test AUROC on %s, by what was learned from: %s", tested, values)
    transfer = {
        "samples": list(folders),
        "models": [*folders, *(name for name in trained if name not in folders)],
        "folds": folds,
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "tests": tests,
        "verdict": [finding._asdict() for finding in judge_transfer([*folders], tests)],
    }
    with output_folder(out) as staging:
        write_json(transfer, staging / "transfer.json")
    return transfer


def _score_everywhere(
    learner: _Learner, folder: Path, names: Sequence[str], settings: TransferSettings
) -> dict[str, ModelScores]:
    """Score the test part of every sample by a model and by what counting learned beside it."""
    scorer = Ensemble(load_model(folder, settings.device), settings.batch_tokens)
    calibration = scorer.model.settings.calibration.model_dump()
    baselines = _baselines_everywhere(learner, names, calibration["method"])
    return {
        sample: ModelScores(
            calibrate(calibration, scorer.score(data.sequences("test")).logit), baselines[sample]
        )
        for sample, data in learner.tested.items()
    }


def _baselines_everywhere(
    learner: _Learner, names: Sequence[str], method: str
) -> dict[str, dict[str, np.ndarray]]:
    """Fit the baselines on what a model learned from: sample -> baseline -> probabilities."""
    own, tested = learner.own, learner.tested
    sizes = [len(data.select("test")) for data in tested.values()]
    training = own.regions.iloc[own.select(*TRAINING_PARTS)]
    regions = BaselineRegions(
        lambda: itertools.chain(
            own.sequences(*TRAINING_PARTS), *(data.sequences("test") for data in tested.values())
        ),
        # the labels of test rows are not read: zeros stand for them
        np.concatenate([training["label"].to_numpy(np.int64), np.zeros(sum(sizes), np.int64)]),
        np.concatenate([training["split"].to_numpy(str), np.repeat("test", sum(sizes))]),
    )
    chosen, borders = regions.validation, len(training) + np.cumsum([0, *sizes[:-1]])
    probabilities: dict[str, dict[str, np.ndarray]] = {sample: {} for sample in tested}
    for name, (scores, _) in fit_baselines(regions, names).items():
        fitted = fit_calibration(scores[chosen], regions.labels[chosen], method)
        of_samples = np.split(calibrate(fitted, scores), borders)[1:]
        for sample, values in zip(tested, of_samples, strict=True):
            probabilities[sample][name] = values
    return probabilities


def _join_folds(folds: Sequence[ModelScores]) -> ModelScores:
    """Join what the models of one sample gave in all folds, whose test parts follow each other."""
    return ModelScores(
        np.concatenate([fold.model for fold in folds]),
        {
            name: np.concatenate([fold.baselines[name] for fold in folds])
            for name in folds[0].baselines
        },
    )


def locus_means(rows: pd.DataFrame, others: Sequence[pd.DataFrame]) -> np.ndarray:
    """Say what the other samples call each locus.

    Parameters
    ----------
    rows
        Regions: ``chrom``, ``start``, ``end`` (0-based half-open).
    others
        All regions of each other sample, with ``label``.

    Returns
    -------
    numpy.ndarray
        float64 [n]: share of super-enhancers among the samples that have a region there (a
        super-enhancer counts before a typical one); NaN where none has.
    """
    classes = np.full((len(others), len(rows)), np.nan)
    for of_sample, other in zip(classes, others, strict=True):
        for label in (0, 1):
            of_sample[intervals.overlapping(rows, other[other["label"] == label])] = label
    return pd.DataFrame(classes).mean().to_numpy()


def measure_sample(
    rows: pd.DataFrame,
    scores: Mapping[str, ModelScores],
    elsewhere: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure every model, its baselines and the locus mean on the test regions of one sample.

    Parameters
    ----------
    rows
        ``label`` and ``cluster``.
    scores
        Model to its probabilities, and those of its baselines.
    elsewhere
        Of `locus_means`; where it is NaN, the mean of the others stands in.
    """
    labels = rows["label"].to_numpy(np.int64)
    unknown = np.isnan(elsewhere)
    middle = float(elsewhere[~unknown].mean()) if not unknown.all() else 0.5

    def measured(probabilities: Mapping[str, np.ndarray]) -> metrics.BootstrapMetrics:
        scorers = {
            name: metrics.ScoredRegions(values, values, (values >= 0.5).astype(np.int64))
            for name, values in probabilities.items()
        }
        # one seed: the same resamples for all
        return metrics.bootstrap(labels, scorers, rows["cluster"].to_numpy(), resamples, seed)

    alone, beside, deltas = {}, {}, {}
    for name, (model, baselines) in scores.items():
        drawn = measured({MODEL: model, **baselines})
        beside[name] = drawn.table(MEASURES)
        alone[name] = beside[name].pop(MODEL)
        best = best_baselines(drawn, baselines)
        deltas[name] = {
            metric: {"baseline": best[metric]} | drawn.delta(MODEL, best[metric], metric)._asdict()
            for metric in MEASURES
        }
    alone |= measured({LOCUS_MEAN: np.where(unknown, middle, elsewhere)}).table(MEASURES)
    return {
        "n": len(rows),
        "prevalence": float(labels.mean()),
        "known_elsewhere": float(1 - unknown.mean()),
        "scores": alone,
        "baselines": beside,
        "delta": deltas,
    }


def _sample_of(table: Path) -> str:
    names = read_tsv(table, ["sample"], text=["sample"])["sample"]
    return "" if names.empty else str(names.iloc[0])


def _check_folds(
    folders: Mapping[str, Path], tables: Mapping[str, list], trained: Mapping[str, list]
) -> int:
    """Return the number of folds; every sample must have as many."""
    if len(folders) < 2:
        raise UserError(
            "one sample only", expected="two or more --extracted folders of different samples"
        )
    without = sorted(folders.keys() - trained.keys()) + sorted(folders.keys() ^ tables.keys())
    if without:
        raise UserError(
            f"{without[0]} has no model or no splits",
            expected="--extracted, --splits and --model of every sample",
        )
    numbers = {len(paths) for paths in (*tables.values(), *trained.values())}
    if len(numbers) > 1:
        raise UserError(
            "the samples have different numbers of folds",
            expected="one --splits and one --model per fold and sample",
        )
    return numbers.pop()
