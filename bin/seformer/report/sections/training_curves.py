"""The curves of both stages of training."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import Section, say
from seformer.report.draw import strokes, tabbed
from seformer.report.results import Results, SampleResults

STAGES = {1: "training_head", 2: "training_full"}
# title and y axis of a tab, and its columns with what is added to the sample's name
CURVES = {
    "Validation AUROC": ("AUROC on validation", {"validation_auroc": ""}),
    "Loss": (
        "mean cross-entropy, weighted by class",
        {"train_loss": "train", "validation_loss": "validation"},
    ),
    "Learning rate": ("learning rate", {"learning_rate": ""}),
}


def sections(results: Results) -> Iterator[Section]:
    trained = results.with_("history")
    for stage in STAGES:
        samples = [s for s in trained if (s.history["stage"] == stage).any()]
        if samples:
            yield _training(samples, stage)


def _training(samples: list[SampleResults], stage: int) -> Section:
    colours, dashes, tabs = {}, {}, {}
    looks = strokes(sample.name for sample in samples)
    for title, (_, columns) in CURVES.items():
        tabs[title] = {}
        for sample in samples:
            rows = sample.history[sample.history["stage"] == stage]
            for column, part in columns.items():
                if column not in rows:
                    continue
                points = rows[["epoch", column]].dropna().to_numpy(float)
                line = " · ".join(filter(None, (sample.name, part)))
                tabs[title][line] = points.tolist()
                colours[line], dashes[line] = looks[sample.name]
                if part == "train":
                    dashes[line] = "longdash"
    ylabs = {title: ylab for title, (ylab, _) in CURVES.items()}
    data, labels = tabbed(tabs, ylabs)
    config = {
        **labels,
        "xlab": "epoch",
        "ylab": next(iter(ylabs.values())),
        "x_decimals": 0,
        "colors": colours,
        "dash_styles": dashes,
        "style": "lines+markers",
        "smooth_points": None,
    }
    values = {"weights": _weights(samples)}
    if stage == 2:
        # what was said of stage 1 need not be said again
        again = all((sample.history["stage"] == 1).any() for sample in samples)
        values["reading"] = (
            say("training_full", "after_head")
            if again
            else say("training_head", "description", **values)
        )
    return Section(STAGES[stage], "linegraph", data, config, values=values)


def _weights(samples: list[SampleResults]) -> str:
    modes = {(s.settings or {}).get("training", {}).get("class_weights") for s in samples}
    return say("training_head", *modes) if modes in ({"balanced"}, {"none"}) else ""
