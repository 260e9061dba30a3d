"""What a dissection of super-enhancers shows, in plain words: values in, findings out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seformer.evaluation.verdict import Finding

# share of constituents beyond their regions from which on the files are doubted
BEYOND = 0.02


def judge_dissection(bed: str, record: Mapping[str, Any]) -> list[Finding]:
    """Say whether constituents stand out of the rest of their regions.

    Parameters
    ----------
    bed
        Name of the file of regions.
    record
        Its summary: ``settings``, ``rows``, of which ``tested`` and ``stand_out`` (q at most
        ``q_at_most``), and ``constituents``.
    """
    topic, tested, found = f"Constituents of {bed}", record["tested"], record["stand_out"]
    q = f"{record['q_at_most']:g}"
    if not tested:
        level, text = (
            "note",
            "None was compared with the rest of its region: nobody can say whether their ranks are "
            "more than chance.",
        )
    elif not found:
        level, text = (
            "warning",
            f"None of {tested:,} stands out of random stretches of its region (no q up to {q}): "
            "their ranks are no hierarchy.",
        )
        # the smallest p of one alone, as false discovery rate
        stretches = record["settings"]["null_stretches"]
        if tested / (1 + stretches) > record["q_at_most"]:
            text += (
                f" Beside {stretches:,} stretches a single one of so many cannot: raise "
                "--null-stretches (in the pipeline --dissect_null_stretches), or dissect fewer."
            )
    else:
        level, text = (
            "note",
            f"{found:,} of {tested:,} lose more than random stretches of their regions (q at most "
            f"{q}): hypotheses of a model that has learned the two classes, not expression.",
        )
    findings = [Finding(level, topic, text)]
    if (cut := record["constituents"]["clipped"]) > BEYOND * record["rows"]:
        text = (
            f"{cut:,} of {record['rows']:,} reach beyond their region. Check that regions and "
            "constituents are of one call."
        )
        findings.append(Finding("warning", topic, text))
    return findings
