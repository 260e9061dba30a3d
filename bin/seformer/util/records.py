"""JSON that seformer writes and reads, and the shapes of its small result files.

A file that was damaged ends in one message that names it and the field. Fields that nothing reads
are not looked at, so that files of later versions can be read too.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from os import PathLike
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.text import small_file

# of a number in JSON; transformers writes lengths without bound as 10**30
MAX_DIGITS = 100
NO_NUMBER = re.compile(r"NaN|Infinity|[eE]\+?\d\d|\d{200}")
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
LARGEST = 2**53
Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Some = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
# a metric or a difference of two; rounding may carry it past the end
Measure = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-2.1, le=2.1)]
Point = Annotated[list[Number], Field(min_length=2, max_length=2)]
Line = list[Number]


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write ``value`` as indented JSON with a final newline (NaN is refused)."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 64 MiB; see `parse_json`.

    Raises
    ------
    UserError
        If it is missing, too large or not such JSON.
    """
    path = small_file(path)
    return parse_json(path.read_bytes(), path)


def parse_json(content: bytes, path: str | os.PathLike[str]) -> Any:
    """Read JSON: UTF-8, every name once, finite numbers of at most `MAX_DIGITS`.

    Raises
    ------
    UserError
        Naming ``path``, if it is not such JSON.
    """
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text, parse_int=_whole, object_pairs_hook=_object)
        if HALF_CHARACTER.search(text):  # by an escape: no file or terminal takes it
            json.dumps(value, ensure_ascii=False).encode()
    except _Refused as error:
        raise UserError(f"the JSON holds {error}", where=path) from error
    except (UnicodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            "the file is not valid JSON", where=path, line=line, expected="JSON in UTF-8"
        ) from error
    except RecursionError as error:
        raise UserError("the JSON is nested too deeply", where=path) from error
    if NO_NUMBER.search(text) and (place := next(_not_finite(value), None)) is not None:
        raise UserError(f"{place} is not a finite number", where=path)
    return value


