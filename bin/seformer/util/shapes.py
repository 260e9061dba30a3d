"""The shapes of the small result files, one table each; see `seformer.util.records.read`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

from seformer.util.fields import (
    Count,
    Flag,
    Line,
    Measure,
    Number,
    Point,
    Positive,
    Share,
    Text,
)
from seformer.util.fields import all_of as _all
from seformer.util.fields import checked as _checked
from seformer.util.fields import object_of as _object
from seformer.util.fields import partial_of as _partial
from seformer.util.records import LARGEST

# ------------------------------------------------------------------------- evaluate, pool

METRICS = ("auroc", "auprc", "mcc", "balanced_accuracy", "brier", "ece")
_INTERVAL = _all("value low high", Measure)
_interval = _object(**_INTERVAL)


def _half_followed(signal: dict[str, Any]) -> Iterator[str]:
    for group in ("all", "SE", "TE"):
        if len({"value", "low", "high"} & signal[group].keys()) not in (0, 3):
            yield f"{group} has a part of value, low and high alone"


_difference = _object(**_INTERVAL, baseline=Text)
_scorer = _object(**dict.fromkeys(METRICS, _interval))
# the metrics that depend on the share of super-enhancers
_calls = _object(**_all("auprc mcc precision recall", _interval))
_spread = _object(mean=Measure, sd=Measure, values=list[Measure])
_line = _object(**_all("value low high", Number))
_PROBABILITIES = {
    "n": Positive,
    "ece": _interval,
    **_all("ece_noise ece_noise_high", Share),
    **_all("slope intercept", NotRequired[_line]),
}
_held = _object(n=Positive, **_all("value low high", Share), fitted_loci=NotRequired[Count])
_followed = _object(n=Count, **_all("value low high", NotRequired[Measure]))
_signal = _checked(
    _object(
        **_all("n zero without"),
        **_all("all SE TE", _followed),
        **_all("baselines delta", dict[Text, _difference]),
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
        delta=NotRequired[dict[Text, _difference]],
    ),
    _half_measured,
)
_test = _object(
    **_PART,
    delta=dict[Text, _difference],
    over_random_twin=NotRequired[dict[Text, _interval]],
    parts=NotRequired[dict[Text, _scorer]],
    members=NotRequired[_object(n=Positive, **dict.fromkeys(METRICS, _spread))],
    prevalences=NotRequired[
        dict[
            Text,
            _object(
                prevalence=_inner_share,
                model=_calls,
                baselines=dict[Text, _calls],
            ),
        ]
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
_threshold = _object(
    by=Annotated[Text, Field(pattern="^(mcc|precision:[0-9.e-]+)$")],
    met=NotRequired[Flag],
    value=NotRequired[Number],
    reached=NotRequired[Number | None],
)
_finding = _object(level=Literal["good", "note", "warning", "bad"], topic=Text, text=Text)
_METRICS = {
    "sample": Text,
    "test": _checked(_test, _unlike_deltas),
    "validation": _object(**_PART),
    "threshold": NotRequired[_threshold],
    "thresholds": NotRequired[dict[Text, Number]],
    "calibration": NotRequired[_object(method=Literal["none", "temperature", "isotonic"])],
    "baseline_choices": NotRequired[
        dict[Text, _partial(k=Count, trees=Count, per=Text, by=Text, of=Text)]
    ],
    "bootstrap": NotRequired[_object(resamples=Count)],
    "pretraining": NotRequired[
        _object(
            backbone=Text, held_out=list[Text], seen=list[Text], labels=NotRequired[Text | None]
        )
    ],
    "grey_zone": NotRequired[_object(left_out=Count)],
    "random_twin": NotRequired[_object(models=Positive, of=Positive)],
    "tracks": NotRequired[
        dict[
            Text,
            _object(
                **_all("regions without_value on_missing_chromosomes bases bases_without_value"),
                missing_chromosomes=list[Text],
                other_lengths=list[Text],
            ),
        ]
    ],
    "folds": NotRequired[list[_object(fold=Count, n=Count, auroc=_interval, delta=_difference)]],
    "verdict": list[_finding],
}
# of metrics.json, what a model takes along in seformer.json
TestRecord = _object(
    sample=Text,
    **_all("n n_super_enhancers n_typical_enhancers loci"),
    auroc=_interval,
    delta=_difference,
    baselines=dict[Text, _interval],
    verdict=list[_finding],
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


# ------------------------------------------------------------------------- extract, transfer

# summary.json of an extracted folder, as later stages read it
Extraction = _partial(
    genome=_partial(assembly=Text | None, fingerprint=Text | None),
    read_as=dict[Text, Text],
    signal=_partial(cutoff=Number | None, cutoff_from=Text | None) | None,
)


def _no_pair(transfer: dict[str, Any]) -> Iterator[str]:
    for sample in transfer["samples"]:
        for model in (*transfer["models"], "locus_mean"):
            if model not in transfer["tests"].get(sample, {}).get("scores", {}):
                yield f"tests.{sample}.scores.{model} is missing"


_tested = _object(
    known_elsewhere=Share,
    scores=dict[Text, _object(auroc=_interval)],
    # 1.0.0 had no baselines here
    baselines=NotRequired[dict[Text, dict[Text, _object(auroc=_interval)]]],
    delta=NotRequired[dict[Text, _object(auroc=_difference)]],
)
Matrix = _checked(  # transfer.json
    _object(
        samples=list[Text],
        models=list[Text],
        tests=dict[Text, _tested],
        # 1.0.0 had none here
        verdict=NotRequired[list[_finding]],
    ),
    _no_pair,
)

# ------------------------------------------------------------------------- predict

# the model that scored or explained: its threshold, and its own test if it takes that along
# what a summary says of the model that was used
UsedModel = _object(threshold=Number, test=TestRecord | None)
Predicted = _object(  # summary.json of predictions
    **_all("rows scored super_enhancers typical_enhancers bases windows"),
    unscored=dict[Text, Count],
    flags=dict[Text, Count],
    smallest_coverage=Share | None,
    sets=NotRequired[dict[Text, Count]],
    read_as=NotRequired[Text],
    model=NotRequired[UsedModel],
)

# ------------------------------------------------------------------------- variants


def _no_null(variants: dict[str, Any]) -> Iterator[str]:
    if variants.get("tested") and not {"null", "significant"} <= variants.keys():
        yield "there are tests, but null or significant is missing"


_null = _object(
    **_all("asked drawn"),
    seed=Count,
    of=dict[Text, Count],
    quantiles=list[Annotated[Number, Field(ge=0)]],
)
Varied = _checked(  # summary.json of variants
    _object(
        **_all("records alleles"),
        status=dict[Text, Count],
        **_all("tested untested significant", NotRequired[Count]),
        unreadable=NotRequired[dict[Text, Count]],
        null=NotRequired[_null],
        motifs=NotRequired[_object(**_all("gained lost"))],
        read_as=NotRequired[Text],
        sorted=NotRequired[Flag],
    ),
    _no_null,
)

# ------------------------------------------------------------------------- explain

FAITH_CURVES = ("deletion_top", "deletion_random", "insertion_top", "insertion_random")
_FAITH = dict.fromkeys(FAITH_CURVES, Line) | _all(
    "mutagenesis mutagenesis_signed seed_stability randomised_model", Number | None
)


def _unlike_bins(profile: dict[str, Any]) -> Iterator[str]:
    if len(profile.get("known", profile["mean"])) != len(profile["mean"]):
        yield "known is not as long as mean"


def _unlike_fractions(checks: dict[str, Any]) -> Iterator[str]:
    for name, curve in checks["summary"].items():
        if name in FAITH_CURVES and len(curve) != len(checks["fractions"]):
            yield f"summary.{name} is not as long as fractions"


_mean = _checked(
    _object(
        regions=Count, mean=Annotated[Line, Field(min_length=1)], known=NotRequired[list[Count]]
    ),
    _unlike_bins,
)
_EXPLAINED = {
    "rows": Count,
    "model": NotRequired[UsedModel],
    "settings": _partial(method=Text, reference=Text, references=Positive, completeness=Number),
    "profile": _object(SE=_mean, TE=_mean),
    "drawn": list[
        _object(
            chrom=Text,
            start=Count,
            end=Count,
            name=NotRequired[Text | None],
            logit=Number,
            values=Annotated[Line, Field(min_length=1)],
        )
    ],
}
# summary.json of an explanation, as the report reads it
Explained = _partial(
    **_EXPLAINED,
    windows=_object(rows=Count, incomplete=Count),
    faithfulness=_checked(
        _object(
            regions=list[Any],
            fractions=Line,
            summary=_partial(**_FAITH, deletion_ratio=Number | None),
        ),
        _unlike_fractions,
    ),
)


def _unlike_curves(shard: dict[str, Any]) -> Iterator[str]:
    checks = shard["faithfulness"]
    for region in checks["regions"]:
        for name in FAITH_CURVES:
            if len(region[name]) != len(checks["fractions"]):
                yield f"{name} of a region is not as long as fractions"


# and as it is joined with others
Shard = _checked(
    _object(
        **_EXPLAINED,
        seconds=Number,
        faithfulness=_object(regions=list[_object(**_FAITH)], fractions=Line),
    ),
    _unlike_curves,
)

# ------------------------------------------------------------------------- motifs, modisco

Named = _object(  # summary.json of `seformer motifs`
    **_all("regions motifs_in_file seqlets matched background_matched"),
    **_all("background seqlets_across_borders regions_se regions_te", NotRequired[Count]),
    max_q=Share,
)
Patterns = _object(  # summary.json of `seformer modisco`
    **_all("regions windows"),
    **_all("seqlets_with_unknown_bases", NotRequired[Count]),
    attribution_in_windows=Number,
)

# ------------------------------------------------------------------------- the model

# seformer.json, as the report reads it; `seformer.model.settings.ModelSettings` loads by it
Model = _partial(
    backbone=_partial(
        name=Text | None, source=Text | None, revision=Text | None, licence=Text | None
    ),
    window=Positive | None,
    window_pooling=Text,
    phases=Positive,
    spectrum=Positive | None,
    members=Positive,
    seeds=list[Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)]],
    calibration=_partial(regions=Count),
    splits=_partial(test=list[Text], validation=list[Text]),
    training=_partial(class_weights=Text, full=_partial(lora_rank=Count)),
)
