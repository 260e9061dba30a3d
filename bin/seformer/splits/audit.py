"""The audit of a split: its parts, their overlaps, and what they share in sequence.

A test says something about new loci only if none of them was seen in training. Two regions that
share a base share a locus: that is an error. A repeat or a duplicated gene is a likeness between
loci that are truly apart; a genome is full of them, so they are measured and told, not forbidden.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from seformer.genome.intervals import overlapping
from seformer.sequence import homology, kmer_overlap
from seformer.splits.sequence_store import SequenceStore
from seformer.util.errors import UserError
from seformer.util.labels import PARTS

logger = logging.getLogger(__name__)

# of each pair the first, which is used later, must be new to the second
PAIRS = tuple((later, earlier) for earlier, later in itertools.combinations(PARTS, 2))
# shares of a region's 31-mers in the training part at which the audit counts regions
CONTAINMENT_LEVELS = (0.05, 0.5, 0.95)
# share of all regions from which one cluster alone decides what the parts can be: it lies in one of
# them whole, and the test part is to have a fifth
LARGE_CLUSTER = 0.2


def count_parts(rows: pd.DataFrame) -> dict[str, dict]:
    """Count regions, classes and clusters of every part, and name its chromosomes."""
    counts = {}
    for part in PARTS:
        regions = rows[rows["split"] == part]
        counts[part] = {
            "regions": len(regions),
            "super_enhancers": int((regions["label"] == 1).sum()),
            "typical_enhancers": int((regions["label"] == 0).sum()),
            "clusters": int(regions["cluster"].nunique()),
            "chromosomes": sorted(regions["chrom"].unique())[:100],
        }
    return counts


def find_overlaps(rows: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """Find, for each of `PAIRS`, the regions of the later part that share a base with the other."""
    parts = {part: rows[rows["split"] == part] for part in PARTS}
    return {
        (later, earlier): parts[later][overlapping(parts[later], parts[earlier])]
        for later, earlier in PAIRS
    }


def overlap_error(overlaps: Mapping[tuple[str, str], pd.DataFrame]) -> UserError:
    """Say which region of `find_overlaps` overlaps another part first."""
    (later, earlier), regions = next(pair for pair in overlaps.items() if len(pair[1]))
    first = regions.iloc[0]
    return UserError(
        f"{first['chrom']}:{first['start']}-{first['end']} is in the {later} part and "
        f"overlaps the {earlier} part, as do {len(regions) - 1} further regions",
        where=first["source"],
        line=int(first["line"]),
        do="keep a locus in one part: mend the splits file, or split by clusters",
    )


def containments(
    part: np.ndarray, store: SequenceStore, scaled: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Measure which share of each region's 31-mers an earlier part holds.

    Parameters
    ----------
    part
        str [n]: train, validation or test, of every row of ``store``.
    store
        The sequences.
    scaled
        One 31-mer in so many is looked at, see `seformer.sequence.kmer_overlap.scale_for`.

    Returns
    -------
    in_train : numpy.ndarray
        float64 [n]; NaN for the training part itself.
    shares : dict
        The values of each of `PAIRS`, float64, NaN where a region has no 31-mer.
    """

    def sequences(*parts: str) -> Iterator[str]:
        return store.take(np.flatnonzero(np.isin(part, parts)))

    in_train = np.full(len(part), np.nan)
    index = kmer_overlap.build_index(sequences("train"), scaled)
    later = np.isin(part, ("validation", "test"))
    in_train[later] = kmer_overlap.containment(sequences("validation", "test"), index, scaled)
    index = kmer_overlap.build_index(sequences("validation"), scaled)
    return in_train, {
        "validation_in_train": in_train[part == "validation"],
        "test_in_train": in_train[part == "test"],
        "test_in_validation": kmer_overlap.containment(sequences("test"), index, scaled),
    }


def describe_clusters(cluster: pd.Series) -> dict[str, Any]:
    """Count the clusters (names, [n]) and what the largest of them holds: ``clusters``."""
    sizes = cluster.value_counts()
    return {
        "number": len(sizes),
        "singletons": int((sizes == 1).sum()),
        "largest": int(sizes.iloc[0]),
        "largest_name": str(sizes.index[0]),
        "largest_share": float(sizes.iloc[0] / len(cluster)),
    }


