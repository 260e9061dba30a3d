"""Regions of any length: token and window pooling through both stages, with overlap and bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import random_sequence, toy_model

from seformer.model.folder import ATTENTION_PREFIX, load_model
from seformer.regions.extract import extract
from seformer.scoring.score import Ensemble
from seformer.scoring.views import both_strands
from seformer.sequence.windows import tile
from seformer.splits.split import split
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.training.minibatches import micro_batches
from seformer.training.token_store import build_token_store

POOLINGS = ("mean", "lse", "attention")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 regions on six chromosomes, each several windows of 16 tokens long."""
    folder = tmp_path_factory.mktemp("data")
    beds = {1: [], 0: []}
    with open(folder / "genome.fa", "w") as fasta:
        for chromosome in range(1, 7):
            fasta.write(f">chr{chromosome}\n{random_sequence(6_000, seed=chromosome)}\n")
            for i in range(10):
                beds[i % 2].append(f"chr{chromosome}\t{600 * i}\t{600 * i + 300 + 20 * i}\n")
    for label, name in ((1, "se"), (0, "te")):
        (folder / f"{name}.bed").write_text("".join(beds[label]))
    extract(
        folder / "genome.fa",
        folder / "extracted",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
    )
    split([folder / "extracted"], folder / "splits")
    return [folder / "extracted"], [folder / "splits" / "sample" / "splits.tsv"]


def head(data, out, **options):
    finetune_head(*data, "tiny", out, window=16, overlap=4, device="cpu", **options)
    return load_file(out / "model.safetensors")


@pytest.mark.parametrize("token_pooling", ["mean", "cls"])
@pytest.mark.parametrize("window_pooling", POOLINGS)
def test_every_pooling_trains_in_both_stages(data, tmp_path, token_pooling, window_pooling):
    pooling = {"token_pooling": token_pooling, "window_pooling": window_pooling}
    first = head(data, tmp_path / "head", epochs=2, **pooling)
    finetune_full(tmp_path / "head", *data, tmp_path / "full", epochs=1, max_windows=2,
                  device="cpu")  # fmt: skip
    second = load_file(tmp_path / "full" / "model.safetensors")
    trained = {key for key in first if not torch.equal(first[key], second[key])}
    assert trained == first.keys()
    assert any(key.startswith(ATTENTION_PREFIX) for key in first) == (window_pooling == "attention")
    model = load_model(tmp_path / "full")
    assert model.settings.window_pooling == window_pooling
    long = Ensemble(model).score([random_sequence(3_000, 1)])
    assert long.windows[0] > 40 and long.coverage[0] == 1 and np.isfinite(long.logit[0])


def test_window_attention_is_trained_on_the_cached_features(data, tmp_path):
    still = head(data, tmp_path / "a", epochs=1, learning_rate=1e-30, window_pooling="attention")
    moved = head(data, tmp_path / "b", epochs=3, window_pooling="attention",
                 cache=tmp_path / "cache")  # fmt: skip
    again = head(data, tmp_path / "c", epochs=3, window_pooling="attention",
                 cache=tmp_path / "cache")  # fmt: skip
    keys = {key for key in still if key.startswith(ATTENTION_PREFIX)}
    assert len(keys) == 6
    for key in keys - {f"{ATTENTION_PREFIX}score.bias"}:  # a softmax does not feel a shift
        assert not torch.equal(still[key], moved[key]), key
    assert all(torch.equal(moved[key], again[key]) for key in moved)


@pytest.mark.parametrize("max_windows", [1, 3, 100])
def test_stage_2_sees_a_bounded_random_choice_of_windows(tmp_path, max_windows):
    """Whatever a region's length; over the steps all of its windows take part."""
    model = toy_model(window=12, overlap=2)
    sequences = [random_sequence(length, length) for length in (20, 90, 3_000)]
    store = build_token_store(iter(sequences), model.tokenizer, tmp_path / "tokens")
    regions = np.arange(3)
    seen = set()
    for step in range(30):
        rng = np.random.default_rng(step)
        counts = np.zeros(3, dtype=int)
        for part in micro_batches(regions, store, model, max_windows, 64, rng):
            owner = part.rows[part.region.numpy()]
            counts += np.bincount(owner, minlength=3)
            assert part.tokens.max() <= 12
            for row, window in zip(owner, part.batch.input_ids, strict=True):
                if row == 2:
                    seen.add(tuple(window.tolist()))
        assert counts.max() <= max_windows and counts.min() == 1
        if max_windows == 100:
            assert counts[2] == 100
    assert len(seen) > min(30, 25 * max_windows)


@pytest.mark.parametrize("overlap", [0, 2, 5])
def test_overlapping_windows_by_hand(overlap):
    """Mean pooling of a backbone without context: each token counts once a window it is in."""
    model = toy_model(window=12, overlap=overlap)
    sequence = random_sequence(150, seed=4)
    margins = []
    for strand in both_strands([sequence]):
        ids = torch.from_numpy(model.tokenizer.encode([strand]).input_ids.astype(np.int64))
        windows = tile(np.array([len(ids)]), 10, overlap)
        counts = np.zeros(len(ids))
        for start, stop in zip(windows.start, windows.stop, strict=True):
            counts[start:stop] += 1
        assert counts.min() == 1 and (overlap == 0) == (counts.max() == 1)
        weight = torch.from_numpy(counts / counts.sum()).float()
        feature = (model.classifier.backbone.embedding(ids) * weight[:, None]).sum(0)
        logits = model.classifier.head(feature[None])[0].detach()
        margins.append(float(logits[1] - logits[0]))
    assert Ensemble(model).score([sequence]).logit[0] == pytest.approx(np.mean(margins), abs=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_window_is_the_head_alone_whatever_the_pooling(pooling):
    sequence = random_sequence(60, seed=2)
    mean = Ensemble(toy_model(window=100)).score([sequence]).logit
    one = toy_model(window=100, window_pooling=pooling)
    np.testing.assert_allclose(Ensemble(one).score([sequence]).logit, mean, atol=1e-6)
    # windows that are all alike pool to what one of them gives
    repeated = "ACG" * 40
    models = (toy_model(window=w, window_pooling=pooling) for w in (12, 200))
    few, many = (Ensemble(model).score([repeated]).logit for model in models)
    np.testing.assert_allclose(few, many, atol=1e-5)
