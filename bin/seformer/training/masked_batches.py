"""Batches of masked-token training: windows of similar length in random views, tokens hidden."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from seformer.sequence.batches import Batch, collate, plan_batches
from seformer.sequence.dna import reverse_complement
from seformer.sequence.encoding import Encoding, splits_of
from seformer.sequence.masking import MASKED, hide_tokens
from seformer.sequence.tokenizers import Tokenizer
from seformer.sequence.windows import tile
from seformer.training.pretraining_windows import WindowStore


class MaskedBatch(NamedTuple):
    """Windows of a batch as tokens, laid end to end.

    Attributes
    ----------
    input_ids, truth
        int32 ``[tokens]``: with tokens hidden, and as they are.
    chosen
        bool ``[tokens]``: which are to be told.
    start, stop
        int64 ``[windows]``: 0-based half-open positions of the windows.
    """

    input_ids: np.ndarray
    truth: np.ndarray
    chosen: np.ndarray
    start: np.ndarray
    stop: np.ndarray


class Part(NamedTuple):
    """Windows that go through the model together.

    Attributes
    ----------
    batch
        With tokens hidden.
    asked
        bool ``[windows, tokens]``.
    truth
        int64 ``[asked]``: the ids to tell, window by window.
    """

    batch: Batch
    asked: torch.Tensor
    truth: torch.Tensor


def masked_batch(
    windows: WindowStore,
    rows: np.ndarray,
    tokenizer: Tokenizer,
    content: int | None,
    share: float,
    rng: np.random.Generator,
    *,
    measured: bool = False,
) -> MaskedBatch:
    """Tokenise windows, each on a random strand and in a random phase, and hide tokens.

    Parameters
    ----------
    content
        Most tokens in a window: one of more is cut into even parts.
    measured
        Take the given strand in the first phase, and show none of the chosen tokens.
    """
    strand = np.zeros(len(rows), int) if measured else rng.integers(2, size=len(rows))
    phase = np.zeros(len(rows), int) if measured else rng.integers(tokenizer.phases, size=len(rows))
    texts = [
        reverse_complement(text) if turned else text
        for text, turned in zip(windows.bases(rows), strand, strict=True)
    ]
    # in the order of the phases: the order within a batch means nothing
    encodings = [
        tokenizer.encode([text for text, own in zip(texts, phase, strict=True) if own == p], p)
        for p in np.unique(phase)
    ]
    counts = np.concatenate([np.diff(encoding.splits) for encoding in encodings])
    columns = (np.concatenate([encoding[i] for encoding in encodings]) for i in range(3))
    encoding = Encoding(*columns, splits_of(counts))
    hidden = hide_tokens(encoding, tokenizer, share, rng, masked=1.0 if measured else MASKED)
    cut = tile(counts, content)
    begin = encoding.splits[cut.sequence]
    return MaskedBatch(
        hidden.input_ids, encoding.input_ids, hidden.chosen, begin + cut.start, begin + cut.stop
    )


def parts_of(
    batch: MaskedBatch, tokenizer: Tokenizer, batch_tokens: int, share: tuple[int, int] = (0, 1)
) -> Iterator[Part]:
    """Cut a batch into parts of at most ``batch_tokens`` tokens, padding included.

    Of several processes each gets its ``share`` (number, of how many) of the windows. All
    exchange gradients after every batch: one that has no window of it takes any, of which nothing
    is asked.
    """
    mine = np.arange(len(batch.start))[share[0] :: share[1]]
    nothing = not len(mine)
    mine = np.zeros(1, int) if nothing else mine
    special = sum(map(len, tokenizer.wrap))
    for group in plan_batches(batch.stop[mine] - batch.start[mine] + special, batch_tokens):
        start, stop = batch.start[mine[group]], batch.stop[mine[group]]
        padded = collate(batch.input_ids, start, stop, tokenizer)
        chosen = np.concatenate([batch.chosen[a:b] for a, b in zip(start, stop, strict=True)])
        truth = np.concatenate([batch.truth[a:b] for a, b in zip(start, stop, strict=True)])
        chosen &= not nothing
        asked = torch.zeros_like(padded.content_mask)
        asked[padded.content_mask] = torch.from_numpy(chosen)
        yield Part(padded, asked, torch.from_numpy(truth[chosen].astype(np.int64)))