class _Refused(Exception):
    """What JSON allows and no file of ours has."""


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused(f"a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise _Refused(f"{twice!r} twice")
    return found


def _not_finite(value: Any, place: str = "") -> Iterator[str]:
    """Yield where in a JSON value there is NaN or infinity, such as ``calibration.slope``."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place or "the value"
    elif isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(one, f"{place}.{name}" if place else str(name))


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON file that holds one object; see `read_json`."""
    return as_object(read_json(path), path)


def as_object(value: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a value of JSON that is an object; say so, naming ``path``, if it is not."""
    if not isinstance(value, dict):
        raise UserError(
            "the JSON holds no object", where=path, expected='names and values: {"name": …}'
        )
    return value


def read(path: str | PathLike[str], shape: Any, do: str) -> dict[str, Any]:
    """Read a JSON file of the given shape; ``do`` says how to get a sound one.

    Raises
    ------
    UserError
        If it is missing, not JSON, or has another shape.
    """
    found = read_object(path)
    try:
        _adapter(shape).validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        what, expected = f"{field} is {_shown(first['input'])}", None
        if first["type"] == "missing":
            what = f"{field} is missing"
        elif first["type"] == "value_error":
            what = f"{field}: {first['ctx']['error']}"
        else:
            expected = first["msg"].removeprefix("Input should be ")
        raise UserError(what, where=path, expected=expected, do=do) from error
    except UnicodeEncodeError as error:
        raise UserError("a text in it is not Unicode", where=path, do=do) from error
    return found


@cache
def _adapter(shape: Any) -> TypeAdapter:
    return TypeAdapter(shape)


def _shown(value: object) -> str:
    """Say what a value is; not more of it than fits a line."""
    kinds = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a huge number"
    return kinds.get(type(value)) or repr(value if isinstance(value, float | int) else value[:40])


# ------------------------------------------------------------------------- evaluate, pool


class Interval(TypedDict):
    value: Measure
    low: Measure
    high: Measure


class Delta(Interval):
    baseline: Text


class Row(TypedDict):
    """A scorer's metrics."""

    auroc: Interval
    auprc: Interval
    mcc: Interval
    balanced_accuracy: Interval
    brier: Interval
    ece: Interval


class Calls(TypedDict):
    """The metrics that depend on the share of super-enhancers."""

    auprc: Interval
    mcc: Interval
    precision: Interval
    recall: Interval


class AtPrevalence(TypedDict):
    prevalence: Annotated[Share, Field(gt=0, lt=1)]
    model: Calls
    baselines: dict[Text, Calls]


class Spread(TypedDict):
    mean: Measure
    sd: Measure
    values: list[Measure]


class Members(TypedDict):
    n: Some
    auroc: Spread
    auprc: Spread
    mcc: Spread
    balanced_accuracy: Spread
    brier: Spread
    ece: Spread


class Unlike(TypedDict):
    n: Count
    containment_at_most: Share
    model: NotRequired[Row]


class Part(TypedDict):
    n: Some
    n_super_enhancers: Count
    n_typical_enhancers: Count
    loci: Some
    prevalence: Share
    model: Row
    baselines: dict[Text, Row]


class TestPart(Part):
    delta: dict[Text, Delta]
    parts: NotRequired[dict[Text, Row]]
    members: NotRequired[Members]
    prevalences: NotRequired[dict[Text, AtPrevalence]]
    unlike_training: NotRequired[Unlike]


def _compared(test: dict[str, Any]) -> dict[str, Any]:
    if "auroc" not in test["delta"]:
        raise ValueError("delta.auroc is missing")
    for metric, delta in test["delta"].items():
        if delta["baseline"] not in test["baselines"]:
            raise ValueError(f"delta.{metric}.baseline is not one of the baselines")
    return test


class OneOf(TypedDict):
    fold: Count
    n: Count
    auroc: Interval
    delta: Delta


class Threshold(TypedDict):
    by: Annotated[Text, Field(pattern="^(mcc|precision:[0-9.e-]+)$")]
    met: NotRequired[Flag]
    value: NotRequired[Number]
    reached: NotRequired[Number | None]


class Choice(TypedDict, total=False):
    k: Count
    trees: Count


class Bootstrap(TypedDict):
    resamples: Count


class Pretraining(TypedDict):
    backbone: Text
    held_out: list[Text]
    seen: list[Text]


class Calibration(TypedDict):
    method: Literal["none", "temperature", "isotonic"]


class Metrics(TypedDict):
    """metrics.json."""

    sample: Text
    test: Annotated[TestPart, AfterValidator(_compared)]
    validation: Part
    threshold: NotRequired[Threshold]
    thresholds: NotRequired[dict[Text, Number]]
    calibration: NotRequired[Calibration]
    baseline_choices: NotRequired[dict[Text, Choice]]
    bootstrap: NotRequired[Bootstrap]
    pretraining: NotRequired[Pretraining]
    folds: NotRequired[list[OneOf]]


class FoldMetrics(Metrics):
    """metrics.json of one model alone, which folds are pooled from."""

    threshold: Threshold
    thresholds: dict[Text, Number]


def _same_scorers(found: dict[str, Any]) -> dict[str, Any]:
    scorers = {"model", *found["test"]["baselines"], *found["test"].get("parts", {})}
    if scorers != set(found["thresholds"]):
        raise ValueError("thresholds are not those of the model and its baselines")
    if found["test"]["baselines"].keys() != found["validation"]["baselines"].keys():
        raise ValueError("validation.baselines are not those of the test")
    members = found["test"].get("members", {})
    for name, part in members.items():
        if isinstance(part, Mapping) and len(part["values"]) != members["n"]:
            raise ValueError(f"test.members.{name}.values are not one a member")
    return found


OfFold = Annotated[FoldMetrics, AfterValidator(_same_scorers)]


class Bin(TypedDict):
    probability: Number
    share: Number


class Histogram(TypedDict):
    edges: Annotated[Line, Field(min_length=2)]
    se: Line
    te: Line


def _stepped(found: dict[str, Any]) -> dict[str, Any]:
    if not len(found["edges"]) == len(found["se"]) + 1 == len(found["te"]) + 1:
        raise ValueError("there must be one edge more than counts of either class")
    return found


def _of_the_model(found: dict[str, Any]) -> dict[str, Any]:
    for kind, lines in found.items():
        if isinstance(lines, Mapping) and "model" not in lines:
            raise ValueError(f"{kind}.model is missing")
    return found


class Drawn(TypedDict):
    roc: dict[Text, list[Point]]
    precision_recall: dict[Text, list[Point]]
    calibration: dict[Text, list[Bin]]
    histogram: dict[Text, Annotated[Histogram, AfterValidator(_stepped)]]


class Curves(TypedDict):
    """curves.json."""

    test: Annotated[Drawn, AfterValidator(_of_the_model)]


# ------------------------------------------------------------------------- extract, split, transfer


class Genome(TypedDict, total=False):
    assembly: Text | None
    fingerprint: Text | None


class Extraction(TypedDict, total=False):
    """summary.json of an extracted folder, as later stages read it."""

    genome: Genome
    read_as: dict[Text, Text]


class Pair(TypedDict, total=False):
    regions: Count
    with_containment_at_least: dict[Text, Count]
    median: Number | None
    largest: Number | None


class Similarity(TypedDict, total=False):
    test_in_train: Pair
    validation_in_train: Pair
    test_in_validation: Pair


class Conflicts(TypedDict):
    rule: Literal["keep", "drop", "majority"]
    regions: Count
    dropped: Count


class Audit(TypedDict, total=False):
    """audit.json."""

    split_by: Text
    overlapping_regions: dict[Text, Count]
    similarity: Similarity
    label_conflicts_between_samples: Count
    conflicts: Conflicts | None
    folds: list[Any]
    read_as: dict[Text, dict[Text, Text]]


class Scorer(TypedDict):
    auroc: Interval


class Tested(TypedDict):
    known_elsewhere: Share
    scores: dict[Text, Scorer]


class Transfer(TypedDict):
    """transfer.json."""

    samples: list[Text]
    models: list[Text]
    tests: dict[Text, Tested]


def _every_pair(found: dict[str, Any]) -> dict[str, Any]:
    for sample in found["samples"]:
        for model in (*found["models"], "locus_mean"):
            if model not in found["tests"].get(sample, {}).get("scores", {}):
                raise ValueError(f"tests.{sample}.scores.{model} is missing")
    return found


Matrix = Annotated[Transfer, AfterValidator(_every_pair)]

# ------------------------------------------------------------------------- predict


class Predicted(TypedDict):
    """summary.json of predictions."""

    rows: Count
    scored: Count
    unscored: dict[Text, Count]
    super_enhancers: Count
    typical_enhancers: Count
    flags: dict[Text, Count]
    bases: Count
    windows: Count
    smallest_coverage: Share | None
    read_as: NotRequired[Text]


# ------------------------------------------------------------------------- explain


class How(TypedDict, total=False):
    method: Text
    reference: Text
    references: Some
    completeness: Number


class Windows(TypedDict):
    rows: Count
    incomplete: Count


class Mean(TypedDict):
    regions: Count
    mean: Annotated[Line, Field(min_length=1)]
    known: NotRequired[list[Count]]


def _each_bin(found: dict[str, Any]) -> dict[str, Any]:
    if len(found.get("known", found["mean"])) != len(found["mean"]):
        raise ValueError("known is not as long as mean")
    return found


Bins = Annotated[Mean, AfterValidator(_each_bin)]


class Profile(TypedDict):
    SE: Bins
    TE: Bins


class Region(TypedDict):
    chrom: Text
    start: Count
    end: Count
    name: NotRequired[Text | None]
    logit: Number
    values: Annotated[Line, Field(min_length=1)]


class Faith(TypedDict, total=False):
    deletion_top: Line
    deletion_random: Line
    insertion_top: Line
    insertion_random: Line
    deletion_ratio: Number | None
    mutagenesis: Number | None
    mutagenesis_signed: Number | None
    seed_stability: Number | None
    randomised_model: Number | None


class Faithfulness(TypedDict):
    regions: list[Any]
    fractions: Line
    summary: Faith


def _as_long(found: dict[str, Any]) -> dict[str, Any]:
    for name, curve in found["summary"].items():
        if name in FAITH_CURVES and len(curve) != len(found["fractions"]):
            raise ValueError(f"summary.{name} is not as long as fractions")
    return found


FAITH_CURVES = ("deletion_top", "deletion_random", "insertion_top", "insertion_random")


class Explained(TypedDict, total=False):
    """summary.json of an explanation, as the report reads it."""

    rows: Count
    settings: How
    windows: Windows
    profile: Profile
    drawn: list[Region]
    faithfulness: Annotated[Faithfulness, AfterValidator(_as_long)]


class CheckedRegion(TypedDict):
    deletion_top: Line
    deletion_random: Line
    insertion_top: Line
    insertion_random: Line
    mutagenesis: Number | None
    mutagenesis_signed: Number | None
    seed_stability: Number | None
    randomised_model: Number | None


class Checks(TypedDict):
    regions: list[CheckedRegion]
    fractions: Line


class ExplainedShard(TypedDict):
    """summary.json of an explanation, as it is joined with others."""

    rows: Count
    settings: How
    seconds: Number
    profile: Profile
    drawn: list[Region]
    faithfulness: Checks


def _equally_long(found: dict[str, Any]) -> dict[str, Any]:
    checks = found["faithfulness"]
    for region in checks["regions"]:
        for name in FAITH_CURVES:
            if len(region[name]) != len(checks["fractions"]):
                raise ValueError(f"{name} of a region is not as long as fractions")
    return found


Shard = Annotated[ExplainedShard, AfterValidator(_equally_long)]

# ------------------------------------------------------------------------- motifs, modisco


class Named(TypedDict):
    """summary.json of `seformer motifs`."""

    regions: Count
    motifs_in_file: Count
    seqlets: Count
    matched: Count
    background: NotRequired[Count]
    background_matched: Count
    seqlets_across_borders: NotRequired[Count]
    max_q: Share
    regions_se: NotRequired[Count]
    regions_te: NotRequired[Count]


class Patterns(TypedDict):
    """summary.json of `seformer modisco`."""

    regions: Count
    windows: Count
    attribution_in_windows: Number
    seqlets_with_unknown_bases: NotRequired[Count]


# ------------------------------------------------------------------------- the model


class Backbone(TypedDict, total=False):
    name: Text | None
    source: Text | None
    revision: Text | None


class Fitted(TypedDict, total=False):
    regions: Count


class Full(TypedDict, total=False):
    lora_rank: Count


class Training(TypedDict, total=False):
    class_weights: Text
    full: Full


class HeldOut(TypedDict, total=False):
    test: list[Text]
    validation: list[Text]


class Model(TypedDict, total=False):
    """seformer.json, as the report reads it; `seformer.model.folder.Settings` loads by it."""

    backbone: Backbone
    window: Some | None
    window_pooling: Text
    phases: Some
    spectrum: Some | None
    members: Some
    seeds: list[Annotated[int, Field(strict=True, ge=-LARGEST, le=LARGEST)]]
    calibration: Fitted
    splits: HeldOut
    training: Training
