"""Settings of explanations."""

from __future__ import annotations

from typing import Literal

from seformer.regions.settings import GeneSettings
from seformer.util.settings import SEED, Batched, Computing, ReadingRegions, Settings, setting

Method = Literal["integrated_gradients", "saliency", "input_x_gradient", "occlusion"]
Reference = Literal["dinucleotide", "mask", "pad", "zero"]


# fields of more than one class
BATCH_TOKENS = setting(
    4096, "Tokens per batch in explanations.", ge=1, parameter="explain_batch_tokens"
)
CHECKED_REGIONS = setting(
    4,
    "Regions on which faithfulness is measured; 0 for none.",
    ge=0,
    option="--faithfulness",
    parameter="explain_faithfulness",
)


class AttributionSettings(Settings):
    """How the bases of a region are made answerable for its score."""

    method: Method = setting(
        "integrated_gradients",
        "Method of attribution.",
        parameter="explain_method",
        refused="{value} is no method",
    )
    reference: Reference = setting(
        "dinucleotide",
        "What a region is compared with: its dinucleotide shuffles, mask or pad tokens, or zeros.",
        parameter="explain_reference",
        refused="{value} is no reference",
    )
    references: int = setting(
        4,
        "Shuffled references of each view (a strand in one k-mer phase).",
        ge=1,
        parameter="explain_references",
    )
    completeness: float = setting(
        0.05,
        "Largest relative error of the sum of a region's attributions.",
        ge=1e-6,
        le=1,
        parameter="explain_completeness",
    )
    # doubled from 4, or from 8 for a completeness of less than 1 %
    max_steps: int = setting(
        512,
        "Most steps of the integral; a region that needs more is flagged.",
        ge=1,
        parameter="explain_max_steps",
    )
    seed: int = SEED
    batch_tokens: int = BATCH_TOKENS
    occluded_tokens: int = setting(8, "Width of an occlusion.", unit="tokens", ge=1, option=None)


class FrameSettings(AttributionSettings, ReadingRegions):
    """How regions in memory are explained."""


class TrackSettings(GeneSettings):
    """What is written beside the track, and in the table beside the regions."""

    bedgraph: bool = setting(False, "Also write the track as bedGraph.")


class ExplainSettings(FrameSettings, TrackSettings, Computing):
    """How a file of regions is explained."""

    faithfulness_regions: int = CHECKED_REGIONS


class FaithfulnessSettings(Computing):
    """How the attributions of a file of regions are checked."""

    faithfulness_regions: int = CHECKED_REGIONS
    batch_tokens: int = BATCH_TOKENS


class DissectionSettings(Settings):
    """How the constituents of a region are taken away."""

    shuffles: int = setting(
        4,
        "Shuffles of each constituent; its effect is their mean.",
        ge=1,
        parameter="dissect_shuffles",
        group="explanation_options",
    )
    null_stretches: int = setting(
        100,
        "Most stretches of its length elsewhere in the region that a constituent is compared with;"
        " 0 for none.",
        ge=0,
        parameter="dissect_null_stretches",
        group="explanation_options",
    )
    pair_limit: int = setting(
        12,
        "All pairs are measured in regions of at most so many constituents; 0 for none.",
        ge=0,
        parameter="dissect_pair_limit",
        group="explanation_options",
    )
    seed: int = SEED


class DissectSettings(DissectionSettings, ReadingRegions, Batched):
    """How the constituents of a file of regions are dissected."""
