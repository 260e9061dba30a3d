"""Regions from whatever a lab has: BED, DeepSE's CSV, ROSE tables, labelled tables, peaks.

Coordinates are 0-based half-open everywhere inside. Which number a file gives the first base is
the business of its format (`regions.formats`). BED says so itself; ROSE copies the start of its
input unchanged into its tables and back into its own BED files, and DeepSE's CSVs come from such
tables, so both are read as they stand.

Layouts followed: those of `regions.formats`, ROSE's `*_AllEnhancers.table.txt` (Whyte 2013, Loven
2013), dbSUPER's and SEdb's tables.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.regions.layout import (
    COLUMNS_EXPECTED,
    MAX_DIGITS,
    STRETCH,
    LineLayout,
    n_columns,
    no_regions,
    read_layout,
)
from seformer.regions.lines import Line
from seformer.regions.words import KNOWN_LABELS, find_columns, read_label
from seformer.util.errors import UserError
from seformer.util.text import MAX_NAME, numbered_lines, open_text

logger = logging.getLogger(__name__)
NO_NAME = ("", ".")
NOT_BEFORE_END = "is not before end"
Problems = dict[int, str]  # rows that cannot be read, and why


@dataclass(frozen=True)
class RegionTable:
    """Regions of one file, or of one stretch of it.

    Attributes
    ----------
    regions
        One row per region in input order: ``chrom`` str, ``start`` and ``end`` int64 (0-based
        half-open), ``name`` str (``chrom:start-end`` where the file has none), ``label`` Int8
        (1 = super-enhancer, 0 = typical, `words.NEITHER` = a promoter, missing = unlabelled),
        ``line`` int64 (1-based).
    cells
        The file's own columns as strings, under its own header or BED's standard names.
    source
        The file.
    read_as
        Its format, and the number that it gives a first base.
    labelled_by
        The column of labels, if there is one.
    """

    regions: pd.DataFrame
    cells: Mapping[str, Sequence[str]]
    source: Path
    read_as: str
    labelled_by: str = ""

    @cached_property
    def own(self) -> pd.DataFrame:
        """The cells as a table, made when it is asked for: most uses need the regions alone."""
        return pd.DataFrame(self.cells, dtype="str")


def read_regions(
    path: str | PathLike[str],
    *,
    labels: bool = True,
    invalid: str = "error",
    own: Collection[str] | Callable[[Sequence[str]], Collection[str]] | None = None,
    one_track: bool = False,
) -> RegionTable:
    """Read a whole region file; see `iter_regions` for the forms and the errors.

    Of the file's own columns only those in ``own``, or that it chooses of their names, are kept,
    or all: memory follows their length.
    """
    parts = []
    for part in iter_regions(path, labels=labels, invalid=invalid, one_track=one_track):
        wanted = own if own is None or isinstance(own, Collection) else own(list(part.cells))
        names = part.cells if wanted is None else [name for name in wanted if name in part.cells]
        parts.append(replace(part, cells={name: part.cells[name] for name in names}))
    whole = parts[0]
    logger.info("%s: read as %s", whole.source.name, whole.read_as)
    if len(parts) == 1:
        return whole
    regions = pd.concat([part.regions for part in parts], ignore_index=True)
    cells = {
        name: list(chain.from_iterable(part.cells[name] for part in parts)) for name in whole.cells
    }
    return replace(whole, regions=regions, cells=cells)


def iter_regions(
    path: str | PathLike[str],
    rows: int = 50_000,
    *,
    labels: bool = True,
    invalid: str = "error",
    one_track: bool = False,
) -> Iterator[RegionTable]:
    """Read a region file in stretches of at most ``rows`` regions, in flat memory.

    Understands the formats of `regions.formats`, plain or gzipped, with `track`, `browser` and
    comment lines, any line ending, a byte-order mark; tables with a header that names the columns
    (tabs, commas, semicolons or blanks between them; row names and quotes as R writes them).
    Quotes stand for themselves between tabs, unless all names of a header are quoted.

    Parameters
    ----------
    path
        The file.
    rows
        Regions per stretch.
    labels
        Read the label column where there is one; with False it is one of the own columns only.
    invalid
        With ``keep`` a region whose start is not before its end is no error.
    one_track
        Refuse a second `track`, as ROSE writes one class after the other.

    Raises
    ------
    UserError
        For the first bad line (too few or inconsistent columns, text where a number is needed,
        negative, start >= end, unknown label), with the number of further ones; for an empty
        file, one that is not text, or one of a format that is not read.
    """
    source = Path(path)
    first: tuple[int, str] | None = None  # the first bad line and what is wrong with it
    bad, empty = 0, True
    with open_text(source) as text:
        layout, lines = read_layout(numbered_lines(text, source), source, one_track)
        while (stretch := _take(lines, rows))[0]:
            empty = False
            part, problems = _parse(*stretch, layout, source, labels, invalid == "keep")
            bad += len(problems)
            if problems:
                worst = min(problems.items())
                first = worst if first is None else min(first, worst)
            elif first is None and part is not None:
                yield part
    if first is not None:
        raise _bad_line(*first, bad, source)
    if empty:
        raise no_regions(source)


def _take(lines: Iterator[Line], most: int) -> tuple[list[int], list[str]]:
    """The next lines' numbers and texts: two lists, as pairs Python would search for garbage."""
    numbers: list[int] = []
    texts: list[str] = []
    size = 0
    for number, text in islice(lines, most):
        numbers.append(number)
        texts.append(text)
        size += len(text)
        if size > STRETCH:
            break
    return numbers, texts


