"""Check an explanation: how far its attributions can be believed, on a few of its regions."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seformer.explain import folder
from seformer.explain.faithfulness import CheckedRegion, choose, measure_faithfulness
from seformer.explain.faithfulness_summary import summarise_faithfulness
from seformer.explain.settings import AttributionSettings, FaithfulnessSettings
from seformer.explain.summary import AGAIN, place_of, read_explained
from seformer.model.folder import Model, load_model
from seformer.scoring.score import Ensemble
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
# of a logit that is computed again on another device, or in other batches
SAME_LOGIT = 0.01


@takes(FaithfulnessSettings)
def check(model: Path, attributions: Path, out: Path, settings: FaithfulnessSettings) -> None:
    """Measure the faithfulness of an explanation that is there.

    ``out`` gets ``summary.json``: that of ``attributions``, with what the checks measured. It is
    what `explain.explain` writes if it makes the checks itself.

    Parameters
    ----------
    attributions
        A folder of `explain.explain` or `explain.merge`; method, references and seed are taken
        from its summary.

    Raises
    ------
    UserError
        If an input cannot be used, or the attributions are not of this model.
    """
    rows = folder.read_attributions(attributions)
    path = Path(attributions) / folder.SUMMARY_FILE
    record = read_explained(path, len(rows))
    how = _settings_of(record, path, settings)
    with output_folder(out) as staging:
        loaded = load_model(model, settings.device)
        regions, explained = chosen_regions(attributions, settings.faithfulness_regions)
        _require_own(loaded, regions, attributions, how)
        checks = check_regions(loaded, regions, explained, how, record["seconds"])
        write_json(record | {"faithfulness": checks}, staging / folder.SUMMARY_FILE)


def chosen_regions(explained: Path, number: int) -> tuple[list[CheckedRegion], int]:
    """Read at most ``number`` regions of an explained folder, and say how many it has.

    Raises
    ------
    UserError
        See `explain.folder.open_values`.
    """
    rows, values = folder.open_values(explained)
    chosen = choose(np.diff(values.offsets).tolist(), number)
    regions = [
        CheckedRegion(
            values.sequence(row), place_of(rows.iloc[row]), values[row], float(rows["logit"][row])
        )
        for row in chosen
    ]
    return regions, len(rows)


def check_regions(
    model: Model,
    regions: Sequence[CheckedRegion],
    explained: int,
    settings: AttributionSettings,
    seconds: float,
) -> dict[str, Any]:
    """Measure faithfulness on these of ``explained`` regions, and say what it costs.

    ``seconds`` is what the attributions took; see `summarise_faithfulness`.
    """
    if not regions:
        return summarise_faithfulness([])
    began = time.monotonic()
    logger.info(
        "checking the attributions of %d of %d regions (bases deleted and inserted, mutagenesis, "
        "other references, shuffled weights); --faithfulness 0 leaves this out, in the pipeline "
        "--explain_faithfulness 0",
        len(regions),
        explained,
    )
    record = measure_faithfulness(model, regions, settings)
    spent = time.monotonic() - began
    share = 100 * spent / max(spent + seconds, 1e-9)
    logger.info("checked in %.1f s, %.0f %% of the time of attributions and checks", spent, share)
    return record


def _settings_of(
    record: dict[str, Any], path: Path, settings: FaithfulnessSettings
) -> AttributionSettings:
    """How the regions were explained; version 1.0.0 did not record all of it."""
    fields = AttributionSettings.model_fields
    given = {name: value for name, value in record["settings"].items() if name in fields}
    try:
        return AttributionSettings(**given | {"batch_tokens": settings.batch_tokens})
    except UserError as error:
        raise UserError(
            f"settings: {error.found}", where=path, expected=error.expected, do=AGAIN
        ) from error


def _require_own(
    model: Model, regions: Sequence[CheckedRegion], explained: Path, settings: AttributionSettings
) -> None:
    """Refuse attributions of another model: its logits are others."""
    scorer = Ensemble(model, settings.batch_tokens)
    for region in regions:
        logit = float(scorer.score_together([region.sequence]).logit[0])
        if not np.isclose(logit, region.logit, rtol=SAME_LOGIT, atol=SAME_LOGIT):
            raise UserError(
                f"the logit of {region.key} is {region.logit:.4g} in the table, {logit:.4g} with "
                "this model",
                where=Path(explained) / folder.TABLE_FILE,
                expected="attributions of the model given",
                do="give the model that they were made with, or run `seformer explain` again",
            )
