"""The slope of a calibration, steadied by a reference whose slope is known from cross-fitting."""

import numpy as np
import pytest
from scipy.special import expit, logit

from seformer.evaluation.compare import calibrate_scorer
from seformer.evaluation.slope import SlopeControl, fit_reference
from seformer.evaluation.uncertainty import calibration_lines
from seformer.model.calibration import fit_calibration

TRAIN, VALIDATION = 1200, 150


def world(seed, n=TRAIN + VALIDATION + 2500):
    """Regions: features like k-mers, labels drawn from them, and a model that knows them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 6)).astype(np.float32)
    truth = 1.4 * features[:, 0] + 0.5 * features[:, 1]
    labels = (rng.random(n) < expit(truth)).astype(int)
    # overfit by a half: the right slope is 2/3
    model = 1.5 * truth + 0.3 * rng.normal(size=n)
    part = np.repeat([0, 1, 2], [TRAIN, VALIDATION, n - TRAIN - VALIDATION])
    return features, labels, model, part


def steadied(seed):
    """Slopes on new regions: of probabilities fitted on validation alone, and with the control."""
    features, labels, model, part = world(seed)
    loci, rows = np.arange(len(labels)), part == 1
    reference = fit_reference(features, labels, part == 0, loci, 1)
    control = SlopeControl(reference, labels, loci, rows, 1)
    slopes = []
    for given in (None, control):
        found = calibrate_scorer(model, labels, rows, "temperature", "mcc", rows, given)
        new = part == 2
        one = np.ones((1, new.sum()))
        slopes.append(calibration_lines(labels[new], found.scored.probability[new], one)[0][0])
    return slopes


def test_slopes_vary_less_and_stay_right():
    slopes = np.log([steadied(seed) for seed in range(12)])
    alone, steady = np.sqrt((slopes**2).mean(axis=0))
    assert steady < 0.7 * alone
    # a little too cautious, as Platt's targets are with so few regions
    assert abs(slopes[:, 1].mean()) < 0.15


def test_an_easy_validation_part_is_seen_to_be_easy():
    features, labels, model, part = world(3)
    truth = 1.4 * features[:, 0] + 0.5 * features[:, 1]
    # of the validation labels those against the odds are turned: every scorer looks too good
    easy = (part == 1) & (np.abs(truth) > 0.5)
    labels = np.where(easy, truth > 0, labels).astype(int)
    loci, rows = np.arange(len(labels)), part == 1
    reference = fit_reference(features, labels, part == 0, loci, 1)
    control = SlopeControl(reference, labels, loci, rows, 1)
    assert control.factor(model) < 0.6
    found = fit_calibration(model[rows], labels[rows], slope_factor=control.factor(model))
    alone = fit_calibration(model[rows], labels[rows])
    assert found["slope"] == pytest.approx(alone["slope"] * found["slope_factor"])
    # as many super-enhancers as there are, also with the other slope
    p = expit(found["slope"] * model[rows] + found["intercept"])
    assert p.mean() == pytest.approx(labels[rows].mean(), abs=0.01)
    # what has nothing in common with the reference is left alone
    other = 1.5 * (labels - 0.5) + np.random.default_rng(0).normal(size=len(labels))
    assert 0.8 < control.factor(other) <= 1.25


def test_only_training_and_validation_labels_are_read():
    features, labels, model, part = world(5)
    loci, rows = np.arange(len(labels)), part == 1
    turned = np.where(part == 2, 1 - labels, labels)
    one, two = (
        SlopeControl(fit_reference(features, y, part == 0, loci, 1), y, loci, rows, 1)
        for y in (labels, turned)
    )
    assert one.factor(model) == two.factor(model) != 1


def test_a_reference_that_knows_nothing_changes_nothing():
    features, labels, model, part = world(7)
    loci, rows = np.arange(len(labels)), part == 1
    noise = np.random.default_rng(0).normal(size=features.shape).astype(np.float32)
    reference = fit_reference(noise, labels, part == 0, loci, 1)
    assert reference is None
    assert SlopeControl(reference, labels, loci, rows, 1).factor(model) == 1.0
    # nor does one of a training part of three loci
    assert fit_reference(features, labels, part == 0, loci % 3, 1) is None
    # separable on validation: there is no slope to steady
    known = fit_reference(features, labels, part == 0, loci, 1)
    control = SlopeControl(known, labels, loci, rows, 1)
    assert control.factor(labels.astype(float)) == 1.0
    assert control.factor(np.zeros(len(labels))) == 1.0


@pytest.mark.parametrize("method", ["isotonic", "none"])
def test_only_a_temperature_has_a_slope(method):
    features, labels, model, part = world(3)
    loci, rows = np.arange(len(labels)), part == 1
    control = SlopeControl(
        fit_reference(features, labels, part == 0, loci, 1), labels, loci, rows, 1
    )
    one, two = (
        calibrate_scorer(model, labels, rows, method, "mcc", rows, c) for c in (None, control)
    )
    assert one.calibration == two.calibration
    np.testing.assert_array_equal(logit(one.scored.probability), logit(two.scored.probability))
