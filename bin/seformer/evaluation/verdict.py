"""What metrics.json says, in plain words: the sentences of the report and of the model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from seformer.evaluation.baselines import BASELINES, find_baseline
from seformer.evaluation.baselines.random_twin import TWIN

CLOSE = 0.02
FEW = 50
BADLY_CALIBRATED = 0.1
MEMORY = 0.05
FEW_NAMES = 5
LEARNED, GAIN = "Learned?", "Better than simple baselines?"
SMALL, SIMILAR = "Small test part", "Similar regions in training"
PROBABILITIES, ENSEMBLE, FOLDS = "Probabilities", "Ensemble of the folds", "All folds?"
TO_RANK = "use them to rank, not as chances"
PROMISE = (
    "The promise is for regions whose loci are drawn like those of the validation part, not for "
    "another cell line, assembly or length."
)
TITLES = {
    "model": "the model",
    "transformer": "the transformer alone",
    "kmers": "its k-mers alone",
    "cpg_known_density": "CpG per known base",
}


class Finding(NamedTuple):
    """One sentence of the verdict; ``level`` is good, note, warning or bad."""

    level: str
    topic: str
    text: str


OTHER_SPLIT = Finding(
    "warning",
    "Held out?",
    "Not known: the model was trained on another split than it is tested on. Regions of this test "
    "part may be among those that it has seen, and these figures memory: give the splits.tsv of "
    "its training.",
)


def scorer_title(name: str) -> str:
    """Name a scorer of metrics.json as sentences and tables do."""
    baseline = find_baseline(name)
    return baseline.title if baseline else TITLES.get(name, name)


def judge_test(metrics: Mapping[str, Any]) -> list[Finding]:
    """Judge the content of metrics.json; the gravest and most general come first."""
    learned = _judge_learning(metrics["test"])
    return [
        *([OTHER_SPLIT] if metrics.get("other_split") else []),
        *find_missing_folds(metrics),
        learned,
        *([_judge_gain(metrics["test"])] if learned.level == "good" else []),
        *_judge_pretraining(metrics),
        *_find_shortcuts(metrics["test"]),
        *_warn_of_pretraining(metrics.get("pretraining")),
        *_limit_trust(metrics),
    ]


def in_short(measured: Mapping[str, Any]) -> dict[str, Any]:
    """What a model takes along of its test; ``measured`` is metrics.json with its verdict."""
    test = measured["test"]
    return {
        "sample": measured["sample"],
        **{key: test[key] for key in ("n", "n_super_enhancers", "n_typical_enhancers", "loci")},
        "auroc": test["model"]["auroc"],
        "delta": test["delta"]["auroc"],
        "baselines": {name: row["auroc"] for name, row in test["baselines"].items()},
        "verdict": measured["verdict"],
    }


def _judge_learning(test: Mapping[str, Any]) -> Finding:
    """Say whether the AUROC interval lies above 0.5."""
    topic, auroc = LEARNED, test["model"]["auroc"]
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
    beside = map(find_baseline, test["baselines"])
    if delta["low"] > 0 and not any(baseline and baseline.strong for baseline in beside):
        return Finding(
            "warning",
            topic,
            f"Not shown: the model beats {name} by {spoken(delta)} in AUROC, but neither k-mers "
            "nor all of the composition, which go further, stand beside it: take all baselines.",
        )
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


def _judge_pretraining(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what pre-training is worth: the model against its random twin."""
    test = metrics["test"]
    if "over_random_twin" not in test:
        return
    delta = test["over_random_twin"]["auroc"]
    rows = test["baselines"][TWIN], test["model"]
    twin, model = (f"{row['auroc']['value']:.3f}" for row in rows)
    same = f"the same network, trained in the same way from random weights, has AUROC {twin}"
    worth = spoken(delta, signed=True)
    if delta["low"] > 0:
        level, text = "good", f"Yes: {same}, the model {model}: pre-training is worth {worth}."
    else:
        worse = delta["high"] < 0
        level, answer = ("bad", "No") if worse else ("warning", "Not shown")
        text = f"{answer}: {same}, the model {model}, a difference of {worth}: "
        text += "pre-training is not shown to help."
    counts = metrics.get(TWIN, {"models": 1, "of": 1})
    if counts["models"] < counts["of"]:
        text += (
            f" The model is an ensemble of {counts['of']}, its twin of {counts['models']}: part "
        )
        text += "of the difference may be the ensemble's."
    yield Finding(level, "Does pre-training help?", text)


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
    labels = record.get("labels")
    what = f"the sequence, and labels ({labels})," if labels else "the sequence (not the labels)"
    yield Finding(
        "warning" if labels else "note",
        "Seen in pre-training?",
        f"The pre-training of {record['backbone']} {saw} {what} of the test chromosomes {named}. "
        + ("Labels of activity are near to those tested: the figures may flatter. " * bool(labels))
        + advice,
    )


def _is_of_folds(metrics: Mapping[str, Any]) -> bool:
    # of judged scores the folds are those of the baselines
    return bool(metrics.get("folds")) and "judged" not in metrics


