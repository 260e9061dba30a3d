"""Stage 2: train all layers, starting from the classifier of stage 1."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seformer.model.folder import (
    OWN_FILES,
    Model,
    classifier_state,
    load_model,
    save_model,
    weights_digest,
)
from seformer.scoring.score import Scorer
from seformer.sequence.batches import training_tokens
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.record import split_of_training
from seformer.training.checkpoint import Checkpoints
from seformer.training.common import (
    EarlyStopping,
    Progress,
    class_weights,
    fingerprint,
    recommended_rates,
    validate,
    weighted_loss,
    write_history,
)
from seformer.training.feature_cache import backbone_digest
from seformer.training.kmer_linear import weigh_spectrum
from seformer.training.lora import add_adapters, merge_adapters
from seformer.training.minibatches import MicroBatch, epoch_batches, micro_batches
from seformer.training.optimise import Optimisation, learning_rate_at, resolve_precision
from seformer.training.settings import Course, FullSettings, looked_up
from seformer.training.token_store import TokenStore, build_token_store, token_store_margins
from seformer.util import verified_tensors
from seformer.util.atomic import output_folder, require_writable, temporary_folder
from seformer.util.devices import seed_step, threads_worth
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
# where a training is, as its checkpoints say
COUNTERS = ("epoch", "step", "total_loss", "seconds")


@takes(FullSettings)
def finetune_full(
    model: Path,
    extracted: Sequence[Path],
    splits: Sequence[Path],
    out: Path,
    settings: FullSettings,
) -> None:
    """Train all layers and write the model folder and ``history.tsv`` into ``out``.

    With ``checkpoints``, an interrupted training of the same data, model and options goes on
    from the last checkpoint there and ends with the same weights as an uninterrupted one.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used, or the loss is no longer a number.
    Interrupted
        After SIGTERM, once the checkpoint is written.
    """
    require_writable(out)
    data = open_dataset(extracted, splits)
    start = load_model(model, settings.device)
    start.settings.splits = split_of_training([start.settings.splits], data, splits)
    backbone = start.classifier.backbone
    settings = settings.but(
        learning_rate=settings.learning_rate
        or recommended_rates(start.settings.backbone["name"]).full,
        precision=resolve_precision(settings.precision, start.device),
    )
    if settings.gradient_checkpointing:
        backbone.gradient_checkpointing_enable()
    kept = settings.checkpoints and settings.checkpoints / fingerprint(
        data=data.digest(),
        model=weights_digest(classifier_state(start.classifier)),
        backbone=backbone_digest(start),
        settings=start.settings.model_dump_json(exclude={"test"}),
        options=settings.only(Course),
    )
    checkpoints = Checkpoints(kept, settings.checkpoint_minutes * 60)
    scorer = Scorer(start, settings.batch_tokens)
    if settings.lora_rank:
        drawn = start.settings.backbone.get("source") == "preset"
        if drawn and "full" not in start.settings.training:
            logger.warning(
                "%s is trained from scratch: with --lora-rank its weights stay as they were drawn "
                "at random, beside small adapters; 0 trains them",
                start.settings.backbone["name"],
            )
        add_adapters(backbone, settings.lora_rank, settings.seed)
    with temporary_folder() as folder:
        trainer = FullTrainer(scorer, data, tokenise_parts(data, start, folder), settings)
        trainer.fit(checkpoints)
    if not trainer.optimisation.accelerator.is_main_process:
        return
    if settings.lora_rank:
        merge_adapters(backbone)
    # what was promised and tested of the scores that it had before does not hold for the new ones
    start.settings.conformal = start.settings.test = None
    start.settings.training["full"] = {
        key: value for key, value in settings.only(Course).items() if key != "seed"
    }
    if start.classifier.spectrum is not None:
        start.settings.training["spectrum"]["weight"] *= weigh_spectrum(scorer, data)
    with output_folder(out, own=OWN_FILES) as staging:
        save_model(start, staging)
        write_history(trainer.progress.rows, staging / "history.tsv")
    checkpoints.clear()


def tokenise_parts(
    data: LabelledDataset, model: Model, folder: Path
) -> tuple[TokenStore, TokenStore]:
    """Tokenise the training part in all views, and the validation part in one phase.

    Validating in all phases would cost as much as the epoch itself, and the best epoch is the
    same one.
    """
    return (
        build_token_store(data.sequences("train"), model.tokenizer, folder / "train"),
        build_token_store(data.sequences("validation"), model.tokenizer, folder / "validation", 1),
    )


class FullTrainer:
    """Stage 2: its state, and one step of it.

    Everything random is drawn from (seed, epoch, step), so that a training that goes on from a
    checkpoint takes the same course as one that was never interrupted.

    Parameters
    ----------
    tokens
        Tokens of the training part and of the validation part, see `tokenise_parts`.
    """

    def __init__(
        self,
        scorer: Scorer,
        data: LabelledDataset,
        tokens: tuple[TokenStore, TokenStore],
        settings: Course,
    ) -> None:
        model = scorer.model
        self.scorer, self.model, self.settings = scorer, model, settings
        self.tokens, self.validation_tokens = tokens
        self.labels = torch.from_numpy(data.labels("train"))
        self.validation_labels = data.labels("validation")
        self.weights = class_weights(data.labels("train"), settings.weights)
        self.module = model.classifier
        rate = looked_up(settings.learning_rate)
        self.optimisation = Optimisation(self.module, model.device, settings.precision, rate)
        self.lengths = (self.tokens.stop - self.tokens.start).max(1)
        self.steps_per_epoch = -(-len(self.lengths) // settings.batch_size)
        most = settings.max_windows * (model.settings.window or self.lengths.max())
        seen = float(np.minimum(self.lengths, most).mean())
        self.activations = settings.batch_size * seen * self.module.backbone.hidden_size
        self.epoch, self.step, self.total_loss, self.seconds = 1, 0, 0.0, 0.0
        self.progress = Progress(2, settings.epochs, EarlyStopping(settings.patience))

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.settings.epochs

    def rate_at(self, step: int) -> float:
        """The learning rate of a step."""
        course = self.settings
        rate = looked_up(course.learning_rate)
        return learning_rate_at(step, self.steps, rate, course.warmup)

    def fit(self, checkpoints: Checkpoints) -> None:
        """Train until the last epoch or early stopping; leaves the weights of the best epoch."""
        self.optimisation.take_up(checkpoints, self.restore)
        with checkpoints:
            while self.epoch <= self.settings.epochs and not self.progress.stopping.stop:
                with threads_worth(self.activations):
                    self.train_epoch(checkpoints)
                self.end_epoch()
                checkpoints.save(*self.state())
        self.progress.restore_best(self.module)

    def train_epoch(self, checkpoints: Checkpoints) -> None:
        """Train on the batches that a checkpoint within the epoch has left."""
        # always the same for a seed and an epoch
        rng = np.random.default_rng([self.settings.seed, self.epoch])
        batches = epoch_batches(self.lengths, self.settings.batch_size, rng)
        done = self.step - (self.epoch - 1) * self.steps_per_epoch
        self.module.train()
        name = f"stage 2, batches of epoch {self.epoch} of at most {self.settings.epochs}"
        for regions in progress(batches[done:], name, done=done):
            began = time.monotonic()
            try:
                self.total_loss += self.train_step(regions)
            except UserError:
                if self.progress.best and checkpoints.folder is not None:
                    best = self.progress.stopping.best_epoch
                    logger.warning(
                        "the best epoch so far, %d, stays in %s", best, checkpoints.folder
                    )
                raise
            self.seconds += time.monotonic() - began
            if checkpoints.due():
                checkpoints.save(*self.state())

    def train_step(self, regions: np.ndarray) -> float:
        """Train on one batch, in as many forward passes as memory asks for; returns its loss."""
        settings, device = self.settings, self.model.device
        rng = np.random.default_rng([settings.seed, self.epoch, self.step])
        seed_step(int(rng.integers(2**63)), device)
        width = self.module.backbone.hidden_size
        at_once = training_tokens(self.scorer.batch_tokens, width, device)
        share = self.optimisation.share
        parts = micro_batches(
            regions, self.tokens, self.model, settings.max_windows, at_once, rng, share
        )

        def loss_of(part: MicroBatch) -> torch.Tensor:
            given = part.batch, part.tokens, part.region
            margins = self.optimisation.wrapped(*(x.to(device) for x in given), len(part.rows))
            truth = self.labels[torch.from_numpy(regions[part.rows])].to(device)
            loss = weighted_loss(margins, truth, self.weights.to(device)) * part.weight
            return loss.sum() / len(regions)

        at = {"stage": 2, "epoch": self.epoch, "step": self.step + 1}
        loss = self.optimisation.step(list(parts), loss_of, self.rate_at(self.step), **at)
        self.step += 1
        return loss

    def end_epoch(self) -> None:
        """Validate and record the epoch."""
        # the transformer alone: a k-mer spectrum beside it changes nothing of its training
        margins = token_store_margins(self.scorer, self.validation_tokens)
        self.progress.end_epoch(
            self.module,
            self.epoch,
            validate(margins, self.validation_labels, self.weights),
            step=self.step,
            train_loss=self.total_loss / self.steps_per_epoch,
            learning_rate=self.rate_at(self.step - 1),
            seconds=self.seconds,
        )
        self.epoch, self.total_loss, self.seconds = self.epoch + 1, 0.0, 0.0

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Everything a later run needs to go on: tensors and a JSON record."""
        stopping = self.progress.stopping
        record = {name: getattr(self, name) for name in COUNTERS} | {
            "history": self.progress.rows,
            "best": [str(value) for value in stopping.best],
            "best_epoch": stopping.best_epoch,
            "waited": stopping.waited,
        }
        return self.optimisation.tensors(self.progress.best), record

    def restore(self, stored: verified_tensors.Stored) -> None:
        """Take over the state of a checkpoint."""
        kept, record = self.optimisation.restore(stored.tensors), stored.record
        for name in COUNTERS:
            setattr(self, name, record[name])
        (measure, loss), waited = map(float, record["best"]), record["waited"]
        best = measure, loss
        stopping = EarlyStopping(self.settings.patience, best, record["best_epoch"], waited)
        self.progress = Progress(2, self.settings.epochs, stopping, record["history"], kept)
        logger.info("going on from the checkpoint at epoch %d, step %d", self.epoch, self.step)
