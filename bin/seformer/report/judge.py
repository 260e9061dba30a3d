"""The verdict: what each sample's results show, in plain words, the gravest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seformer.evaluation.verdict import Finding, judge_test
from seformer.report.collect import Results, Sample
from seformer.report.content import Section, number, percent
from seformer.report.data import random_words
from seformer.report.explanations import CHECKS, doubts, incomplete, limits, signed
from seformer.report.results import headline
from seformer.report.style import STYLE
from seformer.util.markup import escape

# a sign beside the colour, for print and for colour-blind readers
SIGNS = {"good": "✓", "note": "i", "warning": "!", "bad": "✗"}
SPOKEN = {"good": "good", "note": "note", "warning": "caution", "bad": "bad"}
GRAVITY = ("bad", "warning", "note", "good")
OUTSIDE = 0.2
# share of test regions that are half or more of training 31-mers
ALIKE = 0.02
# share of a class on chromosomes that the genome does not have
LOST = 0.02
# checks of faithfulness that may be impossible: with one alone nothing is shown
UNKNOWN = 1
OPEN_UP_TO = 2


def verdict(results: Results) -> Section:
    several = len(results.samples) > OPEN_UP_TO
    shared = judge_audit(results.audit) if results.audit is not None else []
    blocks = [box("The split", "", shared, False)] if shared and several else []
    for sample in results.ordered():
        findings = judge(sample) + ([] if several else shared)
        if findings:
            blocks.append(box(escape(sample.name), headline(sample), findings, several))
    if results.passed_over:
        blocks.insert(0, box("Files passed over", "", passed_over(results.passed_over), False))
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


def passed_over(files: Mapping[str, str]) -> list[Finding]:
    """Name the files that had nothing to score; the others were."""
    return [Finding("warning", name, f"Not scored. {why}") for name, why in sorted(files.items())]


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


def judge(sample: Sample) -> list[Finding]:
    """Say what one sample's results show."""
    findings = list(judge_test(sample.metrics)) if sample.metrics else []
    findings += judge_regions(sample)
    for bed, found in sample.predictions.items():
        outside, what = max(
            (found.flags.get(f"{flag}_outside_training", 0), what)
            for flag, what in (("length", "length"), ("gc", "GC"))
        )
        if found.flags.get("other_assembly"):
            findings.append(
                Finding(
                    "warning",
                    f"Predictions of {bed}",
                    "The genome is not the one the model was trained on. Check the assembly.",
                )
            )
        if outside > OUTSIDE * max(1, found.scored):
            findings.append(
                Finding(
                    "warning",
                    f"Predictions of {bed}",
                    f"{percent(outside, found.scored)} of {number(found.scored)} regions are "
                    f"unlike those of the training in {what}. Their scores may rank, but hardly "
                    "measure.",
                )
            )
        if lost := found.unscored.get("unknown_chromosome"):
            findings.append(
                Finding(
                    "warning" if lost > LOST * found.rows else "note",
                    f"Predictions of {bed}",
                    f"{number(lost)} of {number(found.rows)} regions lie on chromosomes that the "
                    "genome does not have. Where only the names differ, --rename_chromosomes "
                    "matches them.",
                )
            )
        if found.scored < found.rows:
            findings.append(
                Finding(
                    "note",
                    f"Predictions of {bed}",
                    f"{number(found.rows - found.scored)} of {number(found.rows)} regions could "
                    "not be scored; the table says why.",
                )
            )
    return findings + judge_explanations(sample)


def judge_regions(sample: Sample) -> list[Finding]:
    if sample.regions is None:
        return []
    dropped = int((sample.regions["drop_reason"] != "").sum())
    share = dropped / max(1, len(sample.regions))
    findings = judge_chromosomes(sample)
    if words := random_words(sample):
        findings.append(Finding("warning", "Random regions", f"{words}."))
    if share <= OUTSIDE:
        return findings
    return [
        *findings,
        Finding(
            "warning",
            "Regions left out",
            f"{percent(dropped, len(sample.regions))} of the regions given were left out; see "
            "the reasons under Data.",
        ),
    ]


def judge_chromosomes(sample: Sample) -> list[Finding]:
    """Say of which class regions were lost because the genome lacks their chromosomes."""
    lost = sample.regions["drop_reason"] == "unknown_chromosome"
    words, worst = [], 0.0
    for label, name in ((1, "super-enhancers"), (0, "typical enhancers")):
        mine = sample.regions["label"] == label
        n, of = int((lost & mine).sum()), int(mine.sum())
        if n:
            words.append(f"{number(n)} of {number(of)} {name}")
            worst = max(worst, n / of)
    if not words:
        return []
    return [
        Finding(
            "warning" if worst > LOST else "note",
            "Chromosomes not in the genome",
            f"{' and '.join(words)} lie on chromosomes that the genome does not have, and were "
            "left out. Where only the names differ, --rename_chromosomes matches them.",
        )
    ]


