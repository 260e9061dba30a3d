"""Lengths of chromosomes, as a FASTA index or a table of them gives them."""

from __future__ import annotations

import re
from pathlib import Path

from seformer.regions.layout import MAX_DIGITS
from seformer.util.errors import UserError
from seformer.util.text import open_text

LARGEST = 2**32 - 1  # positions of a bigWig and a bigBed are 32-bit
TOO_LONG = f"is more than a bigWig can hold ({LARGEST})"


def read_chromosome_sizes(path: Path) -> dict[str, int]:
    """Read chromosome sizes: a .fai or a two-column file of names and lengths.

    Raises
    ------
    UserError
        If a line is not a name and a length.
    """
    sizes: dict[str, int] = {}
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            # not all that Python takes for a blank or a digit is one
            fields = re.split("[ \t]+", line.strip(" \t\r\n"))
            if fields == [""]:
                continue
            size, fault = "".join(fields[1:2]), ""
            if not re.fullmatch("0*[1-9][0-9]*", size):
                fault = "is not a chromosome size"
            elif len(size) > MAX_DIGITS or int(size) > LARGEST:
                fault = TOO_LONG
            if fault:
                raise UserError(
                    f"{line.strip()[:80]!r} {fault}",
                    where=path,
                    line=number,
                    expected="a name and a length in base pairs, separated by a tab",
                )
            sizes[fields[0]] = int(size)
    if not sizes:
        raise UserError("the file is empty", where=path, expected="chromosome names and lengths")
    return sizes
