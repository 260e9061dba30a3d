"""How the lines of a region file become columns: recognised by its name, first lines and rows.

What stands in a file goes before its name: a header before all else, then the rows (`formats`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from seformer.regions.formats import (
    BED,
    ROW_NAMES,
    Format,
    of_header,
    of_line,
    of_name,
    of_rows,
    place_at,
    whole,
)
from seformer.regions.lines import Line, content_lines, is_region, one_track_lines
from seformer.regions.words import (
    CLASSES,
    SUPER_WORDS,
    column_words,
    find_columns,
    find_length,
    plain_word,
)
from seformer.util.errors import NothingToReadError, UserError

# each is a column in memory; no table of regions has nearly as many
MAX_COLUMNS = 1_000
MAX_DIGITS = 15  # no chromosome is longer; keeps every number inside int64
# rows by which a file without header is recognised, and by which its lengths tell its base
HEAD_ROWS = 100
# lines are taken together up to so many characters: memory follows neither their number nor size
STRETCH = 2**23
CALLS = ("prediction", "set")  # columns of predictions.tsv that hold names of classes
SHEET = (",", ";", "|")  # what stands between cells that may be in quotes
COLUMNS_EXPECTED = (
    "chromosome, start and end (whole numbers, 0 <= start < end), tab-separated as in BED, or a"
    " header that names them"
)


@dataclass(frozen=True)
class LineLayout:
    """How the lines of one file are read.

    Attributes
    ----------
    delimiter
        None means runs of blanks.
    quoted
        Cells may stand in quotes.
    names
        Of all columns.
    column
        Which of them has which meaning, see `words.HEADER_WORDS`.
    form
        The file's format.
    base
        The number of a chromosome's first base.
    length
        The column of lengths that says so.
    fewest
        So many columns stand in each line at least; the others may be left out where empty.
    """

    delimiter: str | None
    quoted: bool
    names: tuple[str, ...] = ()
    column: dict[str, int] = field(default_factory=dict)
    form: Format = BED
    base: int = 0
    length: int | None = None
    fewest: int = 0

    @property
    def ends(self) -> tuple[int, int]:
        """The columns of start and end."""
        return self.column["start"], self.column["end"]

    @property
    def read_as(self) -> str:
        """In words for people."""
        why = "" if self.length is None else f", as its column {self.names[self.length]} says"
        return f"{self.form.name}, starts counted from {self.base}{why}"

    def split(self, line: str) -> list[str]:
        """The cells of a line."""
        if self.quoted and '"' in line:
            # R escapes a quote inside quotes, other programs double it
            escape = "\\" if '\\"' in line else None
            try:
                cells = csv.reader([line], delimiter=self.delimiter or " ", escapechar=escape)
                # results are written with tabs and without quotes
                return [cell.replace("\t", " ") for cell in next(cells)]
            except csv.Error:
                return [line]
        if self.delimiter is None:
            return [cell for cell in line.split(" ") if cell]
        return line.split(self.delimiter)

    def columns(self, lines: Sequence[str]) -> tuple[list[Sequence[str]], list[tuple[int, int]]]:
        """Cells column by column, and number and width of the lines that are not as wide."""
        width = len(self.names)
        plain = self.delimiter == "\t" and not self.quoted
        if plain and {line.count("\t") for line in lines} == {width - 1}:
            # one list of strings: a list for each line would have Python look for garbage
            cells = "\t".join(lines).split("\t")
            return [cells[i::width] for i in range(width)], []
        rows = [self._fit(self.split(line)) for line in lines]
        bad = [(i, len(row)) for i, row in enumerate(rows) if len(row) != width]
        return list(zip(*(row for row in rows if len(row) == width), strict=True)), bad

    def _fit(self, row: list[str]) -> list[str]:
        """Leave out, or put in, empty cells at the end: not every program writes them."""
        width = len(self.names)
        if len(row) > width and not any(map(str.strip, row[width:])):
            return row[:width]
        return row + [""] * (width - len(row)) if self.fewest <= len(row) < width else row


def read_layout(
    lines: Iterator[Line], source: Path, one_track: bool
) -> tuple[LineLayout, Iterator[Line]]:
    """Recognise the file by its name, its first lines and rows; give back all lines of regions.

    Parameters
    ----------
    lines
        All lines of the file, see `seformer.util.text.numbered_lines`.
    source
        The file.
    one_track
        Refuse a second `track`.

    Raises
    ------
    UserError
        If there are no regions, or the file is of a format that is not read.
    """
    lines = content_lines(lines, source)
    if one_track:
        lines = one_track_lines(lines, source)
    said, header, head, size = of_name(source.name), None, [], 0
    for number, line in lines:
        region = is_region(line)
        if not (said and said.do) and not (head and region):
            said = of_line(line) or said
        if said is not None and said.do:
            raise _not_read(said, source, number)
        if region:
            head.append((number, line))
            size += len(line)
            if len(head) > HEAD_ROWS or size > STRETCH:
                break
        elif not head:
            header = _header(line.lstrip("#").strip()) or header
    if head and (first := _header(head[0][1])) is not None:
        header = first
        del head[0]
    elif head and header is not None:
        header = _of_comment(header, head[0][1])
    if not head:
        raise no_regions(source)
    layout = header or _way(head)
    rows = [layout.split(line) for _, line in head]
    if header is None:
        layout = _without_header(layout, rows, said, source, head[0][0])
    else:
        layout = _with_header(layout, rows, source)
    layout = _labelled(_counted(layout, rows), rows)
    if len(layout.names) > MAX_COLUMNS:
        raise UserError(
            f"there are {n_columns(len(layout.names))}",
            where=source,
            expected=f"one region per line, in at most {MAX_COLUMNS} columns",
        )
    every = chain(head, lines)
    # one look at most lines: there may be millions
    return layout, (item for item in every if item[1][0] not in '#"tb' or is_region(item[1]))


def no_regions(source: Path) -> UserError:
    """The error of a file without regions."""
    return NothingToReadError(
        "the file has no regions", where=source, expected="one region per line (BED or a table)"
    )


def n_columns(number: int) -> str:
    """A number of columns in words."""
    return "1 column" if number == 1 else f"{number} columns"


def _not_read(form: Format, source: Path, line: int) -> UserError:
    return UserError(
        f"this looks like {form.name}, not like regions",
        where=source,
        line=line,
        expected=COLUMNS_EXPECTED,
        do=form.do,
    )


# ------------------------------------------------------------------------- a header


def delimiters(line: str) -> tuple[str | None, ...]:
    """What may stand between the cells of a line; None means runs of blanks."""
    return ("\t",) if "\t" in line else (None, *SHEET)


def split_header(line: str, delimiter: str | None) -> tuple[LineLayout, list[str]]:
    """How a line is cut if it names columns, and the names."""
    cells = [cell.strip(" ") for cell in line.split(delimiter)]
    quoted = delimiter in SHEET or all(cell[:1] == cell[-1:] == '"' for cell in cells)
    layout = LineLayout(delimiter, quoted)
    return layout, [name.strip().lstrip("#") for name in layout.split(line)]


def _header(line: str) -> LineLayout | None:
    """The layout of a line that names chromosome, start and end; None of any other line."""
    for delimiter in delimiters(line):
        layout, names = split_header(line, delimiter)
        column = {meaning: at[0] for meaning, at in find_columns(names).items()}
        if {"chrom", "start", "end"} <= column.keys():
            return replace(layout, names=tuple(names), column=column)
    return None


def _of_comment(header: LineLayout, line: str) -> LineLayout | None:
    """Return a header that stands in a comment, if it is that of ``line``, as wide as this."""
    if header.delimiter not in delimiters(line):
        return None
    row = header.split(line)
    names, width = header.names, len(row)
    if width == len(names):
        return header
    # a remark may hold the three words by chance, but has no tabs between them
    if header.delimiter != "\t" or max(header.ends) >= width:
        return None
    if not all(whole(row[i]) for i in header.ends):
        return None
    return replace(header, names=(names + _numbered(len(names), width))[:width])


def _numbered(first: int, width: int) -> tuple[str, ...]:
    """Names for the columns that have none."""
    return tuple(f"column_{i + 1}" for i in range(first, width))


def _with_header(header: LineLayout, rows: Sequence[Sequence[str]], source: Path) -> LineLayout:
    names, words = header.names, column_words(header.names)
    twice = next((names[i] for i in header.column.values() if words.count(words[i]) > 1), "")
    if twice:
        raise UserError(
            f"the column {twice!r} stands there twice",
            where=source,
            do="leave one of them, or rename the other",
        )
    if not names[0] or _row_names(rows, len(names), header.ends):
        names = (ROW_NAMES, *(names if names[0] else names[1:]))
    fewest = max(i for i, name in enumerate(names, 1) if name)
    return _named(header, of_header(names), names, rows, fewest)


def _row_names(rows: Sequence[Sequence[str]], width: int, ends: Sequence[int]) -> bool:
    """Whether rows have one cell more than the header, in front: R's row names."""
    row = rows[0]
    if len(row) != width + 1:
        return False
    here, behind = ([whole(row[i + shift]) for i in ends] for shift in (0, 1))
    # behind names of chromosomes that are numbers only R's own numbers tell
    counted = len(rows) > 1 and all(cells[0] == str(i) for i, cells in enumerate(rows, 1))
    return all(behind) and (counted or not all(here))


