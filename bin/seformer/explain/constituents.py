"""Which constituents lie in which region, and which regions of a split are dissected."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.regions.folder import read_region_rows
from seformer.regions.read import read_regions, region_rows, unlabelled
from seformer.regions.units import BLOCKS, block_places
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
PLACE = ["chrom", "start", "end"]


def held_out_enhancers(path: Path) -> pd.DataFrame:
    """Read the super-enhancers of a split's test part, whole where parts of them were trained on.

    Parameters
    ----------
    path
        ``regions.tsv`` or ``splits.tsv`` of `seformer split`; the former alone tells from which
        region a window or a constituent was cut.

    Returns
    -------
    pandas.DataFrame
        See `seformer.regions.read.RegionTable.regions`.

    Raises
    ------
    UserError
        If it is not such a table, or there is none.
    """
    table = read_region_rows(path, [*PLACE, "name", "label", "split"])
    rows = table[(table["label"] == 1).fillna(False) & (table["split"] == "test")]
    if rows.empty:
        raise UserError(
            "there is no super-enhancer in the test part",
            where=path,
            expected="regions.tsv of `seformer split`, with super-enhancers held out",
        )
    if "parent" in rows.columns:
        place = rows["parent"].str.extract(r"^(?P<chrom>.+):(?P<start>\d+)-(?P<end>\d+)$")
        cut = place["chrom"].notna()
        # units are called after their region and their number in it
        name = rows["name"].where(~cut, rows["name"].str.rsplit("/", n=1).str[0])
        rows = rows.assign(**{c: place[c].where(cut, rows[c]) for c in PLACE}, name=name)
    rows = rows.drop_duplicates(PLACE)
    start, end = (rows[column].to_numpy(np.int64) for column in ("start", "end"))
    label, line = unlabelled(len(rows)), rows.index.to_numpy() + 2
    return region_rows(rows["chrom"].tolist(), start, end, rows["name"].tolist(), label, line)


def read_constituents(path: Path) -> pd.DataFrame:
    """Read constituents; of a BED12 with several blocks in a row these are the constituents.

    Returns
    -------
    pandas.DataFrame
        See `seformer.regions.read.RegionTable.regions`; a block is called after its row and its
        number in it.

    Raises
    ------
    UserError
        If the file cannot be read, or blocks do not lie in their row.
    """
    table = read_regions(path, labels=False, own=BLOCKS)
    rows = table.regions
    if not set(BLOCKS) <= set(table.cells):
        return rows
    several = table.own["blockSizes"].str.rstrip(",").str.contains(",", regex=False)
    if not several.any():
        return rows
    logger.info("%s: the blocks of its regions are taken as constituents", path)
    row, start, end = block_places(rows.assign(path=str(path)).join(table.own))
    cut = rows.iloc[row].assign(start=start, end=end)
    number = (cut.groupby(level=0).cumcount() + 1).astype(str)
    cut["name"] = cut["name"].where(~several.to_numpy()[row], cut["name"] + "/" + number)
    return cut.reset_index(drop=True)


def constituents_of(
    regions: pd.DataFrame, constituents: pd.DataFrame, where: Path, *, part: bool = False
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give every region the constituents that share a base with it.

    What reaches beyond the region is cut off there; the same place twice in a region counts once.
    A constituent of two regions that overlap belongs to both.

    Parameters
    ----------
    regions, constituents
        ``chrom``, ``start``, ``end`` (0-based half-open), chromosomes called alike; constituents
        with ``name`` and ``line``.
    where
        The file of the constituents, for messages.
    part
        The regions are a part of what was stitched from them: others are no reason to warn.

    Returns
    -------
    inside : pandas.DataFrame
        ``region`` (index of the region), ``start``, ``end``, ``name``, ``clipped`` and
        ``overlaps`` (it shares bases with another one of the region): bool; by region and place.
    counts : dict
        ``read``, ``in_no_region``, ``clipped``, ``repeated`` and ``overlapping`` constituents.

    Raises
    ------
    UserError
        If none lies wholly in a region.
    """
    row, region = intervals.pairs(constituents, regions)
    start, end = (constituents[column].to_numpy(np.int64)[row] for column in ("start", "end"))
    first, last = (regions[column].to_numpy(np.int64)[region] for column in ("start", "end"))
    inside = pd.DataFrame(
        {
            "region": regions.index.to_numpy()[region],
            "start": np.maximum(start, first),
            "end": np.minimum(end, last),
            "name": constituents["name"].to_numpy(object)[row],
            "clipped": (start < first) | (end > last),
        }
    )
    outside = np.setdiff1d(np.arange(len(constituents)), row)
    clipped = np.unique(row[inside["clipped"]])
    _require_fit(constituents, outside, clipped, inside["clipped"].all(), where)
    _say_misfits(constituents, np.empty(0, int) if part else outside, clipped, where)
    place = ["region", "start", "end"]
    # of several at one place one that is whole there is kept
    inside = inside.sort_values([*place, "clipped"], kind="stable", ignore_index=True)
    once = inside.drop_duplicates(place, ignore_index=True)
    group = intervals.cluster(once.assign(chrom=once["region"]), gap=-1)
    once = once.assign(overlaps=np.bincount(group)[group] > 1)
    return once, {
        "read": len(constituents),
        "in_no_region": len(outside),
        "clipped": int(once["clipped"].sum()),
        "repeated": len(inside) - len(once),
        "overlapping": int(once["overlaps"].sum()),
    }


def _require_fit(
    constituents: pd.DataFrame,
    outside: np.ndarray,
    clipped: np.ndarray,
    none_whole: bool,
    where: Path,
) -> None:
    """Refuse constituents of which none lies in a region, or none wholly."""
    if len(outside) == len(constituents):
        rows, found = outside, "no constituent lies in any region"
    elif none_whole:
        rows, found = clipped, "all constituents in the regions reach beyond them"
    else:
        return
    first = constituents.iloc[rows[0]]
    raise UserError(
        f"{found}; the first is {first['chrom']}:{first['start']}-{first['end']}",
        where=where,
        line=int(first["line"]),
        expected="constituents that the regions were stitched from, of the same assembly",
        do="name the file of their constituents; whole super-enhancers belong to --regions",
    )


def _say_misfits(
    constituents: pd.DataFrame, outside: np.ndarray, clipped: np.ndarray, where: Path
) -> None:
    for rows, what in (
        (outside, "lie in no region and are left out"),
        (clipped, "reach beyond their region and are cut off at its edge"),
    ):
        if len(rows):
            first = constituents.iloc[rows[0]]
            logger.warning(
                "%s: %d of %d constituents %s; the first: line %d, %s:%d-%d",
                where,
                *(len(rows), len(constituents), what, first["line"]),
                *(first[column] for column in PLACE),
            )
