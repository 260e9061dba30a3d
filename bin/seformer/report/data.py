"""Sections on the regions: what was given, dropped, split, and how alike the parts are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation.findings import random_regions
from seformer.evaluation.verdict import percent
from seformer.report.collect import Results, Sample
from seformer.report.content import (
    CYCLE,
    SUPER,
    TYPICAL,
    Section,
    bar_height,
    number,
    outline,
    table,
)
from seformer.util.labels import PARTS
from seformer.util.markup import escape

CLASSES = ((1, "super-enhancers", SUPER), (0, "typical enhancers", TYPICAL))
BINS = 30
LEVELS = ("0.05", "0.5", "0.95")
QUANTILES = ("median", "largest")
REASONS = {
    "unknown_chromosome": "chromosome not in the genome",
    "past_chromosome_end": "beyond the chromosome's end",
    "no_length": "start not before the end",
    "neither_class": "neither super- nor typical enhancer",
    "all_n": "unknown bases only",
    "too_many_n": "too many unknown bases",
    "too_short": "too short",
    "te_overlaps_se": "typical enhancer overlapping a super-enhancer",
    "duplicate": "duplicate",
    "conflicting_label": "same place under both labels",
    "no_constituent": "without a constituent",
    "not_matched": "without a partner of the other class",
}


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("regions")
    if samples:
        yield counts(samples, (results.audit or {}).get("read_as", {}))
        dropped = drops(samples)
        if dropped:
            yield dropped
        if not all(map(one_length, samples)):
            yield distribution(samples, "length", "Lengths", "length in base pairs")
        yield distribution(samples, "gc", "GC content", "GC content in %")
        if all("split" in s.regions.columns for s in samples):
            yield parts(samples)
        elif all("fold" in s.regions.columns for s in samples):
            yield folds(samples)
    if results.audit is not None:
        yield audit(results.audit)


def kept(sample: Sample) -> pd.DataFrame:
    """Rows in use: not dropped, labelled."""
    regions = sample.regions
    return regions[(regions["drop_reason"] == "") & regions["label"].notna()]


def one_length(sample: Sample) -> int | None:
    """Return the length of all regions in use, if it is the same."""
    lengths = kept(sample)["length"].unique()
    return int(lengths[0]) if len(lengths) == 1 else None


def counts(
    samples: list[Sample], read_as: Mapping[str, Mapping[str, str]] | None = None
) -> Section:
    rows = []
    for sample in samples:
        used = kept(sample)
        cells = [escape(sample.name), number(len(sample.regions)), number(len(used))]
        for label, _, _ in CLASSES:
            part = used[used["label"] == label]
            middle = f"{part['length'].median():,.0f}" if len(part) else "–"
            gc = f"{100 * part['gc'].mean():.1f}" if len(part) else "–"
            cells += [number(len(part)), middle, gc]
        cells.append(percent((used["label"] == 1).sum(), len(used)))
        rows.append(cells)
    head = ["sample", "given", "used", "SE", "median bp", "GC %", "TE", "median bp", "GC %"]
    return Section(
        "data",
        "data_counts",
        "Regions used",
        "Super-enhancers (SE) and typical enhancers (TE) that remain after the checks. A bad "
        "table has under a hundred of either class, or classes whose lengths or GC differ so "
        "much that these alone tell them apart.",
        "html",
        table([*head, "SE share"], rows)
        + "".join(map(_made, samples))
        + "".join(
            f"<p>{escape(name)}: {escape(file)} was read as {escape(form)}.</p>"
            for name, files in (read_as or {}).items()
            for file, form in files.items()
        ),
    )


def _made(sample: Sample) -> str:
    """Say what the counts do not: one length only, rows that are not regions as they were given."""
    said = []
    length = one_length(sample)
    if length:
        said.append(f"all regions are {number(length)} bp long, so length tells nothing")
    if "parent" in sample.regions.columns:
        cut = sample.regions[sample.regions["parent"].fillna("") != ""]
    else:
        cut = sample.regions[:0]
    if len(cut):
        said.append(
            f"{number(len(cut))} windows or constituents were cut from "
            f"{number(cut['parent'].nunique())} regions; those of one region are in one part of "
            "the split"
        )
    if words := random_regions(kept(sample)):
        said.append(words)
    return "".join(f"<p>{escape(sample.name)}: {text}.</p>" for text in said)


def drops(samples: list[Sample]) -> Section | None:
    data = {
        s.name: {
            reason: int((s.regions["drop_reason"] == reason).sum())
            for reason in dict.fromkeys([*REASONS, *s.regions["drop_reason"].unique()])
            if reason
        }
        for s in samples
    }
    if not any(sum(row.values()) for row in data.values()):
        return None
    reasons = dict.fromkeys(reason for row in data.values() for reason in row)
    seen = [reason for reason in reasons if any(row.get(reason) for row in data.values())]
    names = [REASONS.get(reason, reason) for reason in seen]
    return Section(
        "data",
        "data_dropped",
        "Regions left out, by reason",
        "Each row that was given but not used is counted once, and listed with its reason in "
        "regions.tsv. A bar that is mostly one reason points at a mistake in the input: another "
        "assembly (beyond the chromosome's end) or other chromosome names.",
        "bargraph",
        {
            sample: {name: row.get(reason, 0) for reason, name in zip(seen, names, strict=True)}
            for sample, row in data.items()
        },
        {
            "ylab": "regions",
            "cpswitch_counts_label": "Regions",
            "tt_decimals": 0,
            "sort_samples": False,
            "height": bar_height(len(data)),
        },
        {name: {"name": name, "color": CYCLE[i % len(CYCLE)]} for i, name in enumerate(names)},
    )


def distribution(samples: list[Sample], column: str, name: str, xlab: str) -> Section:
    """Draw the share of regions over length (log scale) or GC, one tab per sample."""
    data, labels = [], []
    for sample in samples:
        used = kept(sample)
        values = used[column].to_numpy(np.float64)
        edges = _edges(values[np.isfinite(values)], column)
        lines = {}
        for label, title, _ in CLASSES:
            own = values[(used["label"] == label).to_numpy() & np.isfinite(values)]
            share = np.histogram(own, edges)[0] / max(1, len(own))
            scale = 100 if column == "gc" else 1
            lines[title] = outline((edges * scale).tolist(), 100 * share)
        data.append(lines)
        labels.append({"name": sample.name, "ylab": "share of the class in %"})
    reading = {
        "length": "Curves that lie apart mean that length alone tells the classes apart, and a "
        "model may learn nothing else; see region length among the baselines.",
        "gc": "Curves that lie apart mean that base composition alone tells much; see GC content "
        "among the baselines.",
    }[column]
    config: dict[str, Any] = {
        "xlab": xlab,
        "ylab": "share of the class in %",
        "ymin": 0,
        "colors": {title: colour for _, title, colour in CLASSES},
        "style": "lines",
        "smooth_points": None,
        "x_decimals": 0 if column == "length" else 1,
        "y_decimals": 1,
        **({"data_labels": labels} if len(labels) > 1 else {}),
    }
    if column == "length":
        config["xlog"] = True
    return Section(
        "data",
        f"data_{column}",
        f"{name} of both classes",
        f"The share of each class over {name if column == 'gc' else name.lower()}. {reading}",
        "linegraph",
        data if len(data) > 1 else data[0],
        config,
    )


def _edges(values: np.ndarray, column: str) -> np.ndarray:
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = values.min(), values.max()
    if column == "length":
        return np.geomspace(max(1, low) * 0.98, max(2, high) * 1.02, BINS + 1)
    return np.linspace(max(0, low - 0.01), min(1, high + 0.01), BINS + 1)


def parts(samples: list[Sample]) -> Section:
    data: dict[str, dict[str, int]] = {}
    for sample in samples:
        used = kept(sample)
        for part in PARTS:
            name = part if len(samples) == 1 else f"{sample.name} · {part}"
            own = used[used["split"] == part]
            data[name] = {title: int((own["label"] == label).sum()) for label, title, _ in CLASSES}
    categories = {title: {"name": title, "color": colour} for _, title, colour in CLASSES}
    chromosomes = _held_out(samples)
    return Section(
        "split",
        "split_parts",
        "Regions of each part",
        "The model learns from train; validation chooses the epoch, calibration and threshold; "
        f"test is scored once.{chromosomes} A bad split has few loci in test or a share of "
        "super-enhancers that differs much between the parts.",
        "bargraph",
        data,
        {
            "ylab": "regions",
            "cpswitch_counts_label": "Regions",
            "tt_decimals": 0,
            "sort_samples": False,
            "height": bar_height(len(data)),
        },
        categories,
    )


def folds(samples: list[Sample]) -> Section:
    data: dict[str, dict[str, int]] = {}
    for sample in samples:
        used = kept(sample)
        for fold, own in used.groupby("fold"):
            name = f"fold {fold:.0f}"
            name = name if len(samples) == 1 else f"{sample.name} · {name}"
            data[name] = {title: int((own["label"] == label).sum()) for label, title, _ in CLASSES}
    return Section(
        "split",
        "split_parts",
        "Regions tested by each fold",
        "Cross-validation: every region is tested by one fold, whose model has not seen its locus. "
        "Each fold takes its own validation part from the others. A bad split has folds that "
        "differ much in size or in their share of super-enhancers.",
        "bargraph",
        data,
        {
            "ylab": "regions",
            "cpswitch_counts_label": "Regions",
            "tt_decimals": 0,
            "sort_samples": False,
            "height": bar_height(len(data)),
        },
        {title: {"name": title, "color": colour} for _, title, colour in CLASSES},
    )


def _held_out(samples: list[Sample]) -> str:
    """Name the held-out chromosomes where the split is by chromosomes."""
    named = held_out_chromosomes(samples)
    if named is None:
        return ""
    shown = {part: escape(", ".join(own)) for part, own in named.items()}
    return f" Held out: {shown['test']} for test, {shown['validation']} for validation."


def held_out_chromosomes(samples: list[Sample]) -> dict[str, list[str]] | None:
    """Chromosomes of each part where no two parts share one, and they are few."""
    tables = [kept(s) for s in samples if s.regions is not None]
    used = [table[["chrom", "split"]] for table in tables if {"chrom", "split"} <= set(table)]
    if not used:
        return None
    used = pd.concat(used)
    named = {part: set(map(str, used["chrom"][used["split"] == part])) for part in PARTS}
    if any(named[a] & named[b] for a, b in (PARTS[:2], PARTS[1:], PARTS[::2])):
        return None
    if not 0 < max(len(named["test"]), len(named["validation"])) <= 8:
        return None
    return {part: sorted(own, key=_natural) for part, own in named.items()}


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort chr7 before chr10."""
    return [
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in re.split(r"(\d+)", name)
    ]


