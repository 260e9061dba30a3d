"""Prediction: scores of whole regions, both strands."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import harness
import inputs
import numpy as np
import torch
from harness import Other, Seconds, Work

from seformer.scoring.score import Ensemble
from seformer.scoring.views import both_strands

SQUARE = 1_024


def limit(operations: float, bar: float | None = None) -> Other:
    return Other(partial(plain_product, operations), bar, memory=False)


def plain_product(operations: float) -> Seconds:
    """Seconds that so many operations take at the speed of a plain matrix product, here and now."""
    a, b = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE)
    rounds = 100 if operations > 1e10 else 1
    with torch.inference_mode():
        # with one thread, processor time is what a machine of one's own would take
        clock = time.perf_counter if torch.get_num_threads() > 1 else time.process_time
        began = clock()
        for _ in range(rounds):
            torch.mm(a, b)
        seconds = clock() - began
    return Seconds(seconds / rounds * operations / (2 * SQUARE**3))


def tokens_of(sequences: list[str]) -> np.ndarray:
    """Tokens of both strands of every sequence, special ones included."""
    tokenizer = inputs.tokenizer()
    special = sum(map(len, tokenizer.wrap))
    return np.diff(tokenizer.encode(both_strands(sequences)).splits) + special


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    how, model = inputs.SIZES[size], inputs.model(size)
    sequences = inputs.sequences(how.scored, how.longest)
    tokens = tokens_of(sequences)

    def ours() -> np.ndarray:
        return Ensemble(model).score(sequences).logit

    def theirs(padded: int) -> np.ndarray:
        import plain

        return plain.scores(model, sequences, padded, work)

    ways = {
        f"Trainer.predict, padded to {name}": Other(
            partial(theirs, padded), 3 if padded == inputs.CONTEXT else None
        )
        for name, padded in inputs.paddings(how.longest).items()
    }
    operations = inputs.multiplications(tokens, size)
    return Work(
        f"prediction: {len(sequences)} regions, {tokens.mean():.0f} tokens on average",
        ours,
        {**ways, "limit: its matrix products alone": limit(operations, 0.7)},
        lambda: max(float(np.abs(ours() - way.run()).max()) for way in ways.values()),
    )