def _bad_line(line: int, problem: str, count: int, source: Path) -> UserError:
    more = f" (and {count - 1} further bad lines)" if count > 1 else ""
    do = "mend or remove the line"
    if re.search(r"'\d[\d.,]*(e[+-]?\d+)?' is not a whole", problem, re.I):
        do = "write the number out in full, in digits alone: a spreadsheet or R changed it"
    if NOT_BEFORE_END in problem:
        do += (
            "; where regions are scored, explained or trained on, --invalid-regions drop"
            " (--invalid_regions drop in the pipeline) drops and counts such regions"
        )
    return UserError(problem + more, where=source, line=line, expected=COLUMNS_EXPECTED, do=do)


def _parse(
    line: list[int], text: list[str], layout: LineLayout, source: Path, labels: bool, keep: bool
) -> tuple[RegionTable | None, Problems]:
    """Turn lines into a table column by column; what is wrong comes by the lines' numbers."""
    cells, uneven = layout.columns(text)
    problems = {
        line[i]: f"{n_columns(width)} where the file has {len(layout.names)}" for i, width in uneven
    }
    if not cells:
        return None, problems
    numbers = np.delete(line, [i for i, _ in uneven])
    part, of_rows = _parse_cells(cells, numbers, layout, source, labels, keep)
    return part, problems | {int(numbers[i]): problem for i, problem in of_rows.items()}


def _parse_cells(
    cells: list[Sequence[str]],
    line: np.ndarray,
    layout: LineLayout,
    source: Path,
    labels: bool,
    keep: bool,
) -> tuple[RegionTable, Problems]:
    chrom = [value.strip(" ") for value in cells[layout.column["chrom"]]]
    problems: Problems = {}
    for i, value in enumerate(chrom if not all(chrom) else ()):
        if not value:
            problems[i] = "the chromosome is missing"
    first = _whole_numbers(cells[layout.column["start"]], "start", problems)
    end = _whole_numbers(cells[layout.column["end"]], "end", problems)
    label = _labels(cells, layout, labels, problems)
    start = first - layout.base
    own = None
    if "name" in layout.column:
        own = [value.strip(" ") for value in cells[layout.column["name"]]]
        if layout.form.name_in is not None:
            own = [layout.form.name_in(value) for value in own]
    regions = region_rows(chrom, start, end, own, label, line)
    for what, texts in (("chromosome's name", chrom), ("name", regions["name"].tolist())):
        if max(map(len, texts)) > MAX_NAME:
            long = [i for i, text in enumerate(texts) if len(text) > MAX_NAME]
            problems |= dict.fromkeys(long, f"the {what} is longer than {MAX_NAME} characters")
    for i in np.flatnonzero(start < 0).tolist():
        problems.setdefault(i, f"start 0, where the first base is 1 ({layout.read_as})")
    after = " + 1" if layout.base else ""
    for i in np.flatnonzero((start >= end) & (not keep)).tolist():
        problems.setdefault(i, f"start {first[i]} {NOT_BEFORE_END} {end[i]}{after}")
    length = layout.length or 0  # where there is none, no row is of another base
    for i in _of_another_base(cells, layout, start, end):
        problems.setdefault(
            i,
            f"{layout.names[length]} {cells[length][i]} is not that of a start"
            f" counted from {layout.base}, as in most lines before",
        )
    by = layout.names[layout.column["label"]] if "label" in layout.column else ""
    table = dict(zip(layout.names, cells, strict=True))
    return RegionTable(regions, table, source, layout.read_as, by), problems


