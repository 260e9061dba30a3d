"""Do probabilities hold: slope, error and its noise, where similar regions cannot flatter."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from test_evaluate import judged, regions_and_scores

from seformer.evaluation import verdict
from seformer.evaluation.compare import ENOUGH, calibration_rows, measure_parts
from seformer.evaluation.metrics import ece
from seformer.evaluation.uncertainty import calibration_lines, ece_noise, measure_probabilities


def overconfident(n=2000, slope=0.7, intercept=0.3, seed=0):
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=n) * 2
    labels = (rng.random(n) < expit(slope * margin + intercept)).astype(int)
    return labels, expit(margin), margin


def test_lines_are_those_of_an_unpenalised_regression():
    labels, probabilities, margin = overconfident()
    weights = np.random.default_rng(1).integers(0, 3, (3, len(labels))).astype(float)
    slopes, intercepts = calibration_lines(labels, probabilities, weights)
    for slope, intercept, weight in zip(slopes, intercepts, weights, strict=True):
        fit = LogisticRegression(C=1e9, tol=1e-10).fit(margin[:, None], labels, weight)
        assert slope == pytest.approx(fit.coef_[0, 0], abs=1e-5)
        assert intercept == pytest.approx(fit.intercept_[0], abs=1e-5)


def test_slope_and_intercept_are_found_with_intervals_that_hold_them():
    labels, probabilities, _ = overconfident()
    found = measure_probabilities(labels, probabilities, np.arange(len(labels)), 200, 1)
    for name, truth in (("slope", 0.7), ("intercept", 0.3)):
        assert found[name]["low"] < truth < found[name]["high"]
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    # ten copies of each region, in its locus, are no more evidence than one
    copies = np.tile(labels, 10), np.tile(probabilities, 10)
    copied = measure_probabilities(*copies, np.tile(np.arange(len(labels)), 10), 50, 1)
    once = measure_probabilities(labels, probabilities, np.arange(len(labels)), 50, 1)
    assert copied["slope"] == pytest.approx(once["slope"], abs=1e-6)
    again = measure_probabilities(labels, probabilities, np.arange(len(labels)), 200, 1)
    assert again == found


@pytest.mark.parametrize(
    "labels, probabilities",
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        ([0, 0, 1, 1], [0.9, 0.8, 0.2, 0.1]),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9]),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),
        ([0, 0, 1, 1], [0.0, 0.0, 1.0, 1.0]),
    ],
)
def test_without_overlap_there_is_no_slope(labels, probabilities):
    slopes, _ = calibration_lines(np.array(labels), np.array(probabilities), np.ones((1, 4)))
    assert np.isnan(slopes).all()
    many = np.tile(labels, 10), np.tile(probabilities, 10)
    found = measure_probabilities(*many, np.arange(40), 20, 1)
    assert "slope" not in found and found["ece_noise"] >= 0


def test_noise_is_the_error_of_probabilities_that_hold():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(60):
        probabilities = rng.random(400)
        errors.append(ece(rng.random(400) < probabilities, probabilities))
    noise = ece_noise(rng.random(400))
    assert noise.mean() == pytest.approx(np.mean(errors), abs=0.005)
    assert (np.array(errors) <= np.quantile(noise, 0.95)).mean() > 0.85
    assert ece_noise(np.array([0.0, 1.0])).tolist() == [0.0] * len(noise)


def test_a_model_that_knows_its_training_regions_is_not_flattered():
    """Regions like training ones are scored far better than the others."""
    regions, scores = regions_and_scores(n=1500, quality=0.8)
    test = (regions["split"] == "test").to_numpy()
    like = np.arange(len(regions)) % 2 == 1
    regions["train_containment"] = np.where(like, 0.9, 0.0)
    scores["model"] += np.where(like, 2.5, 0.0) * (regions["label"].to_numpy() - 0.5)
    found = measure_parts(regions, judged(regions, scores), resamples=100)["test"]["probabilities"]
    assert found["unlike_training"]["n"] == (test & ~like).sum()
    assert found["unlike_training"]["slope"]["high"] < min(1, found["slope"]["value"])
    # fitted where nothing flatters, the probabilities hold there
    validation = ~test
    rows = calibration_rows(regions, validation)
    np.testing.assert_array_equal(rows, validation & ~like)
    fair = measure_parts(regions, judged(regions, scores, rows=rows), resamples=100)["test"]
    slope = fair["probabilities"]["unlike_training"]["slope"]
    assert slope["low"] < 1 < slope["high"]


def test_where_too_few_regions_are_unlike_the_training_all_are_taken():
    regions, _ = regions_and_scores(n=900)
    validation = (regions["split"] == "validation").to_numpy()
    np.testing.assert_array_equal(calibration_rows(regions, validation), validation)
    regions["train_containment"] = 0.9
    positive = np.flatnonzero(validation & (regions["label"] == 1))
    negative = np.flatnonzero(validation & (regions["label"] == 0))
    regions.loc[[*positive[: ENOUGH - 1], *negative], "train_containment"] = 0.0
    np.testing.assert_array_equal(calibration_rows(regions, validation), validation)
    regions.loc[positive[:ENOUGH], "train_containment"] = 0.0
    assert calibration_rows(regions, validation).sum() == ENOUGH + len(negative)
    regions.loc[:, "train_containment"] = np.nan
    np.testing.assert_array_equal(calibration_rows(regions, validation), validation)


def line(value, low, high):
    return {"value": value, "low": low, "high": high}


def finding(unlike=None, of_folds=False, **measured):
    """What the verdict says of probabilities that hold but for what is given."""
    holds = {"n": 500, "slope": line(1.0, 0.9, 1.1), "intercept": line(0.0, -0.1, 0.1)}
    holds |= {"ece": line(0.02, 0.0, 0.03), "ece_noise": 0.021, "ece_noise_high": 0.03}
    test = {"probabilities": holds | measured, "prevalence": 0.5}
    if unlike is not None:
        test["probabilities"]["unlike_training"] = holds | {"n": 300} | unlike
    return next(verdict._judge_probabilities(test, of_folds))


def test_the_verdict_says_which_regions_the_probabilities_hold_for():
    good = finding(unlike={})
    assert good.level == "good" and good.text.startswith("Take them as probabilities")
    assert "the 300 that share little sequence" in good.text
    assert "the intercept +0.000 (95 % interval −0.100 to +0.100), and the error" in good.text
    shifted = finding(unlike={}, intercept=line(0.7, 0.1, 1.3))
    assert shifted.level == "note" and "with care" in shifted.text
    assert "which leaves out 0: they are too low, and the error" in shifted.text
    assert "too high" in finding(unlike={}, intercept=line(-0.7, -1.3, -0.1)).text
    folds = finding(unlike={}, of_folds=True)
    assert folds.level == "note" and folds.text.startswith("Those of the folds' models hold")
    assert finding().level == "note" and "was not tested" in finding().text
    low, high = line(0.72, 0.6, 0.85), line(1.5, 1.2, 1.8)
    new = finding(unlike={"slope": low})
    assert new.level == "warning" and "on the 300" in new.text and "0.720" in new.text
    assert "overconfident" in new.text and "for new loci" in new.text
    assert "over all test regions they are overconfident" in finding(unlike={}, slope=low).text
    assert "underconfident" in finding(unlike={}, slope=high).text
    off = finding(unlike={}, ece=line(0.06, 0.04, 0.08))
    assert off.level == "warning" and "off by 0.060 on average" in off.text
    vague = line(1.85, -17.1, 12.5)  # holds 1, and 0
    assert finding(unlike={"slope": vague}).level == "note"
    few = finding(unlike={}, slope=vague)
    assert few.level == "note" and "cannot be told from so few regions" in few.text
    test = {"probabilities": {"n": 9, "ece": line(0, 0, 0), "ece_noise": 0, "ece_noise_high": 0}}
    assert "cannot be told" in next(verdict._judge_probabilities(test)).text


def test_the_verdict_says_whether_the_sets_keep_their_promise():
    held = {"n": 90} | line(0.91, 0.86, 0.96)
    sets = {"coverage": 0.9, "always_held": [], "regions": 200, "SE": held, "TE": held}
    sets |= {"observed": held, "sets": {"SE": 60, "TE": 40, "both": 100, "none": 0}}
    (good,) = verdict._judge_sets(sets)
    assert good.level == "good" and "91 %" in good.text and "50 % of the sets" in good.text
    assert "cell line" in good.text
    few = {"n": 90} | line(0.8, 0.75, 0.86)
    for of_te in (few, few | {"fitted_loci": 1000}):
        (bad,) = verdict._judge_sets(sets | {"TE": of_te})
        assert bad.level == "warning" and "too few" in bad.text
    # limits of a small validation part may be off by as much
    (luck,) = verdict._judge_sets(sets | {"TE": few | {"fitted_loci": 30}})
    assert luck.level == "note" and "30 of typical enhancers" in luck.text
    _, always = verdict._judge_sets(sets | {"always_held": ["SE"]})
    assert always.level == "warning" and "every set holds SE" in always.text
    assert list(verdict._judge_sets(None)) == []
