"""Numbers at the edge: no number, one of something, all the same, nothing but N."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pandas as pd
import pytest
from bad_case import row
from corpus import run, sound_inputs
from toys import random_sequence, toy_model

from seformer.evaluation import metrics
from seformer.model.calibration import CALIBRATIONS, calibrate, choose_threshold, fit_calibration
from seformer.scoring.score import Ensemble
from seformer.splits.dataset import open_dataset
from seformer.training import full as full_module
from seformer.training.full import finetune_full
from seformer.util import verified_tensors
from seformer.util.errors import UserError

SCORED = ["logit", "probability"]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return sound_inputs(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_keeps_the_best_epoch(good, tmp_path, monkeypatch, caplog, bad):
    """It stops with the step and the likely cause; the checkpoint holds the best weights."""
    real = full_module.weighted_loss
    calls = {"number": 0}

    def breaks(*arguments):
        calls["number"] += 1
        loss = real(*arguments)
        return loss * bad if calls["number"] > 12 else loss

    monkeypatch.setattr(full_module, "weighted_loss", breaks)
    caplog.set_level(logging.WARNING, "seformer")
    data = [good / "cell"], [good / "splits.tsv"]
    options = dict(epochs=6, batch_size=8, device="cpu", checkpoints=tmp_path / "checkpoints")
    with pytest.raises(UserError, match=r"stage 2, epoch \d, step \d+.*learning rate") as stopped:
        finetune_full(good / "model", *data, tmp_path / "out", **options)
    assert "became" in str(stopped.value)
    assert "the best epoch so far" in caplog.text
    assert not (tmp_path / "out").exists()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    best = {
        k: v for k, v in verified_tensors.load(folder, "stage2").tensors.items() if k[:5] == "best."
    }
    assert best and all(value.isfinite().all() for value in best.values())


def test_a_part_of_one_class_is_refused_before_training(good, tmp_path):
    splits = pd.read_csv(good / "splits.tsv", sep="\t", keep_default_na=False)
    splits.loc[(splits["split"] == "validation") & (splits["label"] == 1), "split"] = "train"
    splits.to_csv(tmp_path / "splits.tsv", sep="\t", index=False)
    with pytest.raises(UserError, match=r"validation part has 0 super-enhancers and \d+ typical"):
        open_dataset([good / "cell"], [tmp_path / "splits.tsv"])


def test_scores_that_are_all_the_same_are_chance():
    labels = np.array([0, 1] * 20)
    same = np.full(40, 0.3)
    assert metrics.auroc(labels, same) == 0.5
    threshold = choose_threshold(labels, np.full(40, 0.5))
    assert (threshold.value, threshold.met) == (0.5, False)
    for method in CALIBRATIONS:
        probability = calibrate(fit_calibration(labels=labels, logits=same, method=method), same)
        assert np.isfinite(probability).all() and len(set(probability)) == 1


def bases(text: str, good, tmp_path, rows: list[tuple], model=None) -> pd.DataFrame:
    """Predictions of regions on one contig of its own."""
    (tmp_path / "g.fa").write_text(f">c\n{text}\n")
    (tmp_path / "r.bed").write_text("".join(row("c", *cells) for cells in rows))
    arguments = ["--fasta", tmp_path / "g.fa", "--regions", tmp_path / "r.bed", "--device", "cpu"]
    out = tmp_path / "out"
    assert run(["predict", "--model", model or good / "model", *arguments, "--out", out]) == 0
    assert not list(out.glob("*.partial"))
    json.loads((out / "summary.json").read_text())
    return pd.read_csv(out / "predictions.tsv", sep="\t", keep_default_na=False)


def test_short_regions_say_why_they_have_no_score(good, tmp_path):
    """One base: `too_short`; ten bases, the least: a score and the flag `short`."""
    table = bases(random_sequence(400), good, tmp_path, [(0, 1), (0, 9), (0, 10), (5, 305)])
    assert table["flags"].tolist()[:2] == ["too_short", "too_short"]
    assert "short" in table["flags"][2]
    assert (table[SCORED].iloc[:2] == "").all(axis=None)
    assert np.isfinite(table[SCORED].iloc[2:].astype(float)).all(axis=None)


def test_a_single_region_is_a_file(good, tmp_path):
    table = bases(random_sequence(400), good, tmp_path, [(0, 400)])
    assert len(table) == 1 and math.isfinite(float(table["logit"][0]))


def test_a_region_of_a_megabase_is_seen_whole():
    found = Ensemble(toy_model(window=20)).score([random_sequence(1_000_000)])
    assert found.coverage[0] == 1.0 and math.isfinite(found.logit[0])
    assert found.windows[0] > 10_000


def test_nothing_but_n_has_no_score_and_windows_of_n_do_no_harm(good, tmp_path):
    text = "N" * 2_000 + random_sequence(1_000) + "N" * 2_000
    table = bases(text, good, tmp_path, [(0, 2_000), (0, 5_000), (1_900, 3_100)])
    assert table["flags"][0] == "all_n" and table["logit"][0] == ""
    assert "n_rich" in table["flags"][1]
    assert np.isfinite(table["logit"][1:].astype(float)).all()
    assert 0 < float(table["coverage"][1]) < 0.3


def test_soft_masking_changes_nothing(good, tmp_path):
    """A genome in small letters from end to end gives the same scores, bit by bit."""
    text = random_sequence(3_000)
    plain = bases(text, good, tmp_path, [(0, 3_000), (7, 500)])
    masked = bases(text.lower(), good, tmp_path, [(0, 3_000), (7, 500)])
    pd.testing.assert_frame_equal(plain, masked)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_scores_are_finite_whatever_the_length(pooling):
    model = toy_model(window_pooling=pooling, window=20)
    lengths = [1, 2, 3, 4, 58, 59, 60, 61, 1_000]
    found = Ensemble(model).score([random_sequence(n, seed=n) for n in lengths])
    assert np.isfinite(found.logit).all()


def test_the_same_again_bit_by_bit(good, tmp_path):
    """On repeat, whatever the shards, and with another number of threads to 1e-6."""
    regions = ["--fasta", good / "genome.fa", "--regions", good / "all.bed", "--unlabelled"]
    predict = ["predict", "--model", good / "model", "--device", "cpu"]
    found = {}
    for shard_bases in (5_000, 7_777):
        cut = tmp_path / f"cut{shard_bases}"
        assert run(["extract", *regions, "--shard-bases", shard_bases, "--out", cut]) == 0
        outs = []
        for shard in sorted(cut.glob("shard_*")):
            outs.append(tmp_path / "scores" / str(shard_bases) / shard.name)
            assert run([*predict, "--extracted", shard, "--out", outs[-1]]) == 0
        merged = tmp_path / f"merged{shard_bases}"
        assert (
            run(["merge-predictions", *outs, "--regions", good / "all.bed", "--out", merged]) == 0
        )
        found[shard_bases] = pd.read_csv(merged / "predictions.tsv", sep="\t")
    whole = ["--fasta", good / "genome.fa", "--regions", good / "all.bed"]
    for name, threads in (("a", 1), ("b", 1), ("c", 2)):
        out = tmp_path / name
        assert run([*predict, *whole, "--threads", threads, "--out", out]) == 0
        found[name] = pd.read_csv(out / "predictions.tsv", sep="\t")
    pd.testing.assert_frame_equal(found["a"], found["b"], check_exact=True)
    for other in found.values():
        np.testing.assert_allclose(other["logit"], found["a"]["logit"], atol=1e-6, rtol=0)
        assert other["flags"].equals(found["a"]["flags"])
