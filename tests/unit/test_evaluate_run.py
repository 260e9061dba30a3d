"""Evaluation of a real (untrained) model folder on a small genome, from file to file."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score
from toys import random_sequence, tiny_model

from seformer.evaluation import metrics, verdict
from seformer.evaluation.baselines import BASELINES
from seformer.evaluation.cross_validation import pool_folds
from seformer.evaluation.evaluate import evaluate
from seformer.model.folder import load_model, save_model
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.scoring.score import Ensemble
from seformer.splits.dataset import open_dataset
from seformer.splits.split import split
from seformer.training.head import finetune_head
from seformer.util.errors import UserError

FITTED = [name for name, baseline in BASELINES.items() if baseline.fit]
# all but the convolutional network, which is run once
QUICK = [name for name in FITTED if name != "cnn"]
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
            signal = round(1 + rng.random() + 1.5 * label, 3)
            rows.append((f"chr{chromosome}", start, start + LENGTH, f"r{i}", label, signal))
        genome.append(f">chr{chromosome}\n{''.join(bases)}\n")
    (folder / "genome.fa").write_text("".join(genome))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "label", "signal"])
    for label, name in ((1, "se"), (0, "te")):
        table[table["label"] == label].drop(columns="label").to_csv(
            folder / f"{name}.bed", sep="\t", index=False
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
    save_model(tiny_model(window=128), folder / "model")
    return folder


def run(place, out, **options):
    splits = [place / "split" / "K562" / "splits.tsv"]
    options = {"sample": "K562", "resamples": 50, "baseline_names": QUICK, **options}
    evaluate([place / "model"], [place / "K562"], splits, out, **options)
    return json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="module")
def evaluated(place):
    return run(place, place / "out", baseline_names=("all",)), place / "out"


def test_every_result_is_there(evaluated):
    found, out = evaluated
    assert {p.name for p in out.iterdir()} == {
        "metrics.json",
        "metrics.tsv",
        "curves.json",
        "test_predictions.tsv",
        "model",
    }
    assert found["sample"] == "K562"
    assert found["test"]["n"] == found["validation"]["n"] == 2 * REGIONS
    assert list(found["test"]["baselines"]) == FITTED
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
    logits = Ensemble(load_model(place / "model")).score(sequences).logit
    np.testing.assert_allclose(table["logit"], logits, atol=1e-5)


def test_measures_stand_in_a_table_too(evaluated):
    found, out = evaluated
    table = pd.read_csv(out / "metrics.tsv", sep="\t").set_index(["part", "scorer", "metric"])
    for part in ("validation", "test"):
        gc = found[part]["baselines"]["gc"]["auroc"]
        assert table.loc[(part, "gc", "auroc"), list(gc)].tolist() == pytest.approx([*gc.values()])
    delta = found["test"]["delta"]["auroc"]
    row = table.loc[("test", "model_less_best_baseline", "auroc")]
    assert row["value"] == pytest.approx(delta["value"])
    assert row["best_baseline"] == delta["baseline"]
    signal = found["test"]["signal"]
    best = signal["baselines"]["SE"]["baseline"]
    for scorer, of in (
        ("model", signal["SE"]),
        (best, signal["baselines"]["SE"]),
        ("model_less_best_baseline", signal["delta"]["SE"]),
    ):
        row = table.loc[("test", scorer, "spearman_signal_SE")]
        assert [row[end] for end in ("value", "low", "high")] == pytest.approx(
            [of[end] for end in ("value", "low", "high")]
        )
    assert row["best_baseline"] == best
    scorers = {*FITTED, "model", "model_less_best_baseline"}
    assert set(table.loc["test"].index.get_level_values("scorer")) == scorers


def test_the_model_takes_its_test_along(evaluated):
    found, out = evaluated
    record = json.loads((out / "model" / "seformer.json").read_text())["test"]
    assert record["auroc"] == found["test"]["model"]["auroc"]
    assert record["delta"] == found["test"]["delta"]["auroc"]
    assert record["verdict"] == found["verdict"] and record["n"] == found["test"]["n"]
    assert load_model(out / "model").settings.as_used["test"] == record


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


def test_sets_are_those_of_the_validation_part(place, evaluated):
    """Limits by hand from the validation regions' scores; the same sets in table and metrics."""
    found, out = evaluated
    source, model = read_extracted(place / "K562"), load_model(out / "model")
    rows = source.kept["chrom"].isin(["chr3", "chr4"]).to_numpy()
    sequences = [s for s, chosen in zip(source.sequences(), rows, strict=True) if chosen]
    logits, is_se = Ensemble(model).score(sequences).logit, source.kept["label"][rows] == 1
    # twelve regions of a class: ⌈13 · 0.9⌉ is the last of them
    sets = model.settings.conformal
    assert (sets.coverage, sets.SE.regions, sets.SE.loci) == (0.9, REGIONS, 2)
    assert sets.SE.limit == pytest.approx(logits[is_se].min(), abs=1e-6)
    assert sets.TE.limit == pytest.approx(logits[~is_se].max(), abs=1e-6)
    table = pd.read_csv(out / "test_predictions.tsv", sep="\t")
    assert list(table.columns[6:10]) == ["logit", "probability", "prediction", "set"]
    se, te = table["logit"] >= sets.SE.limit, table["logit"] <= sets.TE.limit
    expected = np.select([se & te, se, te], ["both", "SE", "TE"], "none")
    assert table["set"].tolist() == expected.tolist()
    of_se = table["label"] == 1
    conformal = found["test"]["conformal"]
    assert conformal["SE"]["value"] == pytest.approx(se[of_se].mean())
    assert conformal["TE"]["value"] == pytest.approx(te[~of_se].mean())
    assert conformal["sets"] == {n: int((table["set"] == n).sum()) for n in conformal["sets"]}
    topics = {finding["topic"] for finding in found["verdict"]}
    assert {"Sets", "Probabilities"} <= topics
    card = (out / "model" / "README.md").read_text()
    assert "coverage of 90 % of each class" in card and "another cell line" in card


