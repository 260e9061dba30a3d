"""Windows over regions of any length: even cuts of a token sequence, nothing left out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Windows(NamedTuple):
    """Windows of several token sequences, sequence by sequence and left to right.

    Attributes
    ----------
    sequence
        int64 ``[windows]``: the index of the sequence each window is cut from.
    start, stop
        int64 ``[windows]``: 0-based half-open positions inside that sequence, in tokens.
    """

    sequence: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def tile(lengths: np.ndarray, window: int | None, overlap: int = 0) -> Windows:
    """Cut sequences of ``lengths`` tokens into even windows of at most ``window`` tokens.

    A sequence gets the smallest number of windows that covers it; they differ in length by one
    token at most (before overlap), so that no window is a stub.

    Parameters
    ----------
    lengths
        int64 ``[sequences]``: tokens of each sequence, special tokens not counted.
    window
        Largest number of tokens in a window; None for one window a sequence.
    overlap
        Tokens that neighbouring windows share.

    Returns
    -------
    Windows
        Every token of every sequence lies in at least one window.

    Raises
    ------
    ValueError
        If ``overlap`` is not smaller than ``window``.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    if window is None:
        counts = np.ones_like(lengths)
        overlap = 0
    else:
        if not 0 <= overlap < window:
            raise ValueError(f"overlap {overlap} is not in 0 … {window - 1}")
        counts = np.where(lengths <= window, 1, -(-lengths // (window - overlap)))
    sequence = np.repeat(np.arange(len(lengths)), counts)
    first = np.cumsum(counts) - counts
    rank = np.arange(len(sequence)) - first[sequence]
    total, number = lengths[sequence], counts[sequence]
    start = rank * total // number - overlap // 2
    stop = (rank + 1) * total // number + (overlap - overlap // 2)
    single = number == 1
    start = np.where(single, 0, np.maximum(start, 0))
    stop = np.where(single, total, np.minimum(stop, total))
    return Windows(sequence, start, stop)
