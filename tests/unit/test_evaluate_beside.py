"""What stands beside the model from outside: tracks, and the random twin of a pre-trained one."""

import json

import numpy as np
import pandas as pd
import pybigtools
import pytest
import torch
from corpus import run as command
from report_inputs import write_json

# a small genome, its regions and an untrained model; two folds of them
from test_evaluate_run import place as place
from test_evaluate_run import two_splits as two_splits

from seformer.evaluation import metrics, verdict
from seformer.evaluation.baselines import fit_baselines, track
from seformer.evaluation.baselines.base import BaselineRegions
from seformer.evaluation.cross_validation import pool_folds
from seformer.evaluation.evaluate import evaluate
from seformer.model.backbones.build import random_backbone
from seformer.model.backbones.presets import PRESETS, preset_tokenizer
from seformer.model.folder import load_model
from seformer.report.page import write_report
from seformer.splits.split import split
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.util.errors import UserError

HELPS = "Does pre-training help?"


def data(place):
    return [place / "K562"], [place / "split" / "K562" / "splits.tsv"]


def run(place, out, model="model", fold=None, **options):
    options = {"resamples": 50, "baseline_names": ["gc", "cpg_density"]} | options
    evaluate(place / model, *(fold or data(place)), out, **options)
    return read(out)


def read(out):
    return json.loads((out / "metrics.json").read_text())


def page(folder, section):
    (path,) = folder.glob(f"*_{section}_mqc.json")
    return json.loads(path.read_text())["data"].replace("\n", " ")


def said(found, topic):
    return next(finding for finding in found["verdict"] if finding["topic"] == topic)


# ------------------------------------------------------------------------- the random twin


@pytest.fixture(scope="module")
def published(place):
    """A backbone as from elsewhere: a folder with weights."""
    config = PRESETS["tiny"]
    random_backbone(config, preset_tokenizer(config), to=place / "published", seed=7)
    head = {"epochs": 0, "window": 64, "seed": 3}
    finetune_head(*data(place), str(place / "published"), place / "pretrained", **head)
    finetune_head(
        *data(place), str(place / "published"), place / "twin", random_weights=True, **head
    )
    return place


def test_a_twin_has_the_network_and_other_weights(published, tmp_path):
    model, twin = (load_model(published / name) for name in ("pretrained", "twin"))
    assert "random_weights" not in model.settings.training
    assert twin.settings.training["random_weights"] is True
    assert model.settings.backbone == twin.settings.backbone
    here, there = (m.classifier.backbone.published_state() for m in (model, twin))
    assert {k: v.shape for k, v in here.items()} == {k: v.shape for k, v in there.items()}
    name = "embeddings.word_embeddings.weight"
    name = name if name in here else max(here, key=lambda key: here[key].numel())
    assert not torch.equal(here[name], there[name])
    # drawn as those of a preset are: by the seed alone
    drawn = random_backbone(PRESETS["tiny"], seed=3).published_state()
    assert all(torch.equal(value, there[key]) for key, value in drawn.items())
    # stage 2 takes it as any other, and keeps what it is
    finetune_full(published / "twin", *data(published), tmp_path, epochs=1, precision="fp32")
    settings = load_model(tmp_path).settings
    assert settings.training["random_weights"] is True and "full" in settings.training


def test_a_preset_has_no_twin(place, tmp_path):
    with pytest.raises(UserError, match="tiny is trained from scratch: its weights are random"):
        finetune_head(*data(place), "tiny", tmp_path / "out", random_weights=True)


@pytest.fixture(scope="module")
def copied(published):
    """The fault: what is said to be the twin is the model itself."""
    run(published, published / "copied", "pretrained", random_twin=[published / "pretrained"])
    return published / "copied"


def test_a_twin_that_equals_the_model_shows_no_worth_of_pretraining(copied, tmp_path):
    found = read(copied)
    assert list(found["test"]["baselines"]) == ["gc", "cpg_density", "random_twin"]
    assert found["test"]["baselines"]["random_twin"] == found["test"]["model"]
    assert found["test"]["over_random_twin"]["auroc"] == {"value": 0, "low": 0, "high": 0}
    assert found["random_twin"] == {"models": 1, "of": 1}
    finding = said(found, HELPS)
    assert finding["level"] == "warning"
    assert finding["text"].endswith("pre-training is not shown to help.")
    assert finding["text"] in (copied / "model" / "README.md").read_text()
    table = pd.read_csv(copied / "test_predictions.tsv", sep="\t")
    np.testing.assert_allclose(table["random_twin_probability"], table["probability"])
    # the page: the sentence, and a row of the table for the difference
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "K562").symlink_to(copied)
    write_report([tmp_path / "results"], tmp_path / "report")
    assert "pre-training is not shown to help" in page(tmp_path / "report", "verdict")
    assert "<b>Δ</b> over random twin" in page(tmp_path / "report", "test_metrics")