# ------------------------------------------------------------------------- rows alone


def _way(head: Sequence[Line]) -> LineLayout:
    """How rows without a header are cut: the first way by which they look like regions."""
    line = head[0][1]
    ways = [
        LineLayout(delimiter, quoted)
        for delimiter in delimiters(line)
        for quoted in ((True,) if delimiter in SHEET else (False, True))
    ]
    return next(
        (way for way in ways if any(_looks_like_a_region(way.split(text)) for _, text in head[:2])),
        max(ways, key=lambda way: len(way.split(line))),
    )


def _looks_like_a_region(cells: Sequence[str]) -> bool:
    return any(place_at(cells, i) and cells[i][0] != '"' for i in (0, 1))


def _without_header(
    layout: LineLayout,
    rows: Sequence[Sequence[str]],
    said: Format | None,
    source: Path,
    number: int,
) -> LineLayout:
    width = len(rows[0])
    words = not any(whole(cell.strip()) for cell in rows[0])
    if len(rows) > 1 and words and _looks_like_a_region(rows[1]):
        raise UserError(
            f"the header names no chromosome, start and end: {', '.join(rows[0])[:80]!r}",
            where=source,
            line=number,
            expected=COLUMNS_EXPECTED,
            do="call these columns chrom, start and end, the starts counted from 0",
        )
    form, columns = of_rows([_without_empty_end(row) for row in rows], said)
    if form.do:
        raise _not_read(form, source, number)
    if width < 3:
        raise UserError(
            f"only {n_columns(width)}", where=source, line=number, expected=COLUMNS_EXPECTED
        )
    names = (columns + _numbered(len(columns), width))[:width]
    return _named(layout, form, names, rows, len(_without_empty_end(rows[0])))


