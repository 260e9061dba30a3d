"""Random substitutions that a variant is compared with: how they are drawn, and p and q of them.

A model has an effect for any change, so a difference says little by itself: what counts is how it
stands among those of substitutions at random places of the same regions. They are drawn in the
trinucleotide contexts of the variants (a C>T in CpG is not compared with any T>G), strands folded
as of mutational signatures (Alexandrov et al., Nature 2013): 96 kinds such as ``A[C>T]G``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seformer.genome.genome import Genome
from seformer.scoring.alleles import Allele, Span
from seformer.sequence.dna import BASES, base_codes
from seformer.sequence.shuffle import generator
from seformer.util.ranks import false_discovery_rates

# a null of fewer cannot tell a p below 1/201: the next wider one is taken
LEAST = 200
# regions are taken in random order until they hold so many bases: memory stays flat
MAX_BASES = 50_000_000
# effects this near are equal: that of the same change in another batch differs by rounding
EQUAL = 1e-6
NO_CONTEXT = -1
# which null a p is of, the narrowest first
SAME_SUBSTITUTION, SAME_CONTEXT, ALL = "substitution", "context", "all"
# contexts are numbered by their three bases, the middle one a pyrimidine: C 0, T 1
_CONTEXTS = 32


class Draw(NamedTuple):
    """One random substitution: ``position`` is 0-based, ``kind`` as of `kinds_of`."""

    span: Span
    position: int
    reference: str
    alternative: str
    kind: int


class Compared(NamedTuple):
    """Effects beside their null.

    Attributes
    ----------
    p
        float64 ``[effects]``: (1 + null effects at least as large) / (1 + null effects), of
        absolute values; NaN where there is no null, as for what is no substitution.
    null
        Which null that is: `SAME_SUBSTITUTION`, `SAME_CONTEXT`, `ALL`, or nothing.
    size
        int64 ``[effects]``: substitutions in it.
    """

    p: np.ndarray
    null: list[str]
    size: np.ndarray

    @property
    def q(self) -> np.ndarray:
        """False discovery rates (Benjamini and Hochberg) over all effects with a p."""
        return false_discovery_rates(self.p)


# ------------------------------------------------------------------------- kinds of substitutions


def folded_contexts(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the trinucleotides of a sequence, each on the strand where its middle is C or T.

    Parameters
    ----------
    codes
        int8 ``[bases + 2]``, see `base_codes`: the sequence with a base more on either side.

    Returns
    -------
    tuple
        int8 ``[bases]``, 0 to 31, or `NO_CONTEXT` beside a letter other than A, C, G, T; and bool
        ``[bases]``, whether it was read on the other strand.
    """
    left, middle, right = codes[:-2], codes[1:-1], codes[2:]
    other = (middle == 0) | (middle == 2)
    first, last = np.where(other, 3 - right, left), np.where(other, 3 - left, right)
    context = 16 * (np.where(other, 3 - middle, middle) // 2) + 4 * first + last
    known = (left >= 0) & (middle >= 0) & (right >= 0)
    return np.where(known, context, NO_CONTEXT).astype(np.int8), other


def kinds_of(alleles: Sequence[Allele], genome: Genome) -> np.ndarray:
    """Number the kinds of substitutions: context × 4 + the base put in, on the folded strand.

    int64 ``[alleles]``; `NO_CONTEXT` for what is no substitution or stands beside N.
    """
    kinds = np.full(len(alleles), NO_CONTEXT, np.int64)
    for number, allele in enumerate(alleles):
        if (at := allele.replaced) is not None and not allele.status:
            start = allele.start + at
            codes = _codes(genome, allele.chrom, start, start + 1)
            (context,), (other,) = folded_contexts(codes)
            base = BASES.index(allele.alternative[at])
            if context != NO_CONTEXT:
                kinds[number] = context * 4 + (3 - base if other else base)
    return kinds


def kind_name(kind: int) -> str:
    """Name a kind as ``A[C>T]G``; nothing for `NO_CONTEXT`."""
    if kind == NO_CONTEXT:
        return ""
    context, put_in = divmod(int(kind), 4)
    middle, outer = divmod(context, 16)
    return f"{BASES[outer // 4]}[{'CT'[middle]}>{BASES[put_in]}]{BASES[outer % 4]}"


def _codes(genome: Genome, chrom: str, start: int, end: int) -> np.ndarray:
    """Codes of bases with one more on either side, −1 past the chromosome's ends."""
    first, last = max(start - 1, 0), min(end + 1, genome.chromosomes[chrom])
    codes = base_codes(genome.fetch(chrom, first, last))
    return np.pad(codes, (first - start + 1, end + 1 - last), constant_values=-1)


# ------------------------------------------------------------------------- drawing


def draw_null(
    spans: Sequence[Span],
    alleles: Sequence[Allele],
    kinds: np.ndarray,
    genome: Genome,
    number: int,
    seed: int,
) -> list[Draw]:
    """Draw random substitutions in ``spans``, each at most once, none where an allele lies.

    Each kind gets its share among the ``alleles`` (``kinds`` as of `kinds_of`). Where the regions
    have too few places of a kind, others in the same contexts make up for it, then any. The draw
    depends on the whole set and the seed alone.

    Returns
    -------
    list of Draw
        At most ``number``, along the genome: by region, then by position.
    """
    asked = Counter(kinds[kinds != NO_CONTEXT].tolist())
    if not (number and asked):
        return []
    random = generator("substitutions of the null", seed)
    rank = {chrom: row for row, chrom in enumerate(genome.chromosomes)}
    spans = sorted(spans, key=lambda span: (rank[span.chrom], *span[1:]))
    spans, context = _places(spans, alleles, genome, random)
    ends = np.cumsum([span.end - span.start for span in spans])
    cells, lacking = [np.empty(0, np.int64)], Counter()
    for kind, share in sorted(_shares(asked, number).items()):
        places = np.flatnonzero((context >= 0) & ((context & 31) == kind // 4))
        drawn = random.choice(places, min(share, len(places)), replace=False, shuffle=False)
        cells.append(drawn * 4 + kind % 4)
        lacking[kind // 4] += share - len(drawn)
    for wanted, missing in sorted(lacking.items()):
        places = (
            np.flatnonzero((context >= 0) & ((context & 31) == wanted))
            if missing
            else np.empty(0, np.int64)
        )
        cells.append(_others(places, context, np.concatenate(cells), missing, random))
    missing = number - sum(map(len, cells))
    places = np.flatnonzero(context >= 0) if missing else np.empty(0, np.int64)
    # three substitutions a place, so that as many places as are asked for hold enough of them
    places = random.choice(places, min(number, len(places)), replace=False, shuffle=False)
    cells.append(_others(places, context, np.concatenate(cells), missing, random))
    draws = []
    for cell in np.sort(np.concatenate(cells)).tolist():
        place, base = divmod(cell, 4)
        row = int(np.searchsorted(ends, place, side="right"))
        span = spans[row]
        position = span.start + place - int(ends[row]) + span.end - span.start
        other = context[place] & _CONTEXTS
        alternative = BASES[3 - base if other else base]
        reference = genome.fetch(span.chrom, position, position + 1)
        kind = int(context[place] & 31) * 4 + base
        draws.append(Draw(span, position, reference, alternative, kind))
    return draws


def _places(
    spans: Sequence[Span], alleles: Sequence[Allele], genome: Genome, random: np.random.Generator
) -> tuple[list[Span], np.ndarray]:
    """The regions that are drawn from, and the context of their bases end to end.

    int8 ``[bases]``: 0 to 31, with 32 added where it was read on the other strand; `NO_CONTEXT`
    where nothing may be drawn.
    """
    lengths = np.array([span.end - span.start for span in spans])
    order = np.arange(len(spans))
    if lengths.sum() > MAX_BASES:
        order = random.permutation(len(spans))
        order = np.sort(order[: 1 + np.searchsorted(np.cumsum(lengths[order]), MAX_BASES)])
    taken: dict[str, list[np.ndarray]] = defaultdict(list)
    for allele in alleles:
        if not allele.status:
            taken[allele.chrom].append(np.arange(allele.start, allele.end))
    barred = {chrom: np.unique(np.concatenate(parts)) for chrom, parts in taken.items()}
    parts = []
    for row in order.tolist():
        chrom, start, end, _ = spans[row]
        context, other = folded_contexts(_codes(genome, chrom, start, end))
        context = np.where((context >= 0) & other, context + _CONTEXTS, context).astype(np.int8)
        if chrom in barred:
            first, last = np.searchsorted(barred[chrom], [start, end])
            context[barred[chrom][first:last] - start] = NO_CONTEXT
        parts.append(context)
    return [spans[row] for row in order], np.concatenate(parts)


def _shares(asked: Counter, number: int) -> dict[int, int]:
    """Share ``number`` among kinds as they were asked for, by largest remainders."""
    kinds = sorted(asked)
    exact = number * np.array([asked[kind] for kind in kinds]) / asked.total()
    shares = np.floor(exact).astype(int)
    largest = np.argsort(shares - exact, kind="stable")[: number - shares.sum()]
    shares[largest] += 1
    return dict(zip(kinds, shares.tolist(), strict=True))


def _others(
    places: np.ndarray,
    context: np.ndarray,
    drawn: np.ndarray,
    number: int,
    random: np.random.Generator,
) -> np.ndarray:
    """Draw ``number`` substitutions of any kind at these places that are not drawn yet."""
    if not (number > 0 and len(places)):
        return np.empty(0, np.int64)
    cells = (np.asarray(places)[:, None] * 4 + np.arange(4)).ravel()
    # C and T are the middle of the folded context: code 1 and 3
    own = np.repeat(2 * ((context[places] & 31) // 16) + 1, 4)
    cells = np.setdiff1d(cells[cells % 4 != own], drawn)
    return random.choice(cells, min(number, len(cells)), replace=False, shuffle=False)


# ------------------------------------------------------------------------- comparing


def compare(
    effects: np.ndarray, kinds: np.ndarray, tested: np.ndarray, null: np.ndarray, of: np.ndarray
) -> Compared:
    """Compare effects with those of the null's own kind, else of its context, else all.

    The narrowest null of `LEAST` substitutions or more is taken; if there is none, all of it.

    Parameters
    ----------
    effects
        float64 ``[effects]``; ``kinds`` int64 are theirs, ``tested`` says which have a null.
    null
        float64 ``[null]``: effects of the null; ``of`` int64 are their kinds.
    """
    size = np.abs(null)
    sets = {ALL: {0: np.sort(size)}, SAME_CONTEXT: {}, SAME_SUBSTITUTION: {}}
    for name, groups in ((SAME_CONTEXT, of // 4), (SAME_SUBSTITUTION, of)):
        sets[name] = {int(group): np.sort(size[groups == group]) for group in np.unique(groups)}
    p, counts = np.full(len(effects), np.nan), np.zeros(len(effects), np.int64)
    names = [""] * len(effects)
    for i in np.flatnonzero(tested & np.isfinite(effects) & (len(null) > 0)).tolist():
        kind = int(kinds[i])
        ways = ((SAME_SUBSTITUTION, kind), (SAME_CONTEXT, kind // 4))
        ways = [way for way in ways if kind != NO_CONTEXT] + [(ALL, 0)]
        sizes = [(name, sets[name].get(group, ())) for name, group in ways]
        names[i], values = next(way for way in sizes if len(way[1]) >= LEAST or way[0] == ALL)
        counts[i] = len(values)
        least = np.searchsorted(values, abs(effects[i]) - EQUAL, side="left")
        p[i] = (1 + len(values) - least) / (1 + len(values))
    return Compared(p, names, counts)


def quantiles_in(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of the null's values that are at most each value: float64; NaN without a null."""
    if not len(null):
        return np.full(len(values), np.nan)
    rank = np.searchsorted(np.sort(null), np.asarray(values) + EQUAL, side="right") / len(null)
    return np.where(np.isfinite(values), rank, np.nan)
