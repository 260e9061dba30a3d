from functools import cache
from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.explain.attribute import attribute
from seformer.explain.base_shares import Shares, shapley_values
from seformer.explain.settings import AttributionSettings
from seformer.sequence.dna import reverse_complement
from seformer.sequence.shuffle import dinucleotide_shuffle, generator
from seformer.sequence.tokenizers import KmerTokenizer


def by_orders(worth: dict[str, float], own: str) -> np.ndarray:
    """Shapley values from their definition: the mean over all orders in which bases are fixed."""
    k = len(own)
    shares = np.zeros(k)

    @cache
    def known(places: frozenset[int]) -> float:
        return np.mean([v for kmer, v in worth.items() if all(kmer[p] == own[p] for p in places)])

    for order in permutations(range(k)):
        for number, place in enumerate(order):
            before = frozenset(order[:number])
            shares[place] += known(before | {place}) - known(before)
    return shares / factorial(k)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_shares_are_shapley_values(k):
    values = np.random.default_rng(k).normal(size=4**k)
    kmers = map("".join, product("ACGT", repeat=k))
    worth = dict(zip(kmers, values, strict=True))
    found = shapley_values(torch.from_numpy(values).view(*[4] * k, 1)).view(k, -1).T.numpy()
    for kmer, shares in zip(worth, found, strict=True):
        np.testing.assert_allclose(shares, by_orders(worth, kmer), atol=1e-12)


def test_shares_of_six_bases_sum_to_what_is_above_the_mean():
    table = torch.randn(*[4] * 6, 3, generator=torch.Generator().manual_seed(1))
    found = shapley_values(table).sum(0)
    np.testing.assert_allclose(found, table - table.flatten(0, 5).mean(0), atol=1e-5)


def test_what_is_no_kmer_is_shared_evenly():
    embedding = torch.randn(5 + 4**3, 5, generator=torch.Generator().manual_seed(1))
    tokenizer = KmerTokenizer(3)
    slope, change = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2))
    special = torch.tensor([tokenizer.unk_id, tokenizer.pad_id, tokenizer.mask_id, 2])
    even = (slope * change).double().sum(-1, keepdim=True).numpy() / 3
    found = Shares(tokenizer, embedding)(slope, change, special).numpy()
    np.testing.assert_allclose(found, even.repeat(3, axis=1), atol=1e-6)
    kmers = Shares(tokenizer, embedding)(slope, change, special + 5).numpy()
    np.testing.assert_allclose(kmers.sum(1), 3 * even[:, 0], atol=1e-6)
    assert (kmers.std(1) > 0.01).all()


@pytest.mark.parametrize("reference", ["dinucleotide", "mask"])
@pytest.mark.parametrize("stride", [1, 3])
def test_a_model_that_reads_one_base_of_its_kmers_is_seen_through(stride, reference):
    """Its margin counts the k-mers whose middle base is G."""
    tokenizer = KmerTokenizer(3, stride)
    model = toy_model(tokenizer=tokenizer, width=1)
    with torch.no_grad():
        model.classifier.head.weight.fill_(1)
        weight = model.classifier.backbone.embedding.weight.zero_()
        for number, token in enumerate(tokenizer.vocabulary[5:], 5):
            weight[number] = float(token[1] == "G")
    sequence = random_sequence(101)
    how = AttributionSettings(references=2, reference=reference)
    result = attribute(model, [sequence], ["k"], how)[0]
    expected = np.zeros(101)
    for view, index in product((0, 1), range(2)):
        shuffled = dinucleotide_shuffle(sequence, generator(f"k {index} {view}", 1))
        strand = sequence
        if view:
            strand, shuffled = reverse_complement(strand), reverse_complement(shuffled)
        starts = tokenizer.encode([strand]).starts
        own = np.zeros(101)
        for start in starts:
            own[start + 1] += (strand[start + 1] == "G") - 0.25
            # the rest, which is spread evenly: what the mean k-mer has above the reference's
            there = shuffled[start + 1] == "G" and reference == "dinucleotide"
            own[start : start + 3] += (0.25 - there) / 3
        expected += (own[::-1] if view else own) / len(starts) / 4
    np.testing.assert_allclose(result.values, expected, atol=1e-7)
    assert result.values.sum() == pytest.approx(result.logit - result.reference_logit, abs=1e-6)
