import time

import numpy as np
import pytest
from sklearn import metrics as sk

from seformer.evaluation import metrics


def scored(rng, n, quality=1.0, levels=None):
    labels = rng.integers(0, 2, n)
    score = rng.normal(size=n) + quality * labels
    if levels:
        score = np.round(score * levels) / levels
    probability = 1 / (1 + np.exp(-score))
    return labels, metrics.ScoredRegions(score, probability, (probability > 0.6).astype(int))


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("seed", range(5))
def test_metrics_agree_with_scikit_learn(seed, levels):
    labels, s = scored(np.random.default_rng(seed), 300, levels=levels)
    expected = {
        "auroc": sk.roc_auc_score(labels, s.score),
        "auprc": sk.average_precision_score(labels, s.score),
        "mcc": sk.matthews_corrcoef(labels, s.prediction),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, s.prediction),
        "brier": sk.brier_score_loss(labels, s.probability),
    }
    values = metrics.bootstrap(labels, {"m": s}, n=10).values["m"]
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize("levels", [None, 2])
def test_weighted_metrics_agree_with_scikit_learn_weights(levels):
    rng = np.random.default_rng(3)
    labels, s = scored(rng, 200, levels=levels)
    weights = rng.integers(0, 4, (7, 200)).astype(float)
    found = metrics._weighted(labels, s, weights)
    for row, w in enumerate(weights):
        assert found["auroc"][row] == pytest.approx(
            sk.roc_auc_score(labels, s.score, sample_weight=w), abs=1e-12
        )
        assert found["auprc"][row] == pytest.approx(
            sk.average_precision_score(labels, s.score, sample_weight=w), abs=1e-12
        )
        assert found["mcc"][row] == pytest.approx(
            sk.matthews_corrcoef(labels, s.prediction, sample_weight=w), abs=1e-12
        )
        assert found["balanced_accuracy"][row] == pytest.approx(
            sk.balanced_accuracy_score(labels, s.prediction, sample_weight=w), abs=1e-12
        )
        assert found["brier"][row] == pytest.approx(
            sk.brier_score_loss(labels, s.probability, sample_weight=w), abs=1e-12
        )
        copies = np.repeat(np.arange(200), w.astype(int))
        assert found["ece"][row] == pytest.approx(
            metrics.ece(labels[copies], s.probability[copies]), abs=1e-12
        )


def test_ece_by_hand():
    # bins of width 1/15: 0.1 falls into the second, 0.95 and 1.0 into the last
    labels = np.array([0, 1, 1, 1])
    probability = np.array([0.1, 0.1, 0.95, 1.0])
    # second bin: |0.5 − 0.1| · 2/4, last bin: |1 − 0.975| · 2/4
    assert metrics.ece(labels, probability) == pytest.approx(0.2 + 0.0125, abs=1e-12)
    assert metrics.ece(np.array([0, 1]), np.array([0.0, 1.0])) == 0


def test_perfect_and_constant_scorers():
    labels = np.array([0, 0, 1, 1])
    assert metrics.auroc(labels, labels) == 1
    assert metrics.auroc(labels, np.zeros(4)) == 0.5
    assert metrics.auprc(labels, np.zeros(4)) == 0.5
    assert metrics.mcc(labels, np.ones(4, int)) == 0


def test_bootstrap_is_reproducible_and_paired():
    rng = np.random.default_rng(0)
    labels, s = scored(rng, 150)
    first = metrics.bootstrap(labels, {"a": s, "b": s}, n=50, seed=4)
    again = metrics.bootstrap(labels, {"a": s}, n=50, seed=4)
    other = metrics.bootstrap(labels, {"a": s}, n=50, seed=5)
    for name in metrics.METRICS:
        np.testing.assert_array_equal(first.resamples["a"][name], again.resamples["a"][name])
        assert first.delta("a", "b", name) == (0, 0, 0)
    assert (first.resamples["a"]["auroc"] != other.resamples["a"]["auroc"]).any()


def test_regions_of_a_locus_are_drawn_together():
    rng = np.random.default_rng(1)
    labels, _ = scored(rng, 100)
    clusters = np.repeat([f"locus{i}" for i in range(20)], 5)
    for weights in metrics.locus_draws(labels, clusters, 30, rng):
        per_locus = weights.reshape(len(weights), 20, 5)
        assert (per_locus == per_locus[:, :, :1]).all()
        assert (weights.sum(axis=1) == 100).all()


def test_copies_of_regions_do_not_narrow_the_interval():
    rng = np.random.default_rng(2)
    labels, s = scored(rng, 80)
    ten = metrics.ScoredRegions(*(np.repeat(x, 10) for x in s))
    alone = metrics.bootstrap(labels, {"m": s}, n=500).interval("m", "auroc")
    copied = metrics.bootstrap(
        np.repeat(labels, 10), {"m": ten}, clusters=np.repeat(np.arange(80), 10), n=500
    ).interval("m", "auroc")
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.01)


def test_resamples_of_one_class_are_drawn_again():
    labels = np.array([1, 0, 0, 0])
    s = metrics.ScoredRegions(np.arange(4.0), np.full(4, 0.5), np.ones(4, int))
    found = metrics.bootstrap(labels, {"m": s}, n=200)
    assert found.resamples["m"]["auroc"].shape == (200,)
    assert np.isfinite(found.resamples["m"]["auroc"]).all()


def test_one_class_is_refused(monkeypatch):
    s = metrics.ScoredRegions(np.arange(3.0), np.full(3, 0.5), np.ones(3, int))
    with pytest.raises(ValueError, match="both classes"):
        metrics.bootstrap(np.ones(3), {"m": s})
    monkeypatch.setattr(metrics, "_MAX_DRAWS", 0)
    with pytest.raises(ValueError, match="single class"):
        metrics.bootstrap(np.array([0, 1, 1]), {"m": s}, n=10)


def test_every_interval_holds_its_value():
    rng = np.random.default_rng(7)
    labels, s = scored(rng, 200)
    found = metrics.bootstrap(labels, {"m": s}, n=300)
    for name in metrics.METRICS:
        value, low, high = found.interval("m", name)
        assert low <= value <= high, name


def test_intervals_cover_as_stated():
    """Nominal 95 % intervals hold the true AUROC, and the true difference, in 90–99 % of runs."""
    rng = np.random.default_rng(11)
    quality, n, trials = 1.0, 200, 300
    # two normals of unit variance that lie `quality` apart: AUROC = Φ(quality / √2)
    truth = 0.7602499389065233
    hits = differences = 0
    for trial in range(trials):
        labels = np.arange(n) % 2
        shared = rng.normal(size=n)
        scores = []
        for _ in range(2):
            noise = (shared + rng.normal(size=n)) / np.sqrt(2)
            scores.append(noise + quality * labels)
        scorers = {
            str(i): metrics.ScoredRegions(x, np.full(n, 0.5), np.ones(n, int))
            for i, x in enumerate(scores)
        }
        found = metrics.bootstrap(labels, scorers, n=200, seed=trial)
        _, low, high = found.interval("0", "auroc")
        hits += low <= truth <= high
        _, low, high = found.delta("0", "1", "auroc")
        differences += low <= 0 <= high
    assert 0.90 <= hits / trials <= 0.99
    assert 0.90 <= differences / trials <= 0.99


def test_a_thousand_resamples_take_seconds():
    rng = np.random.default_rng(5)
    labels, s = scored(rng, 700)
    start = time.monotonic()
    metrics.bootstrap(labels, {str(i): s for i in range(5)}, n=1000)
    assert time.monotonic() - start < 10
