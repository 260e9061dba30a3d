import os
from pathlib import Path

import numpy as np
import pytest
from toys import random_sequence, toy_model

from seformer.explain.references import make_references
from seformer.scoring.mutagenesis import importance, mutate, occlude
from seformer.scoring.score import Ensemble, Scorer
from seformer.scoring.views import Edit, both_strands
from seformer.sequence.tokenizers import (
    BpeTokenizer,
    KmerTokenizer,
    MixedTokenizer,
    mixed_vocabulary,
)

DATA = os.environ.get("SEFORMER_TEST_DATA")
CONTEXT = {"mixing": True, "curved": True}


MIXED = MixedTokenizer(mixed_vocabulary(3))


@pytest.mark.parametrize(
    ("tokenizer", "phases"),
    [
        (KmerTokenizer(3, 1), 1),
        (KmerTokenizer(3, 3), 1),
        (KmerTokenizer(3, 3), 3),
        (KmerTokenizer(4, 3), 2),
        (MIXED, 1),
        (MIXED, 3),
    ],
)
@pytest.mark.parametrize("window", [None, 13])
def test_every_substitution_equals_scoring_from_scratch(tokenizer, phases, window):
    model = toy_model(tokenizer=tokenizer, phases=phases, window=window, **CONTEXT)
    sequence = random_sequence(40) + "NN" + random_sequence(31, 1)
    effects = mutate(Ensemble(model), sequence)
    assert effects.shape == (73, 4)
    assert np.isnan(effects[40:42]).all()
    known = [position for position in range(73) if not 40 <= position < 42]
    edited = [sequence[:at] + letter + sequence[at + 1 :] for at in known for letter in "ACGT"]
    base, *expected = Ensemble(model).score([sequence, *edited]).logit
    np.testing.assert_allclose(effects[known].ravel(), expected - base, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "edit",
    [
        Edit(0, 1, "T"),
        Edit(30, 34, "A"),
        Edit(50, 50, "GATTACA"),
        Edit(99, 100, "CC"),
        Edit(10, 12, "GG"),
        Edit(0, 99, ""),
    ],
)
@pytest.mark.parametrize(("stride", "phases"), [(1, 1), (3, 1), (3, 3)])
def test_edits_of_any_kind(edit, stride, phases):
    tokenizer = KmerTokenizer(3, stride)
    model = toy_model(tokenizer=tokenizer, phases=phases, window=13, **CONTEXT)
    sequence = random_sequence(100)
    logit, edited = Ensemble(model).edits(sequence, [edit, Edit(5, 6, "A")])
    assert logit == pytest.approx(Ensemble(model).score([sequence]).logit[0], abs=1e-5)
    expected = Ensemble(model).score([edit.apply(sequence)]).logit[0]
    assert edited[0] == pytest.approx(expected, abs=1e-5)


def test_a_sequence_shorter_than_a_token():
    logit, edited = Ensemble(toy_model()).edits("AC", [Edit(0, 1, "G")])
    assert np.isfinite(logit) and edited[0] == logit


def test_only_changed_windows_are_computed(monkeypatch):
    model = toy_model(window=12)  # ten tokens of content: a window spans 30 bases
    encoding = model.tokenizer.encode(both_strands([random_sequence(300)]))
    scorer, computed = Scorer(model), []
    compute = Scorer._features
    monkeypatch.setattr(Scorer, "_features", lambda *a: computed.append(len(a[-1])) or compute(*a))
    _, known = scorer.view_margins(encoding)
    scorer.view_margins(encoding, known)
    ids = encoding.input_ids.copy()
    ids[3] += 1
    scorer.view_margins(encoding._replace(input_ids=ids), known)
    assert computed == [20, 0, 1]


def test_chosen_positions_and_importance():
    model = toy_model(**CONTEXT)
    sequence = random_sequence(60)
    whole = mutate(Ensemble(model), sequence)
    np.testing.assert_allclose(
        mutate(Ensemble(model), sequence, [59, 0, 7]), whole[[59, 0, 7]], atol=1e-6
    )
    assert mutate(Ensemble(model), sequence, []).shape == (0, 4)
    worth = importance(whole)
    column = ["ACGT".index(base) for base in sequence]
    others = np.delete(np.arange(4), column[7])
    assert worth[7] == pytest.approx(-whole[7, others].mean())


def test_occlusion_shares_the_loss():
    model = toy_model(window=9, **CONTEXT)
    sequence = random_sequence(60)
    encoding = model.tokenizer.encode(both_strands([sequence]))
    references = make_references(
        model.tokenizer, encoding, [sequence], ["k"], reference="mask", number=1, seed=1
    ).ids
    values, special = occlude(Scorer(model), encoding, references, 4)[0]
    assert special == 0
    ids = encoding.input_ids[:20].astype(np.int64)
    hidden = ids.copy()
    hidden[4:8] = model.tokenizer.mask_id
    one = type(encoding)(
        np.concatenate([ids, hidden]), encoding.starts, encoding.ends, np.array([0, 20, 40])
    )
    own, without = Scorer(model).view_margins(one)[0]
    np.testing.assert_allclose(values[4:8], (own - without) / 4, atol=1e-6)


@pytest.mark.real
@pytest.mark.skipif(not DATA, reason="SEFORMER_TEST_DATA is not set")
def test_byte_pair_tokens_are_made_anew():
    folder = Path(DATA) / "tokenizers" / "gena_lm" / "tokenizers" / "human" / "BPE_32k"
    model = toy_model(tokenizer=BpeTokenizer(folder), window=20, **CONTEXT)
    sequence = random_sequence(600)
    edits = [Edit(300, 301, "A"), Edit(10, 20, ""), Edit(599, 600, "GTGT")]
    _, edited = Ensemble(model).edits(sequence, edits)
    expected = Ensemble(model).score([edit.apply(sequence) for edit in edits]).logit
    np.testing.assert_allclose(edited, expected, atol=1e-5)
