"""The flags of every BED's rows, and why rows were not scored."""

from __future__ import annotations

from collections.abc import Iterator

from seformer.evaluation.verdict import percent
from seformer.report.content import TEXTS, Section
from seformer.report.draw import html, number, table
from seformer.report.results import Results
from seformer.util.markup import escape

FLAGS, REASONS = TEXTS["flags"], TEXTS["drop_reasons"]


def sections(results: Results) -> Iterator[Section]:
    """Tabulate the flags: a row per BED, a column per flag that occurs."""
    beds = results.by_bed("predictions")
    flags = dict.fromkeys(flag for bed in beds.values() for flag, _ in bed.flags.most_common())
    lost = dict.fromkeys(reason for bed in beds.values() for reason in bed.unscored)
    if not flags and not lost:
        return
    head = ["regions", "rows", *(escape(FLAGS.get(flag, flag)) for flag in flags)]
    head += [f"not scored: {escape(REASONS.get(k, k.replace('_', ' ')))}" for k in lost]
    rows = []
    for name, bed in beds.items():
        counts = [bed.flags[flag] for flag in flags] + [bed.unscored[reason] for reason in lost]
        cells = [f"{number(n)}<small>{percent(n, bed.rows)}</small>" for n in counts]
        rows.append([escape(name), number(bed.rows), *cells])
    yield html("predictions_flags", table(head, rows))
