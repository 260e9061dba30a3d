"""Logits into probabilities, and probabilities into decisions; both learned on validation only.

A calibration is a plain dictionary, so that the model folder stores it as JSON numbers:
``{"method": "temperature", "slope", "intercept", "slope_factor", "intercept_shift", "prevalence",
"regions"}``,
``{"method": "isotonic", "logits": […], "probabilities": […], "prevalence", "regions"}`` or
``{"method": "none", "prevalence", "regions"}``. ``prevalence`` is the share of super-enhancers
among the regions it was fitted on, by their probabilities: the prior that these carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

import numpy as np
from scipy.special import expit, logit

from seformer.model.choices import CalibrationMethod
from seformer.model.settings import ModelSettings
from seformer.util.errors import UserError
from seformer.util.labels import SUPER, TYPICAL

CALIBRATIONS = get_args(CalibrationMethod)
_SLOPES = (1e-3, 1e3)


class Threshold(NamedTuple):
    """The probability from which on a region is called a super-enhancer.

    Attributes
    ----------
    value
        Called if probability >= value.
    by
        "mcc" or "precision:X".
    reached
        The rule's value on the validation part: the MCC, or the precision.
    met
        False if no threshold has the asked precision (the one nearest to it was taken), or if
        no threshold is better than chance by MCC (0.5 was taken).
    """

    value: float
    by: str
    reached: float
    met: bool


def fit_calibration(
    logits: np.ndarray, labels: np.ndarray, method: str = "temperature", slope_factor: float = 1.0
) -> dict[str, Any]:
    """Fit a calibration on validation logits.

    Parameters
    ----------
    logits
        float64 [n], margin of SE over TE.
    labels
        int [n], 1 = SE; both classes.
    method
        ``temperature``: sigmoid(slope * logit + intercept), slope > 0. The slope is the inverse
        temperature of Guo et al. 2017; the intercept undoes the shift that class weights of the
        training put on the logit, which a temperature alone cannot. Fitted by maximum
        likelihood with Platt's smoothed targets (Lin et al. 2007), finite for separable classes.
        ``isotonic``: a rising step curve, interpolated. ``none``: sigmoid(logit).
    slope_factor
        Of the temperature: what its slope is multiplied by, for what is known of it from elsewhere;
        the intercept is then fitted again.

    Raises
    ------
    UserError
        If the method is not known.
    """
    logits, labels = np.asarray(logits, np.float64), np.asarray(labels).astype(np.int64)
    prior = {"prevalence": float(labels.mean()), "regions": len(labels)}
    if method == "none":
        return {"method": "none", **prior}
    if method == "temperature":
        slope, intercept = _slope_and_intercept(logits, labels)
        if slope_factor != 1:
            slope = float(np.clip(slope * slope_factor, *_SLOPES))
            _, intercept = _slope_and_intercept(logits, labels, slope)
        line = {"slope": slope, "intercept": intercept, "slope_factor": slope_factor}
        line["intercept_shift"] = 0.0
        return {"method": "temperature", **line, **prior}
    if method == "isotonic":
        # predicting needs no fit: its process need not wait for the import
        from sklearn.isotonic import IsotonicRegression

        curve = IsotonicRegression(out_of_bounds="clip").fit(logits, labels)
        # no finite number of regions justifies a probability of 0 or 1
        least = 1 / (len(labels) + 2)
        probabilities = np.clip(curve.y_thresholds_, least, 1 - least)
        return {
            "method": "isotonic",
            "logits": [float(x) for x in curve.X_thresholds_],
            "probabilities": [float(p) for p in probabilities],
            **prior,
        }
    raise UserError(
        f"the calibration {method!r} is not known", expected=f"one of {', '.join(CALIBRATIONS)}"
    )


def shift_intercept(
    calibration: Mapping[str, Any], shift: float, logits: np.ndarray
) -> dict[str, Any]:
    """Add to the intercept of a temperature what is known of it from elsewhere.

    Parameters
    ----------
    calibration
        What `fit_calibration` returned.
    shift
        On the logit of the probability.
    logits
        float64 [n], those it was fitted on: the mean of their new probabilities is the prior.
    """
    shifted = {**calibration, "intercept": calibration["intercept"] + shift}
    shifted["intercept_shift"] = shift
    if shift:
        shifted["prevalence"] = float(calibrate(shifted, logits).mean())
    return shifted


def _slope_and_intercept(
    logits: np.ndarray, labels: np.ndarray, slope: float | None = None
) -> tuple[float, float]:
    """Fit both, or with a ``slope`` the intercept alone."""
    from scipy.optimize import minimize

    positive = int(labels.sum())
    negative = len(labels) - positive
    target = np.where(labels == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.exp(parameters[0])
        margin = slope * logits + parameters[1]
        error = expit(margin) - target
        value = np.mean(np.logaddexp(0, margin) - target * margin)
        return float(value), np.array([np.mean(error * logits) * slope, np.mean(error)])

    slopes = _SLOPES if slope is None else (slope, slope)
    best = minimize(
        loss,
        np.array([0.0 if slope is None else np.log(slope), 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[tuple(np.log(slopes)), (-100, 100)],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000},
    )
    return float(np.exp(best.x[0])), float(best.x[1])


def calibrate(
    calibration: Mapping[str, Any], logits: np.ndarray, prevalence: float | None = None
) -> np.ndarray:
    """Turn logits into probabilities, float64 [n]; NaN stays NaN.

    Parameters
    ----------
    calibration
        What `fit_calibration` returned.
    logits
        float [n].
    prevalence
        Share of super-enhancers expected among the regions scored, between 0 and 1. The odds
        are multiplied by the ratio of the prior odds (Saerens et al. 2002).

    Raises
    ------
    UserError
        If the prevalence is not between 0 and 1.
    """
    logits = np.asarray(logits, np.float64)
    method = calibration["method"]
    if method == "temperature":
        margin = calibration["slope"] * logits + calibration["intercept"]
    elif method == "isotonic":
        margin = logit(np.interp(logits, calibration["logits"], calibration["probabilities"]))
    else:
        margin = logits
    if prevalence is not None:
        if not 0 < prevalence < 1:
            raise UserError(
                f"the prevalence {prevalence} is not a share", expected="a number between 0 and 1"
            )
        margin = margin + logit(prevalence) - logit(calibration["prevalence"])
    return expit(margin)


def call_classes(
    settings: ModelSettings, logits: np.ndarray, prevalence: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each logit, and SE or TE by the model's threshold: two arrays ``[n]``."""
    probability = calibrate(settings.calibration.model_dump(), logits, prevalence)
    return probability, np.where(probability >= settings.threshold, SUPER, TYPICAL)


