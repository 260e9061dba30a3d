"""A score is a property of its sequence: not of the batch, the order, or the strand given."""

import os
import threading
import time

import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.model.backbones import Origin, build_backbone, new_backbone
from seformer.model.folder import load_model, new_model, save_model
from seformer.scoring.score import Ensemble, Scorer
from seformer.scoring.views import both_strands, chunks, coverage
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import KmerTokenizer
from seformer.util.devices import FEW_ACTIVATIONS, seed_step, side_by_side, threads_worth
from seformer.util.threads import use_threads


@pytest.fixture(scope="module")
def tiny():
    backbone, tokenizer, origin = build_backbone("tiny", seed=3)
    torch.manual_seed(3)
    device = torch.device("cpu")
    model = new_model(backbone, tokenizer, origin, device=device, window=64)
    with torch.no_grad():
        for parameter in model.classifier.parameters():
            parameter.mul_(3)
    return model


SEQUENCES = [random_sequence(n, seed=n) for n in (40, 1000, 333, 90, 2500, 7, 1000)]


def test_scores_do_not_depend_on_batch_order_or_neighbours(tiny):
    together = Ensemble(tiny).score(SEQUENCES).logit
    alone = np.array([Ensemble(tiny).score([s]).logit[0] for s in SEQUENCES])
    small = Ensemble(tiny, batch_tokens=64).score(SEQUENCES).logit
    turned = Ensemble(tiny).score(SEQUENCES[::-1]).logit[::-1]
    for other in (alone, small, turned):
        assert np.abs(together - other).max() < 1e-5
    assert np.ptp(together) > 0.01


def test_scoring_again_gives_the_same_bits(tiny):
    assert (Ensemble(tiny).score(SEQUENCES).logit == Ensemble(tiny).score(SEQUENCES).logit).all()


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("allotted, given, used", [("3", 0, 3), ("3,1", 0, 3), ("3", 2, 2)])
def test_threads_are_those_allotted(three_threads, monkeypatch, allotted, given, used):
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", allotted)
    use_threads(given)
    assert torch.get_num_threads() == used


@pytest.mark.parametrize("allotted", ["", "0", "many"])
def test_threads_are_the_processors_where_nothing_is_allotted(three_threads, monkeypatch, allotted):
    monkeypatch.setenv("OMP_NUM_THREADS", allotted)
    use_threads(0)
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))


def test_a_step_draws_what_torch_would_and_notes_nothing(monkeypatch):
    """For devices that are not in use torch keeps every seed that it is given."""
    torch.manual_seed(2**62 + 7)
    expected = torch.rand(5)
    monkeypatch.setattr(torch.cuda, "_queued_calls", noted := [])
    seed_step(2**62 + 7, torch.device("cpu"))
    assert torch.equal(torch.rand(5), expected) and not noted


@pytest.mark.parametrize(("activations", "expected"), [(1, 1), (FEW_ACTIVATIONS + 1, 3)])
def test_few_activations_have_one_thread(three_threads, activations, expected):
    with threads_worth(activations):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


def test_batches_side_by_side_change_nothing(tiny, three_threads, monkeypatch):
    together = Ensemble(tiny).score(SEQUENCES).logit
    monkeypatch.setattr("seformer.sequence.batches.CPU_BATCH_TOKENS", 100)
    for _ in range(3):
        assert np.abs(Ensemble(tiny).score(SEQUENCES).logit - together).max() < 1e-5
    assert torch.get_num_threads() == 3


def test_an_error_of_one_worker_ends_the_work(three_threads):
    done = []

    def work(item: int) -> None:
        done.append((item, torch.get_num_threads()))
        if item == 2:
            raise ValueError("no room")
        time.sleep(0.001)  # ten seconds in all, far longer than the error takes to be seen

    with pytest.raises(ValueError, match="no room"):
        side_by_side(work, range(20_000), [1] * 20_000, 2, 1)
    assert len(done) < 20_000 and {threads for _, threads in done} == {1}
    assert torch.get_num_threads() == 3


