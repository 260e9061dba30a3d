"""Sections on training and on the held-out test part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.modelcard import TITLES
from seformer.report.collect import Results, Sample
from seformer.report.content import (
    CYCLE,
    DASHES,
    GREY,
    SCORERS,
    SUPER,
    TYPICAL,
    Section,
    escape,
    number,
    plain,
    signed,
    table,
)
from seformer.verdict import NAMES

STAGES = {
    1: ("Stage 1: the head on the frozen backbone", "training_head"),
    2: ("Stage 2: all layers", "training_full"),
}
CURVES = (
    ("validation_auroc", "Validation AUROC", "AUROC on validation"),
    ("loss", "Loss", "mean cross-entropy, weighted by class"),
    ("learning_rate", "Learning rate", "learning rate"),
)


def sections(results: Results) -> Iterator[Section]:
    trained = results.with_("history")
    for stage in STAGES:
        chosen = [s for s in trained if (s.history["stage"] == stage).any()]
        if chosen:
            yield training(chosen, stage)
    tested = results.with_("metrics")
    if tested:
        yield metrics_table(tested)
    drawn = results.with_("curves")
    if drawn:
        yield roc(drawn)
        yield precision_recall(drawn)
        yield calibration(drawn)
        yield histogram(drawn)


def training(samples: list[Sample], stage: int) -> Section:
    name, id_ = STAGES[stage]
    colours, dashes, data = {}, {}, []
    for column, _, _ in CURVES:
        lines: dict[str, list[list[float]]] = {}
        for i, sample in enumerate(samples):
            rows = sample.history[sample.history["stage"] == stage]
            both = {"train_loss": "train", "validation_loss": "validation"}
            for source, part in both.items() if column == "loss" else [(column, "")]:
                if source not in rows:
                    continue
                known = rows[["epoch", source]].dropna().to_numpy(float)
                line = " · ".join(filter(None, (plain(sample.name), part)))
                lines[line] = [[float(x), float(y)] for x, y in known]
                colours[line] = CYCLE[i % len(CYCLE)]
                dashes[line] = "dash" if part == "train" else "solid"
        data.append(lines)
    reading = (
        "Good curves rise and level off. "
        "A validation loss that climbs while the training loss falls is overfitting; the epoch "
        "with the best validation AUROC is kept, so later epochs do no harm. AUROC that stays "
        "near 0.5 means nothing was learned."
    )
    return Section(
        "training",
        id_,
        name,
        f"{reading}{_weights(samples)}",
        "linegraph",
        data,
        {
            "data_labels": [{"name": title, "ylab": ylab} for _, title, ylab in CURVES],
            "xlab": "epoch",
            "ylab": CURVES[0][2],
            "x_decimals": 0,
            "colors": colours,
            "dash_styles": dashes,
            "style": "lines+markers",
            "smooth_points": None,
        },
    )


def _weights(samples: list[Sample]) -> str:
    modes = {(s.settings or {}).get("training", {}).get("class_weights") for s in samples}
    if modes == {"balanced"}:
        return " Both classes weigh the same in the loss, however many regions they have."
    if modes == {"none"}:
        return " Every region weighs the same in the loss."
    return ""


def metrics_table(samples: list[Sample]) -> Section:
    parts = [one_table(sample, heading=len(samples) > 1) for sample in samples]
    return Section(
        "test",
        "test_metrics",
        "The model beside its baselines",
        "Every row had the same training regions, and its calibration and threshold from the "
        "same validation regions. Grey: 95 % bootstrap interval over loci. Δ is the model less "
        "the baseline that was best on validation; only an interval that leaves out 0 shows a "
        "difference. A bad table has the model's interval around 0.5, or region length or GC "
        "content as good as the model. Brier and ECE: lower is better.",
        "html",
        "".join(parts),
    )


def one_table(sample: Sample, heading: bool) -> str:
    test = sample.metrics["test"]
    scorers = {"model": test["model"], **test["baselines"]}
    low = min(min(row["auroc"]["low"] for row in scorers.values()), 0.5)
    rows = []
    for name, row in scorers.items():
        title = escape(NAMES.get(name, name))
        title = f"<b>{title}</b>" if name == "model" else title
        picture = whisker(row["auroc"], low, test["model"]["auroc"]["value"], SCORERS.get(name))
        cells = [interval(row[metric]) for metric in TITLES]
        rows.append([f'<span class="sf-name">{title}</span>', picture, *cells])
    differences = [
        f'{interval(test["delta"][metric], plus=True)}<small class="sf-note">over '
        f"{escape(NAMES.get(test['delta'][metric]['baseline'], '?'))}</small>"
        if metric in test["delta"]
        else ""
        for metric in TITLES
    ]
    rows.append(["<b>Δ</b>", "", *differences])
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
    head = ["", "AUROC, from guessing to perfect", *TITLES.values()]
    top = f"<h4>{escape(sample.name)}</h4>" if heading else ""
    return top + table(head, rows, numeric=2, caption=caption) + note


def _choices(sample: Sample) -> str:
    chosen = sample.metrics.get("baseline_choices", {})
    words = []
    if "kmer_logistic" in chosen:
        words.append(f"logistic regression on {chosen['kmer_logistic'].get('k')}-mers")
    if "kmer_boosting" in chosen:
        words.append(f"{chosen['kmer_boosting'].get('trees')} boosted trees")
    return f"; chosen on validation: {escape(', '.join(words))}" if words else ""


def _words(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def interval(value: Mapping[str, float], plus: bool = False) -> str:
    """Write a value with its interval beneath."""
    value, low, high = (signed(value[key], plus) for key in ("value", "low", "high"))
    return f"{value}<small>{low} to {high}</small>"


def whisker(value: Mapping[str, float], low: float, model: float, colour: str | None) -> str:
    """Draw a value with its interval on a scale from ``low`` to 1, the model's value dotted."""
    left, width = 4, 150

    def x(at: float) -> float:
        return round(left + width * (at - low) / (1 - low), 1)

    a, b, c = x(value["low"]), x(value["high"]), x(value["value"])
    colour = colour or GREY
    return (
        f'<svg width="{width + 8}" height="20" role="img" aria-label="{_words(value)}">'
        f'<line x1="{x(0.5)}" x2="{x(0.5)}" y1="0" y2="20" class="sf-axis"/>'
        f'<line x1="{x(1)}" x2="{x(1)}" y1="0" y2="20" class="sf-axis"/>'
        f'<line x1="{x(model)}" x2="{x(model)}" y1="0" y2="20" class="sf-mark"/>'
        f'<line x1="{a}" x2="{b}" y1="10" y2="10" stroke="{colour}" stroke-width="2.5"/>'
        f'<circle cx="{c}" cy="10" r="4.5" fill="{colour}"/></svg>'
    )


