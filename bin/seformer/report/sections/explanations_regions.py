"""The attributions of the regions with the highest scores, drawn as tracks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seformer.report.content import Section
from seformer.report.draw import SUPER, TYPICAL, counted, headed, html, signed
from seformer.report.results import Results
from seformer.util.markup import escape

WIDTH, HALF = 560, 36


def sections(results: Results) -> Iterator[Section]:
    tracks = {
        name: f'<div class="sf-tracks">{"".join(map(_track, bed.summary["drawn"]))}</div>'
        for name, bed in results.by_bed("explanations").items()
        if bed.summary.get("drawn")
    }
    if tracks:
        yield html("explanations_regions", headed(tracks))


def _track(region: Mapping[str, Any]) -> str:
    """Draw one region as bars about zero."""
    values = np.asarray(region["values"], np.float64)
    most = float(np.abs(values).max()) or 1.0
    step = WIDTH / max(1, len(values))
    paths = {SUPER: "", TYPICAL: ""}
    for i, value in enumerate(values):
        height = round(HALF * value / most, 1)
        if height:
            x, end = round(i * step, 2), round((i + 1) * step, 2)
            bar = f"M{x} {HALF}V{round(HALF - height, 1)}H{end}V{HALF}Z"
            paths[SUPER if value > 0 else TYPICAL] += bar
    bars = "".join(f'<path d="{path}" fill="{colour}"/>' for colour, path in paths.items() if path)
    place = f"{region['chrom']}:{counted(region['start'], region['end'])}"
    name = region.get("name") or ""
    title = f"{place} {name if name not in ('.', 'nan') else ''}"
    logit = signed(region["logit"], plus=False)
    return (
        f"<figure><figcaption><b>{escape(title.strip())}</b> logit {logit}, "
        f"peak {most:.2g} a base</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {2 * HALF}" preserveAspectRatio="none" role="img" '
        f'aria-label="attribution of {escape(place)}">'
        f'<line x1="0" x2="{WIDTH}" y1="{HALF}" y2="{HALF}" class="sf-axis"/>{bars}</svg></figure>'
    )
