"""The folder of an explanation: its table, and the values beside each row. No torch is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.explain.values import VALUES_FILE, Values
from seformer.genome.intervals import cluster
from seformer.util.errors import UserError
from seformer.util.tables import COUNT, NUMBER, RATIO, WHOLE, read_tsv

TABLE_FILE, SUMMARY_FILE = "attributions.tsv", "summary.json"
WINDOWS_FILE = "attributions_windows.tsv"
OVERLAPPING = "overlapping"  # a flag of a region that shares bases with another of its file
WINDOW, SPECTRUM = "window", "kmer_spectrum"  # parts of a region's score
NAME, TEXT = "name", "text"  # what a cell holds besides numbers: a text may be empty
# of every column in order what its cells hold; an error relative to a difference of nothing is
# infinite
REGION_COLUMNS = {"chrom": NAME, "start": WHOLE, "end": WHOLE, "name": TEXT, "label": COUNT}
RESULT_COLUMNS = {
    "logit": NUMBER,
    "prediction": TEXT,
    "reference_logit": NUMBER,
    "attribution_sum": NUMBER,
    "special_share": NUMBER,
    "completeness_error": RATIO,
    "worst_reference_error": RATIO,
    "steps": COUNT,
    "references": COUNT,
    "coverage": NUMBER,
    "flags": TEXT,
}
WINDOW_COLUMNS = {
    "chrom": NAME,
    "start": WHOLE,
    "end": WHOLE,
    "region_start": WHOLE,
    "region_end": WHOLE,
    "region_name": TEXT,
    "part": NAME,
    "window": COUNT,
    "windows": COUNT,
    "views": COUNT,
    "difference": NUMBER,
    "attribution_sum": NUMBER,
    "completeness_error": RATIO,
    "steps": COUNT,
    "flags": TEXT,
}


def numbers_of(columns: Mapping[str, str]) -> dict[str, str]:
    """Columns of numbers and their kinds, as `util.tables.as_numbers` takes them."""
    return {column: kind for column, kind in columns.items() if kind not in (NAME, TEXT)}


def _read(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    numbers = numbers_of(columns)
    text = [column for column in columns if column not in numbers]
    table = read_tsv(path, tuple(columns), text=text, numbers=numbers)
    empty = [column for column, kind in columns.items() if kind == TEXT]
    table[empty] = table[empty].fillna("")
    return table


def read_attributions(folder: Path) -> pd.DataFrame:
    """Read `attributions.tsv` of a folder.

    Raises
    ------
    UserError
        If it is missing or not one that seformer wrote.
    """
    return _read(Path(folder) / TABLE_FILE, REGION_COLUMNS | RESULT_COLUMNS)


def read_windows(folder: Path) -> pd.DataFrame:
    """Read `attributions_windows.tsv` of a folder; see `read_attributions`."""
    return _read(Path(folder) / WINDOWS_FILE, WINDOW_COLUMNS)


def has_values(table: pd.DataFrame) -> np.ndarray:
    """Rows of `attributions.tsv` that have values, bool ``[rows]``."""
    return table["logit"].notna().to_numpy()


def overlaps_another(regions: pd.DataFrame) -> np.ndarray:
    """Tell which regions share a base with another one: bool ``[regions]``.

    ``regions`` has ``chrom``, ``start`` and ``end`` (0-based half-open). Regions that only touch
    share none.
    """
    group = cluster(regions, gap=-1)
    return np.bincount(group, minlength=1)[group] > 1


def mark_overlaps(table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of `attributions.tsv` that share bases, and only those, the flag of it."""
    kept = has_values(table)
    shared = np.zeros(len(table), dtype=bool)
    shared[kept] = overlaps_another(table[kept])
    flags = [
        [flag for flag in text.split(",") if flag not in ("", OVERLAPPING)]
        for text in table["flags"]
    ]
    joined = [
        ",".join([*names, OVERLAPPING] if overlaps else names)
        for names, overlaps in zip(flags, shared, strict=True)
    ]
    return table.assign(flags=joined)


def open_values(folder: Path) -> tuple[pd.DataFrame, Values]:
    """Open an explained folder: the rows that have values, and the values, in one order.

    Raises
    ------
    UserError
        If a file is missing or damaged, or they do not belong together.
    """
    table = read_attributions(folder)
    rows = table[has_values(table)].reset_index(drop=True)
    values = Values(Path(folder) / VALUES_FILE)
    lengths = (rows["end"] - rows["start"]).to_numpy()
    if len(values) != len(rows) or np.any(np.diff(values.offsets) != lengths):
        raise UserError(
            "the values are not those of the regions in the table",
            where=folder,
            do="run `seformer explain` again",
        )
    return rows, values


def iterate(folder: Path) -> Iterator[tuple[pd.Series, np.ndarray, str]]:
    """Yield (row of the table, values float32 ``[bases]``, sequence) of an explained folder.

    Raises
    ------
    UserError
        As `open_values`, or if a value is not a number.
    """
    rows, values = open_values(folder)
    for index in range(len(rows)):
        yield rows.iloc[index], values[index], values.sequence(index)
