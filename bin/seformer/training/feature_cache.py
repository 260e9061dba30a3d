"""Features of the frozen backbone: computed once, kept in a cache, taken strand by strand."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import torch

from seformer.model.folder import Model
from seformer.scoring.score import Scorer, WindowFeatures
from seformer.scoring.views import STRANDS, both_strands, chunks
from seformer.splits.dataset import LabelledDataset
from seformer.training.common import fingerprint
from seformer.util import verified_tensors
from seformer.util.atomic import temporary_folder
from seformer.util.labels import TRAINING_PARTS
from seformer.util.logs import progress
from seformer.util.prefetch import ahead

logger = logging.getLogger(__name__)


def frozen_features(scorer: Scorer, data: LabelledDataset, cache: Path | None) -> WindowFeatures:
    """Compute the frozen features of the training and validation regions, or read them back."""
    if cache is None:
        return _compute(scorer, data)
    settings = scorer.model.settings
    stem = "features-" + fingerprint(
        data=data.digest(),
        backbone=backbone_digest(scorer.model),
        window=settings.window,
        overlap=settings.overlap,
        token_pooling=settings.token_pooling,
    )
    if (stored := verified_tensors.load(cache, stem)) is not None:
        logger.info("frozen features read from %s", cache)
        return WindowFeatures(**stored.tensors)
    features = _compute(scorer, data)
    try:
        verified_tensors.save(cache, stem, features._asdict(), {})
    except OSError as error:
        logger.warning("the features cannot be kept (%s): they are computed anew next time", error)
    return features


def _compute(scorer: Scorer, data: LabelledDataset) -> WindowFeatures:
    parts = []
    strands = 0
    sequences = data.sequences(*TRAINING_PARTS)
    encoded = (scorer.model.tokenizer.encode(both_strands(g)) for g in chunks(sequences))
    shown = progress(
        ahead(encoded),
        "frozen features",
        len(sequences),
        counted=lambda encoding: (len(encoding.splits) - 1) // STRANDS,
    )
    for encoding in shown:
        pooled = scorer.window_features(encoding)
        parts.append(pooled._replace(strand=pooled.strand + strands))
        strands += len(encoding.splits) - 1
    return WindowFeatures(*(torch.cat(column) for column in zip(*parts, strict=True)))


def backbone_digest(model: Model) -> str:
    """SHA-256 of what turns bases into features: tokeniser, configuration and weights.

    The weights of the head do not change the features.
    """
    backbone = model.classifier.backbone
    state = hashlib.sha256(json.dumps(backbone.config, sort_keys=True).encode())
    with temporary_folder() as folder:
        model.tokenizer.save(folder)
        for path in sorted(folder.iterdir()):
            state.update(path.name.encode() + path.read_bytes())
    for key, value in sorted(backbone.published_state().items()):
        state.update(key.encode())
        state.update(value.detach().cpu().contiguous().view(torch.uint8).numpy())
    return state.hexdigest()


def rows_of(strands: torch.Tensor, first: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the windows of ``strands`` and the position of each row's strand in ``strands``.

    ``first`` int64 ``[strands + 1]`` holds where each strand's windows begin.
    """
    number = first[strands + 1] - first[strands]
    owner = torch.repeat_interleave(torch.arange(len(strands)), number)
    begin = torch.cumsum(number, 0) - number
    rows = first[strands][owner] + torch.arange(len(owner)) - begin[owner]
    return rows, owner


def first_windows(pooled: WindowFeatures) -> torch.Tensor:
    """Where the windows of each strand begin: int64 ``[strands + 1]``."""
    return torch.searchsorted(pooled.strand, torch.arange(int(pooled.strand[-1]) + 2))


def take_strands(
    pooled: WindowFeatures, strands: torch.Tensor, first: torch.Tensor
) -> WindowFeatures:
    """Take the windows of ``strands``; their ``strand`` becomes the position in ``strands``.

    ``first`` is what `first_windows` gives for ``pooled``.
    """
    rows, owner = rows_of(strands, first)
    return WindowFeatures(pooled.features[rows], pooled.tokens[rows], owner)


def strands_of(regions: torch.Tensor) -> torch.Tensor:
    """Both strands of each region: int64 ``[2 × regions]``."""
    return (STRANDS * regions[:, None] + torch.arange(STRANDS)).flatten()
