"""Stage 2: train all layers, starting from the classifier of stage 1."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs

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
from seformer.training.checkpoint import Keeper
from seformer.training.common import (
    EarlyStopping,
    History,
    check_finite,
    class_weights,
    fingerprint,
    recommended_rates,
    validate,
    weighted_loss,
)
from seformer.training.feature_cache import backbone_digest
from seformer.training.kmer_linear import weigh
from seformer.training.lora import add_adapters, merge_adapters
from seformer.training.minibatches import epoch_batches, micro_batches
from seformer.training.settings import Course, FullSettings
from seformer.training.token_store import TokenStore, build_store, store_margins
from seformer.util import verified_tensors
from seformer.util.atomic import output_folder, require_writable, temporary_folder
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
MAX_GRADIENT_NORM = 1.0
WEIGHT_DECAY = 0.01


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
    place = resolve_device(settings.device)
    start = load_model(model, place)
    resolved = settings.but(
        learning_rate=settings.learning_rate
        or recommended_rates(start.settings.backbone["name"]).full,
        precision=resolve_precision(settings.precision, place),
    )
    if settings.gradient_checkpointing:
        start.classifier.backbone.gradient_checkpointing_enable()
    kept = None
    if settings.checkpoints is not None:
        kept = settings.checkpoints / fingerprint(
            data=data.digest(),
            model=weights_digest(classifier_state(start.classifier)),
            backbone=backbone_digest(start),
            settings=start.settings.model_dump_json(),
            options=identity(resolved),
        )
    if resolved.lora_rank:
        add_adapters(start.classifier.backbone, resolved.lora_rank, resolved.seed)
    keeper = Keeper(kept, settings.checkpoint_minutes * 60)
    scorer = Scorer(start, settings.batch_tokens)
    with temporary_folder() as folder:
        stores = build_stores(data, start, folder)
        trainer = Trainer(scorer, data, stores, resolved)
        train_full(trainer, keeper)
    if not trainer.accelerator.is_main_process:
        return
    if resolved.lora_rank:
        merge_adapters(start.classifier.backbone)
    start.settings.training["full"] = {
        key: value for key, value in resolved.only(Course).items() if key != "seed"
    }
    if start.classifier.spectrum is not None:
        start.settings.training["spectrum"]["weight"] *= weigh(scorer, data)
    with output_folder(out, own=OWN_FILES) as staging:
        save_model(start, staging)
        trainer.history.write(staging / "history.tsv")
    keeper.clear()


def identity(settings: Course) -> str:
    """Say what determines the course, word for word as 1.0.0 did, whose checkpoints go on."""
    fields = settings.only(Course).items()
    return f"Options({', '.join(f'{name}={value!r}' for name, value in fields)})"


def build_stores(
    data: LabelledDataset, model: Model, folder: Path
) -> tuple[TokenStore, TokenStore]:
    """Tokenise the training part in all views, and the validation part in one phase.

    Validating in all phases would cost as much as the epoch itself, and the best epoch is the
    same one.
    """
    return (
        build_store(data.sequences("train"), model.tokenizer, folder / "train"),
        build_store(data.sequences("validation"), model.tokenizer, folder / "validation", 1),
    )


def resolve_precision(precision: str, device: torch.device) -> str:
    """Choose bf16 where the GPU computes in it, fp16 on older GPUs, fp32 on a CPU.

    Raises
    ------
    UserError
        If the device cannot compute in it.
    """
    if precision == "fp16" and device.type == "cpu":
        raise UserError(
            "fp16 needs a GPU", where="--precision", do="use auto, fp32 or bf16 on a CPU"
        )
    if precision != "auto":
        return precision
    if device.type == "cpu":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def learning_rate_at(step: int, steps: int, options: Course) -> float:
    """Linear warm-up over the first part of the steps, then linear decay to zero."""
    warm = max(1, round(options.warmup * steps))
    if step < warm:
        return options.learning_rate * (step + 1) / warm
    return options.learning_rate * max(0.0, (steps - step) / max(1, steps - warm))


def parameter_groups(module: torch.nn.Module) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for biases and norms."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]


class Trainer:
    """The state of stage 2 and one step of it.

    Everything random is drawn from (seed, epoch, step), so that a training that goes on from a
    checkpoint takes the same course as one that was never interrupted.
    """

    def __init__(
        self,
        scorer: Scorer,
        data: LabelledDataset,
        stores: tuple[TokenStore, TokenStore],
        options: Course,
    ) -> None:
        model = scorer.model
        self.scorer, self.model, self.data = scorer, model, data
        self.store, self.held = stores
        self.options = options
        width = model.classifier.backbone.hidden_size
        self.at_once = training_tokens(scorer.batch_tokens, width, model.device)
        self.labels = torch.from_numpy(data.labels("train"))
        self.weights = class_weights(data.labels("train"), options.weights)
        self.accelerator = Accelerator(
            cpu=model.device.type == "cpu",
            mixed_precision="no" if options.precision == "fp32" else options.precision,
            device_placement=False,
            kwargs_handlers=[
                # the buffers of all processes are the same and stay so; and what a configuration
                # leaves unused (a pooler of a stock class) is not waited for
                DistributedDataParallelKwargs(broadcast_buffers=False, find_unused_parameters=True)
            ],
        )
        self.module = model.classifier
        self.wrapped, self.optimizer = self.accelerator.prepare(
            self.module,
            torch.optim.AdamW(parameter_groups(self.module), lr=options.learning_rate, fused=True),
        )
        self.lengths = (self.store.stop - self.store.start).max(1)
        self.steps_per_epoch = -(-len(self.lengths) // options.batch_size)
        self.epoch, self.step, self.total_loss, self.seconds = 1, 0, 0.0, 0.0
        self.stopping, self.history = EarlyStopping(options.patience), History()
        self.best: dict[str, torch.Tensor] = {}

    @property
    def steps(self) -> int:
        return self.steps_per_epoch * self.options.epochs

    def batches(self) -> list[np.ndarray]:
        """Batches of the current epoch; always the same for a seed and an epoch."""
        rng = np.random.default_rng([self.options.seed, self.epoch])
        return epoch_batches(self.lengths, self.options.batch_size, rng)

    def train_step(self, regions: np.ndarray) -> float:
        """Train on one batch, in as many forward passes as memory asks for; returns its loss."""
        options = self.options
        rng = np.random.default_rng([options.seed, self.epoch, self.step])
        torch.manual_seed(int(rng.integers(2**63)))
        rate = learning_rate_at(self.step, self.steps, options)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        accelerator, device = self.accelerator, self.model.device
        share = accelerator.process_index, accelerator.num_processes
        parts = list(
            micro_batches(
                regions, self.store, self.model, options.max_windows, self.at_once, rng, share
            )
        )
        total = torch.zeros((), device=device)
        for part in parts:
            # gradients add up here, and are exchanged with the other processes once, after the last
            wait = nullcontext() if part is parts[-1] else accelerator.no_sync(self.wrapped)
            with wait:
                margins = self.wrapped(
                    part.batch.to(device),
                    part.tokens.to(device),
                    part.region.to(device),
                    len(part.rows),
                )
                truth = self.labels[torch.from_numpy(regions[part.rows])].to(device)
                loss = weighted_loss(margins, truth, self.weights.to(device)) * part.weight
                loss = loss.sum() / len(regions)
                # the exchange takes the mean over the processes; a batch's loss is a sum
                accelerator.backward(loss * accelerator.num_processes)
            total += loss.detach()
        total = accelerator.reduce(total, "sum")
        check_finite(total.item(), stage=2, epoch=self.epoch, step=self.step + 1)
        self.accelerator.clip_grad_norm_(self.module.parameters(), MAX_GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        return total.item()

    def end_epoch(self) -> None:
        """Validate, record the epoch, keep the weights if they are the best so far."""
        # the transformer alone: a k-mer spectrum beside it changes nothing of its training
        margins = store_margins(self.scorer, self.held)
        result = validate(margins, self.data.labels("validation"), self.weights)
        self.history.add(
            stage=2,
            epoch=self.epoch,
            step=self.step,
            train_loss=self.total_loss / self.steps_per_epoch,
            learning_rate=learning_rate_at(self.step - 1, self.steps, self.options),
            seconds=self.seconds,
            **result,
        )
        if self.stopping.update(self.epoch, result):
            self.best = _copy(self.module.state_dict())
        self.epoch, self.total_loss, self.seconds = self.epoch + 1, 0.0, 0.0

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Everything a later run needs to go on: tensors and a JSON record."""
        tensors = {f"model.{k}": v for k, v in _copy(self.module.state_dict()).items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v.cpu() for k, v in state.items()}
        stopping = self.stopping
        record = {
            "epoch": self.epoch,
            "step": self.step,
            "total_loss": self.total_loss,
            "seconds": self.seconds,
            "history": self.history.rows,
            "best": [str(value) for value in stopping.best],
            "best_epoch": stopping.best_epoch,
            "waited": stopping.waited,
        }
        return tensors, record

    def restore(self, stored: verified_tensors.Stored) -> None:
        """Take over the state of a checkpoint."""
        parts: dict[str, dict[str, torch.Tensor]] = {"model": {}, "best": {}, "optimizer": {}}
        for key, value in stored.tensors.items():
            part, name = key.split(".", 1)
            parts[part][name] = value
        self.module.load_state_dict(parts["model"])
        self.best = parts["best"]
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {}
        for key, value in parts["optimizer"].items():
            index, name = key.split(".", 1)
            optimizer["state"].setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(optimizer)
        record = stored.record
        self.epoch, self.step = record["epoch"], record["step"]
        self.total_loss, self.seconds = record["total_loss"], record["seconds"]
        self.history.rows = record["history"]
        self.stopping.best = tuple(map(float, record["best"]))
        self.stopping.best_epoch, self.stopping.waited = record["best_epoch"], record["waited"]
        logger.info("going on from the checkpoint at epoch %d, step %d", self.epoch, self.step)