def test_a_coverage_that_the_validation_part_cannot_promise(place, tmp_path, caplog):
    found = run(place, tmp_path / "out", coverage=0.95)
    assert "every set holds SE" in caplog.text
    assert found["test"]["conformal"]["always_held"] == ["SE", "TE"]
    assert found["test"]["conformal"]["observed"]["value"] == 1.0
    table = pd.read_csv(tmp_path / "out" / "test_predictions.tsv", sep="\t")
    assert set(table["set"]) == {"both"}
    assert load_model(tmp_path / "out" / "model").settings.conformal.SE.limit is None
    with pytest.raises(UserError, match="coverage"):
        run(place, tmp_path / "bad", coverage=1.0)


def test_model_card_says_what_it_is(evaluated):
    _, out = evaluated
    card = (out / "model" / "README.md").read_text()
    assert "# K562" in card
    assert "Held-out test part: 24 regions" in card
    assert "train: 24 super-enhancers, 24 typical enhancers" in card


def test_twice_the_same(place, evaluated, tmp_path):
    _, out = evaluated
    run(place, tmp_path, baseline_names=("all",))
    for name in ("metrics.json", "curves.json", "test_predictions.tsv", "model/README.md"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_score_and_signal(evaluated):
    found, out = evaluated
    table = pd.read_csv(out / "test_predictions.tsv", sep="\t")
    measured, is_se = found["test"]["signal"], table["label"] == 1
    for group, rows in (("all", is_se | True), ("SE", is_se), ("TE", ~is_se)):
        expected = spearmanr(table["logit"][rows], np.log(table["signal"][rows])).statistic
        assert measured[group]["value"] == pytest.approx(expected)
        assert measured[group]["n"] == rows.sum()
        other = measured["baselines"][group]
        scores = table[f"{other['baseline']}_probability"][rows]
        expected = spearmanr(scores, table["signal"][rows]).statistic
        assert other["value"] == pytest.approx(expected, abs=0.02)  # equal probabilities
    assert "Signal" in {finding["topic"] for finding in found["verdict"]}
    card = (out / "model" / "README.md").read_text()
    assert "Spearman's correlation of score and signal" in card
    assert "| typical enhancers | 12 |" in card


def test_baselines_learn_without_the_grey_zone_too(place, tmp_path):
    audit = split(
        [place / "K562"],
        tmp_path / "split",
        splits=[place / "split" / "K562" / "splits.tsv"],
        grey_zone=0.2,
    )
    source, left_out = read_extracted(place / "K562"), audit["grey_zone"]["left_out"]
    assert left_out > 0
    splits = [tmp_path / "split" / "K562" / "splits.tsv"]
    data = open_dataset([source.folder], splits)
    assert len(data.select("train")) == 4 * REGIONS - left_out
    options = {"sample": "K562", "resamples": 20, "baseline_names": ["kmer_logistic"]}
    evaluate([place / "model"], [source.folder], splits, tmp_path / "out", **options)
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    plain = run(place, tmp_path / "plain", **options)
    assert found["grey_zone"] == {"left_out": left_out} and "grey_zone" not in plain
    assert found["test"]["model"]["auroc"] == plain["test"]["model"]["auroc"]
    assert found["test"]["baselines"] != plain["test"]["baselines"]
    card = (tmp_path / "out/model/README.md").read_text()
    assert f"{left_out} regions near the cut-off in signal left out of training" in card


def test_a_test_part_of_one_class_is_refused(place, tmp_path):
    splits = pd.read_csv(place / "split" / "K562" / "splits.tsv", sep="\t")
    moved = (splits["split"] == "test") & (splits["label"] == 1)
    splits.loc[moved, "split"] = "train"
    splits.to_csv(tmp_path / "splits.tsv", sep="\t", index=False)
    with pytest.raises(UserError, match="test part has 0 super-enhancers"):
        evaluate([place / "model"], [place / "K562"], [tmp_path / "splits.tsv"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mistaken_options_are_told_before_any_work(place, tmp_path):
    with pytest.raises(UserError, match="calibration"):
        run(place, tmp_path / "out", calibration="beta")
    with pytest.raises(UserError, match="threshold"):
        run(place, tmp_path / "out", threshold_by="precision:2")
    with pytest.raises(UserError, match="baseline 'magic'"):
        run(place, tmp_path / "out", baseline_names=["gc", "magic"])
    with pytest.raises(UserError, match="prevalence"):
        run(place, tmp_path / "out", prevalence=1.5)


def test_precision_is_given_for_both_shares_of_super_enhancers(place, evaluated, tmp_path):
    found, out = evaluated
    shares = found["test"]["prevalences"]
    assert shares["balanced"]["prevalence"] == 0.5
    # half of all labelled regions given
    assert shares["natural"]["prevalence"] == pytest.approx(0.5)
    rare = run(place, tmp_path, prevalence=0.05)["test"]["prevalences"]["natural"]
    table = pd.read_csv(out / "test_predictions.tsv", sep="\t")
    called, is_se = table["prediction"] == "SE", table["label"] == 1
    tpr, fpr = called[is_se].mean(), called[~is_se].mean()
    expected = 0.05 * tpr / (0.05 * tpr + 0.95 * fpr)
    assert rare["model"]["precision"]["value"] == pytest.approx(expected)
    assert rare["model"]["recall"]["value"] == pytest.approx(tpr)
    weights = np.where(is_se, 0.05, 0.95)
    auprc = average_precision_score(table["label"], table["logit"], sample_weight=weights)
    assert rare["model"]["auprc"]["value"] == pytest.approx(auprc, abs=1e-9)


@pytest.fixture(scope="module")
def two_splits(place):
    """Regions and split of two folds; test parts are chr1-2 and chr5-6."""
    made = []
    for number, (test, validation) in enumerate(((1, 3), (5, 7)), 1):
        split(
            [place / "K562"],
            place / f"split{number}",
            test_chromosomes=[f"chr{test}", f"chr{test + 1}"],
            validation_chromosomes=[f"chr{validation}", f"chr{validation + 1}"],
        )
        made.append(([place / "K562"], [place / f"split{number}" / "K562" / "splits.tsv"]))
    return made


@pytest.fixture(scope="module")
def folds(place, two_splits):
    """Two folds of an ensemble of two models with a spectrum."""
    folders = []
    for number, data in enumerate(two_splits, 1):
        models = []
        for seed in (1, 2):
            models.append(place / f"head{number}_{seed}")
            finetune_head(
                *data, "tiny", models[-1], features="kmer", epochs=0, seed=seed, window=64
            )
        folders.append(place / f"fold{number}")
        evaluate(models, *data, folders[-1], resamples=50, baseline_names=QUICK)
    pool_folds(folders, place / "pooled", resamples=100)
    return folders, place / "pooled"


def read(folder):
    table = pd.read_csv(folder / "test_predictions.tsv", sep="\t")
    return json.loads((folder / "metrics.json").read_text()), table


def test_members_and_parts_stand_beside_the_model(folds):
    found, table = read(folds[0][0])
    members = found["test"]["members"]
    assert members["n"] == 2 and len(members["auroc"]["values"]) == 2
    each = [metrics.auroc(table["label"], table[f"member_{i}_logit"]) for i in (1, 2)]
    assert members["auroc"]["mean"] == pytest.approx(np.mean(each))
    assert members["auroc"]["sd"] == pytest.approx(np.std(each, ddof=1))
    assert (table["logit_sd"] > 0).all()
    # the spectrum knows the planted motif, the untrained transformer does not
    transformer = found["test"]["parts"]["transformer"]
    model = found["test"]["model"]["auroc"]["value"]
    assert model > 0.9 > transformer["auroc"]["value"]
    assert transformer["delta"]["value"] == pytest.approx(model - transformer["auroc"]["value"])
    assert found["test"]["parts"]["kmers"]["auroc"]["value"] > 0.9
    assert "kmer_logistic" in found["test"]["baselines"]


def test_pooled_folds_are_one_test_part(folds):
    folders, out = folds
    (one, first), (two, second), (found, table) = map(read, (*folders, out))
    assert found["test"]["n"] == len(table) == len(first) + len(second)
    assert table["fold"].tolist() == [1] * len(first) + [2] * len(second)
    value = found["test"]["model"]["auroc"]["value"]
    assert value == pytest.approx(metrics.auroc(table["label"], table["probability"]))
    assert [fold["auroc"] for fold in found["folds"]] == [
        part["test"]["model"]["auroc"] for part in (one, two)
    ]
    assert list(found["test"]["baselines"]) == list(one["test"]["baselines"])
    assert set(one["test"]) == set(found["test"])
    called = (table["prediction"] == "SE").astype(int)
    assert found["test"]["model"]["mcc"]["value"] == pytest.approx(
        metrics.mcc(table["label"], called)
    )
    for key in ("mean", "sd"):
        assert found["test"]["members"]["auroc"][key] >= 0
    # no fold's own threshold stands for all, and what the ensemble's probabilities are is not said
    met = one["threshold"]["met"] and two["threshold"]["met"]
    assert found["threshold"] == {"by": "mcc", "met": met}
    said = {finding["topic"]: finding for finding in found["verdict"]}
    assert "no region is left to test" in said[verdict.ENSEMBLE]["text"]
    assert said[verdict.PROBABILITIES]["level"] != "good"
    assert verdict.ENSEMBLE not in {finding["topic"] for finding in one["verdict"]}
    expected = spearmanr(table["probability"], table["signal"]).statistic
    assert found["test"]["signal"]["all"]["value"] == pytest.approx(expected)
    # every fold's own limits, and the ensemble's from all of them
    assert table["set"].tolist() == [*first["set"], *second["set"]]
    right = table["set"].isin(["both"]) | (table["set"] == np.where(table["label"], "SE", "TE"))
    assert found["test"]["conformal"]["observed"]["value"] == pytest.approx(right.mean())
    model = load_model(out / "model")
    assert len(model.members) == 4
    assert model.settings.calibration.regions == len(table)
    assert model.settings.conformal.SE.regions == int(table["label"].sum())
    assert model.settings.training_range.regions == len(table)
    card = (out / "model" / "README.md").read_text()
    assert "ensemble of 4 models" in card
    # tested by the folds, not validation regions of this model
    assert f"by {int(table['label'].sum())} held-out regions of the class" in card
    assert "no region is left to test" in card
    assert "-mer frequencies is added" in card
    assert "| the transformer alone |" in card


def test_a_fold_that_is_missing_is_told(folds, tmp_path, caplog):
    """By the regions that no fold tested; what was evaluated before does not say how many are."""
    found, table = read(folds[1])
    each = [read(folder)[0]["regions"] for folder in folds[0]]
    assert each[0] == each[1] == found["regions"] > len(table)
    said = {finding["topic"]: finding for finding in found["verdict"]}[verdict.FOLDS]
    untested = f"{found['regions'] - len(table)} of the {found['regions']} regions"
    assert said["level"] == "warning" and untested in said["text"]
    # what a user's own table leaves out of every test part is no fault of the folds
    assert "or the table of your own" in said["text"]
    assert untested in (folds[1] / "model/README.md").read_text()
    for regions in ({}, {"regions": len(table)}):
        whole = {name: value for name, value in found.items() if name != "regions"} | regions
        assert verdict.FOLDS not in {finding.topic for finding in verdict.judge_test(whole)}
    pool_folds(folds[0], tmp_path / "again", resamples=10)
    assert any(r.levelname == "WARNING" and untested in r.getMessage() for r in caplog.records)


def test_folds_of_before_have_no_sets(folds, tmp_path):
    """Results of version 1.0, without sets and slopes, are pooled as they were."""
    old = []
    for folder in folds[0]:
        old.append(shutil.copytree(folder, tmp_path / folder.name))
        found, table = read(old[-1])
        for name in ("conformal", "probabilities", "signal"):
            del found["test"][name]
        (old[-1] / "metrics.json").write_text(json.dumps(found))
        table.drop(columns=["set", "signal"]).to_csv(
            old[-1] / "test_predictions.tsv", sep="\t", index=False
        )
    pool_folds([old[0], folds[0][1]], tmp_path / "mixed", resamples=20)
    pool_folds(old, tmp_path / "pooled", resamples=20)
    for out in (tmp_path / "mixed", tmp_path / "pooled"):
        found, table = read(out)
        assert "set" not in table and "conformal" not in found["test"]
        assert found["test"]["probabilities"]["n"] == len(table)
        assert load_model(out / "model").settings.conformal is None


def test_folds_that_do_not_belong_together_are_refused(folds, place, tmp_path):
    (one, _), _ = folds
    with pytest.raises(UserError, match="held out for the test by two folds"):
        pool_folds([one, one], tmp_path / "out")
    with pytest.raises(UserError, match="one fold only"):
        pool_folds([one], tmp_path / "out")
    other = run(place, tmp_path / "other", baseline_names=["gc"])
    assert list(other["test"]["baselines"]) == ["gc"]
    with pytest.raises(UserError, match="baselines are gc"):
        pool_folds([one, tmp_path / "other"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
