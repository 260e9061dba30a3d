"""Does the score follow the signal, over all regions and within a class? On the test part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from seformer.evaluation.signal_ranks import GROUPS
from seformer.evaluation.verdict import scorer_title
from seformer.report import content
from seformer.report.content import TEXTS, Section
from seformer.report.draw import headed, html, interval, number, table
from seformer.report.results import Results
from seformer.util.markup import escape

say = partial(content.say, "test_signal")


def sections(results: Results) -> Iterator[Section]:
    parts = {
        sample.name: _table(sample.metrics["test"]["signal"])
        for sample in results.with_("metrics")
        if "signal" in sample.metrics["test"]
    }
    if parts:
        yield html("test_signal", headed(parts))


def _table(signal: Mapping[str, Any]) -> str:
    rows = []
    for group in GROUPS:
        rho, best = signal[group], signal["baselines"].get(group)
        delta = signal["delta"].get(group)
        rows.append(
            [
                say(group),
                number(rho["n"]),
                interval(rho) if "value" in rho else "–",
                f"{interval(best)}<small>{escape(scorer_title(best['baseline']))}</small>"
                if best
                else "–",
                interval(delta, plus=True) if delta else "–",
            ]
        )
    said = []
    if signal["zero"]:
        said.append(say("zero", n=number(signal["zero"])))
    if signal["without"]:
        said.append(say("without", n=number(signal["without"])))
    return table(TEXTS["test_signal"]["head"], rows) + "".join(f"<p>{words}</p>" for words in said)