def audit(found: Mapping[str, Any]) -> Section:
    """Show overlaps and likeness between the parts; the verdict says what they mean."""
    names = {
        "test_in_train": "test in train",
        "validation_in_train": "validation in train",
        "test_in_validation": "test in validation",
    }
    overlaps, alike = found.get("overlapping_regions", {}), found.get("similarity", {})
    rows = []
    for pair, name in names.items():
        part = alike.get(pair, {})
        levels = part.get("with_containment_at_least", {})
        shares = [f"{part[key]:.3f}" if part.get(key) is not None else "–" for key in QUANTILES]
        rows.append(
            [
                name,
                number(overlaps.get(pair, 0)),
                number(part.get("regions", 0)),
                *(number(levels.get(level, 0)) for level in LEVELS),
                *shares,
            ]
        )
    head = ["", "overlaps", "compared", *(f"≥ {float(level):.0%}" for level in LEVELS)]
    return Section(
        "split",
        "split_audit",
        "Leakage audit",
        f"Split by {escape(found.get('split_by', 'file'))}{_folds(found)}. Overlaps between parts "
        "stop the run. Then, how many regions have 5, 50 or 95 % of their 31-mers in the other "
        "part as well. A few are repeats; many regions at 50 % or more mean copies, and a result "
        "that is partly memory.",
        "html",
        table([*head, "median", "largest"], rows) + _linked(found) + _conflicts(found),
    )


