"""Every training of a cross-validation, or of several seeds."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.report.content import TEXTS, Section
from seformer.report.draw import html, number, table
from seformer.report.results import Results
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    rows = []
    for sample in results.with_("runs"):
        for run, history in sample.runs.items() if len(sample.runs) > 1 else ():
            stages = history.groupby("stage")
            epochs, best = stages["epoch"].max(), stages["validation_auroc"].max()
            cells = [escape(sample.name), escape(run.replace("_", " ").replace("/", ", "))]
            for stage in (1, 2):
                done = stage in epochs.index
                cells += [number(int(epochs[stage])), f"{best[stage]:.3f}"] if done else ["–", "–"]
            rows.append(cells)
    if rows:
        yield html("training_runs", table(TEXTS["training_runs"]["head"], rows, numeric=2))