def _without_empty_end(cells: Sequence[str]) -> Sequence[str]:
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return cells


# ------------------------------------------------------------------------- what columns mean


def _named(
    layout: LineLayout,
    form: Format,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    fewest: int,
) -> LineLayout:
    column = {meaning: at[0] for meaning, at in find_columns(names).items()}
    words = column_words(names)
    naming = [words.index(word) for word in form.named if word in words]
    if naming:
        column["name"] = naming[0]
    elif "name" not in column and names[0] == ROW_NAMES and not whole(rows[0][0]):
        column["name"] = 0
    unique: dict[str, None] = {}
    for i, name in enumerate(names, start=1):
        name = name or f"column_{i}"
        while name in unique:
            name += f"_{i}"
        unique[name] = None
    return replace(
        layout, form=form, names=tuple(unique), column=column, base=form.base, fewest=fewest
    )


def _counted(layout: LineLayout, rows: Sequence[Sequence[str]]) -> LineLayout:
    """Let a column of lengths say whether starts count from 0 or from 1."""
    length = find_length(layout.names)
    if length is None or layout.form.sure:
        return layout
    shorter = [_shorter(row, (*layout.ends, length)) for row in rows]
    for base in (0, 1):
        # other lengths, such as a gene's, may fit by chance
        if shorter.count(base) > len(rows) / 2:
            return replace(layout, base=base, length=length)
    return layout


def _shorter(row: Sequence[str], columns: tuple[int, int, int]) -> int | None:
    """By how much end - start falls short of the length."""
    start, end, length = (row[i] if i < len(row) else "" for i in columns)
    cells = (start, end, length.removesuffix(".0"))
    if not all(len(cell) <= MAX_DIGITS and whole(cell) for cell in cells):
        return None
    return int(cells[2]) - (int(end) - int(start))


def _labelled(layout: LineLayout, rows: Sequence[Sequence[str]]) -> LineLayout:
    """Take a column of words for the two classes as the labels, whatever it is called."""
    if "label" in layout.column:
        return layout
    # what a model called a region is not what it is
    calls = {i for i, name in enumerate(layout.names) if name.removeprefix("input_") in CALLS}
    for i in set(range(len(layout.names))) - {layout.column["chrom"], *layout.ends} - calls:
        words = {plain_word(row[i]) if i < len(row) else "" for row in rows}
        # one word for all, which is not of a class alone, may be any name
        if words <= CLASSES.keys() and (len(words) > 1 or words <= set(SUPER_WORDS)):
            return replace(layout, column=layout.column | {"label": i})
    return layout
