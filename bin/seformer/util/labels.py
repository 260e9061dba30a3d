"""Names that stand in files: the two classes with their colours, and the parts of a split."""

from __future__ import annotations

SUPER, TYPICAL = "SE", "TE"
# two that remain apart for colour-blind readers (Okabe and Ito 2008)
COLOURS = {SUPER: "#D55E00", TYPICAL: "#0072B2"}
PARTS = ("train", "validation", "test")
# the test part is looked at once, by the evaluation
TRAINING_PARTS = ("train", "validation")
