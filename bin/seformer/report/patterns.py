"""Section on the patterns that modisco finds in the attributions, without a motif file."""

from __future__ import annotations

from seformer.report.collect import Motifs, Results
from seformer.report.content import Section, number, table
from seformer.report.use import headed, named
from seformer.util.markup import escape

ROWS = 12
ABOUT = (
    "Patterns that repeat where the attributions are high, found by TF-MoDISco-lite without a "
    "motif file; logos, and similar motifs if a file was given, are on its own page "
    "(modisco/BED/report). In the "
    "consensus a small letter is a base below one half. Good: a few patterns with many seqlets and "
    "a core of capital letters. Bad: no pattern (some hundred regions are needed), small letters "
    "throughout, or repeats of one letter, which is base composition."
)


def section(results: Results) -> Section | None:
    """Draw the section, if modisco was run for any BED."""
    found = named({s.name: s.patterns for s in results.with_("patterns")})
    if not found:
        return None
    parts = []
    for heading, one in headed(found):
        parts.append(f"{heading}<p>{counts(one)}</p>")
        if len(one.table):
            rows = [
                [
                    escape(row.pattern),
                    escape(row.speaks_for),
                    number(int(row.seqlets)),
                    f"<code>{escape(row.consensus)}</code>",
                ]
                for row in one.table.head(ROWS).itertuples()
            ]
            parts.append(table(["pattern", "speaks for", "seqlets", "consensus"], rows))
    return Section(
        "explanations",
        "explanations_patterns",
        "Which patterns repeat?",
        ABOUT,
        "html",
        "".join(parts),
    )


def counts(found: Motifs) -> str:
    """Say what was searched, and how much of the attribution lies there."""
    text = f"<b>{number(len(found.table))}</b> patterns"
    known = found.summary
    if "windows" in known:
        text += (
            f" in {number(known['windows'])} windows of {number(known['regions'])} regions, which "
            f"hold {100 * known['attribution_in_windows']:.0f} % of the attribution"
        )
    if unknown := known.get("seqlets_with_unknown_bases"):
        text += f"; {number(unknown)} seqlets that reach into unknown bases are not counted"
    return f"{text}."
