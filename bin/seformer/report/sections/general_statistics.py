"""The table of general statistics: a row a sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seformer.evaluation.verdict import scorer_title
from seformer.report.content import TEXTS, Section
from seformer.report.draw import signed
from seformer.report.results import Results, SampleResults

COLUMNS = TEXTS["general_statistics"]["columns"]


def sections(results: Results) -> Iterator[Section]:
    rows = {sample.name: _statistics(sample) for sample in results.ordered()}
    rows = {name: row for name, row in rows.items() if row}
    if not rows:
        return
    headers = {
        key: {
            "title": column["title"],
            "description": column["description"],
            "scale": "Blues" if "max" in column else False,
            "format": "{:,.3f}",
            **column,
        }
        for key, column in COLUMNS.items()
        if any(key in row for row in rows.values())
    }
    if "delta" in headers:
        headers["delta"]["format"] = "{:+,.3f}"
    config = {"col1_header": "Sample", "no_violin": True, "sort_rows": False}
    yield Section("general_statistics", "table", rows, config, headers)


def _statistics(sample: SampleResults) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if sample.metrics:
        test = sample.metrics["test"]
        delta = test["delta"]["auroc"]
        row |= {
            "auroc": test["model"]["auroc"]["value"],
            "delta": delta["value"],
            "interval": f"{signed(delta['low'])} to {signed(delta['high'])}",
            "baseline": scorer_title(delta["baseline"]),
            "auprc": test["model"]["auprc"]["value"],
            "mcc": test["model"]["mcc"]["value"],
            "length": test["baselines"].get("length", {}).get("auroc", {}).get("value"),
        }
    if sample.regions is not None:
        labels = sample.used["label"]
        row |= {"regions": len(labels), "super_enhancers": int((labels == 1).sum())}
    if sample.predictions:
        row["scored"] = sum(bed.scored for bed in sample.predictions.values())
    if sample.explanations:
        row["explained"] = sum(bed.regions for bed in sample.explanations.values())
    return {key: value for key, value in row.items() if value is not None}
