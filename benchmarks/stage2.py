"""Stage 2: one epoch of training all layers, and the validation after it."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import harness
import inputs
import numpy as np
import torch
from harness import Other, Work
from prediction import limit, tokens_of

from seformer.scoring.score import Scorer
from seformer.sequence.dna import reverse_complement
from seformer.training.checkpoint import Checkpoints
from seformer.training.full import FullTrainer, tokenise_parts
from seformer.training.minibatches import micro_batches
from seformer.training.settings import FullSettings

RATE = 1e-4
BATCH = 8
# a backward pass takes the gradient by the inputs and by the weights of each product
TRAINING_PASSES = 3


def gradients(module: torch.nn.Module) -> np.ndarray:
    return torch.cat([p.grad.flatten() for p in module.parameters()]).double().numpy()


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    how, model = inputs.SIZES[size], inputs.model(size)
    data, sequences = inputs.training_data(work, how.train, how.validation, how.longest)
    labels = data.labels("train", "validation").tolist()
    classifier = model.classifier
    weights = {key: value.clone() for key, value in classifier.state_dict().items()}
    options = FullSettings(
        epochs=1,
        learning_rate=RATE,
        batch_size=BATCH,
        max_windows=1,
        precision="fp32",
        weights="none",
    )

    def trainer_of(folder: str) -> FullTrainer:
        classifier.load_state_dict(weights)
        tokens = tokenise_parts(data, model, Path(folder))
        return FullTrainer(Scorer(model), data, tokens, options)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            trainer_of(folder).fit(Checkpoints(None, 0))

    def theirs(padded: int) -> None:
        import plain

        classifier.load_state_dict(weights)
        training = plain.dataset(sequences[: how.train], padded, labels[: how.train])
        held = plain.dataset(
            plain.both_strands(sequences[how.train :]),
            padded,
            np.repeat(labels[how.train :], 2).tolist(),
        )
        plain.trainer(
            model,
            work,
            num_train_epochs=1,
            eval_strategy="epoch",
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            train_dataset=training,
            eval_dataset=held,
        ).train()
        classifier.eval()

    def difference() -> float:
        """Between the gradients of one batch, on the strands that seformer happened to draw."""
        import plain

        regions = np.arange(min(BATCH, how.train))
        classifier.eval()
        with tempfile.TemporaryDirectory() as folder:
            trainer = trainer_of(folder)
            arguments = (regions, trainer.tokens, model, 1, Scorer(model).batch_tokens)
            classifier.zero_grad()
            for part in micro_batches(*arguments, np.random.default_rng(1)):
                features = classifier.window_features(part.batch)
                margins = classifier.margins(features, part.tokens, part.region, len(part.rows))
                truth = torch.tensor(labels)[part.rows]
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    margins, truth, reduction="sum"
                )
                (loss / len(regions)).backward()
            expected = gradients(classifier)
            view = np.random.default_rng(1).integers(
                trainer.tokens.start.shape[1], size=len(regions)
            )
        strands = [
            reverse_complement(sequences[i]) if v % 2 else sequences[i]
            for i, v in zip(regions, view, strict=True)
        ]
        rows = plain.dataset(strands, inputs.CONTEXT, labels[: len(regions)])
        batch = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
        classifier.zero_grad()
        plain.PlainClassifier(model)(**batch)["loss"].backward()
        return float(np.abs(gradients(classifier) - expected).max())

    passes = [tokens_of(sequences[: how.train])[::2]] * TRAINING_PASSES
    operations = inputs.multiplications(
        np.concatenate([*passes, tokens_of(sequences[how.train :])]), size
    )
    return Work(
        f"stage 2: an epoch, {how.train} regions to train, {how.validation} to validate",
        ours,
        {
            f"Trainer, padded to {name}": Other(
                partial(theirs, padded), 2.5 if padded == inputs.CONTEXT else None
            )
            for name, padded in inputs.paddings(how.longest).items()
        }
        | {"limit: its matrix products alone": limit(operations)},
        difference,
    )
