"""What one row of the training is: a whole region, a window of fixed length, or a constituent.

Super-enhancers are long because they are clusters of constituents stitched together (Whyte 2013),
and on whole regions length alone often tells the classes apart. Windows of one length, or the
constituents themselves, take that away. What is cut from one region stays in one part of the
split (column ``parent``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.regions.settings import ExtractSettings
from seformer.util.errors import UserError, visible
from seformer.util.ranks import auroc

# AUROC of how much of a window lies in its region
FLANKS = 0.6
BLOCKS = ("blockCount", "blockSizes", "blockStarts")


def check_units(settings: ExtractSettings) -> None:
    """Refuse what does not go together (`UserError`)."""
    if settings.constituents is not None and settings.unit != "constituent":
        raise UserError(
            "--constituents is given, but the regions are not cut into them",
            do="give --unit constituent too",
        )


def cut_regions(
    table: pd.DataFrame,
    settings: ExtractSettings,
    lengths: Mapping[str, int],
    read: Callable[[Path], pd.DataFrame],
) -> pd.DataFrame:
    """Cut every region into its units.

    Parameters
    ----------
    table
        Labelled regions: ``chrom``, ``start``, ``end`` (0-based half-open), ``name``, ``label``,
        ``line``, ``source``, ``path``; with ``blockSizes`` and ``blockStarts`` where the file is
        a BED12.
    settings
        ``unit``, ``unit_length`` and ``constituents``: into what.
    lengths
        Length of the genome's chromosomes, by the names that ``table`` has.
    read
        Reads constituents, their chromosomes spelled likewise.

    Returns
    -------
    pandas.DataFrame
        The units in the order of their regions, without the blocks, with ``parent``
        (``chrom:start-end`` of the region, "" for whole regions) and ``drop_reason``
        (``no_constituent`` where a region has none and stays as it is).

    Raises
    ------
    UserError
        If there are no constituents, or none lies in a region.
    """
    place = table["chrom"] + ":" + table["start"].astype(str) + "-" + table["end"].astype(str)
    whole = table.drop(columns=list(BLOCKS), errors="ignore").assign(parent="", drop_reason="")
    if settings.unit == "region":
        return whole
    if settings.unit == "window":
        limit = table["chrom"].map(lengths)
        row, start, end = _windows(table, settings.unit_length, limit.to_numpy(float))
        cut = whole.iloc[row].assign(start=start, end=end)
    elif settings.constituents is None:
        row, start, end = block_places(table)
        cut = whole.iloc[row].assign(start=start, end=end)
    else:
        inside, row = _assign(read(settings.constituents), table)
        if inside.empty:
            raise UserError(
                "no constituent lies in any region",
                where=settings.constituents,
                expected="constituents of the same regions, in the same assembly",
            )
        cut = whole.iloc[row].assign(start=inside["start"], end=inside["end"], line=inside["line"])
        source, path = visible(settings.constituents.name), visible(str(settings.constituents))
        cut = cut.assign(source=source, path=path)
    cut["parent"] = place.to_numpy()[row]
    cut["name"] = cut["name"] + "/" + (cut.groupby(level=0).cumcount() + 1).astype(str)
    without = whole.drop(index=whole.index[np.unique(row)]).assign(drop_reason="no_constituent")
    return pd.concat([cut, without]).sort_index(kind="stable").reset_index(drop=True)


def _windows(
    table: pd.DataFrame, length: int, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As many windows as cover a region, round its middle, moved back inside the chromosome."""
    start, end = table["start"].to_numpy(np.int64), table["end"].to_numpy(np.int64)
    number = -(-(end - start) // length)
    first = (start + end - number * length) // 2
    # a region that itself passes the end is left there, to be dropped for it
    last = np.where(end <= limit, limit, np.inf) - number * length
    first = np.maximum(np.minimum(first, last), 0).astype(np.int64)
    row = np.repeat(np.arange(len(table)), number)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(number) - number, number)
    begin = first[row] + rank * length
    return row, begin, begin + length


