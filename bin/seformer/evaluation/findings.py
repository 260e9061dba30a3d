"""What regions, split, predictions and explanations show, in plain words.

The rules for all that is not in metrics.json (see `verdict` for that): values in, findings out.
The report judges by them, since most of it is made after the evaluation, or without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from seformer.evaluation.verdict import Finding, percent
from seformer.model.backbones.licence import is_commercial
from seformer.regions.negatives import RANDOM
from seformer.regions.units import describe_flanks
from seformer.splits.audit import LARGE_CLUSTER

# share of regions left out, or unlike those of the training
OUTSIDE = 0.2
# share of a class, or of the rows to score, on chromosomes that the genome does not have
LOST = 0.02
# share of test regions that are half or more of training 31-mers, or have a near copy there
ALIKE = 0.02
# relative error of attributions, where the settings do not say
COMPLETE = 0.05
# where the checks of faithfulness are bad; the table and the verdict read the same numbers
FAITHFUL, MUTAGENESIS, STABLE, SHUFFLED = 1.5, 0.3, 0.5, 0.5
CHECKS = {
    "deletion_ratio": "deletion",
    "mutagenesis": "mutagenesis",
    "seed_stability": "other shuffles",
    "randomised_model": "shuffled weights",
}
# checks of faithfulness that may be impossible: with one alone nothing is shown
NOT_MEASURED = 1
SPLIT_TOPIC, PREDICTIONS = "Split clean?", "Predictions of"
COMPLETE_TOPIC, FAITHFUL_TOPIC = "Explanations complete?", "Explanations faithful?"
RENAME = "Where only the names differ, --rename_chromosomes matches them."


class Explained(Protocol):
    """Explanations of one BED.

    Attributes
    ----------
    regions
        Regions explained.
    errors
        float64 [n]: the completeness errors that there are, relative.
    flags
        Regions with each flag.
    summary
        Of its summary.json; empty without one.
    """

    regions: int
    errors: np.ndarray

    @property
    def flags(self) -> Mapping[str, int]: ...

    @property
    def summary(self) -> Mapping[str, Any]: ...


# ---------------------------------------------------------------------------- regions and split


def judge_regions(regions: pd.DataFrame) -> list[Finding]:
    """Judge the regions given: ``label``, ``drop_reason``; if known ``source``, and what they are.

    Of what was cut from regions ``start``, ``end`` and ``parent`` tell how much of it lies in them.
    """
    dropped = regions["drop_reason"] != ""
    findings = _judge_chromosomes(regions)
    if text := describe_flanks(regions[~dropped]):
        findings.append(Finding("warning", "Windows beyond their regions", text))
    if words := random_regions(regions[~dropped]):
        findings.append(Finding("warning", "Random regions", f"{words}."))
    if dropped.sum() > OUTSIDE * max(1, len(regions)):
        text = (
            f"{percent(dropped.sum(), len(regions))} of the regions given were left out; see the "
            "reasons under Data."
        )
        findings.append(Finding("warning", "Regions left out", text))
    return findings


def judge_licence(licence: str | None) -> list[Finding]:
    """Warn of a backbone whose weights, and so what was trained from them, are not for sale."""
    if is_commercial(licence) is not False:
        return []
    text = (
        f"The backbone's weights are under {licence}, which forbids commercial use; so is this "
        "model, which was trained from them. Whoever passes it on gives this licence with it, and "
        "the authors' names."
    )
    return [Finding("warning", "Not for commercial use", text)]


def judge_pretraining(times: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Judge masked-token training of the backbone (`util.shapes_of_pretraining`), each time."""
    if any(once["left_out"]["by"] == "nothing" for once in times):
        text = (
            "The backbone was pre-trained, without labels, on sequence that the test holds out. "
            "What that is worth to the test is not known; pre-train without it "
            "(--pretrain_leave_out held_out) to be sure."
        )
        return [Finding("warning", "Pre-training saw the test", text)]
    return []


def _judge_chromosomes(regions: pd.DataFrame) -> list[Finding]:
    """Say of which class regions were lost because the genome lacks their chromosomes."""
    lost = regions["drop_reason"] == "unknown_chromosome"
    words, worst = [], 0.0
    for label, name in ((1, "super-enhancers"), (0, "typical enhancers")):
        of_class = regions["label"] == label
        n, total = int((lost & of_class).sum()), int(of_class.sum())
        if n:
            words.append(f"{n:,} of {total:,} {name}")
            worst = max(worst, n / total)
    if not words:
        return []
    return [
        Finding(
            "warning" if worst > LOST else "note",
            "Chromosomes not in the genome",
            f"{' and '.join(words)} lie on chromosomes that the genome does not have, and were "
            f"left out. {RENAME}",
        )
    ]


def random_regions(used: pd.DataFrame) -> str:
    """Say what random regions among the typical enhancers in use mean; empty without any."""
    typical = used[used["label"] == 0]
    drawn = int((typical["source"] == RANDOM).sum()) if "source" in used else 0
    if not drawn:
        return ""
    rest = "not" if drawn == len(typical) else "and only in part"
    return (
        f"{drawn:,} of {len(typical):,} typical enhancers are random regions of the genome: the "
        f"model learns to tell super-enhancers from background, {rest} from typical enhancers"
    )


