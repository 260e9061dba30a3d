"""Regions from whatever a lab has: BED, DeepSE's CSV, ROSE tables, labelled tables, peaks.

Coordinates are 0-based half-open everywhere inside. Which number a file gives the first base is
the business of its format (`regions.formats`). BED says so itself; ROSE copies the start of its
input unchanged into its tables and back into its own BED files, and DeepSE's CSVs come from such
tables, so both are read as they stand.

Layouts followed: those of `regions.formats`, ROSE's `*_AllEnhancers.table.txt` (Whyte 2013, Loven
2013), dbSUPER's and SEdb's tables.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.regions import formats
from seformer.regions.formats import HEADER_WORDS, LENGTH_WORDS, ROW_NAMES, Format
from seformer.util.errors import NothingToReadError, UserError
from seformer.util.text import MAX_NAME, numbered_lines, open_text

logger = logging.getLogger(__name__)

# lower case, without blanks, dashes and underscores
SUPER_WORDS = ("se", "ses", "super", "superenhancer", "superenhancers")
# LILY calls a typical enhancer an enhancer, and lists promoters too, which are neither
TYPICAL_WORDS = (
    *("te", "tes", "typical", "typicalenhancer", "typicalenhancers", "enhancer", "nonsuper"),
    *("normalenhancer", "regularenhancer", "nonsuperenhancer", "nonse"),
)
NEITHER_WORDS = ("promoter", "promoters")
NO_LABEL = ("", ".", "na", "nan", "none", "null")
NEITHER = -2
NO_NAME = ("", ".")
CLASSES = (
    dict.fromkeys(SUPER_WORDS, 1)
    | dict.fromkeys(TYPICAL_WORDS, 0)
    | dict.fromkeys(NEITHER_WORDS, NEITHER)
)
# what says nothing of enhancers, and is a label only in a column that is called so
LABELS = (
    CLASSES
    | dict.fromkeys(("1", "1.0", "yes", "true", "t", "y"), 1)
    | dict.fromkeys(("0", "0.0", "no", "false", "f", "n"), 0)
    | dict.fromkeys(NO_LABEL, -1)
)
# each is a column in memory; no table of regions has nearly as many
MAX_COLUMNS = 1_000
MAX_DIGITS = 15  # no chromosome is longer; keeps every number inside int64
# rows by which a file without header is recognised, and by which its lengths tell its base
HEAD_ROWS = 100
# lines are taken together up to so many characters: memory follows neither their number nor size
STRETCH = 2**23
NO_LENGTH = "is not before end"
COLUMNS_EXPECTED = (
    "chromosome, start and end (whole numbers, 0 <= start < end), tab-separated as in BED, or a"
    " header that names them"
)


@dataclass(frozen=True)
class RegionTable:
    """Regions of one file, or of one stretch of it.

    Attributes
    ----------
    regions
        One row per region in input order: ``chrom`` str, ``start`` and ``end`` int64 (0-based
        half-open), ``name`` str (``chrom:start-end`` where the file has none), ``label`` Int8
        (1 = super-enhancer, 0 = typical, `NEITHER` = a promoter, missing = unlabelled), ``line``
        int64 (1-based).
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


@dataclass(frozen=True)
class _Layout:
    """How the lines of one file are read.

    Attributes
    ----------
    form
        Its format.
    names
        Of all columns.
    column
        Which of them has which meaning, see `HEADER_WORDS`.
    delimiter
        None means runs of blanks.
    quoted
        Cells may stand in quotes.
    base
        The number of a chromosome's first base.
    length
        The column of lengths that says so.
    fewest
        So many columns stand in each line at least; the others may be left out where empty.
    """

    form: Format
    names: tuple[str, ...]
    column: dict[str, int]
    delimiter: str | None
    quoted: bool
    base: int
    length: int | None = None
    fewest: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """The columns of start and end."""
        return self.column["start"], self.column["end"]

    @property
    def read_as(self) -> str:
        """In words for people."""
        why = "" if self.length is None else f", as its column {self.names[self.length]} says"
        return f"{self.form.name}, starts counted from {self.base}{why}"

    def columns(self, lines: Sequence[str]) -> tuple[list[Sequence[str]], list[tuple[int, int]]]:
        """Cells column by column, and number and width of the lines that are not as wide."""
        width = len(self.names)
        plain = self.delimiter == "\t" and not self.quoted
        if plain and {line.count("\t") for line in lines} == {width - 1}:
            # one list of strings: a list for each line would have Python look for garbage
            cells = "\t".join(lines).split("\t")
            return [cells[i::width] for i in range(width)], []
        rows = [self._fit(_split(line, self.delimiter, self.quoted)) for line in lines]
        bad = [(i, len(row)) for i, row in enumerate(rows) if len(row) != width]
        return list(zip(*(row for row in rows if len(row) == width), strict=True)), bad

    def _fit(self, row: list[str]) -> list[str]:
        """Leave out, or put in, empty cells at the end: not every program writes them."""
        width = len(self.names)
        if len(row) > width and not any(map(str.strip, row[width:])):
            return row[:width]
        return row + [""] * (width - len(row)) if self.fewest <= len(row) < width else row


