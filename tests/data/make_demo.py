"""Makes tests/data/demo: the beginnings of five chromosomes of the simulated genome.

    seformer simulate --grammar motifs --out /tmp/demo
    python tests/data/make_demo.py /tmp/demo

Small enough for the repository, so that `-profile test` runs without any preparation. Upper case
throughout, which compresses better. And motifs.meme: the eight planted motifs among random ones.
Called from the peaks and the signal with --stitch 100 the enhancers are the same.
"""

import sys
from pathlib import Path

import numpy as np
import pybigtools
import pysam

from seformer.regions.grammars import SE_MOTIFS, TE_MOTIFS, MotifsGrammar
from seformer.sequence.dna import BASES

KEPT = {"chr1": 220_000, "chr2": 200_000, "chr5": 120_000, "chr7": 150_000, "chr10": 120_000}
HERE = Path(__file__).parent / "demo"
TO_SCORE, TO_EXPLAIN = 60, 6
DECOYS = 32


def lines_inside(bed: Path) -> list[str]:
    """Return the lines of the regions that lie in the kept part."""
    lines = bed.read_text().splitlines()
    return [line for line in lines if int(line.split("\t")[2]) <= KEPT.get(line.split("\t")[0], 0)]


def write_signal(source: Path) -> None:
    """Write the kept part of the signal."""
    with pybigtools.open(str(source / "signal.bw")) as track:
        items = [
            (name, *item) for name in sorted(KEPT) for item in track.records(name, 0, KEPT[name])
        ]
    pybigtools.open(str(HERE / "signal.bw"), "w").write(KEPT, iter(items))


def motifs() -> str:
    """Return the planted motifs and as many others as a motif file needs, in MEME format."""
    random = np.random.default_rng(1)
    known = SE_MOTIFS | TE_MOTIFS
    for i in range(1, DECOYS + 1):
        known[f"decoy_{i:02d}"] = "".join(random.choice(list(BASES), random.integers(8, 15)))
    other = (1 - MotifsGrammar.conserved) / (len(BASES) - 1)
    lines = ["MEME version 4", "", "ALPHABET= ACGT", "", "strands: + -"]
    for name, site in known.items():
        lines += ["", f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(site)}"]
        for base in site:
            lines.append(
                " ".join(f"{MotifsGrammar.conserved if base == b else other:.4f}" for b in BASES)
            )
    return "\n".join(lines) + "\n"


def main(source: Path) -> None:
    HERE.mkdir(exist_ok=True)
    with pysam.FastaFile(str(source / "genome.fa.gz")) as genome:
        with pysam.BGZFile(str(HERE / "genome.fa.gz"), "wb") as out:
            for name, length in KEPT.items():
                out.write(f">{name}\n".encode())
                bases = genome.fetch(name, 0, length).upper()
                for i in range(0, length, 100):
                    out.write(f"{bases[i : i + 100]}\n".encode())
    write_signal(source)
    inside = {name: lines_inside(source / f"{name}_enhancers.bed") for name in ("super", "typical")}
    for name, lines in inside.items():
        (HERE / f"{name}_enhancers.bed").write_text("\n".join(lines) + "\n")
    held_out = [line for lines in inside.values() for line in lines if line.startswith("chr7\t")]
    for name, number in (("to_score", TO_SCORE), ("to_explain", TO_EXPLAIN)):
        step = len(held_out) // min(number, len(held_out))
        (HERE / f"{name}.bed").write_text("\n".join(held_out[::step][:number]) + "\n")
    names = {line.split("\t")[3] for lines in inside.values() for line in lines}
    peaks = (source / "peaks.narrowPeak").read_text().splitlines()
    peaks = [line for line in peaks if line.split("\t")[3].split(".")[0] in names]
    (HERE / "peaks.narrowPeak").write_text("\n".join(peaks) + "\n")
    (HERE / "motifs.meme").write_text(motifs())
    (HERE / "samplesheet.csv").write_text(
        "sample,super_enhancers,typical_enhancers\nsimulated,super_enhancers.bed,typical_enhancers.bed\n"
    )


main(Path(sys.argv[1]))
