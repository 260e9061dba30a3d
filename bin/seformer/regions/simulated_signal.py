"""Signal and peaks of the demo's enhancers, such that `seformer call` gives their classes back.

Peaks are the constituents, made longer where they lie far apart. The signal of a region, its
density times its length, is drawn by its class. Among super-enhancers it rises more steeply with
the rank than the line that gives the cut-off, among typical enhancers less, so that the line
touches at the strongest of these. Within a class signal has nothing to do with the sequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from seformer.genome.bigwig_writer import Interval, write_bigwig
from seformer.regions.grammars import Enhancer

SIGNAL_FILE, PEAKS_FILE = "signal.bw", "peaks.narrowPeak"
# peaks of one enhancer lie no farther apart, two enhancers at least half as far again: --stitch
STITCH = 100
UNIT = 10_000.0  # of signal, as of reads times bases
STEP = 20  # bases with one value under a peak
WIDE, NOISE = 500, 0.2  # and elsewhere, where values lie about so high
Peak = tuple[int, int]


def write_signal(
    folder: Path, enhancers: Sequence[Enhancer], lengths: Mapping[str, int], seed: int
) -> None:
    """Write ``signal.bw`` and ``peaks.narrowPeak``.

    Parameters
    ----------
    enhancers
        Of all chromosomes, each along its chromosome.
    lengths
        Chromosomes in base pairs.
    seed
        Of what is random here, which changes nothing elsewhere.
    """
    # a stream of its own: other files keep their bytes
    rng = np.random.default_rng([seed, 1])
    peaks, values = [], []
    for enhancer, total in zip(enhancers, _totals(enhancers, rng), strict=True):
        places = _peaks(enhancer)
        shares = np.array([end - start for start, end in places]) * rng.uniform(
            0.6, 1.4, len(places)
        )
        heights = [
            _bump(start, end, total * UNIT * share)
            for (start, end), share in zip(places, shares / shares.sum(), strict=True)
        ]
        peaks.append(places)
        values.append(heights)
    lines = [
        _narrow_peak(enhancer, number, place, height)
        for enhancer, places, heights in zip(enhancers, peaks, values, strict=True)
        for number, (place, height) in enumerate(zip(places, heights, strict=True), 1)
    ]
    (folder / PEAKS_FILE).write_text("".join(lines), encoding="utf-8")
    of_chrom = {name: [] for name in sorted(lengths)}
    for enhancer, places, heights in zip(enhancers, peaks, values, strict=True):
        of_chrom[enhancer.chrom] += zip(places, heights, strict=True)
    write_bigwig(
        folder / SIGNAL_FILE,
        lengths,
        (
            item
            for name, found in of_chrom.items()
            for item in _track(name, lengths[name], found, rng)
        ),
    )


def _totals(enhancers: Sequence[Enhancer], rng: np.random.Generator) -> np.ndarray:
    """Draw the signal of every enhancer in units: float64 [n].

    With four super-enhancers among ten the line rises by 12 over them, and by 18 over the typical
    ones; the drawn signal by 28 and by 1.7.
    """
    label = np.array([enhancer.label for enhancer in enhancers])
    total = np.empty(len(enhancers))
    for of_class in (0, 1):
        rows = np.flatnonzero(label == of_class)
        quantile = (rng.permutation(len(rows)) + 1) / len(rows)
        if of_class:
            total[rows] = 2.2 + 18 * quantile + 10 * quantile**3
        else:
            total[rows] = 0.3 + 1.7 * quantile**1.5
    return total


def _peaks(enhancer: Enhancer) -> list[Peak]:
    """Return the constituents, at most `STITCH` bases apart."""
    places = [list(place) for place in enhancer.constituents]
    for left, right in pairwise(places):
        excess = max(0, right[0] - left[1] - STITCH)
        left[1] += excess // 2
        right[0] -= excess - excess // 2
    return [(start, end) for start, end in places]


def _bump(start: int, end: int, total: float) -> list[tuple[int, int, float]]:
    """Return a hump over a peak whose values times bases sum to ``total``."""
    edges = [*range(start, end, STEP), end]
    middle = (np.array(edges[:-1]) + np.array(edges[1:])) / 2
    height = 0.4 + np.sin(np.pi * (middle - start) / (end - start))
    height *= total / (height @ np.diff(edges))
    return list(zip(edges[:-1], edges[1:], height.round(3).tolist(), strict=True))


def _track(
    chrom: str,
    length: int,
    bumps: Sequence[tuple[Peak, list[tuple[int, int, float]]]],
    rng: np.random.Generator,
) -> Iterator[Interval]:
    """Yield the values of a chromosome: noise, and the bumps."""
    at = 0
    for (start, end), values in [*bumps, ((length, length), [])]:
        for first in range(at, start, WIDE):
            yield chrom, first, min(first + WIDE, start), round(float(rng.gamma(4) * NOISE / 4), 3)
        yield from ((chrom, first, last, value) for first, last, value in values)
        at = end


def _narrow_peak(
    enhancer: Enhancer, number: int, place: Peak, values: list[tuple[int, int, float]]
) -> str:
    """Return a line of ENCODE's narrowPeak: the height at the summit, over that of the noise."""
    start, end = place
    first, last, height = max(values, key=lambda value: value[2])
    name = f"{enhancer.name}.{number}"
    fold = height / NOISE
    cells = (enhancer.chrom, start, end, name, min(1000, round(fold)), ".", f"{fold:.2f}")
    return "\t".join(map(str, (*cells, -1, -1, (first + last) // 2 - start))) + "\n"