def test_batches_that_are_too_large_are_computed_alone(three_threads):
    seen, sizes = [], [3, 1, 4, 1, 1]

    def work(size: int) -> None:
        seen.append((size, torch.get_num_threads(), threading.current_thread().name))

    side_by_side(work, sizes, sizes, 6, 2)
    main = threading.current_thread().name
    assert seen[:2] == [(3, 3, main), (4, 3, main)]
    assert all(threads == 1 and name != main for _, threads, name in seen[2:]) and len(seen) == 5


def test_both_strands_count_alike(tiny):
    forward = Ensemble(tiny).score(SEQUENCES).logit
    reverse = Ensemble(tiny).score([reverse_complement(s) for s in SEQUENCES]).logit
    assert np.abs(forward - reverse).max() < 1e-5


def test_training_mode_is_left_as_it_was(tiny):
    tiny.classifier.train()
    first = Ensemble(tiny).score(SEQUENCES).logit
    assert tiny.classifier.training
    tiny.classifier.eval()
    assert (Ensemble(tiny).score(SEQUENCES).logit == first).all()


def test_one_window_or_many_agree_for_a_backbone_without_context():
    sequence = random_sequence(3 * 1001, seed=1)
    whole = Ensemble(toy_model()).score([sequence]).logit[0]
    for window in (9, 64, 500):
        assert Ensemble(toy_model(window=window)).score([sequence]).logit[0] == pytest.approx(
            whole, abs=1e-5
        )


def test_a_score_is_the_mean_over_strands_and_phases():
    tokenizer = KmerTokenizer(6, 6)
    model = toy_model(tokenizer=tokenizer, mixing=True, curved=True, window=20, phases=3)
    assert model.phases == [0, 2, 4] and model.views == 6
    sequences = [random_sequence(n, seed=n) for n in (500, 8, 61)]
    margins = []
    for sequence in sequences:
        strands = both_strands([sequence])
        encodings = [tokenizer.encode(strands, phase=phase) for phase in (0, 2, 4)]
        margins.append([Scorer(model).view_margins(e)[0] for e in encodings])
    scores = Ensemble(model).score(sequences)
    np.testing.assert_allclose(scores.logit, np.mean(margins, axis=(1, 2)), atol=1e-6)
    assert (scores.coverage == 1).all()
    assert np.ptp(margins[0]) > 0.01
    alone = Ensemble(model.in_one_phase()).score(sequences).logit
    np.testing.assert_allclose(alone, np.mean(margins, axis=2)[:, 0], atol=1e-6)


def test_the_preset_reads_each_strand_once(tiny):
    assert tiny.views == 2
    turned = [reverse_complement(sequence) for sequence in SEQUENCES]
    scores, others = (Ensemble(tiny).score(s).logit for s in (SEQUENCES, turned))
    np.testing.assert_allclose(scores, others, atol=1e-5)
    # a shift of all its k-mers by less than a position changes little
    longer = "ACG" + SEQUENCES[4]
    alike = Ensemble(tiny).score([SEQUENCES[4], longer, SEQUENCES[1]]).logit
    assert abs(alike[0] - alike[1]) < 0.2 * abs(alike[0] - alike[2])