class _Stretch(NamedTuple):
    """Lines that follow each other: 1-based numbers and texts."""

    line: list[int]
    text: list[str]

    @classmethod
    def take(cls, lines: Iterator[tuple[int, str]], most: int) -> _Stretch:
        stretch = cls([], [])
        size = 0
        # two lists, not one of pairs, which Python would search for garbage
        for number, text in islice(lines, most):
            stretch.line.append(number)
            stretch.text.append(text)
            size += len(text)
            if size > STRETCH:
                break
        return stretch


@dataclass
class _Problems:
    """The first bad line and how many there are."""

    first: tuple[int, str] | None = None
    count: int = 0

    def add(self, lines: Sequence[int], found: str) -> None:
        """Count bad ``lines``; ``found`` says what is wrong with the first of them."""
        if self.first is None or lines[0] < self.first[0]:
            self.first = (int(lines[0]), found)
        self.count += len(lines)

    def error(self, source: Path) -> UserError:
        line, found = self.first
        more = f" (and {self.count - 1} further bad lines)" if self.count > 1 else ""
        do = "mend or remove the line"
        if re.search(r"'\d[\d.,]*(e[+-]?\d+)?' is not a whole", found, re.I):
            do = "write the number out in full, in digits alone: a spreadsheet or R changed it"
        if NO_LENGTH in found:
            do += (
                "; where regions are scored, explained or trained on, --invalid-regions drop"
                " (--invalid_regions drop in the pipeline) drops and counts such regions"
            )
        return UserError(found + more, where=source, line=line, expected=COLUMNS_EXPECTED, do=do)


def read_regions(
    path: str | PathLike[str],
    *,
    labels: bool = True,
    invalid: str = "error",
    own: Collection[str] | None = None,
    one_track: bool = False,
) -> RegionTable:
    """Read a whole region file; see `iter_regions` for the forms and the errors.

    Of the file's own columns only those in ``own`` are kept, or all: memory follows their length.
    """
    found = iter_regions(path, labels=labels, invalid=invalid, one_track=one_track)
    parts = [_keep(part, own) for part in found]
    logger.info("%s: read as %s", parts[0].source.name, parts[0].read_as)
    if len(parts) == 1:
        return parts[0]
    regions = pd.concat([part.regions for part in parts], ignore_index=True)
    names = parts[0].cells.keys()
    cells = {name: list(chain.from_iterable(part.cells[name] for part in parts)) for name in names}
    return replace(parts[0], regions=regions, cells=cells)


def _keep(part: RegionTable, own: Collection[str] | None) -> RegionTable:
    if own is None:
        return part
    return replace(part, cells={name: part.cells[name] for name in own if name in part.cells})


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
    problems = _Problems()
    empty = True
    with open_text(source) as text:
        lines = _content(numbered_lines(text, source), source)
        layout, lines = _read_layout(lines, source, one_track)
        while (stretch := _Stretch.take(lines, rows)).line:
            empty = False
            part = _parse(stretch, layout, source, labels, invalid == "keep", problems)
            if not problems.count:
                yield part
    if problems.count:
        raise problems.error(source)
    if empty:
        raise _nothing(source)


def _nothing(source: Path) -> UserError:
    return NothingToReadError(
        "the file has no regions", where=source, expected="one region per line (BED or a table)"
    )


SHEET = (",", ";", "|")  # what stands between cells that may be in quotes
BLANK = " \t,;|"  # also what a spreadsheet writes of an empty row


