"""Super-enhancers called from peaks and signal: the ranked signal, and what choices change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seformer.regions.call_inputs import FEWEST_RANKED
from seformer.regions.call_record import Call
from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import (
    CLASSES,
    GREY,
    apart,
    counted_place,
    headed,
    html,
    lines,
    number,
    table,
)
from seformer.report.results import Results
from seformer.util.markup import escape

NAMES = {label: name for label, name, _ in CLASSES}


def sections(results: Results) -> Iterator[Section]:
    called: dict[str, Any] = {sample.name: sample.call for sample in results.with_("call")}
    if not called:
        return
    looks = {name: colour for _, name, colour in CLASSES} | {"cut-off": (GREY, "dash")}
    yield lines("data_calls", {name: _curve(call) for name, call in called.items()}, looks)
    parts = {name: _remarks(call) + _choices(call) for name, call in called.items()}
    yield html("data_choices", headed(parts))
    strongest = {name: _strongest(call) for name, call in called.items() if call["strongest"]}
    if strongest:
        yield html("data_strongest", headed(strongest))


def _curve(call: Call) -> dict[str, list[list[float]]]:
    """Return the points of both classes and the cut-off across them."""
    cutoff, points = call["cutoff"], call["curve"]
    return {
        NAMES[0]: apart([point for point in points if point[1] <= cutoff]),
        NAMES[1]: apart([point for point in points if point[1] > cutoff]),
        "cut-off": [[0, cutoff], [call["regions"], cutoff]],
    }


def _choices(call: Call) -> str:
    rows = [
        [
            number(row["tss_exclusion"]),
            number(row["stitch"]) + (" ✓" if row["chosen"] else ""),
            *(number(row[name]) for name in ("peaks", "regions", "super_enhancers", "shared")),
        ]
        for row in call["sensitivity"]
    ]
    return table(TEXTS["data_choices"]["head"], rows, numeric=0)


def _strongest(call: Call) -> str:
    rows = [
        [
            escape(counted_place(row["region"])),
            number(row["peaks"]),
            f"{row['signal']:,.6g}",
            escape(row["genes"].replace(",", ", ")) or "–",
            escape(row["nearest"]) or "–",
        ]
        for row in call["strongest"]
    ]
    return table(TEXTS["data_strongest"]["head"], rows)


def _remarks(call: Call) -> str:
    """Say what was read, and what was left out."""
    peaks, control = call["peaks"], call["control"]
    counts = [row["super_enhancers"] for row in call["sensitivity"]]
    said = [
        say(
            "data_choices",
            "called",
            super_enhancers=number(call["super_enhancers"]),
            typical_enhancers=number(call["typical_enhancers"]),
            peaks=number(peaks["used"]),
            least=number(min(counts)),
            most=number(max(counts)),
        ),
        say(
            "data_choices",
            "read",
            peaks=escape(peaks["file"]),
            signal=escape(call["signal"]["file"]),
            less=say("data_choices", "less", control=escape(control["file"])) if control else "",
        ),
    ]
    if call["regions"] < FEWEST_RANKED:
        said.append(say("data_choices", "few", regions=number(call["regions"])))
    if call["start_sites"] is None:
        said.append(say("data_choices", "no_genes"))
    elif peaks["near_start_sites"] or call["taken_apart"]:
        near, taken = number(peaks["near_start_sites"]), number(call["taken_apart"])
        said.append(say("data_choices", "genes", near=near, taken=taken))
    if peaks["repeated"]:
        said.append(say("data_choices", "repeated", peaks=number(peaks["repeated"])))
    if call["without_signal"]:
        lost = number(sum(call["without_signal"].values()))
        names = escape(", ".join(call["without_signal"]))
        said.append(say("data_choices", "lost", peaks=lost, names=names))
    return f"<p>{' '.join(said)}</p>"
