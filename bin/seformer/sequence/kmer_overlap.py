"""Likeness between the parts of a split: shared 31-mers, whatever the sequences are called.

A region is compared by containment: the share of its distinct canonical 31-mers that occur in
the training part. The index is exact up to a bounded size; above it both sides keep the 31-mers
whose hash falls under a threshold (FracMinHash; Irber 2022, doi:10.1101/2022.01.11.475838).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from seformer.sequence.dna import base_codes
from seformer.util.logs import progress

K = 31
MAX_KMERS = 20_000_000  # 160 MB of hashes
BATCH_BASES = 2_000_000


def scale_for(bases: int, most: int = MAX_KMERS) -> int:
    """Return the sampling rate (keep one 31-mer in ``scaled``) that bounds the index."""
    return max(1, math.ceil(bases / most))


def kmer_hashes(sequences: list[str], scaled: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of the canonical 31-mers of each sequence.

    Parameters
    ----------
    sequences
        Upper-case bases; 31-mers with anything but A, C, G, T are left out.
    scaled
        Keep the hashes in the lowest 1/scaled of their range.

    Returns
    -------
    hashes : numpy.ndarray
        uint64 [total], distinct and sorted within each sequence.
    sequence : numpy.ndarray
        int64 [total]: the sequence of each hash, ascending.
    """
    words, sequence = canonical_words(sequences, K)
    hashes = mix(words)
    if scaled > 1:
        chosen = hashes <= np.uint64(2**64 // scaled)
        hashes, sequence = hashes[chosen], sequence[chosen]
    order = np.lexsort((hashes, sequence))
    hashes, sequence = hashes[order], sequence[order]
    first = np.ones(len(hashes), dtype=bool)
    first[1:] = (hashes[1:] != hashes[:-1]) | (sequence[1:] != sequence[:-1])
    return hashes[first], sequence[first]


def canonical_words(sequences: list[str], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the canonical k-mers of each sequence, those with an N left out.

    Parameters
    ----------
    sequences
        Upper-case bases.
    k
        At most 31.

    Returns
    -------
    words : numpy.ndarray
        uint64 [total]: two bits a base, A=0 … T=3, the smaller of a k-mer and its reverse
        complement; in the order of the sequences and along each.
    sequence : numpy.ndarray
        int64 [total]: the sequence of each k-mer, ascending.
    """
    # an N between neighbours keeps k-mers from spanning two of them
    codes = base_codes("N".join([*sequences, ""]))
    if len(codes) < k:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    invalid = np.concatenate([[0], np.cumsum(codes < 0)])
    valid = invalid[k:] == invalid[:-k]
    forward = _windows(codes & 3, k)
    backward = _windows(3 - (codes & 3)[::-1], k)[::-1]
    ends = np.cumsum([len(s) + 1 for s in sequences])
    sequence = np.searchsorted(ends, np.flatnonzero(valid), side="right")
    return np.minimum(forward, backward)[valid], sequence


def _windows(codes: np.ndarray, k: int) -> np.ndarray:
    """Pack every window of k two-bit codes into a uint64, by doubling: 31 is 16, 8, 4, 2 and 1."""
    word, size = codes.astype(np.uint64), 1
    packed, done = np.zeros(len(codes) + 1, np.uint64), 0
    while size <= k:
        if k & size:
            # behind it come the words of the lower powers of two, which are packed already
            ahead = word[: len(codes) - size - done + 1] << np.uint64(2 * done)
            packed, done = ahead | packed[size:], done + size
        word = (word[:-size] << np.uint64(2 * size)) | word[size:]
        size *= 2
    return packed


def mix(words: np.ndarray) -> np.ndarray:
    """Spread the words evenly over 64 bits (finaliser of splitmix64, a bijection)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def build_index(sequences: Iterable[str], scaled: int = 1) -> np.ndarray:
    """Return the distinct 31-mer hashes of all sequences, sorted (uint64)."""
    index = np.empty(0, np.uint64)
    waiting: list[np.ndarray] = []
    for batch in base_batches(sequences):
        waiting.append(kmer_hashes(batch, scaled)[0])
        # merge when the waiting part has outgrown the index: few merges, twice the memory at most
        if sum(map(len, waiting)) > max(len(index), MAX_KMERS // 10):
            index, waiting = _distinct(np.concatenate([index, *waiting])), []
    return _distinct(np.concatenate([index, *waiting]))


def _distinct(hashes: np.ndarray) -> np.ndarray:
    """Sort in place and drop repetitions; `numpy.unique` takes ten times as long on uint64."""
    hashes.sort()
    return hashes[np.concatenate([[True], hashes[1:] != hashes[:-1]])[: len(hashes)]]


def containment(sequences: Iterable[str], index: np.ndarray, scaled: int = 1) -> np.ndarray:
    """Return the share of each sequence's distinct 31-mers that are in ``index``.

    Returns
    -------
    numpy.ndarray
        float64 [number of sequences] in 0..1; NaN where a sequence has no 31-mer to look up.
    """
    shares = []
    for batch in base_batches(sequences):
        hashes, sequence = kmer_hashes(batch, scaled)
        place = np.searchsorted(index, hashes)
        found = np.zeros(len(hashes), dtype=bool)
        inside = place < len(index)
        found[inside] = index[place[inside]] == hashes[inside]
        number = np.bincount(sequence, minlength=len(batch))
        shared = np.bincount(sequence, weights=found, minlength=len(batch))
        share = np.full(len(batch), np.nan)
        shares.append(np.divide(shared, number, out=share, where=number > 0))
    return np.concatenate(shares) if shares else np.empty(0)


def base_batches(sequences: Iterable[str]) -> Iterator[list[str]]:
    """Yield some sequences at a time, about `BATCH_BASES` together."""
    batch, bases = [], 0
    for sequence in progress(sequences, "comparing k-mers"):
        batch.append(sequence)
        bases += len(sequence)
        if bases >= BATCH_BASES:
            yield batch
            batch, bases = [], 0
    if batch:
        yield batch
