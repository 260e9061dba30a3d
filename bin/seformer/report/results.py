"""Sections on the held-out test part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seformer.evaluation.baselines import BASELINES
from seformer.evaluation.metrics import METRICS
from seformer.evaluation.verdict import scorer_title
from seformer.report.collect import Results, Sample
from seformer.report.content import (
    BLACK,
    GREY,
    SUPER,
    TYPICAL,
    Section,
    apart,
    interval,
    number,
    outline,
    signed,
    strokes,
    table,
)
from seformer.report.further import folds_table, members_row, prevalence_table
from seformer.util.markup import escape

# lines differ in more than colour
COLOURS = {"model": BLACK} | {name: baseline.colour for name, baseline in BASELINES.items()}
DASHES = {"model": "solid"} | {name: baseline.dash for name, baseline in BASELINES.items()}


def sections(results: Results) -> Iterator[Section]:
    tested = results.with_("metrics")
    if tested:
        yield metrics_table(tested)
    drawn = results.with_("curves")
    if drawn:
        yield roc(drawn)
        yield precision_recall(drawn)
        yield calibration(drawn)
        yield histogram(drawn)


def metrics_table(samples: list[Sample]) -> Section:
    parts = [one_table(sample) for sample in samples]
    if len(parts) > 1:
        parts = [comparison(samples), *map(folded, samples, parts)]
    return Section(
        "test",
        "test_metrics",
        "The model beside its baselines",
        "Every row had the same training regions, and its calibration and threshold from the "
        "same validation regions. Grey: 95 % bootstrap interval over loci. Δ is the model less "
        "the best baseline of the test part itself; only an interval that leaves out 0 shows a "
        "difference. A bad table has the model's interval around 0.5, or region length or GC "
        "content as good as the model. Brier and ECE: lower is better.",
        "html",
        "".join(parts),
    )


def headline(sample: Sample) -> str:
    """Say the test in a few words: AUROC, and Δ to the best baseline."""
    if not sample.metrics:
        return ""
    test = sample.metrics["test"]
    auroc, delta = test["model"]["auroc"], test["delta"]["auroc"]
    return (
        f"test AUROC {auroc['value']:.3f}, Δ {signed(delta['value'])} to "
        f"{escape(scorer_title(delta['baseline']))}"
    )


def folded(sample: Sample, content: str) -> str:
    head = f'<span class="sf-head">{headline(sample)}</span>'
    name = f"<summary><b>{escape(sample.name)}</b>{head}</summary>"
    return f'<details class="sf-verdict sf-folded">{name}{content}</details>'


def comparison(samples: list[Sample]) -> str:
    """Draw the headline of every sample on one scale."""
    deltas = [sample.metrics["test"]["delta"]["auroc"] for sample in samples]
    most = max(0.05, *(abs(d[key]) for d in deltas for key in ("low", "high")))
    rows = []
    for sample, delta in zip(samples, deltas, strict=True):
        if delta["low"] > 0 or delta["high"] < 0:
            colour = TYPICAL if delta["low"] > 0 else SUPER
        else:
            colour = GREY
        best = escape(scorer_title(delta["baseline"]))
        rows.append(
            [
                escape(sample.name),
                whisker(delta, (-most, most), (0,), colour, 260),
                interval(delta, plus=True),
                interval(sample.metrics["test"]["model"]["auroc"]),
                f'<span style="white-space:nowrap">{best}</span>',
            ]
        )
    head = ["", "worse · Δ AUROC · better", "Δ AUROC", "AUROC", "best baseline"]
    return table(head, rows, numeric=2, caption="All samples; each sample's own table below.")


def one_table(sample: Sample) -> str:
    test = sample.metrics["test"]
    scorers = {"model": test["model"], **test.get("parts", {}), **test["baselines"]}
    mark = test["model"]["auroc"]["value"]
    low = min(min(row["auroc"]["low"] for row in scorers.values()), 0.5)
    rows = []
    for name, row in scorers.items():
        title = escape(scorer_title(name))
        title = f"<b>{title}</b>" if name == "model" else title
        picture = whisker(row["auroc"], (low, 1), (0.5, 1), COLOURS.get(name), 130, mark)
        cells = [interval(row[metric]) for metric in METRICS]
        rows.append([f'<span class="sf-name">{title}</span>', picture, *cells])
    rows.append(difference_row(test["delta"]))
    if "members" in test:
        rows.append(members_row(test["members"]))
    unlike = test.get("unlike_training", {})
    note = ""
    if "model" in unlike:
        note = (
            f"<p>On the {number(unlike['n'])} test regions that share at most "
            f"{100 * unlike['containment_at_most']:.0f} % of their 31-mers with the training part: "
            f"AUROC of the model {_words(unlike['model']['auroc'])}.</p>"
        )
    caption = (
        f"{number(test['n'])} test regions in {number(test['loci'])} loci, "
        f"{100 * test['prevalence']:.1f} % super-enhancers{_choices(sample)}"
    )
    head = ["", "from guessing to perfect", *METRICS.values()]
    further = prevalence_table(test) + folds_table(sample.metrics)
    return table(head, rows, numeric=2, caption=caption) + note + further


def difference_row(delta: Mapping[str, Any]) -> list[str]:
    """Write the differences; a baseline that is the best by every metric is named once."""
    best = {metric: scorer_title(d["baseline"]) for metric, d in delta.items()}
    once = len(set(best.values())) == 1
    title = f"<b>Δ</b> over {escape(next(iter(best.values())))}" if once else "<b>Δ</b>"
    cells = [interval(delta[metric], plus=True) if metric in delta else "" for metric in METRICS]
    if not once:
        cells = [
            f'{cell}<small class="sf-note">over {escape(best[metric])}</small>' if cell else ""
            for metric, cell in zip(METRICS, cells, strict=True)
        ]
    return [f'<span class="sf-name">{title}</span>', "", *cells]


def _choices(sample: Sample) -> str:
    chosen = sample.metrics.get("baseline_choices", {})
    words = [
        baseline.choice.format_map(defaultdict(lambda: None, chosen[name]))
        for name, baseline in BASELINES.items()
        if baseline.choice and name in chosen
    ]
    return f"; chosen on validation: {escape(', '.join(words))}" if words else ""


def _words(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def whisker(
    value: Mapping[str, float],
    scale: tuple[float, float],
    axes: Sequence[float],
    colour: str | None,
    width: int,
    mark: float | None = None,
) -> str:
    """Draw a value with its interval, with lines at ``axes`` and a dotted one at ``mark``."""
    low, high = scale

    def x(at: float) -> float:
        return round(5 + width * (at - low) / (high - low), 1)

    a, b, c = x(value["low"]), x(value["high"]), x(value["value"])
    colour = colour or GREY
    lines = "".join(
        f'<line x1="{x(at)}" x2="{x(at)}" y1="0" y2="20" class="sf-axis"/>' for at in axes
    )
    if mark is not None:
        lines += f'<line x1="{x(mark)}" x2="{x(mark)}" y1="0" y2="20" class="sf-mark"/>'
    return (
        f'<svg width="{width + 10}" height="20" role="img" aria-label="{_words(value)}">{lines}'
        f'<line x1="{a}" x2="{b}" y1="10" y2="10" stroke="{colour}" stroke-width="2.5"/>'
        f'<circle cx="{c}" cy="10" r="4.5" fill="{colour}"/></svg>'
    )


def _tabs(samples: list[Sample], kind: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Collect one tab per sample with all its scorers; first, with several, one of all models."""
    data, labels = [], []
    if len(samples) > 1:
        data.append({s.name: apart(s.curves["test"][kind]["model"]) for s in samples})
        labels.append({"name": "All models"})
    for sample in samples:
        lines = sample.curves["test"][kind]
        data.append({scorer_title(name): apart(line) for name, line in lines.items()})
        labels.append({"name": sample.name})
    return data, labels


