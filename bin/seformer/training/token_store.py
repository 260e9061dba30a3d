"""Tokens of regions in one memory-mapped file, tokenised once for all epochs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seformer.scoring.score import Scorer
from seformer.scoring.views import STRANDS, both_strands, chunks
from seformer.sequence.tokenizers import Encoding, Tokenizer
from seformer.util.logs import progress
from seformer.util.streams import length_of

# tokens taken from a store at a time
CHUNK_TOKENS = 2**18


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


def build_token_store(
    sequences: Iterable[str], tokenizer: Tokenizer, path: Path, phases: int | None = None
) -> TokenStore:
    """Tokenise ``sequences`` on both strands and in every phase into the file ``path``.

    With ``phases``, in so many of the first phases only.
    """
    phases = phases or tokenizer.phases
    dtype = np.uint16 if tokenizer.vocab_size <= np.iinfo(np.uint16).max else np.int32
    starts, stops = [], []
    written = 0
    with open(path, "wb") as handle:
        groups = progress(chunks(sequences), "tokenising", length_of(sequences), counted=len)
        for group in groups:
            strands = both_strands(group)
            views = []
            for phase in range(phases):
                encoding = tokenizer.encode(strands, phase=phase)
                encoding.input_ids.astype(dtype).tofile(handle)
                views.append(written + encoding.splits)
                written += len(encoding.input_ids)
            shape = (phases, len(group), STRANDS)
            for edges, kept in ((slice(None, -1), starts), (slice(1, None), stops)):
                view = np.stack([v[edges] for v in views]).reshape(shape)
                kept.append(view.transpose(1, 0, 2).reshape(len(group), -1))
    return TokenStore(
        np.memmap(path, dtype=dtype, mode="r", shape=(written,)),
        np.concatenate(starts),
        np.concatenate(stops),
    )


def token_store_margins(scorer: Scorer, store: TokenStore) -> np.ndarray:
    """Margin of each region of a store in one phase, mean of both strands: float64 ``[regions]``.

    What `seformer.scoring.score.Ensemble.score` gives for the same regions in one phase.
    """
    margins = []
    none = np.empty(0, dtype=np.int32)
    stretch = store.start[:, 0] // CHUNK_TOKENS
    groups = np.split(np.arange(len(stretch)), np.flatnonzero(np.diff(stretch)) + 1)
    for rows in progress(groups, "validating", len(stretch), counted=len):
        # in one phase the strands of all regions lie end to end
        edges = np.append(store.start[rows].ravel(), store.stop[rows[-1], -1])
        encoding = Encoding(store.ids[edges[0] : edges[-1]], none, none, edges - edges[0])
        margins.append(scorer.view_margins(encoding)[0])
    return np.concatenate(margins).reshape(-1, STRANDS).mean(1)
