"""Print the table of a metrics.json as Markdown: the model, its parts and members, the baselines.

scripts/results_table.py pooled/metrics.json
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
    for fold in metrics.get("folds", []):
        lines.append(
            f"Fold {fold['fold']}: AUROC {spoken(fold['auroc'])}, Δ over "
            f"{scorer_title(fold['delta']['baseline'])} {spoken(fold['delta'], signed=True)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))) + "\n")
