"""Sections on what the trained model was used for: predictions and explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seformer.report.collect import ERROR_EDGES, Explanations, Predictions, Results
from seformer.report.content import (
    CYCLE,
    GREY,
    SUPER,
    TYPICAL,
    Section,
    escape,
    number,
    percent,
    plain,
    table,
)

FLAGS = {
    "length_outside_training": "length outside training",
    "gc_outside_training": "GC outside training",
    "n_rich": "over 10 % unknown bases",
    "short": "under 200 bp",
    "other_assembly": "other assembly than in training",
}
COMPLETE = 0.05


def sections(results: Results) -> Iterator[Section]:
    scored = _named({s.name: s.predictions for s in results.with_("predictions")})
    if scored:
        yield calls(scored)
        yield probabilities(scored)
        if any(found.flags or found.unscored for found in scored.values()):
            yield flags(scored)
    explained = _named({s.name: s.explanations for s in results.with_("explanations")})
    if explained:
        yield completeness_table(explained)
        if any(len(found.errors) for found in explained.values()):
            yield completeness(explained)
        profiles = {n: e.summary["profile"] for n, e in explained.items() if "profile" in e.summary}
        if profiles:
            yield profile(profiles)
        drawn = {n: e.summary["drawn"] for n, e in explained.items() if e.summary.get("drawn")}
        if drawn:
            yield regions(drawn)


def _named(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Name every BED; with several models by model and BED."""
    if len(found) == 1:
        return {plain(bed): one for beds in found.values() for bed, one in beds.items()}
    return {
        f"{plain(sample)} · {plain(bed)}": one
        for sample, beds in found.items()
        for bed, one in beds.items()
    }


def calls(scored: Mapping[str, Predictions]) -> Section:
    data = {
        name: {
            "se": found.super_enhancers,
            "te": found.scored - found.super_enhancers,
            "none": found.rows - found.scored,
        }
        for name, found in scored.items()
    }
    return Section(
        "predictions",
        "predictions_calls",
        "Calls",
        "Regions called super-enhancer, typical enhancer, or not scored (for instance without "
        "known bases); every row is in the table of predictions. A bad bar is almost all one "
        "colour where you expect both, or has many regions not scored.",
        "bargraph",
        data,
        {"ylab": "regions", "cpswitch_counts_label": "Regions", "tt_decimals": 0},
        {
            "se": {"name": "super-enhancer", "color": SUPER},
            "te": {"name": "typical enhancer", "color": TYPICAL},
            "none": {"name": "not scored", "color": GREY},
        },
    )


def probabilities(scored: Mapping[str, Predictions]) -> Section:
    lines = {}
    for name, found in scored.items():
        share = 100 * found.histogram / max(1, found.scored)
        edges = np.linspace(0, 1, len(share) + 1)
        x, y = np.repeat(edges, 2), np.concatenate(([0.0], np.repeat(share, 2), [0.0]))
        lines[name] = [[round(float(a), 4), round(float(b), 4)] for a, b in zip(x, y, strict=True)]
    return Section(
        "predictions",
        "predictions_probability",
        "Probabilities",
        "How the probabilities of each BED spread. A single narrow peak means that the model "
        "does not tell these regions apart, often because they are unlike those of the training.",
        "linegraph",
        lines,
        {
            "xlab": "predicted probability of a super-enhancer",
            "ylab": "share of regions in %",
            "xmin": 0,
            "xmax": 1,
            "ymin": 0,
            "colors": {name: CYCLE[i % len(CYCLE)] for i, name in enumerate(lines)},
            "style": "lines",
            "smooth_points": None,
        },
    )


def flags(scored: Mapping[str, Predictions]) -> Section:
    rows = []
    for name, found in scored.items():
        counted = [(FLAGS.get(k, k), v) for k, v in found.flags.most_common()]
        counted += [(f"not scored: {k.replace('_', ' ')}", v) for k, v in found.unscored.items()]
        for flag, n in counted:
            rows.append([escape(name), escape(flag), number(n), percent(n, found.rows)])
    return Section(
        "predictions",
        "predictions_flags",
        "Flags",
        "What to keep in mind about single rows. A flag on most rows means that the BED is not "
        "of the kind the model knows: its scores may rank, but hardly measure.",
        "html",
        table(["regions", "flag", "rows", "share"], rows, numeric=2),
    )


def incomplete(found: Explanations) -> int:
    """Count regions whose attributions do not add up."""
    if "incomplete" in found.flags or not len(found.errors):
        return int(found.flags.get("incomplete", 0))
    if found.summary:
        return 0
    return int((found.errors > COMPLETE).sum())


