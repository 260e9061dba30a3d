"""What the constituents of one region are worth to its score: each is taken away, and kept alone.

The sign is one everywhere: the margin of the region as it is, less its margin after the change. A
positive effect says that the constituent speaks for a super-enhancer.

Taken away are constituents in three ways: shuffled (dinucleotides kept), which leaves length and
composition as they are and so asks for the order of bases alone; masked by N; and cut out, after
which the region is shorter. Alone, a constituent stands among shuffles of all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from seformer.explain.settings import DissectionSettings
from seformer.scoring.score import Ensemble
from seformer.scoring.views import Edit
from seformer.sequence.shuffle import dinucleotide_shuffle, generator

# of fewer known bases there is nothing to shuffle; and no less may be left of a region
LEAST = 10
# bases of edited text at a time
CHUNK_TEXT = 8_000_000
# so many stretches must find room side by side: fewer would be nearly the same one
ROOM = 3
# of rounding in float32: a null stretch as near as that to the constituent counts as its equal
EQUAL = 1e-6
# null stretches measured together, and so many as strong as a constituent are enough to stop
BLOCK, ENOUGH = 20, 5


class Stretch(NamedTuple):
    """Bases ``start:stop`` of a region, 0-based half-open."""

    start: int
    stop: int

    def __str__(self) -> str:
        return f"{self.start}-{self.stop}"


class PairEffect(NamedTuple):
    """Effect of two constituents at once, by their places in the list of constituents.

    ``effect`` and ``synergy`` (that less the two single effects) are float64
    ``[members, shuffles]``; of two that overlap ``synergy`` is NaN.
    """

    first: int
    second: int
    effect: np.ndarray
    synergy: np.ndarray


class Dissection(NamedTuple):
    """What was measured of a region with k constituents by a model of m members in s shuffles.

    Attributes
    ----------
    margin
        float64 ``[m]``: of the region as it is.
    shuffled
        float64 ``[m, s]``: margin with all stretches shuffled, each within itself.
    effect
        float64 ``[m, k, s]``: when a constituent is shuffled; NaN for one with too few bases.
    masked, cut
        float64 ``[m, k]``: when it is N, when it is cut out; NaN where too little would be left.
    alone
        float64 ``[m, k, s]``: margin with the constituent among shuffles, less ``shuffled``.
    pairs
        Every pair of constituents, or none where there are more than the limit.
    null
        For each constituent float64 ``[n]``: effects of stretches of its length elsewhere in the
        region, means over shuffles and members, no more than decide; None without room for them.
    """

    margin: np.ndarray
    shuffled: np.ndarray
    effect: np.ndarray
    masked: np.ndarray
    cut: np.ndarray
    alone: np.ndarray
    pairs: list[PairEffect]
    null: list[np.ndarray | None]


# margins of a sequence and of its edited forms: float64 [members] and [members, edits]
Margins = Callable[[str, Sequence[Edit]], tuple[np.ndarray, np.ndarray]]


def margins_of(scorer: Ensemble) -> Margins:
    """Margins by member of an ensemble; only windows that an edit changes are computed."""

    def margins(sequence: str, edits: Sequence[Edit]) -> tuple[np.ndarray, np.ndarray]:
        each = [member.edits(sequence, edits) for member in scorer.scorers]
        return np.array([logit for logit, _ in each]), np.array([edited for _, edited in each])

    return margins


def dissect_region(
    sequence: str,
    constituents: Sequence[Stretch],
    key: str,
    margins: Margins,
    settings: DissectionSettings,
) -> Dissection:
    """Measure every constituent of a region.

    Parameters
    ----------
    sequence
        Upper-case bases of the region.
    constituents
        Stretches of it, in any number, each once.
    key
        With the seed it decides all shuffles and places (see `sequence.shuffle.generator`): the
        place of the region, so that the result does not depend on other regions.
    margins
        See `margins_of`.
    """
    draw = _Shuffles(sequence, key, settings)
    known = [_known(sequence[c.start : c.stop]) >= LEAST for c in constituents]
    usable = [c for c, good in zip(constituents, known, strict=True) if good]
    whole = margins(sequence, ())[0]

    def effects(edits: Sequence[Edit]) -> np.ndarray:
        """Losses of margin, float64 ``[members, edits]``."""
        parts = [margins(sequence, part)[1] for part in _portions(edits)]
        return whole[:, None] - np.concatenate([np.empty((len(whole), 0)), *parts], axis=1)

    def all_of(values: np.ndarray) -> np.ndarray:
        """Put values of usable constituents beside NaN for the others."""
        full = np.full((len(whole), len(known), *values.shape[2:]), np.nan)
        full[:, np.array(known, bool)] = values
        return full

    def shuffled(stretches: Sequence[Stretch]) -> np.ndarray:
        """Losses when each is shuffled, float64 ``[members, stretches, shuffles]``."""
        edits = [edit for stretch in stretches for edit in draw.edits(stretch)]
        return effects(edits).reshape(len(whole), len(stretches), settings.shuffles)

    single = all_of(shuffled(usable))
    background, alone = _alone(sequence, constituents, draw, margins)
    return Dissection(
        whole,
        background,
        single,
        _removed(effects, sequence, constituents, known, mask=True),
        _removed(effects, sequence, constituents, known, mask=False),
        np.where(np.array(known, bool)[:, None], alone, np.nan),
        _pairs(effects, draw, constituents, known, single, settings),
        _null(shuffled, draw, sequence, constituents, known, single.mean(axis=(0, 2)), settings),
    )


def empirical_p(effect: float, null: np.ndarray) -> float:
    """Share of stretches whose effect is at least as large, the constituent itself among them.

    (1 + those) / (1 + all), NaN without any: one-sided, so that a constituent which speaks against
    a super-enhancer has a p near 1. If it lies at random its p is exact, for it then is one more
    draw of the same kind; no p is below 1 / (1 + all).
    """
    if not len(null):
        return np.nan
    return (1 + np.count_nonzero(null >= effect - EQUAL)) / (1 + len(null))


class _Shuffles:
    """Shuffles of stretches of one region: those of a stretch depend on its place and the seed."""

    def __init__(self, sequence: str, key: str, settings: DissectionSettings) -> None:
        self.sequence, self.key, self.settings = sequence, key, settings
        self._drawn: dict[Stretch, list[str]] = {}

    def random(self, what: object) -> np.random.Generator:
        return generator(f"{self.key} {what}", self.settings.seed)

    def draw(self, stretch: Stretch) -> list[str]:
        """Shuffle once for each of ``settings.shuffles``."""
        bases = self.sequence[stretch.start : stretch.stop]
        return [
            dinucleotide_shuffle(bases, self.random(f"{stretch} {number}"))
            for number in range(self.settings.shuffles)
        ]

    def of(self, stretch: Stretch) -> list[str]:
        """As `draw`, and kept: a constituent's shuffles are those of its pairs as well."""
        if stretch not in self._drawn:
            self._drawn[stretch] = self.draw(stretch)
        return self._drawn[stretch]

    def edits(self, stretch: Stretch) -> list[Edit]:
        return [Edit(*stretch, bases) for bases in self.draw(stretch)]


