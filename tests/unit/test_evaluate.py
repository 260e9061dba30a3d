import copy
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from seformer.evaluation import curves, metrics, verdict
from seformer.evaluation.compare import calibrate_scorer, measure_parts
from seformer.evaluation.evaluate import seen_in_pretraining
from seformer.evaluation.metrics import auroc
from seformer.model.calibration import Threshold
from seformer.splits.dataset import LabelledDataset


def regions_and_scores(n=600, quality=1.5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    regions = pd.DataFrame(
        {
            "sample": "K562",
            "chrom": "chr7",
            "start": np.arange(n) * 1000,
            "end": np.arange(n) * 1000 + 500,
            "name": "",
            "label": labels,
            "split": np.where(np.arange(n) % 3 == 0, "validation", "test"),
            "cluster": [f"c{i // 2}" for i in range(n)],
        }
    )
    scores = {
        "model": rng.normal(size=n) + quality * labels,
        "length": np.zeros(n),
        "gc": rng.normal(size=n) + 0.3 * labels,
        "kmer_logistic": rng.normal(size=n) + 0.8 * labels,
    }
    return regions, scores


def judged(regions, scores, threshold_by="mcc", rows=None):
    labels = regions["label"].to_numpy()
    validation = (regions["split"] == "validation").to_numpy()
    return {
        name: calibrate_scorer(values, labels, validation, "temperature", threshold_by, rows)
        for name, values in scores.items()
    }


def measured(quality=1.5, seed=0, **extra):
    regions, scores = regions_and_scores(quality=quality, seed=seed)
    scores |= extra
    found = measure_parts(regions, judged(regions, scores), resamples=200)
    return regions, found


def test_metrics_have_the_shape_of_the_contract():
    _, found = measured()
    assert set(found) == {"test", "validation"}
    test = found["test"]
    for row in (test["model"], *test["baselines"].values(), found["validation"]["model"]):
        assert list(row) == list(metrics.METRICS)
        for interval in row.values():
            assert list(interval) == ["value", "low", "high"]
            assert interval["low"] <= interval["value"] <= interval["high"]
    assert list(test["baselines"]) == ["length", "gc", "kmer_logistic"]
    assert list(test["delta"]["auroc"]) == ["baseline", "value", "low", "high"]
    assert test["n"] == test["n_super_enhancers"] + test["n_typical_enhancers"] == 400
    assert test["prevalence"] == pytest.approx(test["n_super_enhancers"] / 400)
    json.dumps(found, allow_nan=False)


def test_values_are_those_of_the_test_rows_alone():
    regions, scores = regions_and_scores()
    found = measure_parts(regions, judged(regions, scores), resamples=50)
    rows = (regions["split"] == "test").to_numpy()
    expected = metrics.auroc(regions["label"][rows], scores["model"][rows])
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(expected, abs=1e-12)
    baseline = metrics.auroc(regions["label"][rows], scores["kmer_logistic"][rows])
    assert found["test"]["delta"]["auroc"]["value"] == pytest.approx(expected - baseline)


def test_test_rows_choose_nothing():
    """Labels of test rows change no calibration, no threshold and no decision."""
    regions, scores = regions_and_scores()
    turned = regions.copy()
    test = turned["split"] == "test"
    turned.loc[test, "label"] = 1 - turned.loc[test, "label"]
    for one, other in zip(
        judged(regions, scores).values(), judged(turned, scores).values(), strict=True
    ):
        assert one.calibration == other.calibration
        assert one.threshold == other.threshold
        np.testing.assert_array_equal(one.scored.prediction, other.scored.prediction)


def test_the_best_baseline_is_the_hardest_on_the_model():
    regions, scores = regions_and_scores()
    labels = regions["label"].to_numpy()
    validation = (regions["split"] == "validation").to_numpy()
    # perfect on test, useless on validation: the model is held against it all the same
    scores["gc"] = np.where(validation, 0.0, labels)
    found = measure_parts(regions, judged(regions, scores), resamples=20)
    assert found["test"]["delta"]["auroc"]["baseline"] == "gc"
    assert found["test"]["delta"]["auroc"]["value"] < 0
    values = {name: row["brier"]["value"] for name, row in found["test"]["baselines"].items()}
    assert found["test"]["delta"]["brier"]["baseline"] == min(values, key=values.get)


MEMORY = "Similar regions in training"


def test_unlike_training_regions_are_measured_apart():
    regions, scores = regions_and_scores()
    regions["train_containment"] = np.where(np.arange(len(regions)) % 2, 0.9, 0.0)
    test = (regions["split"] == "test").to_numpy()
    near = test & (regions["train_containment"] > 0.5).to_numpy()
    scores["model"] = np.where(near, 5.0 * regions["label"], scores["model"])
    found = measure_parts(regions, judged(regions, scores), resamples=50)["test"]
    assert found["unlike_training"]["n"] == int((test & ~near).sum())
    assert found["unlike_training"]["model"]["auroc"]["value"] < found["model"]["auroc"]["value"]
    nothing = regions.assign(train_containment=0.9)
    found = measure_parts(nothing, judged(nothing, scores), resamples=20)["test"]
    assert found["unlike_training"] == {"n": 0, "containment_at_most": 0.05}


def test_metrics_are_given_in_bins_of_similarity():
    regions, scores = regions_and_scores()
    shares = np.resize([0.0, 0.05, 0.2, 0.5, 0.8, 1.0], len(regions))
    shares[::7] = np.nan
    regions["train_containment"] = shares
    test = (regions["split"] == "test").to_numpy()
    # known by heart where the training part has the same, worse than chance where it does not
    far = np.nan_to_num(shares) <= 0.05
    sign = 2.0 * regions["label"] - 1
    scores["model"] = np.where(shares > 0.5, sign, np.where(far, -sign, 0)) + 1e-3 * scores["gc"]
    found = measure_parts(regions, judged(regions, scores), resamples=50)
    bins = found["test"]["similarity_bins"]
    assert list(bins) == ["under_5_percent", "5_to_50_percent", "over_50_percent"]
    assert sum(part["n"] for part in bins.values()) == test.sum()
    for name, inside in (
        ("under_5_percent", far),
        ("5_to_50_percent", (shares > 0.05) & (shares <= 0.5)),
        ("over_50_percent", shares > 0.5),
    ):
        part, rows = bins[name], regions[test & inside]
        assert part["n"] == len(rows) > 10
        assert part["n_super_enhancers"] == rows["label"].sum()
        assert part["n_typical_enhancers"] == len(rows) - rows["label"].sum()
        assert part["loci"] == rows["cluster"].nunique()
        alone = auroc(rows["label"].to_numpy(), scores["gc"][test & inside])
        assert part["baselines"]["gc"]["auroc"]["value"] == pytest.approx(alone)
        model, delta = part["model"]["auroc"], part["delta"]["auroc"]
        best = max(row["auroc"]["value"] for row in part["baselines"].values())
        assert delta["value"] == pytest.approx(model["value"] - best)
        assert model["low"] <= model["value"] <= model["high"]
    assert bins["under_5_percent"]["without_31mers"] == np.isnan(shares[test]).sum() > 0
    assert bins["over_50_percent"]["model"]["auroc"]["value"] == 1
    assert bins["under_5_percent"]["model"]["auroc"]["value"] < 0.1
    said = {finding.topic: finding.text for finding in verdict.judge_test(found)}
    assert f"and 1.000 on the {bins['over_50_percent']['n']} that" in said[MEMORY]


def test_a_bin_of_one_class_has_counts_alone():
    regions, scores = regions_and_scores()
    regions["train_containment"] = np.where(regions["label"] == 1, 0.9, 0.0)
    bins = measure_parts(regions, judged(regions, scores), resamples=20)["test"]["similarity_bins"]
    positive = int(regions["label"][regions["split"] == "test"].sum())
    assert bins["over_50_percent"] == {
        "n": positive,
        "n_super_enhancers": positive,
        "n_typical_enhancers": 0,
        "loci": bins["over_50_percent"]["loci"],
    }
    assert bins["5_to_50_percent"]["n"] == bins["5_to_50_percent"]["loci"] == 0
    assert "model" not in bins["under_5_percent"]


def test_a_gain_that_is_not_shown_on_unlike_regions_is_said(sound):
    found = copy.deepcopy(sound)
    gain = {"baseline": "gc", **interval(0.05, 0.02, 0.08)}
    found["test"]["delta"]["auroc"] = gain
    for low, value, level in ((0.01, 0.05, None), (-0.02, 0.02, "note"), (-0.1, -0.03, "warning")):
        delta = {"baseline": "length", **interval(value, low, 0.06)}
        found["test"]["similarity_bins"] = {"under_5_percent": {"n": 70, "delta": {"auroc": delta}}}
        said = {f.topic: f for f in verdict.judge_test(found)}.get("Gain on unlike regions")
        assert (said.level if said else None) == level
        assert not said or ("On the 70 test regions" in said.text and "region length" in said.text)


def levels(found):
    return {finding.topic: finding.level for finding in verdict.judge_test(found)}


def test_a_good_model_is_called_good():
    _, found = measured(quality=2.0)
    assert levels(found)["Learned?"] == "good"
    assert levels(found)["Better than simple baselines?"] == "good"


def test_scores_without_meaning_are_called_nothing():
    """By its own 95 % interval a meaningless score is called good in about 1 of 40 runs."""
    called = 0
    for seed in range(20):
        regions, scores = regions_and_scores(quality=0.0, seed=seed)
        scores = judged(regions, {name: scores[name] for name in ("model", "length")})
        found = measure_parts(regions, scores, resamples=200)
        first = verdict.judge_test(found)[0]
        low, high = (found["test"]["model"]["auroc"][key] for key in ("low", "high"))
        assert (first.level == "bad") == (low <= 0.5)
        called += low <= 0.5 <= high and "learned nothing" in first.text
    assert called >= 17


def test_a_model_below_its_baselines_is_told_so():
    regions, scores = regions_and_scores(quality=0.5)
    labels = regions["label"].to_numpy()
    scores["length"] = labels + np.random.default_rng(2).normal(size=len(labels)) * 0.3
    findings = verdict.judge_test(measure_parts(regions, judged(regions, scores), resamples=100))
    by_topic = {finding.topic: finding for finding in findings}
    assert by_topic["Better than simple baselines?"].level == "bad"
    assert "does not beat region length" in by_topic["Region length alone"].text


def interval(value, low, high):
    return {"value": value, "low": low, "high": high}


MANY = {"test.n_super_enhancers": 99, "test.n_typical_enhancers": 99, "test.loci": 99}
SMALL, SEEN = "Small test part", "Seen in pre-training?"
BETTER, GC = "Better than simple baselines?", "test.baselines.gc.auroc"
UNLIKE = "test.unlike_training"
# what differs in metrics.json, topic, what is said of it, and what is not
SAID = [
    ({"test.loci": 9}, SMALL, "99 typical enhancers in 9 loci: few loci.", "give more"),
    ({"test.n_super_enhancers": 9}, SMALL, "few super-enhancers. Read", "loci. Read"),
    (
        {"test.n_typical_enhancers": 9, "test.loci": 9},
        SMALL,
        "few typical enhancers and loci",
        "few s",
    ),
    ({"test.loci": 9, "folds": [{}]}, SMALL, "give more regions.", "hold out"),
    (
        {"test.delta.auroc": {"baseline": "gc", **interval(0.01, -0.02, 0.03)}},
        BETTER,
        "+0.010 (95 % interval −0.020 to +0.030) in AUROC, an interval that contains 0. These "
        "regions do not show that the model knows more than GC content does.",
        "Yes",
    ),
    (
        {"test.delta.auroc": {"baseline": "length", **interval(-0.2, -0.3, -0.1)}},
        BETTER,
        "No: the model does worse than region length, by 0.200 (95 % interval 0.100 to 0.300)",
        "−",
    ),
    ({GC: interval(0.99, 0.9, 1)}, "GC content alone", "Match the negatives in GC", "guessing"),
    ({GC: interval(0.99, 0.4, 1)}, "GC content alone", "alone holds 0.5", "Match the negatives"),
    (
        {"pretraining": {"backbone": "b", "seen": ["chr1"], "held_out": []}},
        SEEN,
        "b may have seen the sequence (not the labels) of the test chromosomes chr1. Which",
        "--test_chromosomes",
    ),
    (
        {"pretraining": {"backbone": "b", "seen": ["chr1"], "held_out": ["chr7", "chr10"]}},
        SEEN,
        "saw the sequence (not the labels) of the test chromosomes chr1. It left out chr7 and "
        "chr10: give --test_chromosomes chr7,chr10.",
        "may",
    ),
    (
        {"test.model.auroc": interval(0.9, 0.8, 0.95), UNLIKE: (0.6, 0.7)},
        MEMORY,
        "is memory",
        "may be",
    ),
    (
        {"test.model.auroc": interval(0.9, 0.8, 0.95), UNLIKE: (0.6, 0.92)},
        MEMORY,
        "may be memory",
        "is memory",
    ),
]


@pytest.fixture(scope="module")
def sound():
    return measured(quality=2.0)[1]


@pytest.mark.parametrize(("changes", "topic", "words", "never"), SAID)
def test_sentences_are_those_of_the_numbers(sound, changes, topic, words, never):
    found = copy.deepcopy(sound)
    for path, value in (MANY | changes).items():
        if path == UNLIKE:
            value = {"n": 9, "model": {"auroc": interval(value[0], 0.4, value[1])}}
        *parents, key = path.split(".")
        place = found
        for name in parents:
            place = place[name]
        place[key] = value
    text = {finding.topic: finding.text for finding in verdict.judge_test(found)}[topic]
    assert words in text and never not in text


def test_gc_within_two_hundredths_is_a_warning():
    _, found = measured()
    value = found["test"]["model"]["auroc"]["value"]
    found["test"]["baselines"]["gc"]["auroc"]["value"] = value - 0.019
    assert levels(found)["GC content alone"] == "warning"
    found["test"]["baselines"]["gc"]["auroc"]["value"] = value - 0.021
    assert "GC content alone" not in levels(found)


def test_undecided_difference_is_not_called_a_gain():
    _, found = measured()
    found["test"]["delta"]["auroc"] |= {"value": 0.01, "low": -0.01, "high": 0.03}
    assert levels(found)["Better than simple baselines?"] == "warning"


def test_precision_threshold_is_recorded_as_unmet():
    regions, scores = regions_and_scores(quality=0.2)
    found = judged(regions, scores, "precision:1")["length"]
    assert found.threshold == Threshold(0.0, "precision:1", pytest.approx(0.5, abs=0.1), False)


def test_curves_are_monotone_and_small():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 5000)
    score = rng.normal(size=5000) + labels
    points = np.array(curves.roc_points(labels, score))
    assert len(points) <= curves.MOST_POINTS + 2
    assert (np.diff(points, axis=0) >= 0).all()
    assert points[0].tolist() == [0, 0] and points[-1].tolist() == [1, 1]
    area = np.trapezoid(points[:, 1], points[:, 0])
    assert area == pytest.approx(metrics.auroc(labels, score), abs=2e-3)
    recall, precision = np.array(curves.precision_recall_points(labels, score)).T
    assert (np.diff(recall) >= 0).all() and recall[-1] == 1
    area = np.trapezoid(precision, recall)
    assert area == pytest.approx(metrics.auprc(labels, score), abs=5e-3)
    flat = curves.precision_recall_points(labels, np.zeros(5000))
    assert flat == [[0, round(labels.mean(), 5)], [1, round(labels.mean(), 5)]]