def _folds(found: Mapping[str, Any]) -> str:
    number_of = len(found.get("folds", []))
    return f" into {number_of} folds, over all of which the table counts" if number_of else ""


def _linked(found: Mapping[str, Any]) -> str:
    """Say which share of the test has a like region in training."""
    part = found.get("similarity", {}).get("test_in_train", {})
    like = part.get("with_containment_at_least", {}).get(LEVELS[0])
    if like is None or not part.get("regions"):
        return ""
    share = percent(like, part["regions"])
    return (
        f"<p>{share} of the test regions are linked to the training part: they share 5 % of their "
        "31-mers or more with it. Where both classes are left without them, the test results are "
        "also given so.</p>"
    )


def _conflicts(found: Mapping[str, Any]) -> str:
    typical = found.get("label_conflicts_between_samples", 0)
    if not typical:
        return ""
    text = f"{number(typical)} typical enhancers overlap a super-enhancer of another sample."
    counts = found.get("conflicts")
    if counts:
        outcome = {
            "keep": "A model for all samples keeps them",
            "drop": "A model for all samples learns from none of them",
            "majority": "A model for all samples learns from those with the label of most samples",
        }[counts["rule"]]
        text += (
            f" In all, {number(counts['regions'])} regions are under both labels. {outcome} "
            f"(<code>--conflicts {counts['rule']}</code>, {number(counts['dropped'])} left out of "
            "training and validation); the test keeps all."
        )
    return f"<p>{text}</p>"
