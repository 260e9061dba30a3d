"""Settings of scores, of regions and of variants."""

from __future__ import annotations

from seformer.regions.settings import GeneSettings
from seformer.util.settings import (
    BATCH_TOKENS,
    RENAME_CHROMOSOMES,
    SEED,
    Batched,
    Computing,
    ReadingRegions,
    Settings,
    setting,
)

# q below which a variant stands out
SIGNIFICANT = 0.05


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


class VariantPlanSettings(Settings):
    """What is scored of a file of variants."""

    width: int = setting(
        3000,
        "Bases round a variant, without --regions.",
        ge=10,  # as the regions to score, see `regions.extract.MIN_LENGTH_UNLABELLED`
        parameter="variant_width",
        group="variant_options",
    )
    null: int = setting(
        2000,
        "Random substitutions in the same regions and contexts, for p and q of the variants; 0"
        " for none.",
        ge=0,
        parameter="variant_null",
        group="variant_options",
    )
    seed: int = SEED
    rename_chromosomes: bool = RENAME_CHROMOSOMES


class VariantSettings(VariantPlanSettings, Batched):
    """How variants are scored."""


class VariantCutSettings(VariantPlanSettings):
    """How variants are cut into shards."""

    shard_alleles: int = setting(
        2000,
        "Alleles and random substitutions in one shard, about.",
        ge=1,
        parameter="variant_shard_alleles",
        group="variant_options",
    )
