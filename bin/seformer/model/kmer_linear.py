"""The k-mer spectrum of a region beside the transformer: an additive part of the margin.

The margin of a model with a spectrum is margin of the transformer + weight · spectrum + bias. The
second part is a sum over the k-mers, so that its share of an explanation is exact: what a k-mer
adds goes to its occurrences in equal shares, as they are interchangeable (their Shapley values).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from seformer.sequence.dna import base_codes
from seformer.sequence.kmers import KmerScale, canonical_index, kmer_starts, scale_counts


class Spectrum(nn.Module):
    """Margin of canonical k-mers, counted; fitted by `seformer.training.kmer_linear`.

    The weights are buffers: they are stored with the model, and no stage of training moves them.

    Parameters
    ----------
    k
        Bases of a k-mer. ``weight`` is float32 ``[canonical k-mers]`` in the order of
        `seformer.sequence.kmers.canonical_index`, ``bias`` float32 ``[]``.
    scale
        What a k-mer counts, see `seformer.sequence.kmers.scale_counts`.
    """

    def __init__(self, k: int, scale: KmerScale = "frequency") -> None:
        super().__init__()
        self.k, self.scale = k, scale
        self._index, columns = canonical_index(k)
        self.register_buffer("weight", torch.zeros(columns))
        self.register_buffer("bias", torch.zeros(()))

    def _weights(self, sequence: str) -> tuple[np.ndarray, np.ndarray]:
        """What each k-mer without N adds to the margin, and where it starts."""
        numbers, starts = kmer_starts(base_codes(sequence), self.k)
        columns, weight = self._index[numbers], self.weight.double().cpu().numpy()
        if self.scale == "frequency":
            return weight[columns] / max(1, len(columns)), starts
        counts = np.bincount(columns, minlength=len(weight))
        each = weight * scale_counts(counts, len(sequence), self.scale) / np.maximum(1, counts)
        return each[columns], starts

    def margins(self, sequences: Sequence[str]) -> np.ndarray:
        """Margin of each sequence: float64 ``[sequences]``, the same for both strands."""
        bias = float(self.bias)
        return np.array([self._weights(s)[0].sum() + bias for s in sequences], np.float64)

    def on_bases(self, sequence: str) -> np.ndarray:
        """Spread what each k-mer adds evenly over its bases: float64 ``[bases]``.

        The sum is the margin less the bias: the difference to a sequence without any known base.
        """
        weights, starts = self._weights(sequence)
        bases = np.zeros(len(sequence))
        for offset in range(self.k):
            bases[starts + offset] += weights / self.k
        return bases


class NoSpectrum:
    """The linear part of a model without a spectrum: it adds nothing, and is asked the same."""

    bias = 0.0

    def margins(self, sequences: Sequence[str]) -> np.ndarray:
        """Zeros, float64 ``[sequences]``."""
        return np.zeros(len(sequences))

    def on_bases(self, sequence: str) -> np.ndarray:
        """Zeros, float64 ``[bases]``."""
        return np.zeros(len(sequence))
