"""The parts of regions, train, validation or test, in a table of an earlier split."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from seformer.genome.chromosomes import match_names
from seformer.regions.folder import read_region_rows
from seformer.util.errors import UserError
from seformer.util.labels import PARTS

PLACE = ["chrom", "start", "end"]


def look_up_parts(
    rows: pd.DataFrame, path: Path, folds: int = 1, do: str | None = None
) -> pd.DataFrame:
    """Find the part of each region by its place; chromosomes may have other names in the table.

    Parameters
    ----------
    rows
        ``chrom``, ``start``, ``end`` (0-based half-open).
    path
        The ``splits.tsv``, ``regions.tsv`` or ``folds.tsv`` that `seformer split` wrote.
    folds
        With several the parts are those in ``fold_1`` and so on, else in ``split``; rows without
        one count for nothing.
    do
        What to do if a region is not there, for the error.

    Returns
    -------
    pandas.DataFrame
        str ``[rows, folds]``, with the index of ``rows`` and the names of the columns.

    Raises
    ------
    UserError
        If a region is not there, a part is not one, a region has two, or there are more folds.
    """
    columns = [f"fold_{k}" for k in range(1, folds + 1)] if folds > 1 else ["split"]
    table = read_region_rows(path, (*PLACE, *columns))
    if folds > 1 and f"fold_{folds + 1}" in table.columns:
        raise UserError(f"more than {folds} folds", where=path, do="give --folds as it was")
    table = table[table[columns].fillna("").ne("").all(axis=1)]
    table["chrom"] = table["chrom"].replace(
        match_names(table["chrom"].unique(), rows["chrom"].unique())
    )
    _check_parts(table, columns, path)
    places = pd.MultiIndex.from_frame(rows[PLACE])
    parts = table.drop_duplicates(PLACE).set_index(PLACE)[columns].reindex(places)
    parts = parts.set_axis(rows.index)
    missing = parts[columns[0]].isna()
    if missing.any():
        first = rows[missing].iloc[0]
        what = f"{first['chrom']}:{first['start']}-{first['end']} is not here"
        raise missing_error(what, missing, path, "a split for every kept region", do)
    return parts


def missing_error(
    what: str, missing: pd.Series, path: Path, expected: str, do: str | None = None
) -> UserError:
    """Say ``what`` a table lacks, and of how many regions."""
    return UserError(
        f"{what} ({missing.sum()} of {len(missing)} regions are missing)",
        where=path,
        expected=expected,
        do=do,
    )


def _check_parts(table: pd.DataFrame, columns: list[str], path: Path) -> None:
    """Refuse a part that there is not, and a region that has two in one fold."""
    unknown = ~table[columns].isin(PARTS)
    if unknown.any(axis=None):
        line = unknown.any(axis=1).idxmax()
        raise UserError(
            f"split {table.loc[line, unknown.loc[line].idxmax()]!r} is unknown",
            where=path,
            line=line + 2,
            expected=", ".join(PARTS),
        )
    two = (table.groupby(PLACE)[columns].transform("nunique") > 1).any(axis=1)
    if two.any():
        raise UserError("a region is in two parts", where=path, line=int(two.idxmax()) + 2)
