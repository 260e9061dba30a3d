"""Do the probabilities hold, and do the sets keep their promise? On the held-out test part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from seformer.report import content
from seformer.report.content import TEXTS, Section
from seformer.report.draw import headed, html, interval, number, table
from seformer.report.results import Results
from seformer.util.labels import SUPER, TYPICAL

say = partial(content.say, "test_uncertainty")


def sections(results: Results) -> Iterator[Section]:
    parts = {}
    for sample in results.with_("metrics"):
        test = sample.metrics["test"]
        parts[sample.name] = _probabilities(test.get("probabilities")) + _sets(
            test.get("conformal")
        )
    parts = {name: part for name, part in parts.items() if part}
    if parts:
        yield html("test_uncertainty", headed(parts))


def _probabilities(measured: Mapping[str, Any] | None) -> str:
    """Tabulate slope, intercept and error over all regions, and over those unlike the training."""
    if not measured:
        return ""
    rows = [
        [
            say(which),
            number(part["n"]),
            *(interval(part[key]) if key in part else "–" for key in ("slope", "intercept", "ece")),
            f"{part['ece_noise']:.3f}<small>up to {part['ece_noise_high']:.3f}</small>",
        ]
        for which, part in (("all", measured), ("unlike", measured.get("unlike_training")))
        if part
    ]
    return table(TEXTS["test_uncertainty"]["head"], rows, caption=say("probabilities"))


def _sets(conformal: Mapping[str, Any] | None) -> str:
    """Tabulate how often sets held the class, by class, and how often each set is there."""
    if not conformal:
        return ""
    rows = [
        [say(which), number(conformal[key]["n"]), interval(conformal[key])]
        for which, key in (("all", "observed"), ("se", SUPER), ("te", TYPICAL))
    ]
    counts = {name: number(n) for name, n in conformal["sets"].items()}
    caption = say("sets", coverage=100 * conformal["coverage"], **counts)
    caption += "".join(say("always", name=name) for name in conformal["always_held"])
    return table(TEXTS["test_uncertainty"]["head_of_sets"], rows, caption=caption)
