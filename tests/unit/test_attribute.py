import os
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import current_thread

import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.explain.attribute import (
    CLOSE,
    FIRST_STEPS,
    attribute,
)
from seformer.explain.base_shares import project
from seformer.explain.completeness import relative_error
from seformer.explain.integrated_gradients import (
    Job,
    ViewMargins,
    group_jobs,
    integrate,
    make_examples,
    shares_of,
    with_reference,
)
from seformer.explain.references import ZERO, make_references
from seformer.explain.settings import AttributionSettings
from seformer.scoring.score import Ensemble, Scorer
from seformer.sequence.dna import reverse_complement
from seformer.sequence.shuffle import dinucleotide_shuffle, generator
from seformer.sequence.tokenizers import BpeTokenizer, KmerTokenizer
from seformer.util.errors import UserError

DATA = os.environ.get("SEFORMER_TEST_DATA")
real = pytest.mark.skipif(not DATA, reason="SEFORMER_TEST_DATA is not set")
CONTEXT = {"mixing": True, "curved": True}


def check_complete(result, completeness=0.05):
    total = result.values.sum() + result.special
    difference = result.logit - result.reference_logit
    assert abs(total - difference) <= completeness * abs(difference)
    error = abs(total - difference) / abs(difference)
    assert result.completeness_error == pytest.approx(error, rel=1e-6, abs=1e-12)


# --------------------------------------------------------------------------- references


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 17, 200, 2000])
def test_shuffle_keeps_dinucleotides_and_ends(length):
    sequence = random_sequence(length, seed=length)
    shuffled = dinucleotide_shuffle(sequence, generator("key", 1))
    pairs = lambda s: Counter(pairwise(s))  # noqa: E731
    assert pairs(shuffled) == pairs(sequence)
    assert shuffled[:1] == sequence[:1] and shuffled[-1:] == sequence[-1:]
    assert length < 100 or shuffled != sequence


def test_shuffle_keeps_n_runs_in_place():
    sequence = random_sequence(50) + "NNNNN" + random_sequence(70, 1) + "N" + random_sequence(9, 2)
    shuffled = dinucleotide_shuffle(sequence, generator("key", 1))
    assert [b == "N" for b in shuffled] == [b == "N" for b in sequence]
    assert len(shuffled) == len(sequence) and shuffled != sequence


def test_shuffle_is_uniform_over_the_euler_paths():
    # ACAGATA… : every sequence with these dinucleotides must come up equally often
    random = generator("uniform", 1)
    counts = Counter(dinucleotide_shuffle("ACAGATA", random) for _ in range(3000))
    assert len(counts) == 6  # the three excursions C, G, T from A in any order
    assert min(counts.values()) > 400 and max(counts.values()) < 600


def test_shuffle_of_poor_sequences_ends():
    assert dinucleotide_shuffle("A" * 500, generator("a", 1)) == "A" * 500
    mostly = "A" * 300 + "C" + "A" * 200
    shuffled = dinucleotide_shuffle(mostly, generator("a", 1))
    assert Counter(shuffled) == Counter(mostly)


def test_random_numbers_depend_on_key_and_seed_alone():
    draw = lambda key, seed: generator(key, seed).integers(1 << 30)  # noqa: E731
    assert draw("chr1:0-10", 1) == draw("chr1:0-10", 1)
    assert draw("chr1:0-10", 1) != draw("chr1:0-11", 1)
    assert draw("chr1:0-10", 1) != draw("chr1:0-10", 2)


@pytest.mark.parametrize("stride", [1, 2, 6])
def test_kmer_reference_is_the_shuffled_sequence_on_both_strands(stride):
    tokenizer = KmerTokenizer(6, stride)
    sequence = random_sequence(101)
    strands = tokenizer.encode([sequence, reverse_complement(sequence)])
    ids = make_references(
        tokenizer, strands, [sequence], ["k"], reference="dinucleotide", number=2, seed=1
    ).ids
    for index in range(2):
        forward, reverse = (
            dinucleotide_shuffle(sequence, generator(f"k {index} {view}", 1)) for view in (0, 1)
        )
        both = tokenizer.encode([forward, reverse_complement(reverse)])
        np.testing.assert_array_equal(ids[index], both.input_ids)


