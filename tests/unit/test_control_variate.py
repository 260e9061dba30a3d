"""A calibration's line, steadied by a reference whose line is known from cross-fitting."""

import numpy as np
import pytest
from scipy.special import expit, logit

from seformer.evaluation.compare import calibrate_scorer
from seformer.evaluation.control_variate import CalibrationControl, fit_reference
from seformer.evaluation.uncertainty import calibration_lines
from seformer.model.calibration import calibrate, fit_calibration, shift_intercept

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
    """Lines on new regions: of probabilities fitted on validation alone, and with the control."""
    features, labels, model, part = world(seed)
    loci, rows = np.arange(len(labels)), part == 1
    reference = fit_reference(features, labels, part == 0, loci, 1)
    control = CalibrationControl(reference, labels, loci, rows, 1)
    lines = []
    for given in (None, control):
        found = calibrate_scorer(model, labels, rows, "temperature", "mcc", rows, given)
        new = part == 2
        one = np.ones((1, new.sum()))
        slope, intercept = calibration_lines(labels[new], found.scored.probability[new], one)
        lines.append((np.log(slope[0]), intercept[0]))
    return lines


def test_lines_vary_less_and_stay_right():
    lines = np.array([steadied(seed) for seed in range(12)])
    alone, steady = np.sqrt((lines**2).mean(axis=0))
    assert (steady < 0.7 * alone).all()
    # a little too cautious, as Platt's targets are with so few regions
    assert (np.abs(lines[:, 1].mean(axis=0)) < 0.15).all()


def test_an_easy_validation_part_is_seen_to_be_easy():
    features, labels, model, part = world(3)
    truth = 1.4 * features[:, 0] + 0.5 * features[:, 1]
    # of the validation labels those against the odds are turned: every scorer looks too good
    easy = (part == 1) & (np.abs(truth) > 0.5)
    labels = np.where(easy, truth > 0, labels).astype(int)
    loci, rows = np.arange(len(labels)), part == 1
    reference = fit_reference(features, labels, part == 0, loci, 1)
    control = CalibrationControl(reference, labels, loci, rows, 1)
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


def controlled(labels, features, part):
    """The control of a validation part, and its rows."""
    loci, rows = np.arange(len(labels)), part == 1
    reference = fit_reference(features, labels, part == 0, loci, 1)
    return CalibrationControl(reference, labels, loci, rows, 1), rows


def test_super_enhancers_by_chance_are_taken_off_the_intercept():
    features, labels, model, part = world(3)
    # one in eight typical enhancers of validation is called a super-enhancer by luck
    rng = np.random.default_rng(0)
    lucky = np.where((part == 1) & (rng.random(len(labels)) < 1 / 8), 1, labels)
    shifts = []
    for each in (labels, lucky):
        control, rows = controlled(each, features, part)
        shifts.append(control.shift(calibrate(fit_calibration(model[rows], each[rows]), model)))
    before, shift = shifts
    assert -0.8 < shift - before < -0.2
    labels = lucky
    found = calibrate_scorer(model, labels, rows, "temperature", "mcc", rows, control).calibration
    assert found["intercept_shift"] == pytest.approx(shift, abs=0.05)
    # the prior that the probabilities carry is their own, below the share that there is
    given = calibrate(found, model[rows])
    assert found["prevalence"] == pytest.approx(given.mean())
    assert found["prevalence"] < labels[rows].mean() - 0.02
    np.testing.assert_allclose(calibrate(found, model[rows], found["prevalence"]), given)


def test_another_share_of_super_enhancers_is_no_chance():
    features, labels, model, part = world(4)
    rng = np.random.default_rng(0)
    # a balanced training part, and one in six elsewhere
    kept = (part == 0) | (labels == 0) | (rng.random(len(labels)) < 0.2)
    features, labels, model, part = (a[kept] for a in (features, labels, model, part))
    control, rows = controlled(labels, features, part)
    found = calibrate_scorer(model, labels, rows, "temperature", "mcc", rows, control).calibration
    assert found["intercept_shift"] == 0
    assert found["prevalence"] == labels[rows].mean()
    p = calibrate(found, model[part == 2])
    assert p.mean() == pytest.approx(labels[part == 2].mean(), abs=0.06)


def test_a_shift_is_on_the_logit_of_the_probability():
    rng = np.random.default_rng(0)
    margins = rng.normal(size=300)
    fitted = fit_calibration(margins, (rng.random(300) < expit(margins)).astype(int))
    shifted = shift_intercept(fitted, 0.3, margins)
    moved = logit(calibrate(shifted, margins)) - logit(calibrate(fitted, margins))
    np.testing.assert_allclose(moved, 0.3)
    assert shift_intercept(fitted, 0.0, margins) == fitted


def test_only_training_and_validation_labels_are_read():
    features, labels, model, part = world(5)
    loci, rows = np.arange(len(labels)), part == 1
    turned = np.where(part == 2, 1 - labels, labels)
    one, two = (
        CalibrationControl(fit_reference(features, y, part == 0, loci, 1), y, loci, rows, 1)
        for y in (labels, turned)
    )
    assert one.factor(model) == two.factor(model) != 1
    assert one.shift(expit(model)) == two.shift(expit(model)) != 0


def test_a_reference_that_knows_nothing_changes_nothing():
    features, labels, model, part = world(7)
    loci, rows = np.arange(len(labels)), part == 1
    noise = np.random.default_rng(0).normal(size=features.shape).astype(np.float32)
    reference = fit_reference(noise, labels, part == 0, loci, 1)
    assert reference is None
    useless = CalibrationControl(reference, labels, loci, rows, 1)
    assert (useless.factor(model), useless.shift(expit(model))) == (1.0, 0.0)
    # nor does one of a training part of three loci
    assert fit_reference(features, labels, part == 0, loci % 3, 1) is None
    # separable on validation: there is no slope to steady
    known = fit_reference(features, labels, part == 0, loci, 1)
    control = CalibrationControl(known, labels, loci, rows, 1)
    assert control.factor(labels.astype(float)) == 1.0
    assert control.factor(np.zeros(len(labels))) == 1.0


@pytest.mark.parametrize("method", ["isotonic", "none"])
def test_only_a_temperature_has_a_line(method):
    features, labels, model, part = world(3)
    loci, rows = np.arange(len(labels)), part == 1
    control = CalibrationControl(
        fit_reference(features, labels, part == 0, loci, 1), labels, loci, rows, 1
    )
    one, two = (
        calibrate_scorer(model, labels, rows, method, "mcc", rows, c) for c in (None, control)
    )
    assert one.calibration == two.calibration
    np.testing.assert_array_equal(logit(one.scored.probability), logit(two.scored.probability))
