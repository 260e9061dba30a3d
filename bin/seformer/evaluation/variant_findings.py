"""What scored variants show, in plain words; see `seformer.evaluation.findings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seformer.evaluation.verdict import Finding, percent
from seformer.scoring.settings import SIGNIFICANT

VARIANTS = "Variants of"
# share of alleles that do not fit the genome: a stray one is a mistake of the file, many another
# assembly
MISFITS = 0.02


def judge_variants(name: str, summary: Mapping[str, Any]) -> list[Finding]:
    """Judge the variants of one file.

    Parameters
    ----------
    name
        Of the file.
    summary
        ``summary.json`` of `seformer variants`; that of version 1.0 has no tests.
    """

    def say(level: str, text: str) -> None:
        findings.append(Finding(level, f"{VARIANTS} {name}", text))

    findings: list[Finding] = []
    status, alleles = summary["status"], summary["alleles"]
    scored, wrong = status.get("scored", 0), status.get("wrong_reference", 0)
    if not scored:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in status.items())
        say("warning", f"None of {alleles:,} alleles could be scored ({reasons or 'none given'}).")
    if wrong > max(1, MISFITS * alleles):
        say(
            "warning",
            f"{percent(wrong, max(1, alleles))} of {alleles:,} alleles do not fit the genome "
            "(wrong_reference). Check that both are of one assembly.",
        )
    if lost := sum(summary.get("unreadable", {}).values()):
        say("note", f"{lost:,} rows of the table name no single place, and were left out.")
    tested, drawn = summary.get("tested", 0), summary.get("null", {}).get("drawn", 0)
    if tested and summary["significant"]:
        say(
            "note",
            f"{summary['significant']:,} of {tested:,} substitutions change the score more than "
            f"random ones at a false discovery rate below {SIGNIFICANT}. It is how much like a "
            "super-enhancer the model holds the region, not expression.",
        )
    elif tested:
        text = f"None of {tested:,} substitutions stands out (q below {SIGNIFICANT})."
        if tested / (1 + drawn) > SIGNIFICANT:
            text += (
                f" Beside {drawn:,} random ones a single one of so many cannot: raise --null (in "
                "the pipeline --variant_null), or give fewer variants."
            )
        say("note", text)
    return findings