def train_full(trainer: Trainer, keeper: Keeper) -> None:
    """Train until the last epoch or early stopping; leaves the best epoch's weights in the model.

    Of several processes the first keeps the checkpoints; all of them read them.
    """
    if (stored := keeper.load()) is not None:
        trainer.restore(stored)
    trainer.accelerator.wait_for_everyone()
    keeper.writes = trainer.accelerator.is_main_process
    with keeper:
        while trainer.epoch <= trainer.options.epochs and not trainer.stopping.stop:
            batches = trainer.batches()
            done = trainer.step - (trainer.epoch - 1) * trainer.steps_per_epoch
            trainer.module.train()
            for regions in progress(batches[done:], f"stage 2 epoch {trainer.epoch}"):
                began = time.monotonic()
                try:
                    trainer.total_loss += trainer.train_step(regions)
                except UserError:
                    if trainer.best and keeper.folder is not None:
                        best = trainer.stopping.best_epoch
                        logger.warning(
                            "the best epoch so far, %d, stays in %s", best, keeper.folder
                        )
                    raise
                trainer.seconds += time.monotonic() - began
                if keeper.due():
                    keeper.save(*trainer.state())
            trainer.end_epoch()
            keeper.save(*trainer.state())
    trainer.module.load_state_dict(trainer.best)
    trainer.module.eval()
    stopping = trainer.stopping
    logger.info("stage 2: best epoch %d, AUROC %.4f", stopping.best_epoch, stopping.best[0])


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
