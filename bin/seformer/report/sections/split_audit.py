"""Overlaps and likeness between the parts; the verdict says what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.evaluation.verdict import percent
from seformer.report.content import Section, say
from seformer.report.draw import html, number, table
from seformer.report.results import Results
from seformer.splits.audit_record import GreyZone
from seformer.util.markup import escape

PAIRS = {
    "test_in_train": "test in train",
    "validation_in_train": "validation in train",
    "test_in_validation": "test in validation",
}
# containment of 31-mers
LEVELS = ("0.05", "0.5", "0.95")
QUANTILES = ("median", "largest")


def sections(results: Results) -> Iterator[Section]:
    if results.audit is None:
        return
    audit = results.audit
    folds = len(audit.get("folds", []))
    head = ["", "overlaps", "near copies", "compared"]
    head += [*(f"≥ {float(level):.0%}" for level in LEVELS), *QUANTILES]
    below = "".join(f"<p>{remark}</p>" for remark in _remarks(audit))
    yield html(
        "split_audit",
        table(head, [_row(audit, pair) for pair in PAIRS]) + below,
        split_by=escape(audit.get("split_by", "file")),
        folds=say("split_audit", "folds", folds=folds) if folds else "",
    )


def _row(audit: Mapping[str, Any], pair: str) -> list[str]:
    alike = audit.get("similarity", {}).get(pair, {})
    levels = alike.get("with_containment_at_least", {})
    copies = audit["near_copies"][pair] if "near_copies" in audit else None
    counts = [alike.get("regions", 0), *(levels.get(level, 0) for level in LEVELS)]
    shares = [f"{alike[key]:.3f}" if alike.get(key) is not None else "–" for key in QUANTILES]
    overlaps = number(audit.get("overlapping_regions", {}).get(pair, 0))
    near = "–" if copies is None else number(copies)
    return [PAIRS[pair], overlaps, near, *map(number, counts), *shares]


def _remarks(audit: Mapping[str, Any]) -> Iterator[str]:
    """Say what is linked to the training part, how large clusters are, what became of conflicts."""
    alike = audit.get("similarity", {}).get("test_in_train", {})
    like = alike.get("with_containment_at_least", {}).get(LEVELS[0])
    if like is not None and alike.get("regions"):
        yield say("split_audit", "linked", share=percent(like, alike["regions"]))
    if clusters := audit.get("clusters"):
        counts = {key: number(clusters[key]) for key in ("number", "singletons", "largest")}
        share = f"{100 * clusters['largest_share']:.1f} %"
        yield say("split_audit", "clusters", share=share, **counts)
    if zone := audit.get("grey_zone"):
        yield _grey_zone(zone)
    if typical := audit.get("label_conflicts_between_samples", 0):
        text = say("split_audit", "conflicts", typical=number(typical))
        if conflicts := audit.get("conflicts"):
            counts = {key: number(conflicts[key]) for key in ("regions", "dropped")}
            rule = conflicts["rule"]
            outcome = say("split_audit", rule)
            text += " " + say("split_audit", "rule", rule=rule, outcome=outcome, **counts)
        yield text


def _grey_zone(zone: GreyZone) -> str:
    """Say which regions near the cut-off were not trained on."""
    samples = [
        say(
            "split_audit",
            "grey_sample",
            sample=escape(name),
            se=number(of["super_enhancers"]),
            te=number(of["typical_enhancers"]),
            regions=number(of["regions"]),
            cutoff=f"{of['cutoff']:,.6g}",
            source=say("split_audit", "grey_midpoint") if of["cutoff_from"] == "midpoint" else "",
            without=say("split_audit", "grey_without", n=number(of["without_signal"]))
            if of["without_signal"]
            else "",
        )
        for name, of in zone["samples"].items()
    ]
    counts = {key: number(zone[key]) for key in ("left_out", "validation", "test") if key in zone}
    return say(
        "split_audit",
        "grey_zone",
        share=f"{100 * zone['share']:g} %",
        counts=say("split_audit", "grey_counts", **counts) if len(counts) == 3 else "",
        samples=" ".join(samples),
    )
