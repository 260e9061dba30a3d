"""Pool the folds of a cross-validation: every region was tested once, by a model that never saw it.

The pooled test part ranks by calibrated probability, since logits of different folds have
different scales. The model that comes with it is the ensemble of the folds' models.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation import metrics
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.compare import CONTAINMENT, MODEL, measure_test, probability_column, spread
from seformer.evaluation.curves import curve_points
from seformer.evaluation.evaluate import RULES, Evaluation, write_evaluation
from seformer.evaluation.held_out import MODEL_FOLDER, REGION, copy_with_settings, join_tests
from seformer.evaluation.metrics import ScoredRegions
from seformer.evaluation.settings import PoolSettings
from seformer.evaluation.signal_ranks import SIGNAL
from seformer.evaluation.uncertainty import measure_sets
from seformer.evaluation.verdict import find_missing_folds
from seformer.model.conformal import SETS
from seformer.model.settings import ModelSettings, read_settings
from seformer.scoring.merge import SET
from seformer.util import records, shapes_of_tests
from seformer.util.atomic import require_writable
from seformer.util.errors import UserError
from seformer.util.labels import SUPER, TYPICAL
from seformer.util.settings import takes
from seformer.util.tables import NUMBER, WHOLE, read_tsv

logger = logging.getLogger(__name__)
TEXT = ("sample", "chrom", "name", "prediction", SET, "split", "cluster")
POOLED_RULES = {
    **RULES,
    "calibration": "fitted on each fold's validation part, for the model and each baseline",
    "threshold": "chosen on each fold's validation part, for the model and each baseline",
    "sets": "by limits fitted on each fold's validation part",
    "pooling": "test regions of all folds together, ranked by calibrated probability",
    "validation": "mean over the folds of values and of interval ends",
    "final_model": "ensemble of all folds' models; its calibration, threshold and sets are fitted "
    "on the pooled test predictions, and so are not tested themselves",
}


class Fold(NamedTuple):
    """One evaluated fold: its metrics.json and test_predictions.tsv, and its folder."""

    metrics: dict[str, Any]
    table: pd.DataFrame
    folder: Path


def read_fold(folder: Path) -> Fold:
    """Read a folder that `seformer evaluate` wrote.

    Raises
    ------
    UserError
        If it is not one.
    """
    again = "evaluate the fold again"
    measured = records.read(folder / "metrics.json", shapes_of_tests.OfFold, again)
    path = folder / "test_predictions.tsv"
    scores = [probability_column(name) for name in measured["thresholds"]]
    sets = [SET] if "conformal" in measured["test"] else []
    needed = (*REGION, *sets, "label", "logit", "probability", "prediction", "cluster", *scores)
    numbers = dict.fromkeys(("start", "end", "label"), WHOLE)
    numbers |= dict.fromkeys(("logit", CONTAINMENT, SIGNAL, *scores), NUMBER)
    table = read_tsv(path, list(dict.fromkeys(needed)), text=TEXT, numbers=numbers)
    right = {
        "label": table["label"].isin([0, 1]),
        "logit": table["logit"].notna(),
        "chrom": table["chrom"].notna(),
        "cluster": table["cluster"].notna(),
        "prediction": table["prediction"].isin([SUPER, TYPICAL]),
    } | {name: table[name].between(0, 1) for name in scores}
    right |= {name: table[name].isin(SETS) for name in sets}
    for column, holds in right.items():
        if not holds.all():
            row = int((~holds).to_numpy().argmax())
            raise UserError(
                f"{column} is {table[column].iloc[row]!r}", where=path, line=row + 2, do=again
            )
    if len(table) != measured["test"]["n"]:
        raise UserError(
            f"it has {len(table)} rows, but metrics.json beside it {measured['test']['n']} "
            "regions: they are not of one run",
            where=path,
            do=again,
        )
    return Fold(measured, table, folder)


def check_folds(folds: Sequence[Fold]) -> None:
    """Refuse folds whose baselines differ.

    Raises
    ------
    UserError
        With both.
    """
    names = [name for name in folds[0].metrics["thresholds"] if name != MODEL]
    for fold in folds[1:]:
        other = [name for name in fold.metrics["thresholds"] if name != MODEL]
        if other != names:
            raise UserError(
                f"the baselines are {', '.join(other)}",
                where=fold.folder / "metrics.json",
                expected=", ".join(names),
                do="evaluate all folds with the same --baselines",
            )


def scorers_of(fold: Fold) -> dict[str, ScoredRegions]:
    """Every scorer of the table on the test rows of a fold, by calibrated probability."""
    scorers = {}
    for name, threshold in fold.metrics["thresholds"].items():
        probability = fold.table[probability_column(name)].to_numpy(np.float64)
        # the model's written decisions stand; a threshold between two probabilities gives the same
        called = fold.table["prediction"] == SUPER if name == MODEL else probability >= threshold
        scorers[name] = ScoredRegions(probability, probability, np.asarray(called, np.int64))
    return scorers


@takes(PoolSettings)
def pool_folds(
    folders: Sequence[Path], out: Path, settings: PoolSettings, *, ensemble: Path | None = None
) -> None:
    """Pool evaluated folds and write what `seformer evaluate` writes, for all of them together.

    Parameters
    ----------
    folders
        Of `seformer evaluate`, in the order of the folds.
    ensemble
        The model folder that `seformer ensemble` wrote for these folds; by default it is made here.

    Raises
    ------
    UserError
        If the folds do not belong together.
    """
    require_writable(out)
    folds = [read_fold(Path(folder)) for folder in folders]
    check_folds(folds)
    sample = settings.sample or folds[0].metrics["sample"]
    table = join_tests([fold.table.assign(fold=number) for number, fold in enumerate(folds, 1)])
    each = [scorers_of(fold) for fold in folds]
    scorers = {
        name: ScoredRegions(*map(np.concatenate, zip(*(e[name] for e in each), strict=True)))
        for name in each[0]
    }
    if promised_coverage(folds) is None:
        table = table.drop(columns=SET, errors="ignore")
    measured = measure_pooled(table, scorers, folds, settings.resamples, settings.seed)
    labels = table["label"].to_numpy(np.int64)
    for finding in find_missing_folds(measured):
        logger.warning("%s", finding.text)
    evaluation = Evaluation({"sample": sample} | measured, curve_points(labels, scorers), table)
    positive = int(labels.sum())
    sizes = {"test, each region once": {"SE": positive, "TE": len(labels) - positive}}
    if ensemble is None:
        model, save = join_folds(folds, table, sample, settings.device)
    else:
        model, save = read_settings(ensemble), partial(copy_with_settings, ensemble)
        check_ensemble(model, folds, ensemble)
    write_evaluation(out, evaluation, model, save, sizes)


def join_folds(
    folds: Sequence[Fold], table: pd.DataFrame, sample: str, device: str
) -> tuple[ModelSettings, Callable[[ModelSettings, Path], None]]:
    """Load and join the models of the folds: settings, and what writes the model with them."""
    from seformer.evaluation.ensemble import Joined, join_models

    first = folds[0].metrics
    how = Joined(
        [fold.folder / MODEL_FOLDER for fold in folds],
        table,
        first.get("calibration", {}).get("method"),
        first["threshold"]["by"],
        promised_coverage(folds),
    )
    return join_models(how, sample, device)


def check_ensemble(model: ModelSettings, folds: Sequence[Fold], folder: Path) -> None:
    """Refuse an ensemble that is not of as many models as the folds have.

    Raises
    ------
    UserError
        With both numbers.
    """
    numbers = [read_settings(fold.folder / MODEL_FOLDER).members for fold in folds]
    if model.members != sum(numbers):
        raise UserError(
            f"the ensemble has {model.members} members, the folds {sum(numbers)}",
            where=folder,
            do="give the folder that `seformer ensemble` wrote for these folds",
        )


def measure_pooled(
    table: pd.DataFrame,
    scorers: dict[str, ScoredRegions],
    folds: Sequence[Fold],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Measure the pooled test part; the content of metrics.json."""
    first = folds[0].metrics
    tests = [fold.metrics["test"] for fold in folds]
    natural = first["test"].get("prevalences", {}).get("natural", {}).get("prevalence")
    names = [MODEL, *tests[0]["baselines"]]
    test = measure_test(
        table,
        {name: scorers[name] for name in names},
        resamples,
        seed,
        parts={name: scorers[name] for name in scorers if name not in names},
        prevalence=natural,
    )
    if (promised := promised_coverage(folds)) is not None:
        always = {name for part in tests for name in part["conformal"]["always_held"]}
        labels, clusters = table["label"].to_numpy(np.int64), table["cluster"].to_numpy()
        fitted = {
            name: sum(part["conformal"][name].get("fitted_loci", 0) for part in tests)
            for name in (SUPER, TYPICAL)
        }
        test["conformal"] = measure_sets(
            labels, table[SET], clusters, promised, sorted(always), fitted, resamples, seed
        )
    if all("members" in part for part in tests):
        test["members"] = mean_members([part["members"] for part in tests])
    return {
        "test": test,
        "validation": mean_validation([fold.metrics["validation"] for fold in folds]),
        "folds": [
            {"fold": number, "n": part["n"], "auroc": part[MODEL]["auroc"]}
            | {"delta": part["delta"]["auroc"]}
            for number, part in enumerate(tests, 1)
        ],
        # each fold has a value of its own
        "threshold": {
            "by": first["threshold"]["by"],
            "met": all(fold.metrics["threshold"].get("met", True) for fold in folds),
        },
        "thresholds": {},
        "baseline_choices": {},
        "bootstrap": {"resamples": resamples, "seed": seed},
        "rules": POOLED_RULES,
    } | {name: first[name] for name in ("regions", "pretraining", TWIN, "tracks") if name in first}


