"""The verdict: three answers, then what each sample's results show, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seformer.evaluation.answers import Answer, answer
from seformer.evaluation.constituent_findings import judge_dissection
from seformer.evaluation.findings import (
    judge_completeness,
    judge_faithfulness,
    judge_licence,
    judge_passed_over,
    judge_predictions,
    judge_pretraining,
    judge_regions,
    judge_split,
)
from seformer.evaluation.variant_findings import judge_variants
from seformer.evaluation.verdict import Finding
from seformer.report.content import SCRIPT, STYLE, Section, say
from seformer.report.draw import OPEN_UP_TO, headline, html, table
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape

# a sign beside the colour, for print and for colour-blind readers
SIGNS = {"good": "✓", "note": "i", "warning": "!", "bad": "✗"}
SPOKEN = {"good": "good", "note": "note", "warning": "caution", "bad": "bad"}
GRAVITY = ("bad", "warning", "note", "good")


def sections(results: Results) -> Iterator[Section]:
    several = len(results.samples) > OPEN_UP_TO
    shared = judge_split(results.audit) if results.audit is not None else []
    boxes, answered = [], {}
    if results.passed_over:
        boxes.append(_box("Files passed over", "", judge_passed_over(results.passed_over)))
    if shared and several:
        boxes.append(_box("The split", "", shared))
    for sample in results.ordered():
        findings = judge_sample(sample)
        answered[sample.name] = answers = answer_sample(sample, findings + shared)
        findings += [] if several else shared
        if findings or answers:
            head = headline(sample.test)
            lines = () if several else answers
            boxes.append(_box(escape(sample.name), head, findings, several, lines))
    if carried := (results.transfer or {}).get("verdict"):
        findings = [Finding(**stored) for stored in carried]
        boxes.append(_box(say("test_transfer", "name"), "", findings, several))
    for judged in results.judged():
        name, head = escape(judged.name), headline(judged.test)
        boxes.append(_box(f"{say('verdict', 'judged')} {name}", head, _stored(judged), several))
    if not boxes:
        boxes = [f"<p>{say('verdict', 'nothing')}</p>"]
    if several:
        boxes.insert(0, _overview(answered))
    yield html("verdict", STYLE + SCRIPT + "".join(boxes))


def answer_sample(sample: SampleResults, findings: Sequence[Finding]) -> list[Answer]:
    """Answer the three questions, as far as they arise; ``findings`` are all of the sample."""
    scores = bool(sample.test or sample.predictions)
    return answer(findings, sample.test, scores=scores, explained=bool(sample.explanations))


def judge_sample(sample: SampleResults) -> list[Finding]:
    """Say what one sample's results show; the verdict on the test is that of metrics.json.

    A model that is only used takes its own along.
    """
    findings = _stored(sample)
    used = sample.predictions, sample.explanations, sample.variants, sample.dissections
    if sample.metrics is None and len(sample.used_models) > 1:
        findings.append(Finding("warning", say("verdict", "own_test"), say("verdict", "mixed")))
    elif sample.test is None and any(used):
        findings.append(Finding("note", say("verdict", "own_test"), say("verdict", "unknown")))
    settings = sample.settings or {}
    findings += judge_licence((settings.get("backbone") or {}).get("licence"))
    findings += judge_pretraining(settings.get("pretraining") or [])
    if sample.regions is not None:
        findings += judge_regions(sample.regions)
    for name, bed in sample.predictions.items():
        findings += judge_predictions(name, bed.rows, bed.scored, bed.flags, bed.unscored)
    for name, of_file in sample.variants.items():
        if of_file.summary:
            findings += judge_variants(name, of_file.summary)
    checked = {
        name: bed.summary["faithfulness"]["summary"]
        for name, bed in sample.explanations.items()
        if bed.summary.get("faithfulness", {}).get("summary")
    }
    findings += judge_completeness(sample.explanations.values())
    findings += judge_faithfulness(checked)
    for name, bed in sample.dissections.items():
        findings += judge_dissection(name, bed)
    return findings


def _stored(tested: SampleResults) -> list[Finding]:
    """The verdict that metrics.json holds; none without a test."""
    return [Finding(**stored) for stored in tested.test["verdict"]] if tested.test else []


def _overview(answered: Mapping[str, Sequence[Answer]]) -> str:
    """Tabulate the answers of many samples; why stands in their boxes."""
    questions = list(dict.fromkeys(a.question for answers in answered.values() for a in answers))
    rows = [
        [escape(name), *(_cell(a) if a else "" for a in map(of.get, questions))]
        for name, of in (
            (name, {a.question: a for a in answers}) for name, answers in answered.items()
        )
        if of
    ]
    return table(["", *questions], rows, numeric=len(questions) + 1) if rows else ""


def _cell(found: Answer) -> str:
    return f'<span title="{escape(found.why)}">{_sign(found.level)}{found.answer}</span>'


def _box(
    name: str,
    head: str,
    findings: list[Finding],
    folded: bool = False,
    answers: Sequence[Answer] = (),
) -> str:
    """Frame one sample's answers and sentences; folded to their counts among many."""
    answered = "".join(
        f'<li class="sf-{a.level}">{_sign(a.level)}<b>{a.question}</b> '
        f"{a.answer.capitalize()}: {escape(a.why)}.</li>"
        for a in answers
    )
    counts = {level: sum(f.level == level for f in findings) for level in GRAVITY}
    # many boxes stand in columns: an absent level leaves its place empty
    shown = "".join(
        f'<span class="sf-count">{f"{_sign(level)}{n} {_counted(level, n)}" if n else ""}</span>'
        for level, n in counts.items()
        if n or folded
    )
    items = "".join(
        f'<li class="sf-{f.level}">{_sign(f.level)}<b>{escape(f.topic)}</b> {escape(f.text)}</li>'
        for f in sorted(findings, key=lambda finding: GRAVITY.index(finding.level))
    )
    return (
        f'<details class="sf-verdict{" sf-folded" if folded else ""}"'
        f"{'' if folded else ' open'}><summary><b>{name}</b>{shown}"
        f'<span class="sf-head">{head}</span></summary>'
        f"{answered and f'<ul class=sf-answers>{answered}</ul>'}<ul>{items}</ul></details>"
    )


def _counted(level: str, n: int) -> str:
    """Name what is counted: 2 notes, 2 cautions, but 2 good."""
    return SPOKEN[level] + ("s" if n > 1 and level in ("note", "warning") else "")


def _sign(level: str) -> str:
    return (
        f'<span class="sf-sign sf-{level}" role="img" aria-label="{SPOKEN[level]}">'
        f"{SIGNS[level]}</span>"
    )
