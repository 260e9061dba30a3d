"""The verdict: what each sample's results show, in plain words, the gravest first."""

from __future__ import annotations

from seformer.evaluation.findings import (
    judge_completeness,
    judge_faithfulness,
    judge_passed_over,
    judge_predictions,
    judge_regions,
    judge_split,
)
from seformer.evaluation.verdict import Finding
from seformer.report.collect import Results, Sample
from seformer.report.content import Section
from seformer.report.results import headline
from seformer.report.style import STYLE
from seformer.util.markup import escape

# a sign beside the colour, for print and for colour-blind readers
SIGNS = {"good": "✓", "note": "i", "warning": "!", "bad": "✗"}
SPOKEN = {"good": "good", "note": "note", "warning": "caution", "bad": "bad"}
GRAVITY = ("bad", "warning", "note", "good")
OPEN_UP_TO = 2


def verdict(results: Results) -> Section:
    several = len(results.samples) > OPEN_UP_TO
    shared = judge_split(results.audit) if results.audit is not None else []
    blocks = [box("The split", "", shared, False)] if shared and several else []
    for sample in results.ordered():
        findings = sample_findings(sample) + ([] if several else shared)
        if findings:
            blocks.append(box(escape(sample.name), headline(sample), findings, several))
    if results.passed_over:
        blocks.insert(
            0, box("Files passed over", "", judge_passed_over(results.passed_over), False)
        )
    if not blocks:
        used = any(sample.predictions or sample.explanations for sample in results.ordered())
        blocks = [
            "<p>Nothing about the use of the model calls for caution; whether it is a good one was "
            "not tested in this run.</p>"
            if used
            else "<p>No result to judge: this run neither evaluated nor used a model.</p>"
        ]
    return Section(
        "verdict",
        "verdict",
        "Verdict",
        "Read this first; the sections below show the evidence.",
        "html",
        STYLE + "".join(blocks),
    )


def box(name: str, head: str, findings: list[Finding], folded: bool) -> str:
    """Frame one sample's sentences; folded to their counts among many."""
    findings = sorted(findings, key=_place)
    number_of = {level: sum(f.level == level for f in findings) for level in GRAVITY}
    # many boxes stand in columns: an absent level leaves its place empty
    counts = "".join(
        f'<span class="sf-count">{f"{sign(level)}{n} {_counted(level, n)}" if n else ""}</span>'
        for level, n in number_of.items()
        if n or folded
    )
    items = "".join(
        f'<li class="sf-{f.level}">{sign(f.level)}<b>{escape(f.topic)}</b> {escape(f.text)}</li>'
        for f in findings
    )
    return (
        f'<details class="sf-verdict{" sf-folded" if folded else ""}"'
        f"{'' if folded else ' open'}><summary><b>{name}</b>{counts}"
        f'<span class="sf-head">{head}</span></summary><ul>{items}</ul></details>'
    )


def _counted(level: str, n: int) -> str:
    """Name what is counted: 2 notes, 2 cautions, but 2 good."""
    return SPOKEN[level] + ("s" if n > 1 and level in ("note", "warning") else "")


def _place(finding: Finding) -> tuple[bool, int]:
    """The answers to the questions everybody asks come first, then the rest by gravity."""
    question = finding.topic.endswith("?")
    return (not question, 0 if question else GRAVITY.index(finding.level))


def sign(level: str) -> str:
    return (
        f'<span class="sf-sign sf-{level}" role="img" aria-label="{SPOKEN[level]}">'
        f"{SIGNS[level]}</span>"
    )


def sample_findings(sample: Sample) -> list[Finding]:
    """Say what one sample's results show; the verdict on the test is that of metrics.json."""
    findings = [Finding(**stored) for stored in sample.metrics["verdict"]] if sample.metrics else []
    if sample.regions is not None:
        findings += judge_regions(sample.regions)
    for bed, scores in sample.predictions.items():
        findings += judge_predictions(
            bed, scores.rows, scores.scored, scores.flags, scores.unscored
        )
    checked = {
        bed: explained.summary["faithfulness"]["summary"]
        for bed, explained in sample.explanations.items()
        if explained.summary.get("faithfulness", {}).get("summary")
    }
    return [
        *findings,
        *judge_completeness(sample.explanations.values()),
        *judge_faithfulness(checked),
    ]
