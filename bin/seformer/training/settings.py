"""Settings of the two stages of training."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from seformer.model.choices import TokenPooling, WindowPooling
from seformer.util.settings import SEED, Batched, Settings, setting

Features = Literal["none", "kmer", "kmer_density"]
ClassWeights = Literal["balanced", "none"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
RATE = {
    "gt": 0,
    "unset": "the model's recommended rate",
    "refused": "the learning rate {value} is not usable",
}


WEIGHTS = setting("balanced", "Weight of the classes in the loss.", option="--class-weights")


class HeadSettings(Batched):
    """Stage 1."""

    sample: str | None = setting(None, "Name of the sample in the results.", parameter=None)
    window: int | None = setting(
        None,
        "Tokens in a window, special tokens included.",
        ge=4,
        unset="the model's context",
    )
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
    precision: Precision = setting("auto", "Stage 2: precision of the arithmetic.")
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

    gradient_checkpointing: bool = setting(False, "Stage 2: less memory for a third more time.")
    checkpoints: Path | None = setting(
        None, "Folder for checkpoints that outlives the task, to resume from."
    )
    checkpoint_minutes: float = setting(5.0, "Stage 2: time between checkpoints.", ge=0)


class LaunchSettings(Settings):
    """How stage 2 is started."""

    processes: int = setting(1, "Processes, one a GPU, for one training.", ge=1)