def region_rows(
    chrom: Sequence[str],
    start: np.ndarray,
    end: np.ndarray,
    name: Sequence[str] | None,
    label: pd.api.extensions.ExtensionArray,
    line: np.ndarray,
) -> pd.DataFrame:
    """A table like `RegionTable.regions`; regions without a name are called after their place."""
    ends = zip(chrom, start.tolist(), end.tolist(), strict=True)
    names = [f"{word}:{first}-{last}" for word, first, last in ends]
    if name is not None:
        names = [place if own in NO_NAME else own for own, place in zip(name, names, strict=True)]
    return pd.DataFrame(
        {
            "chrom": pd.array(chrom, dtype="str"),
            "start": start,
            "end": end,
            "name": pd.array(names, dtype="str"),
            "label": label,
            "line": np.asarray(line, dtype=np.int64),
        }
    )


def _of_another_base(
    cells: Sequence[Sequence[str]], layout: LineLayout, start: np.ndarray, end: np.ndarray
) -> list[int]:
    """Rows whose length counts its ends as the other base does: two tables were put together."""
    if layout.length is None:
        return []
    length = pd.to_numeric(pd.Series(cells[layout.length], dtype="str"), errors="coerce")
    other = end - start + (1 if layout.base == 0 else -1)
    return np.flatnonzero(length.to_numpy() == other).tolist()


def _whole_numbers(cells: Sequence[str], column: str, problems: Problems) -> np.ndarray:
    """The numbers, int64; instead of bad ones such that later checks stay quiet."""
    values = cells
    if not _are_whole(values):
        # of blanks only: to Python some control characters are white space as well
        values = [cell.strip(" ") for cell in cells]
        for i, value in enumerate(values):
            if not _are_whole([value]):
                negative = value[:1] == "-" and value[1:].isdecimal()
                problem = "is negative" if negative else "is not a whole number"
                if value.isdecimal() and value.isascii():
                    problem = "is too large for a position"
                problems.setdefault(i, f"{column} {value[:40]!r} {problem}")
                values[i] = "0" if column == "start" else "1"
    return np.fromiter(map(int, values), np.int64, len(values))


def _are_whole(values: Sequence[str]) -> bool:
    """Whether all are digits and nothing else: at least one, and not more than a position has."""
    joined, digits = "".join(values), set(map(len, values))
    return joined.isascii() and joined.isdecimal() and 0 < min(digits) <= max(digits) <= MAX_DIGITS


def _labels(
    cells: Sequence[Sequence[str]], layout: LineLayout, labels: bool, problems: Problems
) -> pd.api.extensions.ExtensionArray:
    """Labels as Int8, missing where there is none."""
    if not labels or "label" not in layout.column:
        return unlabelled(len(cells[0]))
    at = layout.column["label"]
    raw = cells[at]
    known = {value: read_label(value) for value in set(raw)}
    for i, value in enumerate(raw if None in known.values() else ()):
        if known[value] is None:
            problems.setdefault(i, f"label {value[:40]!r} is unknown ({KNOWN_LABELS})")
    label = [None if known[value] in (None, -1) else known[value] for value in raw]
    for other in find_columns(layout.names).get("label", [])[1:]:
        for i, (own, cell) in enumerate(zip(label, cells[other], strict=True)):
            if own is not None and read_label(cell) not in (own, -1, None):
                problems.setdefault(
                    i,
                    f"{layout.names[at]} is {raw[i][:40]!r}, but {layout.names[other]} is"
                    f" {cell[:40]!r}: which of the two is the label is not known",
                )
    return pd.array(label, dtype="Int8")


def unlabelled(rows: int) -> pd.api.extensions.ExtensionArray:
    """Labels (Int8) of rows that have none."""
    missing = np.ones(rows, bool)
    return pd.arrays.IntegerArray(missing.astype(np.int8), missing)
