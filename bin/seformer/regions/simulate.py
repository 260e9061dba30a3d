"""The demo genome: enhancers whose class is in their motifs, not in length or composition.

Super-enhancers are clusters of constituents merged to one region, typical enhancers are single.
Each carries motif instances of its own class, a few of the other, and as many decoys: shuffled
motifs of the other class. So both classes hold the same letters, in regions of the same lengths
on the same background, and only the order of the letters tells them apart.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seformer.genome.bgzf import BgzipWriter
from seformer.genome.genome import Genome
from seformer.regions.settings import SimulateSettings
from seformer.sequence.dna import BASE_LETTERS, BASES, reverse_complement
from seformer.util.atomic import output_folder
from seformer.util.settings import takes

logger = logging.getLogger(__name__)

# consensus of JASPAR 2024 human CORE matrices; the first is the OCT4-SOX2 composite element
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
MOTIFS = {"SE": SE_MOTIFS, "TE": TE_MOTIFS}
# chr7 and chr10 are the chromosomes held out by default; lengths in kb for size "tiny"
CHROMOSOMES = {
    "chr1": 440,
    "chr2": 400,
    "chr3": 360,
    "chr5": 320,
    "chr7": 300,
    "chr8": 260,
    "chr10": 260,
    "chr12": 260,
}
SIZES = {"tiny": 1, "small": 6}
HELD_OUT = ("chr7", "chr10")

MIN_REGION, MAX_REGION = 600, 1500
MEAN_GAP, MIN_GAP = 1200, 150
SE_SHARE = 0.4
TELOMERE = 1_000
INSTANCES_PER_KB = 10.0
OWN_SHARE = 0.88  # the rest of the instances are of the other class
CONSERVED = 0.93  # chance that a base of an instance is the consensus
DECOY_KINDS = 60
ISOCHORE = 8_000
MASKED_SHARE = 0.2


class Planted(NamedTuple):
    """One motif instance: 0-based half-open, score = 1000 × share of consensus bases."""

    chrom: str
    start: int
    end: int
    name: str
    score: int
    strand: str
    motif_class: str
    region: str


class Enhancer(NamedTuple):
    """One region and its constituents' (start, end), all 0-based half-open."""

    chrom: str
    start: int
    end: int
    name: str
    label: int
    constituents: list[tuple[int, int]]


