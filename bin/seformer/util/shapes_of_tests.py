"""The shapes of what a test leaves, metrics.json and curves.json; see `seformer.util.records`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

from seformer.util.fields import Count, Flag, Line, Measure, Number, Point, Positive, Share, Text
from seformer.util.fields import all_of as _all
from seformer.util.fields import checked as _checked
from seformer.util.fields import object_of as _object
from seformer.util.fields import partial_of as _partial

METRICS = ("auroc", "auprc", "mcc", "balanced_accuracy", "brier", "ece")
_INTERVAL = _all("value low high", Measure)
Interval = _object(**_INTERVAL)


def _half_followed(signal: dict[str, Any]) -> Iterator[str]:
    for group in ("all", "SE", "TE"):
        if len({"value", "low", "high"} & signal[group].keys()) not in (0, 3):
            yield f"{group} has a part of value, low and high alone"


Difference = _object(**_INTERVAL, baseline=Text)
_scorer = _object(**dict.fromkeys(METRICS, Interval))
# the metrics that depend on the share of super-enhancers
_calls = _object(**_all("auprc mcc precision recall", Interval))
_spread = _object(mean=Measure, sd=Measure, values=list[Measure])
_line = _object(**_all("value low high", Number))
_PROBABILITIES = {
    "n": Positive,
    "ece": Interval,
    **_all("ece_noise ece_noise_high", Share),
    **_all("slope intercept", NotRequired[_line]),
}
_held = _object(n=Positive, **_all("value low high", Share), fitted_loci=NotRequired[Count])
_followed = _object(n=Count, **_all("value low high", NotRequired[Measure]))
_signal = _checked(
    _object(
        **_all("n zero without"),
        **_all("all SE TE", _followed),
        **_all("baselines delta", dict[Text, Difference]),
    ),
    _half_followed,
)
_inner_share = Annotated[Share, Field(gt=0, lt=1)]
_conformal = _object(
    coverage=_inner_share,
    always_held=list[Literal["SE", "TE"]],
    regions=Positive,
    **_all("observed SE TE", _held),
    sets=_object(**_all("SE TE both none")),
)
_PART = {
    **_all("n loci", Positive),
    **_all("n_super_enhancers n_typical_enhancers"),
    "prevalence": Share,
    "model": _scorer,
    "baselines": dict[Text, _scorer],
}


def _unlike_deltas(test: dict[str, Any]) -> Iterator[str]:
    if "auroc" not in test["delta"]:
        yield "delta.auroc is missing"
    for metric, delta in test["delta"].items():
        if delta["baseline"] not in test["baselines"]:
            yield f"delta.{metric}.baseline is not one of the baselines"
    if "over_random_twin" in test:
        if "auroc" not in test["over_random_twin"]:
            yield "over_random_twin.auroc is missing"
        if "random_twin" not in test["baselines"]:
            yield "baselines.random_twin is missing"


def _half_measured(part: dict[str, Any]) -> Iterator[str]:
    there = [name for name in ("model", "baselines", "delta") if name in part]
    if len(there) not in (0, 3):
        yield f"there is {' and '.join(there)} alone of model, baselines and delta"
    elif there:
        yield from _unlike_deltas(part)


_bin = _checked(
    _object(
        **_all("n n_super_enhancers n_typical_enhancers loci"),
        without_31mers=NotRequired[Count],
        model=NotRequired[_scorer],
        baselines=NotRequired[dict[Text, _scorer]],
        delta=NotRequired[dict[Text, Difference]],
    ),
    _half_measured,
)
_test = _object(
    **_PART,
    delta=dict[Text, Difference],
    over_random_twin=NotRequired[dict[Text, Interval]],
    parts=NotRequired[dict[Text, _scorer]],
    members=NotRequired[_object(n=Positive, **dict.fromkeys(METRICS, _spread))],
    prevalences=NotRequired[
        dict[Text, _object(prevalence=_inner_share, model=_calls, baselines=dict[Text, _calls])]
    ],
    similarity_bins=NotRequired[
        _object(**_all("under_5_percent 5_to_50_percent over_50_percent", _bin))
    ],
    unlike_training=NotRequired[
        _object(n=Count, containment_at_most=Share, model=NotRequired[_scorer])
    ],
    probabilities=NotRequired[
        _object(**_PROBABILITIES, unlike_training=NotRequired[_object(**_PROBABILITIES)])
    ],
    conformal=NotRequired[_conformal],
    signal=NotRequired[_signal],
)
_rule = Annotated[Text, Field(pattern="^(mcc|precision:[0-9.e-]+)$")]
_threshold = _object(
    by=_rule, met=NotRequired[Flag], value=NotRequired[Number], reached=NotRequired[Number | None]
)
# calibrated.json: how the threshold was chosen, and the line of the calibration's reference
Calibrated = _object(
    threshold=_object(by=_rule, value=Number, reached=Number | None, met=Flag),
    seed=Count,
    reference=_object(**_all("log_slope variance intercept intercept_variance", Number)) | None,
)
Finding = _object(level=Literal["good", "note", "warning", "bad"], topic=Text, text=Text)
_choices = dict[Text, _partial(k=Count, trees=Count, per=Text, by=Text, of=Text)]
_tracks = dict[
    Text,
    _object(
        **_all("regions without_value on_missing_chromosomes bases bases_without_value"),
        missing_chromosomes=list[Text],
        other_lengths=list[Text],
    ),
]
Baselines = _object(chosen=_choices, tracks=_tracks)  # baselines.json
_METRICS = {
    "sample": Text,
    "test": _checked(_test, _unlike_deltas),
    "validation": _object(**_PART),
    "threshold": NotRequired[_threshold],
    "thresholds": NotRequired[dict[Text, Number]],
    "calibration": NotRequired[_object(method=Literal["none", "temperature", "isotonic"])],
    "baseline_choices": NotRequired[_choices],
    "bootstrap": NotRequired[_object(resamples=Count)],
    "pretraining": NotRequired[
        _object(
            backbone=Text, held_out=list[Text], seen=list[Text], labels=NotRequired[Text | None]
        )
    ],
    "grey_zone": NotRequired[_object(left_out=Count)],
    "other_split": NotRequired[Literal[True]],
    "regions": NotRequired[Positive],
    "random_twin": NotRequired[_object(models=Positive, of=Positive)],
    "tracks": NotRequired[_tracks],
    "folds": NotRequired[list[_object(fold=Count, n=Count, auroc=Interval, delta=Difference)]],
    "verdict": list[Finding],
}
# of metrics.json, what a model takes along in seformer.json
TestRecord = _object(
    sample=Text,
    **_all("n n_super_enhancers n_typical_enhancers loci"),
    auroc=Interval,
    delta=Difference,
    baselines=dict[Text, Interval],
    verdict=list[Finding],
)
_judged = _object(
    scores=Text,
    column=Text,
    probabilities=Literal["given", "fitted"],
    folds_of=Text,
    rank_correlations=dict[Text, Measure],
    rows=Count,
    left_out=dict[Text, Count],
    training=_object(regions=Count, overlapping=Count) | None,
)
# metrics.json, of evaluate and pool, and of judge
Metrics = _object(**_METRICS, judged=NotRequired[_judged])


def _unlike_scorers(metrics: dict[str, Any]) -> Iterator[str]:
    test = metrics["test"]
    if {"model", *test["baselines"], *test.get("parts", {})} != set(metrics["thresholds"]):
        yield "thresholds are not those of the model and its baselines"
    if test["baselines"].keys() != metrics["validation"]["baselines"].keys():
        yield "validation.baselines are not those of the test"
    members = test.get("members", {})
    for name, spread in members.items():
        if isinstance(spread, Mapping) and len(spread["values"]) != members["n"]:
            yield f"test.members.{name}.values are not one a member"


# metrics.json of one model alone, which folds are pooled from
OfFold = _checked(
    _object(**_METRICS | {"threshold": _threshold, "thresholds": dict[Text, Number]}),
    _unlike_scorers,
)


def _unlike_steps(histogram: dict[str, Any]) -> Iterator[str]:
    edges, se, te = (len(histogram[name]) for name in ("edges", "se", "te"))
    if not edges == se + 1 == te + 1:
        yield "there must be one edge more than counts of either class"


def _no_model(curves: dict[str, Any]) -> Iterator[str]:
    for kind, lines in curves.items():
        if isinstance(lines, Mapping) and "model" not in lines:
            yield f"{kind}.model is missing"


_histogram = _object(edges=Annotated[Line, Field(min_length=2)], se=Line, te=Line)
_curves = _object(
    roc=dict[Text, list[Point]],
    precision_recall=dict[Text, list[Point]],
    calibration=dict[Text, list[_object(probability=Number, share=Number)]],
    histogram=dict[Text, _checked(_histogram, _unlike_steps)],
)
# curves.json
Curves = _object(test=_checked(_curves, _no_model), judged=NotRequired[Flag])