def _content(numbered: Iterator[tuple[int, str]], source: Path) -> Iterator[tuple[int, str]]:
    """Drop empty lines, and the sequences at the end of a GFF3."""
    gff = False
    for number, line in numbered:
        if line[:1] in BLANK and not line.strip(BLANK):
            continue
        if number == 1 and re.fullmatch("sep=.", line):  # so a spreadsheet names its delimiter
            continue
        if line[0] in "#>":  # one look at most lines
            gff |= line.startswith("##gff-version")
            if line.startswith("##FASTA") or (gff and line[0] == ">"):
                return
        if "\0" in line:
            raise UserError(
                "the file is not text", where=source, line=number, expected="BED or a table"
            )
        yield number, line


def _is_region(line: str) -> bool:
    """Whether a line is neither a comment nor a track's; a contig may be called `track`."""
    if line[0] in "tb":
        word, *numbers = re.split("[\t ]+", line, maxsplit=3)[:3]
        return word not in ("track", "browser") or any(map(formats.whole, numbers))
    # spreadsheets put comments into quotes
    return line[0] != "#" and line[:2] != '"#'


def _read_layout(
    lines: Iterator[tuple[int, str]], source: Path, one_track: bool
) -> tuple[_Layout, Iterator[tuple[int, str]]]:
    """Recognise the file by its name, its first lines and rows; give back all lines of regions."""
    said = formats.of_name(source.name)
    if one_track:
        lines = _one_track(lines, source)
    header, head, size = None, [], 0
    for number, line in lines:
        if not (said and said.do) and (not head or not _is_region(line)):
            said = formats.of_line(line) or said
        if said is not None and said.do:
            raise _not_read(said, source, number)
        if _is_region(line):
            head.append((number, line))
            size += len(line)
            if len(head) > HEAD_ROWS or size > STRETCH:
                break
        elif not head:
            header = _header(line.lstrip("#").strip()) or header
    if not head:
        raise _nothing(source)
    number, line = head[0]
    if (named := _header(line)) is not None:
        header = named
        del head[0]
        if not head:
            raise _nothing(source)
    elif header is not None:
        header = _of_comment(header, line)
    if header is None:
        layout = _without_header(head, said, source)
    else:
        layout = _with_header(header, head, source)
    rows = [_split(line, layout.delimiter, layout.quoted) for _, line in head]
    layout = _labelled(layout, rows)
    if len(layout.names) > MAX_COLUMNS:
        raise UserError(
            f"there are {_columns(len(layout.names))}",
            where=source,
            expected=f"one region per line, in at most {MAX_COLUMNS} columns",
        )
    every = chain(head, lines)
    # one look at most lines: there may be millions
    return layout, (item for item in every if item[1][0] not in '#"tb' or _is_region(item[1]))


def _one_track(lines: Iterator[tuple[int, str]], source: Path) -> Iterator[tuple[int, str]]:
    """Refuse a second track: its name is the only label that its regions have."""
    regions = False
    for number, line in lines:
        region = _is_region(line)
        if regions and not region and line.startswith("track"):
            raise UserError(
                "a second track begins after regions: their labels would be lost",
                where=source,
                line=number,
                expected="one class in a file of BED, or a column of labels",
                do="of ROSE take the table AllEnhancers.table.txt in place of _withSuper.bed, or"
                " write a file a track",
            )
        regions |= region
        yield number, line


def _not_read(form: Format, source: Path, line: int) -> UserError:
    return UserError(
        f"this looks like {form.name}, not like regions",
        where=source,
        line=line,
        expected=COLUMNS_EXPECTED,
        do=form.do,
    )


def _split(line: str, delimiter: str | None, quoted: bool) -> list[str]:
    if quoted and '"' in line:
        # R escapes a quote inside quotes, other programs double it
        escape = "\\" if '\\"' in line else None
        try:
            row = next(csv.reader([line], delimiter=delimiter or " ", escapechar=escape))
        except csv.Error:
            return [line]
        # results are written with tabs and without quotes
        return [cell.replace("\t", " ") for cell in row]
    if delimiter is None:
        return [cell for cell in line.split(" ") if cell]
    return line.split(delimiter)


def _delimiters(line: str) -> tuple[str | None, ...]:
    return ("\t",) if "\t" in line else (None, ",", ";", "|")