def _style(samples: list[Sample]) -> dict[str, Any]:
    colours = {scorer_title(name): colour for name, colour in COLOURS.items()}
    dashes = {scorer_title(name): dash for name, dash in DASHES.items()}
    for name, (colour, dash) in strokes(s.name for s in samples).items():
        colours[name], dashes[name] = colour, dash
    return {"colors": colours, "dash_styles": dashes, "style": "lines", "smooth_points": None}


def _square(samples: list[Sample], kind: str, **config: Any) -> tuple[Any, dict[str, Any]]:
    """Lay a figure over the unit square; one sample needs no tabs."""
    data, labels = _tabs(samples, kind)
    config |= {
        "xmin": 0,
        "xmax": 1,
        "ymin": 0,
        "ymax": 1.01,
        "height": 560,
        **_style(samples),
    }
    if len(data) == 1:
        return data[0], config
    config["data_labels"] = labels
    extra = config.get("extra_series")
    if extra:
        config["extra_series"] = [extra] * len(data)
    return data, config


def _line(name: str, points: list[list[float]]) -> dict[str, Any]:
    return {"name": name, "pairs": points, "color": GREY, "dash": "longdash", "width": 1}


def roc(samples: list[Sample]) -> Section:
    data, config = _square(
        samples,
        "roc",
        xlab="false positive rate: typical enhancers called SE",
        ylab="true positive rate: super-enhancers called SE",
        extra_series=[_line("guessing", [[0, 0], [1, 1]])],
    )
    return Section(
        "test",
        "test_roc",
        "ROC curves",
        "The further a curve bends to the upper left, the better; the area under it is the "
        "AUROC. A bad model follows the diagonal of guessing, or lies on or below a baseline.",
        "linegraph",
        data,
        config,
    )


