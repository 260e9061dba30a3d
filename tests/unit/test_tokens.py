"""Tokenisers: ids by the published vocabularies, offsets that tile the sequence."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import pytest

from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import BpeTokenizer, KmerTokenizer, interleave, load_tokenizer
from seformer.util.errors import UserError

DATA = Path(os.environ.get("SEFORMER_TEST_DATA", "no test data given"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="SEFORMER_TEST_DATA is not set")
GENA = ("human/BPE_32k", "t2t_1000h_multi_32k")


def dna(length: int, seed: int = 0, letters: str = "ACGT") -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def spans(encoding, i=0):
    part = slice(encoding.splits[i], encoding.splits[i + 1])
    return list(zip(encoding.starts[part].tolist(), encoding.ends[part].tolist(), strict=True))


def test_reverse_complement():
    assert reverse_complement("AACGTn") == "nACGTT"
    assert reverse_complement("RYSWKMBDHV") == "BDHVKMWSRY"


def test_overlapping_kmers_of_known_sequence():
    tokenizer = KmerTokenizer(3)
    ids = tokenizer.encode(["ACGTA"]).input_ids
    assert [tokenizer.vocabulary[i] for i in ids] == ["ACG", "CGT", "GTA"]
    assert tokenizer.vocabulary[:7] == "[PAD] [UNK] [CLS] [SEP] [MASK] AAA AAT".split()


def test_strided_kmers_anchor_the_last_at_the_end():
    encoding = KmerTokenizer(6, 6).encode(["ACGTACGTACGTACG", "ACGTACGTACGT", "ACGTAC"])
    assert spans(encoding) == [(0, 6), (6, 12), (9, 15)]
    assert spans(encoding, 1) == [(0, 6), (6, 12)]
    assert spans(encoding, 2) == [(0, 6)]


@pytest.mark.parametrize("phase", range(6))
def test_phases_shift_the_frame_and_cover_every_base(phase):
    sequence = dna(100)
    shifted = KmerTokenizer(6, 6).encode([sequence], phase=phase)
    cut = KmerTokenizer(6, 6).encode([sequence[phase:]])
    moved = 1 if phase else 0  # the k-mer at base 0 comes before those of the moved grid
    np.testing.assert_array_equal(shifted.input_ids[moved:], cut.input_ids)
    np.testing.assert_array_equal(shifted.starts[moved:], cut.starts + phase)
    assert spans(shifted)[0] == (0, 6)
    assert shifted.ends[-1] == 100


def test_phases_of_sequences_about_as_long_as_a_token():
    encoding = KmerTokenizer(6, 6).encode(["ACGTACG", "ACGTAC", "ACG"], phase=5)
    assert spans(encoding) == [(0, 6), (1, 7)]
    assert spans(encoding, 1) == [(0, 6)]
    assert spans(encoding, 2) == [(0, 3)]
    assert encoding.input_ids[-1] == 1
    with pytest.raises(ValueError):
        KmerTokenizer(6, 6).encode(["ACGTACGT"], phase=6)


def test_interleave_brings_the_encodings_of_a_sequence_together():
    tokenizer, sequences = KmerTokenizer(6, 6), [dna(40), "ACG", dna(25)]
    phases = [tokenizer.encode(sequences, phase=phase) for phase in (0, 2, 5)]
    together = interleave(phases)
    assert len(together.splits) == 10
    for row, sequence in enumerate(s for s in sequences for _ in range(3)):
        own = tokenizer.encode([sequence], phase=(0, 2, 5)[row % 3])
        span = slice(together.splits[row], together.splits[row + 1])
        for got, want in zip(together[:3], own[:3], strict=True):
            np.testing.assert_array_equal(got[span], want)


def test_kmers_with_n_are_unknown_and_no_error():
    tokenizer = KmerTokenizer(3)
    ids = tokenizer.encode(["ACGNACG"]).input_ids.tolist()
    acg = tokenizer.vocabulary.index("ACG")
    assert ids == [acg, 1, 1, 1, acg]
    assert set(tokenizer.encode(["N" * 50]).input_ids.tolist()) == {1}


def test_soft_masked_equals_upper_case():
    tokenizer = KmerTokenizer(6)
    a, b = tokenizer.encode([dna(200)]), tokenizer.encode([dna(200).lower()])
    np.testing.assert_array_equal(a.input_ids, b.input_ids)


def test_rna_or_protein_is_refused_with_an_example():
    with pytest.raises(UserError, match="'ACGUAC'"):
        KmerTokenizer(6).encode(["ACGUACGU" * 20])
    with pytest.raises(UserError, match="not ASCII"):
        KmerTokenizer(6).encode(["ACGTé"])


def test_a_batch_equals_its_sequences_alone():
    tokenizer = KmerTokenizer(6, 6)
    sequences = [dna(n, n) for n in (5, 6, 7, 100, 3000)]
    together = tokenizer.encode(sequences)
    for i, sequence in enumerate(sequences):
        part = slice(together.splits[i], together.splits[i + 1])
        alone = tokenizer.encode([sequence])
        np.testing.assert_array_equal(together.input_ids[part], alone.input_ids)
        np.testing.assert_array_equal(together.starts[part], alone.starts)


@pytest.mark.parametrize(("k", "stride"), [(6, 1), (6, 6), (4, 3)])
def test_saved_kmer_tokenizer_loads_again(tmp_path, k, stride):
    tokenizer = KmerTokenizer(k, stride)
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    assert (again.k, again.stride, again.vocabulary) == (k, stride, tokenizer.vocabulary)
    assert again.wrap == ((2,), (3,)) and again.phases == stride


def test_folder_without_tokenizer_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no tokeniser"):
        load_tokenizer(tmp_path)


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_dnabert_vocabulary_and_convention(k):
    """Overlapping k-mers by the published file, whatever its lower-case setting says."""
    folder = DATA / "tokenizers" / "dnabert" / f"config-{k}"
    tokenizer = load_tokenizer(folder)
    published = (folder / "vocab.txt").read_text().split("\n")
    number = {token: i for i, token in enumerate(published)}
    assert tokenizer.vocabulary == KmerTokenizer(k).vocabulary
    sequence = dna(500) + "NNACGTNACGTACGT" + dna(100, 1)
    expected = [number.get(sequence[i : i + k], 1) for i in range(len(sequence) - k + 1)]
    encoding = tokenizer.encode([sequence.lower()])
    assert encoding.input_ids.tolist() == expected
    assert spans(encoding)[:2] == [(0, k), (1, k + 1)]


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("name", GENA)
def test_gena_ids_are_the_tokenizers_own_and_offsets_tile(name):
    import tokenizers

    folder = DATA / "tokenizers" / "gena_lm" / "tokenizers" / name
    published = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer = load_tokenizer(folder)
    assert isinstance(tokenizer, BpeTokenizer)
    assert tokenizer.wrap == ((1,), (2,))
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.mask_id) == (3, 0, 4)
    sequences = [
        dna(3000),
        dna(300).lower() + "N" * 9 + dna(80, 1) + "N" * 10 + dna(50, 2) + "N" * 500,
        "N",
        "N" * 40,
        "A",
        "ACGTRYACGT" + dna(200),
        *(dna(200, seed, "ACGTN") for seed in range(20)),
    ]
    encoding = tokenizer.encode(sequences)
    for i, sequence in enumerate(sequences):
        part = slice(encoding.splits[i], encoding.splits[i + 1])
        own = published.encode(sequence.upper(), add_special_tokens=False)
        assert encoding.input_ids[part].tolist() == own.ids
        covered = [sequence[start:end].upper() for start, end in spans(encoding, i)]
        assert "".join(covered) == sequence.upper()
        for token, bases in zip(own.tokens, covered, strict=True):
            assert token == bases or (token == "[UNK]" and len(bases) == 1) or set(bases) == {"N"}


@needs_data
@pytest.mark.real
def test_a_long_run_of_n_is_one_token_of_the_t2t_tokenizer():
    tokenizer = load_tokenizer(DATA / "tokenizers" / "gena_lm" / "tokenizers" / GENA[1])
    encoding = tokenizer.encode(["ACGT" + "N" * 1000 + "ACGT"])
    run = int(np.flatnonzero(encoding.input_ids == 5)[0])
    assert (encoding.starts[run], encoding.ends[run]) == (4, 1004)


@needs_data
@pytest.mark.real
def test_bpe_refuses_rna_and_saves_the_published_files(tmp_path):
    folder = DATA / "tokenizers" / "gena_lm" / "tokenizers" / GENA[0]
    tokenizer = load_tokenizer(folder)
    with pytest.raises(UserError, match="does not know"):
        tokenizer.encode(["ACGUUUGCU" * 20])
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path)
    for one, other in zip(tokenizer.encode([dna(500)]), again.encode([dna(500)]), strict=True):
        np.testing.assert_array_equal(one, other)


SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
PAIRS = {
    "added_tokens": [{"id": i, "content": name, "special": True} for i, name in enumerate(SPECIAL)],
    "normalizer": None,
    "pre_tokenizer": None,
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "model": {
        "type": "BPE",
        "dropout": None,
        "unk_token": "[UNK]",
        "vocab": {t: i for i, t in enumerate([*SPECIAL, "A", "C", "G", "T", "AC", "GT", "ACGT"])},
        "merges": ["A C", "G T", ["AC", "GT"]],
    },
}


def pairs(folder, **parts):
    """Write a byte-pair tokeniser with other parts; those of ``model`` are laid over it."""
    made = PAIRS | parts | {"model": PAIRS["model"] | parts.get("model", {})}
    (folder / "tokenizer.json").write_text(json.dumps(made))
    return folder


def template(*pieces, **ids):
    return {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A"}} if p == "$" else {"SpecialToken": {"id": p}}
                   for p in pieces],
        "special_tokens": {name: {"id": name, "ids": one} for name, one in ids.items()},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "wrap"),
    [
        ({}, ((1,), (2,))),
        ({"post_processor": None}, ((), ())),
        ({"post_processor": template("x", "$", "y", x=[1], y=[2, 2])}, ((1,), (2, 2))),
        ({"truncation": {"max_length": 2, "strategy": "x"}, "padding": "x"}, ((1,), (2,))),
        ({"pre_tokenizer": {"type": "Whitespace"}, "model": {"dropout": 0}}, ((1,), (2,))),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "N{10,}"}, "content": ""}},
         ((1,), (2,))),
    ],
    ids=str,
)  # fmt: skip
def test_byte_pairs_that_are_known(tmp_path, parts, wrap):
    """Limits of length and padding are not the tokeniser's business here."""
    tokenizer = load_tokenizer(pairs(tmp_path, **parts))
    assert tokenizer.wrap == wrap
    encoding = tokenizer.encode(["ACGTACGTACG"])
    assert encoding.input_ids.tolist() == [11, 11, 9, 7]
    assert spans(encoding) == [(0, 4), (4, 8), (8, 10), (10, 11)]