@pytest.mark.parametrize("reference", ["dinucleotide", "mask", "pad", "zero"])
@pytest.mark.parametrize("stride", [1, 3])
def test_tokens_with_n_stay_in_every_reference(reference, stride):
    tokenizer = KmerTokenizer(3, stride)
    sequence = random_sequence(40) + "N" * 11 + random_sequence(30, 1)
    strands = tokenizer.encode([sequence, reverse_complement(sequence)])
    ids = make_references(
        tokenizer, strands, [sequence], ["k"], reference=reference, number=1, seed=1
    ).ids[0]
    unknown = strands.input_ids == tokenizer.unk_id
    assert unknown.any()
    np.testing.assert_array_equal(ids == tokenizer.unk_id, unknown)
    expected = {"mask": tokenizer.mask_id, "pad": tokenizer.pad_id, "zero": ZERO}.get(reference)
    if expected is not None:
        assert (ids[~unknown] == expected).all()


def test_all_n_region():
    result = attribute(toy_model(), ["N" * 50], ["k"])[0]
    assert not result.values.any()
    assert result.logit == result.reference_logit
    assert result.completeness_error == 0
    assert "small_difference" in result.flags and "not_covered" in result.flags
    assert "incomplete" not in result.flags


# --------------------------------------------------------------------------- projection


def test_project_shares_tokens_among_their_bases():
    values = np.array([[3.0], [6.0], [5.0]])
    bases, rest = project(values, np.array([0, 2, 4]), np.array([3, 5, 4]), 6)
    np.testing.assert_allclose(bases, [1, 1, 3, 2, 2, 0])
    assert rest == 5.0


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (6, 1), (6, 6), (5, 2)])
def test_project_keeps_sums(k, stride):
    encoding = KmerTokenizer(k, stride).encode([random_sequence(1003)])
    values = np.random.default_rng(0).normal(size=(len(encoding.input_ids), k))
    bases, rest = project(values, encoding.starts, encoding.ends, 1003)
    assert rest == 0
    assert bases.sum() == pytest.approx(values.sum(), abs=1e-9)


# --------------------------------------------------------------------------- known answers


@pytest.mark.parametrize("window", [None, 12])
@pytest.mark.parametrize("stride", [1, 3])
def test_linear_model_has_the_known_attribution(window, stride):
    # of 7 bases, which share evenly; shorter ones: test_shares.py
    model = toy_model(tokenizer=KmerTokenizer(7, stride), window=window)
    sequence = random_sequence(101)
    result = attribute(model, [sequence], ["k"], AttributionSettings(reference="mask"))[0]
    weight = model.classifier.backbone.embedding.weight @ model.classifier.head.weight
    weight = (weight - weight[model.tokenizer.mask_id]).detach().double().numpy()
    expected = np.zeros(101)
    for strand, bases in enumerate((sequence, reverse_complement(sequence))):
        encoding = model.tokenizer.encode([bases])
        value = weight[encoding.input_ids] / len(encoding.input_ids)
        own = np.zeros(101)
        for v, a, b in zip(value, encoding.starts, encoding.ends, strict=True):
            own[a:b] += v / (b - a)
        expected += (own[::-1] if strand else own) / 2
    np.testing.assert_allclose(result.values, expected, atol=1e-6)
    assert result.reference_steps.tolist() == [FIRST_STEPS]
    check_complete(result, 1e-5)


@pytest.mark.parametrize("phases", [1, 3])
def test_attribution_of_the_reverse_complement_is_mirrored(phases):
    model = toy_model(**CONTEXT, phases=phases)
    sequence = random_sequence(90)
    how = AttributionSettings(reference="mask")
    forward = attribute(model, [sequence], ["k"], how)[0]
    reverse = attribute(model, [reverse_complement(sequence)], ["k"], how)[0]
    np.testing.assert_allclose(forward.values, reverse.values[::-1], atol=1e-7)
    assert forward.logit == pytest.approx(reverse.logit, abs=1e-7)


