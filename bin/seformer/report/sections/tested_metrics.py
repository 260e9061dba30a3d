"""The model beside its baselines on the held-out test part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seformer.evaluation.baselines import find_baseline
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.metrics import METRICS
from seformer.evaluation.verdict import percent, scorer_title
from seformer.report.content import Section, say
from seformer.report.draw import (
    BAD,
    GOOD,
    GREY,
    headline,
    html,
    interval,
    number,
    scorer_looks,
    signed,
    table,
)
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape

NAMED = 10  # chromosomes that are named
SIMILARITY = {
    "under_5_percent": "at most 5 %",
    "5_to_50_percent": "5 to 50 %",
    "over_50_percent": "over 50 %",
}


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("metrics")
    parts = [sample_table(sample) for sample in samples]
    if len(parts) > 1:
        parts = [_comparison(samples), *map(_folded, samples, parts)]
    if parts:
        yield html("test_metrics", "".join(parts))


def _folded(sample: SampleResults, content: str) -> str:
    head = f'<span class="sf-head">{headline(sample.test)}</span>'
    name = f"<summary><b>{escape(sample.name)}</b>{head}</summary>"
    return f'<details class="sf-verdict sf-folded">{name}{content}</details>'


def _comparison(samples: list[SampleResults]) -> str:
    """Draw the headline of every sample on one scale."""
    deltas = [sample.metrics["test"]["delta"]["auroc"] for sample in samples]
    most = max(0.05, *(abs(delta[key]) for delta in deltas for key in ("low", "high")))
    rows = []
    for sample, delta in zip(samples, deltas, strict=True):
        colour = GOOD if delta["low"] > 0 else BAD if delta["high"] < 0 else GREY
        name = escape(scorer_title(delta["baseline"]))
        rows.append(
            [
                escape(sample.name),
                _whisker(delta, (-most, most), (0,), colour, 260),
                interval(delta, plus=True),
                interval(sample.metrics["test"]["model"]["auroc"]),
                f'<span style="white-space:nowrap">{name}</span>',
            ]
        )
    head = ["", "worse · Δ AUROC · better", "Δ AUROC", "AUROC", "best baseline"]
    return table(head, rows, numeric=2, caption=say("test_metrics", "all_samples"))


def sample_table(sample: SampleResults) -> str:
    """Tabulate one sample's metrics: the model, its parts, the baselines, and the differences."""
    test = sample.metrics["test"]
    scorers = {"model": test["model"], **test.get("parts", {}), **test["baselines"]}
    mark = test["model"]["auroc"]["value"]
    low = min(min(row["auroc"]["low"] for row in scorers.values()), 0.5)
    rows, looks = [], scorer_looks(scorers)
    for name, row in scorers.items():
        title = escape(scorer_title(name))
        title = f"<b>{title}</b>" if name == "model" else title
        colour, _ = looks.get(name, (GREY, ""))
        picture = _whisker(row["auroc"], (low, 1), (0.5, 1), colour, 130, mark)
        rows.append(_row(title, [interval(row[metric]) for metric in METRICS], picture))
    rows.append(_difference_row(test["delta"]))
    if "over_random_twin" in test:
        twin = {m: {"baseline": TWIN} | delta for m, delta in test["over_random_twin"].items()}
        rows.append(_difference_row(twin))
    if "members" in test:
        rows.append(_members_row(test["members"], bool(sample.metrics.get("folds"))))
    caption = say(
        "test_metrics",
        "sizes",
        n=number(test["n"]),
        loci=number(test["loci"]),
        prevalence=100 * test["prevalence"],
        threshold=_threshold(sample.metrics.get("threshold", {})),
        choices=_choices(sample.metrics.get("baseline_choices", {})),
    )
    head = ["", "from guessing to perfect", *METRICS.values()]
    return "".join(
        (
            table(head, rows, numeric=2, caption=caption),
            "".join(map(_track, sample.metrics.get("tracks", {}).items())),
            _similarity_table(test),
            _prevalence_table(test),
            _folds_table(sample.metrics.get("folds", [])),
        )
    )


def _threshold(chosen: Mapping[str, Any]) -> str:
    """Say from which probability on a region is called a super-enhancer, if that is known."""
    return say("test_metrics", "threshold", value=chosen["value"]) if "value" in chosen else ""


def _row(title: str, cells: list[str], picture: str = "") -> list[str]:
    return [f'<span class="sf-name">{title}</span>', picture, *cells]


def _difference_row(delta: Mapping[str, Any]) -> list[str]:
    """Write the differences; a baseline that is the best by every metric is named once."""
    best = {metric: escape(scorer_title(d["baseline"])) for metric, d in delta.items()}
    once = len(set(best.values())) == 1
    title = f"<b>Δ</b> over {next(iter(best.values()))}" if once else "<b>Δ</b>"
    cells = {metric: interval(delta[metric], plus=True) for metric in METRICS if metric in delta}
    if not once:
        for metric in cells:
            cells[metric] += f'<small class="sf-note">over {best[metric]}</small>'
    return _row(title, [cells.get(metric, "") for metric in METRICS])


def _members_row(members: Mapping[str, Any], of_folds: bool) -> list[str]:
    """Write mean and standard deviation over the members of the ensemble."""
    cells = [
        f"{signed(members[metric]['mean'], False)}<small>± {members[metric]['sd']:.3f}</small>"
        for metric in METRICS
    ]
    apart = ", each fold by itself" if of_folds else ""
    return _row(f"mean of {members['n']} single models{apart}", cells)


