"""The three questions that everybody asks of a run, a sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seformer.evaluation.findings import COMPLETE_TOPIC, FAITHFUL_TOPIC, PREDICTIONS, SPLIT_TOPIC
from seformer.evaluation.verdict import (
    GAIN,
    LEARNED,
    PROBABILITIES,
    SIMILAR,
    SMALL,
    Finding,
    scorer_title,
    spoken,
)

RANK = "Rank regions by these scores?"
CHANCES = "Take the probabilities as probabilities?"
BASES = "Believe the explanations?"
LEVELS = {"yes": "good", "with care": "warning", "no": "bad", "not known": "note"}
# what a finding of the test that is not good says of the ranks, in one clause
DOUBTS = {
    GAIN: "only weak baselines stand beside it",
    SMALL: "the test part is small",
    SIMILAR: "part of the result may be memory of similar regions",
}


class Answer(NamedTuple):
    """``answer`` is one of `LEVELS`; ``why`` is a clause."""

    question: str
    answer: str
    why: str

    @property
    def level(self) -> str:
        """As that of a finding."""
        return LEVELS[self.answer]


def answer(
    findings: Sequence[Finding],
    test: Mapping[str, Any] | None,
    *,
    scores: bool = True,
    explained: bool = False,
) -> list[Answer]:
    """Answer what can be answered of one model's scores and explanations.

    Parameters
    ----------
    findings
        All that the report says of them: of the test, the split, predictions and explanations.
    test
        The test in short, as `evaluation.verdict.in_short` has it; None if nothing is known of it.
    scores, explained
        Whether there are scores or a test, and explanations.
    """
    answers = []
    rank = _rank(findings, test)
    if scores:
        answers += [rank, _chances(findings, rank, test)]
    if explained:
        answers.append(_bases(findings, rank))
    return answers


def _rank(findings: Sequence[Finding], test: Mapping[str, Any] | None) -> Answer:
    level = {finding.topic: finding.level for finding in findings}
    if test is None:
        return Answer(
            RANK, "not known", "nothing here tells how the model did in a test of its own"
        )
    best = scorer_title(test["delta"]["baseline"])
    if level.get(SPLIT_TOPIC) == "bad":
        return Answer(RANK, "no", "test and training regions overlap, so the test proves nothing")
    if level.get(LEARNED) == "bad":
        return Answer(RANK, "no", "on held-out regions the model does not do better than guessing")
    gain = spoken(test["delta"], signed=True)
    if test["delta"]["high"] < 0:
        return Answer(RANK, "no", f"{best} alone ranks better, Δ AUROC {gain}")
    if test["delta"]["low"] <= 0:
        return Answer(
            RANK, "with care", f"they are not shown to rank better than {best}, Δ AUROC {gain}"
        )
    but = [why for topic, why in DOUBTS.items() if level.get(topic) == "warning"]
    but += [
        f"see {topic}"
        for topic in dict.fromkeys(f.topic for f in findings if f.level == "warning")
        if topic.startswith(PREDICTIONS) or topic == SPLIT_TOPIC
    ]
    won = f"on held-out regions the model beats {best}, the best baseline, by {gain} in AUROC"
    if but:
        return Answer(RANK, "with care", f"{won}, but {'; '.join(but)}")
    return Answer(RANK, "yes", won)


def _chances(findings: Sequence[Finding], rank: Answer, test: Mapping[str, Any] | None) -> Answer:
    if test is None:
        return Answer(CHANCES, "not known", rank.why)
    if rank.answer == "no" and test["delta"]["high"] >= 0:
        return Answer(CHANCES, "no", rank.why)
    level = next((f.level for f in findings if f.topic == PROBABILITIES), None)
    if level == "warning":
        return Answer(CHANCES, "no", "in the test they were off; see Probabilities below")
    if level is None:  # a test of version 1.0
        return Answer(CHANCES, "with care", "whether they hold on new loci was not tested")
    if level == "note":
        return Answer(CHANCES, "with care", "the test could not settle it; see Probabilities below")
    if any(f.topic.startswith(PREDICTIONS) and f.level == "warning" for f in findings):
        return Answer(CHANCES, "with care", "they held in the test, whose regions these are unlike")
    return Answer(CHANCES, "yes", "they held in the test, also on loci unlike the training's")


def _bases(findings: Sequence[Finding], rank: Answer) -> Answer:
    if rank.answer == "no":
        return Answer(BASES, "no", f"there is little to explain: {rank.why}")
    level = {finding.topic: finding.level for finding in findings}
    if level.get(FAITHFUL_TOPIC) == "warning":
        return Answer(BASES, "no", "a check speaks against them; see Explanations faithful below")
    if level.get(COMPLETE_TOPIC) == "warning":
        return Answer(BASES, "with care", "not all of them add up to the score")
    if level.get(FAITHFUL_TOPIC) is None:
        return Answer(BASES, "with care", "they were not checked against the model")
    if level[FAITHFUL_TOPIC] == "note":
        return Answer(BASES, "with care", "not every check could be made")
    if rank.answer != "yes":
        why = "they show what the model uses; whether that is biology depends on the model"
        return Answer(BASES, "with care", why)
    return Answer(BASES, "yes", "the checks speak for them, as what the model uses, not as proof")
