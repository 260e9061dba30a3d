"""A small convolutional network on the bases: the baseline that sees motifs but no distances.

Two convolutions and a pooling over the whole region, as in the simplest published classifiers of
enhancers (after DeepBind, Alipanahi et al. 2015). It costs seconds an epoch on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from seformer.evaluation import metrics
from seformer.sequence.dna import base_codes, one_hot

# a longer region is trained on by a random stretch of this length, and scored stretch by stretch
STRETCH = 3000
SHORTEST = 32
EPOCHS, PATIENCE, BATCH = 12, 3, 32
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-3


class Network(nn.Module):
    """Margin float ``[n]`` of one-hot bases float ``[n, 4, bases]``."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 32, 12, stride=2)
        self.second = nn.Conv1d(32, 32, 5)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(64, 1)

    def forward(self, bases: torch.Tensor) -> torch.Tensor:
        hidden = functional.max_pool1d(functional.relu(self.first(bases)), 2)
        hidden = functional.relu(self.second(hidden))
        pooled = torch.cat([hidden.amax(-1), hidden.mean(-1)], dim=-1)
        return self.out(self.dropout(pooled)).squeeze(-1)


def _stack(codes: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack base codes, int8 ``[bases]`` each, to float ``[n, 4, longest]``; N and padding: 0."""
    table = np.full((len(codes), max(SHORTEST, *map(len, codes))), -1, np.int8)
    for row, code in zip(table, codes, strict=True):
        row[: len(code)] = code
    return torch.from_numpy(one_hot(table)).float()


def other_strand(bases: torch.Tensor) -> torch.Tensor:
    """Reverse complement of one-hot bases."""
    return bases.flip(1, 2)


def fit(
    sequences: Sequence[str],
    labels: np.ndarray,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int = 0,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Train on the rows ``train``; the epoch with the best AUROC on ``validation`` is kept.

    Parameters
    ----------
    sequences
        Of all rows.
    labels
        int [n], 1 = SE; only those of the two parts are read.
    train, validation
        bool [n].

    Returns
    -------
    tuple
        Margins of all rows, float64 [n], mean of both strands, and ``{"epoch"}``.
    """
    codes = [base_codes(sequence) for sequence in sequences]
    rows, held = np.flatnonzero(train), np.flatnonzero(validation)
    truth = torch.from_numpy(np.asarray(labels)).float()
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network()
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        best, kept, chosen = -1.0, {}, 0
        for epoch in range(1, EPOCHS + 1):
            network.train()
            order = rng.permutation(rows)
            for batch in np.array_split(order, -(-len(order) // BATCH)):
                bases = _stack([_stretch(codes[row], rng) for row in batch])
                if rng.random() < 0.5:
                    bases = other_strand(bases)
                loss = functional.binary_cross_entropy_with_logits(network(bases), truth[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            auroc = metrics.auroc(labels[held], _margins(network, [codes[row] for row in held]))
            if auroc > best:
                best, chosen = auroc, epoch
                kept = {key: value.clone() for key, value in network.state_dict().items()}
            if epoch - chosen >= PATIENCE:
                break
        network.load_state_dict(kept)
        return _margins(network, codes), {"epoch": chosen}


def _stretch(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    first = int(rng.integers(max(1, len(codes) - STRETCH + 1)))
    return codes[first : first + STRETCH]


@torch.inference_mode()
def _margins(network: Network, codes: Sequence[np.ndarray]) -> np.ndarray:
    """Mean margin of the stretches and strands of each region, one region at a time."""
    network.eval()
    found = []
    for code in codes:
        pieces = max(1, -(-len(code) // STRETCH))
        bases = _stack(np.array_split(code, pieces))
        margins = network(torch.cat([bases, other_strand(bases)]))
        found.append(float(margins.double().mean()))
    return np.array(found)
