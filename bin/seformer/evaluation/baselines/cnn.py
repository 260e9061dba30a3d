"""A small convolutional network on the bases: the baseline that sees motifs but no distances.

Two convolutions and a pooling over the whole region, as in the simplest published classifiers of
enhancers (after DeepBind, Alipanahi et al. 2015). It costs seconds an epoch on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seformer.evaluation.baselines.base import Baseline, BaselineRegions, BaselineScores
from seformer.sequence.dna import base_codes, one_hot
from seformer.util import ranks

if TYPE_CHECKING:
    import torch

# a longer region is trained on by a random stretch of this length, and scored stretch by stretch
STRETCH = 3000
SHORTEST = 32
EPOCHS, PATIENCE, BATCH = 12, 3, 32
LEARNING_RATE, WEIGHT_DECAY, DROPOUT = 2e-3, 1e-3, 0.2
SEED = 0


def _fit(regions: BaselineRegions) -> BaselineScores:
    """Train on the training part; the epoch with the best AUROC on validation is kept.

    Scores are margins, the mean of both strands.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    from seformer.util.devices import threads_worth
    from seformer.util.optimisers import AdamW

    codes = [base_codes(sequence) for sequence in regions.sequences()]
    rows, validation = np.flatnonzero(regions.train), np.flatnonzero(regions.validation)
    truth = torch.from_numpy(np.asarray(regions.labels)).float()
    rng = np.random.default_rng(SEED)
    # one thread: the same sums, and so the same training, on every machine
    with torch.random.fork_rng(devices=[]), threads_worth(0):
        torch.manual_seed(SEED)
        network = nn.ModuleDict(
            {
                "first": nn.Conv1d(4, 32, 12, stride=2),
                "second": nn.Conv1d(32, 32, 5),
                "out": nn.Linear(64, 1),
            }
        )
        optimizer = AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        best, state, chosen = -1.0, {}, 0
        for epoch in range(1, EPOCHS + 1):
            network.train()
            order = rng.permutation(rows)
            for batch in np.array_split(order, -(-len(order) // BATCH)):
                bases = _stack([_random_stretch(codes[row], rng) for row in batch])
                if rng.random() < 0.5:
                    bases = _other_strand(bases)
                margins = _margins(network, bases)
                loss = functional.binary_cross_entropy_with_logits(margins, truth[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            scores = _score(network, [codes[row] for row in validation])
            auroc = ranks.auroc(regions.labels[validation], scores)
            if auroc > best:
                best, chosen = auroc, epoch
                state = {key: value.clone() for key, value in network.state_dict().items()}
            if epoch - chosen >= PATIENCE:
                break
        network.load_state_dict(state)
        return BaselineScores(_score(network, codes), {"epoch": chosen})


def _margins(network: torch.nn.ModuleDict, bases: torch.Tensor) -> torch.Tensor:
    """Margin float ``[n]`` of one-hot bases float ``[n, bases, 4]``."""
    import torch
    from torch.nn import functional

    from seformer.model.backbones.convolution import convolve

    hidden = functional.relu(convolve(network["first"], bases))
    even = hidden.shape[1] // 2 * 2
    hidden = torch.maximum(hidden[:, :even:2], hidden[:, 1:even:2])
    hidden = functional.relu(convolve(network["second"], hidden))
    pooled = torch.cat([hidden.amax(1), hidden.mean(1)], dim=-1)
    pooled = functional.dropout(pooled, DROPOUT, network.training)
    return network["out"](pooled).squeeze(-1)


def _score(network: torch.nn.ModuleDict, codes: Sequence[np.ndarray]) -> np.ndarray:
    """Mean margin of the stretches and strands of each region, one region at a time."""
    import torch

    network.eval()
    scores = []
    with torch.inference_mode():
        for code in codes:
            bases = _stack(np.array_split(code, max(1, -(-len(code) // STRETCH))))
            margins = _margins(network, torch.cat([bases, _other_strand(bases)]))
            scores.append(float(margins.double().mean()))
    return np.array(scores)


def _stack(codes: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack base codes, int8 ``[bases]`` each, to float ``[n, longest, 4]``; N and padding: 0."""
    import torch

    table = np.full((len(codes), max(SHORTEST, *map(len, codes))), -1, np.int8)
    for row, code in zip(table, codes, strict=True):
        row[: len(code)] = code
    return torch.from_numpy(one_hot(table)).float().mT


def _other_strand(bases: torch.Tensor) -> torch.Tensor:
    return bases.flip(1, 2)


def _random_stretch(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    first = int(rng.integers(max(1, len(codes) - STRETCH + 1)))
    return codes[first : first + STRETCH]


BASELINE = Baseline(
    order=10,
    title="small convolutional network",
    sees="the bases, by a small convolutional network",
    colour="#6A3D9A",
    fit=_fit,
)