def test_the_phases_of_a_linear_model_are_averaged_on_the_bases():
    sequence = random_sequence(80)
    how = AttributionSettings(reference="mask")
    tokenizer = KmerTokenizer(7, 3)
    model = toy_model(tokenizer=tokenizer, phases=3)
    result = attribute(model, [sequence], ["k"], how)[0]
    embedding = model.classifier.backbone.embedding.weight
    weight = model.classifier.head.weight @ (embedding - embedding[tokenizer.mask_id]).T
    weight = weight.detach().double().numpy()
    expected = np.zeros(80)
    for strand, bases in enumerate((sequence, reverse_complement(sequence))):
        for phase in range(3):
            encoding = tokenizer.encode([bases], phase=phase)
            own = np.zeros(80)
            for token, a, b in zip(encoding.input_ids, encoding.starts, encoding.ends, strict=True):
                own[a:b] += weight[token] / len(encoding.input_ids) / (b - a)
            expected += (own[::-1] if strand else own) / 6
    np.testing.assert_allclose(result.values, expected, atol=1e-6)
    assert result.coverage == 1


# --------------------------------------------------------------------------- completeness


@pytest.mark.parametrize("reference", ["dinucleotide", "mask", "pad", "zero"])
@pytest.mark.parametrize("pooling", ["mean", "lse", "attention"])
@pytest.mark.parametrize(("window", "overlap", "phases"), [(None, 0, 3), (17, 0, 1), (17, 4, 2)])
def test_region_is_complete_through_the_pooling(reference, pooling, window, overlap, phases):
    model = toy_model(
        **CONTEXT, window_pooling=pooling, window=window, overlap=overlap, phases=phases
    )
    how = AttributionSettings(reference=reference, completeness=1e-3, max_steps=1024)
    sequences = [random_sequence(n, seed=n) for n in (150, 37, 151)]
    for result, sequence in zip(
        attribute(model, sequences, list("abc"), how), sequences, strict=True
    ):
        assert len(result.values) == len(sequence)
        assert "incomplete" not in result.flags
        if "small_difference" not in result.flags:
            check_complete(result, 1e-3)
        assert result.special == 0


def test_logits_are_those_of_scoring():
    model = toy_model(**CONTEXT, window=17)
    sequences = [random_sequence(n, seed=n) for n in (150, 37, 151)]
    results = attribute(model, sequences, list("abc"))
    np.testing.assert_allclose(
        [r.logit for r in results], Ensemble(model).score(sequences).logit, atol=1e-6
    )
    shuffled = [
        dinucleotide_shuffle(sequences[0], generator(f"a {i} {view}", 1))
        for i in range(4)
        for view in range(2)
    ]
    strands = model.tokenizer.encode(
        [s if view % 2 == 0 else reverse_complement(s) for view, s in enumerate(shuffled)]
    )
    expected = Scorer(model).view_margins(strands)[0].mean()
    assert results[0].reference_logit == pytest.approx(expected, abs=1e-6)


def test_steps_rise_only_where_needed():
    model = toy_model(**CONTEXT)
    sequences = [random_sequence(60, seed=seed) for seed in range(8)]
    tight = AttributionSettings(completeness=1e-4, references=2, max_steps=256)
    steps = np.array([r.reference_steps for r in attribute(model, sequences, sequences, tight)])
    assert steps.min() < steps.max()
    capped = AttributionSettings.model_construct(completeness=1e-12, references=2, max_steps=12)
    for result in attribute(model, sequences, sequences, capped):
        assert result.reference_steps.max() == 12
        assert "incomplete" in result.flags


def test_an_ensemble_adds_up_where_its_members_cancel():
    """Each member is complete in few steps; the small mean of two that disagree is not yet."""
    members = [toy_model(**CONTEXT, window=17, seed=seed) for seed in (4, 5)]
    sequences = [random_sequence(60, seed=n) for n in range(12)]
    how = AttributionSettings(references=2)
    alone = [attribute(member, sequences, sequences, how) for member in members]
    model = replace(members[0], others=(members[1],))
    together = attribute(model, sequences, sequences, how)
    cancelled = []
    for row, (result, *each) in enumerate(zip(together, *alone, strict=True)):
        check_complete(result)
        assert {"incomplete", "incomplete_window"}.isdisjoint(result.flags)
        total = np.mean([one.values.sum() + one.special for one in each])
        difference = np.mean([one.logit - one.reference_logit for one in each])
        if relative_error(total, difference) > 0.05:
            cancelled.append(row)
    assert len(cancelled) == 2
    # as if it were alone
    for row in cancelled:
        one = attribute(model, [sequences[row]], [sequences[row]], how)[0]
        np.testing.assert_array_equal(one.reference_steps, together[row].reference_steps)
        np.testing.assert_allclose(one.values, together[row].values, atol=2e-6)


