"""Scores that were judged beside the baselines: of anybody, or ours on files with labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seformer.evaluation.judged_verdict import say_of_scores
from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import html, number
from seformer.report.results import Results, SampleResults
from seformer.report.sections.tested_curves import reliability, square
from seformer.report.sections.tested_metrics import sample_table
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    judged = results.judged()
    if not judged:
        return
    yield html("judged_scores", "".join(map(_judgement, judged)))
    drawn = [each for each in judged if each.curves is not None]
    if drawn:
        yield _of_scores(square(drawn, "roc", section="judged", diagonal="guessing"))
        options = {"diagonal": "perfect", "style": "lines+markers"}
        yield _of_scores(square(drawn, "calibration", reliability, section="judged", **options))


def _judgement(judged: SampleResults) -> str:
    """Say what was judged and how, and tabulate it as a test is."""
    record = judged.metrics["judged"]
    left_out = ", ".join(
        f"{number(n)} {TEXTS['drop_reasons'].get(reason, escape(reason))}"
        for reason, n in record["left_out"].items()
    )
    training = record["training"]
    said = say(
        "judged_scores",
        "how",
        name=escape(judged.name),
        scores=escape(record["scores"]),
        column=escape(record["column"]),
        n=number(judged.metrics["test"]["n"]),
        rows=number(record["rows"]),
        left_out=say("judged_scores", "left_out", reasons=left_out) if left_out else "",
        folds=len(judged.metrics.get("folds", [])),
        folds_of=escape(record["folds_of"]),
        probabilities=say("judged_scores", record["probabilities"]),
        training=say(
            "judged_scores",
            "training" if training else "no_training",
            **{key: number(value) for key, value in (training or {}).items()},
        ),
    )
    return f"<p>{said}</p>{say_of_scores(sample_table(judged))}"


def _of_scores(section: Section) -> Section:
    """Call what a figure draws a classifier, of which the scores alone are known."""

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {say_of_scores(key): renamed(each) for key, each in value.items()}
        return [renamed(each) for each in value] if isinstance(value, list) else value

    for key in ("colors", "dash_styles"):
        section.config[key] = renamed(section.config.get(key, {}))
    section.data = renamed(section.data)
    return section
