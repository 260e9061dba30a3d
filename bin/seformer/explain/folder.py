"""The folder of an explanation: its table, and the values beside each row. No torch is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.explain import tracks
from seformer.util.errors import UserError
from seformer.util.tables import COUNT, NUMBER, RATIO, WHOLE, read_tsv

TABLE_FILE = "attributions.tsv"
REGION_COLUMNS = ("chrom", "start", "end", "name", "label")
RESULT_COLUMNS = (
    "logit",
    "prediction",
    "reference_logit",
    "attribution_sum",
    "special_share",
    "completeness_error",
    "worst_reference_error",
    "steps",
    "references",
    "coverage",
    "flags",
)
WINDOWS_FILE = "attributions_windows.tsv"
WINDOW_COLUMNS = (
    "chrom",
    "start",
    "end",
    "region_start",
    "region_end",
    "region_name",
    "part",
    "window",
    "windows",
    "views",
    "difference",
    "attribution_sum",
    "completeness_error",
    "steps",
    "flags",
)
# an error relative to a difference of nothing is infinite
KINDS = (
    dict.fromkeys(("start", "end"), WHOLE)
    | dict.fromkeys(("label", "steps", "references"), COUNT)
    | dict.fromkeys(("completeness_error", "worst_reference_error"), RATIO)
    | dict.fromkeys(
        ("logit", "reference_logit", "attribution_sum", "special_share", "coverage"), NUMBER
    )
)
WINDOW_KINDS = (
    dict.fromkeys(("start", "end", "region_start", "region_end"), WHOLE)
    | dict.fromkeys(("window", "windows", "views", "steps"), COUNT)
    | {"completeness_error": RATIO}
    | dict.fromkeys(("difference", "attribution_sum"), NUMBER)
)


def read_table(folder: Path) -> pd.DataFrame:
    """Read `attributions.tsv` of a folder.

    Raises
    ------
    UserError
        If it is missing or not one that seformer wrote.
    """
    path = Path(folder) / TABLE_FILE
    table = read_tsv(
        path,
        (*REGION_COLUMNS, *RESULT_COLUMNS),
        text=("chrom", "name", "prediction", "flags"),
        numbers=KINDS,
    )
    for column in ("name", "prediction", "flags"):
        table[column] = table[column].fillna("")
    return table


def read_windows(folder: Path) -> pd.DataFrame:
    """Read `attributions_windows.tsv` of a folder; see `read_table`."""
    path = Path(folder) / WINDOWS_FILE
    text = ("chrom", "region_name", "part", "flags")
    table = read_tsv(path, WINDOW_COLUMNS, text=text, numbers=WINDOW_KINDS)
    table[["region_name", "flags"]] = table[["region_name", "flags"]].fillna("")
    return table


def has_values(table: pd.DataFrame) -> np.ndarray:
    """Rows of `attributions.tsv` that have values, bool ``[rows]``."""
    return table["logit"].notna().to_numpy()


def open_values(folder: Path) -> tuple[pd.DataFrame, tracks.Values]:
    """Open an explained folder: the rows that have values, and the values, in one order.

    Raises
    ------
    UserError
        If a file is missing or damaged, or they do not belong together.
    """
    table = read_table(folder)
    rows = table[has_values(table)].reset_index(drop=True)
    values = tracks.Values(Path(folder) / tracks.VALUES_FILE)
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
        As `open_values`, or if a value is not finite.
    """
    rows, values = open_values(folder)
    for index in range(len(rows)):
        found = values[index]
        if not np.isfinite(found).all():
            raise UserError(
                "there are values that are no numbers",
                where=folder,
                do="run `seformer explain` again",
            )
        yield rows.iloc[index], found, values.sequence(index)
