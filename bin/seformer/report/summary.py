"""The table of general statistics, and the parameters of the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from seformer.evaluation.verdict import scorer_title
from seformer.report.collect import Results, Sample
from seformer.report.content import Section, signed, table
from seformer.report.data import kept
from seformer.util.markup import escape

HIDDEN = {"hidden": True}
COLUMNS = {
    "auroc": ("AUROC", "AUROC on the held-out test part", {"min": 0.5, "max": 1}),
    "delta": ("Δ AUROC", "AUROC less that of the best baseline", {}),
    "interval": ("95 % interval of Δ", "Above 0: the model is better than the baseline", {}),
    "baseline": ("best baseline", "The baseline with the best AUROC on the test part", {}),
    "auprc": ("AUPRC", "Average precision on the test part", {"min": 0, "max": 1}),
    "mcc": ("MCC", "Matthews correlation on the test part", {"min": -0.1, "max": 1, **HIDDEN}),
    "length": ("AUROC of length", "Length of the region alone", {"min": 0.5, "max": 1}),
    "regions": ("regions", "Regions used for training and testing", {"format": "{:,.0f}"}),
    "super_enhancers": ("SE", "Super-enhancers among them", {"format": "{:,.0f}", **HIDDEN}),
    "scored": ("scored", "Regions scored in all BED files", {"format": "{:,.0f}"}),
    "explained": ("explained", "Regions explained", {"format": "{:,.0f}"}),
}


def sections(results: Results) -> Iterator[Section]:
    rows = {s.name: statistics(s) for s in results.ordered()}
    rows = {name: row for name, row in rows.items() if row}
    if rows:
        yield general(rows)


def statistics(sample: Sample) -> dict[str, Any]:
    """Collect one sample's row."""
    row: dict[str, Any] = {}
    if sample.metrics:
        test = sample.metrics["test"]
        delta = test["delta"]["auroc"]
        span = f"{signed(delta['low'])} to {signed(delta['high'])}"
        row |= {
            "auroc": test["model"]["auroc"]["value"],
            "delta": delta["value"],
            "interval": span,
            "baseline": scorer_title(delta["baseline"]),
            "auprc": test["model"]["auprc"]["value"],
            "mcc": test["model"]["mcc"]["value"],
            "length": test["baselines"].get("length", {}).get("auroc", {}).get("value"),
        }
    if sample.regions is not None:
        used = kept(sample)
        row |= {"regions": len(used), "super_enhancers": int((used["label"] == 1).sum())}
    if sample.predictions:
        row["scored"] = sum(found.scored for found in sample.predictions.values())
    if sample.explanations:
        row["explained"] = sum(found.regions for found in sample.explanations.values())
    return {key: value for key, value in row.items() if value is not None}


def general(rows: Mapping[str, Mapping[str, Any]]) -> Section:
    shown = [key for key in COLUMNS if any(key in row for row in rows.values())]
    headers = {
        key: {
            "title": COLUMNS[key][0],
            "description": COLUMNS[key][1],
            "scale": "Blues" if "max" in COLUMNS[key][2] else False,
            "format": "{:,.3f}",
            **COLUMNS[key][2],
        }
        for key in shown
    }
    return Section(
        "summary",
        "general_statistics",
        "General statistics",
        "Look at Δ and its interval before AUROC: a high AUROC that a simple baseline also "
        "reaches says little.",
        "table",
        rows,
        {"col1_header": "Sample", "no_violin": True, "sort_rows": False},
        headers,
    )


def parameters(given: Mapping[str, Any]) -> Section:
    rows = [[f"<code>{escape(key)}</code>", escape(value)] for key, value in _flat(given)]
    return Section(
        "parameters",
        "parameters",
        "Parameters",
        "The resolved parameters, defaults included: enough to run the same again.",
        "html",
        table(["parameter", "value"], rows, numeric=2),
    )


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in given:
        value = given[key]
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif value is not None and value != "":
            yield str(key), value if isinstance(value, str) else json.dumps(value)
