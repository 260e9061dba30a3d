"""Section on the training: the curves of both stages."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.collect import Results, Sample
from seformer.report.content import Section, strokes

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


def training(samples: list[Sample], stage: int) -> Section:
    stage_1 = all((s.history["stage"] == 1).any() for s in samples)
    name, id_ = STAGES[stage]
    colours, dashes, data = {}, {}, []
    drawn = strokes(sample.name for sample in samples)
    for column, _, _ in CURVES:
        lines: dict[str, list[list[float]]] = {}
        for sample in samples:
            rows = sample.history[sample.history["stage"] == stage]
            both = {"train_loss": "train", "validation_loss": "validation"}
            for source, part in both.items() if column == "loss" else [(column, "")]:
                if source not in rows:
                    continue
                known = rows[["epoch", source]].dropna().to_numpy(float)
                line = " · ".join(filter(None, (sample.name, part)))
                lines[line] = [[float(x), float(y)] for x, y in known]
                colours[line], dashes[line] = drawn[sample.name]
                if part == "train":
                    dashes[line] = "longdash"
        data.append(lines)
    reading = (
        "Good curves start where stage 1 ended, rise and level off; the rest reads as above."
        if stage == 2 and stage_1
        else "Good curves rise and level off. "
        "A validation loss that climbs while the training loss falls is overfitting; the epoch "
        "with the best validation AUROC is kept, so later epochs do no harm. AUROC that stays "
        f"near 0.5 means nothing was learned.{_weights(samples)}"
    )
    return Section(
        "training",
        id_,
        name,
        reading,
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
