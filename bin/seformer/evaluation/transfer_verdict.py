"""The verdict on what carries over: one sentence for each sample learned from and tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seformer.evaluation.verdict import Finding, scorer_title, spoken


def judge_transfer(samples: Sequence[str], tests: Mapping[str, Any]) -> list[Finding]:
    """Judge each sample's model on the test regions of each other sample.

    A model on its own sample is judged with its metrics.json; a model of all samples (such as
    `integrative`) has learned from the one that it is tested on, so that nothing carries over.

    Parameters
    ----------
    samples, tests
        As in transfer.json.
    """
    return [
        _judge_pair(learned, tested, tests[tested])
        for learned in samples
        for tested in samples
        if learned != tested
    ]


def _judge_pair(learned: str, tested: str, test: Mapping[str, Any]) -> Finding:
    """Say whether a model does better elsewhere than guessing, and than what counts there."""
    topic = f"{learned} → {tested}"
    auroc, delta = test["scores"][learned]["auroc"], test["delta"][learned]["auroc"]
    start = f"The model of {learned} has AUROC {spoken(auroc)} on test regions of {tested}"
    if auroc["low"] <= 0.5:
        why = (
            "worse than guessing: look for swapped labels in one of them"
            if auroc["high"] < 0.5
            else "an interval that contains 0.5, the value of guessing"
        )
        return Finding("bad", topic, f"{start}, {why}. Nothing is shown to carry over.")
    name = scorer_title(delta["baseline"])
    start += f"; the difference to the best baseline that learned from the same regions, {name}, "
    start += f"is {spoken(delta, signed=True)}"
    if delta["low"] > 0:
        return Finding("good", topic, f"{start}: more than {name} carries over.")
    if delta["high"] < 0:
        return Finding("bad", topic, f"{start}: {name} carries over better; use it there.")
    return Finding(
        "warning",
        topic,
        f"{start}, an interval that contains 0: it is not shown that more than {name} carries "
        "over.",
    )
