"""Stage 1: the head on a frozen backbone, ten epochs with validation after each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import harness
import inputs
import numpy as np
from harness import Other, Work

from seformer.scoring.score import Ensemble, Scorer
from seformer.training.feature_cache import frozen_features
from seformer.training.head import HeadTrainer
from seformer.training.settings import HeadSettings

EPOCHS = 10
RATE = 1e-3


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    how, model = inputs.SIZES[size], inputs.model(size)
    train, validation = how.train // 2, how.validation // 2
    data, sequences = inputs.training_data(work, train, validation, how.longest)
    labels = data.labels("train", "validation").tolist()
    head = {key: value.clone() for key, value in model.classifier.head.state_dict().items()}

    settings = HeadSettings(
        learning_rate=RATE, epochs=EPOCHS, patience=EPOCHS, batch_size=8, weights="none"
    )

    def ours() -> None:
        model.classifier.head.load_state_dict(head)
        features = frozen_features(Scorer(model), data, None)
        trainer = HeadTrainer(
            model,
            data,
            features,
            settings,
        )
        trainer.fit()

    def theirs(padded: int) -> None:
        import plain

        model.classifier.head.load_state_dict(head)
        rows = plain.dataset(plain.both_strands(sequences), padded, np.repeat(labels, 2).tolist())
        trainer = plain.trainer(
            model,
            work,
            num_train_epochs=EPOCHS,
            eval_strategy="epoch",
            learning_rate=RATE,
            train_dataset=rows[: 2 * train],
            eval_dataset=rows[2 * train :],
        )
        model.classifier.backbone.requires_grad_(False)
        trainer.train()
        model.classifier.eval()

    def difference() -> float:
        """Between the plain way's scores and those of a head trained on features."""
        import plain

        ours()
        plainly = plain.scores(model, sequences, inputs.CONTEXT, work)
        return float(np.abs(Ensemble(model).score(sequences).logit - plainly).max())

    return Work(
        f"stage 1: {EPOCHS} epochs, {train} regions to train, {validation} to validate",
        ours,
        {
            f"Trainer through the frozen backbone, padded to {name}": Other(
                partial(theirs, padded), 15 if padded == inputs.CONTEXT else None
            )
            for name, padded in inputs.paddings(how.longest).items()
        },
        difference,
    )
