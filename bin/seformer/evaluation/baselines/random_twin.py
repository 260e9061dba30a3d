"""The same pre-trained network with random weights, trained in the same way.

What it lacks of the model is what pre-training is worth (Vishniakov et al. 2024,
doi:10.1101/2024.12.18.628606). It is a training of its own: `seformer finetune-head
--random-weights`, then stage 2.
"""

from __future__ import annotations

from seformer.evaluation.baselines.base import Baseline

TWIN = "random_twin"
BASELINE = Baseline(
    order=11,
    title="random twin",
    sees="what the model sees: its network, trained in the same way from random weights",
    colour="#117733",
    dash="longdash",
    fit=None,
)
