"""The regions with the highest scores of a file, kept while it is scored a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.util.tables import write_tsv

TOP_FILE = "top.tsv"
# regions that are kept
MOST = 100
PLACE = ["chrom", "start", "end", "name"]


class StrongestRegions:
    """The `MOST` rows with the highest logit; of equal ones those that come first in the file."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [*PLACE, *columns]
        self._best = pd.DataFrame(columns=self._columns)
        self._logit = np.empty(0)

    def add(self, regions: pd.DataFrame, scores: pd.DataFrame) -> None:
        """Take rows into account.

        Parameters
        ----------
        regions
            `PLACE` of each row, 0-based half-open.
        scores
            The other columns of each row as text; rows whose ``logit`` is empty have no score.
        """
        both = pd.concat([regions[PLACE].reset_index(drop=True), scores], axis=1)
        both = both[(scores["logit"] != "").to_numpy()]
        logit = np.concatenate([self._logit, both["logit"].to_numpy(np.float64)])
        order = np.argsort(-logit, kind="stable")[:MOST]
        parts = [part for part in (self._best, both) if len(part)]
        self._logit = logit[order]
        if parts:
            self._best = pd.concat(parts, ignore_index=True).iloc[order].reset_index(drop=True)

    def write(self, folder: Path) -> None:
        """Write ``top.tsv``: the rank, counted from 1, and the columns."""
        table = self._best[self._columns]
        table.insert(0, "rank", np.arange(1, len(table) + 1))
        write_tsv(table, folder / TOP_FILE)
