"""Settings of the split."""

from __future__ import annotations

from typing import Literal

from seformer.util.settings import SEED, Names, Settings, setting

SplitBy = Literal["auto", "chromosomes", "clusters", "homology", "file"]
ConflictRule = Literal["keep", "drop", "majority"]


TEST_CHROMOSOMES = setting(
    (), "Chromosomes held out for the test, with commas between.", metavar="chr7,chr10"
)
VALIDATION_CHROMOSOMES = setting(
    (), "Chromosomes that choose epoch, threshold and calibration, with commas between."
)


class SplitSettings(Settings):
    """What is held out, and how much."""

    split_by: SplitBy = setting(
        "auto",
        "By held-out chromosomes, by clusters of overlapping regions, by clusters of homology (near"
        " copies too, on either strand), or by files of an earlier split.",
    )
    test_chromosomes: Names = TEST_CHROMOSOMES
    validation_chromosomes: Names = VALIDATION_CHROMOSOMES
    test_fraction: float = setting(
        0.2, "Part of the regions for the test, where the chromosomes are not given."
    )
    validation_fraction: float = setting(
        0.1, "Part of the regions for validation, where the chromosomes are not given."
    )
    folds: int = setting(1, "Folds of a cross-validation; 1 is one split.", ge=1)
    conflict_rule: ConflictRule = setting(
        "keep",
        "Loci with another label in another sample: keep, drop, or keep the majority's in the"
        " training of one model for all.",
        option="--conflicts",
    )
    grey_zone: float = setting(
        0.0,
        "Regions whose signal is within this share of the cut-off between the classes, above or"
        " below, are left out of training; 0.2 is 20 %, 0 leaves none out.",
        ge=0,
        lt=1,
        group="split_options",
        refused="the grey zone {value} is not a share of the cut-off",
    )
    seed: int = SEED