@pytest.mark.parametrize(
    ("completeness", "steps"), [(0.05, FIRST_STEPS), (CLOSE, FIRST_STEPS), (1e-3, 8)]
)
def test_close_sums_begin_with_more_steps(completeness, steps, monkeypatch):
    tried = []
    monkeypatch.setattr(
        "seformer.explain.attribute.integrate",
        lambda *args: tried.append(args[3]) or integrate(*args),
    )
    how = AttributionSettings(completeness=completeness, references=1)
    attribute(toy_model(**CONTEXT), [random_sequence(60)], ["region"], how)
    assert tried[0] == steps


def test_a_region_does_not_depend_on_its_neighbours_or_order():
    model = toy_model(**CONTEXT, window=17)
    sequences = [random_sequence(n, seed=n) for n in (90, 37, 50, 91, 51)]
    whole = AttributionSettings(references=2)
    small = AttributionSettings(references=2, batch_tokens=1)
    together = attribute(model, sequences, sequences, whole)
    for index in (4, 0, 2):
        for how in (whole, small):
            alone = attribute(model, [sequences[index]], [sequences[index]], how)[0]
            np.testing.assert_allclose(alone.values, together[index].values, atol=2e-6)
            np.testing.assert_array_equal(alone.reference_steps, together[index].reference_steps)


@pytest.mark.parametrize("method", ["integrated_gradients", "saliency"])
def test_batches_side_by_side_give_what_one_thread_gives(method):
    model, how = toy_model(**CONTEXT), AttributionSettings(method=method, references=2)
    sequences = [random_sequence(n) for n in (60, 90, 140, 220, 340)]
    threads, used = torch.get_num_threads(), set()
    hook = model.classifier.head.register_forward_hook(lambda *_: used.add(current_thread().name))
    try:
        torch.set_num_threads(1)
        expected = attribute(model, sequences, sequences, how)
        assert used == {current_thread().name}
        torch.set_num_threads(2)
        found = attribute(model, sequences, sequences, how)
    finally:
        torch.set_num_threads(threads)
        hook.remove()
    assert len(used) > 2
    for one, two in zip(expected, found, strict=True):
        np.testing.assert_allclose(two.values, one.values, atol=1e-6)


def test_the_integral_is_what_its_formula_says():
    """Σ weight · ∂M/∂e at e′ + α(e − e′), point by point, for views of unlike lengths."""
    model = toy_model(**CONTEXT, window=11, window_pooling="attention")
    scorer = Scorer(model)
    encoding = model.tokenizer.encode([random_sequence(n) for n in (60, 33, 400)])
    jobs = [
        with_reference(example, np.full(400, model.tokenizer.mask_id))
        for example in make_examples(scorer, encoding)
    ]
    points, weights = np.polynomial.legendre.leggauss(6)
    function = ViewMargins(scorer)
    for job, integral in zip(jobs, integrate(scorer, shares_of(scorer), jobs, 6), strict=True):
        batch = job.example.batch
        ids, masks = batch.input_ids[None], (batch.attention_mask[None], batch.content_mask[None])
        first, last = (function.lookup(end).detach() for end in (job.reference[None], ids))
        slope = torch.zeros_like(last)
        for alpha, weight in zip((1 + points) / 2, weights / 2, strict=True):
            values = torch.lerp(first, last, alpha).requires_grad_()
            with function.frozen():
                margin = function(values, ids, masks)[0].sum()
            (gradient,) = torch.autograd.grad(margin, values)
            slope += weight * gradient
        expected = (slope * (last - first)).sum().item()
        assert integral.tokens.sum() + integral.special == pytest.approx(expected, abs=1e-6)
        windows = (slope * (last - first)).sum((2, 3))[0]
        np.testing.assert_allclose(integral.totals, windows.numpy(), atol=1e-6)


