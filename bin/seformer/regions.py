"""Regions from whatever a lab has: BED, DeepSE's CSV, ROSE tables, labelled tables.

Coordinates are 0-based half-open everywhere inside. BED says so itself; ROSE copies the start
of its input unchanged into its tables and back into its own BED files, and DeepSE's CSVs come
from such tables, so both are read as they stand.

Layouts followed: UCSC BED (https://genome.ucsc.edu/FAQ/FAQformat.html#format1), ROSE's
`*_AllEnhancers.table.txt` (Whyte 2013, Loven 2013), dbSUPER's and SEdb's tables.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.errors import UserError
from seformer.files import numbered_lines, open_text

BED_COLUMNS = (
    "chrom",
    "start",
    "end",
    "name",
    "score",
    "strand",
    "thickStart",
    "thickEnd",
    "itemRgb",
    "blockCount",
    "blockSizes",
    "blockStarts",
)
# header names, lower case, that mean the same thing in the formats named above
HEADER_WORDS = {
    "chrom": ("chrom", "chr", "chromosome", "seqnames", "seqname", "se_chr", "te_chr", "contig"),
    "start": ("start", "chromstart", "se_start", "te_start"),
    "end": ("end", "stop", "chromend", "se_end", "te_end"),
    "name": ("name", "region_id", "se_id", "te_id", "id"),
    "label": ("label", "issuper"),
}
SUPER_WORDS = ("1", "se", "yes", "super", "super-enhancer", "super_enhancer", "superenhancer")
TYPICAL_WORDS = ("0", "te", "no", "typical", "typical-enhancer", "typical_enhancer")
NO_LABEL = ("", ".", "na")
NO_NAME = ("", ".")
LABELS = (
    {word: 1 for word in SUPER_WORDS}
    | {word: 0 for word in TYPICAL_WORDS}
    | {word: -1 for word in NO_LABEL}
)
# each is a column in memory; no table of regions has nearly as many
MAX_COLUMNS = 1_000
MAX_DIGITS = 15  # no chromosome is longer; keeps every number inside int64
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
        (1 = super-enhancer, 0 = typical, missing = unlabelled), ``line`` int64 (1-based).
    cells
        The file's own columns as strings, under its own header or BED's standard names.
    source
        The file.
    """

    regions: pd.DataFrame
    cells: Mapping[str, Sequence[str]]
    source: Path

    @cached_property
    def own(self) -> pd.DataFrame:
        """The cells as a table, made when it is asked for: most uses need the regions alone."""
        return pd.DataFrame(self.cells, dtype="str")


@dataclass(frozen=True)
class _Layout:
    """Which column holds what; ``delimiter`` None means runs of white space.

    ``twice`` is a column with a meaning whose name stands there more than once.
    """

    delimiter: str | None
    names: tuple[str, ...]
    column: dict[str, int] = field(default_factory=dict)
    twice: str | None = None

    def fields(self, line: str) -> list[str]:
        if self.delimiter == "," and '"' in line:
            with contextlib.suppress(csv.Error):
                return next(csv.reader([line]))
        return line.split(self.delimiter)

    def columns(self, lines: Sequence[str]) -> tuple[list[Sequence[str]], list[tuple[int, int]]]:
        """Cells column by column, and number and width of the lines that are not as wide."""
        width = len(self.names)
        if self.delimiter == "\t" and {line.count("\t") for line in lines} == {width - 1}:
            # one list of strings: a list for each line would have Python look for garbage
            cells = "\t".join(lines).split("\t")
            return [cells[i::width] for i in range(width)], []
        rows = [self.fields(line) for line in lines]
        bad = [(i, len(row)) for i, row in enumerate(rows) if len(row) != width]
        return list(zip(*(row for row in rows if len(row) == width), strict=True)), bad


