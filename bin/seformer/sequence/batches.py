"""Batches of windows: grouped by length, padded only as far as the longest of the group."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from seformer.sequence.tokenizers import Tokenizer

# scoring on processors, several batches are computed side by side: so much of each stays in a cache
CPU_BATCH_TOKENS = 2_048
# of tokens that have a hidden state in common, of which a state is most of the work, more
CPU_BATCH_STATES = 1_024
# training on processors, all threads share one batch, as large as memory allows: so many numbers of
# a hidden state keep 70 MB of activations a layer
CPU_TRAINING_NUMBERS = 2**20
# windows of a batch are at least so long beside the longest: padding costs a tenth at most
SHORTEST_IN_BATCH = 0.9


class Batch(NamedTuple):
    """Windows padded to one length.

    Attributes
    ----------
    input_ids
        int64 ``[windows, tokens]``.
    attention_mask
        int64 ``[windows, tokens]``: 0 at padding.
    content_mask
        bool ``[windows, tokens]``: true at tokens that stand for bases (no special tokens).
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    content_mask: torch.Tensor

    def to(self, device: torch.device | str) -> Batch:
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


def tokens_at_once(batch_tokens: int, tokens_a_state: int, device: torch.device) -> int:
    """Return the tokens to score in one pass: ``batch_tokens``, fewer where that is faster."""
    if device.type != "cpu":
        return batch_tokens
    return min(batch_tokens, max(CPU_BATCH_TOKENS, CPU_BATCH_STATES * tokens_a_state))


def training_tokens(batch_tokens: int, width: int, device: torch.device) -> int:
    """Return the tokens to train on in one pass, for hidden states of so many numbers a token."""
    on_processor = device.type == "cpu"
    return min(batch_tokens, CPU_TRAINING_NUMBERS // width) if on_processor else batch_tokens


def plan_batches(lengths: np.ndarray, batch_tokens: int) -> Iterator[np.ndarray]:
    """Yield index arrays of windows of similar length, the longest first.

    ``count × longest`` stays within ``batch_tokens``, but a batch has at least one window. The
    longest come first so that too little memory shows at once.
    """
    order = np.argsort(-lengths, kind="stable")
    falling = -lengths[order]
    first = 0
    while first < len(order):
        longest = -falling[first]
        alike = int(np.searchsorted(falling, -SHORTEST_IN_BATCH * longest, "right"))
        last = min(alike, first + max(1, batch_tokens // max(int(longest), 1)))
        yield order[first:last]
        first = last


def collate(ids: np.ndarray, start: np.ndarray, stop: np.ndarray, tokenizer: Tokenizer) -> Batch:
    """Gather windows ``ids[start:stop]`` into one padded batch with their special tokens.

    Parameters
    ----------
    ids
        Integer ``[tokens]``: the token sequences, one after the other.
    start, stop
        int64 ``[windows]``: 0-based half-open positions in ``ids``.
    """
    prefix, suffix = tokenizer.wrap
    content = stop - start
    longest = int(content.max())
    column = np.arange(longest)
    inside = column < content[:, None]
    position = np.where(inside, start[:, None] + column, 0)
    width = len(prefix) + longest + len(suffix)
    input_ids = np.full((len(start), width), tokenizer.pad_id, dtype=np.int64)
    content_mask = np.zeros((len(start), width), dtype=bool)
    body = slice(len(prefix), len(prefix) + longest)
    input_ids[:, body] = np.where(inside, ids[position], tokenizer.pad_id)
    content_mask[:, body] = inside
    input_ids[:, : len(prefix)] = prefix
    rows = np.arange(len(start))
    for offset, token in enumerate(suffix):
        input_ids[rows, len(prefix) + content + offset] = token
    real = np.arange(width) < (len(prefix) + content + len(suffix))[:, None]
    return Batch(
        torch.from_numpy(input_ids),
        torch.from_numpy(real.astype(np.int64)),
        torch.from_numpy(content_mask),
    )
