"""Makes galaxy/test-data: a small genome, its regions and a model trained on them.

    python tests/galaxy/make_test_data.py

The beginnings of the demo's chromosomes (tests/data/demo), and a backbone small enough for a
repository: its trained model, packed, is what the tools' tests score with; untrained, as a folder,
it is what they fine-tune. The smallest of what each option takes.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pybigtools
import pysam

from seformer.model.backbones.build import random_backbone
from seformer.sequence.tokenizers import KmerTokenizer

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests/data/demo"
OUT = ROOT / "galaxy/test-data"
KEPT = {"chr1": 70_000, "chr2": 60_000, "chr5": 90_000, "chr7": 50_000, "chr10": 40_000}
# the part that each chromosome's regions belong to, as of an earlier fine-tuning
PARTS = {"chr5": "validation", "chr7": "test", "chr10": "test"}
TO_SCORE, TO_EXPLAIN = 12, 2
EXTRACTED = ["--out", "extracted"]
# fits by names without chr, as other genomes write them; the last region by no name
OTHER_GENOME = "1\t100\t900\tfits\n7\t4796\t6216\tfits_too\n7\t900000\t901000\tpast_the_end\n"
BACKBONE = {
    "model_type": "seformer_kmer",
    "k": 4,
    "stride": 4,
    "vocab_size": 261,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 512,
    "hidden_dropout_prob": 0.0,
    "embedding_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "rotary_base": 10000.0,
    "pad_token_id": 0,
}


def inside(name: str) -> list[str]:
    """Return the lines of a BED file that lie in the kept part, BED4."""
    rows = [line.split("\t")[:4] for line in (DEMO / name).read_text().splitlines()]
    return ["\t".join(row) for row in rows if int(row[2]) <= KEPT.get(row[0], 0)]


def write_genome(path: Path) -> None:
    with (
        pysam.FastaFile(str(DEMO / "genome.fa.gz")) as genome,
        pysam.BGZFile(str(path), "wb") as out,
    ):
        for name, length in KEPT.items():
            bases = genome.fetch(name, 0, length)
            lines = (bases[i : i + 100] for i in range(0, length, 100))
            out.write((f">{name}\n" + "\n".join(lines) + "\n").encode())
    pysam.FastaFile(str(path)).close()  # makes the indexes


def write_plain_genome(path: Path) -> None:
    """One chromosome, neither compressed nor indexed."""
    with pysam.FastaFile(str(OUT / "genome.fa.gz")) as genome:
        path.write_text(f">chr7\n{genome.fetch('chr7')}\n")


def write_held_out() -> None:
    """A table of a split as fine-tuning writes it, of the columns that a dissection reads."""
    rows = ["chr7\t4796\t6216\tSE_chr7_1\t1\t\ttest", "chr5\t100\t900\tTE\t0\t\tvalidation"]
    head = "chrom\tstart\tend\tname\tlabel\tparent\tsplit\n"
    (OUT / "held_out.tsv").write_text(head + "\n".join(rows) + "\n")


def write_regions() -> None:
    classes = {"SE": inside("super_enhancers.bed"), "TE": inside("typical_enhancers.bed")}
    for name, stem in (("SE", "super_enhancers"), ("TE", "typical_enhancers")):
        (OUT / f"{stem}.bed").write_text("".join(f"{line}\n" for line in classes[name]))
    rows = [f"{line.rsplit(chr(9), 1)[0]}\t{name}" for name in classes for line in classes[name]]
    (OUT / "labelled.tsv").write_text("\n".join(["chrom\tstart\tend\tlabel", *rows]) + "\n")
    held_out = [line for name in classes for line in classes[name] if line.startswith("chr7\t")]
    for stem, number in (("to_score", TO_SCORE), ("to_explain", TO_EXPLAIN)):
        chosen = held_out[:: max(1, len(held_out) // number)][:number]
        (OUT / f"{stem}.bed").write_text("".join(f"{line}\n" for line in chosen))


def write_options() -> None:
    """What options take: constituents (a file; BED12), a split, clusters, a blacklist."""
    constituents, parts, clusters = [], ["chrom\tstart\tend\tsplit"], ["region\tcluster"]
    for stem in ("super_enhancers", "typical_enhancers"):
        blocks = []
        for line in (OUT / f"{stem}.bed").read_text().splitlines():
            chrom, start, end, name = line.split("\t")
            start, end = int(start), int(end)
            third = (end - start) // 3
            last = end - start - third
            parts.append(f"{chrom}\t{start}\t{end}\t{PARTS.get(chrom, 'train')}")
            # regions of 10 kb belong together
            clusters.append(f"{name}\t{chrom}_{start // 10_000}")
            for begin, stop in ((start, start + third), (start + last, end)):
                constituents.append(f"{chrom}\t{begin}\t{stop}")
            whole = f"{chrom}\t{start}\t{end}\t{name}\t0\t.\t{start}\t{end}\t0"
            blocks.append(f"{whole}\t2\t{third},{third}\t0,{last}")
        (OUT / f"{stem}_blocks.bed").write_text("\n".join(blocks) + "\n")
    (OUT / "constituents.bed").write_text("\n".join(constituents) + "\n")
    (OUT / "splits.tsv").write_text("\n".join(parts) + "\n")
    (OUT / "clusters.tsv").write_text("\n".join(clusters) + "\n")
    listed = (f"{chrom}\t0\t{KEPT[chrom]}\n" for chrom in KEPT if chrom not in PARTS)
    (OUT / "blacklist.bed").write_text("".join(listed))


def write_track(path: Path) -> None:
    """A bigWig of all bases: another value every thousand."""
    bins = (
        (name, start, min(start + 1000, KEPT[name]))
        for name in sorted(KEPT)
        for start in range(0, KEPT[name], 1000)
    )
    values = ((*place, float(place[1] // 1000 % 7)) for place in bins)
    pybigtools.open(str(path), "w").write(KEPT, values)


def write_experiment() -> None:
    """What the regions are called from: peaks, signal as bigWig and as reads, and genes."""
    classes = [*inside("super_enhancers.bed"), *inside("typical_enhancers.bed")]
    names = {line.split("\t")[3] for line in classes}
    peaks = [line.split("\t") for line in (DEMO / "peaks.narrowPeak").read_text().splitlines()]
    peaks = [cells for cells in peaks if cells[3].split(".")[0] in names]
    (OUT / "peaks.narrowPeak").write_text("".join("\t".join(cells) + "\n" for cells in peaks))
    with pybigtools.open(str(DEMO / "signal.bw")) as track:
        values = [(name, *v) for name in sorted(KEPT) for v in track.records(name, 0, KEPT[name])]
    pybigtools.open(str(OUT / "signal.bw"), "w").write(KEPT, iter(values))
    write_reads(OUT / "reads.bam", values)
    genes = [("chr1", 1_900, 3_900, "+", "GENE_A"), ("chr7", 20_000, 28_000, "-", "GENE_B")]
    lines = [
        f'{chrom}\tmade\tgene\t{start + 1}\t{end}\t.\t{strand}\t.\tgene_id "{name}"; '
        f'gene_name "{name}"; gene_type "protein_coding";\n'
        for chrom, start, end, strand, name in genes
    ]
    (OUT / "genes.gtf").write_text("".join(lines))


def write_variants() -> None:
    """Alleles of the genome as VCF, and as the GWAS catalogue has them, without a reference."""
    with pysam.FastxFile(str(OUT / "chr7.fa")) as fasta:
        bases = next(iter(fasta)).sequence.upper()
    other = dict(zip("ACGT", "CGTA", strict=True))
    rows = [
        (5201, "snv", bases[5200], other[bases[5200]]),
        (5401, "insertion", bases[5400], bases[5400] + "GATA"),
        (5601, "deletion", bases[5600:5604], bases[5600]),
        (5801, "wrong", other[bases[5800]], bases[5800]),
    ]
    lines = ["##fileformat=VCFv4.2", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"chr7\t{at}\t{name}\t{a}\t{b}\t.\tPASS\t." for at, name, a, b in rows]
    (OUT / "variants.vcf").write_text("\n".join(lines) + "\n")
    lines = ["DISEASE/TRAIT\tCHR_ID\tCHR_POS\tSTRONGEST SNP-RISK ALLELE\tSNPS"]
    lines += [f"made\t7\t5201\trs1-{other[bases[5200]]}\trs1", "made\t7\t5201\trs2-?\trs2"]
    lines += ["made\t7;7\t5201;5301\trs1-A; rs3-C\trs1; rs3"]
    (OUT / "gwas.tsv").write_text("\n".join(lines) + "\n")


def write_reads(path: Path, values: list[tuple[str, int, int, float]]) -> None:
    """Reads of 50 bases without sequence, as many as the signal asks for; sorted."""
    names = list(KEPT)
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}}
    header["SQ"] = [{"SN": name, "LN": length} for name, length in KEPT.items()]
    number, owed = 0, 0.0
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for chrom, start, end, value in sorted(values, key=lambda v: (names.index(v[0]), v[1])):
            owed += value * (end - start) / 2_000
            while owed >= 1 and start + 50 <= KEPT[chrom]:
                owed, number = owed - 1, number + 1
                read = pysam.AlignedSegment(bam.header)
                read.query_name, read.flag, read.mapping_quality = f"r{number}", 0, 60
                read.reference_id, read.reference_start = names.index(chrom), start
                read.cigarstring = "50M"
                bam.write(read)


def train(work: Path) -> None:
    """Run the stages as the tool does, and pack the model."""
    random_backbone(BACKBONE, KmerTokenizer(4, 4), to=OUT / "backbone", seed=1)
    shutil.copytree(OUT / "backbone", work / "backbone")
    regions = ["--super-enhancers", OUT / "super_enhancers.bed"]
    regions += ["--typical-enhancers", OUT / "typical_enhancers.bed"]
    parts = ["--extracted", "extracted", "--splits", "splits/toy/splits.tsv", "--threads", "1"]
    for words in (
        ["extract", "--fasta", OUT / "genome.fa.gz", *regions, "--sample", "toy", *EXTRACTED],
        ["split", "--extracted", "extracted", "--out", "splits"],
        ["finetune-head", *parts, "--model", "backbone", "--sample", "toy", "--out", "head"],
        ["finetune-full", *parts, "--model", "head", "--epochs", "8", "--out", "full"],
        ["evaluate", *parts, "--model", "full", "--bootstrap", "100", "--out", "evaluated"],
        ["pack", "--model", "evaluated/model", "--archive", OUT / "model.tar"],
    ):
        command = [sys.executable, "-m", "seformer.cli", *map(str, words)]
        subprocess.run(command, cwd=work, check=True)


def score(work: Path) -> None:
    """What there is to judge: all regions scored by the model, with labels, and as BED without."""
    beds = ("super_enhancers.bed", "typical_enhancers.bed")
    (work / "regions.bed").write_text("".join((OUT / name).read_text() for name in beds))
    for regions, table in ((OUT / "labelled.tsv", "scored.tsv"), ("regions.bed", "scored.bed")):
        words = ["predict", "--model", OUT / "model.tar", "--fasta", OUT / "genome.fa.gz"]
        words += ["--regions", regions, "--threads", "1", "--out", "predicted"]
        command = [sys.executable, "-m", "seformer.cli", *map(str, words)]
        subprocess.run(command, cwd=work, check=True)
        shutil.copy(work / f"predicted/predictions{Path(table).suffix}", OUT / table)


def write_hostile(model: Path) -> None:
    """Archives that must be refused: a member that leads outside, and one that is cut off."""
    with tarfile.open(OUT / "model_outside.tar", "w") as tar:
        for name in ("config.json", "../../escaped.json"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"{}"))
    (OUT / "model_cut.tar").write_bytes(model.read_bytes()[:20_000])


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    write_genome(OUT / "genome.fa.gz")
    write_plain_genome(OUT / "chr7.fa")
    write_regions()
    write_held_out()
    write_options()
    write_track(OUT / "track.bw")
    write_experiment()
    write_variants()
    with tempfile.TemporaryDirectory() as work:
        train(Path(work))
        score(Path(work))
    write_hostile(OUT / "model.tar")
    (OUT / "other_genome.bed").write_text(OTHER_GENOME)
    shutil.copy(DEMO / "motifs.meme", OUT)


if __name__ == "__main__":
    main()
