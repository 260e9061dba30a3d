"""What each window contributes to a region's logit difference, through the pooling and the head.

Along the path of integrated gradients from the reference to the region a window's features go from
z′ to z, and G, the pooling and the head, turns the features of all windows into the margin. The
contribution of window w is the integral of ∂G/∂z_w · dz_w along that path. It is measured from the
features, not from the gradients of the tokens below them, so that both can be compared; and
whatever the steps, the contributions of the windows sum to G(z) − G(z′).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from seformer.model.classifier import RegionClassifier
from seformer.scoring.score import Scorer
from seformer.sequence.tokenizers import Encoding

# of a region's features at the points of the integral, held at a time
CHUNK_NUMBERS = 2**22
# Gauss-Legendre, between two steps of the path
POINTS, WEIGHTS = (
    (numbers + shift) / 2
    for numbers, shift in zip(np.polynomial.legendre.leggauss(3), (1, 0), strict=True)
)


class WindowContributions(NamedTuple):
    """Windows of a region; those at the same rank of as many are one in all views.

    Attributes
    ----------
    count, rank
        int64 ``[n]``: into how many windows the views were cut, and the how-manyth this is, from 0,
        left to right on the forward strand.
    views
        int64 ``[n]``: the views cut in this way.
    start, end
        int64 ``[n]``: the bases of these views' windows, 0-based half-open in the region.
    difference
        float64 ``[n]``: contribution to f(x) − f(x′), mean over references.
    total
        float64 ``[n]``: sum of the attributions of its tokens, which has to be the same.
    """

    count: np.ndarray
    rank: np.ndarray
    views: np.ndarray
    start: np.ndarray
    end: np.ndarray
    difference: np.ndarray
    total: np.ndarray


NO_WINDOWS = WindowContributions(*np.empty((5, 0), np.int64), *np.empty((2, 0)))


def _between(
    nodes: torch.Tensor, alphas: np.ndarray
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Points of the curve through ``nodes``, and the way to go there: Hermite's cubics.

    ``nodes`` is ``[n, windows, hidden]`` at ``alphas`` ``[n]``. Yields pairs of
    ``[points, windows, hidden]``; the second times G's slope sums to the integral.
    """
    slopes = torch.from_numpy(np.gradient(nodes.numpy(), alphas, axis=0, edge_order=2))
    size = max(1, CHUNK_NUMBERS // nodes[0].numel() // len(POINTS))
    t = torch.from_numpy(POINTS).to(nodes)[None, :, None, None]
    weights = torch.from_numpy(WEIGHTS).to(nodes)[None, :, None, None]
    for chunk in torch.arange(len(nodes) - 1).split(size):
        first, last = nodes[chunk, None], nodes[chunk + 1, None]
        width = torch.from_numpy(np.diff(alphas)[chunk.numpy()]).to(nodes)[:, None, None, None]
        out, into = width * slopes[chunk, None], width * slopes[chunk + 1, None]
        way = last - first
        points = first + t * out + t**2 * (3 * way - 2 * out - into) + t**3 * (out + into - 2 * way)
        steps = out + 2 * t * (3 * way - 2 * out - into) + 3 * t**2 * (out + into - 2 * way)
        yield points.flatten(0, 1), (weights * steps).flatten(0, 1)


def along_path(
    classifier: RegionClassifier, nodes: torch.Tensor, alphas: np.ndarray, tokens: torch.Tensor
) -> np.ndarray:
    """Contribution of each window of one view.

    Parameters
    ----------
    nodes
        float ``[steps + 2, windows, hidden]``: features of the reference, along the path, and of
        the view itself.
    alphas
        float64 ``[steps + 2]``: where on the path, from 0 to 1.
    tokens
        ``[windows]``: content tokens.

    Returns
    -------
    np.ndarray
        float64 ``[windows]``.
    """
    device, windows = tokens.device, len(tokens)
    total = np.zeros(windows)
    for points, steps in _between(nodes.cpu(), alphas):
        features = points.to(device).requires_grad_()
        region = torch.arange(len(points), device=device).repeat_interleave(windows)
        margins = classifier.margins(
            features.flatten(0, 1), tokens.to(features).repeat(len(points)), region, len(points)
        )
        (slope,) = torch.autograd.grad(margins.sum(), features)
        total += (slope.cpu().double() * steps.double()).sum((0, 2)).numpy()
    return total


def spans(scorer: Scorer, encoding: Encoding, lengths: np.ndarray) -> list[np.ndarray]:
    """Bases of the windows of every row of `scoring.views.encode_views`, on the forward strand.

    ``lengths`` are the bases of the regions.

    Returns
    -------
    list of np.ndarray
        int64 ``[windows, 2]`` a row, 0-based half-open in the region, left to right.
    """
    windows, views = scorer.windows(encoding), scorer.model.views
    first = encoding.splits[windows.sequence]
    ends = np.stack(
        [encoding.starts[first + windows.start], encoding.ends[first + windows.stop - 1]], axis=1
    ).astype(np.int64)
    bounds = np.searchsorted(windows.sequence, np.arange(len(encoding.splits)))
    rows = []
    for row, (begin, stop) in enumerate(pairwise(bounds)):
        strand = ends[begin:stop]
        # the views of the forward strand come first
        reverse = row % views >= views // 2
        rows.append(lengths[row // views] - strand[::-1, ::-1] if reverse else strand)
    return rows


def mean_windows(parts: Sequence[WindowContributions]) -> WindowContributions:
    """Mean over the views of a region, or over the members of an ensemble.

    A part that is not cut in some way contributes nothing to its windows: their sum is still that
    of the region.
    """
    table = pd.concat([pd.DataFrame(part._asdict()) for part in parts])
    sums = dict.fromkeys(("views", "difference", "total"), "sum")
    how = sums | {"start": "min", "end": "max"}
    joined = table.groupby(["count", "rank"], as_index=False).agg(how)
    joined[["difference", "total"]] /= len(parts)
    return WindowContributions(*(joined[name].to_numpy() for name in WindowContributions._fields))


def windows_of_view(
    bases: np.ndarray, differences: np.ndarray, totals: np.ndarray
) -> WindowContributions:
    """Windows of a single view.

    Parameters
    ----------
    bases
        int64 ``[windows, 2]``, see `spans`.
    differences, totals
        float64 ``[references, windows]``, left to right on the forward strand.
    """
    count = len(bases)
    columns = np.full(count, count), np.arange(count), np.ones(count, np.int64), *bases.T
    return WindowContributions(*columns, differences.mean(0), totals.mean(0))
