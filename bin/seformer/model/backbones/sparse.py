"""Block-sparse BigBird attention as GENA-LM's sparse models were trained with, on any device.

The pattern is that of DeepSpeed 0.6's `BigBirdSparsityConfig` (sparsity_config.py; Zaheer 2020,
arXiv:2007.14062): random blocks drawn per row with Python's generator, a sliding window, and the
first blocks global in both directions. DeepSpeed keeps the drawn pattern in the checkpoint
(`sparse_self_attention.master_layout`), cuts it to the sequence's length, and, by a cache that all
layers share, computes every layer with the pattern of the first: so does this module. Where a
checkpoint has none, the pattern is drawn from the seed in the configuration.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import torch
import torch.utils.checkpoint
from torch.nn import functional as F

from seformer.util.errors import UserError

__all__ = ["Pattern", "attend", "attend_gathered", "draw_layout", "sparse_options"]

# up to this many blocks one masked kernel is quicker than gathering blocks
DENSE_BLOCKS = 8
# a pattern holds the square of them for every head
MAX_BLOCKS = 1024


def sparse_options(config: dict[str, Any]) -> dict[str, Any] | None:
    """Read the sparse attention of a configuration; None if it has none.

    Raises
    ------
    UserError
        If it is of another kind than BigBird, or its numbers do not fit.
    """
    given = config.get("sparse_attention")
    if not given:
        return None
    kind = str(config.get("sparse_config_cls", "BigBirdSparsityConfig"))
    if not kind.endswith("BigBirdSparsityConfig"):
        raise UserError(f"sparse_config_cls is {kind}", expected="BigBirdSparsityConfig")
    options = {
        "block": 16,
        "different_layout_per_head": False,
        "num_random_blocks": 1,
        "num_sliding_window_blocks": 3,
        "num_global_blocks": 1,
        "attention": "bidirectional",
        **given,
    }
    blocks = config["max_position_embeddings"] // options["block"]
    numbers = [options[f"num_{part}_blocks"] for part in ("random", "sliding_window", "global")]
    if (
        options["attention"] != "bidirectional"
        or options.get("num_heads", config["num_attention_heads"]) != config["num_attention_heads"]
        or config["max_position_embeddings"] % options["block"]
        or not all(type(number) is int and 0 <= number <= blocks for number in numbers)
        or blocks > MAX_BLOCKS
    ):
        raise UserError(
            f"the sparse attention {given} does not fit the model",
            expected="bidirectional, as many heads, and positions that are whole blocks",
        )
    return options


def draw_layout(heads: int, blocks: int, options: dict[str, Any], seed: int) -> torch.Tensor:
    """Draw the pattern of DeepSpeed's `BigBirdSparsityConfig.make_layout`.

    Returns
    -------
    int64 tensor [heads, blocks, blocks], 1 where a block of queries (row) sees a block of keys.
    """
    generator = random.Random(seed)
    layout = torch.zeros(heads, blocks, blocks, dtype=torch.int64)
    reach, wide = options["num_sliding_window_blocks"] // 2, options["num_global_blocks"]
    drawn = heads if options["different_layout_per_head"] else 1
    for head in range(drawn):
        for row in range(blocks):
            columns = generator.sample(range(blocks), options["num_random_blocks"])
            layout[head, row, columns] = 1
            layout[head, row, max(0, row - reach) : row + reach + 1] = 1
    layout[drawn:] = layout[0]
    layout[:, :wide, :] = 1
    layout[:, :, :wide] = 1
    return layout


class Pattern(NamedTuple):
    """A layout made ready for a number of blocks.

    Attributes
    ----------
    layout : bool tensor [heads, blocks, blocks]
    block : int
        Tokens of a block.
    narrow, wide : int64 tensors
        Rows (blocks of queries) that see few blocks, and the others.
    index, valid : int64 and bool tensors [heads, narrow rows, most blocks seen]
        The blocks that a narrow row sees; entries past its number are not valid.
    """

    layout: torch.Tensor
    block: int
    narrow: torch.Tensor
    wide: torch.Tensor
    index: torch.Tensor
    valid: torch.Tensor

    @classmethod
    def of(cls, master: torch.Tensor, blocks: int, block: int) -> Pattern:
        """Cut the master layout to ``blocks`` and sort its rows."""
        layout = master[:, :blocks, :blocks].bool()
        seen = layout.sum(-1).amax(0)
        narrow = torch.nonzero(seen <= (blocks + 1) // 2).squeeze(1)
        wide = torch.nonzero(seen > (blocks + 1) // 2).squeeze(1)
        most = int(seen[narrow].max()) if len(narrow) else 0
        rows = layout[:, narrow]
        index = rows.int().argsort(dim=-1, descending=True, stable=True)[..., :most]
        return cls(layout, block, narrow, wide, index, rows.gather(-1, index))


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    keep: torch.Tensor,
    pattern: Pattern,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Attention in which a token sees the tokens of the blocks in ``pattern``.

    Parameters
    ----------
    query, key, value : tensors [batch, heads, tokens, channels]
        The tokens are whole blocks.
    keep : bool tensor [batch, tokens]
        False at padding, which nobody sees.
    pattern
        For this number of blocks.

    Returns
    -------
    tensor [batch, heads, tokens, channels]
    """
    if pattern.layout.shape[-1] <= DENSE_BLOCKS:
        seen = _spread(pattern.layout, pattern.block)[None] & keep[:, None, None, :]
        return F.scaled_dot_product_attention(query, key, value, seen, dropout)
    return attend_gathered(query, key, value, keep, pattern, dropout)


