"""Counting k-mers on both strands together: what every composition model starts from."""

from __future__ import annotations

from typing import Literal

import numpy as np

# what a k-mer counts: its share of the k-mers without N, or log(1 + its number a kilobase), where
# unknown bases are bases like others
KmerScale = Literal["frequency", "log_density"]


def scale_counts(counts: np.ndarray, length: int, scale: KmerScale) -> np.ndarray:
    """Turn the counts of the k-mers of one sequence of ``length`` bases into features.

    Integers ``[k-mers]`` to float64 ``[k-mers]``; zero stays zero.
    """
    if scale == "frequency":
        return counts / max(1, counts.sum())
    return np.log1p(1000 * counts / max(1, length))


def density_of_frequency(
    frequencies: np.ndarray, totals: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """Turn k-mer frequencies of n sequences into logarithms of densities, see `scale_counts`.

    Parameters
    ----------
    frequencies
        float32 [n, k-mers].
    totals
        int64 [n]: k-mers without N in each sequence.
    lengths
        int64 [n]: bases, N among them.

    Returns
    -------
    numpy.ndarray
        float32 [n, k-mers].
    """
    per_kilobase = (1000 * totals / np.maximum(1, lengths)).astype(np.float32)
    return np.log1p(frequencies * per_kilobase[:, None])


def canonical_index(k: int) -> tuple[np.ndarray, int]:
    """Map each k-mer number (base 4, A=0 … T=3, first base highest) to its canonical column.

    Returns int64 [4**k] and the number of columns; columns follow the alphabetical order of the
    smaller of a k-mer and its reverse complement.
    """
    numbers = np.arange(4**k)
    reverse = np.zeros_like(numbers)
    rest = numbers.copy()
    for _ in range(k):
        reverse = reverse * 4 + (3 - rest % 4)
        rest //= 4
    columns, index = np.unique(np.minimum(numbers, reverse), return_inverse=True)
    return index, len(columns)


def kmer_starts(codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the k-mers of one sequence, those with an N left out, and say where they start.

    ``codes`` is int8 [length], see `dna.base_codes`. Returns two int64 arrays [k-mers].
    """
    if len(codes) < k:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    windows = len(codes) - k + 1
    numbers = np.zeros(windows, np.int64)
    unknown = np.zeros(windows, bool)
    for offset in range(k):
        part = codes[offset : offset + windows]
        numbers *= 4
        numbers += part
        unknown |= part < 0
    return numbers[~unknown], np.flatnonzero(~unknown)


def numbers_at(codes: np.ndarray, k: int, starts: np.ndarray) -> np.ndarray:
    """Number the k-mers that begin at ``starts``; those with an N have a number without meaning.

    ``codes`` is int8 [letters], see `dna.base_codes`. Returns int32 [starts].
    """
    # the k-mer that begins at each letter, as digits of base 4, for all letters in one sweep
    digits = np.concatenate([codes & 3, np.zeros(k, np.int8)])
    numbers = np.zeros(len(codes), dtype=np.int32)
    for offset in range(k):
        numbers <<= 2
        numbers |= digits[offset : offset + len(codes)]
    return numbers[starts]