class _Header(NamedTuple):
    """A line that names chromosome, start and end."""

    names: list[str]
    delimiter: str | None
    quoted: bool

    @property
    def lower(self) -> list[str]:
        return [formats.column_word(name) for name in self.names]

    @property
    def column(self) -> dict[str, int]:
        lower = self.lower
        found = {
            meaning: [lower.index(word) for word in words if word in lower]
            for meaning, words in HEADER_WORDS.items()
        }
        return {meaning: places[0] for meaning, places in found.items() if places}


def _header(line: str) -> _Header | None:
    """Return the header if the line is one, else None."""
    for delimiter in _delimiters(line):
        cells = [cell.strip(" ") for cell in line.split(delimiter)]
        quoted = all(cell[:1] == cell[-1:] == '"' for cell in cells)
        quoted |= delimiter in SHEET
        names = [name.strip().lstrip("#") for name in _split(line, delimiter, quoted)]
        header = _Header(names, delimiter, quoted)
        if {"chrom", "start", "end"} <= header.column.keys():
            return header
    return None


def _of_comment(header: _Header, line: str) -> _Header | None:
    """Return a header that stands in a comment, if it is that of ``line``, as wide as this."""
    if header.delimiter not in _delimiters(line):
        return None
    row = _split(line, header.delimiter, header.quoted)
    width = len(row)
    if width == len(header.names):
        return header
    # a remark may hold the three words by chance, but has no tabs between them
    place = [header.column["start"], header.column["end"]]
    if (
        header.delimiter != "\t"
        or max(place) >= width
        or not all(formats.whole(row[i]) for i in place)
    ):
        return None
    names = [*header.names, *(f"column_{i + 1}" for i in range(len(header.names), width))]
    return header._replace(names=names[:width])


def _with_header(header: _Header, head: list[tuple[int, str]], source: Path) -> _Layout:
    rows = [_split(line, header.delimiter, header.quoted) for _, line in head]
    column, names = header.column, header.names
    twice = next((names[i] for i in column.values() if header.lower.count(header.lower[i]) > 1), "")
    if twice:
        raise UserError(
            f"the column {twice!r} stands there twice",
            where=source,
            do="leave one of them, or rename the other",
        )
    if not names[0] or _row_names(rows, len(names), [column["start"], column["end"]]):
        header = header._replace(names=[ROW_NAMES, *(names if names[0] else names[1:])])
    fewest = max(i for i, name in enumerate(header.names, 1) if name)
    return _counted(_layout(formats.of_header(header.lower), header, rows[0], fewest), rows)


def _row_names(rows: Sequence[Sequence[str]], width: int, place: Sequence[int]) -> bool:
    """Whether rows have one cell more than the header, in front: R's row names."""
    row = rows[0]
    if len(row) != width + 1:
        return False
    here, behind = ([formats.whole(row[i + shift]) for i in place] for shift in (0, 1))
    # behind names of chromosomes that are numbers only R's own numbers tell
    counted = len(rows) > 1 and all(cells[0] == str(i) for i, cells in enumerate(rows, 1))
    return all(behind) and (counted or not all(here))


def _counted(layout: _Layout, rows: list[list[str]]) -> _Layout:
    """Let a column of lengths say whether starts count from 0 or from 1."""
    lower = [name.lower() for name in layout.names]
    length = next((lower.index(word) for word in LENGTH_WORDS if word in lower), None)
    if length is None or layout.form.sure:
        return layout
    shorter = [_shorter(row, layout, length) for row in rows]
    for base in (0, 1):
        # other lengths, such as a gene's, may fit by chance
        if shorter.count(base) > len(rows) / 2:
            return replace(layout, base=base, length=length)
    return layout


def _shorter(row: Sequence[str], layout: _Layout, length: int) -> int | None:
    """By how much end - start falls short of the length."""
    cells = [row[i] if i < len(row) else "" for i in (*layout.place, length)]
    cells[2] = cells[2].removesuffix(".0")
    if not all(len(cell) <= MAX_DIGITS and formats.whole(cell) for cell in cells):
        return None
    start, end, long = map(int, cells)
    return long - (end - start)


