"""What the numbers say, in plain words; the same sentences in the report and on the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from seformer.evaluation.baselines import BASELINES

CLOSE = 0.02
FEW_OF_A_CLASS = 50
FEW_LOCI = 50
BADLY_CALIBRATED = 0.1
GAP = 0.1
FEW_NAMES = 5

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
    test = metrics["test"]
    findings = [learned(test)]
    if findings[0].level == "good":
        findings.append(beats_baseline(test))
    findings += shortcuts(test)
    findings += pretraining(metrics)
    findings += cautions(metrics)
    return findings


def pretraining(metrics: Mapping[str, Any]) -> list[Finding]:
    """Warn of test chromosomes that the published backbone saw before fine-tuning."""
    record = metrics.get("pretraining")
    if not record or not record["seen"]:
        return []
    seen = record["seen"]
    named = ", ".join(seen[:FEW_NAMES]) + (" and others" if len(seen) > FEW_NAMES else "")
    left_out = " and ".join(record["held_out"])
    advice = (
        f"It left out {left_out}: give --test_chromosomes {','.join(record['held_out'])}."
        if left_out
        else "Which chromosomes it left out, if any, is not known."
    )
    return [
        Finding(
            "note",
            "Seen in pre-training?",
            f"The pre-training of {record['backbone']} {'saw' if left_out else 'may have seen'} "
            f"the sequence (not the labels) of the test chromosomes {named}. {advice}",
        )
    ]


def learned(test: Mapping[str, Any]) -> Finding:
    """Say whether the AUROC interval lies above 0.5."""
    auroc = test["model"]["auroc"]
    shown = spoken(auroc)
    if auroc["high"] < 0.5:
        return Finding(
            "bad",
            "Learned?",
            f"The model does worse than guessing on held-out regions: AUROC {shown}. Look for "
            "swapped labels between the training and the test part.",
        )
    if auroc["low"] <= 0.5:
        return Finding(
            "bad",
            "Learned?",
            f"The model learned nothing that holds on held-out regions: AUROC {shown}, an "
            "interval that contains 0.5, the value of guessing. Do not use its scores.",
        )
    return Finding(
        "good",
        "Learned?",
        f"The model tells super-enhancers from typical enhancers on held-out regions: AUROC "
        f"{shown}, where guessing gives 0.5.",
    )


def beats_baseline(test: Mapping[str, Any]) -> Finding:
    """Say whether the model is better than the best baseline."""
    delta = test["delta"]["auroc"]
    name = scorer_title(delta["baseline"])
    if delta["low"] > 0:
        return Finding(
            "good",
            "Better than simple baselines?",
            f"Yes: the model beats the best baseline, {name}, by {spoken(delta)} in AUROC.",
        )
    if delta["high"] < 0:
        return Finding(
            "bad",
            "Better than simple baselines?",
            f"No: the model does worse than {name}, by {spoken(turned(delta))} in AUROC. Use the "
            "baseline, or train longer, on more regions or from another model.",
        )
    return Finding(
        "warning",
        "Better than simple baselines?",
        f"Not shown: the difference to the best baseline, {name}, is "
        f"{spoken(delta, signed=True)} in AUROC, an interval that contains 0. These regions do "
        f"not show that the model knows more than {name} does.",
    )


def shortcuts(test: Mapping[str, Any]) -> list[Finding]:
    """Warn of every single-number baseline within 0.02 AUROC of the model, or above it."""
    findings = []
    model = test["model"]["auroc"]["value"]
    for name, baseline in BASELINES.items():
        advice = baseline.advice
        if not advice or name not in test["baselines"]:
            continue
        alone = test["baselines"][name]["auroc"]["value"]
        if alone < model - CLOSE or alone <= 0.5:
            continue
        what = baseline.title
        start = (
            f"The model does not beat {what}: {what} alone gives AUROC {alone:.3f}, the model "
            f"{model:.3f}."
            if alone >= model
            else f"The model hardly beats {what}: {what} alone gives AUROC {alone:.3f}, within "
            f"{CLOSE} of the model's {model:.3f}."
        )
        level = "bad" if alone >= model else "warning"
        if test["baselines"][name]["auroc"]["low"] <= 0.5:
            advice = f"The interval of {what} alone holds 0.5, the value of guessing."
        findings.append(Finding(level, f"{what[0].upper()}{what[1:]} alone", f"{start} {advice}"))
    return findings


def cautions(metrics: Mapping[str, Any]) -> list[Finding]:
    """Collect what limits the trust in the figures."""
    test, validation = metrics["test"], metrics["validation"]
    findings = []
    fewest = min(test["n_super_enhancers"], test["n_typical_enhancers"])
    if fewest < FEW_OF_A_CLASS or test["loci"] < FEW_LOCI:
        findings.append(
            Finding(
                "warning",
                "Small test part",
                f"The test part has {test['n_super_enhancers']} super-enhancers and "
                f"{test['n_typical_enhancers']} typical enhancers in {test['loci']} loci: few "
                f"{_few(test)}. Read the intervals, not the values; "
                + ("give more regions." if metrics.get("folds") else "hold out more."),
            )
        )
    gap = validation["model"]["auroc"]["value"] - test["model"]["auroc"]["high"]
    if gap > 0 and validation["model"]["auroc"]["low"] > test["model"]["auroc"]["high"]:
        findings.append(
            Finding(
                "warning",
                "Validation above test",
                f"AUROC is {validation['model']['auroc']['value']:.3f} on validation but "
                f"{test['model']['auroc']['value']:.3f} on test: the two parts differ, or the "
                "validation part was used up by many trials.",
            )
        )
    error = test["model"]["ece"]
    if error["low"] > BADLY_CALIBRATED:
        findings.append(
            Finding(
                "warning",
                "Probabilities",
                f"Probabilities are off by {error['value']:.2f} on average: use them to rank, "
                "not as chances.",
            )
        )
    if not metrics.get("threshold", {}).get("met", True):
        rule = metrics["threshold"]["by"]
        findings.append(
            Finding(
                "warning",
                "Threshold",
                f"No threshold on validation satisfies the rule {rule}; the nearest was taken.",
            )
        )
    unlike = test.get("unlike_training")
    if unlike and "model" in unlike:
        drop = test["model"]["auroc"]["value"] - unlike["model"]["auroc"]["value"]
        apart = unlike["model"]["auroc"]["high"] < test["model"]["auroc"]["value"]
        if drop > GAP / 2:
            findings.append(
                Finding(
                    "warning",
                    "Similar regions in training",
                    f"On the {unlike['n']} test regions that share little sequence with the "
                    f"training part AUROC is {unlike['model']['auroc']['value']:.3f}, against "
                    f"{test['model']['auroc']['value']:.3f} on all: part of the result "
                    f"{'is' if apart else 'may be'} memory.",
                )
            )
    return findings


def _few(test: Mapping[str, Any]) -> str:
    """Name what there is little of."""
    found = {
        "super-enhancers": test["n_super_enhancers"] < FEW_OF_A_CLASS,
        "typical enhancers": test["n_typical_enhancers"] < FEW_OF_A_CLASS,
        "loci": test["loci"] < FEW_LOCI,
    }
    return " and ".join(name for name, few in found.items() if few)


def percent(part: float, whole: float) -> str:
    """Write a share as a percentage; a dash where there is no whole."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.1f} %" if share < 10 and share != int(share) else f"{share:.0f} %"


def turned(delta: Mapping[str, float]) -> dict[str, float]:
    """Turn the sign of a difference."""
    return {"value": -delta["value"], "low": -delta["high"], "high": -delta["low"]}


def spoken(value: Mapping[str, float], signed: bool = False, digits: int = 3) -> str:
    """Write a value with its interval: 0.812 (95 % interval 0.780 to 0.841)."""
    sign = "+" if signed else ""
    value, low, high = (
        f"{value[key]:{sign}.{digits}f}".replace("-", "−") for key in ("value", "low", "high")
    )
    return f"{value} (95 % interval {low} to {high})"