def judge_split(audit: Mapping[str, Any]) -> list[Finding]:
    """Judge the content of audit.json: whether the split is clean."""
    if "overlapping_regions" not in audit:
        return []
    topic, overlaps = SPLIT_TOPIC, sum(audit["overlapping_regions"].values())
    if overlaps:
        text = f"No: {overlaps:,} overlaps between the parts. The results are not to be trusted."
        return [Finding("bad", topic, text)]
    findings = [_judge_similarity(audit, topic), *_judge_copies(audit), *_judge_clusters(audit)]
    conflicts = audit.get("label_conflicts_between_samples", 0)
    if conflicts:
        text = (
            f"{conflicts:,} typical enhancers overlap a super-enhancer of another sample. From "
            "sequence alone nobody can tell both right."
        )
        findings.append(Finding("note", "Conflicting labels", text))
    return findings


def _judge_similarity(audit: Mapping[str, Any], topic: str) -> Finding:
    """Say how many test regions are like training regions, though they do not overlap."""
    compared = audit.get("similarity", {}).get("test_in_train", {})
    like = compared.get("with_containment_at_least", {}).get("0.5", 0)
    total = compared.get("regions", 0)
    clean = "No region of one part overlaps one of another"
    counts = f"{like:,} of {total:,} test regions share half of their 31-mers"
    if like > ALIKE * max(1, total):
        text = (
            f"{clean}, but {counts} or more with the training part: copies or repeats. Look at the "
            "result on unlike regions under the table of test results, if there are enough of them."
        )
        return Finding("warning", topic, text)
    more = f", and {counts} or more with the training part." if total else "."
    return Finding("good", topic, clean + more)


def _judge_copies(audit: Mapping[str, Any]) -> Iterator[Finding]:
    """Say how many test regions have a near copy in training, if the audit looked for them."""
    if "near_copies" not in audit:
        return
    copies = audit["near_copies"]["test_in_train"]
    total = audit.get("similarity", {}).get("test_in_train", {}).get("regions", 0)
    if not copies:
        yield Finding("good", "Near copies", "No test region has a near copy in the training part.")
        return
    many = copies > ALIKE * max(1, total)
    advice = " --split_by homology keeps them together." if many else ""
    yield Finding(
        "warning" if many else "note",
        "Near copies",
        f"{copies:,} {'test regions have' if copies > 1 else 'test region has'} a near copy in the "
        "training part: the same sequence, shifted, mutated or on the other strand. A model can "
        f"know their label by heart.{advice}",
    )


def _judge_clusters(audit: Mapping[str, Any]) -> Iterator[Finding]:
    """Warn of one cluster that holds too much to be split."""
    clusters = audit.get("clusters")
    if clusters is None or audit.get("split_by") not in ("clusters", "homology"):
        return
    if clusters["largest_share"] > LARGE_CLUSTER:
        yield Finding(
            "warning",
            "One large cluster",
            f"The cluster {clusters['largest_name']} holds {clusters['largest']:,} regions, "
            f"{100 * clusters['largest_share']:.0f} % of all. It lies in one part whole, so that "
            "the parts are not of the wanted sizes, and one family of sequences may decide the "
            "result.",
        )


# ---------------------------------------------------------------------------- predictions


def judge_passed_over(reasons: Mapping[str, str]) -> list[Finding]:
    """Name the files that had nothing to score, each with its reason; the others were."""
    return [Finding("warning", name, f"Not scored. {why}") for name, why in sorted(reasons.items())]


def judge_predictions(
    bed: str, rows: int, scored: int, flags: Mapping[str, int], unscored: Mapping[str, int]
) -> list[Finding]:
    """Judge the scores of one BED.

    Parameters
    ----------
    bed
        Its name.
    rows, scored
        Its regions, and how many of them have a score.
    flags, unscored
        Flag -> number of scored regions with it; reason -> number of regions without a score.
    """

    def say(level: str, text: str) -> None:
        findings.append(Finding(level, f"{PREDICTIONS} {bed}", text))

    findings: list[Finding] = []
    if flags.get("other_assembly"):
        say("warning", "The genome is not the one the model was trained on. Check the assembly.")
    outside, what = max(
        (flags.get(f"{flag}_outside_training", 0), what)
        for flag, what in (("length", "length"), ("gc", "GC"))
    )
    if outside > OUTSIDE * max(1, scored):
        say(
            "warning",
            f"{percent(outside, scored)} of {scored:,} regions are unlike those of the training in "
            f"{what}. Their scores may rank, but hardly measure.",
        )
    if lost := unscored.get("unknown_chromosome"):
        say(
            "warning" if lost > LOST * rows else "note",
            f"{lost:,} of {rows:,} regions lie on chromosomes that the genome does not have. "
            f"{RENAME}",
        )
    if scored < rows:
        say(
            "note",
            f"{rows - scored:,} of {rows:,} regions could not be scored; the table says why.",
        )
    return findings


