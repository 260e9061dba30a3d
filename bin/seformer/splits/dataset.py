"""Labelled regions with their bases and their part of the split, opened for a whole stage."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.regions.folder import read_extracted
from seformer.splits.split import read_splits
from seformer.util.errors import UserError
from seformer.util.text import sha256

TRAINING_PARTS = ("train", "validation")


class LabelledDataset(NamedTuple):
    """The kept regions of one or several samples with their split.

    Attributes
    ----------
    regions
        One row per kept region, with ``label`` (1 = SE) and ``split``, in the order of the
        sequences.
    folders
        The extracted folders, in the same order.
    """

    regions: pd.DataFrame
    folders: tuple[Path, ...]

    def select(self, *parts: str) -> np.ndarray:
        """Row numbers of the regions in ``parts``: int64, ascending."""
        return np.flatnonzero(self.regions["split"].isin(parts))

    def sequences(self, *parts: str) -> Iterator[str]:
        """Stream the sequences of the regions in ``parts``, in order."""
        wanted = iter(self.regions["split"].isin(parts))
        for folder in self.folders:
            for sequence in read_extracted(folder).sequences():
                if next(wanted):
                    yield sequence

    def labels(self, *parts: str) -> np.ndarray:
        """Labels of the regions in ``parts``: float32."""
        return self.regions["label"].to_numpy(np.float32)[self.select(*parts)]

    def digest(self) -> str:
        """SHA-256 of what training reads: every kept region's place, label, split, sequence."""
        columns = ["chrom", "start", "end", "label", "split"]
        state = hashlib.sha256(self.regions[columns].to_csv(index=False).encode())
        for folder in self.folders:
            state.update(sha256(folder / "sequences.fa.gz").encode())
        return state.hexdigest()


def open_dataset(extracted: Sequence[Path], splits: Sequence[Path]) -> LabelledDataset:
    """Read the regions and check that every part has both classes.

    Raises
    ------
    UserError
        If the files do not belong together or a part lacks a class.
    """
    if len(extracted) != len(splits):
        raise UserError(
            f"{len(extracted)} --extracted and {len(splits)} --splits were given",
            do="give one --splits for each --extracted, in the same order",
        )
    data = LabelledDataset(read_splits(extracted, splits), tuple(Path(e) for e in extracted))
    for part in TRAINING_PARTS:
        labels = data.labels(part)
        if len(np.unique(labels)) < 2:
            raise UserError(
                f"the {part} part has {int(labels.sum())} super-enhancers and "
                f"{int((1 - labels).sum())} typical enhancers",
                where=splits[0],
                expected="both classes in every part",
                do="split again, with larger parts or other chromosomes",
            )
    return data
