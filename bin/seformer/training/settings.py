"""Settings of the two stages of training, and of pre-training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from seformer.model.choices import TokenPooling, WindowPooling
from seformer.splits.settings import TEST_CHROMOSOMES, VALIDATION_CHROMOSOMES
from seformer.util.settings import SEED, Batched, Names, ReadingRegions, Settings, setting

Features = Literal["none", "kmer", "kmer_density"]
ClassWeights = Literal["balanced", "none"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
LeaveOut = Literal["held_out", "nothing"]
RATE: dict[str, Any] = {
    "gt": 0,
    "unset": "the model's recommended rate",
    "refused": "the learning rate {value} is not usable",
}


def looked_up(value: float | None) -> float:
    """A setting that is the model's own by default, once that has taken its place."""
    if value is None:
        raise ValueError("the model's own value was not looked up")
    return value


WEIGHTS = setting("balanced", "Weight of the classes in the loss.", option="--class-weights")
WINDOW = setting(
    None, "Tokens in a window, special tokens included.", ge=4, unset="the model's context"
)
PRECISION = setting("auto", "Stage 2 and pre-training: precision of the arithmetic.")
RECOMPUTE = setting(False, "Stage 2 and pre-training: less memory for a third more time.")
CHECKPOINTS = setting(None, "Folder for checkpoints that outlives the task, to resume from.")
CHECKPOINT_MINUTES = setting(5.0, "Stage 2 and pre-training: time between checkpoints.", ge=0)


class HeadSettings(Batched):
    """Stage 1."""

    sample: str | None = setting(None, "Name of the sample in the results.", parameter=None)
    window: int | None = WINDOW
    overlap: int = setting(0, "Tokens that neighbouring windows share.", ge=0)
    token_pooling: TokenPooling = setting(
        "mean", "From tokens to a window: their mean, or the CLS token."
    )
    window_pooling: WindowPooling = setting(
        "mean", "From windows to a region: mean, log-sum-exp, or attention that is trained."
    )
    features: Features = setting(
        "none",
        "Counted k-mers as a part of the score, beside the transformer: kmer takes their"
        " frequencies, kmer_density the logarithm of their number a kilobase, N among the bases.",
    )
    epochs: int = setting(
        50,
        "Stage 1: most passes over the training part; 0 leaves stage 1 out.",
        ge=0,
        option="--head-epochs",
    )
    learning_rate: float | None = setting(
        None, "Stage 1: learning rate.", option="--head-learning-rate", **RATE
    )
    patience: int = setting(
        8,
        "Stage 1: epochs without a better validation AUROC before it ends.",
        ge=1,
        option="--head-patience",
    )
    batch_size: int = setting(64, "Stage 1: regions per step.", ge=1, option=None)
    weights: ClassWeights = WEIGHTS
    dropout: float = setting(0.1, "Stage 1: dropout in the classifier.", ge=0, le=0.9)
    random_weights: bool = setting(
        False,
        "Draw a pre-trained model's weights at random: its twin, for evaluate --random-twin.",
        parameter=None,
    )
    cache: Path | None = setting(None, "Folder that keeps the frozen features.")
    seed: int = SEED


class Course(Settings):
    """What determines the course of stage 2; all of it is part of a checkpoint's identity."""

    epochs: int = setting(10, "Stage 2: most passes over the training part.", ge=1)
    learning_rate: float | None = setting(None, "Stage 2: learning rate.", **RATE)
    warmup: float = setting(
        0.1, "Stage 2: part of the steps with a rising learning rate.", ge=0, le=1
    )
    patience: int = setting(
        3, "Stage 2: epochs without a better validation AUROC before it ends.", ge=1
    )
    batch_size: int = setting(16, "Stage 2: regions per step.", ge=1)
    max_windows: int = setting(
        8,
        "Stage 2: windows of a region per step; of longer regions a random choice is trained on.",
        ge=1,
    )
    precision: Precision = PRECISION
    weights: ClassWeights = WEIGHTS
    lora_rank: int = setting(
        0,
        "Stage 2: train low-rank adapters of this rank instead of all weights, merged on saving;"
        " 0 trains all.",
        ge=0,
    )
    seed: int = SEED


class FullSettings(Course, Batched):
    """Stage 2."""

    gradient_checkpointing: bool = RECOMPUTE
    checkpoints: Path | None = CHECKPOINTS
    checkpoint_minutes: float = CHECKPOINT_MINUTES


class PretrainCourse(Settings):
    """What determines the course of a pre-training, beside the sequence."""

    window: int | None = WINDOW
    epochs: int = setting(
        10,
        "Pre-training: most passes over the sequence.",
        ge=1,
        parameter="pretrain_epochs",
        group="pretraining_options",
    )
    steps: int = setting(
        10_000,
        "Pre-training: most steps, whatever the passes.",
        ge=1,
        parameter="pretrain_steps",
        group="pretraining_options",
    )
    batch_size: int = setting(
        64,
        "Pre-training: windows per step.",
        ge=1,
        parameter="pretrain_batch_size",
        group="pretraining_options",
    )
    learning_rate: float | None = setting(
        None,
        "Pre-training: learning rate.",
        parameter="pretrain_learning_rate",
        group="pretraining_options",
        **RATE,
    )
    mask_share: float | None = setting(
        None,
        "Pre-training: part of the tokens that are hidden.",
        gt=0,
        lt=1,
        parameter="pretrain_mask_share",
        group="pretraining_options",
        unset="as published, 0.15 for most models",
        refused="the share {value} of hidden tokens is not usable",
    )
    max_n: float = setting(
        0.1,
        "Pre-training: windows with a larger part of N are left out.",
        ge=0,
        lt=1,
        parameter="pretrain_max_n",
        group="pretraining_options",
    )
    held_back: float = setting(
        0.02,
        "Pre-training: part of the windows that it is measured on.",
        gt=0,
        lt=1,
        parameter="pretrain_held_back",
        group="pretraining_options",
    )
    leave_out: LeaveOut = setting(
        "held_out",
        "Pre-training: leave out the chromosomes of test and validation (or these regions, where"
        " other regions of their chromosomes train), or nothing.",
        parameter="pretrain_leave_out",
        group="pretraining_options",
    )
    test_chromosomes: Names = TEST_CHROMOSOMES
    validation_chromosomes: Names = VALIDATION_CHROMOSOMES
    precision: Precision = PRECISION
    seed: int = SEED


class PretrainSettings(PretrainCourse, ReadingRegions, Batched):
    """Masked-token training before stage 1."""

    gradient_checkpointing: bool = RECOMPUTE
    checkpoints: Path | None = CHECKPOINTS
    checkpoint_minutes: float = CHECKPOINT_MINUTES


class LaunchSettings(Settings):
    """How stage 2 or a pre-training is started."""

    processes: int = setting(1, "Processes, one a GPU, for one training.", ge=1)
