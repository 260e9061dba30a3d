"""What the regions of every BED were called."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import Section, say
from seformer.report.draw import GREY, SUPER, TYPICAL, bars, number
from seformer.report.results import Results
from seformer.util.markup import escape

CALLS = {
    "se": ("super-enhancer", SUPER),
    "te": ("typical enhancer", TYPICAL),
    "none": ("not scored", GREY),
}


def sections(results: Results) -> Iterator[Section]:
    beds = results.by_bed("predictions")
    data = {
        name: {
            "se": bed.super_enhancers,
            "te": bed.scored - bed.super_enhancers,
            "none": bed.rows - bed.scored,
        }
        for name, bed in beds.items()
    }
    read_as = "".join(
        f" {escape(name)} was read as {escape(bed.summary['read_as'])}."
        for name, bed in beds.items()
        if "read_as" in bed.summary
    )
    sets = "".join(
        say(
            "predictions_calls",
            "sets",
            bed=escape(name),
            counts=", ".join(
                f"{number(n)} {escape(key)}" for key, n in bed.summary["sets"].items()
            ),
        )
        for name, bed in beds.items()
        if bed.summary.get("sets")
    )
    if beds:
        said = {"thresholds": say_thresholds(results), "read_as": read_as, "sets": sets}
        yield bars("predictions_calls", data, CALLS, **said)


def say_thresholds(results: Results) -> str:
    """Say from which probability on each model calls a region a super-enhancer."""
    found = {s.name: s.threshold for s in results.with_("predictions") if s.threshold is not None}
    values = {name: f"{threshold:.3g}" for name, threshold in found.items()}
    if len(set(values.values())) == 1 and len(values) == len(results.with_("predictions")):
        return say("predictions_calls", "threshold", value=next(iter(values.values())))
    each = ", ".join(f"{escape(name)} {value}" for name, value in values.items())
    return say("predictions_calls", "thresholds", values=each) if each else ""