def describe_homology(copies: homology.NearCopies) -> dict[str, Any]:
    """Say how near copies were looked for, and how many regions have any: ``homology``."""
    every = np.ones(len(copies.group), dtype=bool)
    return {
        "k": copies.k,
        "scaled": copies.scaled,
        "shared_at_least": homology.SHARE,
        "regions_of_a_kmer_at_most": homology.MOST_REGIONS,
        "regions_with_near_copy": int(copies.in_any(every).sum()),
    }


def count_near_copies(part: np.ndarray, copies: homology.NearCopies) -> dict[str, int]:
    """Count, for each of `PAIRS`, regions of the later part with a near copy in the other."""
    return {
        f"{later}_in_{earlier}": int(copies.in_any(part == earlier)[part == later].sum())
        for later, earlier in PAIRS
    }


def summarise_similarity(shares: Mapping[str, np.ndarray], scaled: int) -> dict:
    """Count regions by the share of their 31-mers in an earlier part: ``similarity``."""
    similarity: dict = {"k": kmer_overlap.K, "scaled": scaled}
    for pair, share in shares.items():
        share = share[~np.isnan(share)]
        similarity[pair] = {
            "regions": len(share),
            "with_containment_at_least": {
                f"{level:g}": int((share >= level).sum()) for level in CONTAINMENT_LEVELS
            },
            "median": float(np.median(share)) if len(share) else None,
            "largest": float(share.max()) if len(share) else None,
        }
    return similarity


def join_audits(audits: Sequence[dict], shares: Sequence[Mapping[str, np.ndarray]]) -> dict:
    """Join the audits of all folds: sums and pooled shares, and each fold's own in ``folds``."""
    first = audits[0]
    together = {pair: np.concatenate([fold[pair] for fold in shares]) for pair in shares[0]}
    common = ("split_by", "seed", "samples", "label_conflicts_between_samples")
    common += ("clusters", "homology")
    return {
        **{key: first[key] for key in common},
        **{
            counts: {pair: sum(audit[counts][pair] for audit in audits) for pair in first[counts]}
            for counts in ("overlapping_regions", "near_copies")
        },
        "similarity": summarise_similarity(together, first["similarity"]["scaled"]),
        # a region in conflict is in each fold, in the test of one of them
        "conflicts": {
            "rule": first["conflicts"]["rule"],
            "regions": first["conflicts"]["regions"],
            "dropped": max(audit["conflicts"]["dropped"] for audit in audits),
        },
        "folds": list(audits),
    }


def _log_zone(zone: Mapping | None) -> None:
    if zone:
        shares = ", ".join(
            f"{name}: {of['super_enhancers']} SE and {of['typical_enhancers']} TE round"
            f" {of['cutoff']:.6g}"
            for name, of in zone["samples"].items()
        )
        # of folds each leaves out others
        number = f", {zone['left_out']} of its regions" if "left_out" in zone else ""
        said = "grey zone of %g of the cut-off (%s); training leaves it out%s"
        logger.info(said, zone["share"], shares, number)


def log_audit(audit: Mapping) -> None:
    """Tell the sizes and the likeness of the parts."""
    for fold in audit.get("folds", [audit]):
        name = f"fold {fold['fold']}, " if "fold" in fold else ""
        for part, counts in fold["parts"].items():
            logger.info(
                f"{name}{part}: %(regions)d regions (%(super_enhancers)d SE, "
                "%(typical_enhancers)d TE) in %(clusters)d clusters",
                counts,
            )
    _log_zone(audit.get("grey_zone"))
    similarity = audit["similarity"]["test_in_train"]
    logger.info(
        "split by %s; no overlaps; %d of %d test regions share half of their 31-mers or more "
        "with the training part; %d have a near copy there",
        audit["split_by"],
        similarity["with_containment_at_least"]["0.5"],
        similarity["regions"],
        audit["near_copies"]["test_in_train"],
    )
    clusters = audit["clusters"]
    logger.info("%(number)d clusters, %(singletons)d of one region; largest: %(largest)d", clusters)