# ---------------------------------------------------------------------------- explanations


def largest_error(explained: Explained) -> float:
    """Return the largest relative error that these explanations were allowed."""
    return explained.summary.get("settings", {}).get("completeness", COMPLETE)


def largest_errors(explained: Iterable[Explained]) -> str:
    """Name the largest errors allowed where there are errors: 5 %, or 1 % or 5 %."""
    values = sorted({largest_error(e) for e in explained if len(e.errors)})
    return " or ".join(f"{100 * value:.3g} %" for value in values or [COMPLETE])


def count_incomplete(explained: Explained) -> int:
    """Count regions whose attributions do not add up."""
    if "incomplete" in explained.flags or not len(explained.errors):
        return int(explained.flags.get("incomplete", 0))
    return 0 if explained.summary else int((explained.errors > COMPLETE).sum())


def judge_completeness(explained: Iterable[Explained]) -> list[Finding]:
    """Say whether attributions that have to add up do; other methods promise no sum."""
    summed = [e for e in explained if len(e.errors) or e.flags.get("incomplete")]
    if not summed:
        return []
    total = sum(e.regions for e in summed)
    broken = sum(map(count_incomplete, summed))
    windows = sum(e.flags.get("incomplete_window", 0) for e in summed)
    small = sum(e.flags.get("small_difference", 0) for e in summed)
    within = f"within {largest_errors(summed)}"
    advice = "Raise --max-steps (in the pipeline --explain_max_steps), or leave them out."
    if broken:
        level, text = (
            "warning",
            f"{broken:,} of {total:,} explanations do not add up {within}; they are flagged "
            f"incomplete. {advice}",
        )
    elif windows:
        level, text = (
            "warning",
            f"All {total:,} explanations add up {within} as a whole, but not every window of "
            f"{windows:,} of them; they are flagged incomplete_window. {advice}",
        )
    else:
        but = f", but for {small:,} too close to their reference to tell, which are flagged"
        level, text = (
            "good",
            f"The attributions of all {total:,} explained regions add up to their scores "
            f"{within}{but if small else ''}.",
        )
    return [Finding(level, COMPLETE_TOPIC, text)]


def judge_faithfulness(checked: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Weigh all four checks, of every BED; one that speaks against the attributions is enough.

    ``checked`` are the results of `CHECKS` by BED, as in the summary of an explained folder.
    """
    topic = FAITHFUL_TOPIC
    if not checked:
        return []
    doubts = [
        f"{doubt} ({bed})" if len(checked) > 1 else doubt
        for bed, results in checked.items()
        for doubt in _doubts(results)
    ]
    if doubts:
        text = f"Not shown: {'; '.join(doubts)}. Do not build on single bases."
        return [Finding("warning", topic, text)]
    worst = {}
    for key in CHECKS:
        values = [results[key] for results in checked.values() if results.get(key) is not None]
        # a check counts where every BED has it
        if len(values) == len(checked):
            worst[key] = max(values) if key == "randomised_model" else min(values)
    words = {
        "deletion_ratio": "replacing the 1 % of bases with the highest attribution lowers the "
        "score {} times as much as random bases change it",
        "mutagenesis": "mutagenesis agrees (rank correlation {})",
        "seed_stability": "other shuffles agree ({})",
        "randomised_model": "a model with shuffled weights does not ({})",
    }
    text = "; ".join(
        words[key].format(f"{value:.1f}" if key == "deletion_ratio" else _correlation(value))
        for key, value in worst.items()
    )
    text = f"{text[:1].upper()}{text[1:]} (checked on a few regions)." if text else ""
    missing = [name for key, name in CHECKS.items() if key not in worst]
    if missing:
        text += f" Not measured: {', '.join(missing)}."
    return [Finding("good" if len(missing) <= NOT_MEASURED else "note", topic, text.strip())]


def _doubts(results: Mapping[str, Any]) -> list[str]:
    """Say which of the four checks of faithfulness speak against the attributions."""
    ratio, mutagenesis, seeds, shuffled = (results.get(key) for key in CHECKS)
    doubts = []
    if ratio is not None and ratio < FAITHFUL:
        fall = f"lowers the score only {ratio:.1f} times as much as random bases change it"
        doubts.append(
            "replacing the bases with the highest attribution "
            + (fall if ratio > 0 else "does not lower the score")
        )
    if mutagenesis is not None and mutagenesis < MUTAGENESIS:
        doubts.append(f"mutagenesis hardly agrees (rank correlation {_correlation(mutagenesis)})")
    if seeds is not None and seeds < STABLE:
        doubts.append(f"other shuffles give other values (rank correlation {_correlation(seeds)})")
    others = [value for value in (mutagenesis, seeds) if value is not None]
    if shuffled is not None and shuffled >= min([SHUFFLED, *others]):
        agrees = f"agrees (rank correlation {_correlation(shuffled)})"
        doubts.append(f"a model with shuffled weights {agrees}")
    return doubts


def _correlation(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
