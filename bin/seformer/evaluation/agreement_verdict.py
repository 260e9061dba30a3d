"""What agreement.json says in sentences; the first one is the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.evaluation.agreement import BEYOND, CHANCE, SCORE
from seformer.evaluation.verdict import Finding, percent, scorer_title

TOPIC = "Do the scores agree with what was measured?"
CLASSES = "Do they tell the classes apart?"
TITLES = {"spearman": "rank correlation", "auroc": "AUROC"}
# below it percentile intervals are too narrow
FEW_LOCI = 20


def judge_agreement(found: Mapping[str, Any]) -> list[Finding]:
    """Say what the content of agreement.json means; the answer comes first."""
    metrics = [name for name in CHANCE if found[name]]
    answers = [_answer(name, found[name]) for name in metrics]
    # numbers answer before classes; where both are there, the second has its own question
    first, *others = answers
    others = [finding._replace(topic=CLASSES) for finding in others]
    return [first, *others, *_beyond(found), *_caveats(found, found[metrics[0]])]


def _answer(metric: str, measured: Mapping[str, Any]) -> Finding:
    chance, score = CHANCE[metric], measured["scorers"][SCORE]
    rows = f"{measured['n']:,} measured rows in {measured['loci']:,} loci"
    if metric == "auroc":
        rows += f" ({measured['positive']:,} of them yes)"
    said = f"{TITLES[metric]} {_interval(score)} over {rows}"
    if score["high"] < chance:
        return Finding(
            "bad",
            TOPIC,
            f"No, they disagree: {said}. If a lower score or a lower measured number means more "
            "activity, say so with --score-direction or --value-direction.",
        )
    if score["low"] <= chance:
        return Finding("bad", TOPIC, f"No, not more than by chance: {said}.")
    best = measured["best_baseline"]
    if best is None:
        return Finding("note", TOPIC, f"Yes: {said}; no simple measure stands beside it.")
    title, delta = baseline_title(best), measured["delta"]
    beside = f"{title} alone has {_number(measured['scorers'][best]['value'])}"
    difference = f"difference {_interval(delta)}"
    if delta["low"] > 0:
        return Finding(
            "good", TOPIC, f"Yes, and more than {title}: {said}; {beside}, {difference}."
        )
    more = "less than" if delta["high"] < 0 else "not surely more than"
    level = "bad" if delta["high"] < 0 else "warning"
    return Finding(level, TOPIC, f"Yes, but {more} {title}: {said}; {beside}, {difference}.")


def _beyond(found: Mapping[str, Any]) -> Iterator[Finding]:
    measured = found["spearman"]
    if not measured or BEYOND not in measured:
        return
    rest = measured[BEYOND]
    names = [baseline_title(name) for name in measured["directions"]]
    without = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    level = "good" if rest["low"] > 0 else "warning"
    answer = "Yes" if rest["low"] > 0 else "Not that could be told from chance"
    yield Finding(
        level,
        "Do they know more than the simple measures together?",
        f"{answer}: without what {without} explain{'s' if len(names) == 1 else ''}, the rank "
        f"correlation is {_interval(rest)}.",
    )


def _caveats(found: Mapping[str, Any], measured: Mapping[str, Any]) -> Iterator[Finding]:
    rows, used = found["measured"]["rows"], found["measured"]["used"]
    text = f"{used:,} of {rows:,} measured rows ({percent(used, rows)}) have a score"
    if again := found["measured"]["measured_again"]:
        text += (
            f"; {again:,} of them are of a place and target that a row before has, and count too"
        )
    lost = ", ".join(f"{n:,} {status}" for status, n in found["left_out"].items())
    level = "warning" if used < rows / 2 else "note"
    several = found["matching"]["several_scores"]
    if several:
        text += f"; {several:,} matched several scored regions"
    yield Finding(level, "How much was compared?", f"{text}{f'; left out: {lost}' * bool(lost)}.")
    if measured["loci"] < FEW_LOCI:
        yield Finding(
            "warning",
            "Enough loci?",
            f"There are only {measured['loci']} loci: the true intervals are wider than these.",
        )
    if missing := found["baselines_left_out"]:
        reasons = "; ".join(f"{baseline_title(name)}: {why}" for name, why in missing.items())
        yield Finding("note", "What does not stand beside?", f"{reasons[0].upper()}{reasons[1:]}.")


def baseline_title(name: str) -> str:
    """Name a baseline of agreement.json as sentences do."""
    return "nearness to the target's TSS" if name == "distance" else scorer_title(name)


def _interval(found: Mapping[str, float]) -> str:
    low, high = _number(found["low"]), _number(found["high"])
    return f"{_number(found['value'])} (95 % interval {low} to {high})"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
