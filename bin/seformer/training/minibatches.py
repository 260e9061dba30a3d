"""Batches of stage 2: regions of similar length, in parts that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from seformer.model.folder import Model
from seformer.sequence.batches import SHORTEST_IN_BATCH, Batch, collate
from seformer.sequence.windows import tile
from seformer.training.token_store import TokenStore

# regions are sorted by length within so many batches, then cut into batches of similar length
POOL_OF_BATCHES = 16


def epoch_batches(
    lengths: np.ndarray, batch_size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Shuffle regions into batches of similar length.

    Each region is in exactly one batch; the order of batches is random as well.
    """
    order = rng.permutation(len(lengths))
    pool = batch_size * POOL_OF_BATCHES
    batches = []
    for first in range(0, len(order), pool):
        group = order[first : first + pool]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[i : i + batch_size] for i in range(0, len(group), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class MicroBatch(NamedTuple):
    """Windows of some regions of a batch that go through the model together.

    Attributes
    ----------
    batch
        The windows.
    tokens
        float32 ``[windows]``: tokens that stand for bases.
    region
        int64 ``[windows]``: position in ``rows`` of each window's region.
    rows
        int64 ``[regions]``: positions in the batch.
    weight
        1, or 0 where the regions are another process's.
    """

    batch: Batch
    tokens: torch.Tensor
    region: torch.Tensor
    rows: np.ndarray
    weight: int


def pack_regions(
    number: np.ndarray, longest: np.ndarray, batch_tokens: int
) -> Iterator[np.ndarray]:
    """Group regions alike in length so that windows × longest stays within ``batch_tokens``.

    Parameters
    ----------
    number, longest
        int64 ``[regions]``: windows of each region, and tokens of its longest window.

    Yields
    ------
    np.ndarray
        Ascending region numbers; one region at least.
    """
    group: list[int] = []
    windows = 0
    for region in np.argsort(-longest, kind="stable"):
        full = group and (windows + number[region]) * longest[group[0]] > batch_tokens
        if full or (group and longest[region] < SHORTEST_IN_BATCH * longest[group[0]]):
            yield np.sort(group)
            group, windows = [], 0
        group.append(int(region))
        windows += number[region]
    if group:
        yield np.sort(group)


def micro_batches(
    regions: np.ndarray,
    store: TokenStore,
    model: Model,
    max_windows: int,
    batch_tokens: int,
    rng: np.random.Generator,
    share: tuple[int, int] = (0, 1),
) -> Iterator[MicroBatch]:
    """Cut a batch into parts of at most ``batch_tokens`` tokens, whole regions each.

    Every region is seen in a random view (strand, phase) and, if it has more than
    ``max_windows`` windows, through a random choice of them. Of several processes each gets its
    ``share`` (number, of how many) of the regions; together they see what one alone would.
    """
    view = rng.integers(store.start.shape[1], size=len(regions))
    first, last = store.start[regions, view], store.stop[regions, view]
    windows = tile(
        last - first, model.settings.content_window(model.tokenizer), model.settings.overlap
    )
    # rank the windows of each region at random and keep the first max_windows
    order = np.lexsort((rng.random(len(windows.sequence)), windows.sequence))
    sequence = windows.sequence[order]
    rank = np.arange(len(sequence)) - np.searchsorted(sequence, sequence)
    kept = np.sort(order[rank < max_windows])
    ours = windows.sequence[kept] % share[1] == share[0]
    # all processes exchange gradients after every batch: one that has no region of it, as may be of
    # the last and smallest, takes any, which counts nothing
    weight = int(ours.any())
    kept = kept[ours] if weight else kept[:1]
    owner = windows.sequence[kept]
    start, stop = first[owner] + windows.start[kept], first[owner] + windows.stop[kept]

    longest = np.zeros(len(regions), dtype=np.int64)
    np.maximum.at(longest, owner, stop - start)
    number = np.bincount(owner, minlength=len(regions))
    mine = np.flatnonzero(number)
    for group in pack_regions(number[mine], longest[mine], batch_tokens):
        rows = mine[group]
        inside = np.isin(owner, rows)
        yield MicroBatch(
            collate(store.ids, start[inside], stop[inside], model.tokenizer),
            torch.from_numpy(stop[inside] - start[inside]).float(),
            torch.from_numpy(np.searchsorted(rows, owner[inside])),
            rows,
            weight,
        )
