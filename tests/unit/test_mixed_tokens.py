"""k-mers and single bases mixed: the published tokenizer's ids, phases, references, edits."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.explain.attribute import attribute
from seformer.explain.base_shares import Shares, shapley_values
from seformer.explain.references import make_references
from seformer.explain.settings import AttributionSettings
from seformer.scoring.score import Ensemble, Scorer
from seformer.scoring.views import Edit, both_strands, coverage
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import (
    BpeTokenizer,
    KmerTokenizer,
    MixedTokenizer,
    load_tokenizer,
    mixed_vocabulary,
)
from seformer.util.errors import UserError

SPECIAL = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]


def tokens(tokenizer, sequence, phase=0):
    encoding = tokenizer.encode([sequence], phase)
    return [tokenizer.vocabulary[number] for number in encoding.input_ids]


def published_ids(tokenizer, text: str) -> list[int]:
    """What the published tokenizer makes of any text, its special tokens put round it.

    Unlike `encode` this keeps lower case, which is unknown to it, and reads special tokens that
    are written out.
    """
    special = [token for token in tokenizer.vocabulary if token and token[0] in "<["]
    ids = list(tokenizer.wrap[0])
    for piece in re.split(f"({'|'.join(map(re.escape, special))})", text):
        if piece in special:
            ids.append(tokenizer.vocabulary.index(piece))
        else:
            letters = np.frombuffer(piece.encode("ascii", "replace"), np.uint8)
            ids += tokenizer._encode(letters, np.array([len(letters)]), 0).input_ids.tolist()
    return [*ids, *tokenizer.wrap[1]]


def with_gaps(length: int, seed: int = 0) -> str:
    gaps = np.random.default_rng(seed).random(length) < 0.05
    pairs = zip(random_sequence(length, seed), gaps, strict=True)
    return "".join("N" if gap else base for base, gap in pairs)


@pytest.mark.real
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_ids_are_the_published_tokenizers(real_data, version):
    folder = real_data / "reference_models"
    tokenizer = load_tokenizer(folder / f"nt_{version}")
    cases = json.loads((folder / "tokenizer_cases.json").read_text())["cases"]
    assert len(cases) > 40
    for case in cases:
        assert published_ids(tokenizer, case["sequence"]) == case[f"ids_{version}"], case["note"]
        if not set(case["sequence"]) - set("ACGTN"):
            content = tokenizer.encode([case["sequence"]]).input_ids.tolist()
            assert [*tokenizer.wrap[0], *content] == case[f"ids_{version}"], case["note"]
    # v1's <eos> and <bos> lie outside its embedding
    assert tokenizer.vocab_size == {"v1": 4105, "v2": 4107}[version]


@pytest.mark.real
def test_the_vocabulary_of_version_2_is_the_published(real_data):
    published = (real_data / "reference_models" / "nt_v2" / "vocab.txt").read_text().split("\n")
    assert published[: len(mixed_vocabulary(6))] == mixed_vocabulary(6)


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [
        ("ACGTACG", ["ACGTAC", "G"]),
        ("ACGNACGTACGT", [*"ACGN", "ACGTAC", *"GT"]),
        ("NNACGTACN", [*"NN", "ACGTAC", "N"]),
        ("ACGTACRYACGTAC", ["ACGTAC", "<unk>", "ACGTAC"]),
        ("acgtacn", ["ACGTAC", "N"]),
        ("ACGTA", [*"ACGTA"]),
        ("", []),
    ],
)
def test_tokens_from_the_left(sequence, expected):
    assert tokens(MixedTokenizer(mixed_vocabulary(6)), sequence) == expected


@pytest.mark.parametrize("phase", range(6))
def test_a_phase_shifts_the_frame_and_every_base_is_in_one_token(phase):
    tokenizer = MixedTokenizer(mixed_vocabulary(6))
    sequences = [with_gaps(length, length) for length in (0, 1, 4, 5, 6, 7, 11, 12, 13, 300)]
    encoding = tokenizer.encode(sequences, phase)
    for row, sequence in enumerate(sequences):
        part = slice(*encoding.splits[row : row + 2])
        ids, starts, ends = (column[part] for column in encoding[:3])
        pieces = [sequence[a:b] for a, b in zip(starts, ends, strict=True)]
        assert "".join(pieces) == sequence
        assert pieces == [tokenizer.vocabulary[number] for number in ids]
        cut = tokenizer.encode([sequence[phase:]])
        assert pieces[: min(phase, len(sequence))] == list(sequence[:phase])
        np.testing.assert_array_equal(ids[min(phase, len(sequence)) :], cut.input_ids)
    with pytest.raises(ValueError):
        tokenizer.encode(sequences, 6)


def test_rna_and_protein_are_refused():
    tokenizer = MixedTokenizer(mixed_vocabulary(6))
    for sequence in ("ACGUACGUACGU", "MKVLAAGIVG", "ACGTAC<mask>ACGTAC"):
        with pytest.raises(UserError, match="does not know"):
            tokenizer.encode([sequence])


def test_windows_have_the_class_token_in_front_alone():
    tokenizer = MixedTokenizer(mixed_vocabulary(6))
    assert tokenizer.wrap == ((3,), ())
    ids = published_ids(tokenizer, "ACGTAC<mask>A")
    assert [tokenizer.vocabulary[number] for number in ids] == ["<cls>", "ACGTAC", "<mask>", "A"]


def test_n_and_unknown_count_as_not_seen():
    tokenizer = MixedTokenizer(mixed_vocabulary(3))
    sequences = ["ACGTACGTAC", "ACGTNNNNNN", "NNNNNNNNNN", "ACGRACGACG"]
    seen = coverage(tokenizer.encode(sequences), np.full(4, 10), tokenizer)
    np.testing.assert_allclose(seen, [1, 0.4, 0, 0.9])


# ------------------------------------------------------------------------- in a model's folder


@pytest.mark.parametrize("k", [1, 3, 6])
def test_saved_and_read_again_it_is_the_same(tmp_path, k):
    tokenizer = MixedTokenizer(mixed_vocabulary(k) if k > 1 else [*SPECIAL, *"ACGT"])
    tokenizer.save(tmp_path)
    again = load_tokenizer(tmp_path, complete=True)
    assert isinstance(again, MixedTokenizer) and again.identity == tokenizer.identity
    assert (again.k, again.phases, again.wrap) == (k, k, tokenizer.wrap)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("vocabulary", [mixed_vocabulary(3), [*SPECIAL, *"ACGTN"]])
def test_transformers_reads_what_was_saved(tmp_path, vocabulary):
    from transformers import EsmTokenizer

    tokenizer = MixedTokenizer(vocabulary)
    tokenizer.save(tmp_path)
    stock = EsmTokenizer.from_pretrained(tmp_path)
    for sequence in ("ACGTACGTN", with_gaps(100), "ACNNN"):
        assert stock(sequence)["input_ids"] == published_ids(tokenizer, sequence)


def test_one_token_a_base_by_the_same_class(tmp_path):
    """With N in the vocabulary; without it the preset bases has its own way, see KmerTokenizer."""
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, *"ATCGN"]))
    tokenizer = load_tokenizer(tmp_path)
    assert isinstance(tokenizer, MixedTokenizer) and tokenizer.phases == 1
    assert tokens(tokenizer, "ACGNNT") == [*"ACGNNT"]
    assert tokenizer.wrap == ((1,), (2,)) and tokenizer.blank_ids == (0, 9)
    # each letter is a token, so that bases keep their places
    assert tokens(tokenizer, "ACRYT") == ["A", "C", "[UNK]", "[UNK]", "T"]


def test_a_tokenizer_json_counts_more_than_another_vocab_txt(tmp_path):
    """MutBERT's two files number the tokens differently; transformers reads tokenizer.json."""
    (tmp_path / "vocab.txt").write_text("\n".join([*KmerTokenizer(1).vocabulary[:5], *"ATCG"]))
    published = {
        "added_tokens": [{"id": i, "content": t, "special": True} for i, t in enumerate(SPECIAL)],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "model": {
            "type": "BPE",
            "unk_token": "[UNK]",
            "vocab": {token: i for i, token in enumerate([*SPECIAL, *"ACGT"])},
            "merges": [],
        },
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(published))
    tokenizer = load_tokenizer(tmp_path)
    assert isinstance(tokenizer, MixedTokenizer)
    assert published_ids(tokenizer, "[MASK]A") == [1, 4, 5, 2]
    assert tokenizer.encode(["ACGTN"]).input_ids.tolist() == [5, 6, 7, 8, 0]
    # what puts other tokens round a window stays with the file's own rules
    (tmp_path / "tokenizer.json").write_text(json.dumps(published | {"post_processor": None}))
    assert isinstance(load_tokenizer(tmp_path), BpeTokenizer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: [t for t in v if t != "ACG"], "63 of 3 bases"),
        (lambda v: [t for t in v if t != "T"], "3 of 1 base,"),
        (lambda v: [*v, "ACGT"], "1 of 4 bases"),
        (lambda v: [*v, "A" * 200], "1 of 200 bases"),
        (lambda v: [*v, "ACG"], "'ACG' twice"),
        (lambda v: [t for t in v if t != "<cls>"], "lacks special tokens"),
    ],
)
def test_a_vocabulary_that_is_not_whole(tmp_path, change, message):
    (tmp_path / "vocab.txt").write_text("\n".join(change(mixed_vocabulary(3))))
    with pytest.raises(UserError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("end", [3, "<nowhere>"])
def test_an_end_token_that_is_none(tmp_path, end):
    MixedTokenizer(mixed_vocabulary(3)).save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": end}))
    with pytest.raises(UserError, match=str(end)):
        load_tokenizer(tmp_path)


# ------------------------------------------------------------------ scoring and attribution


@pytest.mark.parametrize(
    "edit",
    [
        Edit(40, 41, "A"),
        Edit(8, 9, "N"),
        Edit(3, 5, "GT"),
        Edit(3, 5, ""),
        Edit(3, 3, "ACGTA"),
    ],
)
def test_an_edit_that_moves_the_frame(edit):
    """A base in place of N, or N in place of a base, and all after it are other tokens."""
    tokenizer = MixedTokenizer(mixed_vocabulary(3))
    model = toy_model(tokenizer=tokenizer, phases=3, mixing=True, curved=True)
    sequence = random_sequence(40) + "N" + random_sequence(31, 1)
    _, edited = Ensemble(model).edits(sequence, [edit])
    expected = Ensemble(model).score([edit.apply(sequence)]).logit[0]
    assert edited[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("reference", ["dinucleotide", "mask", "pad", "zero"])
def test_references_keep_the_tokens_kinds_and_n(reference):
    """A base is compared with a base and a k-mer with a k-mer, in every phase."""
    tokenizer = MixedTokenizer(mixed_vocabulary(3))
    model = toy_model(tokenizer=tokenizer, phases=3)
    sequences = [random_sequence(40) + "NN" + random_sequence(31, 1), random_sequence(20, 2)]
    encoding = Scorer(model).encode(sequences)
    references = make_references(
        tokenizer, encoding, sequences, ["a", "b"], reference=reference, number=2, seed=1
    )
    spans = encoding.ends - encoding.starts
    for ids in references.ids:
        kept = np.isin(encoding.input_ids, tokenizer.blank_ids)
        np.testing.assert_array_equal(ids[kept], encoding.input_ids[kept])
        if reference == "dinucleotide":
            widths = np.array([len(tokenizer.vocabulary[number]) for number in ids])
            np.testing.assert_array_equal(widths, spans)
    for shuffles, ids in zip(references.shuffles or [], references.ids, strict=False):
        # the tokens are those of the shuffled strand itself, in the view's phase
        for row, (first, stop) in enumerate(pairwise(encoding.splits)):
            view = row % model.views
            strand = shuffles[row]
            strand = strand if view < model.views // 2 else reverse_complement(strand)
            again = tokenizer.encode([strand], model.phases[view % len(model.phases)])
            np.testing.assert_array_equal(ids[first:stop], again.input_ids)


@pytest.mark.parametrize("phases", [1, 3])
@pytest.mark.parametrize("reference", ["dinucleotide", "mask"])
def test_attributions_are_complete_and_mirrored(phases, reference):
    model = toy_model(
        tokenizer=MixedTokenizer(mixed_vocabulary(3)), phases=phases, mixing=True, curved=True
    )
    sequence = random_sequence(50) + "N" + random_sequence(30, 1)
    how = AttributionSettings(references=2, reference=reference)
    result = attribute(model, [sequence], ["k"], how)[0]
    assert "incomplete" not in result.flags and result.completeness_error < 0.05
    total = result.values.sum() + result.special
    difference = result.logit - result.reference_logit
    assert abs(total - difference) <= 0.05 * max(abs(difference), 0.01) + 1e-6
    if reference == "mask":
        other = attribute(model, [reverse_complement(sequence)], ["k"], how)[0]
        np.testing.assert_allclose(other.values[::-1], result.values, atol=1e-6)


def test_shares_of_kmers_are_exact_and_a_base_has_its_own():
    tokenizer = MixedTokenizer(mixed_vocabulary(2))
    embedding = torch.randn(
        len(tokenizer.vocabulary), 3, generator=torch.Generator().manual_seed(1)
    )
    shares = Shares(tokenizer, embedding)
    values = shapley_values(embedding[tokenizer.kmer_ids.astype(np.int64)].view(4, 4, 3))
    for first, second in np.ndindex(4, 4):
        number = tokenizer.vocabulary.index("ACGT"[first] + "ACGT"[second])
        torch.testing.assert_close(shares.table[number], values[:, first, second])
    singles = [tokenizer.vocabulary.index(base) for base in "ACGTN"]
    assert shares.table[singles].abs().sum() == 0


def test_a_model_that_reads_one_base_of_its_kmers_is_seen_through():
    """It counts the 3-mers whose middle base is G, and single Gs."""
    tokenizer = MixedTokenizer(mixed_vocabulary(3))
    model = toy_model(tokenizer=tokenizer, width=1, phases=3)
    with torch.no_grad():
        model.classifier.head.weight.fill_(1)
        weight = model.classifier.backbone.embedding.weight.zero_()
        for number, token in enumerate(tokenizer.vocabulary[6:], 6):
            weight[number] = float(token[len(token) // 2] == "G")
    sequence = random_sequence(60)
    how = AttributionSettings(references=1, reference="zero")
    result = attribute(model, [sequence], ["k"], how)[0]
    expected = np.zeros(60)
    for view, strand in enumerate(both_strands([sequence])):
        for phase in range(3):
            encoding = tokenizer.encode([strand], phase)
            bases, number = np.zeros(60), len(encoding.input_ids)
            for a, b in zip(encoding.starts, encoding.ends, strict=True):
                hit = float(strand[(a + b) // 2] == "G")
                # what a token has beside the mean of all 3-mers, a quarter, is the middle base's
                own = np.zeros(b - a)
                own[(b - a) // 2] = hit - 0.25 if b - a == 3 else hit
                own += 0.25 / 3 if b - a == 3 else 0
                bases[a:b] += own / number
            expected += (bases[::-1] if view else bases) / 6
    np.testing.assert_allclose(result.values, expected, atol=1e-6)
