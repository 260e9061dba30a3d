"""How many regions of each class every part of the split has, or every fold tests."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from seformer.report.content import Section, say
from seformer.report.draw import CLASSES, bars
from seformer.report.results import Results, SampleResults, held_out_chromosomes
from seformer.util.labels import PARTS
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("regions")
    if not samples:
        return
    if all("split" in sample.regions.columns for sample in samples):
        kind, values = "parts", {"held_out": _held_out(samples)}
    elif all("fold" in sample.regions.columns for sample in samples):
        kind, values = "folds", {}
    else:
        return
    data = {
        name if len(samples) == 1 else f"{sample.name} · {name}": {
            title: int((regions["label"] == label).sum()) for label, title, _ in CLASSES
        }
        for sample in samples
        for name, regions in _groups(sample.used, kind)
    }
    yield bars(
        "split_parts",
        data,
        {title: (title, colour) for _, title, colour in CLASSES},
        name=say("split_parts", f"name_of_{kind}"),
        description=say("split_parts", kind, **values),
    )


def _groups(used: pd.DataFrame, kind: str) -> Iterator[tuple[str, pd.DataFrame]]:
    if kind == "parts":
        return ((part, used[used["split"] == part]) for part in PARTS)
    return ((f"fold {fold:.0f}", regions) for fold, regions in used.groupby("fold"))


def _held_out(samples: list[SampleResults]) -> str:
    """Name the held-out chromosomes where the split is by chromosomes."""
    names = held_out_chromosomes(samples)
    if names is None:
        return ""
    shown = {part: escape(", ".join(chromosomes)) for part, chromosomes in names.items()}
    return say("split_parts", "held_out", **shown)
