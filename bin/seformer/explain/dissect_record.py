"""The shape of a dissection's summary.json, see `seformer.util.records.read`."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import AfterValidator
from typing_extensions import TypedDict

from seformer.util.fields import Count, Number, Positive, Share, Text
from seformer.util.shapes import UsedModel


class DissectedRegions(TypedDict):
    """What became of the regions; ``unusable`` by reason."""

    read: Count
    repeated: Count
    unusable: dict[Text, Count]
    without_constituents: Count
    dissected: Count
    without_pairs: Count


class FoundConstituents(TypedDict):
    """What became of the constituents."""

    read: Count
    in_no_region: Count
    clipped: Count
    repeated: Count
    overlapping: Count


class DissectionChoices(TypedDict):
    """The settings that the page tells."""

    shuffles: Positive
    null_stretches: Count
    pair_limit: Count
    seed: NotRequired[Count]


class StrongConstituent(TypedDict):
    """One of the strongest constituents (0-based half-open); None where there is no number."""

    constituent: Text
    name: Text
    region: Text
    rank: Positive
    effect: Number
    effect_sd: Number | None
    masked_effect: Number | None
    cut_effect: Number | None
    alone_effect: Number | None
    p: Share | None
    q: Share | None


class DrawnConstituent(TypedDict):
    """A row of a heat map; ``place`` is start-end."""

    place: Text
    effect: Number | None


class DrawnPair(TypedDict):
    """A pair of a heat map: rows, from 0."""

    first: Count
    second: Count
    effect: Number | None
    synergy: Number | None


class DrawnRegion(TypedDict):
    """A region with its heat map."""

    region: Text
    name: Text
    logit: Number
    constituents: list[DrawnConstituent]
    pairs: list[DrawnPair]


def _pairs_of_rows(region: DrawnRegion) -> DrawnRegion:
    rows = len(region["constituents"])
    if any(not pair["first"] < rows > pair["second"] for pair in region["pairs"]):
        raise ValueError("a pair is of a constituent that is not there")
    return region


class DissectionRecord(TypedDict):
    """summary.json; ``stand_out`` of the ``tested`` constituents have a q of at most q_at_most."""

    settings: DissectionChoices
    members: Positive
    model: NotRequired[UsedModel]
    regions: DissectedRegions
    constituents: FoundConstituents
    rows: Count
    flags: dict[Text, Count]
    tested: Count
    stand_out: Count
    q_at_most: Share
    pairs: Count
    strongest: list[StrongConstituent]
    drawn: list[Annotated[DrawnRegion, AfterValidator(_pairs_of_rows)]]
