"""Which regions are dropped, and why: rows stay in the table and get a ``drop_reason``.

Each function takes rows with ``chrom`` (spelled as the genome's), ``start``, ``end`` (0-based
half-open) and gives new ones; a row that has a reason keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.genome.genome import Genome
from seformer.regions.negatives import match_pairs
from seformer.regions.settings import ExtractSettings
from seformer.regions.words import NEITHER

BATCH_BASES = 2**22
PLACE = ["chrom", "start", "end"]


def mark_places(
    rows: pd.DataFrame, chromosomes: Mapping[str, int], min_length: int
) -> pd.DataFrame:
    """Add ``length`` and the reasons that a row's place has by itself.

    Parameters
    ----------
    rows
        Regions, with or without a ``drop_reason``.
    chromosomes
        Their lengths in base pairs.
    min_length
        Shorter regions are dropped.
    """
    limit = rows["chrom"].map(chromosomes).astype(float)
    length = (rows["end"] - rows["start"]).clip(lower=0)
    reason = pd.Series("", index=rows.index, dtype="str")
    if "drop_reason" in rows.columns:
        reason = rows["drop_reason"].copy()
    # what is said last is the graver
    reason[length < min_length] = "too_short"
    reason[length == 0] = "no_length"
    reason[rows["end"] > limit] = "past_chromosome_end"
    reason[limit.isna()] = "unknown_chromosome"
    return rows.assign(length=length, drop_reason=reason)


def mark_labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Drop what is of neither class, contradicts, repeats, or is a TE that overlaps an SE."""
    reason = rows["drop_reason"].copy()
    neither = rows["label"].eq(NEITHER).fillna(False).to_numpy(bool)
    reason[neither] = "neither_class"
    classes = rows[reason == ""].groupby(PLACE)["label"].transform("nunique")
    reason[classes.index[classes > 1]] = "conflicting_label"
    repeated = rows[reason == ""].duplicated(PLACE)
    reason[repeated.index[repeated]] = "duplicate"
    typical = rows[(reason == "") & (rows["label"] == 0)]
    supers = rows[(rows["label"] == 1) & (reason != "no_length")]
    inside = intervals.overlapping(typical, supers)
    reason[typical.index[inside]] = "te_overlaps_se"
    return rows.assign(drop_reason=reason, label=rows["label"].mask(neither))


def mark_unmatched(rows: pd.DataFrame, genome: Genome, settings: ExtractSettings) -> pd.DataFrame:
    """Drop what finds no partner of the other class; the bases are read once more for it."""
    if not settings.match_negatives:
        return rows
    measured = pd.concat(
        [_with_cpg(*fetch_bases(b, genome, settings.max_n_fraction)) for b in batches(rows)]
    )
    free = measured[measured["drop_reason"] == ""]
    paired = match_pairs(free, settings.match_negatives, settings.seed)
    reason = rows["drop_reason"].copy()
    reason[free.index[~paired]] = "not_matched"
    return rows.assign(drop_reason=reason)


def _with_cpg(rows: pd.DataFrame, sequences: list[str]) -> pd.DataFrame:
    """Put ``cpg`` beside what `fetch_bases` returns: CpGs per known base, as GC is; else NaN."""
    kept = (rows["drop_reason"] == "").to_numpy()
    cpg = np.full(len(rows), np.nan)
    known = rows["length"].to_numpy(float) * (1 - rows["n_fraction"].to_numpy(float))
    cpg[kept] = np.array([bases.count("CG") for bases in sequences], float) / known[kept]
    return rows.assign(cpg=cpg)


def fetch_bases(
    rows: pd.DataFrame, genome: Genome, max_n_fraction: float = 1.0
) -> tuple[pd.DataFrame, list[str]]:
    """Fetch the bases of kept rows and drop what these rule out.

    Returns
    -------
    rows : pandas.DataFrame
        With ``gc`` (share of G and C among the known bases) and ``n_fraction`` (share of N); NaN
        where no bases were fetched.
    sequences : list of str
        The bases of the rows that are still kept.
    """
    kept = (rows["drop_reason"] == "").to_numpy()
    bases = genome.fetch_many(rows[kept])
    length = np.array([len(b) for b in bases], dtype=np.int64)
    n, strong = _count(bases, b"N"), _count(bases, b"GC")
    gc = np.full(len(rows), np.nan)
    n_fraction = np.full(len(rows), np.nan)
    gc[kept] = np.divide(strong, length - n, out=np.full(len(n), np.nan), where=length > n)
    n_fraction[kept] = n / np.maximum(length, 1)
    reason = rows["drop_reason"].copy()
    reason[n_fraction > max_n_fraction] = "too_many_n"
    reason[n_fraction == 1] = "all_n"
    still = (reason[kept] == "").to_numpy()
    sequences = [b for b, keep in zip(bases, still, strict=True) if keep]
    return rows.assign(gc=gc, n_fraction=n_fraction, drop_reason=reason), sequences


def batches(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut rows so that a batch's sequences stay small in memory."""
    kept = np.where(rows["drop_reason"] == "", rows["length"], 0)
    batch = (np.cumsum(kept) - kept) // BATCH_BASES
    for _, some in rows.groupby(batch, sort=True):
        yield some


def _count(sequences: list[str], letters: bytes) -> np.ndarray:
    """Return how many of ``letters`` each sequence holds: int64 ``[sequences]``."""
    arrays = (np.frombuffer(sequence.encode(), np.uint8) for sequence in sequences)
    counts = (sum(np.count_nonzero(array == letter) for letter in letters) for array in arrays)
    return np.fromiter(counts, np.int64, len(sequences))