def judge_explanations(sample: Sample) -> list[Finding]:
    if not sample.explanations:
        return []
    return judge_completeness(sample) + judge_faithfulness(sample)


def judge_faithfulness(sample: Sample) -> list[Finding]:
    """Weigh all four checks, of every BED; one that speaks against the attributions is enough."""
    checked = {
        bed: found.summary["faithfulness"]["summary"]
        for bed, found in sample.explanations.items()
        if found.summary.get("faithfulness", {}).get("summary")
    }
    topic = "Explanations faithful?"
    if not checked:
        return []
    said = [
        f"{doubt} ({bed})" if len(checked) > 1 else doubt
        for bed, summary in checked.items()
        for doubt in doubts(summary)
    ]
    if said:
        text = f"Not shown: {'; '.join(said)}. Do not build on single bases."
        return [Finding("warning", topic, text)]
    worst = {}
    for key in CHECKS:
        values = [summary.get(key) for summary in checked.values()]
        known = [value for value in values if value is not None]
        # a check counts where every BED has it
        if len(known) == len(values):
            worst[key] = max(known) if key == "randomised_model" else min(known)
    words = {
        "deletion_ratio": "replacing the 1 % of bases with the highest attribution lowers the "
        "score {} times as much as random bases change it",
        "mutagenesis": "mutagenesis agrees (rank correlation {})",
        "seed_stability": "other shuffles agree ({})",
        "randomised_model": "a model with shuffled weights does not ({})",
    }
    passed = [
        words[key].format(f"{value:.1f}" if key == "deletion_ratio" else signed(value))
        for key, value in worst.items()
    ]
    unknown = [name for key, name in CHECKS.items() if key not in worst]
    text = "; ".join(passed)
    text = f"{text[:1].upper()}{text[1:]} (checked on a few regions)." if text else ""
    if unknown:
        text += f" Not measured: {', '.join(unknown)}."
    return [Finding("good" if len(unknown) <= UNKNOWN else "note", topic, text.strip())]


def judge_completeness(sample: Sample) -> list[Finding]:
    """Say whether attributions that have to add up do; other methods promise no sum."""
    summed = [f for f in sample.explanations.values() if len(f.errors) or f.flags["incomplete"]]
    if not summed:
        return []
    total = sum(found.regions for found in summed)
    broken = sum(map(incomplete, summed))
    windows = sum(found.flags["incomplete_window"] for found in summed)
    small = sum(found.flags["small_difference"] for found in summed)
    topic, within = "Explanations complete?", f"within {limits(summed)}"
    more = "Raise --max-steps (in the pipeline --explain_max_steps), or leave them out."
    if broken:
        return [
            Finding(
                "warning",
                topic,
                f"{number(broken)} of {number(total)} explanations do not add up {within}; "
                f"they are flagged incomplete. {more}",
            )
        ]
    if windows:
        return [
            Finding(
                "warning",
                topic,
                f"All {number(total)} explanations add up {within} as a whole, but not every "
                f"window of {number(windows)} of them; they are flagged incomplete_window. {more}",
            )
        ]
    but = (
        f", but for {number(small)} too close to their reference to tell, which are flagged"
        if small
        else ""
    )
    return [
        Finding(
            "good",
            topic,
            f"The attributions of all {number(total)} explained regions add up to their scores "
            f"{within}{but}.",
        )
    ]


def judge_audit(audit: Mapping[str, Any]) -> list[Finding]:
    """Say whether the split is clean."""
    overlaps = sum(audit.get("overlapping_regions", {}).values())
    if "overlapping_regions" not in audit:
        return []
    if overlaps:
        return [
            Finding(
                "bad",
                "Split clean?",
                f"No: {number(overlaps)} overlaps between the parts. The results are not to be "
                "trusted.",
            )
        ]
    findings = [similarity(audit)]
    conflicts = audit.get("label_conflicts_between_samples", 0)
    if conflicts:
        findings.append(
            Finding(
                "note",
                "Conflicting labels",
                f"{number(conflicts)} typical enhancers overlap a super-enhancer of another "
                "sample. From sequence alone nobody can tell both right.",
            )
        )
    return findings


def similarity(audit: Mapping[str, Any]) -> Finding:
    """Say how many test regions are like training regions, though they do not overlap."""
    found = audit.get("similarity", {}).get("test_in_train", {})
    like = found.get("with_containment_at_least", {}).get("0.5", 0)
    total = found.get("regions", 0)
    clean = "No region of one part overlaps one of another"
    if like > ALIKE * max(1, total):
        return Finding(
            "warning",
            "Split clean?",
            f"{clean}, but {number(like)} of {number(total)} test regions share half of their "
            "31-mers or more with the training part: copies or repeats. Look at the result on "
            "unlike regions under the table of test results, if there are enough of them.",
        )
    words = f", and {number(like)} of {number(total)} test regions share half of their 31-mers "
    return Finding(
        "good",
        "Split clean?",
        clean + (f"{words}or more with the training part." if total else "."),
    )