def check_rule(by: str) -> float | None:
    """Return the precision that ``precision:X`` asks for, or None for ``mcc``.

    Raises
    ------
    UserError
        If the rule is neither.
    """
    if by == "mcc":
        return None
    name, _, value = by.partition(":")
    try:
        precision = float(value)
    except ValueError:
        precision = -1.0
    if name != "precision" or not 0 < precision <= 1:
        raise UserError(
            f"the threshold rule {by!r} is not known",
            where="--threshold-by",
            expected="mcc, or precision:X with X between 0 and 1 (precision:0.9)",
        )
    return precision


def choose_threshold(labels: np.ndarray, probabilities: np.ndarray, by: str = "mcc") -> Threshold:
    """Choose the threshold on validation probabilities.

    By ``mcc`` the one with the highest MCC; by ``precision:X`` the one with the most true
    super-enhancers among those of precision >= X. It lies half-way between two neighbouring
    probabilities.

    Raises
    ------
    UserError
        If the rule is not known.
    """
    precision_asked = check_rule(by)
    labels = np.asarray(labels).astype(np.float64)
    probabilities = np.asarray(probabilities, np.float64)
    order = np.argsort(-probabilities, kind="stable")
    ranked, is_se = probabilities[order], labels[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp = np.cumsum(is_se)[last]
    called = last + 1.0
    below = np.append(ranked[last[:-1] + 1], 0.0)
    cuts = np.append((ranked[last[:-1]] + below[:-1]) / 2, 0.0)
    if precision_asked is None:
        value = _mcc(tp, called, labels.sum(), len(labels))
        best = int(np.argmax(value))
        if value[best] <= 0:
            return Threshold(0.5, by, 0.0, False)
        return Threshold(float(cuts[best]), by, float(value[best]), True)
    precision = tp / called
    met = np.flatnonzero(precision >= precision_asked)
    best = int(met[np.argmax(tp[met])]) if len(met) else int(np.argmax(precision))
    return Threshold(float(cuts[best]), by, float(precision[best]), bool(len(met)))


def _mcc(tp: np.ndarray, called: np.ndarray, positive: float, n: int) -> np.ndarray:
    spread = np.sqrt(called * (n - called) * positive * (n - positive))
    agreement = tp * n - called * positive
    return np.divide(agreement, spread, out=np.zeros_like(spread), where=spread > 0)
