"""Regions from a data frame: columns found by name, cells checked, rows known by position."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from seformer.regions.formats import of_header
from seformer.regions.layout import MAX_DIGITS
from seformer.regions.read import NOT_BEFORE_END, Problems, region_rows, unlabelled
from seformer.regions.words import column_words, find_columns, find_length
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
FRAME = "data frame of regions"
PLACE = ("chrom", "start", "end")
EXPECTED = (
    "columns with chromosome, start and end (whole numbers, 0-based half-open,"
    " 0 <= start < end), by names that files may have too, as chrom, chr or Chromosome"
)


def wrong_type(argument: str, value: Any, expected: str) -> UserError:
    """The error of an argument of Python that is no table, or no path."""
    return UserError(
        f"{argument} is of the type {type(value).__module__}.{type(value).__name__}",
        expected=expected,
        do="make a pandas.DataFrame of it: pd.DataFrame(rows, columns=['chrom', 'start', 'end']),"
        " .to_dataframe() of pybedtools, .df of pyranges"
        if "data frame" in expected
        else None,
    )


def read_frame(frame: pd.DataFrame, *, invalid: str = "error") -> pd.DataFrame:
    """Read the regions of a data frame, whatever its index, types and further columns.

    Parameters
    ----------
    frame
        Columns for chromosome, start, end and perhaps name, called as in a file
        (`regions.words.HEADER_WORDS`, in any case). It is not changed. Starts are counted from
        1 where a column of lengths says so, as in R's tables.
    invalid
        With ``keep`` a region whose start is not before its end is no error.

    Returns
    -------
    pandas.DataFrame
        As `regions.read.RegionTable.regions`, without labels; ``line`` is the position of the
        row, counted from 0.

    Raises
    ------
    UserError
        If a column is missing or ambiguous, or for the first bad row; its ``line`` is a position.
    """
    column = _columns(frame)
    chrom = as_texts(frame.iloc[:, column["chrom"]])
    problems = {row: "the chromosome is missing" for row, name in enumerate(chrom) if not name}
    start, end = (
        _positions(frame.iloc[:, column[name]], name, problems) for name in ("start", "end")
    )
    start = _from_zero(frame, start, end, problems)
    for row in np.flatnonzero(start >= end).tolist() if invalid != "keep" else ():
        problems.setdefault(row, f"start {start[row]} {NOT_BEFORE_END} {end[row]}")
    if problems:
        row, problem = min(problems.items())
        more = f" (and {len(problems) - 1} further bad rows)" if len(problems) > 1 else ""
        drop = "; --invalid-regions drop drops and counts such"
        raise UserError(
            problem + more,
            where=FRAME,
            line=row,
            expected=EXPECTED,
            do="mend or remove the row" + (drop if NOT_BEFORE_END in problem else ""),
        )
    names = as_texts(frame.iloc[:, column["name"]]) if "name" in column else None
    rows = len(frame)
    return region_rows(chrom, start, end, names, unlabelled(rows), np.arange(rows))


def free_names(own: Iterable[Hashable], results: Iterable[str]) -> list[Hashable]:
    """Names for own columns beside those of results: one that clashes has ``input_`` before it."""
    own, results = list(own), list(results)
    taken, renamed = {*own, *results}, {}
    for name in [name for name in dict.fromkeys(own) if name in results]:
        free = f"input_{name}"
        while free in taken:
            free = f"input_{free}"
        taken.add(free)
        renamed[name] = free
    return [renamed.get(name, name) for name in own]


def _header(frame: pd.DataFrame) -> list[str]:
    return [str(name).strip() for name in frame.columns]


def _columns(frame: pd.DataFrame) -> dict[str, int]:
    """Where the columns with a meaning stand."""
    columns = find_columns(_header(frame))
    for meaning in (*PLACE, "name"):
        indices = columns.get(meaning, [])
        best = column_words([_header(frame)[i] for i in indices])
        # of names the best word is taken; it must not stand there twice
        if len(indices) > 1 and (meaning in PLACE or best[0] == best[1]):
            names = " and ".join(repr(frame.columns[i]) for i in indices)
            raise UserError(
                f"the columns {names} both mean the {meaning}",
                where=FRAME,
                do="leave one of them, or rename the other",
            )
    if missing := [name for name in PLACE if name not in columns]:
        raise UserError(
            f"the columns {', '.join(missing)} are missing",
            where=FRAME,
            expected=EXPECTED,
            do="rename the columns; frame.reset_index() if they are in the index",
        )
    return {meaning: indices[0] for meaning, indices in columns.items()}


def _from_zero(
    frame: pd.DataFrame, start: np.ndarray, end: np.ndarray, problems: Problems
) -> np.ndarray:
    """Starts counted from 0: a column of lengths may say that they are counted from 1."""
    column, form = find_length(_header(frame)), of_header(_header(frame))
    if column is None or not len(frame):
        if form.base:
            # the frame may have been made ready for Python
            logger.warning(
                "%s: %s count starts from 1; these are taken as counted from 0, as all frames'",
                FRAME,
                form.name,
            )
        return start
    length = pd.to_numeric(frame.iloc[:, column].astype(object), errors="coerce")
    longer = length.to_numpy(float, na_value=np.nan) - (end - start)
    # other lengths, such as a gene's, may fit by chance
    if np.mean(longer == 1) <= 0.5:
        return start
    name = frame.columns[column]
    logger.warning("%s: starts are counted from 1, as the column %r says", FRAME, name)
    for row in np.flatnonzero((longer == 0) | (start == 0)).tolist():
        problems.setdefault(row, f"start {start[row]} is not counted from 1 as others are")
    return start - 1


def as_texts(column: pd.Series) -> list[str]:
    """Cells as text; nothing where they are missing, and no point in a whole number (1.0)."""
    texts = []
    for value, missing in zip(column.tolist(), column.isna(), strict=True):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        texts.append("" if missing else str(value).strip())
    return texts


def _positions(column: pd.Series, meaning: str, problems: Problems) -> np.ndarray:
    """Cells as int64; of those in ``problems`` numbers that no later check minds."""
    missing = column.isna().tolist()
    numbers = np.full(len(column), 0 if meaning == "start" else 10**MAX_DIGITS, dtype=np.int64)
    for row, value in enumerate(column.tolist()):
        number = _whole(value)
        if number is not None and 0 <= number < 10**MAX_DIGITS:
            numbers[row] = number
        elif missing[row]:
            problems.setdefault(row, f"the {meaning} is missing")
        elif number is None:
            problems.setdefault(row, f"{meaning} {repr(value)[:40]} is not a whole number")
        elif number < 0:
            problems.setdefault(row, f"the {meaning} is negative")
        else:
            problems.setdefault(row, f"the {meaning} is too large for a position")
    return numbers


def _whole(value: Any) -> int | None:
    """A whole number of any type, or text of one; None for anything else."""
    if isinstance(value, str):
        text = value.strip(" ")
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            return None
        return int(text[: MAX_DIGITS + 2])
    if isinstance(value, (bool, np.bool_)):
        return None
    try:
        number = int(value)
        return number if number == value else None
    except (TypeError, ValueError, OverflowError):
        return None
