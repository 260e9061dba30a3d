"""Loci that are a super-enhancer in one cell line and a typical enhancer in another.

A model of one cell line never meets them. A model for all of them would have to give one sequence
two answers: which of the two it learns from is a rule, stated and counted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from seformer.genome import intervals


def find_conflicts(rows: pd.DataFrame) -> np.ndarray:
    """Tell which regions overlap one of the other label, in whatever sample: bool [n].

    Parameters
    ----------
    rows
        ``chrom``, ``start``, ``end`` (0-based half-open) and ``label`` of all samples together;
        within a sample such typical enhancers have been dropped.
    """
    conflict = np.zeros(len(rows), dtype=bool)
    super_enhancer = (rows["label"] == 1).to_numpy(bool)
    for label in (super_enhancer, ~super_enhancer):
        conflict[label] = intervals.overlapping(rows[label], rows[~label])
    return conflict


def resolve_conflicts(rows: pd.DataFrame, rule: str) -> pd.Series:
    """Decide what a model of all samples learns from where the labels disagree.

    Parameters
    ----------
    rows
        ``sample``, ``chrom``, ``start``, ``end``, ``label``, ``split``, all samples together.
    rule
        ``keep`` leaves all of them; ``drop`` leaves all of them out; ``majority`` keeps, in each
        stretch of overlapping regions, those with the label of more samples, and none where as
        many say the one as the other. The test part keeps all under every rule: leaving out the
        regions that no sequence model can have right would only make the result look better.

    Returns
    -------
    pandas.Series
        str: "" without a conflict, else ``kept`` or ``dropped``.
    """
    conflict = find_conflicts(rows)
    outcome = pd.Series(np.where(conflict, "kept", ""), index=rows.index, dtype="str")
    if rule == "keep" or not conflict.any():
        return outcome
    dropped = conflict.copy()
    if rule == "majority":
        disputed = rows[conflict]
        locus = pd.Series(intervals.cluster(disputed), index=disputed.index)
        # a sample has one vote for a label however many pieces it calls the locus in, for callers
        # cut one enhancer into more pieces than another
        votes = disputed.groupby([locus, "label"])["sample"].nunique().unstack(fill_value=0)
        votes = votes.reindex(columns=[0, 1], fill_value=0)
        lead = locus.map(votes[1] - votes[0])
        dropped[conflict] = np.where(disputed["label"] == 1, lead, -lead) <= 0
    outcome[dropped & (rows["split"] != "test").to_numpy()] = "dropped"
    return outcome