def block_places(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the blocks of a BED12 as constituents.

    Parameters
    ----------
    table
        ``start``, ``end`` and `BLOCKS`; ``path`` and ``line`` for messages.

    Returns
    -------
    tuple
        int64 ``[blocks]`` each: row of the table, start and end (0-based half-open).

    Raises
    ------
    UserError
        If a row has no blocks, or they do not lie in it.
    """
    if not set(BLOCKS) <= set(table.columns) or table[list(BLOCKS)].isna().any(axis=None):
        raise UserError(
            "--unit constituent: there are no constituents",
            where=table["path"].iloc[0],
            expected="a BED12 whose blocks are the constituents",
            do="or give them in a BED of their own: --constituents (in the sample sheet, the "
            "column constituents)",
        )
    rows = []
    for i, (start, end, count, sizes, starts) in enumerate(
        zip(table["start"], table["end"], *(table[name] for name in BLOCKS), strict=True)
    ):
        try:
            size, offset = (
                [int(x) for x in text.rstrip(",").split(",")] for text in (sizes, starts)
            )
            blocks = [(start + o, start + o + s) for s, o in zip(size, offset, strict=True)]
            good = len(blocks) == int(count) and all(start <= a < b <= end for a, b in blocks)
        except ValueError:
            good = False
        if not good:
            raise UserError(
                f"the blocks {sizes} at {starts} do not lie in their region, or are not {count}",
                where=table["path"].iloc[i],
                line=int(table["line"].iloc[i]),
                expected="blockCount, blockSizes and blockStarts as in BED12",
            )
        rows += [(i, a, b) for a, b in blocks]
    row, start, end = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return row, start, end


def _assign(constituents: pd.DataFrame, table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Find the region that holds each constituent's middle, super-enhancers first.

    Returns
    -------
    inside : pandas.DataFrame
        The constituents that lie in a region, by region, indexed as their region.
    row : numpy.ndarray
        int64: the region's position.
    """
    owner = np.full(len(constituents), -1, dtype=np.int64)
    label = table["label"].to_numpy()
    middle = ((constituents["start"] + constituents["end"]) // 2).to_numpy(np.int64)
    for wanted in (1, 0):
        for chrom, regions in table[label == wanted].groupby("chrom", sort=False):
            regions = regions.sort_values(["start", "end"], kind="stable")
            reach = regions["end"].to_numpy(np.int64)
            # of the regions that begin before a point, the one that reaches furthest holds it
            furthest = np.maximum.accumulate(reach)
            who = np.maximum.accumulate(np.where(reach == furthest, np.arange(len(regions)), 0))
            here = np.flatnonzero((constituents["chrom"] == chrom).to_numpy() & (owner < 0))
            before = np.searchsorted(regions["start"].to_numpy(), middle[here], side="right") - 1
            holds = (before >= 0) & (furthest[before] > middle[here])
            owner[here[holds]] = table.index.get_indexer(regions.index)[who[before[holds]]]
    order = np.lexsort((constituents["start"].to_numpy(), owner))
    order = order[owner[order] >= 0]
    return constituents.iloc[order].set_axis(table.index[owner[order]]), owner[order]


def describe_flanks(used: pd.DataFrame) -> str:
    """Say where windows of one class reach further beyond their regions than those of the other.

    The flanks of a short region fill its window: in windows of one length they stand for length.

    Parameters
    ----------
    used
        ``label``; of what was cut from regions ``start``, ``end`` and ``parent``.

    Returns
    -------
    str
        Empty where the classes are alike in that, one is missing, or nothing was cut.
    """
    if not {"start", "end", "parent"} <= set(used.columns):
        return ""
    place = used["parent"].astype(str).str.extract(r":(?P<start>\d+)-(?P<end>\d+)$").astype(float)
    cut = place["end"].notna() & used["label"].notna()
    start, end, label = (used.loc[cut, name] for name in ("start", "end", "label"))
    place = place[cut]
    covered = (np.minimum(end, place["end"]) - np.maximum(start, place["start"])).clip(lower=0)
    inside, is_se = (covered / (end - start)).to_numpy(float), (label == 1).to_numpy(bool)
    told = auroc(is_se, inside)
    if not max(told, 1 - told) >= FLANKS:
        return ""
    se, te = (f"{100 * (1 - inside[rows].mean()):.0f} %" for rows in (is_se, ~is_se))
    return (
        f"Of the windows of super-enhancers {se} of the bases lie outside their regions, of those "
        f"of typical enhancers {te}: by that alone the classes are told apart with AUROC "
        f"{max(told, 1 - told):.2f}, and a model may see it where sequence differs inside and "
        "outside, as length in another form. Take shorter windows (--unit_length) or constituents "
        "(--unit constituent)."
    )
