"""What becomes of the logit when bases are deleted and, where it was measured, inserted."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import Section, say
from seformer.report.draw import lines, strokes
from seformer.report.results import Results

KINDS = {"Deletion": "fall of the logit", "Insertion": "rise of the logit"}
# which bases, and how their line is drawn
BASES = {"top": ("highest", "solid"), "random": ("random", "dot")}


def sections(results: Results) -> Iterator[Section]:
    checked = {
        name: bed.summary["faithfulness"]
        for name, bed in results.by_bed("explanations").items()
        if bed.summary.get("faithfulness", {}).get("summary")
    }
    tabs, looks, drawn = {}, {}, strokes(checked)
    for kind in KINDS:
        for name, checks in checked.items():
            for key, (bases, dash) in BASES.items():
                changes = checks["summary"].get(f"{kind.lower()}_{key}")
                if changes is None:
                    continue
                line = f"{name} · {bases}"
                tabs.setdefault(kind, {})[line] = [
                    [100 * share, round(change, 5)]
                    for share, change in zip(checks["fractions"], changes, strict=True)
                ]
                looks[line] = drawn[name][0], dash
    if "Deletion" in tabs:
        inserted = say("explanations_deletion", "inserted") if "Insertion" in tabs else ""
        yield lines(
            "explanations_deletion",
            tabs,
            looks,
            ylabs=KINDS,
            style="lines+markers",
            values={"kinds": " and ".join(tabs).capitalize(), "inserted": inserted},
        )
