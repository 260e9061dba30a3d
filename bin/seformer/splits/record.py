"""The split that a model was trained on: recorded by stage 1, compared by all stages after it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from seformer.model.settings import SplitRecord
from seformer.splits.dataset import LabelledDataset
from seformer.util.text import sha256

logger = logging.getLogger(__name__)
FEW_CHROMOSOMES = 30


def record_split(data: LabelledDataset, splits: Sequence[Path]) -> SplitRecord:
    """The record of a split: the sums of its files and, where they are few, its chromosomes."""
    test, validation = (
        sorted(map(str, data.regions["chrom"].iloc[data.select(part)].unique()))
        for part in ("test", "validation")
    )
    record = SplitRecord(hash="+".join(map(sha256, splits)))
    # a split by loci has thousands of "chromosomes" or shares them: then only the hash tells
    if max(len(test), len(validation)) > FEW_CHROMOSOMES:
        return record
    return record.model_copy(update={"test": test, "validation": validation})


def trained_on_another(
    records: Iterable[SplitRecord], splits: Sequence[Path]
) -> SplitRecord | None:
    """The first record of a model that was trained on another split than that of the files."""
    here = {sha256(path) for path in splits}
    return next((r for r in records if r.hash and not here <= {*r.hash.split("+")}), None)


def split_of_training(
    records: Iterable[SplitRecord], data: LabelledDataset, splits: Sequence[Path]
) -> SplitRecord:
    """The split that models were trained on, or this one where they have no record of any.

    A model that was trained on another one is told: it may have seen what tests it now. Of several
    its record is the one returned.
    """
    records = [record for record in records if record.hash is not None]
    other = trained_on_another(records, splits)
    if other is not None:
        logger.warning(
            "the model was trained on another split than %s: regions that are held out here may be "
            "among those that it has seen, and results then are memory. Give the splits.tsv of its "
            "training",
            " and ".join(map(str, splits)),
        )
    return other or next(iter(records), None) or record_split(data, splits)
