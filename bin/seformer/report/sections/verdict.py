"""The verdict: what each sample's results show, in plain words, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.findings import (
    judge_completeness,
    judge_faithfulness,
    judge_passed_over,
    judge_predictions,
    judge_regions,
    judge_split,
)
from seformer.evaluation.verdict import Finding
from seformer.report.content import STYLE, Section, say
from seformer.report.draw import headline, html
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape

# a sign beside the colour, for print and for colour-blind readers
SIGNS = {"good": "✓", "note": "i", "warning": "!", "bad": "✗"}
SPOKEN = {"good": "good", "note": "note", "warning": "caution", "bad": "bad"}
GRAVITY = ("bad", "warning", "note", "good")
OPEN_UP_TO = 2


def sections(results: Results) -> Iterator[Section]:
    several = len(results.samples) > OPEN_UP_TO
    shared = judge_split(results.audit) if results.audit is not None else []
    boxes = []
    if results.passed_over:
        boxes.append(_box("Files passed over", "", judge_passed_over(results.passed_over)))
    if shared and several:
        boxes.append(_box("The split", "", shared))
    for sample in results.ordered():
        findings = judge_sample(sample) + ([] if several else shared)
        if findings:
            boxes.append(_box(escape(sample.name), headline(sample.metrics), findings, several))
    if carried := (results.transfer or {}).get("verdict"):
        findings = [Finding(**stored) for stored in carried]
        boxes.append(_box(say("test_transfer", "name"), "", findings, several))
    for judged in results.judged():
        name, head = escape(judged.name), headline(judged.metrics)
        boxes.append(_box(f"{say('verdict', 'judged')} {name}", head, _stored(judged), several))
    if not boxes:
        used = any(sample.predictions or sample.explanations for sample in results.ordered())
        boxes = [f"<p>{say('verdict', 'only_used' if used else 'nothing')}</p>"]
    yield html("verdict", STYLE + "".join(boxes))


def judge_sample(sample: SampleResults) -> list[Finding]:
    """Say what one sample's results show; the verdict on the test is that of metrics.json."""
    findings = _stored(sample)
    if sample.regions is not None:
        findings += judge_regions(sample.regions)
    for name, bed in sample.predictions.items():
        findings += judge_predictions(name, bed.rows, bed.scored, bed.flags, bed.unscored)
    checked = {
        name: bed.summary["faithfulness"]["summary"]
        for name, bed in sample.explanations.items()
        if bed.summary.get("faithfulness", {}).get("summary")
    }
    findings += judge_completeness(sample.explanations.values())
    return findings + judge_faithfulness(checked)


def _stored(tested: SampleResults) -> list[Finding]:
    """The verdict that metrics.json holds; none without a test."""
    return [Finding(**stored) for stored in tested.metrics["verdict"]] if tested.metrics else []


def _box(name: str, head: str, findings: list[Finding], folded: bool = False) -> str:
    """Frame one sample's sentences; folded to their counts among many."""
    counts = {level: sum(f.level == level for f in findings) for level in GRAVITY}
    # many boxes stand in columns: an absent level leaves its place empty
    shown = "".join(
        f'<span class="sf-count">{f"{_sign(level)}{n} {_counted(level, n)}" if n else ""}</span>'
        for level, n in counts.items()
        if n or folded
    )
    items = "".join(
        f'<li class="sf-{f.level}">{_sign(f.level)}<b>{escape(f.topic)}</b> {escape(f.text)}</li>'
        for f in sorted(findings, key=_rank)
    )
    return (
        f'<details class="sf-verdict{" sf-folded" if folded else ""}"'
        f"{'' if folded else ' open'}><summary><b>{name}</b>{shown}"
        f'<span class="sf-head">{head}</span></summary><ul>{items}</ul></details>'
    )


def _counted(level: str, n: int) -> str:
    """Name what is counted: 2 notes, 2 cautions, but 2 good."""
    return SPOKEN[level] + ("s" if n > 1 and level in ("note", "warning") else "")


def _rank(finding: Finding) -> int:
    """The answers to the questions everybody asks come first, then the rest by gravity."""
    return -1 if finding.topic.endswith("?") else GRAVITY.index(finding.level)


def _sign(level: str) -> str:
    return (
        f'<span class="sf-sign sf-{level}" role="img" aria-label="{SPOKEN[level]}">'
        f"{SIGNS[level]}</span>"
    )
