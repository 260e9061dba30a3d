"""Regions with labels, in one file or a file a class, with the signal that they carry."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.regions.read import read_regions
from seformer.regions.signal import describe_signal, net_signal, recorded_cutoff, signal_columns
from seformer.regions.units import BLOCKS
from seformer.util.errors import UserError, visible


class LabelledRegions(NamedTuple):
    """What the files of one sample hold.

    Attributes
    ----------
    rows
        As `seformer.regions.read.RegionTable.regions`, with ``source``, ``path``, ``signal``
        (float64, NaN where there is none) and, of a BED12, its `BLOCKS`.
    read_as
        File to its format.
    signal
        See `seformer.regions.signal.describe_signal`; None without any.
    """

    rows: pd.DataFrame
    read_as: dict[str, str]
    signal: dict[str, Any] | None


def read_labelled(paths: Sequence[Path], apart: bool, invalid: str) -> LabelledRegions:
    """Read the labelled regions, SE before TE where the classes come ``apart``.

    Parameters
    ----------
    invalid
        As of `seformer.regions.read.read_regions`.

    Raises
    ------
    UserError
        For every fault of the files, and if a region has no label.
    """
    tables, read_as, columns = [], {}, {}
    for path, label in zip(paths, (1, 0), strict=False):
        table = read_regions(
            path,
            labels=not apart,
            invalid=invalid,
            own=lambda names: [*BLOCKS, *signal_columns(names)],
            one_track=True,
        )
        name = visible(path.name)
        read_as[name] = table.read_as
        rows = table.regions.assign(source=name, path=visible(str(path)), signal=np.nan)
        if (measured := net_signal(table.cells)) is not None:
            rows["signal"], columns[name] = measured
        if set(BLOCKS) <= set(table.cells):
            rows = rows.join(table.own[list(BLOCKS)])
        if apart:
            rows["label"] = pd.array([label] * len(rows), dtype="Int8")
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True)
    _require_labels(table, paths[0])
    signal = describe_signal(table, columns, recorded_cutoff(paths)) if columns else None
    return LabelledRegions(table, read_as, signal)


def _require_labels(table: pd.DataFrame, path: Path) -> None:
    unlabelled = table["label"].isna()
    if unlabelled.any():
        whole = unlabelled.all()
        raise UserError(
            "the regions have no labels" if whole else f"{unlabelled.sum()} regions lack a label",
            where=path,
            line=None if whole else int(table.loc[unlabelled, "line"].iloc[0]),
            expected="a header with a label column (1/0, SE/TE or YES/NO), or a ROSE table",
            do="give super- and typical enhancers as two BED files instead",
        )