def test_a_token_of_no_letters_is_left_out(tmp_path):
    """GROVER's file has one more token than its model, and merges with it that change nothing."""
    vocab = PAIRS["model"]["vocab"] | {"": len(PAIRS["model"]["vocab"])}
    merges = [["A", ""], "C ", *PAIRS["model"]["merges"]]
    tokenizer = load_tokenizer(pairs(tmp_path, model={"vocab": vocab, "merges": merges}))
    assert tokenizer.vocab_size == len(PAIRS["model"]["vocab"])
    assert tokenizer.encode(["ACGTACGTACG"]).input_ids.tolist() == [11, 11, 9, 7]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"model": {"dropout": 0.1}}, "leaves out merges at random"),
        ({"model": {"type": "Unigram"}}, "of type 'Unigram'"),
        ({"model": {"end_of_word_suffix": "</w>"}}, "after words"),
        ({"model": {"continuing_subword_prefix": "#######"}}, "is not of tokens"),
        ({"model": {"continuing_subword_prefix": 3}}, "continuing_subword_prefix is 3"),
        ({"model": {"merges": ["A X"]}}, "is not of tokens in the vocabulary"),
        ({"model": {"merges": ["A A"]}}, "gives a token that is not in"),
        ({"model": {"merges": [["A"]]}}, "is not of two tokens"),
        ({"model": {"vocab": []}}, "stands for a part"),
        ({"model": {"vocab": PAIRS["model"]["vocab"] | {"AC": 2**40}}}, "has the id"),
        ({"model": {"vocab": PAIRS["model"]["vocab"] | {"AC": -1}}}, "has the id -1"),
        ({"model": {"vocab": PAIRS["model"]["vocab"] | {"AC": 5}}}, "two tokens have one id"),
        ({"added_tokens": [{"id": 3, "content": "[CLS]"}]}, "another id than in the vocabulary"),
        ({"added_tokens": [{"id": 90, "content": "new"}]}, "has another id"),
        ({"added_tokens": [{"id": 0, "content": ""}]}, "has no content"),
        ({"added_tokens": 3}, "stands for a list"),
        ({"normalizer": {"type": "Replace", "pattern": {"String": "A"}, "content": "A" * 999}},
         "for a letter"),
        ({"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "A"}},
         "looks for"),
        ({"normalizer": {"type": "Replace", "pattern": {"Regex": "(A+)+$"}, "content": "A"}},
         "looks for"),
        ({"normalizer": {"type": "Prepend", "prepend": "A" * 999}}, "by 'Prepend'"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "x"}}, "by 'Precompiled'"),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "Strip"}] * 99}}, "too many"),
        ({"normalizer": {"type": []}}, "not known here"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "A*"}, "behavior": "Isolated"}},
         "looks for"),
        ({"pre_tokenizer": {"type": "Split", "pattern": {"String": "-"}, "behavior": 3}},
         "behavior is 3"),
        ({"post_processor": template("x", "$", x=[99])}, "outside the vocabulary"),
        ({"post_processor": template("x", "$", x=[1] * 10_000)}, "more than 8 special tokens"),
        ({"post_processor": template("$", "$")}, "not one sequence"),
        ({"post_processor": template("gone", "$")}, "stands for a part"),
        ({"post_processor": {"type": "BertProcessing", "sep": "x", "cls": None}}, "special tokens"),
    ],
    ids=str,
)  # fmt: skip
def test_byte_pairs_that_are_random_endless_or_of_no_use(tmp_path, parts, message):
    with pytest.raises(UserError, match=message) as error:
        load_tokenizer(pairs(tmp_path, **parts))
    assert "tokenizer.json" in str(error.value)


def test_special_names_are_text(tmp_path):
    (pairs(tmp_path) / "special_tokens_map.json").write_text('{"pad_token": [1]}')
    with pytest.raises(UserError, match="pad_token is"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_of_long_kmers_or_with_one_twice(tmp_path):
    lines = [*KmerTokenizer(1).vocabulary[:5], "A" * 11 + "C"]
    (tmp_path / "vocab.txt").write_text("\n".join(lines))
    assert load_tokenizer(tmp_path).kmer_ids[1] == 5
    (tmp_path / "vocab.txt").write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(UserError, match="twice"):
        load_tokenizer(tmp_path)
