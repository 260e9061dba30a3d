"""The points of the figures that evaluation draws: ROC, precision–recall, calibration, scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from seformer.evaluation.metrics import ScoredRegions

MOST_POINTS = 200
CALIBRATION_BINS = 10
HISTOGRAM_BINS = 20


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> list[list[float]]:
    """Keep at most ``most`` points of a curve in the unit square, evenly along its way."""
    if len(x) > most:
        way = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
        kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], most)))
        kept = np.unique(np.concatenate(([0], np.minimum(kept, len(x) - 1), [len(x) - 1])))
        x, y = x[kept], y[kept]
    return [[round(float(a), 5), round(float(b), 5)] for a, b in zip(x, y, strict=True)]


def roc_points(labels: np.ndarray, scores: np.ndarray) -> list[list[float]]:
    """Points [false positive rate, true positive rate] from (0, 0) to (1, 1)."""
    fpr, tpr, _ = roc_curve(labels, scores)
    return thin(fpr, tpr)


def precision_recall_points(labels: np.ndarray, scores: np.ndarray) -> list[list[float]]:
    """Points [recall, precision] of rising recall, in the steps whose area is the AUPRC."""
    precision, recall, _ = precision_recall_curve(labels, scores)
    # the last point (recall 0, precision 1) is a convention, not a threshold
    precision, recall = precision[-2::-1], recall[-2::-1]
    edges = np.concatenate(([0.0], recall))
    return thin(np.column_stack((edges[:-1], edges[1:])).ravel(), np.repeat(precision, 2))


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """Mean probability and share of SE in ten bins of equally many regions.

    Each bin has the 95 % Wilson interval of its share, ``low`` and ``high``.
    """
    bins = np.array_split(np.argsort(probabilities, kind="stable"), CALIBRATION_BINS)
    points = []
    for rows in bins:
        if len(rows):
            share = float(labels[rows].mean())
            low, high = wilson(share, len(rows))
            mean = float(probabilities[rows].mean())
            point = {"probability": mean, "share": share, "low": low, "high": high}
            points.append({key: round(value, 5) for key, value in point.items()})
            points[-1]["regions"] = len(rows)
    return points


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927)."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def score_histogram(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float]]:
    """Numbers of SE and TE in twenty equal bins of probability."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts = {
        name: np.histogram(probabilities[labels == label], edges)[0].tolist()
        for name, label in (("se", 1), ("te", 0))
    }
    return {"edges": [round(float(edge), 4) for edge in edges], **counts}


def curve_points(labels: np.ndarray, scorers: Mapping[str, ScoredRegions]) -> dict[str, Any]:
    """Collect the points of every figure: kind -> scorer -> points."""
    return {
        "roc": {name: roc_points(labels, s.score) for name, s in scorers.items()},
        "precision_recall": {
            name: precision_recall_points(labels, s.score) for name, s in scorers.items()
        },
        "calibration": {
            name: calibration_bins(labels, s.probability) for name, s in scorers.items()
        },
        "histogram": {name: score_histogram(labels, s.probability) for name, s in scorers.items()},
    }
