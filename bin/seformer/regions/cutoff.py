"""The cut-off between typical and super-enhancers: where a line touches the ranked signal.

Signal is drawn against rank, from the weakest region (1) to the strongest (n). A line that rises by
(max − min) / n a rank is moved up from below until it touches the curve; regions above the point of
contact are super-enhancers (Whyte et al. 2013, doi:10.1016/j.cell.2013.03.035). ROSE looks for the
point by a search that may stop near it (R's `optimize`); here it is the point itself.
"""

from __future__ import annotations

import numpy as np


def tangent_cutoff(signal: np.ndarray) -> float:
    """Return the signal at the point of contact; greater than it means super.

    Parameters
    ----------
    signal
        float64 [regions], any order; what is below zero counts as 0.
    """
    ranked = np.sort(np.maximum(signal, 0))
    rank = np.arange(1, len(ranked) + 1)
    # n times the height above the line through the origin: without a division, sums of whole
    # numbers stay exact. The lowest point is where the line touches, of several the first
    height = len(ranked) * ranked - (ranked[-1] - ranked[0]) * rank
    return float(ranked[np.argmin(height)])


def rank_from_strongest(signal: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Rank regions from 1, the strongest; of equal ones the shorter comes first, as in ROSE.

    Returns
    -------
    numpy.ndarray
        int64 [regions].
    """
    order = np.lexsort((np.arange(len(signal)), length, -np.maximum(signal, 0)))
    rank = np.empty(len(signal), np.int64)
    rank[order] = np.arange(1, len(signal) + 1)
    return rank