def promised_coverage(folds: Sequence[Fold]) -> float | None:
    """Return the coverage that the sets of all folds promise; None if they do not all."""
    tests = [fold.metrics["test"] for fold in folds]
    promised = {test["conformal"]["coverage"] if "conformal" in test else None for test in tests}
    return promised.pop() if len(promised) == 1 else None


def mean_members(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean over the folds of every member's metrics, and their spread over the members."""
    fewest = min(part["n"] for part in parts)
    values = {m: [part[m]["values"][:fewest] for part in parts] for m in metrics.METRICS}
    return spread({m: np.mean(each, axis=0).tolist() for m, each in values.items()})


def mean_rows(rows: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Mean of every value and of its interval's ends."""
    return {
        metric: {key: float(np.mean([r[metric][key] for r in rows])) for key in rows[0][metric]}
        for metric in rows[0]
    }


def mean_validation(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean of the folds' validation parts, with the sums of their counts."""
    counts = ("n", "n_super_enhancers", "n_typical_enhancers", "loci")
    sums = {name: sum(part[name] for part in parts) for name in counts}
    return sums | {
        "prevalence": sums["n_super_enhancers"] / sums["n"],
        MODEL: mean_rows([part[MODEL] for part in parts]),
        "baselines": {
            name: mean_rows([part["baselines"][name] for part in parts])
            for name in parts[0]["baselines"]
        },
    }
