"""The random twin of a pre-trained model, which shows what pre-training is worth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from seformer.evaluation.baselines import fitted_baselines
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.model.folder import Model, config_digest, ensemble, load_model
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


def load_twin(folders: Sequence[Path], model: Model, device: str) -> Model | None:
    """Load the random twin of ``model``, several as one ensemble; None without any.

    Raises
    ------
    UserError
        If its network or tokeniser is another, or it was read or trained otherwise.
    """
    twins = []
    for folder in map(Path, folders):
        twin = load_model(folder, device)
        if fault := _unlike(twin, model):
            raise UserError(
                f"this is not a twin of the model: {fault}",
                where=folder,
                expected=ALIKE,
                do="train it as the model, with finetune-head --random-weights and finetune-full",
            )
        if is_pretrained(twin.settings):
            logger.warning("%s was not trained from random weights (--random-weights)", folder)
        twins.append(twin)
    return ensemble(twins) if twins else None


def _unlike(twin: Model, model: Model) -> str | None:
    """Say what of a twin is not as in the model; of training options that differ only the log."""
    here, there = twin.settings, model.settings
    if config_digest(twin.classifier.backbone.config) != config_digest(
        model.classifier.backbone.config
    ):
        return "its network is another"
    if twin.tokenizer.identity != model.tokenizer.identity:
        return "its tokeniser is another"
    for name in READING:
        if getattr(here, name) != getattr(there, name):
            return f"{name} is {getattr(here, name)}, of the model {getattr(there, name)}"
    ranges = [member.settings.training_range for member in model.members]
    if None not in ranges and here.training_range not in (None, *ranges):
        return "it was trained on other regions"
    for name in here.training.keys() | there.training.keys():
        if name not in NOT_SETTINGS and here.training.get(name) != there.training.get(name):
            logger.warning("the random twin was trained with another setting of %s", name)
    return None


def chosen_names(names: Sequence[str], model: Model, twin: bool, others: bool) -> Sequence[str]:
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
    if not is_pretrained(model.settings):
        why = "the model was trained from scratch, and pre-training is what a twin measures"
    logger.warning("no random twin stands beside the model: %s", why)
    if set(names) == {TWIN} and not others:
        logger.warning("no other baseline was chosen: all others are taken")
        return fitted_baselines(names)
    return names
