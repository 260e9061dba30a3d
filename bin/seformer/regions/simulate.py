"""The demo genome: enhancers of two classes, of the same lengths, whose motifs tell them apart.

Super-enhancers are clusters of constituents merged to one region, typical enhancers are single.
`grammars` says in what their motifs differ.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np

from seformer.genome.bgzf import BgzipWriter
from seformer.genome.genome import Genome
from seformer.regions.grammars import GRAMMARS, Enhancer, Grammar, Planted
from seformer.regions.settings import SimulateSettings
from seformer.regions.simulated_signal import PEAKS_FILE, SIGNAL_FILE, write_signal
from seformer.regions.simulated_variants import write_variants
from seformer.sequence.dna import BASE_LETTERS
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
GENOME, TRUTH = "genome.fa.gz", "truth.bed"

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
CLASSES = ("super", "typical")

MIN_GAP = 150
SE_SHARE = 0.4
TELOMERE = 1_000
ISOCHORE = 8_000
MASKED_SHARE = 0.2
# CpG in the background, as a share of what chance would give
POOR, RICH = 0.3, 0.9


@takes(SimulateSettings)
def simulate(out: str | PathLike[str], settings: SimulateSettings) -> dict:
    """Write the demo data; the same seed and size give the same bytes.

    Parameters
    ----------
    out
        Folder for ``genome.fa.gz`` (bgzipped, with indexes), ``super_enhancers.bed`` and
        ``typical_enhancers.bed`` (BED12, constituents as blocks), ``samplesheet.csv`` (paths
        relative to the sheet), ``truth.bed`` (every planted instance: BED6, the class that it
        speaks for, region, pair; a dot where there is none), ``regions_to_score.bed`` and
        ``regions_to_explain.bed`` (held-out chromosomes); ``signal.bw``, ``peaks.narrowPeak`` and
        ``samplesheet_from_peaks.csv``, from which ``seformer call`` with a ``stitch`` of
        `simulated_signal.STITCH` calls the same super- and typical enhancers; ``variants.vcf``, of
        which half lie in planted motifs and are named after them.
    grammar
        ``pairs`` (the class is in the order of paired motifs) or ``motifs`` (in which motifs there
        are); see `grammars`.
    seed
        Seed of everything random.
    size
        ``tiny`` (2.6 Mb, about 1,900 regions, 1,100 with ``motifs``) or ``small`` (six times that).

    Returns
    -------
    dict
        Counts of bases, regions and instances.
    """
    lengths = {name: kb * 1_000 * SIZES[settings.size] for name, kb in CHROMOSOMES.items()}
    rng = np.random.default_rng(settings.seed)
    grammar = GRAMMARS[settings.grammar](rng)
    enhancers: list[Enhancer] = []
    truth: list[Planted] = []
    _require_own(Path(out))
    with output_folder(out) as staging:
        with BgzipWriter(staging / GENOME) as fasta:
            for chrom, length in lengths.items():
                genome = _background(length, POOR, rng)
                placed = list(_place(chrom, length, grammar, rng))
                _enrich(placed, genome, grammar, rng)
                for enhancer in placed:
                    planted, instances = grammar.plant(enhancer, genome, rng)
                    enhancers.append(planted)
                    truth.extend(instances)
                _mask(genome, rng)
                fasta.write(_fasta(chrom, genome))
        with Genome(staging / GENOME) as written:  # makes the indexes
            held_out = [enhancer for enhancer in enhancers if enhancer.chrom in HELD_OUT]
            write_variants(staging, written, held_out, truth, settings.seed)
        _write_tables(staging, enhancers, truth, lengths, rng)
        write_signal(staging, enhancers, lengths, settings.seed)
    counts = {
        "bases": sum(lengths.values()),
        "super_enhancers": sum(e.label for e in enhancers),
        "typical_enhancers": sum(1 - e.label for e in enhancers),
        "motif_instances": len(truth),
    }
    logger.info("simulated %s", ", ".join(f"{n} {name}" for name, n in counts.items()))
    return counts


def _require_own(out: Path) -> None:
    """Refuse a folder with a genome of somebody's: an earlier simulation may be replaced."""
    if (out / GENOME).exists() and not (out / TRUTH).exists():
        raise UserError(
            "a genome is there that was not simulated, and is not overwritten",
            where=out / GENOME,
            do="choose another --out folder",
        )