def attend_gathered(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    keep: torch.Tensor,
    pattern: Pattern,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Do what `attend` does by gathering the blocks that each block of queries sees.

    A block that stands twice in ``pattern.index`` counts twice.
    """
    # one sequence at a time, and gathered blocks are not kept for the backward pass: 4,096 tokens
    # of 12 layers would otherwise take gigabytes
    out = [
        torch.utils.checkpoint.checkpoint(_attend_one, *one, pattern, dropout, use_reentrant=False)
        if torch.is_grad_enabled()
        else _attend_one(*one, pattern, dropout)
        for one in zip(query, key, value, keep, strict=True)
    ]
    return torch.stack(out)


def _spread(layout: torch.Tensor, block: int) -> torch.Tensor:
    """Turn [heads, rows, blocks] of blocks into [heads, queries, keys] of tokens."""
    return layout.repeat_interleave(block, 1).repeat_interleave(block, 2)


def _attend_one(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    keep: torch.Tensor,
    pattern: Pattern,
    dropout: float,
) -> torch.Tensor:
    """Attend within one sequence: [heads, tokens, channels]."""
    heads, tokens, channels = query.shape
    block = pattern.block
    queries, keys, values = (x.view(heads, -1, block, channels) for x in (query, key, value))
    out = torch.zeros_like(queries)
    head = torch.arange(heads, device=query.device)[:, None, None]
    rows, most = pattern.index.shape[1:]
    if rows:
        seen = keep.view(-1, block)[pattern.index] & pattern.valid[..., None]
        mixed = F.scaled_dot_product_attention(
            queries[:, pattern.narrow],
            keys[head, pattern.index].view(heads, rows, most * block, channels),
            values[head, pattern.index].view(heads, rows, most * block, channels),
            seen.view(heads, rows, 1, most * block),
            dropout,
        )
        out = out.index_copy(1, pattern.narrow, mixed.to(out.dtype))
    if len(pattern.wide):
        seen = _spread(pattern.layout[:, pattern.wide], block) & keep
        mixed = F.scaled_dot_product_attention(
            queries[:, pattern.wide].flatten(1, 2)[None],
            key[None],
            value[None],
            seen[None],
            dropout,
        )
        mixed = mixed[0].view(heads, -1, block, channels)
        out = out.index_copy(1, pattern.wide, mixed.to(out.dtype))
    return out.view(heads, tokens, channels)
