"""Values of a bigWig over regions: mean, maximum, sum, and how many bases have none."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.chromosomes import match_regions
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
STATISTICS = ("mean", "maximum", "sum")
# a long region is read so many bases at a time: a track may have a value for each
STRETCH = 100_000
_RECORD = np.dtype([("start", np.int64), ("end", np.int64), ("value", np.float64)])


class TrackValues(NamedTuple):
    """What a track holds over n regions.

    Attributes
    ----------
    statistics
        float64 [n, 3]: mean and maximum over the bases with a value, NaN where a region has none,
        and the sum, to which a base without a value adds 0.
    covered
        int64 [n]: bases with a value. What is not a finite number is none.
    missing
        Chromosomes of the regions that the file does not have.
    other_lengths
        Chromosomes whose length is another in the genome: the track may be of another assembly.
    """

    statistics: np.ndarray
    covered: np.ndarray
    missing: list[str]
    other_lengths: list[str]


def read_track(
    path: Path, regions: pd.DataFrame, lengths: Mapping[str, int] | None = None
) -> TrackValues:
    """Read the values of a bigWig over regions, along the genome, a stretch at a time.

    Chromosomes are matched whatever they are called (chr1, 1), see `chromosomes.match_names`.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` (0-based half-open).
    lengths
        Chromosome lengths of the genome, of as many as are known.

    Raises
    ------
    UserError
        If it is not a bigWig or damaged, no chromosome of the regions is in it, or a region ends
        behind its chromosome's end there.
    """
    import pybigtools

    path = existing_file(path)
    # given as a file, pybigtools looks at the content and not at the name
    with open(path, "rb") as handle, _readable(path):
        track = pybigtools.open(handle)
        if not track.is_bigwig:
            raise UserError("this is a bigBed", where=path, expected="a bigWig")
        sizes = track.chroms()
        names = match_regions(regions, sizes, path)
        others = [n for n in names if (lengths or {}).get(n, sizes[names[n]]) != sizes[names[n]]]
        if lengths and others:
            logger.warning(
                "%s: %s has %d bp, but %d in the genome: is the track of another assembly?",
                *(path, others[0], sizes[names[others[0]]], lengths[others[0]]),
            )
        statistics = np.tile([np.nan, np.nan, 0.0], (len(regions), 1))
        covered, infinite = np.zeros(len(regions), np.int64), set()
        chroms, starts, ends = (regions[name].to_numpy() for name in ("chrom", "start", "end"))
        rows = np.lexsort((starts, pd.factorize(chroms)[0]))
        for row in progress(rows, f"values of {path.name}", len(rows)):
            if (chrom := names.get(chroms[row])) is None:
                continue
            for start in range(int(starts[row]), int(ends[row]), STRETCH):
                stretch = track.records(chrom, start, min(start + STRETCH, int(ends[row])))
                records: np.ndarray = np.fromiter(stretch, _RECORD)
                _add(records, statistics[row], covered, row)
                if np.isinf(records["value"]).any():
                    infinite.add(row)
    if infinite:
        logger.warning(
            "%s: bases with an infinite value, as of a division by zero, count as without one "
            "(in %d of %d stretches)",
            *(path, len(infinite), len(regions)),
        )
    statistics[:, 0] = statistics[:, 2] / np.where(covered, covered, np.nan)
    missing = [name for name in dict.fromkeys(chroms) if name not in names]
    return TrackValues(statistics, covered, missing, others)


def bigwig_sizes(path: Path) -> dict[str, int]:
    """Return the chromosomes of a bigWig and their lengths."""
    import pybigtools

    with open(path, "rb") as handle, _readable(path):
        return dict(pybigtools.open(handle).chroms())


def _add(records: np.ndarray, statistics: np.ndarray, covered: np.ndarray, row: int) -> None:
    """Add the records of a stretch to the maximum and sum of a region, and to its bases."""
    records = records[np.isfinite(records["value"])]
    if len(records):
        bases = records["end"] - records["start"]
        statistics[1] = np.fmax(statistics[1], records["value"].max())
        statistics[2] += records["value"] @ bases
        covered[row] += bases.sum()


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say in one message that a file is not a bigWig, or damaged."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except BaseException as error:
        # a panic of Rust is not an Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise UserError(
            "this cannot be read as a bigWig",
            where=path,
            expected="a bigWig, whole",
            do="look what made it, and whether it was copied to its end",
        ) from error