def _without_header(head: list[tuple[int, str]], said: Format | None, source: Path) -> _Layout:
    number, line = head[0]
    ways = [
        (delimiter, quoted)
        for delimiter in _delimiters(line)
        for quoted in ((True,) if delimiter in SHEET else (False, True))
    ]
    delimiter, quoted = next(
        (w for w in ways if any(_looks_like_a_region(_split(text, *w)) for _, text in head[:2])),
        max(ways, key=lambda way: len(_split(line, *way))),
    )
    rows = [_split(text, delimiter, quoted) for _, text in head]
    width = len(rows[0])
    words = not any(formats.whole(cell.strip()) for cell in rows[0])
    if len(rows) > 1 and words and _looks_like_a_region(rows[1]):
        raise UserError(
            f"the header names no chromosome, start and end: {', '.join(rows[0])[:80]!r}",
            where=source,
            line=number,
            expected=COLUMNS_EXPECTED,
            do="call these columns chrom, start and end, the starts counted from 0",
        )
    form, columns = formats.of_rows([_without_empty_end(row) for row in rows], said)
    if form.do:
        raise _not_read(form, source, number)
    if width < 3:
        raise UserError(
            f"only {_columns(width)}", where=source, line=number, expected=COLUMNS_EXPECTED
        )
    names = columns + tuple(f"column_{i + 1}" for i in range(len(columns), width))
    header = _Header(list(names[:width]), delimiter, quoted)
    return _counted(_layout(form, header, rows[0], len(_without_empty_end(rows[0]))), rows)


