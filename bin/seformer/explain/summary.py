"""The summary of an explanation: counts, the mean along the regions, a few regions to draw."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from seformer.explain.completeness import INCOMPLETE
from seformer.explain.faithfulness_summary import FRACTIONS
from seformer.explain.folder import WINDOW, has_values
from seformer.sequence.dna import base_codes
from seformer.util import records, shapes
from seformer.util.errors import UserError
from seformer.util.labels import SUPER, TYPICAL

if TYPE_CHECKING:  # shards are merged without torch
    from seformer.explain.attribute import Attribution

logger = logging.getLogger(__name__)
PROFILE_BINS = 50
DRAWN_REGIONS, DRAWN_POINTS = 6, 600
AGAIN = "run `seformer explain` again"


def place_of(region: pd.Series) -> str:
    """Name a region by where it is; with the seed this decides what is drawn for it."""
    return f"{region['chrom']}:{region['start']}-{region['end']}"


def count_explained(table: pd.DataFrame, windows: pd.DataFrame) -> dict[str, Any]:
    """Count rows and flags, and sum up completeness; NaN never gets into JSON."""
    kept = has_values(table)
    flags = Counter(flag for text in table["flags"] for flag in text.split(",") if flag)
    errors = table.loc[kept, "completeness_error"].to_numpy(float)
    errors = errors[np.isfinite(errors)]
    steps = table.loc[kept, "steps"].dropna()
    return {
        "rows": len(table),
        "explained": int(kept.sum()),
        "bases": int((table["end"] - table["start"])[kept].sum()),
        "flags": dict(sorted(flags.items())),
        "predicted_se": int((table.loc[kept, "prediction"] == SUPER).sum()),
        "completeness_error": {
            name: float(np.quantile(errors, share)) if len(errors) else None
            for name, share in (("median", 0.5), ("q95", 0.95), ("max", 1))
        },
        "windows": {
            "rows": int((windows["part"] == WINDOW).sum()),
            "incomplete": int(windows["flags"].str.contains(INCOMPLETE).sum()),
        },
        "steps": {str(k): int(v) for k, v in sorted(Counter(steps.tolist()).items())},
    }


class RegionSummary:
    """Mean attribution along the regions, and a few regions to draw; from one pass, without N."""

    def __init__(self) -> None:
        self.profile = {SUPER: np.zeros(PROFILE_BINS), TYPICAL: np.zeros(PROFILE_BINS)}
        # regions with a known base in the bin
        self.known = {name: np.zeros(PROFILE_BINS, np.int64) for name in self.profile}
        self.count = Counter()
        self.drawn: list[dict[str, Any]] = []

    def add(self, region: pd.Series, name: str, result: Attribution, sequence: str) -> None:
        """Take in one region, called ``name`` (SE or TE)."""
        known = base_codes(sequence) >= 0
        if len(known) >= PROFILE_BINS:
            edges = np.linspace(0, len(known), PROFILE_BINS + 1).astype(int)
            means, bases = _means(result.values, known, edges[:-1])
            self.profile[name] += means
            self.known[name] += bases > 0
            self.count[name] += 1
        self.drawn.append(_drawn(region, result, known))
        self.drawn = _top(self.drawn)

    def record(self) -> dict[str, Any]:
        return {
            "profile": {
                name: {
                    "regions": self.count[name],
                    "mean": (values / np.maximum(self.known[name], 1)).tolist(),
                    "known": self.known[name].tolist(),
                }
                for name, values in self.profile.items()
            },
            "drawn": self.drawn,
        }


def _means(
    values: np.ndarray, known: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the known bases of each part (0 without any), and their number."""
    bases = np.add.reduceat(known.astype(np.int64), starts)
    return np.add.reduceat(np.where(known, values, 0), starts) / np.maximum(bases, 1), bases


def _drawn(region: pd.Series, result: Attribution, known: np.ndarray) -> dict[str, Any]:
    step = -(-len(known) // DRAWN_POINTS)
    means, _ = _means(result.values, known, np.arange(0, len(known), step))
    return {
        "chrom": str(region["chrom"]),
        "start": int(region["start"]),
        "end": int(region["end"]),
        "name": str(region["name"]),
        "logit": result.logit,
        "bases_per_point": step,
        "values": [float(f"{v:.6g}") for v in means],
    }


def _top(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The regions with the highest logits; the first in the file where they are equal."""
    return sorted(drawn, key=lambda region: -region["logit"])[:DRAWN_REGIONS]


def merge_summaries(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the parts of shard summaries that came from values."""
    profile = {}
    for name in (SUPER, TYPICAL):
        parts = [record["profile"][name] for record in records]
        # without N in any region every bin is known in all
        bins = [part.get("known", [part["regions"]] * len(part["mean"])) for part in parts]
        known = np.sum(bins, axis=0)
        total = sum(np.multiply(n, part["mean"]) for n, part in zip(bins, parts, strict=True))
        profile[name] = {
            "regions": sum(part["regions"] for part in parts),
            "mean": (total / np.maximum(known, 1)).tolist(),
            "known": known.tolist(),
        }
    return {"profile": profile, "drawn": _top([d for record in records for d in record["drawn"]])}


def read_explained(path: Path, rows: int) -> dict[str, Any]:
    """Read the summary of an explanation, of a shard too, whose table has ``rows`` rows.

    Raises
    ------
    UserError
        If it is damaged or of another explanation.
    """
    record = records.read(path, shapes.Shard, AGAIN)
    bins = {len(profile["mean"]) for profile in record["profile"].values()}
    same = record["faithfulness"]["fractions"] == list(FRACTIONS)
    if record["rows"] != rows or bins != {PROFILE_BINS} or not same:
        raise UserError("it is not of the table beside it", where=path, do=AGAIN)
    return record


def log_summary(record: dict[str, Any]) -> None:
    """Say in two lines how it went."""
    logger.info(
        "explained %d of %d regions, %d bp, in %.1f s",
        record["explained"],
        record["rows"],
        record["bases"],
        record["seconds"],
    )
    error = record["completeness_error"]
    if error["median"] is not None:  # a method whose attributions sum to nothing has none
        logger.info(
            "completeness error: median %.2g, largest %.2g; incomplete: %d",
            error["median"],
            error["max"],
            record["flags"].get("incomplete", 0),
        )