def _tabs(samples: list[Sample], kind: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Collect one tab per sample with all its scorers; first, with several, one of all models."""
    data, labels = [], []
    if len(samples) > 1:
        data.append({plain(s.name): s.curves["test"][kind]["model"] for s in samples})
        labels.append({"name": "All models"})
    for sample in samples:
        lines = sample.curves["test"][kind]
        data.append({NAMES.get(name, plain(name)): points for name, points in lines.items()})
        labels.append({"name": plain(sample.name)})
    return data, labels


def _style(samples: list[Sample]) -> dict[str, Any]:
    colours = {NAMES[name]: colour for name, colour in SCORERS.items()}
    colours |= {plain(s.name): CYCLE[i % len(CYCLE)] for i, s in enumerate(samples)}
    dashes = {NAMES[name]: DASHES.get(name, "dot") for name in SCORERS}
    return {"colors": colours, "dash_styles": dashes, "style": "lines", "smooth_points": None}


def _square(samples: list[Sample], kind: str, **config: Any) -> tuple[Any, dict[str, Any]]:
    """Lay a figure over the unit square; one sample needs no tabs."""
    data, labels = _tabs(samples, kind)
    config |= {"xmin": 0, "xmax": 1, "ymin": 0, "ymax": 1, "height": 520, **_style(samples)}
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
                        if name in ("model", "kmer_logistic", "kmer_boosting")
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
        "Ten groups of equally many test regions by probability: on the diagonal a probability "
        "of 0.8 means that 8 of 10 are super-enhancers. Points below it are overconfident, "
        "points above too cautious; with few regions they scatter.",
        "linegraph",
        data,
        config,
    )


def histogram(samples: list[Sample]) -> Section:
    data, labels = [], []
    for sample in samples:
        counted = sample.curves["test"]["histogram"]["model"]
        edges = counted["edges"]
        lines = {}
        for key, title in (("se", "super-enhancers"), ("te", "typical enhancers")):
            total = max(1, sum(counted[key]))
            steps: list[list[float]] = [[edges[0], 0.0]]
            for low, high, n in zip(edges, edges[1:], counted[key], strict=False):
                steps += [[low, round(100 * n / total, 3)], [high, round(100 * n / total, 3)]]
            lines[title] = [*steps, [edges[-1], 0.0]]
        data.append(lines)
        labels.append({"name": plain(sample.name)})
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
