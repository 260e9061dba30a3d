"""The folder of an explanation: its table, and the values beside each row. No torch is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from seformer import files, tracks
from seformer.errors import UserError

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
NUMBERS = (
    dict.fromkeys(("start", "end", "region_start", "region_end"), files.WHOLE)
    | dict.fromkeys(("label", "references", "window", "windows", "views"), files.COUNT)
    | {"steps": files.COUNT, "completeness_error": files.RATIO}
    | {"worst_reference_error": files.RATIO, "difference": files.NUMBER}
    | dict.fromkeys(
        ("logit", "reference_logit", "attribution_sum", "special_share", "coverage"), files.NUMBER
    )
)


def read_table(folder: Path) -> pd.DataFrame:
    """Read `attributions.tsv` of a folder.

    Raises
    ------
    UserError
        If it is missing or not one that seformer wrote.
    """
    path = Path(folder) / TABLE_FILE
    table = files.read_table(
        path,
        (*REGION_COLUMNS, *RESULT_COLUMNS),
        text=("chrom", "name", "prediction", "flags"),
        numbers=NUMBERS,
    )
    for column in ("name", "prediction", "flags"):
        table[column] = table[column].fillna("")
    return table


def read_windows(folder: Path) -> pd.DataFrame:
    """Read `attributions_windows.tsv` of a folder; see `read_table`."""
    path = Path(folder) / WINDOWS_FILE
    text = ("chrom", "region_name", "part", "flags")
    table = files.read_table(path, WINDOW_COLUMNS, text=text, numbers=NUMBERS)
    table[["region_name", "flags"]] = table[["region_name", "flags"]].fillna("")
    return table


def has_values(table: pd.DataFrame) -> np.ndarray:
    """Rows of `attributions.tsv` that have values, bool ``[rows]``."""
    return table["logit"].notna().to_numpy()


def iterate(folder: Path) -> Iterator[tuple[pd.Series, np.ndarray, str]]:
    """Yield (row of the table, values float32 ``[bases]``, sequence) of an explained folder.

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
    for index in range(len(rows)):
        found = values[index]
        if not np.isfinite(found).all():
            raise UserError(
                "there are values that are no numbers",
                where=folder,
                do="run `seformer explain` again",
            )
        yield rows.iloc[index], found, values.sequence(index)