def precision_recall(samples: list[Sample]) -> Section:
    shares = ", ".join(
        f"{escape(s.name)} {s.metrics['test']['prevalence']:.2f}" for s in samples if s.metrics
    )
    data, config = _square(
        samples,
        "precision_recall",
        xlab="recall: share of super-enhancers found",
        ylab="precision: share of calls that are right",
    )
    return Section(
        "test",
        "test_precision_recall",
        "Precision and recall",
        "Higher is better: precision is what you get when you follow up the calls. A bad curve "
        f"runs flat at the share of super-enhancers ({shares}), the precision of guessing.",
        "linegraph",
        data,
        config,
    )


def calibration(samples: list[Sample]) -> Section:
    points = [
        Sample(
            s.name,
            curves={
                "test": {
                    "calibration": {
                        name: [[p["probability"], p["share"]] for p in line]
                        for name, line in s.curves["test"]["calibration"].items()
                        if name == "model" or (name in BASELINES and BASELINES[name].probabilities)
                    }
                }
            },
        )
        for s in samples
    ]
    data, config = _square(
        points,
        "calibration",
        xlab="mean predicted probability",
        ylab="share of super-enhancers",
        extra_series=[_line("perfect", [[0, 0], [1, 1]])],
    )
    config["style"] = "lines+markers"
    return Section(
        "test",
        "test_calibration",
        "Calibration",
        "Up to ten groups of about equally many test regions by probability: on the diagonal a "
        "probability of 0.8 means that 8 of 10 are super-enhancers. Points below it are "
        "overconfident, points above too cautious; with few regions they scatter.",
        "linegraph",
        data,
        config,
    )


def histogram(samples: list[Sample]) -> Section:
    data, labels = [], []
    for sample in samples:
        counted = sample.curves["test"]["histogram"]["model"]
        lines = {}
        for key, title in (("se", "super-enhancers"), ("te", "typical enhancers")):
            total = max(1, sum(counted[key]))
            lines[title] = outline(counted["edges"], [100 * n / total for n in counted[key]])
        data.append(lines)
        labels.append({"name": sample.name})
    config = {
        "xlab": "predicted probability of a super-enhancer",
        "ylab": "share of the class in %",
        "xmin": 0,
        "xmax": 1,
        "ymin": 0,
        "colors": {"super-enhancers": SUPER, "typical enhancers": TYPICAL},
        "style": "lines",
        "smooth_points": None,
        **({"data_labels": labels} if len(data) > 1 else {}),
    }
    return Section(
        "test",
        "test_scores",
        "Scores of both classes",
        "The model's probabilities on the test part. Good: two humps, far apart. Bad: two curves "
        "on top of each other.",
        "linegraph",
        data if len(data) > 1 else data[0],
        config,
    )