def test_windows_in_parts_give_the_same_gradient():
    model = toy_model(**CONTEXT, window=11, window_pooling="attention")
    encoding = model.tokenizer.encode([random_sequence(400)])
    example = make_examples(Scorer(model), encoding)[0]
    job = with_reference(example, np.full(len(encoding.input_ids), model.tokenizer.mask_id))
    shares = shares_of(Scorer(model))
    whole = integrate(Scorer(model, 100_000), shares, [job], 16)[0].tokens
    for batch_tokens in (1, 11, 40):
        parts = integrate(Scorer(model, batch_tokens), shares, [job], 16)[0].tokens
        np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_plan_covers_every_job_once_and_keeps_to_the_budget():
    model = toy_model(window=20)
    lengths = (10, 12, 90, 300, 33, 12, 301)
    encoding = model.tokenizer.encode([random_sequence(n) for n in lengths])
    jobs = [Job(e, e.batch.input_ids) for e in make_examples(Scorer(model), encoding)]
    groups = list(group_jobs(jobs, 100))
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        shapes = [jobs[index].example.batch.input_ids.shape for index in group]
        assert len({shape[0] for shape in shapes}) == 1
        size = shapes[0][0] * max(shape[1] for shape in shapes) * len(group)
        assert len(group) == 1 or size <= 100


def test_the_model_is_left_as_it_was():
    model = toy_model()
    model.classifier.train()
    attribute(model, [random_sequence(60)], ["k"])
    assert model.classifier.training
    assert all(p.requires_grad for p in model.classifier.parameters())
    assert not model.classifier.backbone.embedding._forward_hooks
    assert torch.is_grad_enabled()


# --------------------------------------------------------------------------- other methods


@pytest.mark.parametrize("method", ["saliency", "input_x_gradient", "occlusion"])
def test_other_methods(method):
    model = toy_model(**CONTEXT, window=17)
    sequences = [random_sequence(150), random_sequence(50, 1)]
    how = AttributionSettings(method=method, references=1)
    results = attribute(model, sequences, list("ab"), how)
    for result, sequence in zip(results, sequences, strict=True):
        assert len(result.values) == len(sequence)
        assert np.isfinite(result.values).all() and result.values.any()
        assert np.isnan(result.reference_logit) and np.isnan(result.completeness_error)
        assert method != "saliency" or (result.values >= 0).all()


def test_occlusion_of_a_linear_model_is_exact():
    model = toy_model(window=9, tokenizer=KmerTokenizer(1))
    sequence = random_sequence(90)
    how = AttributionSettings(method="occlusion", reference="mask", occluded_tokens=1)
    occluded = attribute(model, [sequence], ["k"], how)[0]
    integrated = attribute(model, [sequence], ["k"], AttributionSettings(reference="mask"))[0]
    np.testing.assert_allclose(occluded.values, integrated.values, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "deeplift"},
        {"reference": "gc"},
        {"method": "occlusion", "reference": "zero"},
    ],
)
def test_wrong_choices_are_told(settings):
    with pytest.raises(UserError):
        attribute(toy_model(), [random_sequence(50)], ["k"], AttributionSettings(**settings))


def test_relative_error():
    total, difference = np.array([1.1, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(relative_error(total, difference), [0.1, 0, np.inf])


# --------------------------------------------------------------------------- real tokenizers


@real
@pytest.mark.real
@pytest.mark.parametrize("name", ["human/BPE_32k", "t2t_1000h_multi_32k"])
def test_byte_pair_tokens(name):
    folder = Path(DATA) / "tokenizers" / "gena_lm" / "tokenizers" / name
    tokenizer = BpeTokenizer(folder)
    model = toy_model(tokenizer=tokenizer, **CONTEXT, window=64)
    sequence = random_sequence(700) + "N" * 40 + random_sequence(600, 1)
    result = attribute(model, [sequence], ["k"], AttributionSettings(references=2))[0]
    check_complete(result)
    assert not result.values[702:738].any()  # the reference keeps the N run
    assert np.count_nonzero(result.values) > 1200
