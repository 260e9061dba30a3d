"""The audit of a split: its parts, their overlaps, and what they share in sequence."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from seformer.genome.intervals import overlapping
from seformer.regions.folder import Extracted
from seformer.sequence import kmer_overlap
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
# shares of a region's 31-mers in the training part at which the audit counts regions
CONTAINMENT_LEVELS = (0.05, 0.5, 0.95)


def count_parts(rows: pd.DataFrame) -> dict[str, dict]:
    """Count regions, classes and clusters of every part, and name its chromosomes."""
    parts = {}
    for part in PARTS:
        mine = rows[rows["split"] == part]
        parts[part] = {
            "regions": len(mine),
            "super_enhancers": int((mine["label"] == 1).sum()),
            "typical_enhancers": int((mine["label"] == 0).sum()),
            "clusters": int(mine["cluster"].nunique()),
            "chromosomes": sorted(mine["chrom"].unique())[:100],
        }
    return parts


def _pairs() -> Iterator[tuple[str, str]]:
    """The later part of each pair is the one that must be new."""
    return ((b, a) for a, b in itertools.combinations(PARTS, 2))


def count_overlaps(rows: pd.DataFrame) -> dict[str, int]:
    """Count, for each pair of parts, the regions of one that share a base with the other."""
    counts = {}
    for new, old in _pairs():
        hit = overlapping(rows[rows["split"] == new], rows[rows["split"] == old])
        counts[f"{new}_in_{old}"] = int(hit.sum())
    return counts


def overlap_error(rows: pd.DataFrame) -> UserError:
    """Say which region overlaps another part first."""
    for new, old in _pairs():
        mine = rows[rows["split"] == new]
        hit = overlapping(mine, rows[rows["split"] == old])
        if hit.any():
            first = mine[hit].iloc[0]
            return UserError(
                f"{first['chrom']}:{first['start']}-{first['end']} is in the {new} part and "
                f"overlaps the {old} part, as do {hit.sum() - 1} further regions",
                where=first["source"],
                line=int(first["line"]),
                do="keep a locus in one part: mend the splits file, or split by clusters",
            )
    raise AssertionError("no overlap")


def containments(
    rows: pd.DataFrame, sources: Sequence[Extracted], scaled: int
) -> tuple[pd.Series, dict[str, np.ndarray]]:
    """Measure which share of each region's 31-mers an earlier part holds.

    Parameters
    ----------
    rows
        Every kept region of the sources with ``split``, in their order.
    sources
        Where the sequences are.
    scaled
        One 31-mer in so many is looked at, see `seformer.sequence.kmer_overlap.scale_for`.

    Returns
    -------
    in_train : pandas.Series
        float64 per row; NaN for the training part itself.
    shares : dict
        The values of each pair of parts, float64, NaN where a region has no 31-mer.
    """
    part = rows["split"].to_numpy()

    def sequences(*wanted: str) -> Iterator[str]:
        everything = itertools.chain.from_iterable(s.sequences() for s in sources)
        return itertools.compress(everything, np.isin(part, wanted))

    in_train = pd.Series(np.nan, index=rows.index)
    index = kmer_overlap.build_index(sequences("train"), scaled)
    held = np.isin(part, ("validation", "test"))
    in_train[held] = kmer_overlap.containment(sequences("validation", "test"), index, scaled)
    index = kmer_overlap.build_index(sequences("validation"), scaled)
    return in_train, {
        "validation_in_train": in_train[part == "validation"].to_numpy(),
        "test_in_train": in_train[part == "test"].to_numpy(),
        "test_in_validation": kmer_overlap.containment(sequences("test"), index, scaled),
    }


def summarise(shares: Mapping[str, np.ndarray], scaled: int) -> dict:
    """Count regions by the share of their 31-mers in an earlier part: ``similarity``."""
    measured: dict = {"k": kmer_overlap.K, "scaled": scaled}
    for pair, share in shares.items():
        share = share[~np.isnan(share)]
        measured[pair] = {
            "regions": len(share),
            "with_containment_at_least": {
                f"{level:g}": int((share >= level).sum()) for level in CONTAINMENT_LEVELS
            },
            "median": float(np.median(share)) if len(share) else None,
            "largest": float(share.max()) if len(share) else None,
        }
    return measured


def pool(audits: Sequence[dict], shares: Sequence[Mapping[str, np.ndarray]]) -> dict:
    """Join the audits of all folds: sums and pooled shares, and each fold's own in ``folds``."""
    pairs = audits[0]["overlapping_regions"]
    together = {pair: np.concatenate([fold[pair] for fold in shares]) for pair in shares[0]}
    common = ("split_by", "seed", "samples", "label_conflicts_between_samples")
    return {
        **{key: audits[0][key] for key in common},
        "overlapping_regions": {
            pair: sum(audit["overlapping_regions"][pair] for audit in audits) for pair in pairs
        },
        "similarity": summarise(together, audits[0]["similarity"]["scaled"]),
        # a region in conflict is in each fold, in the test of one of them
        "conflicts": {
            "rule": audits[0]["conflicts"]["rule"],
            "regions": audits[0]["conflicts"]["regions"],
            "dropped": max(audit["conflicts"]["dropped"] for audit in audits),
        },
        "folds": list(audits),
    }


def log(audit: Mapping) -> None:
    """Tell the sizes and the likeness of the parts."""
    for fold in audit.get("folds", [audit]):
        name = f"fold {fold['fold']}, " if "fold" in fold else ""
        for part, counts in fold["parts"].items():
            logger.info(
                "%s%s: %d regions (%d SE, %d TE) in %d clusters",
                name,
                part,
                counts["regions"],
                counts["super_enhancers"],
                counts["typical_enhancers"],
                counts["clusters"],
            )
    found = audit["similarity"]["test_in_train"]
    logger.info(
        "split by %s; no overlaps; %d of %d test regions share half of their 31-mers or more "
        "with the training part",
        audit["split_by"],
        found["with_containment_at_least"]["0.5"],
        found["regions"],
    )
