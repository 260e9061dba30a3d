"""On a GPU: tokens a second, beside what the card's matrix products alone would allow.

``benchmarks/run.py --gpu`` measures it; ``--gpu cpu`` does the same on the processor, to try it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import inputs
import numpy as np
import torch
from prediction import tokens_of
from stage2 import BATCH, RATE, TRAINING_PASSES

from seformer.scoring.score import Ensemble, Scorer
from seformer.training.checkpoint import Checkpoints
from seformer.training.full import FullTrainer, tokenise_parts
from seformer.training.settings import FullSettings
from seformer.util.settings import BATCH_TOKENS

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# matrices as large as fill a card, and a processor; timed so often
SQUARES = {"cuda": 8_192, "cpu": 512}
PRODUCTS = 20


class Speed(NamedTuple):
    """One line of the table: tokens a second, and the most that the card's products allow."""

    what: str
    precision: str
    tokens: int
    seconds: float
    limit: float

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


def elapsed(run: Callable[[], Any], device: str, repeats: int) -> float:
    """Median seconds of a call until the card has finished it; the first call is not counted."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


def peak(device: str, precision: str, repeats: int) -> float:
    """Operations a second of a plain matrix product, here and now."""
    square = SQUARES[device]
    a, b = (torch.randn(square, square, device=device, dtype=KINDS[precision]) for _ in range(2))

    def products() -> None:
        for _ in range(PRODUCTS):
            torch.mm(a, b)

    return PRODUCTS * 2 * square**3 / elapsed(products, device, repeats)


def usable(device: str) -> list[str]:
    """The precisions that a stage offers there."""
    if device == "cpu":
        return ["fp32", "bf16"]
    return [name for name in KINDS if name != "bf16" or torch.cuda.is_bf16_supported()]


def measure(work: Path, size: str, repeats: int, device: str) -> list[Speed]:
    """Time prediction, and an epoch of stage 2 in every precision."""
    how, model = inputs.SIZES[size], inputs.model(size)
    model.classifier.to(device)
    model = replace(model, device=torch.device(device))
    peaks = {name: peak(device, name, repeats) for name in usable(device)}
    found = []

    def add(what: str, precision: str, tokens: np.ndarray, passes: int, seconds: float) -> None:
        operations = passes * inputs.multiplications(tokens, size) / tokens.sum()
        limit = peaks[precision] / operations
        found.append(Speed(what, precision, int(tokens.sum()), seconds, limit))

    sequences = inputs.sequences(how.scored, how.longest)
    scored = elapsed(lambda: Ensemble(model).score(sequences), device, repeats)
    add(f"prediction: {how.scored} regions", "fp32", tokens_of(sequences), 1, scored)
    data, drawn = inputs.training_data(work, how.train, how.validation, how.longest)
    tokens = tokens_of(drawn[: how.train])[::2]
    for precision in peaks:
        options = FullSettings(
            epochs=10**6, learning_rate=RATE, batch_size=BATCH, max_windows=1, precision=precision
        )
        with tempfile.TemporaryDirectory() as folder:
            scorer = Scorer(model, BATCH_TOKENS.default)
            trainer = FullTrainer(scorer, data, tokenise_parts(data, model, Path(folder)), options)

            def epoch(trainer: FullTrainer = trainer) -> None:
                trainer.train_epoch(Checkpoints(None, 0))
                trainer.epoch += 1

            seconds = elapsed(epoch, device, repeats)
        what = f"stage 2: an epoch of {how.train} regions, {BATCH} a step"
        add(what, precision, tokens, TRAINING_PASSES, seconds)
    return found


def about(device: str) -> str:
    """The card, in words."""
    if device == "cpu":
        return "No GPU: the processor, to try it"
    card = torch.cuda.get_device_properties(0)
    return f"{card.name}, {card.total_memory / 2**30:.0f} GiB; CUDA {torch.version.cuda}"


def table(found: list[Speed], device: str, size: str) -> str:
    """The lines of docs/benchmarks.md."""
    how = inputs.SIZES[size]
    lines = [
        f"{about(device)}; torch {torch.__version__}. {how.layers} layers, {how.width} wide.",
        "",
        "| work | precision | tokens a second | its matrix products alone | share |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in found:
        cells = row.what, row.precision, f"{row.speed:,.0f}", f"{row.limit:,.0f}"
        lines.append("| " + " | ".join((*cells, f"**{row.speed / row.limit:.2f}**")) + " |")
    return "\n".join(lines)
