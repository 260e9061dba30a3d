"""Masked-token training: its state, one step of it, and how it is measured."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from seformer.model.masked_head import MaskedModel
from seformer.sequence.batches import training_tokens
from seformer.sequence.tokenizers import Tokenizer
from seformer.training.checkpoint import Checkpoints
from seformer.training.common import check_finite, copy_weights
from seformer.training.masked_batches import MaskedBatch, Part, masked_batch, parts_of
from seformer.training.minibatches import epoch_batches
from seformer.training.optimise import Optimisation, learning_rate_at
from seformer.training.pretraining_windows import WindowStore
from seformer.training.settings import PretrainSettings, looked_up
from seformer.util import verified_tensors
from seformer.util.devices import seed_step, threads_worth
from seformer.util.logs import progress
from seformer.util.prefetch import ahead

logger = logging.getLogger(__name__)
# part of the steps with a rising learning rate
WARMUP = 0.1
# how often the windows that are held back are measured, and how many of them at most
MEASURED = 20
MOST_HELD_BACK = 1_000
# windows whose tokens the best constant guess is made of
CONSTANT_WINDOWS = 5_000
COLUMNS = (
    *("step", "epoch", "tokens", "train_loss", "held_back_loss", "held_back_accuracy"),
    *("learning_rate", "seconds"),
)
# where a training is, as its checkpoints say
COUNTERS = ("step", "tokens", "total_loss", "since", "seconds", "best_step")


class MaskedTrainer:
    """A pre-training.

    Everything random is drawn from (seed, epoch, step), so that a training that goes on from a
    checkpoint takes the same course as one that was never interrupted.

    Parameters
    ----------
    content
        Most tokens in a window, without special ones.
    settings
        With rate, precision and share resolved.

    Attributes
    ----------
    rows
        One row a measurement, as in ``loss.tsv``.
    """

    def __init__(
        self,
        module: MaskedModel,
        tokenizer: Tokenizer,
        windows: WindowStore,
        content: int | None,
        settings: PretrainSettings,
        device: torch.device,
    ) -> None:
        self.module, self.tokenizer, self.windows = module, tokenizer, windows
        self.content, self.settings, self.device = content, settings, device
        rate = looked_up(settings.learning_rate)
        self.optimisation = Optimisation(module, device, settings.precision, rate)
        number = len(windows.start)
        back = min(max(1, round(settings.held_back * number)), MOST_HELD_BACK, number - 1)
        order = np.random.default_rng([settings.seed, 0]).permutation(number)
        self.held_back, self.trained = np.sort(order[:back]), np.sort(order[back:])
        self.lengths = (windows.stop - windows.start)[self.trained]
        self.steps_per_epoch = -(-len(self.trained) // settings.batch_size)
        self.steps = min(settings.steps, settings.epochs * self.steps_per_epoch)
        width = module.backbone.hidden_size
        self.at_once = training_tokens(settings.batch_tokens, width, device)
        self.step, self.tokens, self.total_loss, self.since, self.seconds = 0, 0, 0.0, 0, 0.0
        self.rows: list[dict[str, Any]] = []
        self.best, self.best_step = {}, 0
        self.constant = self.best_constant()

    def fit(self, checkpoints: Checkpoints) -> None:
        """Train to the last step; leaves the weights that did best on what is held back."""
        self.optimisation.take_up(checkpoints, self.restore)
        mean = float(np.mean(self.windows.stop - self.windows.start))
        activations = self.settings.batch_size * mean * self.module.backbone.hidden_size
        with checkpoints, threads_worth(activations):
            if not self.rows:
                self.measure()
            left = self.batches(self.step)
            for batch in progress(ahead(left), "pre-training", self.steps, done=self.step):
                began = time.monotonic()
                self.train_step(batch)
                self.seconds += time.monotonic() - began
                if self.step in self.stops():
                    self.measure()
                    checkpoints.save(*self.state())
                elif checkpoints.due():
                    checkpoints.save(*self.state())
        self.module.load_state_dict(self.best)
        self.module.eval()
        best = self.rows_of_best()
        logger.info(
            "pre-training: best after step %d, loss %.4f (%.4f before, %.4f by the best constant "
            "guess), %.2f %% of hidden tokens told (%.2f %% by the constant)",
            *(self.best_step, best["held_back_loss"], self.rows[0]["held_back_loss"]),
            *(self.constant["loss"], 100 * best["held_back_accuracy"]),
            100 * self.constant["accuracy"],
        )

    def stops(self) -> set[int]:
        """The steps after which is measured."""
        return {math.ceil(self.steps * k / MEASURED) for k in range(1, MEASURED + 1)}

    def batches(self, done: int) -> Iterator[MaskedBatch]:
        """Yield the batches after ``done`` steps; always the same for a seed, epoch and step."""
        for step in range(done, self.steps):
            epoch, place = divmod(step, self.steps_per_epoch)
            if place == 0 or step == done:
                rng = np.random.default_rng([self.settings.seed, 1, epoch])
                order = epoch_batches(self.lengths, self.settings.batch_size, rng)
            rng = np.random.default_rng([self.settings.seed, 2, step])
            rows = self.trained[order[place]]
            yield self.hidden(rows, rng)

    def hidden(
        self, rows: np.ndarray, rng: np.random.Generator, measured: bool = False
    ) -> MaskedBatch:
        """Windows as tokens, some hidden."""
        share = looked_up(self.settings.mask_share)
        return masked_batch(
            self.windows, rows, self.tokenizer, self.content, share, rng, measured=measured
        )

    def train_step(self, batch: MaskedBatch) -> None:
        """Train on one batch, in as many forward passes as memory asks for."""
        device = self.device
        rng = np.random.default_rng([self.settings.seed, 3, self.step])
        seed_step(int(rng.integers(2**63)), device)
        self.module.train()
        asked = max(1, int(batch.chosen.sum()))

        def loss_of(part: Part) -> torch.Tensor:
            ids, mask, _ = part.batch.to(device)
            logits = self.optimisation.wrapped(ids, mask, part.asked.to(device))
            return functional.cross_entropy(logits, part.truth.to(device), reduction="sum") / asked

        parts = list(parts_of(batch, self.tokenizer, self.at_once, self.optimisation.share))
        epoch = self.step // self.steps_per_epoch + 1
        at = {"stage": "pre-training", "epoch": epoch, "step": self.step + 1}
        self.total_loss += self.optimisation.step(parts, loss_of, self.rate_at(self.step), **at)
        self.step += 1
        self.tokens += int((batch.stop - batch.start).sum())
        self.since += 1

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        rate = looked_up(self.settings.learning_rate)
        return learning_rate_at(step, self.steps, rate, WARMUP)

    def held_back_parts(self) -> Iterator:
        """The windows that are held back, with the same tokens hidden each time."""
        for first in range(0, len(self.held_back), self.settings.batch_size):
            rows = self.held_back[first : first + self.settings.batch_size]
            rng = np.random.default_rng([self.settings.seed, 4, first])
            yield from parts_of(self.hidden(rows, rng, True), self.tokenizer, self.at_once)

    def measure(self) -> None:
        """Measure on what is held back, and keep the weights if they are the best so far."""
        self.module.eval()
        loss, right, asked = 0.0, 0, 0
        with torch.inference_mode():
            for part in self.held_back_parts():
                given, truth = part.batch.to(self.device), part.truth.to(self.device)
                logits = self.module(
                    given.input_ids, given.attention_mask, part.asked.to(self.device)
                )
                loss += functional.cross_entropy(logits, truth, reduction="sum").item()
                right += int((logits.argmax(1) == truth).sum())
                asked += len(truth)
        row = {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 4),
            "tokens": self.tokens,
            "train_loss": self.total_loss / self.since if self.since else None,
            "held_back_loss": loss / max(1, asked),
            "held_back_accuracy": right / max(1, asked),
            "learning_rate": self.rate_at(max(0, self.step - 1)),
            "seconds": round(self.seconds, 2),
        }
        check_finite(row["held_back_loss"], stage="pre-training", epoch=1, step=self.step)
        if not self.rows or row["held_back_loss"] < self.rows_of_best()["held_back_loss"]:
            self.best, self.best_step = copy_weights(self.module), self.step
        self.rows.append(row)
        self.total_loss, self.since, self.seconds = 0.0, 0, 0.0
        if row["train_loss"] is not None:
            logger.info(
                "pre-training step %(step)d: loss %(train_loss).4f, held back %(held_back_loss).4f,"
                " %(held_back_accuracy).4f told, %(seconds).0f s",
                row,
            )

    def rows_of_best(self) -> dict[str, Any]:
        """The measurement of the weights that are kept."""
        return next(row for row in self.rows if row["step"] == self.best_step)

    def best_constant(self) -> dict[str, float]:
        """How well the tokens' frequencies alone tell hidden ones: those of training windows.

        Every token counts once more than it was seen.
        """
        rng = np.random.default_rng([self.settings.seed, 5])
        some = rng.permutation(self.trained)[:CONSTANT_WINDOWS]
        counts = np.zeros(self.tokenizer.vocab_size)
        counts[self.tokenizer.base_ids] = 1
        for first in range(0, len(some), self.settings.batch_size):
            rows = some[first : first + self.settings.batch_size]
            ids = self.hidden(rows, rng).truth
            counts += np.bincount(ids, minlength=len(counts)) * (counts > 0)
        shares = counts / counts.sum()
        truth = np.concatenate([part.truth.numpy() for part in self.held_back_parts()])
        if not len(truth):
            return {"loss": 0.0, "accuracy": 0.0}
        return {
            "loss": float(-np.log(shares[truth]).mean()),
            "accuracy": float((truth == shares.argmax()).mean()),
        }

    def counts(self) -> dict[str, Any]:
        """What the summary says of it."""

        def told(row: dict[str, Any]) -> dict[str, float]:
            return {"loss": row["held_back_loss"], "accuracy": row["held_back_accuracy"]}

        return {
            "windows": len(self.trained),
            "held_back": len(self.held_back),
            "bases": int(self.lengths.sum()),
            "steps": self.step,
            "best_step": self.best_step,
            "tokens": self.tokens,
            "start": told(self.rows[0]),
            "best": told(self.rows_of_best()),
            "constant": self.constant,
        }

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Everything a later run needs to go on: tensors and a JSON record."""
        record = {name: getattr(self, name) for name in COUNTERS} | {"rows": self.rows}
        return self.optimisation.tensors(self.best), record

    def restore(self, stored: verified_tensors.Stored) -> None:
        """Take over the state of a checkpoint."""
        self.best = self.optimisation.restore(stored.tensors)
        for name in COUNTERS:
            setattr(self, name, stored.record[name])
        self.rows = stored.record["rows"]
        logger.info("going on from the checkpoint at step %d", self.step)
