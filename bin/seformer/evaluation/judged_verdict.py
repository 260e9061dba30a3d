"""The verdict on anybody's scores: the sentences on a model, and what only scores need.

A model of ours has a history that is known. Of scores only the values are, so the first question
is whether they are composition in another form, and the last what their maker has seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.evaluation.verdict import GAIN, Finding, judge_test, percent, scorer_title

# from here on the ranks of scores are those of the feature
SAME_RANKS = 0.9
# of a model -> of scores; longer words first
WORDS = {
    "held-out regions": "these regions",
    "test part": "judged set",
    "test regions": "judged regions",
    "The model": "The classifier",
    "the model": "the classifier",
}


def judge_scores(metrics: Mapping[str, Any]) -> list[Finding]:
    """Judge the content of metrics.json that `seformer judge` measured; the gravest come first."""
    findings = [_of_classifier(finding) for finding in judge_test(metrics)]
    learned, *rest = findings
    gain = [finding for finding in rest if finding.topic == GAIN]
    rest = [finding for finding in rest if finding not in gain]
    # that scores are no better than a count goes before that they are better than guessing
    first = sorted([learned, *gain], key=lambda finding: finding.level == "good")
    memory = _find_memory(metrics["judged"])
    # and that they are memory before either
    seen = [memory, *first] if memory.level == "bad" else [*first, memory]
    return [*_explain_away(metrics), *seen, *rest]


def say_of_scores(text: str) -> str:
    """Say of a classifier, of which the scores alone are known, what a text says of a model."""
    for of_model, of_scores in WORDS.items():
        text = text.replace(of_model, of_scores)
    return text


def _of_classifier(finding: Finding) -> Finding:
    return Finding(finding.level, say_of_scores(finding.topic), say_of_scores(finding.text))


def _explain_away(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Say of what feature the scores are another form, if of one."""
    correlations, test = metrics["judged"]["rank_correlations"], metrics["test"]
    if not correlations:
        return
    name = max(correlations, key=lambda name: abs(correlations[name]))
    value = correlations[name]
    if abs(value) <= SAME_RANKS or _beats(test, name):
        return
    title = scorer_title(name)
    text = (
        f"No: the scores are {title} in another form. Over the {test['n']:,} regions their ranks "
        f"are those of {title}{' turned round' if value < 0 else ''} (rank correlation "
        f"{value:.2f})."
    ).replace("-", "−")
    auroc = test["model"]["auroc"]["value"]
    if alone := test["baselines"].get(name):
        text += f" {title[0].upper()}{title[1:]} alone gives AUROC {alone['auroc']['value']:.3f}, "
        text += f"the scores {auroc:.3f}."
    yield Finding("bad", "More than composition?", text)


def _beats(test: Mapping[str, Any], name: str) -> bool:
    """Whether the scores are better than the best of baselines that have this feature.

    Ranks much alike may still differ where it tells the classes apart.
    """
    counted = {name, "composition"} & test["baselines"].keys()
    return bool(counted) and test["delta"]["auroc"]["low"] > 0


def _find_memory(judged: Mapping[str, Any]) -> Finding:
    """Say what is known of the regions that the scores' maker trained on."""
    topic, training = "Seen in training?", judged["training"]
    if training is None:
        return Finding(
            "note",
            topic,
            "Training regions not given: memory cannot be judged. Regions that the classifier was "
            "trained on may be among these; give them with --training.",
        )
    if training["overlapping"]:
        judged_regions = judged["rows"] - sum(judged["left_out"].values())
        return Finding(
            "bad",
            topic,
            f"Yes: {training['overlapping']:,} of {judged_regions:,} judged regions "
            f"({percent(training['overlapping'], judged_regions)}) overlap a training region. "
            "Their scores are memory: judge the others alone.",
        )
    return Finding(
        "good",
        topic,
        f"No judged region overlaps one of the {training['regions']:,} training regions.",
    )
