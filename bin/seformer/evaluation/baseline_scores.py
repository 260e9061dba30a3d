"""The baselines fitted on the training part; their scores of the held-out regions.

They need neither the model nor a GPU, so a run fits them while the model is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation.baselines import check_baselines, fit_baselines, fitted_baselines
from seformer.evaluation.baselines.base import BaselineRegions, BaselineScores
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.held_out import (
    ROW,
    check_test_part,
    held_out_regions,
    read_exactly,
    require_same_regions,
)
from seformer.evaluation.settings import BaselineSettings
from seformer.evaluation.tracks import NO_TRACKS, Tracks, named_tracks, read_tracks
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.util import records, shapes_of_tests
from seformer.util.atomic import output_folder, require_writable
from seformer.util.labels import PARTS
from seformer.util.settings import takes
from seformer.util.tables import EXACT, write_tsv

TABLE, RECORD = "baselines.tsv", "baselines.json"
AGAIN = "run seformer baselines again"


class FittedBaselines(NamedTuple):
    """Scores of validation and test rows by each baseline, and what tracks lack."""

    scores: dict[str, BaselineScores]
    tracks: dict[str, dict]


@takes(BaselineSettings)
def score_baselines(
    extracted: Sequence[Path], splits: Sequence[Path], out: Path, settings: BaselineSettings
) -> None:
    """Fit the baselines and write their scores of the held-out regions into ``out``.

    Raises
    ------
    UserError
        If the data or an option cannot be used.
    """
    names = check_baselines(settings.baseline_names)
    files = named_tracks(settings.baseline_tracks)
    require_writable(out)
    data = open_dataset(extracted, splits)
    check_test_part(data, splits)
    tracks = read_tracks(files, data)
    if set(names) == {TWIN} and not settings.twin and not files:
        names = fitted_baselines(names)
    fitted = fit_held_out(baseline_regions(data, tracks), names)
    table = held_out_regions(data)[list(ROW)]
    for name, baseline in fitted.items():
        table[name] = baseline.scores
    chosen = {name: baseline.chosen for name, baseline in fitted.items()}
    with output_folder(out) as staging:
        write_tsv(table, staging / TABLE, EXACT)
        records.write_json({"chosen": chosen, "tracks": tracks.counts}, staging / RECORD)


def baseline_regions(data: LabelledDataset, tracks: Tracks = NO_TRACKS) -> BaselineRegions:
    """Return the regions of all parts as baselines see them."""
    rows = data.regions.iloc[data.select(*PARTS)]
    return BaselineRegions(
        lambda: data.sequences(*PARTS),
        rows["label"].to_numpy(np.int64),
        rows["split"].to_numpy(str),
        tracks.statistics,
    )


def fit_held_out(regions: BaselineRegions, names: Sequence[str]) -> dict[str, BaselineScores]:
    """Fit the baselines ``names`` and those of the tracks: scores of validation and test rows."""
    return {
        name: baseline._replace(scores=baseline.scores[~regions.train])
        for name, baseline in fit_baselines(regions, names).items()
    }


def read_baselines(folder: Path, regions: pd.DataFrame) -> FittedBaselines:
    """Read what `score_baselines` wrote of the held-out ``regions``.

    Raises
    ------
    UserError
        If it is not such a folder, is damaged, or is of other regions.
    """
    record = records.read(Path(folder) / RECORD, shapes_of_tests.Baselines, AGAIN)
    path = Path(folder) / TABLE
    table = read_exactly(path, list(record["chosen"]), ROW)
    require_same_regions(table, regions, path)
    scores = {
        name: BaselineScores(table[name].to_numpy(), chosen)
        for name, chosen in record["chosen"].items()
    }
    return FittedBaselines(scores, record["tracks"])
