"""Sections on several runs and several samples: folds, seeds, transfer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seformer.evaluation.verdict import percent
from seformer.report.collect import Results, Sample
from seformer.report.content import Section, number, table
from seformer.util.markup import escape

LOCUS_MEAN = "locus_mean"


def sections(results: Results) -> Iterator[Section]:
    several = [s for s in results.with_("runs") if len(s.runs) > 1]
    if several:
        yield runs(several)
    if results.transfer:
        yield transfer(results.transfer)


def runs(samples: list[Sample]) -> Section:
    """List every training of a cross-validation or of several seeds."""
    rows = []
    for sample in samples:
        for run, history in sample.runs.items():
            best = history.groupby("stage")["validation_auroc"].max()
            epochs = history.groupby("stage")["epoch"].max()
            cells = [escape(sample.name), escape(run.replace("_", " ").replace("/", ", "))]
            for stage in (1, 2):
                known = stage in epochs.index
                cells += [number(int(epochs[stage])) if known else "–"]
                cells += [f"{best[stage]:.3f}" if known else "–"]
            rows.append(cells)
    head = ["sample", "run", "epochs, stage 1", "AUROC", "epochs, stage 2", "AUROC"]
    return Section(
        "training",
        "training_runs",
        "Folds and seeds",
        "Each fold and each seed is a training of its own; the AUROC is the best on its own "
        "validation part. The curves above are those of the first. Seeds of one fold that differ "
        "by more than a few hundredths mean that a single training says little: give more "
        "regions, or look at the ensemble only.",
        "html",
        table(head, rows, numeric=2),
    )


def transfer(found: Mapping[str, Any]) -> Section:
    """Draw the matrix of samples learned from (rows) and tested on (columns)."""
    tested = found["samples"]
    rows = []
    for model in [*found["models"], LOCUS_MEAN]:
        name = "mean of the locus elsewhere" if model == LOCUS_MEAN else model
        cells = [escape(name)]
        for sample in tested:
            value = found["tests"][sample]["scores"][model]["auroc"]
            text = (
                f"{value['value']:.3f}<br><small>{value['low']:.3f} to {value['high']:.3f}</small>"
            )
            cells.append(f"<strong>{text}</strong>" if model == sample else text)
        rows.append(cells)
    known = ", ".join(
        f"{escape(sample)} {percent(100 * found['tests'][sample]['known_elsewhere'], 100)}"
        for sample in tested
    )
    return Section(
        "test",
        "test_transfer",
        "From cell line to cell line",
        "Test AUROC with its 95 % interval: rows are what was learned from, columns what was "
        "tested on, always on loci that no model has seen in any cell line. The last row takes no "
        "model at all: it is the share of the other cell lines that call a super-enhancer at the "
        "locus. A model that does not beat that row elsewhere is of no use for a new cell line "
        "whose loci are known in others. Columns are to be compared, not rows: each has test "
        "regions of its own.",
        "html",
        table(["learned from", *(escape(sample) for sample in tested)], rows)
        + f"<p>Test regions with a region of another cell line at their locus: {known}.</p>",
    )