def _known(bases: str) -> int:
    return len(bases) - bases.count("N")


def _portions(edits: Sequence[Edit]) -> Iterator[list[Edit]]:
    """Cut edits into lists of about `CHUNK_TEXT` bases, in order."""
    portion: list[Edit] = []
    total = 0
    for edit in edits:
        if portion and total + len(edit.bases) > CHUNK_TEXT:
            yield portion
            portion, total = [], 0
        portion.append(edit)
        total += len(edit.bases)
    if portion:
        yield portion


def _removed(
    effects: Callable[[Sequence[Edit]], np.ndarray],
    sequence: str,
    constituents: Sequence[Stretch],
    known: Sequence[bool],
    *,
    mask: bool,
) -> np.ndarray:
    """Effects of constituents that are masked by N, or cut out: float64 ``[members, k]``."""
    # without all of its known bases a region has no score
    total = _known(sequence)
    edits = {
        row: Edit(*c, "N" * (c.stop - c.start) if mask else "")
        for row, (c, good) in enumerate(zip(constituents, known, strict=True))
        if good and total - _known(sequence[c.start : c.stop]) >= LEAST
    }
    measured = effects([*edits.values()])
    values = np.full((len(measured), len(constituents)), np.nan)
    values[:, [*edits]] = measured
    return values


def _alone(
    sequence: str, constituents: Sequence[Stretch], draw: _Shuffles, margins: Margins
) -> tuple[np.ndarray, np.ndarray]:
    """Margins of the shuffled region, and what each constituent by itself adds to them.

    The region is cut at the ends of constituents and each piece is shuffled within itself, so that
    composition stays where it is. Into such a background one constituent at a time is put back:
    both margins are of the same shuffles, and their difference has less noise.

    Returns
    -------
    tuple
        float64 ``[members, shuffles]`` and ``[members, k, shuffles]``.
    """
    edges = {0, len(sequence)}.union(*constituents)
    cuts = sorted(edges)
    pieces = [draw.of(Stretch(*ends)) for ends in pairwise(cuts)]
    real = [Edit(*c, sequence[c.start : c.stop]) for c in constituents]
    backgrounds, alone = [], []
    for shuffle in zip(*pieces, strict=True):
        background, with_one = margins("".join(shuffle), real)
        backgrounds.append(background)
        alone.append(with_one - background[:, None])
    return np.stack(backgrounds, axis=-1), np.stack(alone, axis=-1)


