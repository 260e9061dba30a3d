"""The random twin of a pre-trained model, which shows what pre-training is worth."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.evaluation.baselines import fitted_baselines
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.held_out import (
    TABLE,
    Calibrated,
    Network,
    read_calibrated,
    require_same_regions,
)
from seformer.model.settings import ModelSettings
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
# how a region is read: with another reading a twin is none
READING = ("window", "overlap", "phases", "token_pooling", "window_pooling", "spectrum")
# what a training leaves in `ModelSettings.training` beside its settings
NOT_SETTINGS = {"random_weights", "spectrum"}
ALIKE = (
    "the same network, read and trained in the same way on the same regions, from random weights"
)


def is_pretrained(settings: ModelSettings) -> bool:
    """Tell whether the backbone's weights were any but random ones before stage 1."""
    drawn = settings.backbone.get("source") == "preset"
    return not drawn and not settings.training.get("random_weights")


class TwinScores(NamedTuple):
    """Mean logit of the twin's members, float64 [n] of the held-out regions, and their number."""

    logit: np.ndarray
    members: int


def twin_scores(
    folders: Sequence[Path],
    model: Calibrated,
    regions: pd.DataFrame,
    score: Callable[[Path], tuple[ModelSettings, Network, np.ndarray]],
) -> TwinScores | None:
    """Return the scores of the random twin of ``model``, several as one; None without any.

    Parameters
    ----------
    folders
        Model folders, or what `seformer calibrate` wrote of them.
    score
        Loads a model folder and scores the held-out ``regions``: float64 [members, n].

    Raises
    ------
    UserError
        If its network or tokeniser is another, or it was read or trained otherwise.
    """
    logits: list[np.ndarray] = []
    for folder in map(Path, folders):
        if (folder / TABLE).is_file():
            twin, table = read_calibrated(folder)
            require_same_regions(table, regions, folder / TABLE)
            settings, network, each = twin.settings, twin.network, twin.scores.members
        else:
            settings, network, each = score(folder)
        if fault := _unlike(settings, network, model):
            raise UserError(
                f"this is not a twin of the model: {fault}",
                where=folder,
                expected=ALIKE,
                do="train it as the model, with finetune-head --random-weights and finetune-full",
            )
        if is_pretrained(settings):
            logger.warning("%s was not trained from random weights (--random-weights)", folder)
        logits += list(each)
    return TwinScores(np.mean(logits, axis=0), len(logits)) if logits else None


def _unlike(here: ModelSettings, network: Network, model: Calibrated) -> str | None:
    """Say what of a twin is not as in the model; of training options that differ only the log."""
    there = model.settings
    if network.config != model.network.config:
        return "its network is another"
    if network.tokenizer != model.network.tokenizer:
        return "its tokeniser is another"
    for name in READING:
        if getattr(here, name) != getattr(there, name):
            return f"{name} is {getattr(here, name)}, of the model {getattr(there, name)}"
    ranges = model.network.ranges
    if None not in ranges and here.training_range not in (None, *ranges):
        return "it was trained on other regions"
    for name in here.training.keys() | there.training.keys():
        if name not in NOT_SETTINGS and here.training.get(name) != there.training.get(name):
            logger.warning("the random twin was trained with another setting of %s", name)
    return None


def chosen_names(
    names: Sequence[str], settings: ModelSettings, twin: bool, others: bool
) -> Sequence[str]:
    """Return the baselines to fit; says so where a twin was asked for by name but is not there.

    Parameters
    ----------
    names
        As given to ``--baselines``.
    twin
        Whether there is one.
    others
        Whether there is anything to compare with that is not fitted.
    """
    if twin or TWIN not in names:
        return names
    why = "give its folder to --random-twin"
    if not is_pretrained(settings):
        why = "the model was trained from scratch, and pre-training is what a twin measures"
    logger.warning("no random twin stands beside the model: %s", why)
    if set(names) == {TWIN} and not others:
        logger.warning("no other baseline was chosen: all others are taken")
        return fitted_baselines(names)
    return names
