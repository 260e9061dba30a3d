"""Length and composition of sequences: what baselines and the linear part of a model start from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from seformer.sequence.dna import base_codes
from seformer.sequence.kmers import KmerScale, canonical_index, kmer_starts, scale_counts
from seformer.util import logs

KMER_SIZES = (3, 4, 5, 6)
SINGLE_FEATURES = ("length", "gc", "cpg", "cpg_density", "cpg_known_density", "n_fraction")


class Composition(NamedTuple):
    """Length and composition of n sequences.

    Attributes
    ----------
    length
        int64 [n], bases with N.
    gc
        float64 [n], share of G and C among A, C, G, T; 0.5 without any.
    cpg
        float64 [n], CpG dinucleotides observed over expected (Gardiner-Garden 1987); 0 without.
    cpg_density, cpg_known_density
        float64 [n], CpG dinucleotides per base, N among the bases, and per A, C, G or T.
    n_fraction
        float64 [n], share of other letters.
    kmers
        k -> float32 [n, canonical k-mers], a k-mer and its reverse complement together, windows
        with an N left out; as frequencies, rows sum to 1 (0 without any k-mer).
    kmer_totals
        k -> int64 [n], number of such k-mers.
    """

    length: np.ndarray
    gc: np.ndarray
    cpg: np.ndarray
    cpg_density: np.ndarray
    cpg_known_density: np.ndarray
    n_fraction: np.ndarray
    kmers: dict[int, np.ndarray]
    kmer_totals: dict[int, np.ndarray]


def composition(
    sequences: Iterable[str],
    sizes: Iterable[int] = KMER_SIZES,
    total: int | None = None,
    scale: KmerScale = "frequency",
) -> Composition:
    """Measure length and composition, one sequence at a time; see `Composition`.

    ``scale`` is what k-mers count, see `seformer.sequence.kmers.scale_counts`.
    """
    indices = {k: canonical_index(k) for k in sorted(set(sizes))}
    columns: dict[str, list[float]] = {name: [] for name in SINGLE_FEATURES}
    kmers: dict[int, list[np.ndarray]] = {k: [] for k in indices}
    totals: dict[int, list[int]] = {k: [] for k in indices}
    for sequence in logs.progress(sequences, "counting k-mers", total):
        codes = base_codes(sequence)
        a, c, g, t = np.bincount(codes[codes >= 0], minlength=4).tolist()
        known = a + c + g + t
        pairs = int(np.count_nonzero((codes[:-1] == 1) & (codes[1:] == 2)))
        columns["length"].append(len(codes))
        columns["gc"].append((c + g) / known if known else 0.5)
        columns["cpg"].append(pairs * known / (c * g) if c * g else 0.0)
        columns["cpg_density"].append(pairs / max(1, len(codes)))
        columns["cpg_known_density"].append(pairs / max(1, known))
        columns["n_fraction"].append(1 - known / len(codes) if len(codes) else 0.0)
        for k, (index, width) in indices.items():
            counts = np.bincount(index[kmer_starts(codes, k)[0]], minlength=width)
            totals[k].append(int(counts.sum()))
            kmers[k].append(scale_counts(counts, len(codes), scale).astype(np.float32))
    tables = {
        k: np.stack(rows) if rows else np.empty((0, indices[k][1]), np.float32)
        for k, rows in kmers.items()
    }
    return Composition(
        np.asarray(columns["length"], np.int64),
        *(np.asarray(columns[name], np.float64) for name in SINGLE_FEATURES[1:]),
        tables,
        {k: np.asarray(numbers, np.int64) for k, numbers in totals.items()},
    )