@pytest.mark.parametrize(
    "delta, level, start, end",
    [
        ((0.03, 0.01, 0.05), "good", "Yes", "pre-training is worth +0.030"),
        ((0.03, -0.01, 0.05), "warning", "Not shown", "pre-training is not shown to help."),
        ((-0.03, -0.05, -0.01), "bad", "No", "pre-training is not shown to help."),
    ],
)
def test_the_sentence_on_pretraining_follows_the_interval(copied, delta, level, start, end):
    found = read(copied)
    found["test"]["over_random_twin"]["auroc"] = dict(
        zip(("value", "low", "high"), delta, strict=True)
    )
    finding = said({"verdict": [f._asdict() for f in verdict.judge_test(found)]}, HELPS)
    assert finding["level"] == level
    assert finding["text"].startswith(start) and end in finding["text"]
    found["random_twin"] = {"models": 1, "of": 3}
    finding = said({"verdict": [f._asdict() for f in verdict.judge_test(found)]}, HELPS)
    assert finding["text"].endswith(
        "ensemble of 3, its twin of 1: part of the difference may be the ensemble's."
    )


def test_another_model_is_no_twin(published, place, tmp_path, caplog):
    def refused(why, folder, model="pretrained"):
        with pytest.raises(UserError, match=f"not a twin of the model: {why}"):
            run(published, tmp_path / "out", model, random_twin=[folder])

    head = {"epochs": 0, "random_weights": True}
    finetune_head(*data(place), str(place / "published"), tmp_path / "wide", window=32, **head)
    refused("window is 32, of the model 64", tmp_path / "wide")
    random_backbone(
        PRESETS["tiny"],
        preset_tokenizer(PRESETS["tiny"]),
        to=tmp_path / "deep",
        num_hidden_layers=1,
    )
    finetune_head(*data(place), str(tmp_path / "deep"), tmp_path / "other", window=64, **head)
    refused("its network is another", tmp_path / "other")
    split(
        [place / "K562"],
        place / "split_else",
        test_chromosomes=["chr7"],
        validation_chromosomes=["chr8"],
    )
    elsewhere = [place / "K562"], [place / "split_else" / "K562" / "splits.tsv"]
    finetune_head(*elsewhere, str(place / "published"), tmp_path / "moved", window=64, **head)
    refused("it was trained on other regions", tmp_path / "moved")
    assert not (tmp_path / "out").exists()


def test_a_twin_that_is_asked_for_but_cannot_be_is_told(published, tmp_path, caplog):
    found = run(published, tmp_path / "a", baseline_names=["gc", "random_twin"])
    assert list(found["test"]["baselines"]) == ["gc"]
    assert (
        "no random twin stands beside the model: the model was trained from scratch" in caplog.text
    )
    found = run(published, tmp_path / "b", "pretrained", baseline_names=["gc", "random_twin"])
    assert list(found["test"]["baselines"]) == ["gc"]
    assert "give its folder to --random-twin" in caplog.text
    assert not any(finding["topic"] == HELPS for finding in found["verdict"])


# ------------------------------------------------------------------------- tracks


def write_track(path, place, marked, strength=4.0):
    """A signal that is higher on super-enhancers, on the chromosomes ``marked``."""
    rng = np.random.default_rng(1)
    rows = pd.read_csv(place / "K562" / "regions.tsv", sep="\t")
    sizes = {name: 2000 for name in rows["chrom"].unique() if name in marked}
    records = [
        (row.chrom, row.start + 10, row.end - 10, float(rng.normal(row.label * strength)))
        for row in rows.sort_values(["chrom", "start"]).itertuples()
        if row.chrom in sizes
    ]
    pybigtools.open(str(path), "w").write(sizes, iter(records))
    return path


@pytest.fixture(scope="module")
def tracked(place, two_splits):
    """Two folds beside a track that lacks chr8, under names without "chr"."""
    path = write_track(place / "signal.bw", place, [f"chr{i}" for i in range(1, 8)])
    beside = {"baseline_tracks": [f"atac={path}"], "random_twin": [place / "model"]}
    for number, fold in enumerate(two_splits, 1):
        run(place, place / f"beside{number}", fold=fold, **beside)
    pool_folds([place / "beside1", place / "beside2"], place / "beside", resamples=50)
    return place


def test_a_track_is_a_baseline_like_any_other(tracked):
    found = read(tracked / "beside1")
    names = ["gc", "cpg_density", "random_twin", "track_atac"]
    assert list(found["test"]["baselines"]) == names
    assert found["test"]["baselines"]["track_atac"]["auroc"]["value"] > 0.95
    assert {delta["baseline"] for delta in found["test"]["delta"].values()} == {"track_atac"}
    # random weights may or may not be told from guessing here
    found["test"]["model"]["auroc"] = {"value": 0.8, "low": 0.7, "high": 0.9}
    assert "track atac" in verdict.judge_test(found)[1].text
    assert found["baseline_choices"]["track_atac"]["of"] in ("mean", "maximum", "sum")
    assert "| track atac |" in (tracked / "beside1" / "model" / "README.md").read_text()
    curves = json.loads((tracked / "beside1" / "curves.json").read_text())
    assert "track_atac" in curves["test"]["roc"]


