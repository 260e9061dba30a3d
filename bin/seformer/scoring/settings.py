"""Settings of scores, of regions and of variants."""

from __future__ import annotations

from seformer.regions.settings import GeneSettings
from seformer.util.settings import (
    BATCH_TOKENS,
    RENAME_CHROMOSOMES,
    Batched,
    Computing,
    ReadingRegions,
    setting,
)


class ScoreSettings(ReadingRegions):
    """How regions are scored with a model that is there."""

    prevalence: float | None = setting(
        None,
        "Share of super-enhancers among the regions to score, if it differs from the training's.",
        gt=0,
        lt=1,
    )
    batch_tokens: int = BATCH_TOKENS


class PredictSettings(ScoreSettings, Computing, GeneSettings):
    """How a file of regions is scored."""


class VariantSettings(Batched):
    """How variants are scored."""

    width: int = setting(3000, "Bases round a variant, without --regions.", ge=1)
    rename_chromosomes: bool = RENAME_CHROMOSOMES
