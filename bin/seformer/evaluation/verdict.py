"""What metrics.json says, in plain words: the sentences of the report and of the model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from seformer.evaluation.baselines import BASELINES

CLOSE = 0.02
FEW = 50
BADLY_CALIBRATED = 0.1
MEMORY = 0.05
FEW_NAMES = 5
GAIN = "Better than simple baselines?"
TITLES = {
    "model": "the model",
    **{name: baseline.title for name, baseline in BASELINES.items()},
    "transformer": "the transformer alone",
}


class Finding(NamedTuple):
    """One sentence of the verdict; ``level`` is good, note, warning or bad."""

    level: str
    topic: str
    text: str


def scorer_title(name: str) -> str:
    """Name a scorer of metrics.json as sentences and tables do."""
    return TITLES.get(name, name)


def judge_test(metrics: Mapping[str, Any]) -> list[Finding]:
    """Judge the content of metrics.json; the gravest and most general come first."""
    learned = _judge_learning(metrics["test"])
    return [
        learned,
        *([_judge_gain(metrics["test"])] if learned.level == "good" else []),
        *_find_shortcuts(metrics["test"]),
        *_warn_of_pretraining(metrics.get("pretraining")),
        *_limit_trust(metrics),
    ]


def _judge_learning(test: Mapping[str, Any]) -> Finding:
    """Say whether the AUROC interval lies above 0.5."""
    topic, auroc = "Learned?", test["model"]["auroc"]
    if auroc["high"] < 0.5:
        return Finding(
            "bad",
            topic,
            f"The model does worse than guessing on held-out regions: AUROC {spoken(auroc)}. Look "
            "for swapped labels between the training and the test part.",
        )
    if auroc["low"] <= 0.5:
        return Finding(
            "bad",
            topic,
            f"The model learned nothing that holds on held-out regions: AUROC {spoken(auroc)}, an "
            "interval that contains 0.5, the value of guessing. Do not use its scores.",
        )
    return Finding(
        "good",
        topic,
        "The model tells super-enhancers from typical enhancers on held-out regions: AUROC "
        f"{spoken(auroc)}, where guessing gives 0.5.",
    )


def _judge_gain(test: Mapping[str, Any]) -> Finding:
    """Say whether the model is better than the best baseline."""
    topic, delta = GAIN, test["delta"]["auroc"]
    name = scorer_title(delta["baseline"])
    if delta["low"] > 0:
        return Finding(
            "good",
            topic,
            f"Yes: the model beats the best baseline, {name}, by {spoken(delta)} in AUROC.",
        )
    if delta["high"] < 0:
        loss = {"value": -delta["value"], "low": -delta["high"], "high": -delta["low"]}
        return Finding(
            "bad",
            topic,
            f"No: the model does worse than {name}, by {spoken(loss)} in AUROC. Use the baseline, "
            "or train longer, on more regions or from another model.",
        )
    return Finding(
        "warning",
        topic,
        f"Not shown: the difference to the best baseline, {name}, is "
        f"{spoken(delta, signed=True)} in AUROC, an interval that contains 0. These regions do "
        f"not show that the model knows more than {name} does.",
    )


def _find_shortcuts(test: Mapping[str, Any]) -> Iterator[Finding]:
    """Warn of every shortcut, a baseline with advice, close to the model's AUROC or above it."""
    model = test["model"]["auroc"]["value"]
    for name, baseline in BASELINES.items():
        if not baseline.advice or name not in test["baselines"]:
            continue
        what, auroc = baseline.title, test["baselines"][name]["auroc"]
        alone = auroc["value"]
        if alone < model - CLOSE or alone <= 0.5:
            continue
        said = f"{what} alone gives AUROC {alone:.3f}"
        if alone >= model:
            level = "bad"
            start = f"The model does not beat {what}: {said}, the model {model:.3f}."
        else:
            level = "warning"
            start = f"The model hardly beats {what}: {said}, within {CLOSE} of the model's "
            start += f"{model:.3f}."
        advice = baseline.advice
        if auroc["low"] <= 0.5:
            advice = f"The interval of {what} alone holds 0.5, the value of guessing."
        yield Finding(level, f"{what[0].upper()}{what[1:]} alone", f"{start} {advice}")


def _warn_of_pretraining(record: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Warn of test chromosomes that the published backbone saw before fine-tuning."""
    if not record or not record["seen"]:
        return
    named = ", ".join(record["seen"][:FEW_NAMES])
    named += " and others" if len(record["seen"]) > FEW_NAMES else ""
    saw, advice = "may have seen", "Which chromosomes it left out, if any, is not known."
    if held_out := record["held_out"]:
        saw = "saw"
        advice = f"It left out {' and '.join(held_out)}: give --test_chromosomes "
        advice += f"{','.join(held_out)}."
    yield Finding(
        "note",
        "Seen in pre-training?",
        f"The pre-training of {record['backbone']} {saw} the sequence (not the labels) of the test "
        f"chromosomes {named}. {advice}",
    )


def _limit_trust(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what limits the trust in the figures."""
    test, auroc = metrics["test"], metrics["test"]["model"]["auroc"]
    few = [
        name
        for name, number in (
            ("super-enhancers", test["n_super_enhancers"]),
            ("typical enhancers", test["n_typical_enhancers"]),
            ("loci", test["loci"]),
        )
        if number < FEW
    ]
    if few:
        yield Finding(
            "warning",
            "Small test part",
            f"The test part has {test['n_super_enhancers']} super-enhancers and "
            f"{test['n_typical_enhancers']} typical enhancers in {test['loci']} loci: few "
            f"{' and '.join(few)}. Read the intervals, not the values; "
            + ("give more regions." if metrics.get("folds") else "hold out more."),
        )
    validation = metrics["validation"]["model"]["auroc"]
    if min(validation["low"], validation["value"]) > auroc["high"]:
        yield Finding(
            "warning",
            "Validation above test",
            f"AUROC is {validation['value']:.3f} on validation but {auroc['value']:.3f} on test: "
            "the two parts differ, or the validation part was used up by many trials.",
        )
    error = test["model"]["ece"]
    if error["low"] > BADLY_CALIBRATED:
        yield Finding(
            "warning",
            "Probabilities",
            f"Probabilities are off by {error['value']:.2f} on average: use them to rank, not as "
            "chances.",
        )
    if not metrics.get("threshold", {}).get("met", True):
        yield Finding(
            "warning",
            "Threshold",
            f"No threshold on validation satisfies the rule {metrics['threshold']['by']}; the "
            "nearest was taken.",
        )
    unlike = test.get("unlike_training", {})
    if "model" in unlike and auroc["value"] - unlike["model"]["auroc"]["value"] > MEMORY:
        apart = unlike["model"]["auroc"]["high"] < auroc["value"]
        yield Finding(
            "warning",
            "Similar regions in training",
            f"On the {unlike['n']} test regions that share little sequence with the training part "
            f"AUROC is {unlike['model']['auroc']['value']:.3f}, against {auroc['value']:.3f} on "
            f"all: part of the result {'is' if apart else 'may be'} memory.",
        )


def spoken(value: Mapping[str, float], signed: bool = False) -> str:
    """Write a value with its interval: 0.812 (95 % interval 0.780 to 0.841)."""
    sign = "+" if signed else ""
    value, low, high = (
        f"{value[key]:{sign}.3f}".replace("-", "−") for key in ("value", "low", "high")
    )
    return f"{value} (95 % interval {low} to {high})"


def percent(part: float, whole: float) -> str:
    """Write a share as a percentage; a dash where there is no whole."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.1f} %" if share < 10 and share != int(share) else f"{share:.0f} %"
