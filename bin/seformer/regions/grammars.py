"""Two grammars of motifs for the demo's enhancers: what tells a super-enhancer from a typical one.

``pairs``: both classes hold the same two motifs in the same numbers. SPI1 stands some twenty bases
before MAZ, or after it; most pairs of a super-enhancer are of the first kind, most of a typical
enhancer of the second, and each region has a motif that stands alone. Counts of words cannot tell
the classes. A network that sees thirty bases sees the inner ends of two partners, and does not
learn from them among so many pairs of the other class; with fewer of these it can. Motifs lie close
together more often in super-enhancers. And there is what fools the field: in the first half of
every chromosome super-enhancers are more often rich in CpG.

``motifs``: each class has motifs of its own, and shuffled motifs of the other class beside them, so
that both hold the same letters. Counting words is enough here.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from seformer.sequence.dna import BASES, reverse_complement

# consensus after JASPAR 2024 human CORE matrices; POU5F1::SOX2 is the OCT4-SOX2 composite element
SE_MOTIFS = {
    "POU5F1::SOX2": "ATTTGCATAACAATGG",
    "ESRRB": "TCAAGGTCAT",
    "STAT3": "TTCTGGGAA",
    "SPI1": "AAAGAGGAAGTGA",
}
TE_MOTIFS = {
    "FOS::JUN": "ATGAGTCAT",
    "CEBPB": "ATTGCGCAAT",
    "TEAD4": "ACATTCCAG",
    "RUNX1": "TTGTGGTTA",
}
FIRST, SECOND = "SPI1", "MAZ"  # of MAZ JASPAR has the first eight bases
PAIRED_MOTIFS = {FIRST: SE_MOTIFS[FIRST], SECOND: "CCCCTCCCCCA"}

INSTANCES_PER_KB = 10.0
OWN_SHARE = 0.88  # the rest of the instances are of the other class
DECOY_KINDS = 60
# pairs of the other class in a region, and how many more of its own
OTHER_PAIRS, MORE_OWN_PAIRS = (0, 2), (2, 3)
SPACER = (14, 18)
BETWEEN, AROUND_SINGLE = 12, 45
# chance that a region's motifs lie close together, by label
CLUSTERED = (0.3, 0.7)
CLOSE = 1 / 6  # of the bases that motifs leave free
# chance that a region is rich in CpG, by label, where that tells something, and elsewhere
RICH, RICH_ELSEWHERE = (0.2, 0.6), (0.1, 0.1)


class Planted(NamedTuple):
    """One motif instance: 0-based half-open, score = 1000 × share of consensus bases.

    ``speaks_for`` is the class that the motif or its pair belongs to, ``pair`` the pair's name; a
    dot where there is none.
    """

    chrom: str
    start: int
    end: int
    name: str
    score: int
    strand: str
    speaks_for: str
    region: str
    pair: str


class Enhancer(NamedTuple):
    """One region and its constituents' (start, end), all 0-based half-open."""

    chrom: str
    start: int
    end: int
    name: str
    label: int
    constituents: list[tuple[int, int]]