def _choices(chosen: Mapping[str, Mapping[str, Any]]) -> str:
    words = [
        # what a file does not say is shown as None
        baseline.choice.format_map(defaultdict(lambda: None, choice))
        for name, choice in chosen.items()
        if (baseline := find_baseline(name)) and baseline.choice
    ]
    return say("test_metrics", "choices", choices=escape(", ".join(words))) if words else ""


def _track(named: tuple[str, Mapping[str, Any]]) -> str:
    """Say what a track lacks."""
    name, counts = named
    if not counts["bases_without_value"]:
        return ""
    lacking = counts["missing_chromosomes"]
    values = {
        "name": escape(name),
        "regions": number(counts["regions"]),
        "without": number(counts["without_value"]),
        "bases": percent(counts["bases_without_value"], counts["bases"]),
        "chromosomes": say(
            "test_metrics",
            "track_chromosomes",
            n=number(counts["on_missing_chromosomes"]),
            names=escape(", ".join(lacking[:NAMED]) + (", …" if len(lacking) > NAMED else "")),
        )
        if lacking
        else "",
    }
    return f"<p>{say('test_metrics', 'track', **values)}</p>"


def _similarity_table(test: Mapping[str, Any]) -> str:
    """Write the result by similarity of the test regions to the training part."""
    if "similarity_bins" not in test:
        return _unlike(test.get("unlike_training", {}))
    rows = []
    for name, title in SIMILARITY.items():
        part = test["similarity_bins"][name]
        keys = ("n", "n_super_enhancers", "n_typical_enhancers", "loci")
        cells = [title, *(number(part[key]) for key in keys), "–", "–", ""]
        if "model" in part:
            delta = part["delta"]["auroc"]
            cells[-3:] = [
                interval(part["model"]["auroc"]),
                interval(delta, plus=True),
                escape(scorer_title(delta["baseline"])),
            ]
        rows.append(cells)
    head = ["31-mers in training", "regions", "SE", "TE", "loci"]
    head += ["AUROC", "Δ AUROC", "best baseline"]
    unknown = test["similarity_bins"]["under_5_percent"].get("without_31mers", 0)
    caption = say("test_metrics", "similarity")
    caption += " " + say("test_metrics", "without_31mers", n=number(unknown)) if unknown else ""
    return table(head, rows, caption=caption)


def _unlike(unlike: Mapping[str, Any]) -> str:
    """Give the result on test regions unlike the training part, of a run before the table above."""
    if "model" not in unlike:
        return ""
    values = {
        "n": number(unlike["n"]),
        "containment": 100 * unlike["containment_at_most"],
        "auroc": _spoken(unlike["model"]["auroc"]),
    }
    return f"<p>{say('test_metrics', 'unlike', **values)}</p>"


def _prevalence_table(test: Mapping[str, Any]) -> str:
    """Write what the calls of the model and of the best baseline are worth at other shares."""
    titles = {"auprc": "AUPRC", "mcc": "MCC", "precision": "precision", "recall": "recall"}
    best = test["delta"]["auroc"]["baseline"]
    rows = [
        [f"{escape(scorer_title(name))}, {100 * part['prevalence']:.1f} % ({escape(which)})"]
        + [interval(row[metric]) for metric in titles]
        for which, part in test.get("prevalences", {}).items()
        for name, row in {"model": part["model"], **part["baselines"]}.items()
        if name in ("model", best)
    ]
    caption = say("test_metrics", "prevalences")
    return table(["", *titles.values()], rows, caption=caption) if rows else ""


def _folds_table(folds: Sequence[Mapping[str, Any]]) -> str:
    """Write the AUROC of each fold and its difference to the baseline that is best there."""
    rows = [
        [
            f"fold {fold['fold']}, {fold['n']} regions",
            interval(fold["auroc"]),
            interval(fold["delta"], plus=True),
            escape(scorer_title(fold["delta"]["baseline"])),
        ]
        for fold in folds
    ]
    head = ["", "AUROC", "Δ AUROC", "best baseline"]
    return table(head, rows, caption=say("test_metrics", "folds")) if rows else ""


def _spoken(value: Mapping[str, float]) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _whisker(
    value: Mapping[str, float],
    scale: tuple[float, float],
    axes: Sequence[float],
    colour: str,
    width: int,
    mark: float | None = None,
) -> str:
    """Draw a value with its interval, with lines at ``axes`` and a dotted one at ``mark``."""
    low, high = scale

    def x(at: float) -> float:
        return round(5 + width * (at - low) / (high - low), 1)

    marked = [(x(at), "axis") for at in axes] + ([(x(mark), "mark")] if mark is not None else [])
    lines = "".join(
        f'<line x1="{at}" x2="{at}" y1="0" y2="20" class="sf-{kind}"/>' for at, kind in marked
    )
    return (
        f'<svg width="{width + 10}" height="20" role="img" aria-label="{_spoken(value)}">{lines}'
        f'<line x1="{x(value["low"])}" x2="{x(value["high"])}" y1="10" y2="10" stroke="{colour}" '
        f'stroke-width="2.5"/><circle cx="{x(value["value"])}" cy="10" r="4.5" fill="{colour}"/>'
        "</svg>"
    )
