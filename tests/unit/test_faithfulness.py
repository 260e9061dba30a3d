from dataclasses import replace

import numpy as np
import pytest
from toys import random_sequence, toy_model

from seformer.explain import faithfulness, faithfulness_summary
from seformer.explain.attribute import attribute
from seformer.explain.settings import AttributionSettings
from seformer.sequence.shuffle import generator


def sample_of(model, sequences, settings):
    keys = [f"k{row}" for row in range(len(sequences))]
    results = attribute(model, sequences, keys, settings)
    return [
        faithfulness.CheckedRegion(sequence, key, result.values, result.logit)
        for sequence, key, result in zip(sequences, keys, results, strict=True)
    ]


def test_choice_is_even_and_prefers_affordable_regions():
    assert faithfulness.choose([100] * 10, 3) == [0, 4, 9]
    assert faithfulness.choose([60_000, 100, 60_000, 100], 2) == [1, 3]
    assert faithfulness.choose([60_000, 50_000, 70_000], 2) == [0, 1]
    assert faithfulness.choose([100, 100], 5) == [0, 1]
    assert faithfulness.choose([100], 0) == [] and faithfulness.choose([], 3) == []


def test_replaced_bases_differ_and_n_stays():
    random = generator("k", 1)
    sequence = random_sequence(200)[:90] + "N" * 20 + random_sequence(90, 1)
    new = faithfulness.replaced(sequence, np.arange(200), random)
    for old, other in zip(sequence, new, strict=True):
        assert (old == other) == (old == "N")
    source = random_sequence(200, 3)
    mixed = faithfulness.replaced(sequence, np.array([3, 150]), random, source)
    assert mixed[3] == source[3] and mixed[150] == source[150] and mixed[4] == sequence[4]


def test_rank_correlation():
    first = np.array([1.0, 2, 3, np.nan])
    assert faithfulness.rank_correlation(first, -first) == pytest.approx(-1)
    assert faithfulness.rank_correlation(first, np.ones(4)) is None
    assert faithfulness.rank_correlation(first[:2], first[:2]) is None


def test_a_faithful_attribution_measures_well():
    # linear in the tokens: integrated gradients are exact, so every measure has a known side
    model = toy_model(width=16)
    settings = AttributionSettings(references=8)
    sample = sample_of(model, [random_sequence(600, seed) for seed in range(3)], settings)
    record = faithfulness.measure_faithfulness(model, sample, settings)
    assert [region["region"] for region in record["regions"]] == ["k0", "k1", "k2"]
    summary = record["summary"]
    top, random = (np.array(summary[f"deletion_{name}"]) for name in ("top", "random"))
    assert (top > random).all() and top[faithfulness_summary.ONE_PERCENT] > 0
    top, random = (np.array(summary[f"insertion_{name}"]) for name in ("top", "random"))
    assert (top > random).all()
    assert summary["mutagenesis_signed"] > 0.3
    assert summary["seed_stability"] > 0.7
    assert abs(summary["randomised_model"]) < 0.3


def test_the_same_again_and_merged():
    model = toy_model(mixing=True)
    settings = AttributionSettings(references=1)
    sequences = [random_sequence(200, seed) for seed in range(2)]
    first = faithfulness.measure_faithfulness(
        model, sample_of(model, sequences, settings), settings
    )
    again = faithfulness.measure_faithfulness(
        model, sample_of(model, sequences, settings), settings
    )
    assert first == again
    parts = [faithfulness_summary.summarise_faithfulness([region]) for region in first["regions"]]
    assert faithfulness_summary.merge_faithfulness(parts) == first
    empty = faithfulness.measure_faithfulness(model, [], settings)
    assert empty["regions"] == [] and empty["summary"] == {}


def test_randomised_leaves_the_model_alone():
    model = toy_model()
    before = model.classifier.backbone.embedding.weight.clone()
    other = faithfulness.randomised(model, 1).classifier.backbone.embedding.weight
    assert (model.classifier.backbone.embedding.weight == before).all()
    assert not (other == before).all()
    assert sorted(other.flatten().tolist()) == sorted(before.flatten().tolist())


def test_every_member_of_an_ensemble_is_randomised():
    one, other = toy_model(), toy_model(width=8)
    random = faithfulness.randomised(replace(one, others=(other,)), 1)
    alone = faithfulness.randomised(one, 1)
    weights = [member.classifier.backbone.embedding.weight for member in random.members]
    assert len(weights) == 2
    assert (weights[0] == alone.classifier.backbone.embedding.weight).all()
    assert not (weights[1] == other.classifier.backbone.embedding.weight).all()


def test_nothing_looks_at_n():
    """A random model agrees over N, where both give nothing; over known bases it does not."""
    model, settings = toy_model(width=16), AttributionSettings(references=2)
    sequence = random_sequence(300) + "N" * 900 + random_sequence(300, 1)
    sample = sample_of(model, [sequence], settings)
    (member,) = sample
    known = faithfulness.known_bases(member)
    assert len(known) <= 600 and not ((known >= 300) & (known < 1200)).any()
    record = faithfulness.measure_faithfulness(model, sample, settings)["summary"]
    assert abs(record["randomised_model"]) < 0.4
    assert record["mutagenesis_signed"] > 0.2
    constant = settings.but(reference="zero")
    summary = faithfulness.measure_faithfulness(
        model, sample_of(model, [sequence], constant), constant
    )
    # nothing is drawn, so that there are no other shuffles to agree with
    assert summary["summary"]["seed_stability"] is None
