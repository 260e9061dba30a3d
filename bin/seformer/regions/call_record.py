"""The shape of call.json, see `seformer.util.records.read`."""

from __future__ import annotations

from typing_extensions import TypedDict

from seformer.util.fields import Count, Flag, Number, Point, Text


class CalledPeaks(TypedDict):
    """Peaks that were read; those that came twice, that lie at start sites, that were used."""

    file: Text
    read: Count
    repeated: Count
    near_start_sites: Count
    used: Count


class CalledSignal(TypedDict):
    """A file of signal, and of a BAM the reads that count."""

    file: Text
    reads: Count | None


class Choice(TypedDict):
    """What a choice of exclusion and stitching would have called.

    ``shared`` of the super-enhancers that were called overlap one of this choice.
    """

    tss_exclusion: Count
    stitch: Count
    chosen: Flag
    peaks: Count
    regions: Count
    super_enhancers: Count
    shared: Count
    cutoff: Number | None


class Strongest(TypedDict):
    """One of the strongest super-enhancers (0-based half-open), with genes if any were given."""

    region: Text
    peaks: Count
    signal: Number
    genes: Text
    nearest: Text


class Call(TypedDict):
    """call.json; ``curve`` holds rank and signal of some regions, from the weakest."""

    peaks: CalledPeaks
    signal: CalledSignal
    control: CalledSignal | None
    without_signal: dict[Text, Count]
    start_sites: Count | None
    regions: Count
    taken_apart: Count
    super_enhancers: Count
    typical_enhancers: Count
    cutoff: Number
    sensitivity: list[Choice]
    curve: list[Point]
    strongest: list[Strongest]