# the preset tiny of version 1.0, but for its sizes
SIX_PHASES = {
    "model_type": "seformer_kmer",
    "k": 6,
    "stride": 6,
    "vocab_size": 4101,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0.0,
    "embedding_dropout_prob": 0.1,
    "initializer_range": 0.3,
    "rotary_base": 10000.0,
    "pad_token_id": 0,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def test_a_folder_of_version_1_0_scores_as_it_did(tmp_path):
    """The figures are those of its code: weights drawn from the same seed, saved, read again."""
    backbone, tokenizer = new_backbone(SIX_PHASES, seed=3), KmerTokenizer(6, 6)
    torch.manual_seed(3)
    origin = Origin("tiny", "preset", None, "kmer")
    device = torch.device("cpu")
    made = new_model(backbone, tokenizer, origin, device=device, window=20, phases=6)
    save_model(made, tmp_path / "model")
    model = load_model(tmp_path / "model")
    assert model.views == 12 and model.classifier.backbone.tokens_a_state == 1
    logits = Ensemble(model).score([random_sequence(n, seed=n) for n in (500, 61, 7)]).logit
    expected = [-0.05579979841907819, -0.019926587740580242, 0.17178648710250854]
    np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_windows_of_the_same_tokens_are_computed_once():
    model = toy_model(window=12)
    sequences = [random_sequence(100, seed=5), random_sequence(60, seed=6)]
    plain = Ensemble(model).score(sequences).logit
    seen = []
    model.classifier.backbone.register_forward_hook(lambda *a: seen.append(len(a[1][0])))
    assert Ensemble(model).score(sequences).logit.tolist() == plain.tolist()
    number = sum(seen)
    seen.clear()
    repeated = Ensemble(model).score([*sequences, sequences[0], sequences[0]]).logit
    assert repeated.tolist() == [*plain, plain[0], plain[0]]
    assert sum(seen) == number


def test_a_long_region_is_scored_by_hand_the_same():
    model = toy_model(window=12)
    sequence = random_sequence(100, seed=5)
    margins = []
    for strand in both_strands([sequence]):
        encoding = model.tokenizer.encode([strand])
        ids = torch.from_numpy(encoding.input_ids.astype(np.int64))
        feature = model.classifier.backbone.embedding(ids).mean(0)
        logits = model.classifier.head(feature[None])[0]
        margins.append((logits[1] - logits[0]).item())
    result = Ensemble(model).score([sequence])
    assert result.logit[0] == pytest.approx(np.mean(margins), abs=1e-5)
    # 34 tokens (the last anchored at the end), at most 10 beside the two special ones
    assert result.windows[0] == 4
    assert result.coverage[0] == 1.0


def test_coverage_counts_bases_in_known_tokens():
    tokenizer = KmerTokenizer(3, 3)
    sequences = ["ACGTACGTA", "ACGNACGTA", "ACGTACGT", "NNNNNNACG", "AC"]
    encoding = tokenizer.encode(sequences)
    lengths = np.array([len(s) for s in sequences])
    # in the third the last token is anchored at the end; in the fourth two of three are unknown
    want = [1.0, 6 / 9, 1.0, 3 / 9, 0.0]
    assert coverage(encoding, lengths, tokenizer).tolist() == pytest.approx(want)


def test_chunks_keep_order_and_bound():
    sequences = ["A" * n for n in (5, 5, 20, 1, 1)]
    groups = list(chunks(iter(sequences), views=1, bases=10))
    assert [[len(s) for s in g] for g in groups] == [[5, 5], [20], [1, 1]]
    # as many bases whatever the views of each
    assert list(chunks(sequences, views=12, bases=120)) == groups


def test_no_sequences_no_scores(tiny):
    assert len(Ensemble(tiny).score([]).logit) == 0


def test_60_kb_are_seen_whole(tiny):
    result = Ensemble(tiny).score_together([random_sequence(60_000, seed=2)])
    assert result.coverage[0] == 1.0
    assert result.windows[0] == -(-59_995 // 62)


@pytest.mark.parametrize("window_pooling", ["mean", "lse", "attention"])
@pytest.mark.parametrize("token_pooling", ["mean", "cls"])
def test_a_saved_model_scores_the_same(tmp_path, window_pooling, token_pooling):
    backbone, tokenizer, origin = build_backbone("tiny", seed=1)
    model = new_model(
        backbone,
        tokenizer,
        origin,
        device=torch.device("cpu"),
        window=64,
        window_pooling=window_pooling,
        token_pooling=token_pooling,
    )
    model.classifier.eval()
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert (Ensemble(again).score(SEQUENCES).logit == Ensemble(model).score(SEQUENCES).logit).all()
    # what lies in the folder is known once it is written
    assert again.settings.contents is not None
    assert again.settings.model_copy(update={"contents": None}) == model.settings


def test_a_saved_model_can_be_read_by_others(tmp_path, tiny):
    save_model(tiny, tmp_path / "model")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()}
    assert set(modes.values()) == {0o666 & ~_umask()}, modes


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
