"""`seformer baselines`: the baselines fitted, while the model is trained."""

from __future__ import annotations

from seformer.commands import options
from seformer.evaluation.settings import BaselineSettings


@options.expand
def command(
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: BaselineSettings,
) -> None:
    """Fit the baselines on the training part, and score the validation and test part with them.

    Writes baselines.tsv and baselines.json, for `seformer evaluate --baseline-scores`. They need
    no model, so they can be fitted while one is trained.
    """
    from seformer.evaluation.baseline_scores import score_baselines

    score_baselines(extracted, splits, out, settings)
