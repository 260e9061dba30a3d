"""Tables of places that are no regions: their header says what stands between and round cells.

Read as tables of regions are (`regions.layout`): tabs, commas, semicolons or blanks between cells,
quotes and row names as R and pandas write them, remarks before the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from seformer.regions.formats import ROW_NAMES
from seformer.regions.layout import LineLayout, delimiters, split_header
from seformer.regions.lines import Line, content_lines, is_region
from seformer.util.tables import require_width

Row = tuple[int, list[str]]  # the line's number, counted from 1, and its cells


class HeadedTable(NamedTuple):
    """A table by its header: the line of this, the columns' names, and the rows, read once."""

    line: int
    names: list[str]
    rows: Iterator[Row]


def read_headed(
    lines: Iterator[Line], source: Path, is_header: Callable[[Sequence[str]], bool]
) -> HeadedTable | None:
    """Find the header and cut the rows; None if neither a remark nor the first row is one.

    Parameters
    ----------
    lines
        All lines of the file, see `seformer.util.text.numbered_lines`.
    is_header
        Whether these names are those of the table that is looked for.

    Raises
    ------
    UserError
        While rows are read, for one that is not as wide as the header.
    """
    lines, head = content_lines(lines, source), None
    for number, line in lines:
        named = _names(line, is_header)
        if named:
            head = (number, *named)
        if not is_region(line):
            continue
        if not named:
            if not head or len(head[1].split(line)) not in (len(head[2]), len(head[2]) + 1):
                return None
            lines = chain([(number, line)], lines)
        break
    return head and _table(*head, lines, source)


def _names(
    line: str, is_header: Callable[[Sequence[str]], bool]
) -> tuple[LineLayout, list[str]] | None:
    """How a header is cut, and its names; None of any other line."""
    line = line.lstrip("#").strip(" ")
    headers = (split_header(line, delimiter) for delimiter in delimiters(line))
    return next(((layout, names) for layout, names in headers if is_header(names)), None)


def _table(
    line: int, layout: LineLayout, names: list[str], lines: Iterator[Line], source: Path
) -> HeadedTable:
    rows = ((number, layout.split(text)) for number, text in lines if is_region(text))
    first = next(rows, None)
    rows = rows if first is None else chain([first], rows)
    if first and len(first[1]) == len(names) + 1 and first[1][-1].strip():
        names = [ROW_NAMES, *names]
    names = [names[0] or ROW_NAMES, *names[1:]]
    return HeadedTable(line, names, _fit(rows, names, source))


def _fit(rows: Iterator[Row], names: Sequence[str], source: Path) -> Iterator[Row]:
    for number, cells in rows:
        while len(cells) > len(names) and not cells[-1].strip():
            del cells[-1]
        require_width(cells, names, source, number)
        yield number, cells
