"""Tokens of the training regions in one memory-mapped file, tokenised once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seformer.logs import progress
from seformer.score import STRANDS, both_strands, chunks
from seformer.tokens import Tokenizer


class TokenStore(NamedTuple):
    """Every view of every region: a view is a strand and, for strided k-mers, a phase.

    Attributes
    ----------
    ids
        Memory-mapped uint16 or int32 ``[tokens]``.
    start, stop
        int64 ``[regions, views]``: 0-based half-open positions in ``ids``; view
        ``phase × 2 + strand``.
    """

    ids: np.ndarray
    start: np.ndarray
    stop: np.ndarray


def build_store(sequences: Iterable[str], tokenizer: Tokenizer, path: Path) -> TokenStore:
    """Tokenise ``sequences`` on both strands and in every phase into the file ``path``."""
    dtype = np.uint16 if tokenizer.vocab_size <= np.iinfo(np.uint16).max else np.int32
    starts, stops = [], []
    written = 0
    with open(path, "wb") as handle:
        for group in progress(chunks(sequences), "tokenising"):
            strands = both_strands(group)
            views = []
            for phase in range(tokenizer.phases):
                encoding = tokenizer.encode(strands, phase=phase)
                encoding.input_ids.astype(dtype).tofile(handle)
                views.append(written + encoding.splits)
                written += len(encoding.input_ids)
            shape = (tokenizer.phases, len(group), STRANDS)
            for edges, kept in ((slice(None, -1), starts), (slice(1, None), stops)):
                view = np.stack([v[edges] for v in views]).reshape(shape)
                kept.append(view.transpose(1, 0, 2).reshape(len(group), -1))
    return TokenStore(
        np.memmap(path, dtype=dtype, mode="r", shape=(written,)),
        np.concatenate(starts),
        np.concatenate(stops),
    )
