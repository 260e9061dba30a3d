"""Where along the regions the attributions lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.report.content import Section
from seformer.report.draw import SUPER, TYPICAL, lines, number
from seformer.report.results import Results


def sections(results: Results) -> Iterator[Section]:
    tabs, looks = {}, {}
    for name, bed in results.by_bed("explanations").items():
        for key, colour in (("SE", SUPER), ("TE", TYPICAL)):
            profile = bed.summary.get("profile", {}).get(key, {})
            if profile.get("regions"):
                line = f"called {key} ({number(profile['regions'])})"
                tabs.setdefault(name, {})[line] = _points(profile)
                looks[line] = colour
    if tabs:
        yield lines("explanations_profile", tabs, looks)


def _points(profile: Mapping[str, Any]) -> list[list[float]]:
    """Mean attribution by place in percent; a bin without known bases has no point."""
    width = 100 / len(profile["mean"])
    bases = profile.get("known", [1] * len(profile["mean"]))
    return [
        [round((i + 0.5) * width, 3), float(f"{value:.5g}")]
        for i, (value, count) in enumerate(zip(profile["mean"], bases, strict=True))
        if count
    ]
