"""What both stages of fine-tuning share: loss, class weights, early stopping, best weights."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from seformer.model.backbones import registry
from seformer.util.errors import UserError
from seformer.util.ranks import auroc
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)
HISTORY_COLUMNS = (
    "stage epoch step train_loss validation_loss validation_auroc learning_rate seconds".split()
)


def class_weights(labels: np.ndarray, mode: str) -> torch.Tensor:
    """Weights of TE and SE: float32 ``[2]``; ``balanced`` is n / (2 n_class), ``none`` is 1."""
    if mode == "none":
        return torch.ones(2)
    counts = np.bincount(labels.astype(int), minlength=2)
    return torch.tensor(len(labels) / (2 * counts), dtype=torch.float32)


def weighted_loss(
    margins: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each region, times the weight of its class: float ``[regions]``.

    The cross-entropy of two logits equals the binary one of their margin.
    """
    loss = functional.binary_cross_entropy_with_logits(margins, labels, reduction="none")
    return loss * weights[labels.long()]


def validate(margins: np.ndarray, labels: np.ndarray, weights: torch.Tensor) -> dict[str, float]:
    """Weighted loss and AUROC of the validation part."""
    loss = weighted_loss(torch.from_numpy(margins), torch.from_numpy(labels).double(), weights)
    return {"validation_loss": float(loss.mean()), "validation_auroc": auroc(labels, margins)}


def check_finite(loss: float, *, stage: int | str, epoch: int, step: int) -> None:
    """Stop when the loss is no longer a number.

    Raises
    ------
    UserError
        With the step and the likely cause.
    """
    if not math.isfinite(loss):
        named = f"stage {stage}" if isinstance(stage, int) else stage
        raise UserError(
            f"the loss became {loss} in {named}, epoch {epoch}, step {step}",
            do="the learning rate is probably too high: try a tenth of it, or --precision fp32",
        )


@dataclass
class EarlyStopping:
    """Keep the best epoch by validation AUROC (ties: lower loss); wait for ``patience`` more."""

    patience: int
    best: tuple[float, float] = (-math.inf, -math.inf)
    best_epoch: int = 0
    waited: int = 0

    def update(self, epoch: int, validation: dict[str, float]) -> bool:
        """Record an epoch; returns whether it is the best so far."""
        key = (validation["validation_auroc"], -validation["validation_loss"])
        if key > self.best:
            self.best, self.best_epoch, self.waited = key, epoch, 0
            return True
        self.waited += 1
        return False

    @property
    def stop(self) -> bool:
        return self.waited >= self.patience


@dataclass
class Progress:
    """What the epochs of a stage leave behind.

    Attributes
    ----------
    stage
        1 or 2.
    epochs
        At most so many.
    stopping
        When to stop, and which epoch was the best.
    rows
        One row an epoch, as in ``history.tsv``.
    best
        Weights of the best epoch, on the CPU.
    """

    stage: int
    epochs: int
    stopping: EarlyStopping
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    def end_epoch(
        self, module: nn.Module, epoch: int, validation: dict[str, float], **measured: float
    ) -> None:
        """Add the row of an epoch; copy the weights if they are the best so far."""
        row = {"stage": self.stage, "epoch": epoch} | validation | measured
        self.rows.append({column: row[column] for column in HISTORY_COLUMNS})
        logger.info(
            "stage %(stage)d, epoch %(epoch)d of at most %(epochs)d: training loss "
            "%(train_loss).4f, validation loss %(validation_loss).4f, AUROC "
            "%(validation_auroc).4f, %(seconds).0f s",
            row | {"epochs": self.epochs},
        )
        if self.stopping.update(epoch, validation):
            self.best = copy_weights(module)

    def restore_best(self, module: nn.Module) -> None:
        """Put the weights of the best epoch back, for use."""
        module.load_state_dict(self.best)
        module.eval()
        best = self.stopping
        logger.info(
            "stage %d: best epoch %d, AUROC %.4f", self.stage, best.best_epoch, best.best[0]
        )


def copy_weights(module: nn.Module) -> dict[str, torch.Tensor]:
    """Copy the weights of a module to the CPU."""
    weights = module.state_dict()
    return {key: value.detach().cpu().contiguous().clone() for key, value in weights.items()}


def write_history(rows: list[dict[str, Any]], path: Path) -> None:
    """Write ``history.tsv``."""
    write_tsv(pd.DataFrame(rows, columns=list(HISTORY_COLUMNS)), path)


class Rates(NamedTuple):
    """Learning rates of stage 1 and stage 2."""

    head: float
    full: float


PRETRAINED_RATES = Rates(head=1e-3, full=2e-5)


def recommended_rates(backbone: str | None) -> Rates:
    """Rates of the registry for its names and hub ids, else those fit for a pre-trained model."""
    entry = registry.find(str(backbone))
    return Rates(**entry.learning_rates) if entry else PRETRAINED_RATES


def fingerprint(**parts: Any) -> str:
    """Short digest of everything a cache or checkpoint depends on."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