def _layout(form: Format, header: _Header, row: Sequence[str], fewest: int) -> _Layout:
    column = header.column
    naming = [header.lower.index(word) for word in form.named if word in header.lower]
    if naming:
        column["name"] = naming[0]
    elif "name" not in column and header.names[0] == ROW_NAMES and not formats.whole(row[0]):
        column["name"] = 0
    return _Layout(
        form,
        _unique(header.names),
        column,
        header.delimiter,
        header.quoted,
        form.base,
        fewest=fewest,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    unique = []
    for i, name in enumerate(names, start=1):
        name = name or f"column_{i}"
        while name in seen:
            name += f"_{i}"
        seen.add(name)
        unique.append(name)
    return tuple(unique)


def _looks_like_a_region(cells: Sequence[str]) -> bool:
    return any(formats.place_at(cells, i) and cells[i][0] != '"' for i in (0, 1))


def _without_empty_end(cells: Sequence[str]) -> Sequence[str]:
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _parse(
    stretch: _Stretch,
    layout: _Layout,
    source: Path,
    labels: bool,
    keep: bool,
    problems: _Problems,
) -> RegionTable | None:
    """Turn lines into a table column by column; what is wrong goes to ``problems``."""
    line: Sequence[int] = stretch.line
    cells, bad = layout.columns(stretch.text)
    if bad:
        found = f"{_columns(bad[0][1])} where the file has {len(layout.names)}"
        problems.add([line[i] for i, _ in bad], found)
        line = np.delete(line, [i for i, _ in bad])
    if not cells:
        return None
    chrom = [value.strip(" ") for value in cells[layout.column["chrom"]]]
    first, found_start = _whole_numbers(cells[layout.column["start"]], "start")
    end, found_end = _whole_numbers(cells[layout.column["end"]], "end")
    label, found_label = _labels(cells, layout, labels)
    found = found_label | found_end | found_start
    if not all(chrom):
        found |= {i: "the chromosome is missing" for i, value in enumerate(chrom) if not value}
    start = first - layout.base
    name = _names(cells, layout, chrom, start, end)
    for what, texts in (("chromosome's name", chrom), ("name", name)):
        if max(map(len, texts)) > MAX_NAME:
            long = [i for i, text in enumerate(texts) if len(text) > MAX_NAME]
            found |= dict.fromkeys(long, f"the {what} is longer than {MAX_NAME} characters")
    for i in np.flatnonzero(start < 0):
        found.setdefault(int(i), f"start 0, where the first base is 1 ({layout.read_as})")
    for i in np.flatnonzero((start >= end) & (not keep)):
        after = " + 1" if layout.base else ""
        found.setdefault(int(i), f"start {first[i]} {NO_LENGTH} {end[i]}{after}")
    for i in _of_another_base(cells, layout, start, end):
        found.setdefault(
            i,
            f"{layout.names[layout.length]} {cells[layout.length][i]} is not that of a start"
            f" counted from {layout.base}, as in most lines before",
        )
    if found:
        bad = sorted(found)
        problems.add([line[i] for i in bad], found[bad[0]])
        return None
    regions = pd.DataFrame(
        {
            "chrom": pd.array(chrom, dtype="str"),
            "start": start,
            "end": end,
            "name": pd.array(name, dtype="str"),
            "label": label,
            "line": np.array(line, dtype=np.int64),
        }
    )
    own = dict(zip(layout.names, cells, strict=True))
    by = layout.names[layout.column["label"]] if "label" in layout.column else ""
    return RegionTable(regions, own, source, layout.read_as, by)


def _of_another_base(
    cells: Sequence[Sequence[str]], layout: _Layout, start: np.ndarray, end: np.ndarray
) -> list[int]:
    """Rows whose length counts its ends as the other base does: two tables were put together."""
    if layout.length is None:
        return []
    length = pd.to_numeric(pd.Series(cells[layout.length], dtype="str"), errors="coerce")
    other = end - start + (1 if layout.base == 0 else -1)
    return np.flatnonzero(length.to_numpy() == other).tolist()


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _whole_numbers(cells: Sequence[str], column: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the numbers (bad ones as -1 and 0 so that later checks stay quiet) and what is bad."""
    # of blanks only: to Python some control characters are white space as well
    values = [cell.strip(" ") for cell in cells]
    if _are_whole(values):
        return np.fromiter(map(int, values), np.int64, len(values)), {}
    found = {}
    for i, value in enumerate(values):
        if not _are_whole([value]):
            negative = value[:1] == "-" and value[1:].isdecimal()
            problem = "is negative" if negative else "is not a whole number"
            if value.isdecimal() and value.isascii():
                problem = "is too large for a position"
            found[i] = f"{column} {value[:40]!r} {problem}"
            values[i] = "0" if column == "start" else "1"
    return np.fromiter(map(int, values), np.int64, len(values)), found


def _are_whole(values: Sequence[str]) -> bool:
    """Whether all are digits and nothing else: at least one, and not more than a position has."""
    joined, digits = "".join(values), set(map(len, values))
    return joined.isascii() and joined.isdecimal() and 0 < min(digits) <= max(digits) <= MAX_DIGITS


def _labels(
    cells: Sequence[Sequence[str]], layout: _Layout, labels: bool
) -> tuple[pd.api.extensions.ExtensionArray, dict[int, str]]:
    """Labels as Int8, missing where there is none, and what is bad."""
    if not labels or "label" not in layout.column:
        none = np.ones(len(cells[0]), bool)
        return pd.arrays.IntegerArray(none.astype(np.int8), none), {}
    raw = cells[layout.column["label"]]
    known = {value: LABELS.get(_plain(value)) for value in set(raw)}
    found = {
        i: f"label {value[:40]!r} is unknown (super-enhancer: 1, SE, YES, TRUE; typical: 0, TE, NO,"
        " FALSE)"
        for i, value in enumerate(raw)
        if known[value] is None
    }
    label = [None if known[value] in (None, -1) else known[value] for value in raw]
    return pd.array(label, dtype="Int8"), found


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]", "", word.lower())


def _labelled(layout: _Layout, rows: Sequence[Sequence[str]]) -> _Layout:
    """Take a column of words for the two classes as the labels, whatever it is called."""
    if "label" in layout.column:
        return layout
    place = {layout.column["chrom"], *layout.place}
    for i in set(range(len(layout.names))) - place:
        words = {_plain(row[i]) if i < len(row) else "" for row in rows}
        # one word for all, which is not of a class alone, may be any name
        if words <= CLASSES.keys() and (len(words) > 1 or words <= set(SUPER_WORDS)):
            return replace(layout, column=layout.column | {"label": i})
    return layout


def _names(
    cells: Sequence[Sequence[str]],
    layout: _Layout,
    chrom: Sequence[str],
    start: np.ndarray,
    end: np.ndarray,
) -> list[str]:
    """Own names; chrom:start-end where there is none."""
    places = zip(chrom, start.tolist(), end.tolist(), strict=True)
    place = [f"{name}:{first}-{last}" for name, first, last in places]
    if "name" not in layout.column:
        return place
    own: Iterable[str] = (value.strip(" ") for value in cells[layout.column["name"]])
    if layout.form.name_in is not None:
        own = map(layout.form.name_in, own)
    return [here if name in NO_NAME else name for name, here in zip(own, place, strict=True)]
