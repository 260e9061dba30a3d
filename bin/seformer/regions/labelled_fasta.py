"""Labelled regions as one FASTA for auditors from outside: ``>chr1:0-200 label=1 split=test``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from seformer.genome.bgzf import BgzipWriter
from seformer.regions.folder import read_region_rows
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.labels import PARTS

PLACE = ["chrom", "start", "end"]


def look_up_splits(rows: pd.DataFrame, path: Path) -> pd.Series:
    """Find the part of each region in a table of an earlier split.

    Parameters
    ----------
    rows
        ``chrom``, ``start``, ``end`` (0-based half-open), chromosomes as in the table.
    path
        The ``splits.tsv`` (or ``regions.tsv``) that `seformer split` wrote.

    Returns
    -------
    pandas.Series
        str: train, validation or test.

    Raises
    ------
    UserError
        If a region is not there, or has no part or several.
    """
    table = read_region_rows(path, (*PLACE, "split"))
    table = table[table["split"] != ""]
    unknown = ~table["split"].isin(PARTS)
    if unknown.any():
        raise UserError(
            f"split {table.loc[unknown, 'split'].iloc[0]!r} is unknown",
            where=path,
            line=int(unknown.idxmax()) + 2,
            expected=", ".join(PARTS),
        )
    table = table.drop_duplicates([*PLACE, "split"])
    if (twice := table.duplicated(PLACE)).any():
        raise UserError("a region is in two parts", where=path, line=int(twice.idxmax()) + 2)
    part = table.set_index(PLACE)["split"].reindex(pd.MultiIndex.from_frame(rows[PLACE]))
    missing = part.isna().to_numpy()
    if missing.any():
        first = rows[missing].iloc[0]
        raise UserError(
            f"{first['chrom']}:{first['start']}-{first['end']} is not here ({missing.sum()} of "
            f"{len(rows)} regions are missing)",
            where=path,
            expected="a split for every kept region",
            do="extract with the options of the run that made this split",
        )
    return part.set_axis(rows.index)


def write_labelled_fasta(path: Path, rows: pd.DataFrame, sequences: Iterable[str]) -> None:
    """Write one record per region, its place as name, and what is known of it as ``key=value``.

    Parameters
    ----------
    path
        The file; bgzipped where its name ends in ``.gz``.
    rows
        ``chrom``, ``start``, ``end``, ``label`` (1 = SE) and, as far as they are there, ``split``
        and ``sample``.
    sequences
        Their bases, in order.
    """
    more = [name for name in ("label", "split", "sample") if name in rows.columns]
    columns = (rows[name] for name in (*PLACE, *more))
    with atomic_path(path) as partial:
        file = BgzipWriter(partial) if path.suffix == ".gz" else open(partial, "wb")
        with file:
            for (chrom, start, end, *values), bases in zip(
                zip(*columns, strict=True), sequences, strict=True
            ):
                said = "".join(f" {k}={v}" for k, v in zip(more, values, strict=True))
                file.write(f">{chrom}:{start}-{end}{said}\n{bases}\n".encode())