def _pairs(
    effects: Callable[[Sequence[Edit]], np.ndarray],
    draw: _Shuffles,
    constituents: Sequence[Stretch],
    known: Sequence[bool],
    single: np.ndarray,
    settings: DissectionSettings,
) -> list[PairEffect]:
    """Measure all pairs; both have the shuffles that they have singly, so that noise cancels."""
    if len(constituents) > settings.pair_limit:
        return []
    usable = [row for row, good in enumerate(known) if good]
    chosen = [*combinations(sorted(usable, key=lambda row: constituents[row]), 2)]
    edits = []
    for a, b in chosen:
        first, second = constituents[a], constituents[b]
        whole = Stretch(first.start, max(first.stop, second.stop))
        if second.start < first.stop:  # they overlap: what both cover is shuffled as one
            edits += draw.edits(whole)
            continue
        between = draw.sequence[first.stop : second.start]
        both = zip(draw.of(first), draw.of(second), strict=True)
        edits += [Edit(*whole, before + between + after) for before, after in both]
    losses = effects(edits).reshape(len(single), len(chosen), settings.shuffles)
    pairs = []
    for number, (a, b) in enumerate(chosen):
        effect = losses[:, number]
        apart = constituents[b].start >= constituents[a].stop
        synergy = effect - single[:, a] - single[:, b] if apart else np.full_like(effect, np.nan)
        pairs.append(PairEffect(a, b, effect, synergy))
    return pairs


def _null(
    shuffled: Callable[[Sequence[Stretch]], np.ndarray],
    draw: _Shuffles,
    sequence: str,
    constituents: Sequence[Stretch],
    known: Sequence[bool],
    observed: np.ndarray,
    settings: DissectionSettings,
) -> list[np.ndarray | None]:
    """Effects of random stretches for each constituent; those of one length share the draws.

    They are drawn `BLOCK` by `BLOCK`, in one order, until `ENOUGH` of them are as strong as the
    constituent, on which its p then rests (Besag and Clifford 1991): only what may stand out costs
    all of ``settings.null_stretches``.
    """
    drawn: dict[tuple[int, int], tuple[list[int] | None, np.ndarray]] = {}
    null: list[np.ndarray | None] = []
    for stretch, good, effect in zip(constituents, known, observed, strict=True):
        length = stretch.stop - stretch.start
        kind = length, length - _known(sequence[stretch.start : stretch.stop])
        if good and kind not in drawn:
            starts, places = null_starts(sequence, constituents, *kind), None
            if room_for(starts, length) >= ROOM:
                random = draw.random("null {} {}".format(*kind))
                places = random.choice(starts, settings.null_stretches).tolist()
            drawn[kind] = places, np.empty(0)
        places, values = drawn[kind] if good else (None, np.empty(0))
        if places is None:
            null.append(None)
            continue
        number = 0
        while number < len(places) and np.sum(values[:number] >= effect - EQUAL) < ENOUGH:
            number = min(number + BLOCK, len(places))
            if number > len(values):
                block = [Stretch(at, at + length) for at in places[len(values) : number]]
                values = np.append(values, shuffled(block).mean(axis=(0, 2)))
        drawn[kind] = places, values
        null.append(values[:number])
    return null


def null_starts(
    sequence: str, constituents: Sequence[Stretch], length: int, unknown: int
) -> np.ndarray:
    """Where stretches outside all constituents can begin: int64, ascending.

    Parameters
    ----------
    length
        Of a stretch.
    unknown
        The most N that it may hold: with more a shuffle would change less.
    """
    taken = np.zeros(len(sequence), np.int64)
    for stretch in constituents:
        taken[stretch.start : stretch.stop] = 1
    missing = np.frombuffer(sequence.encode(), np.uint8) == ord("N")
    inside, holes = (np.append(0, np.cumsum(mask)) for mask in (taken, missing))
    free = inside[length:] == inside[:-length]
    return np.flatnonzero(free & (holes[length:] - holes[:-length] <= unknown))


def room_for(starts: np.ndarray, length: int) -> int:
    """How many stretches that begin at some of ``starts`` (ascending) lie side by side."""
    number = position = 0
    while position < len(starts):
        number += 1
        position = int(np.searchsorted(starts, starts[position] + length))
    return number
