"""What else a test says: the members of an ensemble, other shares of super-enhancers, the folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seformer.evaluation.metrics import METRICS
from seformer.evaluation.verdict import scorer_title
from seformer.report.content import interval, signed, table
from seformer.util.markup import escape


def members_row(members: Mapping[str, Any]) -> list[str]:
    """Write mean and standard deviation over the members of the ensemble."""
    cells = [
        f"{signed(members[metric]['mean'], False)}<small>± {members[metric]['sd']:.3f}</small>"
        for metric in METRICS
    ]
    return [f'<span class="sf-name">mean of {members["n"]} single models</span>', "", *cells]


def prevalence_table(test: Mapping[str, Any]) -> str:
    """Write what the calls are worth at other shares of super-enhancers."""
    found = test.get("prevalences", {})
    if not found:
        return ""
    titles = {"auprc": "AUPRC", "mcc": "MCC", "precision": "precision", "recall": "recall"}
    rows = [
        [f"{escape(scorer_title(name))}, {100 * part['prevalence']:.1f} % ({escape(which)})"]
        + [interval(row[metric]) for metric in titles]
        for which, part in found.items()
        for name, row in {"model": part["model"], **_best_of(test, part)}.items()
    ]
    caption = (
        "The same calls where the share of super-enhancers is another: balanced, or natural (among "
        "all labelled regions given, or as --prevalence says). "
        "A call is worth less where super-enhancers are rare."
    )
    return table(["", *titles.values()], rows, numeric=1, caption=caption)


def _best_of(test: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline that is best on the test part."""
    best = test["delta"]["auroc"]["baseline"]
    return {best: part["baselines"][best]} if best in part["baselines"] else {}


def folds_table(metrics: Mapping[str, Any]) -> str:
    """Write the AUROC of each fold and its difference to the baseline that is best there."""
    folds = metrics.get("folds", [])
    if not folds:
        return ""
    rows = [
        [
            f"fold {fold['fold']}, {fold['n']} regions",
            interval(fold["auroc"]),
            interval(fold["delta"], plus=True),
            escape(scorer_title(fold["delta"]["baseline"])),
        ]
        for fold in folds
    ]
    caption = (
        "Each fold alone. The first table ranks the test regions of all folds together, each "
        "scored by models that never saw it. Folds that differ by more than their intervals "
        "call for a look at what is in them."
    )
    return table(["", "AUROC", "Δ AUROC", "best baseline"], rows, numeric=1, caption=caption)
