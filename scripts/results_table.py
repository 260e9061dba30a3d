"""Print the tables of results as Markdown: the model, its parts and members, the baselines.

scripts/results_table.py pooled/metrics.json … transfer.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seformer.evaluation.verdict import scorer_title, spoken

METRICS = {"auprc": "AUPRC", "mcc": "MCC", "brier": "Brier", "ece": "ECE"}


def row(title: str, found: Mapping[str, Any]) -> str:
    auroc = found["auroc"]
    cells = [
        f"{auroc['value']:.3f}",
        f"{auroc['low']:.3f} to {auroc['high']:.3f}",
        *(f"{found[metric]['value']:.3f}" for metric in METRICS),
    ]
    return f"| {title} | {' | '.join(cells)} |"


def table(metrics: Mapping[str, Any]) -> str:
    """Write the rows, the baselines from the best down, and the difference below."""
    test = metrics["test"]
    head = ["", "AUROC", "95 % interval", *METRICS.values()]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    lines.append(row("**model**", test["model"]))
    lines += [row(scorer_title(name), part) for name, part in test.get("parts", {}).items()]
    best = sorted(test["baselines"].items(), key=lambda pair: -pair[1]["auroc"]["value"])
    lines += [row(scorer_title(name), found) for name, found in best]
    delta = test["delta"]["auroc"]
    lines += ["", f"Δ over {scorer_title(delta['baseline'])}: {spoken(delta, signed=True)}"]
    if "members" in test:
        members = test["members"]["auroc"]
        lines.append(
            f"Single models: mean AUROC {members['mean']:.3f}, standard deviation "
            f"{members['sd']:.3f} over {test['members']['n']}"
        )
    if "slope" in (probabilities := test.get("probabilities", {})):
        lines.append(
            f"Slope of the probabilities: {spoken(probabilities['slope'])}, ECE "
            f"{probabilities['ece']['value']:.3f} with a noise of {probabilities['ece_noise']:.3f}"
        )
    for fold in metrics.get("folds", []):
        lines.append(
            f"Fold {fold['fold']}: AUROC {spoken(fold['auroc'])}, Δ over "
            f"{scorer_title(fold['delta']['baseline'])} {spoken(fold['delta'], signed=True)}"
        )
    return "\n".join(lines + similarity_table(test.get("similarity_bins", {})))


def similarity_table(bins: Mapping[str, Any]) -> list[str]:
    """Write a row for each bin of similarity to the training part that has both classes."""
    rows = [
        f"| {name.replace('_', ' ')} | {part['n']} | {spoken(part['model']['auroc'])} | "
        f"{scorer_title(part['delta']['auroc']['baseline'])} | "
        f"{spoken(part['delta']['auroc'], signed=True)} |"
        for name, part in bins.items()
        if "delta" in part
    ]
    head = ["", "| 31-mers seen in training | regions | AUROC | best baseline there | Δ |"]
    return [*head, "| --- " * 5 + "|", *rows] if rows else []


def transfer_table(transfer: Mapping[str, Any]) -> str:
    """Write a row for each model and sample, beside the best baseline that learned the same."""
    head = ["learned from", "tested on", "AUROC", "best baseline of the same", "Δ"]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for sample, tested in transfer["tests"].items():
        for model in transfer["models"]:
            delta = tested["delta"][model]["auroc"]
            best = tested["baselines"][model][delta["baseline"]]["auroc"]
            lines.append(
                f"| {model} | {sample} | {spoken(tested['scores'][model]['auroc'])} | "
                f"{scorer_title(delta['baseline'])}, {best['value']:.3f} | "
                f"{spoken(delta, signed=True)} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        results = json.loads(path.read_text(encoding="utf-8"))
        drawn = transfer_table(results) if "tests" in results else table(results)
        sys.stdout.write(f"{results.get('sample', 'transfer')}\n\n{drawn}\n\n")