def test_calibration_points_lie_on_the_diagonal_for_true_probabilities():
    rng = np.random.default_rng(0)
    probability = expit(rng.normal(size=20000))
    labels = (rng.random(20000) < probability).astype(int)
    points = curves.calibration_bins(labels, probability)
    assert sum(point["regions"] for point in points) == 20000
    for point in points:
        assert point["share"] == pytest.approx(point["probability"], abs=0.04)
        assert point["low"] < point["share"] < point["high"]


def test_histogram_counts_every_region():
    drawn = curves.score_histogram(np.array([1, 1, 0]), np.array([1.0, 0.0, 0.51]))
    assert sum(drawn["se"]) == 2 and sum(drawn["te"]) == 1
    assert drawn["se"][-1] == drawn["se"][0] == drawn["te"][10] == 1


def test_wilson_by_hand():
    # 5 of 10: the classic (0.2366, 0.7634)
    assert curves.wilson(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_chromosomes_seen_in_pretraining_are_named():
    _, found = measured(quality=2.0)
    assert "Seen in pre-training?" not in levels(found)
    found["pretraining"] = {"backbone": "x", "held_out": ["chr7", "chr10"], "seen": ["chr1"]}
    told = {f.topic: f.text for f in verdict.judge_test(found)}["Seen in pre-training?"]
    assert "test chromosomes chr1" in told
    assert "--test_chromosomes chr7,chr10" in told
    # labels of activity are near to those tested
    found["pretraining"]["labels"] = "chromatin marks"
    told = {f.topic: f for f in verdict.judge_test(found)}["Seen in pre-training?"]
    assert told.level == "warning" and "and labels (chromatin marks)" in told.text
    found["pretraining"]["seen"] = []
    assert "Seen in pre-training?" not in levels(found)


def test_what_pretraining_saw_comes_from_the_registry():
    regions = pd.DataFrame({"chrom": ["7", "chr1", "chr2"], "split": ["test", "test", "train"]})

    def seen(name, **training):
        backbone = {"name": name, "source": "registry", "revision": None, "family": "gena"}
        settings = SimpleNamespace(backbone=backbone, training=training)
        return seen_in_pretraining(settings, LabelledDataset(regions, ()))

    assert seen("tiny") is None
    assert seen("some/folder") is None
    found = seen("gena-lm-bert-base-t2t")
    assert found["held_out"] == ["chr7", "chr10"]
    assert found["seen"] == ["chr1"]
    assert "labels" not in found
    assert "DeepSEA" in seen("gena-lm-bert-base-t2t-deepsea")["labels"]
    # a random twin has seen nothing
    assert seen("gena-lm-bert-base-t2t", random_weights=True) is None