def _background(length: int, cpg: float, rng: np.random.Generator) -> np.ndarray:
    """Return bases (uint8 ASCII) of a first-order chain whose GC drifts, with a share of CpG.

    All isochores grow at once, a base per step, each with its own transition matrix.
    """
    pieces = -(-length // ISOCHORE)
    gc = np.clip(np.cumsum(rng.normal(0, 0.02, pieces)) + 0.41, 0.36, 0.48)
    base = np.stack([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2], axis=1)
    favour = np.ones((4, 4))
    favour[1, 2] = cpg
    favour[3, 2] = favour[1, 0] = 1.25  # what CpG decays to: TpG, CpA
    favour[0, 0] = favour[3, 3] = 1.15
    step = base[:, None, :] * favour
    step = np.cumsum(step / step.sum(axis=2, keepdims=True), axis=2)
    state, rows = rng.integers(0, 4, pieces), np.arange(pieces)
    # what would follow each of the four bases, at every step
    drawn = rng.random((ISOCHORE, pieces, 1, 1))
    follows = np.minimum((drawn > step).sum(axis=3, dtype=np.uint8), 3)
    grown = np.empty((ISOCHORE, pieces), dtype=np.uint8)
    for i in range(ISOCHORE):
        grown[i] = state = follows[i, rows, state]
    genome = BASE_LETTERS[grown.T.reshape(-1)[:length]].copy()
    genome[:TELOMERE] = genome[-TELOMERE:] = ord("N")
    return genome


def _place(
    chrom: str, length: int, grammar: Grammar, rng: np.random.Generator
) -> Iterator[Enhancer]:
    """Lay regions along a chromosome; both classes get the same quantiles of length."""
    shortest, longest = grammar.shortest, grammar.longest
    spacing = (shortest + longest) / 2 + MIN_GAP + grammar.mean_gap
    number = int((length - 2 * TELOMERE) / spacing)
    supers = round(number * SE_SHARE)
    label = np.repeat([1, 0], [supers, number - supers])
    quantile = np.concatenate(
        [(np.arange(n) + rng.random(n)) / n for n in (supers, number - supers)]
    )
    lengths = (shortest + quantile * (longest - shortest)).astype(int)
    order = rng.permutation(number)
    spare = length - 2 * TELOMERE - int(lengths.sum()) - MIN_GAP * (number + 1)
    gaps = MIN_GAP + np.diff(np.sort(rng.integers(0, spare + 1, number)), prepend=0)
    start = TELOMERE
    for rank, i in enumerate(order, start=1):
        start += int(gaps[rank - 1])
        end = start + int(lengths[i])
        name = f"{'SE' if label[i] else 'TE'}_{chrom}_{rank}"
        constituents = grammar.constituents(start, end, int(label[i]), rng)
        yield Enhancer(chrom, start, end, name, int(label[i]), constituents)
        start = end


def _enrich(
    enhancers: list[Enhancer], genome: np.ndarray, grammar: Grammar, rng: np.random.Generator
) -> None:
    """Give some of the enhancers a background that is rich in CpG."""
    shares = [grammar.rich_share(enhancer, len(genome)) for enhancer in enhancers]
    if not any(shares):
        return
    rich = _background(len(genome), RICH, rng)
    for enhancer, drawn in zip(enhancers, rng.random(len(shares)) < shares, strict=True):
        if drawn:
            genome[enhancer.start : enhancer.end] = rich[enhancer.start : enhancer.end]


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
    _write_bed(folder / TRUTH, sorted(truth, key=lambda t: (list(lengths).index(t[0]), t[1])))
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
    for file, columns in (
        ("samplesheet.csv", {f"{name}_enhancers": f"{name}_enhancers.bed" for name in CLASSES}),
        ("samplesheet_from_peaks.csv", {"peaks": PEAKS_FILE, "signal": SIGNAL_FILE}),
    ):
        head, row = ",".join(["sample", *columns]), ",".join(["simulated", *columns.values()])
        (folder / file).write_text(f"{head}\n{row}\n", encoding="utf-8")


def _bed12(e: Enhancer, colour: str) -> tuple:
    sizes = ",".join(str(end - start) for start, end in e.constituents)
    starts = ",".join(str(start - e.start) for start, _ in e.constituents)
    blocks = (len(e.constituents), sizes, starts)
    return (e.chrom, e.start, e.end, e.name, 0, ".", e.start, e.end, colour, *blocks)


def _write_bed(path: Path, rows: list[tuple]) -> None:
    lines = ("\t".join(map(str, row)) + "\n" for row in rows)
    path.write_text("".join(lines), encoding="utf-8")
