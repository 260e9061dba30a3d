"""The shapes of the small result files, one table each; see `seformer.util.records.read`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NotRequired

from pydantic import Field

from seformer.util.fields import Count, Flag, Line, Number, Positive, Share, Text
from seformer.util.fields import all_of as _all
from seformer.util.fields import checked as _checked
from seformer.util.fields import object_of as _object
from seformer.util.fields import partial_of as _partial
from seformer.util.records import LARGEST
from seformer.util.shapes_of_pretraining import Pretraining
from seformer.util.shapes_of_tests import Difference, Finding, Interval, TestRecord

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
    scores=dict[Text, _object(auroc=Interval)],
    # 1.0.0 had no baselines here
    baselines=NotRequired[dict[Text, dict[Text, _object(auroc=Interval)]]],
    delta=NotRequired[dict[Text, _object(auroc=Difference)]],
)
Matrix = _checked(  # transfer.json
    _object(
        samples=list[Text],
        models=list[Text],
        tests=dict[Text, _tested],
        # 1.0.0 had none here
        verdict=NotRequired[list[Finding]],
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
    assembly=NotRequired[Text | None],
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
        model=NotRequired[UsedModel],
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


def _unlike_lengths(region: dict[str, Any]) -> Iterator[str]:
    length = region["end"] - region["start"]
    if not len(region["bases"]) == len(region["values"]) == length:
        yield f"bases or values are not {length}, as from start to end"


def _not_on_chromosomes(top: dict[str, Any]) -> Iterator[str]:
    if top["explained"] < len(top["regions"]):
        yield "explained is less than there are regions"
    for region in top["regions"]:
        if region["end"] > top["chromosomes"].get(region["chrom"], 0):
            yield f"a region lies beyond the end of {region['chrom']}"


_place = dict(chrom=Text, start=Count, end=Count)
Top = _checked(  # top.json: the regions with the highest scores, base by base
    _object(
        explained=Count,
        assembly=NotRequired[Text | None],
        chromosomes=dict[Text, Count],
        regions=list[
            _checked(
                _object(
                    **_place,
                    name=Text,
                    logit=Number,
                    prediction=Text,
                    flags=Text,
                    nearest_gene=NotRequired[Text | None],
                    nearest_distance=NotRequired[Count | None],
                    bases=Annotated[str, Field(strict=True, pattern="^[ACGTN]*$")],
                    values=Line,
                ),
                _unlike_lengths,
            )
        ],
        windows=list[_object(**_place, window=Count, windows=Count, difference=Number | None)],
        genes=list[_object(**_place, strand=Text, name=Text)],
    ),
    _not_on_chromosomes,
)

Places = _object(genome=Text | None, names=dict[Text, dict[Text, Text]])  # of the pipeline

# ------------------------------------------------------------------------- motifs, modisco

Named = _object(  # summary.json of `seformer motifs`
    **_all("regions motifs_in_file seqlets matched background_matched"),
    **_all("background seqlets_across_borders regions_se regions_te", NotRequired[Count]),
    max_q=Share,
)
Patterns = _object(  # summary.json of `seformer modisco`
    **_all("regions windows"),
    **_all("seqlets_with_unknown_bases instances", NotRequired[Count]),
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
    pretraining=list[Pretraining],
    splits=_partial(test=list[Text], validation=list[Text]),
    training=_partial(class_weights=Text, full=_partial(lora_rank=Count)),
)
