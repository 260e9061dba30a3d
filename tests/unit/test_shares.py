from itertools import permutations
from math import factorial

import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.attribute import Settings, attribute
from seformer.references import ZERO, dinucleotide_shuffle, generator
from seformer.shares import Shares, base_masks, shapley_weights
from seformer.tokens import KmerTokenizer, reverse_complement


def by_orders(worth, own: str, reference: str) -> np.ndarray:
    """Shapley values from their definition: the mean over all orders in which bases come in."""
    k = len(own)
    shares = np.zeros(k)
    for order in permutations(range(k)):
        kmer = list(reference)
        for place in order:
            before = worth("".join(kmer))
            kmer[place] = own[place]
            shares[place] += worth("".join(kmer)) - before
    return shares / factorial(k)


def looked_up(tokenizer, text: str) -> int:
    return int(tokenizer.encode([text]).input_ids[0])


@pytest.mark.parametrize("k", [1, 3, 6])
def test_the_weights_share_out_all_of_the_worth(k):
    worth = np.random.default_rng(k).normal(size=2**k)
    assert (shapley_weights(k) @ worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-12)


def test_an_additive_game_gives_every_player_its_own():
    own = np.array([3.0, -1.0, 0.5])
    subsets = np.arange(8)[:, None] >> np.array([2, 1, 0]) & 1
    np.testing.assert_allclose(shapley_weights(3) @ (subsets @ own), own, atol=1e-12)
    assert base_masks(3).tolist() == [0, 3, 12, 15, 48, 51, 60, 63]


@pytest.mark.parametrize("own,reference", [("ACGT", "TTGA"), ("AAAA", "AAAC"), ("GATC", "GATC")])
def test_shares_are_the_shapley_values_of_the_kmers_between(own, reference):
    tokenizer = KmerTokenizer(4)
    embedding = torch.randn(tokenizer.vocab_size, 5, generator=torch.Generator().manual_seed(1))
    slope = torch.randn(1, 5, generator=torch.Generator().manual_seed(2))
    ids = torch.tensor([looked_up(tokenizer, own)])
    other = torch.tensor([looked_up(tokenizer, reference)])
    found = Shares(tokenizer, embedding)(slope, embedding[ids] - embedding[other], ids, other)

    def worth(kmer: str) -> float:
        return float((embedding[looked_up(tokenizer, kmer)].double() @ slope[0].double()).item())

    np.testing.assert_allclose(found[0].numpy(), by_orders(worth, own, reference), atol=1e-5)
    assert found.sum().item() == pytest.approx(worth(own) - worth(reference), abs=1e-6)
    same = np.array([a == b for a, b in zip(own, reference, strict=True)])
    np.testing.assert_allclose(found[0].numpy()[same], 0, atol=1e-6)


def test_what_is_no_kmer_is_shared_evenly():
    tokenizer = KmerTokenizer(4)
    embedding = torch.randn(tokenizer.vocab_size, 5, generator=torch.Generator().manual_seed(1))
    ids = torch.tensor([looked_up(tokenizer, "ACGT")] * 3 + [tokenizer.unk_id])
    other = torch.tensor([tokenizer.mask_id, ZERO, tokenizer.unk_id, looked_up(tokenizer, "AAAA")])
    slope, change = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2))
    found = Shares(tokenizer, embedding)(slope, change, ids, other).numpy()
    expected = (slope * change).sum(-1, keepdim=True).numpy() / 4
    np.testing.assert_allclose(found, expected.repeat(4, axis=1), atol=1e-6)


@pytest.mark.parametrize("stride", [1, 3])
def test_a_model_that_reads_one_base_of_its_kmers_is_seen_through(stride):
    """Its margin counts the k-mers whose middle base is G: no other base may get anything."""
    tokenizer = KmerTokenizer(3, stride)
    model = toy_model(tokenizer=tokenizer, width=1)
    with torch.no_grad():
        model.classifier.head.weight.fill_(1)
        weight = model.classifier.backbone.embedding.weight.zero_()
        for number, token in enumerate(tokenizer.vocabulary):
            weight[number] = float(token[1] == "G")
    sequence = random_sequence(101)
    result = attribute(model, [sequence], ["k"], Settings(references=2))[0]
    expected = np.zeros(101)
    for view in range(2):
        strand = sequence if view == 0 else reverse_complement(sequence)
        starts = tokenizer.encode([strand]).starts
        for index in range(2):
            shuffled = dinucleotide_shuffle(sequence, generator(f"k {index} {view}", 1))
            other = shuffled if view == 0 else reverse_complement(shuffled)
            own = np.zeros(101)
            for start in starts:
                own[start + 1] += (strand[start + 1] == "G") - (other[start + 1] == "G")
            expected += (own[::-1] if view else own) / len(starts) / 4
    np.testing.assert_allclose(result.values, expected, atol=1e-7)
    assert result.values.sum() == pytest.approx(result.logit - result.reference_logit, abs=1e-6)
