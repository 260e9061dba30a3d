"""Batches are padded only within a group and hold every window once."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from seformer.sequence.batches import (
    CPU_BATCH_STATES,
    CPU_BATCH_TOKENS,
    SHORTEST_IN_BATCH,
    collate,
    plan_batches,
    tokens_at_once,
    training_tokens,
)
from seformer.sequence.tokenizers import KmerTokenizer
from seformer.training.minibatches import epoch_batches, pack_regions


@given(st.lists(st.integers(1, 600), min_size=1, max_size=60), st.integers(1, 2000))
def test_plan_holds_every_window_once_within_the_budget(lengths, budget):
    lengths = np.array(lengths)
    batches = list(plan_batches(lengths, budget))
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= budget
        assert lengths[batch].min() >= SHORTEST_IN_BATCH * lengths[batch].max()


def test_a_processor_takes_no_more_than_cache_and_memory_hold():
    processor, gpu = torch.device("cpu"), torch.device("cuda")
    assert tokens_at_once(10**6, 1, processor) == CPU_BATCH_TOKENS
    # six tokens a state: more of them make as many states
    assert tokens_at_once(10**6, 6, processor) == 6 * CPU_BATCH_STATES
    assert tokens_at_once(10, 6, processor) == training_tokens(10, 128, processor) == 10
    assert training_tokens(10**6, 128, processor) == 6 * training_tokens(10**6, 768, processor) + 2
    assert tokens_at_once(10**6, 6, gpu) == training_tokens(10**6, 768, gpu) == 10**6


def test_collate_puts_special_tokens_round_and_pads_right():
    tokenizer = KmerTokenizer(3)
    (first,), (last,) = tokenizer.wrap
    ids = np.array([10, 11, 12, 13, 14], dtype=np.int32)
    batch = collate(ids, np.array([0, 3]), np.array([3, 5]), tokenizer)
    pad = tokenizer.pad_id
    assert batch.input_ids.tolist() == [[first, 10, 11, 12, last], [first, 13, 14, last, pad]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]
    assert batch.content_mask.tolist() == [
        [False, True, True, True, False],
        [False, True, True, False, False],
    ]


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(1, 510)), min_size=1, max_size=40),
    st.integers(1, 5000),
)
def test_pack_keeps_regions_whole_within_the_budget(regions, budget):
    number, longest = np.array(regions).T
    groups = list(pack_regions(number, longest, budget))
    assert sorted(np.concatenate(groups)) == list(range(len(regions)))
    for group in groups:
        assert len(group) == 1 or number[group].sum() * longest[group].max() <= budget
        assert longest[group].min() >= SHORTEST_IN_BATCH * longest[group].max()


def test_epoch_batches_hold_every_region_once_and_depend_on_the_seed_alone():
    lengths = np.random.default_rng(0).integers(10, 1000, 333)
    one = epoch_batches(lengths, 16, np.random.default_rng([1, 2]))
    two = epoch_batches(lengths, 16, np.random.default_rng([1, 2]))
    other = epoch_batches(lengths, 16, np.random.default_rng([1, 3]))
    assert sorted(np.concatenate(one)) == list(range(333))
    assert all((a == b).all() for a, b in zip(one, two, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    spread = np.mean([np.ptp(lengths[b]) for b in one if len(b) == 16])
    assert spread < 0.3 * np.ptp(lengths)
