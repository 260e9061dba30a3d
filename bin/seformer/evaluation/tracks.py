"""Tracks that stand beside the model: read over the regions, and what they lack counted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seformer.evaluation.baselines.track import NAME
from seformer.genome.bigwig import read_track
from seformer.splits.dataset import LabelledDataset
from seformer.util.errors import UserError
from seformer.util.labels import PARTS

logger = logging.getLogger(__name__)


class Tracks(NamedTuple):
    """Values of tracks over the regions of all parts, and what metrics.json says of them.

    ``statistics``: name -> float64 [n, 3], see `genome.bigwig.TrackValues`. ``counts``: name ->
    ``regions``, ``without_value``, ``missing_chromosomes``, ``on_missing_chromosomes`` (regions),
    ``bases``, ``bases_without_value``, ``other_lengths``.
    """

    statistics: dict[str, np.ndarray]
    counts: dict[str, dict[str, Any]]


NO_TRACKS = Tracks({}, {})


def named_tracks(given: Sequence[str]) -> dict[str, Path]:
    """Read ``name=file`` of each track.

    Raises
    ------
    UserError
        If one is not that, its name has other characters than letters, digits and ``_``, or two
        have one name.
    """
    tracks: dict[str, Path] = {}
    for pair in given:
        name, _, path = pair.partition("=")
        fault = None
        if not path:
            fault = f"{pair!r} is not name=file"
        elif not NAME.fullmatch(name):
            fault = f"{name!r} cannot name a track"
        elif name in tracks:
            fault = f"two tracks are named {name}"
        if fault:
            raise UserError(
                fault,
                where="--baseline-tracks",
                expected="name=file.bw, with commas between several: a name of its own for each, "
                "of letters, digits and _",
            )
        tracks[name] = Path(path)
    return tracks


def read_tracks(tracks: dict[str, Path], data: LabelledDataset) -> Tracks:
    """Read every track over the regions of all parts; what it lacks is counted and said.

    Raises
    ------
    UserError
        If a file is not a bigWig of this genome.
    """
    if not tracks:
        return NO_TRACKS
    rows = data.regions.iloc[data.select(*PARTS)]
    bases = int((rows["end"] - rows["start"]).sum())
    lengths = _lengths(data)
    read = Tracks({}, {})
    for name, path in tracks.items():
        values = read_track(path, rows, lengths)
        counts = {
            "regions": len(rows),
            "without_value": int((values.covered == 0).sum()),
            "missing_chromosomes": values.missing,
            "on_missing_chromosomes": int(rows["chrom"].isin(values.missing).sum()),
            "bases": bases,
            "bases_without_value": bases - int(values.covered.sum()),
            "other_lengths": values.other_lengths,
        }
        if counts["bases_without_value"]:
            logger.warning(
                "track %s: %d of %d regions have no value, %d of them on chromosomes that it lacks;"
                " %d of %d bases have none, and count as 0 in the sum and not in the mean",
                *(name, counts["without_value"], len(rows), counts["on_missing_chromosomes"]),
                *(counts["bases_without_value"], bases),
            )
        read.statistics[name], read.counts[name] = values.statistics, counts
    return read


def _lengths(data: LabelledDataset) -> dict[str, int]:
    """Lengths of the genome's longest chromosomes, as `extract` wrote them down."""
    genome = data.store.sources[0].summary.get("genome", {})
    texts = {
        name: str(text).partition(":")[0] for name, text in genome.get("sequences", {}).items()
    }
    return {name: int(text) for name, text in texts.items() if text.isdecimal()}
