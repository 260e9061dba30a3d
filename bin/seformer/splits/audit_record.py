"""The shape of audit.json, see `seformer.util.records.read`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from seformer.util.fields import Count, Number, Share, Text


class AuditedClusters(TypedDict):
    """Regions that stay together."""

    number: Count
    singletons: Count
    largest: Count
    largest_name: Text
    largest_share: Share


class Copies(TypedDict):
    """Regions of the later part that have a near copy in the other."""

    test_in_train: Count
    validation_in_train: Count
    test_in_validation: Count


class Similarity(TypedDict, total=False):
    """31-mers that regions of one part share with another."""

    regions: Count
    with_containment_at_least: dict[Text, Count]
    median: Number | None
    largest: Number | None


class Similarities(TypedDict, total=False):
    """`Similarity` of each pair of parts."""

    test_in_train: Similarity
    validation_in_train: Similarity
    test_in_validation: Similarity


class Conflicts(TypedDict):
    """Regions on whose label samples disagree."""

    rule: Literal["keep", "drop", "majority"]
    regions: Count
    dropped: Count


class SampleZone(TypedDict):
    """What of a sample is near the cut-off."""

    cutoff: Number
    cutoff_from: Literal["recorded", "midpoint"]
    regions: Count
    without_signal: Count
    super_enhancers: Count
    typical_enhancers: Count


class _Zone(TypedDict):
    share: Share
    samples: dict[Text, SampleZone]


class GreyZone(_Zone, total=False):
    """Regions near the cut-off, and what became of them; with folds each of these counts them."""

    left_out: Count
    validation: Count
    test: Count


class Audit(TypedDict, total=False):
    """audit.json, as the report reads it; ``samples`` are in the order of the sheet."""

    samples: list[Text]

    split_by: Text
    overlapping_regions: dict[Text, Count]
    clusters: AuditedClusters
    near_copies: Copies
    similarity: Similarities
    label_conflicts_between_samples: Count
    conflicts: Conflicts | None
    grey_zone: GreyZone
    folds: list[Any]
    read_as: dict[Text, dict[Text, Text]]
