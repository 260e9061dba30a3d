"""Names that stand in files: the two classes with their colours, the parts of a split, reasons."""

from __future__ import annotations

import re
from os import PathLike

from seformer.util.errors import UserError

SUPER, TYPICAL = "SE", "TE"
# two that remain apart for colour-blind readers (Okabe and Ito 2008)
COLOURS = {SUPER: "#D55E00", TYPICAL: "#0072B2"}
# BED has a colour as red, green and blue in decimals
BED_COLOURS = {name: ",".join(map(str, bytes.fromhex(text[1:]))) for name, text in COLOURS.items()}
PARTS = ("train", "validation", "test")
# the test part is looked at once, by the evaluation
TRAINING_PARTS = ("train", "validation")
# why a region is not used, in the order of the summaries; the report's words: report/texts.toml
DROP_REASONS = (
    *("unknown_chromosome", "past_chromosome_end", "no_length", "too_short", "neither_class"),
    *("conflicting_label", "duplicate", "te_overlaps_se", "no_constituent"),
    *("all_n", "too_many_n", "not_matched", "no_label", "no_score"),
)
# as in the sample sheet; it names folders
SAMPLE_NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]*"


def check_sample_name(name: str, where: str | PathLike[str]) -> str:
    """Return a sample's name if it can name a folder anywhere, as in the sample sheet.

    Raises
    ------
    UserError
        If it holds anything but letters, digits, ``_``, ``.`` and ``-``.
    """
    if not re.fullmatch(SAMPLE_NAME, name):
        raise UserError(
            f"{name[:80]!r} cannot name a sample",
            where=where,
            expected="letters, digits, _ . and - (not first a . or -)",
        )
    return name
