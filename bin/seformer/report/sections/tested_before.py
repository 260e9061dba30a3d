"""The test of a model that was trained before, which it takes along."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.verdict import scorer_title
from seformer.report.content import Section, say
from seformer.report.draw import headed, html, interval, number, table
from seformer.report.results import Results, SampleResults
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    used = {s.name: _tabulate(s) for s in results.ordered() if s.test and not s.metrics}
    if used:
        yield html("tested_before", headed(used))


def _tabulate(sample: SampleResults) -> str:
    """Tabulate AUROC of the model and of every baseline, the best first."""
    test = sample.test
    scores = {"model": test["auroc"], **test["baselines"]}
    rows = [
        [f'<span class="sf-name">{escape(scorer_title(name))}</span>', interval(auroc)]
        for name, auroc in sorted(scores.items(), key=lambda item: -item[1]["value"])
    ]
    caption = say(
        "tested_before",
        "caption",
        sample=escape(test["sample"]),
        **{
            key: number(test[key])
            for key in ("n", "n_super_enhancers", "n_typical_enhancers", "loci")
        },
        delta=interval(test["delta"], plus=True).replace("<small>", " (").replace("</small>", ")"),
        baseline=escape(scorer_title(test["delta"]["baseline"])),
    )
    return table(["", say("tested_before", "auroc")], rows, caption=caption)
