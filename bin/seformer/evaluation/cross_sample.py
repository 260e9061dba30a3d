"""Every cell line's model on every cell line's test regions.

Across cell lines a score can be right for two reasons: the model has learned sequence that works
elsewhere too, or most loci simply keep their class. The locus mean of the other cell lines knows
nothing but the latter, so it stands beside (Schreiber 2020, doi:10.1186/s13059-020-02177-y).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.settings import TransferSettings
from seformer.genome import intervals
from seformer.model.calibration import calibrate
from seformer.model.folder import load_model
from seformer.model.settings import read_settings
from seformer.scoring.score import Ensemble
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.util.atomic import output_folder, require_writable
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import read_tsv

logger = logging.getLogger(__name__)
LOCUS_MEAN = "locus_mean"
MEASURES = ("auroc", "auprc")


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
    resamples, seed
        Of the bootstrap over loci behind each interval.
    batch_tokens, device
        As in `seformer.scoring.score.Ensemble`.

    Returns
    -------
    dict
        The content of ``transfer.json``: ``samples`` (tested on), ``models`` (trained on),
        ``folds``, ``bootstrap``, and ``tests``: per sample ``n``, ``prevalence``,
        ``known_elsewhere`` (share of test regions that overlap a region of another sample) and
        ``scores`` of each model and of ``locus_mean``: AUROC and AUPRC with their intervals.

    Raises
    ------
    UserError
        If the files are not of the same samples and folds.
    """
    require_writable(out)
    folders = {_sample_of(Path(path) / "regions.tsv"): Path(path) for path in extracted}
    tables = _by_sample((_sample_of(Path(path)), Path(path)) for path in splits)
    trained = _by_sample((read_settings(Path(path)).sample, Path(path)) for path in models)
    folds = _check(folders, tables, trained)
    data = {
        # the folds of a sample share its regions and sequences
        name: [first, *(first.with_splits([table]) for table in tables[name][1:])]
        for name, folder in folders.items()
        for first in [open_dataset([folder], tables[name][:1])]
    }
    scores: dict[str, dict[str, list[np.ndarray]]] = {name: defaultdict(list) for name in folders}
    for name, members in trained.items():
        for fold, member in enumerate(members):
            scorer = Ensemble(
                load_model(member, resolve_device(settings.device)), settings.batch_tokens
            )
            calibration = scorer.model.settings.calibration.model_dump()
            for tested, parts in data.items():
                logits = scorer.score(parts[fold].sequences("test")).logit
                scores[tested][name].append(calibrate(calibration, logits))
    tests = {}
    for tested, parts in data.items():
        rows = pd.concat([_test_rows(part) for part in parts], ignore_index=True)
        others = [other[0].regions for name, other in data.items() if name != tested]
        known = locus_means(rows, others)
        of_models = {name: np.concatenate(found) for name, found in scores[tested].items()}
        tests[tested] = measure_sample(rows, of_models, known, settings.resamples, settings.seed)
        _log(tested, tests[tested])
    found = {
        "samples": list(folders),
        "models": [*folders, *(name for name in trained if name not in folders)],
        "folds": folds,
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
        "tests": tests,
    }
    with output_folder(out) as staging:
        write_json(found, staging / "transfer.json")
    return found


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
    said = np.full((len(others), len(rows)), np.nan)
    for i, other in enumerate(others):
        for label in (0, 1):
            said[i, intervals.overlapping(rows, other[other["label"] == label])] = label
    known = ~np.isnan(said)
    total = np.where(known, said, 0).sum(axis=0)
    return np.divide(
        total, known.sum(axis=0), out=np.full(len(rows), np.nan), where=known.any(axis=0)
    )


def measure_sample(
    rows: pd.DataFrame,
    scores: Mapping[str, np.ndarray],
    known: np.ndarray,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure every model and the locus mean on the test regions of one sample.

    Parameters
    ----------
    rows
        ``label`` and ``cluster``.
    scores
        Model to its probabilities, float64 [n].
    known
        Of `locus_means`; where it is NaN, the mean of the others stands in.
    """
    labels = rows["label"].to_numpy(np.int64)
    unknown = np.isnan(known)
    middle = float(known[~unknown].mean()) if not unknown.all() else 0.5
    every = {**scores, LOCUS_MEAN: np.where(unknown, middle, known)}
    scorers = {
        name: metrics.ScoredRegions(values, values, (values >= 0.5).astype(np.int64))
        for name, values in every.items()
    }
    drawn = metrics.bootstrap(labels, scorers, rows["cluster"].to_numpy(), n=resamples, seed=seed)
    return {
        "n": len(rows),
        "prevalence": float(labels.mean()),
        "known_elsewhere": float(1 - unknown.mean()),
        "scores": {
            name: {metric: drawn.interval(name, metric)._asdict() for metric in MEASURES}
            for name in scorers
        },
    }


def _by_sample(named) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for name, path in named:
        found.setdefault(name, []).append(path)
    return found


def _sample_of(table: Path) -> str:
    names = read_tsv(table, ["sample"], text=["sample"])["sample"]
    return "" if names.empty else str(names.iloc[0])


def _check(
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
    numbers = {len(found) for found in (*tables.values(), *trained.values())}
    if len(numbers) > 1:
        raise UserError(
            "the samples have different numbers of folds",
            expected="one --splits and one --model per fold and sample",
        )
    return numbers.pop()


def _test_rows(data: LabelledDataset) -> pd.DataFrame:
    return data.regions.iloc[data.select("test")]


def _log(sample: str, found: Mapping[str, Any]) -> None:
    values = ", ".join(
        f"{name} {score['auroc']['value']:.3f}" for name, score in found["scores"].items()
    )
    logger.info("test AUROC on %s, by what was learned from: %s", sample, values)