def test_what_a_track_lacks_is_counted(tracked):
    counts = {
        "regions": 96,
        "without_value": 12,
        "missing_chromosomes": ["chr8"],
        "on_missing_chromosomes": 12,
        "bases": 96 * 120,
        "bases_without_value": 96 * 120 - 84 * 100,
        "other_lengths": [f"chr{i}" for i in range(1, 8)],
    }
    assert read(tracked / "beside1")["tracks"] == {"atac": counts}


def test_pooled_folds_keep_their_tracks_and_their_twin(tracked, tmp_path):
    found = read(tracked / "beside")
    assert found["tracks"] == read(tracked / "beside1")["tracks"]
    assert found["test"]["baselines"]["track_atac"]["auroc"]["value"] > 0.9
    assert found["test"]["delta"]["auroc"]["baseline"] == "track_atac"
    assert found["random_twin"] == {"models": 1, "of": 1}
    assert found["test"]["over_random_twin"]["auroc"] == {"value": 0, "low": 0, "high": 0}
    assert said(found, HELPS)["text"].endswith("pre-training is not shown to help.")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "K562").symlink_to(tracked / "beside")
    write_report([tmp_path / "results"], tmp_path / "report")
    text = page(tmp_path / "report", "test_metrics")
    assert "Track atac: 12 of 96 regions have no value (12 of them on chromosomes that" in text


def test_damaged_counts_of_a_track_are_told(tracked, tmp_path):
    found = read(tracked / "beside")
    found["tracks"]["atac"]["without_value"] = -1
    write_json(found, tmp_path / "results" / "K562" / "metrics.json")
    with pytest.raises(UserError, match=r"tracks.atac.without_value is -1"):
        write_report([tmp_path / "results"], tmp_path / "report")


@pytest.mark.parametrize("best", [0, 1, 2, None])
def test_the_statistic_of_a_track_is_chosen_on_validation(best):
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    parts = np.repeat(["train", "validation", "test"], [200, 100, 100])
    values = rng.normal(size=(400, 3))
    if best is None:  # only all together tell
        values[:, 1] = values[:, 0] + 0.3 * rng.normal(size=400) + labels
    else:
        values[:, best] += 3 * labels
    values[::10, :2], values[::10, 2] = np.nan, 0
    regions = BaselineRegions(lambda: ["ACGT"] * 400, labels, parts, {"x": values})
    found = fit_baselines(regions, ["length"])["track_x"]
    assert np.isfinite(found.scores).all()
    every = "mean, maximum and sum"
    assert found.chosen["of"] in ((*track.STATISTICS, every)[3 if best is None else best], every)
    assert metrics.auroc(labels[300:], found.scores[300:]) > 0.85
    # regions without any value are alike, whatever the labels of the test part
    without = np.isnan(values[:, 0])
    if best in (0, 1) and found.chosen["of"] != every:
        assert len(np.unique(found.scores[without])) == 1
    again = BaselineRegions(lambda: ["ACGT"] * 400, 1 - labels, parts, {"x": values})
    again.labels[:300] = labels[:300]
    np.testing.assert_array_equal(fit_baselines(again, ["length"])["track_x"].scores, found.scores)


@pytest.mark.parametrize(
    "given, why",
    [
        (["signal.bw"], "'signal.bw' is not name=file"),
        (["atac="], "'atac=' is not name=file"),
        (["a-b=x.bw"], "'a-b' cannot name a track"),
        (["=x.bw"], "'' cannot name a track"),
        (["a=x.bw", "a=y.bw"], "two tracks are named a"),
        (["a=missing.bw"], "no such file"),
    ],
)
def test_mistakes_in_tracks_are_told_before_any_work(place, tmp_path, given, why):
    with pytest.raises(UserError, match=why):
        run(place, tmp_path / "out", baseline_tracks=given)
    assert not (tmp_path / "out").exists()


def test_the_command_takes_both(published, tracked, tmp_path, capfd):
    words = ["evaluate", "--model", published / "pretrained", "--random-twin", published / "twin"]
    words += [
        "--extracted",
        published / "K562",
        "--splits",
        data(published)[1][0],
        "--out",
        tmp_path,
    ]
    words += ["--baseline-tracks", f"a={tracked}/signal.bw, b={tracked}/signal.bw"]
    assert command([*words, "--baselines", "gc", "--bootstrap", "10", "--device", "cpu"]) == 0
    found = read(tmp_path)
    assert list(found["test"]["baselines"]) == ["gc", "random_twin", "track_a", "track_b"]
    assert "12 of 96 regions have no value" in capfd.readouterr().err