def find_missing_folds(metrics: Mapping[str, Any]) -> Iterator[Finding]:
    """Warn of regions that no pooled fold tested: together folds that `split` draws test all."""
    tested = metrics["test"]["n"]
    regions = metrics.get("regions", tested)  # of folds of before no number is known
    if _is_of_folds(metrics) and regions > tested:
        yield Finding(
            "warning",
            FOLDS,
            f"{regions - tested} of the {regions} regions were tested by none of the "
            f"{len(metrics['folds'])} folds. A fold is missing, from this result and from the "
            "ensemble (pool all folds of the split), or the table of your own that the split was "
            "made from has these regions in no test part.",
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
            SMALL,
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
    of_folds = _is_of_folds(metrics)
    yield from _judge_probabilities(test, of_folds)
    yield from _judge_sets(test.get("conformal"))
    if of_folds:
        yield Finding(
            "note",
            ENSEMBLE,
            "The test is of the folds' own models, each on regions that it had not seen. What "
            "scores other regions is their ensemble, which no region is left to test. A mean of "
            "several models should rank no worse; its probabilities and sets were fitted on the "
            "scores of single models, and are as a rule too cautious.",
        )
    if not metrics.get("threshold", {}).get("met", True):
        yield Finding(
            "warning",
            "Threshold",
            f"No threshold on validation satisfies the rule {metrics['threshold']['by']}"
            f"{' in one fold or more' if metrics.get('folds') else ''}; the nearest was taken.",
        )
    unlike = test.get("unlike_training", {})
    if "model" in unlike and auroc["value"] - unlike["model"]["auroc"]["value"] > MEMORY:
        apart = unlike["model"]["auroc"]["high"] < auroc["value"]
        yield Finding(
            "warning",
            SIMILAR,
            f"On the {unlike['n']} test regions that share little sequence with the training part "
            f"AUROC is {unlike['model']['auroc']['value']:.3f}, against {auroc['value']:.3f} on "
            f"all{_on_alike(test)}: part of the result {'is' if apart else 'may be'} memory.",
        )
    yield from _judge_gain_on_unlike(test)


def _on_alike(test: Mapping[str, Any]) -> str:
    """Give the AUROC on the test regions that are most similar to the training part."""
    alike = test.get("similarity_bins", {}).get("over_50_percent", {})
    if "model" not in alike:
        return ""
    return (
        f" and {alike['model']['auroc']['value']:.3f} on the {alike['n']} that share more than half"
    )


def _judge_gain_on_unlike(test: Mapping[str, Any]) -> Iterator[Finding]:
    """Say if the gain over the baselines is not shown where nothing similar was trained on."""
    unlike = test.get("similarity_bins", {}).get("under_5_percent", {})
    if "delta" not in unlike or test["delta"]["auroc"]["low"] <= 0:
        return
    delta = unlike["delta"]["auroc"]
    if delta["low"] <= 0:
        yield Finding(
            "warning" if delta["value"] <= 0 else "note",
            "Gain on unlike regions",
            f"On the {unlike['n']} test regions that share little sequence with the training part "
            f"the difference to the best baseline there, {scorer_title(delta['baseline'])}, is "
            f"{spoken(delta, signed=True)} in AUROC: the gain over all test regions is not shown "
            "for these alone.",
        )


def _judge_probabilities(test: Mapping[str, Any], of_folds: bool = False) -> Iterator[Finding]:
    """Say which regions the probabilities hold for, if any; ``of_folds`` not those of scores."""
    topic, measured = PROBABILITIES, test.get("probabilities")
    if measured is None:  # of version 1.0
        if (error := test["model"]["ece"])["low"] > BADLY_CALIBRATED:
            text = f"Probabilities are off by {error['value']:.2f} on average: {TO_RANK}."
            yield Finding("warning", topic, text)
        return
    unlike = measured.get("unlike_training")
    if fault := _miscalibrated(measured):
        text = f"Do not take them as chances: over all test regions they are {fault}: {TO_RANK}."
        yield Finding("warning", topic, text)
    elif "slope" not in measured:
        text = (
            "Whether they hold cannot be told: they separate the classes of the test part wholly "
            f"or almost, or are all the same: {TO_RANK}."
        )
        yield Finding("note", topic, text)
    elif _is_vague(measured):
        text = f"Whether they hold cannot be told from so few regions: {_fit(measured)}; {TO_RANK}."
        yield Finding("note", topic, text)
    elif unlike and (fault := _miscalibrated(unlike)):
        text = (
            "They hold over all test regions, but on the "
            f"{unlike['n']} that share little sequence with the training part they are {fault}: "
            f"for new loci {TO_RANK}."
        )
        yield Finding("warning", topic, text)
    else:
        new = (
            f"on the {unlike['n']} that share little sequence with the training part {_fit(unlike)}"
            if unlike and "slope" in unlike
            else "how they are on regions unlike those of the training was not tested"
        )
        start = "Those of the folds' models hold" if of_folds else "Take them as probabilities"
        if _off_as_a_whole(measured):
            start = "Take them as probabilities with care"
        text = (
            f"{start}, for regions like those of the test part "
            f"({percent(test['prevalence'], 1)} super-enhancers): {_fit(measured)}; {new}."
        )
        sure = unlike and not _is_vague(unlike) and not of_folds and not _off_as_a_whole(measured)
        yield Finding("good" if sure else "note", topic, text)


def _miscalibrated(measured: Mapping[str, Any]) -> str:
    """Say what is wrong with probabilities; empty if nothing is shown to be."""
    slope, error = measured.get("slope"), measured["ece"]["value"]
    if slope and slope["high"] < 1:
        return f"overconfident, too near to 0 and 1 (calibration slope {spoken(slope)}, below 1)"
    if slope and slope["low"] > 1:
        return (
            f"underconfident, too near to the middle (calibration slope {spoken(slope)}, above 1)"
        )
    if error > measured["ece_noise_high"]:
        noise = f"where chance alone gives {measured['ece_noise']:.3f}"
        return f"off by {error:.3f} on average, {noise}"
    return ""


def _is_vague(measured: Mapping[str, Any]) -> bool:
    """Whether the slope may as well be 0: such probabilities say nothing of the classes."""
    return "slope" in measured and measured["slope"]["low"] <= 0


def _fit(measured: Mapping[str, Any]) -> str:
    """Give slope, intercept and error of probabilities that hold."""
    said = [f"the calibration slope is {spoken(measured['slope'])}, which holds 1"]
    if "intercept" in measured:
        said.append(f"the intercept {spoken(measured['intercept'], signed=True)}")
    if off := _off_as_a_whole(measured):
        said.append(off)
    noise = f"chance alone gives {measured['ece_noise']:.3f}"
    return f"{', '.join(said)}, and the error {measured['ece']['value']:.3f} ({noise})"


def _off_as_a_whole(measured: Mapping[str, Any]) -> str:
    """Say to which side probabilities are off whose intercept is not 0; empty if it may be."""
    intercept = measured.get("intercept", {"low": 0, "high": 0})
    if intercept["low"] <= 0 <= intercept["high"]:
        return ""
    return f"which leaves out 0: they are too {'low' if intercept['low'] > 0 else 'high'}"


def _judge_sets(conformal: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Say whether the sets held the class as often as they promise."""
    if not conformal:
        return
    topic, promised = "Sets", conformal["coverage"]
    names = {"SE": "super-enhancers", "TE": "typical enhancers"}
    held = [
        f"{percent(conformal[key]['value'], 1)} of the {name} (95 % interval "
        f"{percent(conformal[key]['low'], 1)} to {percent(conformal[key]['high'], 1)})"
        for key, name in names.items()
    ]
    text = f"The sets hold the class of {' and of '.join(held)}; {percent(promised, 1)} is promised"
    short = [key for key in names if conformal[key]["high"] < promised]
    if any(conformal[key]["high"] < promised - _luck(promised, conformal[key]) for key in short):
        text += ": too few, the test part is unlike the validation part."
        yield Finding("warning", topic, text)
    elif short:
        loci = " and ".join(f"{conformal[key]['fitted_loci']:,} of {names[key]}" for key in short)
        text += " on average over validation parts; this one gave less, as may happen by chance "
        yield Finding("note", topic, f"{text}with its loci ({loci}). {PROMISE}")
    else:
        decided = conformal["sets"]["SE"] + conformal["sets"]["TE"]
        text += f". {percent(decided, conformal['regions'])} of the sets name one class. {PROMISE}"
        yield Finding("good", topic, text)
    for key in conformal["always_held"]:
        text = (
            f"The validation part has too few {names[key]} for a coverage of "
            f"{percent(promised, 1)}: every set holds {key}. Hold out more for validation, or "
            "give a lower --coverage."
        )
        yield Finding("warning", topic, text)


def _luck(promised: float, of_class: Mapping[str, Any]) -> float:
    """How far the limit of one validation part may be off by chance: two standard deviations.

    With limits fitted on n loci the coverage of new ones follows a beta distribution (Vovk 2012).
    """
    if not (loci := of_class.get("fitted_loci")):
        return 0.0
    return 2 * (promised * (1 - promised) / (loci + 2)) ** 0.5


def spoken(value: Mapping[str, float], signed: bool = False) -> str:
    """Write a value with its interval: 0.812 (95 % interval 0.780 to 0.841)."""
    sign = "+" if signed else ""
    middle, low, high = (
        f"{value[key]:{sign}.3f}".replace("-", "−") for key in ("value", "low", "high")
    )
    return f"{middle} (95 % interval {low} to {high})"


def percent(part: float, whole: float) -> str:
    """Write a share as a percentage; a dash where there is no whole.

    100 % is all and 0 % is none: what rounds to them says on which side it is.
    """
    if not whole:
        return "–"
    share = 100 * part / whole
    exact = share == int(share) or 10 <= share <= 99
    text = f"{share:.0f} %" if exact else f"{share:.1f} %"
    return {"100.0 %": "> 99.9 %", "0.0 %": "< 0.1 %"}.get(text, text)