def completeness_table(explained: Mapping[str, Explanations]) -> Section:
    rows = []
    for name, found in explained.items():
        middle, high = (
            (f"{100 * q:.2g} %" for q in np.quantile(found.errors, [0.5, 0.95]))
            if len(found.errors)
            else ("–", "–")
        )
        settings = found.summary.get("settings", {})
        how = " · ".join(
            escape(str(settings[key]).replace("_", " "))
            for key in ("method", "reference")
            if settings.get(key)
        )
        rows.append(
            [escape(name), how, number(found.regions), number(incomplete(found)), middle, high]
        )
    head = ["regions", "method", "rows", "incomplete", "median error", "95 % of errors below"]
    return Section(
        "explanations",
        "explanations_table",
        "Do the attributions add up?",
        "The attributions of a region must sum to its logit less that of its reference; the "
        "completeness error is what is missing, relative to that difference. Above 5 % a region "
        "is flagged incomplete: do not read its single bases.",
        "html",
        table(head, rows, numeric=2),
    )


def completeness(explained: Mapping[str, Explanations]) -> Section:
    lines = {}
    for name, found in explained.items():
        if len(found.errors):
            counted = np.searchsorted(np.sort(found.errors), ERROR_EDGES[1:], side="right")
            share = 100 * counted / len(found.errors)
            lines[name] = [
                [round(float(100 * edge), 5), round(float(y), 3)]
                for edge, y in zip(ERROR_EDGES[1:], share, strict=True)
            ]
    return Section(
        "explanations",
        "explanations_completeness",
        "Completeness error",
        "The share of regions whose error is at most the value on the x axis. Good: the curve "
        "has reached 100 % left of the line at 5 %. Bad: it is still rising there.",
        "linegraph",
        lines,
        {
            "xlab": "completeness error in %",
            "ylab": "share of regions in %",
            "xlog": True,
            "ymin": 0,
            "ymax": 100,
            "x_lines": [{"value": 5, "color": GREY, "dash": "dash", "width": 1}],
            "colors": {name: CYCLE[i % len(CYCLE)] for i, name in enumerate(lines)},
            "style": "lines",
            "smooth_points": None,
        },
    )


def profile(profiles: Mapping[str, Mapping[str, Any]]) -> Section:
    data, labels = [], []
    for name, found in profiles.items():
        lines = {}
        for key, title in (("SE", "logit above 0"), ("TE", "logit below 0")):
            part = found.get(key, {})
            if part.get("regions"):
                width = 100 / len(part["mean"])
                lines[f"{title} ({number(part['regions'])})"] = [
                    [round((i + 0.5) * width, 3), float(f"{value:.5g}")]
                    for i, value in enumerate(part["mean"])
                ]
        if lines:
            data.append(lines)
            labels.append({"name": name})
    colours = {
        line: SUPER if line.startswith("logit above") else TYPICAL for d in data for line in d
    }
    return Section(
        "explanations",
        "explanations_profile",
        "Attribution along the regions",
        "Mean attribution of a base, by its place in the region. A profile that is high only at "
        "the ends shows that the model reacts to where regions were cut, not to what they hold.",
        "linegraph",
        data if len(data) > 1 else data[0],
        {
            "xlab": "place in the region in %",
            "ylab": "mean attribution of a base",
            "colors": colours,
            "style": "lines",
            "smooth_points": None,
            **({"data_labels": labels} if len(data) > 1 else {}),
        },
    )


def regions(drawn: Mapping[str, list[Mapping[str, Any]]]) -> Section:
    parts = []
    for name, found in drawn.items():
        top = f"<h4>{escape(name)}</h4>" if len(drawn) > 1 else ""
        parts.append(f'{top}<div class="sf-tracks">{"".join(map(track, found))}</div>')
    return Section(
        "explanations",
        "explanations_regions",
        "The regions with the highest scores",
        "Attribution of every stretch of bases, red for and blue against a super-enhancer; each "
        "region has its own scale. Good: a few sharp peaks, such as motifs make. Bad: the whole "
        "region in one colour, which is base composition, or one spike that carries all. The "
        "full tracks are in the bigWig files.",
        "html",
        "".join(parts),
    )


def track(region: Mapping[str, Any]) -> str:
    """Draw one region as bars about zero."""
    values = np.asarray(region["values"], np.float64)
    most = float(np.abs(values).max()) or 1.0
    width, half = 560, 36
    step = width / max(1, len(values))
    paths = {SUPER: [], TYPICAL: []}
    for i, value in enumerate(values):
        height = round(half * value / most, 1)
        if height:
            x, end = round(i * step, 2), round((i + 1) * step, 2)
            paths[SUPER if value > 0 else TYPICAL].append(
                f"M{x} {half}V{round(half - height, 1)}H{end}V{half}Z"
            )
    bars = "".join(f'<path d="{"".join(d)}" fill="{colour}"/>' for colour, d in paths.items() if d)
    place = f"{region['chrom']}:{region['start'] + 1:,}-{region['end']:,}"
    name = region.get("name") or ""
    title = f"{place} {name if name not in ('.', 'nan') else ''}"
    return (
        f"<figure><figcaption><b>{escape(title.strip())}</b> logit {region['logit']:.2f}, "
        f"peak {most:.2g} a base</figcaption>"
        f'<svg viewBox="0 0 {width} {2 * half}" preserveAspectRatio="none" role="img" '
        f'aria-label="attribution of {escape(place)}">'
        f'<line x1="0" x2="{width}" y1="{half}" y2="{half}" class="sf-axis"/>{bars}</svg></figure>'
    )
