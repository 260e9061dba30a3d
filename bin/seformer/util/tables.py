"""Tab-separated tables as seformer writes and reads them."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import pandas as pd

from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.text import existing_file, open_text

FLOATS = "%.9g"
# every float64 is read back as the same number
EXACT = "%.17g"
# what a column of a table holds; a ratio may be infinite
WHOLE, COUNT, NUMBER, RATIO = "int64", "Int64", "float64", "float"


def write_tsv(
    table: pd.DataFrame, path: str | os.PathLike[str], floats: str = FLOATS, *, header: bool = True
) -> None:
    """Write a tab-separated table; ``floats`` to 9 significant digits, or `EXACT`."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8", newline="") as text:
        write_tsv_rows(table, text, header=header, float_format=floats)


def write_tsv_rows(table: pd.DataFrame, text: TextIO, *, header: bool = False, **how: Any) -> None:
    """Write rows with tabs between cells, in which quotes stand for themselves.

    Parameters
    ----------
    **how
        Of `pandas.DataFrame.to_csv`.

    Raises
    ------
    UserError
        If a cell holds a tab or a line end.
    """
    try:
        table.to_csv(
            text,
            sep="\t",
            index=False,
            header=header,
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
            **how,
        )
    except csv.Error as error:
        raise UserError(
            "a cell holds a tab or a line end", where=text.name, do="take it out of the name"
        ) from error


def as_bed9(rows: pd.DataFrame, colours: pd.Series) -> pd.DataFrame:
    """Give rows the last columns of BED9: all of a row is drawn thick, in its colour.

    Parameters
    ----------
    rows
        The columns of BED6, of which ``start`` and ``end`` are read.
    colours
        Red, green and blue of each row, as ``213,94,0``.
    """
    return rows.assign(thick_start=rows["start"], thick_end=rows["end"], colour=colours)


def is_bed9(path: Path) -> bool:
    """Whether the first row has the nine columns of `as_bed9`."""
    with open_text(path) as text:
        return text.readline().count("\t") == 8


def read_tsv(
    path: str | os.PathLike[str],
    columns: Sequence[str] = (),
    *,
    text: Sequence[str] = (),
    numbers: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read a table that seformer wrote; empty cells are missing values, "NA" is a name.

    Columns named in ``text`` stay text even where every cell is a number (chromosome "1");
    ``numbers`` says which become numbers, see `as_numbers`.

    Raises
    ------
    UserError
        If the file is missing or lacks one of ``columns``, or a cell is not what it must be.
    """
    path = existing_file(path)
    try:
        table = pd.read_csv(
            path,
            sep="\t",
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
            na_values=[""],
            dtype=dict.fromkeys(text, "str"),
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"the table cannot be read ({error})", where=path) from error
    if not isinstance(table.index, pd.RangeIndex):
        raise UserError("rows have more columns than the header", where=path, line=1)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(
            f"the columns {', '.join(missing)} are missing",
            where=path,
            line=1,
            expected=f"a table that seformer wrote, with {', '.join(columns)}",
        )
    return as_numbers(table, path, numbers)


def require_width(cells: Sequence[str], names: Sequence[str], path: Path, line: int) -> None:
    """Refuse a row that has not as many cells as the header has names.

    Raises
    ------
    UserError
        With the line.
    """
    if len(cells) != len(names):
        raise UserError(
            f"{len(cells)} columns where the header has {len(names)}",
            where=path,
            line=line,
            do="mend or remove the line",
        )


def as_numbers(
    table: pd.DataFrame, path: Path, numbers: Mapping[str, str], line: int = 2
) -> pd.DataFrame:
    """Turn columns into numbers, in place.

    Parameters
    ----------
    numbers
        Column to its kind: `WHOLE` (no cell may be empty), `COUNT`, `NUMBER` or `RATIO` (which may
        be infinite). Columns that are not there are passed over.
    line
        Of the first row.

    Raises
    ------
    UserError
        For the first cell that is not such a number, or beyond 2^53, up to which float64 is exact.
    """
    for column, kind in numbers.items():
        if column not in table.columns:
            continue
        given = table[column]
        # True and False are numbers for pandas
        number = pd.to_numeric(given.astype(str) if given.dtype == bool else given, errors="coerce")
        wrong = number.isna() if kind == WHOLE else number.isna() & given.notna()
        if kind != RATIO:
            wrong |= number.abs() > 2**53
        if kind in (WHOLE, COUNT):
            wrong |= number.notna() & (number % 1 != 0)
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            cell = given.iloc[row]
            raise UserError(
                f"the column {column} holds {'nothing' if pd.isna(cell) else repr(str(cell)[:40])}",
                where=path,
                line=line + row,
                expected="a whole number" if kind in (WHOLE, COUNT) else "a number",
                do="make the file again with the command that wrote it",
            )
        table[column] = number.astype(kind)
    return table
