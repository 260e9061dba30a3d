"""Sections on the attributions: do they add up, can they be believed, what do they look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seformer.evaluation import findings
from seformer.report.collect import ERROR_EDGES, Explanations, Results
from seformer.report.content import GREY, SUPER, TYPICAL, Section, number, strokes, table
from seformer.report.motifs import section as motif_section
from seformer.report.patterns import section as pattern_section
from seformer.report.use import named
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    explained = named({s.name: s.explanations for s in results.with_("explanations")})
    if explained:
        yield completeness_table(explained)
        if any(len(found.errors) for found in explained.values()):
            yield completeness(explained)
        checked = {
            name: found.summary["faithfulness"]
            for name, found in explained.items()
            if found.summary.get("faithfulness", {}).get("summary")
        }
        if checked:
            yield faithfulness(checked)
            if any("deletion_top" in found["summary"] for found in checked.values()):
                yield deletion(checked)
        profiles = {n: e.summary["profile"] for n, e in explained.items() if "profile" in e.summary}
        if profiles:
            yield profile(profiles)
        drawn = {n: e.summary["drawn"] for n, e in explained.items() if e.summary.get("drawn")}
        if drawn:
            yield regions(drawn)
    motifs = motif_section(results)
    if motifs:
        yield motifs
    patterns = pattern_section(results)
    if patterns:
        yield patterns


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
        windows = found.summary.get("windows", {})
        cells = [
            number(found.regions),
            number(findings.count_incomplete(found)),
            f"{number(windows['incomplete'])} of {number(windows['rows'])}" if windows else "–",
            middle,
            high,
        ]
        rows.append([escape(name), how, *cells])
    head = [
        "regions",
        "method",
        "rows",
        "incomplete",
        "incomplete windows",
        "median error",
        "95 % of errors below",
    ]
    return Section(
        "explanations",
        "explanations_table",
        "Do the attributions add up?",
        "By integrated gradients the attributions of a region must sum to its logit less that of "
        "its reference (other methods promise no sum); the completeness error is what is missing, "
        f"relative to that difference. Above {findings.largest_errors(explained.values())} a "
        "region is flagged incomplete: do not read its single bases. Within a long region the same "
        "holds for every window, whose bases must sum to what the window contributes; the table of "
        "windows says which do not.",
        "html",
        table(head, rows, numeric=2),
    )


def completeness(explained: Mapping[str, Explanations]) -> Section:
    lines, drawn, colours, dashes = {}, strokes(explained), {}, {}
    for name, found in explained.items():
        colour, dash = drawn[name]
        for line, errors, stroke in (
            (name, found.errors, dash),
            (f"{name} · windows", found.window_errors, "dot"),
        ):
            if len(errors):
                counted = np.searchsorted(np.sort(errors), ERROR_EDGES[1:], side="right")
                share = 100 * counted / len(errors)
                lines[line] = [
                    [round(float(100 * edge), 5), round(float(y), 3)]
                    for edge, y in zip(ERROR_EDGES[1:], share, strict=True)
                ]
                colours[line], dashes[line] = colour, stroke
    return Section(
        "explanations",
        "explanations_completeness",
        "Completeness error",
        "The share of regions (dotted: of their windows) whose error is at most the value on the x "
        "axis. Good: the curve has reached 100 % left of the line at "
        f"{findings.largest_errors(explained.values())}. Bad: it is still rising there.",
        "linegraph",
        lines,
        {
            "xlab": "completeness error in %",
            "ylab": "share in %",
            "xlog": True,
            "ymin": 0,
            "ymax": 100,
            "x_lines": [
                {"value": 100 * value, "color": GREY, "dash": "dash", "width": 1}
                for value in sorted(
                    {findings.largest_error(f) for f in explained.values() if len(f.errors)}
                )
            ],
            "colors": colours,
            "dash_styles": dashes,
            "style": "lines",
            "smooth_points": None,
        },
    )


def profile(profiles: Mapping[str, Mapping[str, Any]]) -> Section:
    data, labels = [], []
    for name, found in profiles.items():
        lines = {}
        for key in ("SE", "TE"):
            part = found.get(key, {})
            if part.get("regions"):
                width = 100 / len(part["mean"])
                known = part.get("known", part["mean"])
                lines[f"called {key} ({number(part['regions'])})"] = [
                    [round((i + 0.5) * width, 3), float(f"{value:.5g}")]
                    for i, (value, bases) in enumerate(zip(part["mean"], known, strict=True))
                    if bases or "known" not in part
                ]
        if lines:
            data.append(lines)
            labels.append({"name": name})
    colours = {line: SUPER if line.startswith("called SE") else TYPICAL for d in data for line in d}
    return Section(
        "explanations",
        "explanations_profile",
        "Attribution along the regions",
        "Mean attribution of a known base, by its place in the region, over the regions that the "
        "model's threshold calls super-enhancer (SE) or typical enhancer (TE). A profile that is "
        "high only at the ends shows that the model reacts to where regions were cut, not to what "
        "they hold.",
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


def faithfulness(checked: Mapping[str, Mapping[str, Any]]) -> Section:
    rows = []
    for name, found in checked.items():
        summary = found["summary"]
        cells = [
            "–" if summary.get(key) is None else f"{summary[key]:.2f}" for key in findings.CHECKS
        ]
        rows.append([escape(name), number(len(found.get("regions", []))), *cells])
    head = [
        "regions",
        "checked",
        f"deletion, times random<small>bad: under {findings.FAITHFUL}</small>",
        f"agreement with mutagenesis<small>bad: under {findings.MUTAGENESIS}</small>",
        f"agreement between seeds<small>bad: under {findings.STABLE}</small>",
        f"agreement with a random model<small>bad: {findings.SHUFFLED} or more, or as high as one "
        "of the two before</small>",
    ]
    return Section(
        "explanations",
        "explanations_faithfulness",
        "Can the attributions be believed?",
        "Checks on a few regions; agreements are rank correlations over known bases. Good: "
        "replacing the 1 % of bases with the highest attribution lowers the score several times "
        "as much as random bases; mutagenesis, an independent method, agrees; so do other random "
        "references (seeds). Bad: a ratio near 1, seeds that disagree (take more references), or "
        "attributions that agree with those of a model with shuffled weights, which only draw "
        "the input.",
        "html",
        table(head, rows),
    )


def deletion(checked: Mapping[str, Mapping[str, Any]]) -> Section:
    """Deletion and, where it was measured, insertion; a data set each."""
    data, labels, colours, dashes = [], [], {}, {}
    drawn = strokes(checked)
    for kind, title in (("deletion", "fall of the logit"), ("insertion", "rise of the logit")):
        lines = {}
        for name, found in checked.items():
            for key, what in ((f"{kind}_top", "highest"), (f"{kind}_random", "random")):
                if key not in found["summary"]:
                    continue
                changes, line = found["summary"][key], f"{name} · {what}"
                lines[line] = [
                    [100 * share, round(change, 5)]
                    for share, change in zip(found["fractions"], changes, strict=True)
                ]
                colours[line] = drawn[name][0]
                dashes[line] = "solid" if what == "highest" else "dot"
        if lines:
            data.append(lines)
            labels.append({"name": kind.capitalize(), "ylab": title})
    inserted = ", and how much it rises when they are put into a shuffled sequence"
    inserted = inserted if len(data) > 1 else ""
    return Section(
        "explanations",
        "explanations_deletion",
        " and ".join(label["name"] for label in labels).capitalize() + " of bases",
        "How much the logit falls when the bases with the highest attribution, or random ones, "
        f"are replaced{inserted}. Good: the solid line lies far above the dotted one from the "
        "start. Bad: both run together.",
        "linegraph",
        data if len(data) > 1 else data[0],
        {
            "xlab": "bases in %",
            "ylab": "change of the logit",
            "xlog": True,
            "colors": colours,
            "dash_styles": dashes,
            "style": "lines+markers",
            "smooth_points": None,
            **({"data_labels": labels} if len(data) > 1 else {}),
        },
    )
