"""Evaluation of a real (untrained) model folder on a small genome, from file to file."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from toys import random_sequence

from seformer import evaluate, metrics
from seformer.backbones import build_backbone
from seformer.errors import UserError
from seformer.extract import extract, read_extracted
from seformer.modelfolder import load_model, new_model, save_model
from seformer.score import score
from seformer.split import split

REGIONS, LENGTH, GAP = 12, 120, 40


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(0)
    genome, rows = [], []
    for chromosome in range(1, 9):
        bases = list(random_sequence(REGIONS * (LENGTH + GAP) + GAP, seed=chromosome))
        for i in range(REGIONS):
            start = GAP + i * (LENGTH + GAP)
            label = i % 2
            for at in rng.integers(0, LENGTH - 6, 6 * label):
                bases[start + at : start + at + 6] = list("TGACTC")
            rows.append((f"chr{chromosome}", start, start + LENGTH, f"r{i}", label))
        genome.append(f">chr{chromosome}\n{''.join(bases)}\n")
    (folder / "genome.fa").write_text("".join(genome))
    table = pd.DataFrame(rows)
    for label, name in ((1, "se"), (0, "te")):
        table[table[4] == label][[0, 1, 2, 3]].to_csv(
            folder / f"{name}.bed", sep="\t", header=False, index=False
        )
    extract(
        folder / "genome.fa",
        folder / "K562",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
        sample="K562",
    )
    split(
        [folder / "K562"],
        folder / "split",
        test_chromosomes=["chr1", "chr2"],
        validation_chromosomes=["chr3", "chr4"],
    )
    backbone, tokenizer, origin = build_backbone("tiny", seed=1)
    torch.manual_seed(1)
    model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), window=128)
    save_model(model, folder / "model")
    return folder


def run(place, out, **options):
    splits = [place / "split" / "K562" / "splits.tsv"]
    options = {"sample": "K562", "resamples": 50, **options}
    evaluate.run(place / "model", [place / "K562"], splits, out, **options)
    return json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="module")
def evaluated(place):
    return run(place, place / "out"), place / "out"


def test_every_result_is_there(evaluated):
    found, out = evaluated
    assert {p.name for p in out.iterdir()} == {
        "metrics.json",
        "curves.json",
        "test_predictions.tsv",
        "model",
    }
    assert found["sample"] == "K562"
    assert found["test"]["n"] == found["validation"]["n"] == 2 * REGIONS
    for name in ("length", "gc", "kmer_logistic", "kmer_boosting"):
        assert name in found["test"]["baselines"]
    assert found["test"]["baselines"]["length"]["auroc"]["value"] == 0.5
    curves = json.loads((out / "curves.json").read_text())
    assert set(curves["test"]["roc"]) == {"model", *found["test"]["baselines"]}


def test_rows_keep_their_scores(place, evaluated):
    """The table has the test rows in input order, each with its own sequence's score."""
    _, out = evaluated
    table = pd.read_csv(out / "test_predictions.tsv", sep="\t")
    source = read_extracted(place / "K562")
    test = source.kept["chrom"].isin(["chr1", "chr2"]).to_numpy()
    expected = source.kept[test].reset_index(drop=True)
    assert table["chrom"].tolist() == expected["chrom"].tolist()
    assert table["start"].tolist() == expected["start"].tolist()
    assert table["label"].tolist() == expected["label"].tolist()
    sequences = [s for s, chosen in zip(source.sequences(), test, strict=True) if chosen]
    logits = score(load_model(place / "model"), sequences).logit
    np.testing.assert_allclose(table["logit"], logits, atol=1e-5)


def test_metrics_are_those_of_the_table(evaluated):
    found, out = evaluated
    table = pd.read_csv(out / "test_predictions.tsv", sep="\t")
    values = {name: v["value"] for name, v in found["test"]["model"].items()}
    called = (table["prediction"] == "SE").astype(int)
    assert values["auroc"] == pytest.approx(metrics.auroc(table["label"], table["logit"]))
    assert values["brier"] == pytest.approx(metrics.brier(table["label"], table["probability"]))
    assert values["mcc"] == pytest.approx(metrics.mcc(table["label"], called))
    called = table["probability"] >= found["threshold"]["value"]
    assert (called == (table["prediction"] == "SE")).all()


@pytest.mark.parametrize("method", ["temperature", "isotonic", "none"])
def test_the_final_model_carries_calibration_and_threshold(place, tmp_path, method):
    found = run(place, tmp_path, calibration=method)
    final, first = load_model(tmp_path / "model"), load_model(place / "model")
    assert final.settings.calibration.method == method
    assert final.settings.calibration.regions == 2 * REGIONS
    assert final.settings.threshold == found["threshold"]["value"]
    assert final.settings.sample == "K562"
    assert final.settings.splits.test == ["chr1", "chr2"]
    assert final.settings.splits.validation == ["chr3", "chr4"]
    state = first.classifier.state_dict()
    for name, value in final.classifier.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_model_card_says_what_it_is(evaluated):
    _, out = evaluated
    card = (out / "model" / "README.md").read_text()
    assert "# K562" in card
    assert "Held-out test part: 24 regions" in card
    assert "train: 24 super-enhancers, 24 typical enhancers" in card


def test_twice_the_same(place, evaluated, tmp_path):
    _, out = evaluated
    run(place, tmp_path)
    for name in ("metrics.json", "curves.json", "test_predictions.tsv", "model/README.md"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_a_test_part_of_one_class_is_refused(place, tmp_path):
    splits = pd.read_csv(place / "split" / "K562" / "splits.tsv", sep="\t")
    moved = (splits["split"] == "test") & (splits["label"] == 1)
    splits.loc[moved, "split"] = "train"
    splits.to_csv(tmp_path / "splits.tsv", sep="\t", index=False)
    with pytest.raises(UserError, match="test part has 0 super-enhancers"):
        evaluate.run(place / "model", [place / "K562"], [tmp_path / "splits.tsv"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistaken_options_are_told_before_any_work(place, tmp_path):
    with pytest.raises(UserError, match="calibration"):
        run(place, tmp_path / "out", calibration="beta")
    with pytest.raises(UserError, match="threshold"):
        run(place, tmp_path / "out", threshold_by="precision:2")
