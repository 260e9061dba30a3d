"""What was measured of a few regions' faithfulness, summed up. No torch is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seformer.explain.completeness import SMALL_DIFFERENCE

FRACTIONS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of the known bases
ONE_PERCENT = FRACTIONS.index(0.01)


def summarise_faithfulness(regions: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up records of regions.

    Returns
    -------
    dict
        ``regions``, ``fractions`` and ``summary``: mean curves; ``deletion_ratio``, the drop of
        the logit by the top 1 % of bases over the size of its change by random ones; medians of
        the correlations.
    """
    record: dict[str, Any] = {"regions": regions, "fractions": list(FRACTIONS), "summary": {}}
    if not regions:
        return record
    summary = record["summary"]
    for name in ("deletion_top", "deletion_random", "insertion_top", "insertion_random"):
        summary[name] = np.mean([region[name] for region in regions], axis=0).tolist()
    top, random = (summary[f"deletion_{name}"][ONE_PERCENT] for name in ("top", "random"))
    # random bases lower and raise the logit: a change next to none must not make a huge ratio
    summary["deletion_ratio"] = top / max(abs(random), SMALL_DIFFERENCE)
    for name in ("mutagenesis", "mutagenesis_signed", "seed_stability", "randomised_model"):
        values = [region[name] for region in regions if region[name] is not None]
        summary[name] = float(np.median(values)) if values else None
    return record


def merge_faithfulness(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join what was measured on shards."""
    return summarise_faithfulness([region for record in records for region in record["regions"]])
