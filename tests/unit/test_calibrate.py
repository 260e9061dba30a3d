import json

import numpy as np
import pytest
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from seformer.model.calibration import CALIBRATIONS, calibrate, choose_threshold, fit_calibration
from seformer.util.errors import UserError


def sample(n=2000, slope=2.0, bias=-1.0, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=n)
    labels = (rng.random(n) < expit(true)).astype(int)
    # the model says (true − bias) / slope: calibration has to find slope and bias
    return (true - bias) / slope, labels


def test_temperature_finds_slope_and_intercept():
    logits, labels = sample(20000)
    found = fit_calibration(logits, labels)
    assert found["slope"] == pytest.approx(2.0, rel=0.05)
    assert found["intercept"] == pytest.approx(-1.0, abs=0.05)
    unpenalised = LogisticRegression(C=1e9, tol=1e-8).fit(logits[:, None], labels)
    assert found["slope"] == pytest.approx(unpenalised.coef_[0, 0], rel=2e-3)
    assert found["intercept"] == pytest.approx(unpenalised.intercept_[0], abs=2e-3)


def test_temperature_is_finite_for_separable_and_rising_for_reversed_logits():
    logits = np.array([-2.0, -1.0, 1.0, 2.0])
    separable = fit_calibration(logits, np.array([0, 0, 1, 1]))
    assert np.isfinite([separable["slope"], separable["intercept"]]).all()
    backwards = fit_calibration(logits, np.array([1, 1, 0, 0]))
    assert backwards["slope"] > 0
    rising = calibrate(backwards, logits)
    assert (np.diff(rising) > 0).all()


def test_isotonic_is_the_curve_of_scikit_learn_within_bounds():
    logits, labels = sample(300)
    found = fit_calibration(logits, labels, "isotonic")
    expected = IsotonicRegression(out_of_bounds="clip").fit(logits, labels).predict(logits)
    expected = np.clip(expected, 1 / 302, 301 / 302)
    np.testing.assert_allclose(calibrate(found, logits), expected, atol=1e-12)
    beyond = calibrate(found, np.array([-1e9, 1e9]))
    assert (0 < beyond).all() and (beyond < 1).all()


def test_none_is_the_sigmoid():
    found = fit_calibration(np.array([0.3, -2.0]), np.array([0, 1]), "none")
    np.testing.assert_allclose(calibrate(found, np.array([0.3, -2])), expit([0.3, -2]))


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_calibration_survives_json(method):
    logits, labels = sample(200)
    found = fit_calibration(logits, labels, method)
    read = json.loads(json.dumps(found))
    np.testing.assert_array_equal(calibrate(found, logits), calibrate(read, logits))


def test_missing_logit_stays_missing():
    logits, labels = sample(50)
    for method in CALIBRATIONS:
        found = fit_calibration(logits, labels, method)
        assert np.isnan(calibrate(found, np.array([np.nan]))).all()


def test_prior_shift_by_hand():
    calibration = {"method": "none", "prevalence": 0.5, "regions": 10}
    # odds 3 : 1 under even priors become 3/9 : 1 under a prior of 10 %
    shifted = calibrate(calibration, np.log([3.0]), prevalence=0.1)
    assert shifted[0] == pytest.approx(0.25, abs=1e-12)
    same = calibrate(calibration, np.log([3.0]), prevalence=0.5)
    assert same[0] == pytest.approx(0.75, abs=1e-12)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 3])
def test_prevalence_must_be_a_share(prevalence):
    with pytest.raises(UserError, match="share"):
        calibrate({"method": "none", "prevalence": 0.5}, np.zeros(1), prevalence)


def test_threshold_by_mcc_is_the_best_of_all():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 120)
    probabilities = np.round(expit(rng.normal(size=120) + labels), 2)
    found = choose_threshold(labels, probabilities)
    assert found.met
    chosen = matthews_corrcoef(labels, probabilities >= found.value)
    assert chosen == pytest.approx(found.reached, abs=1e-12)
    everywhere = [matthews_corrcoef(labels, probabilities >= t) for t in np.arange(0, 1.01, 0.005)]
    assert chosen >= max(everywhere) - 1e-12


def test_threshold_by_precision():
    labels = np.array([1, 1, 0, 1, 0, 0])
    probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    found = choose_threshold(labels, probabilities, "precision:0.7")
    assert found.value == pytest.approx(0.55)
    assert found.reached == pytest.approx(0.75)
    exact = choose_threshold(labels, probabilities, "precision:1")
    assert exact.value == pytest.approx(0.75)


def test_precision_out_of_reach_takes_the_nearest_and_says_so():
    found = choose_threshold(np.array([0, 1, 0]), np.array([0.9, 0.8, 0.1]), "precision:0.9")
    assert not found.met
    assert found.reached == pytest.approx(0.5)


def test_useless_scores_take_one_half():
    found = choose_threshold(np.array([0, 1, 0, 1]), np.full(4, 0.3))
    assert (found.value, found.met) == (0.5, False)


@pytest.mark.parametrize("rule", ["f1", "precision", "precision:two", "precision:0", "mcc:1"])
def test_unknown_rule(rule):
    with pytest.raises(UserError, match="threshold"):
        choose_threshold(np.array([0, 1]), np.array([0.1, 0.9]), rule)


def test_unknown_method():
    with pytest.raises(UserError, match="beta"):
        fit_calibration(np.zeros(2), np.array([0, 1]), "beta")
