"""The explained regions that motifs are looked for in, end to end and without N."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.explain.folder import iterate
from seformer.sequence.dna import base_codes, one_hot
from seformer.sequence.shuffle import RUNS
from seformer.util.labels import SUPER, TYPICAL

logger = logging.getLogger(__name__)
MAX_BASES = 3_000_000
FLANK = 2


class Track(NamedTuple):
    """The known bases of explained regions end to end.

    A region is cut at N into stretches without any: what works on them sees no N, and what crosses
    the border of a stretch is not there in the genome.

    Attributes
    ----------
    values
        float64 ``[bases]``.
    sequence
        str of as many letters A, C, G, T.
    offsets
        int64 ``[stretches + 1]``.
    regions
        A row a stretch: ``chrom``, ``start``, ``name``, ``class`` (SE or TE: the label, else the
        prediction) and ``region``, the rank of its region, whose stretches follow each other.
    unknown
        Bases that are left out.
    """

    values: np.ndarray
    sequence: str
    offsets: np.ndarray
    regions: pd.DataFrame
    unknown: int = 0

    def count(self, *classes: str) -> int:
        """Count regions, those of some classes."""
        return int(self.regions["region"][self.regions["class"].isin(classes)].nunique())

    def stretch_of(self, positions: pd.Series) -> np.ndarray:
        return np.searchsorted(self.offsets, positions.to_numpy(), side="right") - 1


def gather(folders: Sequence[Path], max_bases: int = MAX_BASES) -> Track:
    """Read explained regions, of all folders evenly if there are more than ``max_bases``.

    Where no region has attributions the track is empty: one useless region file among many is no
    reason to end a run.

    Raises
    ------
    UserError
        If a folder is not one of `seformer explain`.
    """
    rows = [item for folder in folders for item in _some(folder, max_bases // len(folders))]
    if not rows:
        logger.warning("no region of %s has attributions", ", ".join(map(str, folders)))
    values, bases, stretches, unknown = [np.empty(0)], [], [], 0
    for rank, (row, region_values, sequence) in enumerate(rows):
        name = {1: SUPER, 0: TYPICAL}.get(row["label"], row["prediction"])
        unknown += len(sequence)
        for run in RUNS.finditer(sequence):
            values.append(region_values[slice(*run.span())])
            bases.append(run[0])
            stretches.append((row["chrom"], row["start"] + run.start(), row["name"], name, rank))
            unknown -= len(run[0])
    return Track(
        np.concatenate(values).astype(np.float64),
        "".join(bases),
        np.cumsum([0, *map(len, bases)]),
        pd.DataFrame(stretches, columns=["chrom", "start", "name", "class", "region"]),
        unknown,
    )


def _some(folder: Path, bases: int) -> list[tuple[pd.Series, np.ndarray, str]]:
    total = sum(len(values) for _, values, _ in iterate(folder))
    step = max(1, -(-total // max(bases, 1)))
    if step > 1:
        logger.info("%s: every %d. region is used", folder, step)
    return [item for rank, item in enumerate(iterate(folder)) if rank % step == 0]


def soft_one_hot(bases: str) -> np.ndarray:
    """Return float64 ``[4, bases]``; N is a quarter of each."""
    return one_hot(base_codes(bases), 0.25)


def with_flanks(track: Track, start: int, end: int, stretch: int) -> tuple[int, int]:
    """Widen a seqlet by `FLANK` known bases, inside its region: what borders of tokens cut off."""
    return (
        max(start - FLANK, int(track.offsets[stretch])),
        min(end + FLANK, int(track.offsets[stretch + 1])),
    )
