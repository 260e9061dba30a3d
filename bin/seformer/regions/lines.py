"""Which lines of a file are of regions: comments, tracks and what stands behind them are not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from seformer.regions.formats import whole
from seformer.util.errors import UserError

Line = tuple[int, str]  # its number, counted from 1, and its text
BLANK = " \t,;|"  # also what a spreadsheet writes of an empty row


def content_lines(numbered: Iterator[Line], source: Path) -> Iterator[Line]:
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


def is_region(line: str) -> bool:
    """Whether a line is neither a comment nor a track's; a contig may be called `track`."""
    if line[0] in "tb":
        word, *numbers = re.split("[\t ]+", line, maxsplit=3)[:3]
        return word not in ("track", "browser") or any(map(whole, numbers))
    # spreadsheets put comments into quotes
    return line[0] != "#" and line[:2] != '"#'


def one_track_lines(lines: Iterator[Line], source: Path) -> Iterator[Line]:
    """Refuse a second track: its name is the only label that its regions have."""
    regions = False
    for number, line in lines:
        region = is_region(line)
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
