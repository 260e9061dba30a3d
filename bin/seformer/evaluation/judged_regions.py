"""Which scored regions can be judged, their bases, and what the scores' maker trained on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation.settings import JudgeSettings
from seformer.genome.genome import Genome
from seformer.genome.intervals import overlapping
from seformer.regions.drop import PLACE, batches, fetch_bases, mark_labels, mark_places
from seformer.regions.extract import MIN_LENGTH_UNLABELLED
from seformer.regions.read import read_regions
from seformer.regions.scores import ScoredTable, label_by_place
from seformer.regions.spelling import Spelling
from seformer.sequence import kmer_overlap
from seformer.util.errors import UserError, visible
from seformer.util.labels import PARTS

logger = logging.getLogger(__name__)


class TooFewError(UserError):
    """Scored regions that could be judged if there were more of them."""


class TrainingRegions(NamedTuple):
    """What the scores' maker trained on: places as the genome spells them, and their 31-mers."""

    regions: pd.DataFrame
    index: np.ndarray
    scaled: int


class FetchedBases:
    """Regions whose bases are fetched as a `SequenceStore` unpacks them; ``parts`` are its rows."""

    def __init__(self, rows: pd.DataFrame, genome: Genome) -> None:
        self._rows, self._genome = rows, genome
        self.parts: list[pd.DataFrame] = []

    def sequences(self, _digest: object = None) -> Iterator[str]:
        for batch in batches(self._rows):
            rows, sequences = fetch_bases(batch, self._genome)
            self.parts.append(rows)
            yield from sequences


def mark_unusable(
    table: ScoredTable, spelling: Spelling, settings: JudgeSettings, beds: Sequence[Path] = ()
) -> pd.DataFrame:
    """Spell, label and mark scored regions: all rows, with ``drop_reason``."""
    if not table.labelled and not beds:
        raise UserError(
            "the regions have no labels",
            where=table.source,
            expected="a column of labels (1/0, SE/TE or YES/NO) called label, or isSuper",
            do="name it with --label-column, or give the two classes as --super-enhancers and "
            "--typical-enhancers",
        )
    name = visible(Path(table.source).name)
    rows = table.regions.assign(path=visible(table.source), source=name, parent="", source_index=0)
    spelling.survey([rows], settings.invalid_regions == "drop")
    rows = spelling.spell(rows)
    if beds:
        rows["label"] = label_by_place(rows, *map(spelling.read, beds))
    rows = mark_places(rows, spelling.genome.chromosomes, MIN_LENGTH_UNLABELLED)
    reason = rows["drop_reason"].copy()
    reason[(reason == "") & rows["label"].isna()] = "no_label"
    reason[(reason == "") & rows["score"].isna()] = "no_score"
    scores = rows[reason == ""].groupby(PLACE)["score"].nunique()
    if several := int((scores > 1).sum()):
        logger.warning(
            "%s: %d regions stand there with more than one score; of each the first is judged",
            name,
            several,
        )
    return mark_labels(rows.assign(drop_reason=reason))


def require_scores(
    regions: pd.DataFrame, marked: pd.DataFrame, table: ScoredTable, beds: Sequence[Path]
) -> None:
    """Refuse what cannot be judged: no region, one class, one score (`TooFewError`)."""
    dropped = Counter(marked["drop_reason"][marked["drop_reason"] != ""])
    left_out = ", ".join(f"{number} {reason}" for reason, number in dropped.items())
    left_out = f" (left out: {left_out})" if left_out else ""
    positive = int((regions["label"] == 1).sum())
    if not 0 < positive < len(regions):
        by_place = ", each at the place of one of the two BED files" if beds else ""
        raise TooFewError(
            f"{positive} super-enhancers and {len(regions) - positive} typical enhancers can be "
            f"judged{left_out}",
            where=table.source,
            expected=f"scored regions of both classes{by_place}",
        )
    scores = regions["score"]
    if scores.nunique() == 1:
        raise TooFewError(
            f"all {len(scores)} scores in the column {table.column} are {scores.iloc[0]:g}",
            where=table.source,
            expected="scores that differ",
            do="name another column with --score-column",
        )


def open_training(paths: Sequence[Path], spelling: Spelling) -> TrainingRegions | None:
    """Read what the scores' maker trained on, and index its 31-mers; None without files."""
    if not paths:
        return None
    tables = []
    for path in paths:
        table = read_regions(path, labels=False, invalid="keep", own=("split", "drop_reason"))
        rows, own = table.regions, table.cells
        if set(own.get("split", [None])) <= {*PARTS, ""}:
            rows = rows[np.array(own["split"]) == "train"]
        elif "drop_reason" in own:
            rows = rows[np.array(own["drop_reason"]) == ""]
        if rows.empty:
            raise UserError("no region is in the training part", where=path)
        tables.append(spelling.of_file(rows, path))
    every = mark_places(pd.concat(tables), spelling.genome.chromosomes, 1)
    regions = every[every["drop_reason"] == ""].reset_index(drop=True)
    if lost := len(every) - len(regions):
        logger.warning("%d of %d training regions are not on the genome", lost, len(every))
    scaled = kmer_overlap.scale_for(int(regions["length"].sum()))
    index = kmer_overlap.build_index(FetchedBases(regions, spelling.genome).sequences(), scaled)
    return TrainingRegions(regions, index, scaled)


def count_seen(regions: pd.DataFrame, seen: TrainingRegions) -> dict[str, int]:
    overlaps = overlapping(regions, seen.regions)
    return {"regions": len(seen.regions), "overlapping": int(overlaps.sum())}