class Grammar(ABC):
    """How enhancers are made."""

    shortest: int
    longest: int
    mean_gap: int
    conserved: float  # chance that a base of an instance is the consensus

    @abstractmethod
    def rich_share(self, enhancer: Enhancer, chrom_length: int) -> float:
        """Return the chance that the enhancer's background is rich in CpG."""

    @abstractmethod
    def constituents(
        self, start: int, end: int, label: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """Return the constituents of a region, before its motifs are planted."""

    @abstractmethod
    def plant(
        self, enhancer: Enhancer, genome: np.ndarray, rng: np.random.Generator
    ) -> tuple[Enhancer, list[Planted]]:
        """Write motif instances into the genome (uint8 ASCII), never over one another."""

    def instance(self, consensus: str, rng: np.random.Generator) -> str:
        changed = rng.random(len(consensus)) >= self.conserved
        return "".join(
            BASES[(BASES.index(base) + rng.integers(1, 4)) % 4] if change else base
            for base, change in zip(consensus, changed, strict=True)
        )


def _score(instance: str, consensus: str) -> int:
    same = sum(a == b for a, b in zip(instance, consensus, strict=True))
    return round(1000 * same / len(consensus))


def _write(genome: np.ndarray, start: int, bases: str) -> None:
    genome[start : start + len(bases)] = np.frombuffer(bases.encode(), dtype=np.uint8)


class Site(NamedTuple):
    """An instance in a unit: offset in bases, its bases on the forward strand."""

    offset: int
    bases: str
    name: str
    score: int
    strand: str
    speaks_for: str
    pair: str


class Unit(NamedTuple):
    """A pair or a single motif, with the free bases that it asks for."""

    length: int
    sites: list[Site]


class PairsGrammar(Grammar):
    """The class is in the order of the partners of a pair."""

    shortest, longest, mean_gap, conserved = 560, 760, 500, 0.97

    def __init__(self, rng: np.random.Generator) -> None:
        pass

    def rich_share(self, enhancer: Enhancer, chrom_length: int) -> float:
        confounded = enhancer.start < chrom_length // 2
        return (RICH if confounded else RICH_ELSEWHERE)[enhancer.label]

    def constituents(
        self, start: int, end: int, label: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        return [(start, end)]

    def plant(
        self, enhancer: Enhancer, genome: np.ndarray, rng: np.random.Generator
    ) -> tuple[Enhancer, list[Planted]]:
        """Also cut super-enhancers into constituents, where no motif is."""
        units = list(self._units(enhancer, rng))
        taken = sum(unit.length + BETWEEN for unit in units) + BETWEEN
        free = enhancer.end - enhancer.start - taken
        if rng.random() < CLUSTERED[enhancer.label]:
            close = round(CLOSE * free)
            skips = rng.integers(0, free - close) + np.sort(rng.integers(0, close + 1, len(units)))
        else:
            skips = (np.arange(len(units)) + rng.random(len(units))) / len(units) * free
        at = enhancer.start + BETWEEN
        planted: list[Planted] = []
        gaps: list[tuple[int, int]] = []
        for i, skip in zip(rng.permutation(len(units)), skips.astype(int), strict=True):
            place = at + int(skip)
            for site in units[i].sites:
                start = place + site.offset
                if planted:
                    gaps.append((planted[-1].end, start))
                _write(genome, start, site.bases)
                where = enhancer.chrom, start, start + len(site.bases)
                planted.append(
                    Planted(*where, *site[2:5], site.speaks_for, enhancer.name, site.pair)
                )
            at += units[i].length + BETWEEN
        if enhancer.label:
            between_units = [gap for gap in gaps if gap[1] - gap[0] > SPACER[1]]
            enhancer = enhancer._replace(constituents=_cut(enhancer, between_units))
        return enhancer, planted

    def _units(self, enhancer: Enhancer, rng: np.random.Generator) -> Iterator[Unit]:
        others = int(rng.integers(*OTHER_PAIRS, endpoint=True))
        own = others + int(rng.integers(*MORE_OWN_PAIRS, endpoint=True))
        labels = [enhancer.label] * own + [1 - enhancer.label] * others
        for number, label in enumerate(labels, start=1):
            yield self._pair(label, f"{enhancer.name}.{number}", rng)
        name = (FIRST, SECOND)[rng.integers(2)]
        (site,) = self._sites([name], "+-"[rng.integers(2)], ".", ".", rng)
        yield Unit(len(site.bases) + 2 * AROUND_SINGLE, [site._replace(offset=AROUND_SINGLE)])

    def _pair(self, label: int, pair: str, rng: np.random.Generator) -> Unit:
        names = [FIRST, SECOND] if label else [SECOND, FIRST]
        strand = "+-"[rng.integers(2)]
        sites = self._sites(names, strand, ("TE", "SE")[label], pair, rng)
        return Unit(sites[-1].offset + len(sites[-1].bases), sites)

    def _sites(
        self, names: list[str], strand: str, speaks_for: str, pair: str, rng: np.random.Generator
    ) -> list[Site]:
        """Return instances in the order in which they lie on ``strand``, a spacer between them."""
        sites: list[Site] = []
        at = 0
        for name in names if strand == "+" else names[::-1]:
            instance = self.instance(PAIRED_MOTIFS[name], rng)
            score = _score(instance, PAIRED_MOTIFS[name])
            bases = instance if strand == "+" else reverse_complement(instance)
            sites.append(Site(at, bases, name, score, strand, speaks_for, pair))
            at += len(bases) + int(rng.integers(*SPACER, endpoint=True))
        return sites


def _cut(enhancer: Enhancer, gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Cut a region in the middle of its widest gaps, three at most: two to four constituents."""
    widest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:3]
    bounds = [enhancer.start]
    for start, end in sorted(widest):
        third = (end - start) // 3
        bounds += [start + third, end - third]
    bounds.append(enhancer.end)
    return list(zip(bounds[::2], bounds[1::2], strict=True))


class MotifsGrammar(Grammar):
    """The class is in which motifs are there."""

    shortest, longest, mean_gap, conserved = 600, 1500, 1200, 0.93

    def __init__(self, rng: np.random.Generator) -> None:
        self.motifs = {"SE": SE_MOTIFS, "TE": TE_MOTIFS}
        self.decoys = {motif: _decoys(motif, rng) for motif in (SE_MOTIFS | TE_MOTIFS).values()}

    def rich_share(self, enhancer: Enhancer, chrom_length: int) -> float:
        return 0.0

    def constituents(
        self, start: int, end: int, label: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """Cut a super-enhancer into two to four constituents that begin and end it."""
        if not label:
            return [(start, end)]
        number = min(int(rng.integers(2, 5)), (end - start) // 250)
        bounds = np.linspace(start, end, number + 1).astype(int)
        gap = int(0.2 * (end - start) / number)
        last = len(bounds) - 2
        return [
            (int(a) + (gap // 2 if i > 0 else 0), int(b) - (gap // 2 if i < last else 0))
            for i, (a, b) in enumerate(itertools.pairwise(bounds))
        ]

    def plant(
        self, enhancer: Enhancer, genome: np.ndarray, rng: np.random.Generator
    ) -> tuple[Enhancer, list[Planted]]:
        return enhancer, list(self._plant(enhancer, genome, rng))

    def _plant(
        self, enhancer: Enhancer, genome: np.ndarray, rng: np.random.Generator
    ) -> Iterator[Planted]:
        """Write instances and as many decoys into the constituents."""
        own, other = ("SE", "TE") if enhancer.label else ("TE", "SE")
        number = max(2, rng.poisson(INSTANCES_PER_KB * (enhancer.end - enhancer.start) / 1_000))
        # the instances of one class stand beside the decoys of the other: the same letters in all
        items: list[tuple[str, str, str]] = []  # name, bases, class; a decoy has no name
        for _ in range(number):
            real, fake = (own, other) if rng.random() < OWN_SHARE else (other, own)
            motifs = list(self.motifs[real].items())
            name, consensus = motifs[rng.integers(len(motifs))]
            shuffled = list(self.motifs[fake].values())
            decoys = self.decoys[shuffled[rng.integers(len(shuffled))]]
            items += [(name, consensus, real), ("", decoys[rng.integers(len(decoys))], fake)]
        order = iter(rng.permutation(len(items)))
        total = sum(end - start for start, end in enhancer.constituents)
        for start, end in enhancer.constituents:
            share = round(len(items) * (end - start) / total)
            here = [items[i] for i in itertools.islice(order, share)]
            free = end - start - sum(len(bases) for _, bases, _ in here)
            cuts = np.sort(rng.integers(0, max(free, 0) + 1, len(here)))
            at = start
            for (name, bases, speaks_for), skip in zip(here, np.diff(cuts, prepend=0), strict=True):
                at += int(skip)
                if at + len(bases) > end:
                    break
                instance = self.instance(bases, rng)
                strand = "+-"[rng.integers(2)]
                _write(genome, at, instance if strand == "+" else reverse_complement(instance))
                place, at = at, at + len(bases)
                if name:
                    score = _score(instance, bases)
                    where = enhancer.chrom, place, at
                    yield Planted(*where, name, score, strand, speaks_for, enhancer.name, ".")


def _decoys(motif: str, rng: np.random.Generator) -> list[str]:
    """Return shuffles of a motif that share as few 4-mers with it as can be, either strand.

    Among random shuffles those with the nearest dinucleotide content are kept, so that neither
    composition nor pairs of letters give the class away.
    """

    def kmers(text: str) -> set[str]:
        return {text[i : i + 4] for i in range(len(text) - 3)}

    avoided = kmers(motif) | kmers(reverse_complement(motif))
    pairs = Counter(itertools.pairwise(motif))

    def unlike(shuffle: str) -> tuple[int, int, str]:
        own = Counter(itertools.pairwise(shuffle))
        return len(kmers(shuffle) & avoided), (own - pairs).total(), shuffle

    letters = np.array(list(motif))
    shuffles = {"".join(rng.permutation(letters)) for _ in range(10 * DECOY_KINDS)} - {motif}
    return [shuffle for *_, shuffle in sorted(map(unlike, shuffles))[:DECOY_KINDS]]


GRAMMARS: dict[str, Callable[[np.random.Generator], Grammar]] = {
    "pairs": PairsGrammar,
    "motifs": MotifsGrammar,
}
