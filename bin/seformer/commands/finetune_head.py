"""`seformer finetune-head`: stage 1, the classifier on the frozen backbone."""

from __future__ import annotations

from seformer.commands import options
from seformer.training.settings import HeadSettings


@options.expand
def command(
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    model: options.Backbone,
    out: options.Out,
    settings: HeadSettings,
) -> None:
    """Stage 1: train the classifier on the frozen backbone, whose features are computed once."""
    from seformer.training.head import finetune_head

    finetune_head(extracted, splits, model, out, settings)
