"""Regions as bigBed: sorted and indexed, for genome browsers."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome.bigbed_writer import Row, write_bigbed
from seformer.genome.chromosomes import match_regions
from seformer.regions.sizes import LARGEST, TOO_LONG

logger = logging.getLogger(__name__)
BIGBED_FILE = "predictions.bb"
# of a row in memory; its text stays on disk
PLACE = np.dtype([("chrom", "i4"), ("start", "i8"), ("end", "i8"), ("offset", "i8")])


def write_browser_bed(bed: Path, path: Path, sizes: Mapping[str, int], where: str | Path) -> None:
    """Write a BED9 as bigBed, along the genome.

    Chromosomes are named as the genome names them, whatever the file of regions called them: a
    browser knows no others. Without any row there is nothing to write.

    Parameters
    ----------
    sizes
        Length of every chromosome in base pairs.
    where
        What they were read from.

    Raises
    ------
    UserError
        If the regions do not lie on these chromosomes.
    """
    places, chroms = _places(bed)
    if not len(places):
        return
    ends = pd.Series(places["end"]).groupby(places["chrom"]).max()
    furthest = pd.DataFrame({"chrom": chroms, "start": 0, "end": ends.to_numpy()})
    names = match_regions(furthest, sizes, where)
    # as the letters of the genome's names sort
    ranks = {name: rank for rank, name in enumerate(sorted(set(names.values())))}
    used = {name: sizes[name] for name in ranks}
    if max(used.values()) > LARGEST:
        logger.warning("%s is not written: a chromosome's length %s", path.name, TOO_LONG)
        return
    rank = np.array([ranks.get(names.get(chrom, ""), -1) for chrom in chroms])[places["chrom"]]
    if (rank < 0).any():
        logger.warning(
            "%s lacks %d regions: which chromosome of the genome is theirs is not clear",
            path.name,
            int((rank < 0).sum()),
        )
    order = np.lexsort((places["end"], places["start"], rank))
    order = order[rank[order] >= 0]
    write_bigbed(path, used, _rows(bed, places["offset"][order], names))


def _places(bed: Path) -> tuple[np.ndarray, list[str]]:
    """Where each row of a BED lies, on the genome and in the file, and the chromosomes' names."""
    chroms: dict[bytes, int] = {}

    def read() -> Iterator[tuple[int, int, int, int]]:
        offset = 0
        with open(bed, "rb") as lines:
            for line in lines:
                chrom, start, end, _ = line.split(b"\t", 3)
                yield chroms.setdefault(chrom, len(chroms)), int(start), int(end), offset
                offset += len(line)

    places = np.fromiter(read(), PLACE)
    return places, [chrom.decode() for chrom in chroms]


def _rows(bed: Path, offsets: np.ndarray, names: Mapping[str, str]) -> Iterator[Row]:
    """Yield rows of a BED by where they begin in the file."""
    with open(bed, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for offset in offsets.tolist():
            line = text[offset : text.find(b"\n", offset)].decode()
            chrom, start, end, rest = line.split("\t", 3)
            yield names[chrom], int(start), int(end), rest