@takes(SimulateSettings)
def simulate(out: str | PathLike[str], settings: SimulateSettings) -> dict:
    """Write the demo data; the same seed and size give the same bytes.

    Parameters
    ----------
    out
        Folder for ``genome.fa.gz`` (bgzipped, with indexes), ``super_enhancers.bed`` and
        ``typical_enhancers.bed`` (BED12, constituents as blocks), ``samplesheet.csv`` (paths
        relative to the sheet), ``truth.bed`` (every planted instance: BED6, class of the motif,
        region), ``regions_to_score.bed`` and ``regions_to_explain.bed`` (held-out chromosomes).
    seed
        Seed of everything random.
    size
        ``tiny`` (2.6 Mb, about 1,100 regions) or ``small`` (six times that).

    Returns
    -------
    dict
        Counts of bases, regions and instances.
    """
    lengths = {name: kb * 1_000 * SIZES[settings.size] for name, kb in CHROMOSOMES.items()}
    rng = np.random.default_rng(settings.seed)
    decoys = {motif: _decoys(motif, rng) for motif in (SE_MOTIFS | TE_MOTIFS).values()}
    enhancers: list[Enhancer] = []
    truth: list[Planted] = []
    with output_folder(out) as staging:
        with BgzipWriter(staging / "genome.fa.gz") as fasta:
            for chrom, length in lengths.items():
                genome = _background(length, rng)
                placed = list(_place(chrom, length, rng))
                for enhancer in placed:
                    truth.extend(_plant(enhancer, genome, decoys, rng))
                _mask(genome, rng)
                fasta.write(_fasta(chrom, genome))
                enhancers.extend(placed)
        Genome(staging / "genome.fa.gz").close()  # makes the indexes
        _write_tables(staging, enhancers, truth, lengths, rng)
    counts = {
        "bases": sum(lengths.values()),
        "super_enhancers": sum(e.label for e in enhancers),
        "typical_enhancers": sum(1 - e.label for e in enhancers),
        "motif_instances": len(truth),
    }
    logger.info("simulated %s", ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _background(length: int, rng: np.random.Generator) -> np.ndarray:
    """Return bases (uint8 ASCII) of a first-order chain whose GC drifts, poor in CpG.

    All isochores grow at once, a base per step, each with its own transition matrix.
    """
    pieces = -(-length // ISOCHORE)
    gc = np.clip(np.cumsum(rng.normal(0, 0.02, pieces)) + 0.41, 0.36, 0.48)
    base = np.stack([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], axis=1)
    favour = np.ones((4, 4))
    favour[1, 2] = 0.3  # CpG
    favour[3, 2] = favour[1, 0] = 1.25  # what CpG decays to: TpG, CpA
    favour[0, 0] = favour[3, 3] = 1.15
    step = base[:, None, :] * favour
    step = np.cumsum(step / step.sum(axis=2, keepdims=True), axis=2)
    grown = np.empty((ISOCHORE, pieces), dtype=np.uint8)
    state = rng.integers(0, 4, pieces)
    rows = np.arange(pieces)
    for i in range(ISOCHORE):
        state = np.minimum((rng.random((pieces, 1)) > step[rows, state]).sum(axis=1), 3)
        grown[i] = state
    genome = BASE_LETTERS[grown.T.reshape(-1)[:length]].copy()
    genome[:TELOMERE] = genome[-TELOMERE:] = ord("N")
    return genome


def _place(chrom: str, length: int, rng: np.random.Generator) -> Iterator[Enhancer]:
    """Lay regions along a chromosome; both classes get the same quantiles of length."""
    number = int((length - 2 * TELOMERE) / ((MIN_REGION + MAX_REGION) / 2 + MIN_GAP + MEAN_GAP))
    supers = round(number * SE_SHARE)
    label = np.repeat([1, 0], [supers, number - supers])
    quantile = np.concatenate(
        [(np.arange(n) + rng.random(n)) / n for n in (supers, number - supers)]
    )
    lengths = (MIN_REGION + quantile * (MAX_REGION - MIN_REGION)).astype(int)
    order = rng.permutation(number)
    spare = length - 2 * TELOMERE - int(lengths.sum()) - MIN_GAP * (number + 1)
    gaps = MIN_GAP + np.diff(np.sort(rng.integers(0, spare + 1, number)), prepend=0)
    start = TELOMERE
    for rank, i in enumerate(order, start=1):
        start += int(gaps[rank - 1])
        end = start + int(lengths[i])
        name = f"{'SE' if label[i] else 'TE'}_{chrom}_{rank}"
        constituents = _constituents(start, end, rng) if label[i] else [(start, end)]
        yield Enhancer(chrom, start, end, name, int(label[i]), constituents)
        start = end


def _constituents(start: int, end: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Cut a super-enhancer into two to four constituents that begin and end it."""
    number = min(int(rng.integers(2, 5)), (end - start) // 250)
    bounds = np.linspace(start, end, number + 1).astype(int)
    gap = int(0.2 * (end - start) / number)
    last = len(bounds) - 2
    return [
        (int(a) + (gap // 2 if i > 0 else 0), int(b) - (gap // 2 if i < last else 0))
        for i, (a, b) in enumerate(itertools.pairwise(bounds))
    ]


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


def _plant(
    enhancer: Enhancer,
    genome: np.ndarray,
    decoys: dict[str, list[str]],
    rng: np.random.Generator,
) -> Iterator[Planted]:
    """Write instances and as many decoys into the constituents, never over one another."""
    own, other = ("SE", "TE") if enhancer.label else ("TE", "SE")
    number = max(2, rng.poisson(INSTANCES_PER_KB * (enhancer.end - enhancer.start) / 1_000))
    # the instances of one class stand beside the decoys of the other: the same letters in all
    items: list[tuple[str, str, str]] = []  # name, bases, class; a decoy has no name
    for _ in range(number):
        real, fake = (own, other) if rng.random() < OWN_SHARE else (other, own)
        name, consensus = list(MOTIFS[real].items())[rng.integers(len(MOTIFS[real]))]
        shuffled = list(MOTIFS[fake].values())[rng.integers(len(MOTIFS[fake]))]
        decoy = decoys[shuffled][rng.integers(len(decoys[shuffled]))]
        items += [(name, consensus, real), ("", decoy, fake)]
    order = iter(rng.permutation(len(items)))
    total = sum(end - start for start, end in enhancer.constituents)
    for start, end in enhancer.constituents:
        share = round(len(items) * (end - start) / total)
        here = [items[i] for i in itertools.islice(order, share)]
        free = end - start - sum(len(bases) for _, bases, _ in here)
        cuts = np.sort(rng.integers(0, max(free, 0) + 1, len(here)))
        at = start
        for (name, bases, motif_class), skip in zip(here, np.diff(cuts, prepend=0), strict=True):
            at += int(skip)
            if at + len(bases) > end:
                break
            instance = _instance(bases, rng)
            strand = "+-"[rng.integers(2)]
            written = instance if strand == "+" else reverse_complement(instance)
            place = slice(at, at + len(bases))
            genome[place] = np.frombuffer(written.encode(), dtype=np.uint8)
            at = place.stop
            if name:
                same = sum(a == b for a, b in zip(instance, bases, strict=True))
                score = round(1000 * same / len(bases))
                yield Planted(
                    *(enhancer.chrom, place.start, place.stop, name, score, strand),
                    *(motif_class, enhancer.name),
                )


def _instance(consensus: str, rng: np.random.Generator) -> str:
    changed = rng.random(len(consensus)) >= CONSERVED
    return "".join(
        BASES[(BASES.index(base) + rng.integers(1, 4)) % 4] if change else base
        for base, change in zip(consensus, changed, strict=True)
    )


def _mask(genome: np.ndarray, rng: np.random.Generator) -> None:
    """Turn stretches to lower case, as repeat masking does; the bases stay the same."""
    for start in rng.integers(0, len(genome), int(MASKED_SHARE * len(genome) / 300)):
        genome[start : start + 300] |= 0x20


def _fasta(chrom: str, genome: np.ndarray, width: int = 60) -> bytes:
    text = genome.tobytes()
    lines = (text[i : i + width] for i in range(0, len(text), width))
    return f">{chrom}\n".encode() + b"\n".join(lines) + b"\n"


def _write_tables(
    folder: Path,
    enhancers: list[Enhancer],
    truth: list[Planted],
    lengths: dict[str, int],
    rng: np.random.Generator,
) -> None:
    for file, label, colour in (
        ("super_enhancers.bed", 1, "178,24,43"),
        ("typical_enhancers.bed", 0, "33,102,172"),
    ):
        rows = [_bed12(e, colour) for e in enhancers if e.label == label]
        _write_bed(folder / file, rows)
    _write_bed(folder / "truth.bed", sorted(truth, key=lambda t: (list(lengths).index(t[0]), t[1])))
    held_out = [e for e in enhancers if e.chrom in HELD_OUT]
    elsewhere = []
    for chrom in HELD_OUT:
        for length in rng.integers(200, 5_000, 20):
            start = int(rng.integers(TELOMERE, lengths[chrom] - TELOMERE - length))
            elsewhere.append((chrom, start, start + int(length)))
    places = sorted([(e.chrom, e.start, e.end) for e in held_out] + elsewhere)
    _write_bed(
        folder / "regions_to_score.bed",
        [(*place, f"region_{i}", 0, ".") for i, place in enumerate(places, start=1)],
    )
    explained = [e for label in (1, 0) for e in [e for e in held_out if e.label == label][:8]]
    _write_bed(
        folder / "regions_to_explain.bed",
        [(e.chrom, e.start, e.end, e.name, 0, ".") for e in explained],
    )
    (folder / "samplesheet.csv").write_text(
        "sample,super_enhancers,typical_enhancers\n"
        "simulated,super_enhancers.bed,typical_enhancers.bed\n",
        encoding="utf-8",
    )


def _bed12(e: Enhancer, colour: str) -> tuple:
    sizes = ",".join(str(end - start) for start, end in e.constituents)
    starts = ",".join(str(start - e.start) for start, _ in e.constituents)
    blocks = (len(e.constituents), sizes, starts)
    return (e.chrom, e.start, e.end, e.name, 0, ".", e.start, e.end, colour, *blocks)


def _write_bed(path: Path, rows: list[tuple]) -> None:
    lines = ("\t".join(map(str, row)) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