class _Stretch(NamedTuple):
    """Lines that follow each other: 1-based numbers and texts."""

    line: list[int]
    text: list[str]

    @classmethod
    def take(cls, lines: Iterator[tuple[int, str]], most: int) -> _Stretch:
        stretch = cls([], [])
        # two lists, not one of pairs, which Python would search for garbage
        for number, text in islice(lines, most):
            stretch.line.append(number)
            stretch.text.append(text)
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
        if "e+" in found.lower():
            do = "write the number out in full: a spreadsheet or R shortened it"
        return UserError(found + more, where=source, line=line, expected=COLUMNS_EXPECTED, do=do)


def read_regions(path: str | PathLike[str], *, labels: bool = True) -> RegionTable:
    """Read a whole region file; see `iter_regions` for the forms and the errors."""
    parts = list(iter_regions(path, labels=labels))
    if len(parts) == 1:
        return parts[0]
    regions = pd.concat([part.regions for part in parts], ignore_index=True)
    names = parts[0].cells.keys()
    cells = {name: list(chain.from_iterable(part.cells[name] for part in parts)) for name in names}
    return RegionTable(regions, cells, parts[0].source)


def iter_regions(
    path: str | PathLike[str], rows: int = 50_000, *, labels: bool = True
) -> Iterator[RegionTable]:
    """Read a region file in stretches of at most ``rows`` regions, in flat memory.

    Understands BED3 to BED12 with further columns, plain or gzipped, with `track`, `browser`
    and comment lines, any line ending, a byte-order mark, tabs or (where there is no tab) white
    space; and tables, tab- or comma-separated, whose header names the columns: DeepSE's CSV
    (``label`` YES/NO), ROSE (``isSuper`` 1/0), dbSUPER, SEdb, or a BED with a ``label`` column.

    Parameters
    ----------
    path
        The file.
    rows
        Regions per stretch.
    labels
        Read the label column where there is one; with False it is one of the own columns only.

    Raises
    ------
    UserError
        For the first bad line (too few or inconsistent columns, text where a number is needed,
        negative, start >= end, unknown label), with the number of further ones; for an empty
        file or one that is not text.
    """
    source = Path(path)
    problems = _Problems()
    empty = True
    with open_text(source) as text:
        lines = _content(numbered_lines(text, source), source)
        layout, first = _read_layout(lines, source)
        if layout is None:
            raise _nothing(source)
        if len(layout.names) > MAX_COLUMNS:
            raise UserError(
                f"there are {_columns(len(layout.names))}",
                where=source,
                expected=f"one region per line, in at most {MAX_COLUMNS} columns",
            )
        if layout.twice is not None:
            raise UserError(
                f"the column {layout.twice!r} stands there twice",
                where=source,
                do="leave one of them, or rename the other",
            )
        lines = chain(first, (item for item in lines if item[1][0] != "#"))
        while (stretch := _Stretch.take(lines, rows)).line:
            empty = False
            part = _parse(stretch, layout, source, labels, problems)
            if not problems.count:
                yield part
    if problems.count:
        raise problems.error(source)
    if empty:
        raise _nothing(source)


def _nothing(source: Path) -> UserError:
    return UserError(
        "the file has no regions", where=source, expected="one region per line (BED or a table)"
    )


def _content(numbered: Iterator[tuple[int, str]], source: Path) -> Iterator[tuple[int, str]]:
    """Drop blank, track and browser lines; comments stay, one of them may be the header."""
    for number, line in numbered:
        if not line or line.isspace():
            continue
        if line[0] in "tb" and line.split(None, 1)[0] in ("track", "browser"):
            continue
        if "\0" in line:
            raise UserError(
                "the file is not text", where=source, line=number, expected="BED or a table"
            )
        yield number, line


