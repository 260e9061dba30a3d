"""Labelled regions with their bases and their part of the split, opened for a whole stage."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.regions.folder import Extracted, read_extracted, read_region_rows
from seformer.splits.grey_zone import LEFT_OUT
from seformer.splits.sequence_store import SequenceStore
from seformer.util.errors import UserError
from seformer.util.labels import PARTS, TRAINING_PARTS
from seformer.util.streams import Stream

PLACE = ["chrom", "start", "end"]
# what a split adds to a region
ADDED = ("cluster", "split", "conflict", "train_containment", "grey_zone")
# splits of 1.0 have no grey zone
LATER = {"grey_zone": ""}
SPLIT_COLUMNS = ("sample", *PLACE, "name", "label", *ADDED)


class LabelledDataset(NamedTuple):
    """The kept regions of one or several samples with their split.

    Attributes
    ----------
    regions
        One row per kept region, with ``label`` (1 = SE) and ``split``, in the order of the
        sequences.
    store
        The sequences, and the extracted folders they are read from.
    """

    regions: pd.DataFrame
    store: SequenceStore

    def select(self, *parts: str) -> np.ndarray:
        """Row numbers of the regions in ``parts``: int64, ascending."""
        return np.flatnonzero(self.regions["split"].isin(parts))

    def sequences(self, *parts: str) -> Stream[str]:
        """Stream the sequences of the regions in ``parts``, in order."""
        return self.store.take(self.select(*parts))

    def labels(self, *parts: str) -> np.ndarray:
        """Labels of the regions in ``parts``: float32."""
        return self.regions["label"].to_numpy(np.float32)[self.select(*parts)]

    def digest(self) -> str:
        """SHA-256 of what training reads: every kept region's place, label, split, sequence."""
        columns = ["chrom", "start", "end", "label", "split"]
        state = hashlib.sha256(self.regions[columns].to_csv(index=False).encode())
        for digest in self.store.digests():
            state.update(digest.encode())
        return state.hexdigest()

    def natural_prevalence(self) -> float | None:
        """Share of super-enhancers among all labelled regions given, dropped ones included.

        None where they all have one class.
        """
        labels = pd.concat([source.regions["label"] for source in self.store.sources]).dropna()
        share = float(labels.astype(float).mean()) if len(labels) else 0.0
        return share if 0 < share < 1 else None

    def with_splits(self, splits: Sequence[Path]) -> LabelledDataset:
        """Return the same regions and sequences in the parts of another split.

        Raises
        ------
        UserError
            If it is not of these regions, or a part to train with lacks a class.
        """
        return _labelled(self.store, splits)


def open_dataset(extracted: Sequence[Path], splits: Sequence[Path]) -> LabelledDataset:
    """Read the regions and check that every part has both classes.

    Every table is read once here, the sequences once when they are first wanted.

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
    return _labelled(SequenceStore([read_extracted(folder) for folder in extracted]), splits)


def _labelled(store: SequenceStore, splits: Sequence[Path]) -> LabelledDataset:
    data = LabelledDataset(read_splits(store.sources, splits), store)
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


def read_splits(sources: Sequence[Extracted], splits: Sequence[Path]) -> pd.DataFrame:
    """Put the ``splits.tsv`` of each sample beside its kept regions.

    Returns
    -------
    pandas.DataFrame
        The columns of `seformer.regions.folder.Extracted` and `ADDED`, one row per sequence, in
        the order of the sequences. ``split`` is train, validation or test; of several samples, it
        is empty where the rule on conflicting labels, or the grey zone, leaves a region out.

    Raises
    ------
    UserError
        If a splits file was made from other regions.
    """
    tables = []
    for source, path in zip(sources, splits, strict=True):
        needed = (name for name in SPLIT_COLUMNS if name not in LATER)
        regions, table = source.regions, read_region_rows(Path(path), needed)
        table = table.assign(**{k: v for k, v in LATER.items() if k not in table})
        place = [*PLACE, "label"]
        kept = regions["drop_reason"] == ""
        same = len(table) == len(regions) and table[place].equals(regions[place])
        if not same or not table.loc[kept, "split"].isin(PARTS).all():
            raise UserError(
                f"the splits are not those of the regions in {source.folder}",
                where=path,
                do="give the splits.tsv that `seformer split` wrote for this sample",
            )
        tables.append(pd.concat([regions, table[list(ADDED)]], axis=1)[kept])
    rows = pd.concat(tables, ignore_index=True)
    # a region that is left out has two labels; within one sample it has one, and stays
    if len(tables) > 1:
        rows.loc[rows["conflict"] == "dropped", "split"] = ""
    # of the training part alone, whatever a table says: the test part keeps all
    rows.loc[(rows["grey_zone"] == LEFT_OUT) & (rows["split"] == "train"), "split"] = ""
    return rows