def _read_layout(
    lines: Iterator[tuple[int, str]], source: Path
) -> tuple[_Layout | None, list[tuple[int, str]]]:
    """Find the header, or the layout of the first region, which is given back with it."""
    commented = None
    for number, line in lines:
        header = _header_layout(line.lstrip("#").strip())
        if line[0] == "#":
            commented = header or commented
            continue
        if header is not None:
            return header, []
        # a remark may hold the three words by chance: a header is as wide as its table
        if commented is not None and len(commented.fields(line)) == len(commented.names):
            return commented, [(number, line)]
        layout = _bed_layout(line)
        if len(layout.names) < 3:
            found = f"only {_columns(len(layout.names))}"
            if line[0] == ">":
                found = "this looks like FASTA, not like regions"
            raise UserError(found, where=source, line=number, expected=COLUMNS_EXPECTED)
        return layout, [(number, line)]
    return None, []


def _delimiter(line: str) -> str | None:
    if "\t" in line:
        return "\t"
    return "," if line.count(",") >= 2 else None


def _header_layout(line: str) -> _Layout | None:
    """Return the layout if the line names chromosome, start and end, else None."""
    layout = _Layout(_delimiter(line), ())
    names = [name.strip().strip('"').lstrip("#") for name in layout.fields(line)]
    lower = [name.lower() for name in names]
    column = {}
    for meaning, words in HEADER_WORDS.items():
        found = [lower.index(word) for word in words if word in lower]
        if found:
            column[meaning] = found[0]
    if not {"chrom", "start", "end"} <= column.keys():
        return None
    twice = next((names[i] for i in column.values() if lower.count(lower[i]) > 1), None)
    return _Layout(layout.delimiter, _unique(names), column, twice)


def _bed_layout(line: str) -> _Layout:
    layout = _Layout(_delimiter(line), ())
    width = len(layout.fields(line))
    names = BED_COLUMNS + tuple(f"column_{i + 1}" for i in range(len(BED_COLUMNS), width))
    column = {"chrom": 0, "start": 1, "end": 2} | ({"name": 3} if width > 3 else {})
    return _Layout(layout.delimiter, names[:width], column)


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


def _parse(
    stretch: _Stretch,
    layout: _Layout,
    source: Path,
    labels: bool,
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
    chrom = [value.strip() for value in cells[layout.column["chrom"]]]
    start, found_start = _whole_numbers(cells[layout.column["start"]], "start")
    end, found_end = _whole_numbers(cells[layout.column["end"]], "end")
    label, found_label = _labels(cells, layout, labels)
    found = found_label | found_end | found_start
    if not all(chrom):
        found |= {i: "the chromosome is missing" for i, value in enumerate(chrom) if not value}
    for i in np.flatnonzero(start >= end):
        found.setdefault(int(i), f"start {start[i]} is not before end {end[i]}")
    if found:
        bad = sorted(found)
        problems.add([line[i] for i in bad], found[bad[0]])
        return None
    regions = pd.DataFrame(
        {
            "chrom": pd.array(chrom, dtype="str"),
            "start": start,
            "end": end,
            "name": pd.array(_names(cells, layout, chrom, start, end), dtype="str"),
            "label": label,
            "line": np.array(line, dtype=np.int64),
        }
    )
    return RegionTable(regions, dict(zip(layout.names, cells, strict=True)), source)


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _whole_numbers(cells: Sequence[str], column: str) -> tuple[np.ndarray, dict[int, str]]:
    """Return the numbers (bad ones as -1 and 0 so that later checks stay quiet) and what is bad."""
    values = [cell.strip() for cell in cells]
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
    known = {value: LABELS.get(value.strip().lower()) for value in set(raw)}
    found = {
        i: f"label {value[:40]!r} is unknown (super-enhancer: 1, SE, YES; typical: 0, TE, NO)"
        for i, value in enumerate(raw)
        if known[value] is None
    }
    label = [None if known[value] in (None, -1) else known[value] for value in raw]
    return pd.array(label, dtype="Int8"), found


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
    own = (value.strip() for value in cells[layout.column["name"]])
    return [here if name in NO_NAME else name for name, here in zip(own, place, strict=True)]
