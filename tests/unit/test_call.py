"""Super-enhancers called from peaks and signal: by hand, against ROSE's table, and bad input."""

import itertools
import json
import logging
import os
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest

from seformer import cli
from seformer.genome.bam import read_coverage
from seformer.regions.call import call
from seformer.regions.cutoff import rank_from_strongest, tangent_cutoff
from seformer.regions.genes import read_genes
from seformer.regions.nearby_genes import GeneMap
from seformer.regions.read import read_regions
from seformer.regions.stitch import near_start_site, sites_by_chromosome, stitch
from seformer.util.errors import UserError

DATA = Path(__file__).parents[1] / "data/rose"
ROSE, PYROSE2 = DATA / "tead4_mouse_muscle.tsv", DATA / "pyrose2.tsv"
SIZES = {"chr1": 1_000_000, "chr2": 500_000}
# eight peaks, six regions: the first three are stitched, the signal of the rest lies on a line
PEAKS = (
    *(("chr1", 10_000, 11_000), ("chr1", 20_000, 21_000), ("chr1", 33_500, 34_500)),
    *(("chr1", 100_000, 101_000), ("chr1", 200_000, 201_000), ("chr1", 300_000, 301_000)),
    *(("chr2", 100_000, 101_000), ("chr2", 200_000, 201_000)),
)
HEIGHTS = (50, 50, 50, 1, 2, 3, 4, 5)


@pytest.fixture
def made(tmp_path):
    """Peaks, and a signal of so much a base in each."""
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("".join(f"{c}\t{s}\t{e}\tp{i}\n" for i, (c, s, e) in enumerate(PEAKS, 1)))
    records = [(*peak, float(height)) for peak, height in zip(PEAKS, HEIGHTS, strict=True)]
    return peaks, write_track(tmp_path / "signal.bw", records), tmp_path / "out"


def write_track(path, records, sizes=SIZES):
    pybigtools.open(str(path), "w").write(dict(sizes), iter(records))
    return path


def write_bam(path, reads, sizes=SIZES, order="coordinate", index=True):
    """Write reads (chromosome, start, length, flag), sorted."""
    header = {"HD": {"VN": "1.6", "SO": order}}
    header["SQ"] = [{"SN": name, "LN": length} for name, length in sizes.items()]
    names = list(sizes)
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for i, (chrom, start, length, flag) in enumerate(
            sorted(reads, key=lambda read: (names.index(read[0]), read[1]))
        ):
            read = pysam.AlignedSegment(bam.header)
            read.query_name, read.flag, read.reference_id = f"r{i}", flag, names.index(chrom)
            read.reference_start, read.mapping_quality = start, 60
            read.query_sequence, read.cigarstring = "A" * length, f"{length}M"
            bam.write(read)
    if index:
        pysam.index(str(path))
    return path


def write_gtf(path, rows, feature="transcript"):
    """Write genes (chromosome, start counted from 1, end, strand, name)."""
    path.write_text(
        "".join(
            f'{c}\tmade\t{feature}\t{s}\t{e}\t.\t{strand}\t.\tgene_id "{name}.2"; '
            f'transcript_id "{name}.t"; gene_name "{name}"; gene_type "protein_coding";\n'
            for c, s, e, strand, name in rows
        )
    )
    return path


def invented(folder):
    """Write peaks, reads and start sites like those of an experiment, always the same."""
    draw = random.Random(7).random  # the same in every version of Python

    def number(low, high):
        return low + int(draw() * (high - low))

    size, peaks, reads, rows = 2_000_000, [], [], []
    for i in range(150):
        start = number(10_000, size - 20_000)
        peaks.append((("chr1", "chr2")[number(0, 2)], start, start + number(200, 3000), f"p{i}"))
    for chrom, start, end, _ in peaks:
        for _ in range(number(1, 8) ** 2):
            reads.append((chrom, number(start - 300, end + 300), 36, 16 * number(0, 2)))
    for i in range(60):  # three genes side by side
        site, chrom = number(10_000, size - 20_000), ("chr1", "chr2")[number(0, 2)]
        rows += [(chrom, site + 300 * k, site + 300 * k + 1, f"G{i}.{k}") for k in range(3)]
    for name, lines in (("peaks.bed", peaks), ("sites.bed", rows)):
        (folder / name).write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    write_bam(folder / "reads.bam", reads, {"chr1": size, "chr2": size})


def bed(folder, name):
    return [line.split("\t") for line in (folder / name).read_text().splitlines()]


def peak_frame(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).assign(name="p")


def sites(*rows):
    return sites_by_chromosome(pd.DataFrame(rows, columns=["chrom", "position", "gene"]))


# ------------------------------------------------------------------------- the cut-off


def test_cutoff_by_hand():
    # slope (8 - 0) / 4 = 2: the heights above the line through the origin are -2, -3, -3, 0; the
    # line touches at rank 2 first
    assert tangent_cutoff(np.array([8.0, 0.0, 1.0, 3.0])) == 1
    # below zero is zero: slope 10 / 4, heights -2.5, -5, -7.5, 0
    assert tangent_cutoff(np.array([-5.0, -1.0, 0.0, 10.0])) == 0


def test_cutoff_and_ranks_are_those_of_a_table_of_rose():
    table = pd.read_csv(ROSE, sep="\t", comment="#")
    net = (table["signal"] - table["control"]).to_numpy()
    cutoff = tangent_cutoff(net)
    assert round(cutoff, 2) == 573.87
    assert ((net > cutoff) == table["isSuper"]).all()
    # ten regions have more control than signal: of these ROSE puts the shorter first
    length = np.full(len(net), 250)
    length[-10:] = [229, 230, 231, 232, 233, 249, 258, 264, 274, 284]
    shuffled = np.random.default_rng(1).permutation(len(net))
    ranks = rank_from_strongest(net[shuffled], length[shuffled])
    assert (ranks == table["enhancerRank"].to_numpy()[shuffled]).all()


# ------------------------------------------------------------------------- stitching


def test_peaks_are_stitched_up_to_the_gap():
    peaks = peak_frame(("a", 0, 10), ("a", 110, 120), ("a", 221, 230), ("b", 0, 10))
    assert stitch(peaks, 100).tolist() == [0, 0, 1, 2]
    assert stitch(peaks, 101).tolist() == [0, 0, 0, 1]


def test_peaks_wholly_inside_the_exclusion_are_left_out():
    near = sites(("a", 1000, "g"))
    # bases 900 to 1100 are within 100 of the site
    peaks = peak_frame(("a", 900, 1101), ("a", 899, 1000), ("a", 1000, 1102), ("b", 1000, 1001))
    assert near_start_site(peaks, near, 100).tolist() == [True, False, False, False]
    assert not near_start_site(peaks, near, 0).any()


def test_a_region_at_more_than_two_genes_is_taken_apart():
    peaks = peak_frame(("a", 1000, 1100), ("a", 1200, 1300), ("a", 5000, 5100))
    # 50 bases before the first peak touch, 51 do not; two sites of one gene are one
    three = [("a", 950, "g1"), ("a", 1150, "g2"), ("a", 1349, "g3"), ("a", 1150, "g3")]
    assert stitch(peaks, 500, sites(*three)).tolist() == [0, 1, 2]
    two = [("a", 949, "g1"), *three[1:]]
    assert stitch(peaks, 500, sites(*two)).tolist() == [0, 0, 1]


# ------------------------------------------------------------------------- genes


def test_start_sites_of_a_gtf(tmp_path):
    gtf = write_gtf(tmp_path / "g.gtf", [("1", 101, 200, "+", "A"), ("1", 301, 400, "-", "B")])
    found = read_genes(gtf)
    assert found[["chrom", "position", "name"]].to_numpy().tolist() == [
        ["1", 100, "A"],
        ["1", 399, "B"],
    ]
    assert len(read_genes(gtf, ["protein_coding"])) == 2
    with pytest.raises(UserError, match=r"no gene is of the type lncRNA.*protein_coding"):
        read_genes(gtf, ["lncRNA"])


def test_exons_of_a_transcript_are_taken_together(tmp_path):
    rows = [("1", 501, 600, "-", "A"), ("1", 101, 200, "-", "A")]
    found = read_genes(write_gtf(tmp_path / "e.gtf", rows, feature="exon"))
    assert found["position"].tolist() == [599]


def test_start_sites_of_gff3(tmp_path):
    path = tmp_path / "g.gff3"
    path.write_text(
        "##gff-version 3\n"
        "1\tx\tgene\t1\t900\t.\t+\t.\tID=gene:E1;Name=SOX2;biotype=protein_coding\n"
        "1\tx\tmRNA\t101\t900\t.\t+\t.\tID=t1;Parent=gene:E1\n"
        "1\tx\tmRNA\t301\t900\t.\t+\t.\tID=t2;Parent=gene:E1\n"
        "1\tx\tpseudogene\t2001\t2100\t.\t-\t.\tID=gene:E2;biotype=pseudogene\n"
    )
    found = read_genes(path)
    # a gene without transcripts counts itself; transcripts are named by their gene
    assert found["position"].tolist() == [100, 300, 2099]
    assert found["name"].tolist() == ["SOX2", "SOX2", "gene:E2"]
    assert read_genes(path, ["protein_coding"])["position"].tolist() == [100, 300]


def test_semicolons_in_quotes_part_nothing(tmp_path):
    said = 'gene_id "g1"; note "x; gene_name y"; gene_name "A B;C"; gene_type "p"'
    (tmp_path / "g.gtf").write_text(f"chr1\th\tgene\t5001\t9000\t.\t-\t.\t{said};\n")
    (name,) = read_genes(tmp_path / "g.gtf", ["p"])["name"]
    assert name == "A B;C"
    (tmp_path / "g.gtf").write_text('chr1\th\tgene\t5001\t9000\t.\t-\t.\tgene_id "g;1";\n')
    assert read_regions(tmp_path / "g.gtf").regions["name"].tolist() == ["g;1"]


def test_names_of_gff3_are_decoded(tmp_path):
    path = tmp_path / "g.gff3"
    path.write_text("1\tx\tgene\t1\t900\t.\t+\t.\tID=a%3Bb;Name=beta%09gene%3B 2\n")
    assert read_genes(path)["name"].tolist() == ["beta gene; 2"]
    # of a GTF it is what it says
    gtf = write_gtf(tmp_path / "g.gtf", [("1", 101, 200, "+", "A%3B")])
    assert read_genes(gtf)["name"].tolist() == ["A%3B"]


@pytest.mark.parametrize("bins", ["", "585\t"])
def test_a_table_of_ucsc_is_no_annotation(tmp_path, bins):
    path = tmp_path / "hg38_refseq.ucsc"
    places = "20000\t28000\t20000\t28000\t1\t20000,\t28000,\t0\tDDX11L1\tunk\tunk\t-1,"
    path.write_text(f"#name\tchrom\tstrand\n{bins}NR_1\tchr1\t+\t{places}\n")
    with pytest.raises(UserError, match=r"genePred.*Expected: a GTF.*genePredToGtf"):
        read_genes(path)


def test_start_sites_of_a_bed(tmp_path):
    path = tmp_path / "tss.bed"
    path.write_text("1\t10\t20\tA\t0\t+\n1\t30\t40\tB\t0\t-\n")
    assert read_genes(path)["position"].tolist() == [10, 39]
    path.write_text("1\t10\t11\n1\t30\t31\n")
    assert read_genes(path)["position"].tolist() == [10, 30]
    path.write_text("1\t10\t11\n1\t30\t40\n")
    with pytest.raises(UserError, match=r"tss.bed, line 2: 1:30-40 has no strand"):
        read_genes(path)


def test_genes_of_a_table_of_biomart(tmp_path):
    """Its strands are 1 and -1, in a column with a capital letter; its starts count from 1."""
    path = tmp_path / "mart_export.txt"
    path.write_text(
        "Gene stable ID\tChromosome/scaffold name\tGene start (bp)\tGene end (bp)\tStrand\t"
        "Gene name\nENSG1\t1\t151\t900\t1\tMYC\nENSG2\t2\t8000\t8990\t-1\t\n"
    )
    genes = read_genes(path)
    assert genes["position"].tolist() == [150, 8989]
    assert genes["name"].tolist() == ["MYC", "2:7999-8990"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no gene in it"),
        ("1\tx\tCDS\t1\t9\t.\t+\t.\tgene_id 1\n", "there is no gene, transcript or exon in it"),
        (
            "1\tx\tgene\t1\t9\t.\t+\t.\tgene_id 1\n1\tx\tgene\t0\t9\t.\t+\t.\tgene_id 2\n",
            "line 2: start '0' and end '9'",
        ),
    ],
)
def test_annotation_without_genes(tmp_path, text, message):
    (tmp_path / "g.gtf").write_text(text)
    with pytest.raises(UserError, match=message):
        read_genes(tmp_path / "g.gtf")


def test_genes_of_regions_by_hand(tmp_path):
    rows = [
        ("1", 1001, 5000, "+", "inside"),
        ("1", 4001, 9000, "-", "body"),  # begins at 8999
        ("1", 60_001, 61_000, "+", "far"),  # at 60000: 50,000 from 10,001 on
        ("2", 500_001, 501_000, "+", "other"),
    ]
    genes = GeneMap(write_gtf(tmp_path / "g.gtf", rows))
    regions = pd.DataFrame(
        [("chr1", 0, 4001), ("chr1", 10_000, 10_001), ("chr1", 9_000, 10_000), ("chrM", 5, 6)],
        columns=["chrom", "start", "end"],
        index=[7, 3, 5, 1],
    )
    found = genes.find(regions)
    assert found.index.tolist() == [7, 3, 5, 1]
    assert found["overlapping_genes"].tolist() == ["inside,body", "", "", ""]
    assert found["genes_within_50kb"].tolist() == ["", "inside,body,far", "inside,body", ""]
    assert found["nearest_gene"].tolist()[:3] == ["inside", "body", "body"]
    assert found["nearest_distance"].tolist()[:3] == [1000, 1001, 501]
    assert found.loc[1, ["nearest_gene", "nearest_distance"]].isna().all()


def test_versions_are_not_part_of_a_name(tmp_path):
    path = tmp_path / "g.gtf"
    path.write_text('1\tx\tgene\t1\t9\t.\t+\t.\tgene_id "ENSG00000141510.18";\n')
    assert read_genes(path)["name"].tolist() == ["ENSG00000141510"]


# ------------------------------------------------------------------------- reads


def test_bases_of_reads_by_hand(tmp_path):
    reads = [
        *[("chr1", 100, 50, flag) for flag in (0, 16, 1024, 256, 512)],
        ("chr1", 180, 40, 0),
        ("chr2", 5, 10, 16),
    ]
    bam = write_bam(tmp_path / "r.bam", reads)
    places = peak_frame(("chr1", 90, 120), ("chr1", 120, 200), ("chr1", 300, 310), ("chr2", 0, 8))
    found = read_coverage(bam, places)
    # duplicates, secondary and failed reads count neither here nor among all reads
    assert found.reads == 4
    assert found.bases.tolist() == [2 * 20, 2 * 30 + 20, 0, 3]
    # made longer by 100: 100-250 and 0-150, 180-320, and on the other strand -95 to 15
    extended = read_coverage(bam, places, extend=100)
    assert extended.bases.tolist() == [30 + 20, 80 + 30 + 20, 10, 8]


def test_many_reads_are_read_some_at_a_time(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    reads = [
        ("chr1", int(s), 36, int(16 * f)) for s, f in rng.integers(0, 2000, (300, 2)) % [2000, 2]
    ]
    bam = write_bam(tmp_path / "r.bam", reads)
    cuts = np.array([0, 300, 301, 900, 2500])
    places = pd.DataFrame({"chrom": "chr1", "start": cuts[:-1], "end": cuts[1:]})
    depth = np.zeros(3000, int)
    for _, start, length, flag in reads:
        depth[max(0, start - 20 * (flag > 0)) : start + length + 20 * (flag == 0)] += 1
    wanted = [depth[a:b].sum() for a, b in itertools.pairwise(cuts)]
    monkeypatch.setattr("seformer.genome.bam.READS", 7)
    assert read_coverage(bam, places, extend=20).bases.tolist() == wanted


# ------------------------------------------------------------------------- the whole way


def test_call_by_hand(made):
    peaks, signal, out = made
    summary = call(peaks, signal, out)
    # one region of 3 peaks with 150,000; others 1000 to 5000: slope 149,000 / 6, and the line
    # touches at 5000
    assert summary["cutoff"] == 5000
    assert (summary["regions"], summary["super_enhancers"]) == (6, 1)
    lines = (out / "AllEnhancers.table.txt").read_text().splitlines()
    assert lines[:4] == [
        "#peaks Enhancers",
        "#Created from peaks.bed",
        "#Ranked by signal.bw",
        "#Using cutoff of 5000 for Super-Enhancers",
    ]
    assert lines[4].startswith("#Created")
    assert lines[5:7] == [
        "REGION_ID\tCHROM\tSTART\tSTOP\tNUM_LOCI\tCONSTITUENT_SIZE\tsignal.bw\tenhancerRank\tisSuper",
        "3_p1_lociStitched\tchr1\t10000\t34500\t3\t3000\t150000\t1\t1",
    ]
    assert [line.split("\t")[6] for line in lines[7:]] == ["5000", "4000", "3000", "2000", "1000"]
    assert bed(out, "super_enhancers.bed") == [
        ["chr1", "10000", "34500", "3_p1_lociStitched", "1000", "."]
    ]
    # along the genome
    assert [row[1] for row in bed(out, "typical_enhancers.bed")] == [
        "100000",
        "200000",
        "300000",
        "100000",
        "200000",
    ]
    assert len(bed(out, "constituents.bed")) == 8
    assert (out / "hockey_stick.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "call.json").read_text())["curve"][-1] == [6, 150000]
    # without start sites stitching alone is varied: up to 10 kb two regions more or one
    table = pd.read_csv(out / "sensitivity.tsv", sep="\t")
    assert table["stitch"].tolist() == [5000, 7500, 10000, 12500, 15000]
    assert table["regions"].tolist() == [8, 8, 7, 6, 6]
    assert table["super_enhancers"].tolist() == [3, 3, 2, 1, 1]
    assert table["chosen"].tolist() == [0, 0, 0, 1, 0]
    assert table["shared"].tolist() == [1] * 5


def test_regions_signal_and_classes_are_those_of_pyrose2(tmp_path):
    invented(tmp_path)
    summary = call(
        tmp_path / "peaks.bed", tmp_path / "reads.bam", tmp_path, gtf=tmp_path / "sites.bed"
    )
    assert (summary["peaks"]["near_start_sites"], summary["taken_apart"]) == (10, 2)
    ours = pd.read_csv(tmp_path / "AllEnhancers.table.txt", sep="\t", comment="#")
    theirs = pd.read_csv(PYROSE2, sep="\t", comment="#")
    both = ours.merge(theirs, on=["CHROM", "START", "STOP"])
    assert len(both) == len(ours) == len(theirs)
    # it counts a base more at both ends of a region and of a read, and rounds
    np.testing.assert_allclose(both["reads.bam"], both["signal"], rtol=0.05)
    found = both["signal"] > tangent_cutoff(both["signal"].to_numpy())
    assert (found == both["isSuper"]).all() and found.sum() > 10


def test_the_table_is_read_as_one_of_rose(made):
    peaks, signal, out = made
    call(peaks, signal, out)
    table = read_regions(out / "AllEnhancers.table.txt")
    assert table.regions["label"].tolist() == [1, 0, 0, 0, 0, 0]
    assert table.regions["start"].iloc[0] == 10_000
    assert table.labelled_by == "isSuper"


def test_same_call_same_files(made, tmp_path):
    peaks, signal, out = made
    for folder in (out, tmp_path / "again"):
        call(peaks, signal, folder)
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_genes_change_what_is_called(made, tmp_path):
    peaks, signal, out = made
    genes = [("1", 200_500, 201_000, "+", "near")]
    genes += [("1", start, start + 9, "+", f"g{start}") for start in (15_000, 16_000, 17_000)]
    # chr1 and 1 are the same chromosome
    summary = call(peaks, signal, out, gtf=write_gtf(tmp_path / "g.gtf", genes))
    assert summary["peaks"]["near_start_sites"] == 1
    assert summary["taken_apart"] == 1
    assert summary["start_sites"] == 4
    names = {row[3] for row in bed(out, "super_enhancers.bed")}
    assert names == {"p1|g15000", "p2|g17000", "p3|g17000"}
    table = pd.read_csv(out / "AllEnhancers_ENHANCER_TO_GENE.txt", sep="\t")
    first = table[table["REGION_ID"] == "p2"].iloc[0]
    assert first["PROXIMAL_GENES"] == "g15000,g16000,g17000"
    assert (first["CLOSEST_GENE"], first["closestDistance"]) == ("g17000", 3501)
    assert table["enhancerRank"].tolist() == list(range(1, 8))
    assert "p5" not in (out / "constituents.bed").read_text()
    table = pd.read_csv(out / "sensitivity.tsv", sep="\t")
    assert sorted(set(table["tss_exclusion"])) == [0, 1000, 2000, 2500, 3000]
    assert table[table["tss_exclusion"] == 0]["peaks"].tolist() == [8] * 5
    assert table[table["chosen"] == 1]["regions"].tolist() == [summary["regions"]]


def test_the_control_is_subtracted(made, tmp_path):
    peaks, signal, out = made
    records = [(*PEAKS[0], 40.0), (*PEAKS[1], 50.0), (*PEAKS[4], 9.0), ("chr2", 0, 9, 1.0)]
    call(peaks, signal, out, control=write_track(tmp_path / "input.bw", records))
    table = pd.read_csv(out / "AllEnhancers.table.txt", sep="\t", comment="#")
    assert list(table.columns[6:8]) == ["signal.bw", "input.bw"]
    assert table["signal.bw"].tolist()[0] == 150_000 and table["input.bw"].tolist()[0] == 90_000
    # more control than signal is none, and the last
    assert table["signal.bw"].tolist()[-1] == 2000
    assert json.loads((out / "call.json").read_text())["curve"][0] == [1, 0]


def test_reads_are_per_million_and_peaks_twice_count_once(made, tmp_path, caplog):
    peaks, _, out = made
    peaks.write_text(peaks.read_text() + "chr1\t10000\t11000\tagain\n")
    reads = [("chr1", 10_100 + i, 50, 0) for i in range(20)]
    reads += [(c, s, 50, 0) for c, s, _ in PEAKS[3:]]
    reads += [("chr1", 400_000, 50, 1024)] * 50
    with caplog.at_level(logging.INFO, "seformer"):
        summary = call(peaks, write_bam(tmp_path / "r.bam", reads), out)
    assert summary["signal"] == {"file": "r.bam", "reads": 25}
    assert summary["peaks"]["repeated"] == 1 and "1 peaks come again" in caplog.text
    table = pd.read_csv(out / "AllEnhancers.table.txt", sep="\t", comment="#")
    # 20 reads of 50 bases, made longer by 200, of 25 reads
    assert table["r.bam"].tolist() == [20 * 250 / 25 * 1e6] + [250 / 25 * 1e6] * 5
    assert call(peaks, tmp_path / "r.bam", out, extend_reads=0)["cutoff"] == 50 / 25 * 1e6


def test_called_constituents_are_units_of_the_training(made, tmp_path):
    from seformer.regions.extract import extract

    peaks, signal, out = made
    call(peaks, signal, out)
    rng = np.random.default_rng(1)
    fasta = tmp_path / "genome.fa"
    fasta.write_text(
        "".join(f">{n}\n{''.join(rng.choice(list('ACGT'), size))}\n" for n, size in SIZES.items())
    )
    summary = extract(
        fasta,
        tmp_path / "extracted",
        regions=out / "AllEnhancers.table.txt",
        unit="constituent",
        constituents=out / "constituents.bed",
    )
    assert (summary["super_enhancers"], summary["typical_enhancers"]) == (3, 5)


def test_the_report_tells_of_a_call(made, tmp_path, caplog):
    from seformer.report.collect import collect
    from seformer.report.sections import data_calls

    peaks, signal, _ = made
    genes = write_gtf(tmp_path / "g.gtf", [("chr1", 200_500, 201_000, "+", "<b>near")])
    call(peaks, signal, tmp_path / "results/K562/calls", gtf=genes)
    figure, table, strongest = data_calls.sections(collect([tmp_path / "results"]))
    assert figure.data["super-enhancers"] == [[5, 150_000]]
    assert figure.data["cut-off"] == [[0, 5000], [5, 5000]]
    assert "1 super-enhancers and 4 typical enhancers were called from 7" in table.data
    assert "other choices give 1 to 3 super-enhancers" in table.data
    assert "1 peaks at start sites were left out; 0 stitched regions" in table.data
    assert table.data.count("✓") == 1 and table.data.count("<tr>") == 26
    assert "chr1:10,001-34,500" in strongest.data and "&lt;b&gt;near" in strongest.data


def test_a_damaged_call_is_said_by_the_report(made, tmp_path):
    from seformer.report.collect import collect

    peaks, signal, _ = made
    call(peaks, signal, tmp_path / "results/K562/calls")
    path = tmp_path / "results/K562/calls/call.json"
    path.write_text(path.read_text().replace('"cutoff": 5000.0', '"cutoff": "high"', 1))
    with pytest.raises(UserError, match=r"call.json: cutoff is 'high'|call.json: sensitivity"):
        collect([tmp_path / "results"])


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"index": False}, "the BAM has no index.*samtools index r.bam"),
        ({"index": False, "order": "queryname"}, "not sorted by place.*samtools sort"),
        (
            {"sizes": {"chr1": 250_000, "chr2": 500_000}},
            r"peaks.\w+, line \d+: chr1:\d+-301000 passes the end .*r.bam: chr1 has 250000 bp",
        ),
        ({"sizes": {"chr8": 250_000}}, "no chromosome of the regions is in this track"),
        ({"reads": [("chr1", 0, 50, 1024)]}, "no read counts.*duplicates.*samtools flagstat"),
        ({"reads": [("chr1", 900_000, 50, 0)]}, "there is no signal in any peak"),
    ],
)
def test_bam_that_does_not_fit(made, tmp_path, how, message):
    peaks, _, out = made
    how = {"reads": [], **how}
    with pytest.raises(UserError, match=message):
        call(peaks, write_bam(tmp_path / "r.bam", **how), out)
    assert not out.exists()


def test_bam_that_is_damaged(made, tmp_path):
    peaks, _, out = made
    bam = write_bam(tmp_path / "r.bam", [("chr1", 10_000 + i, 50, 0) for i in range(5000)])
    bam.write_bytes(bam.read_bytes()[:-200])
    with pytest.raises(UserError, match="cannot be read as a BAM"):
        call(peaks, bam, out)


def test_signal_that_is_none(made, tmp_path):
    peaks, _, out = made
    with pytest.raises(UserError, match="neither a bigWig nor a BAM"):
        call(peaks, peaks, out)
    sam = tmp_path / "r.sam"
    sam.write_text("@HD\tVN:1.6\n@SQ\tSN:chr1\tLN:1000000\n")
    with pytest.raises(UserError, match=r"this is SAM.*samtools sort"):
        call(peaks, sam, out)


def test_bigwig_of_another_assembly(made, tmp_path):
    peaks, _, out = made
    track = write_track(tmp_path / "o.bw", [("chr1", 0, 9, 1.0)], {"chr1": 200_000})
    with pytest.raises(UserError, match="chr1 has 200000 bp in this track, but a region ends at"):
        call(peaks, track, out)
    track = write_track(tmp_path / "o.bw", [("X", 0, 9, 1.0)], {"X": 200_000})
    with pytest.raises(UserError, match="no chromosome of the regions"):
        call(peaks, track, out)


def test_signal_and_genome_of_different_assemblies(made, tmp_path):
    peaks, signal, out = made
    fasta = tmp_path / "genome.fa"
    fasta.write_text(f">chr1\n{'A' * 900_000}\n")
    with pytest.raises(UserError, match="chr1 has 1000000 bp here, but 900000 in the genome"):
        call(peaks, signal, out, fasta=fasta)


@pytest.mark.parametrize(
    ("records", "sizes", "message"),
    [
        ([("chr1", 0, 9, 1.0)], {"chr1": 1_000_000}, "the control has no chromosome chr2"),
        ([("chr2", 0, 9, 1.0)], {"chr2": 400_000}, "chr2 has 400000 bp here, but 500000"),
        ([(c, 0, n, 99.0) for c, n in SIZES.items()], SIZES, "more signal than the control"),
    ],
)
def test_control_that_does_not_fit(made, tmp_path, records, sizes, message):
    peaks, signal, out = made
    with pytest.raises(UserError, match=message):
        call(peaks, signal, out, control=write_track(tmp_path / "input.bw", records, sizes))


def test_what_may_be_wrong_is_warned_of(made, tmp_path, caplog):
    peaks, signal, out = made
    bam = write_bam(
        tmp_path / "r.bam", [(c, s + 9 * i, 50, 0) for c, s, _ in PEAKS for i in (1, 2)]
    )
    os.utime(tmp_path / "r.bam.bai", (0, 0))
    with caplog.at_level(logging.WARNING, "seformer"):
        call(peaks, bam, out, control=signal)
    assert "r.bam.bai is older than the BAM" in caplog.text
    assert "one is a BAM, in reads per million, the other a bigWig" in caplog.text


def test_a_control_in_place_of_the_signal_is_warned_of(made, tmp_path, caplog):
    peaks, signal, out = made
    flat = write_track(tmp_path / "input.bw", [(c, 0, n, 1.5) for c, n in SIZES.items()])
    with caplog.at_level(logging.WARNING, "seformer"):
        call(peaks, flat, out, control=signal)
    assert "the cut-off is 0: 5 regions have no more signal than the control" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, "seformer"):
        call(peaks, signal, out, control=flat)
    assert "the cut-off is 0" not in caplog.text


def test_values_below_zero(made, tmp_path, caplog):
    peaks, signal, out = made
    records = [(*peak, -1.0) for peak in PEAKS]
    ratios = write_track(tmp_path / "log2.bw", records)
    with caplog.at_level(logging.WARNING, "seformer"):
        call(peaks, signal, out, control=ratios)
    assert "log2.bw: 6 of 6 regions have values that add up to less than zero" in caplog.text
    # there is no control that the message could speak of
    with pytest.raises(UserError, match=r"log2.bw: no region has a signal above zero"):
        call(peaks, ratios, tmp_path / "none")


def test_peaks_on_one_chromosome_under_two_names(made):
    peaks, signal, out = made
    peaks.write_text(peaks.read_text() + "2\t100000\t101000\tagain\n")
    with pytest.raises(UserError, match="2 and chr2 are one chromosome"):
        call(peaks, signal, out)


def test_peaks_that_lie_where_there_is_no_signal(made, caplog):
    peaks, signal, out = made
    peaks.write_text(peaks.read_text() + "chrY\t5\t500\tlost\n")
    with pytest.raises(UserError, match=r"signal.bw: 1 of 9 peaks lie on .* not in it \(chrY\)"):
        call(peaks, signal, out)
    # of a contig or two it is said
    weak = "".join(f"chr2\t{start}\t{start + 100}\tw\n" for start in range(1000, 3000, 150))
    peaks.write_text(peaks.read_text() + weak)
    with caplog.at_level(logging.WARNING, "seformer"):
        summary = call(peaks, signal, out, stitch=0)
    assert "1 of 23 peaks lie on chromosomes that are not in it (chrY)" in caplog.text
    assert summary["without_signal"] == {"chrY": 1}


def test_a_cut_off_of_few_regions_and_values_without_end_are_said(made, tmp_path, caplog):
    from seformer.report.collect import collect
    from seformer.report.sections import data_calls

    peaks, _, _ = made
    values = [("chr1", 10_000, 11_000, float("inf")), ("chr2", 100_000, 101_000, 1.0)]
    with caplog.at_level(logging.WARNING, "seformer"):
        call(peaks, write_track(tmp_path / "inf.bw", values), tmp_path / "results/K562/calls")
    assert "inf.bw: bases with an infinite value" in caplog.text
    assert "(in 1 of 10 stretches)" in caplog.text
    assert "there are 6 regions only" in caplog.text
    _, table, _ = data_calls.sections(collect([tmp_path / "results"]))
    assert "There are 6 regions only" in table.data


def test_too_few_peaks(made, tmp_path):
    peaks, signal, out = made
    everywhere = [("chr1", 10_500 + 0, 10_600, "+", "a"), ("chr1", 20_500, 20_600, "+", "b")]
    gtf = write_gtf(tmp_path / "g.gtf", everywhere)
    peaks.write_text("chr1\t10000\t11000\nchr1\t20000\t21000\n")
    with pytest.raises(UserError, match="all 2 peaks lie within 2500 bp of a transcription start"):
        call(peaks, signal, out, gtf=gtf)
    with pytest.raises(
        UserError, match=r"all 2 peaks are stitched to one region.*smaller --stitch"
    ):
        call(peaks, signal, out)
    peaks.write_text("chr1\t10000\t11000\nchr1\t10000\t11000\n")
    with pytest.raises(UserError, match="there is one peak only"):
        call(peaks, signal, out)


def test_options_that_need_genes(made):
    for given in ({"tss_exclusion": 500}, {"gene_types": ["protein_coding"]}):
        with pytest.raises(UserError, match="give --gtf too"):
            call(*made, **given)
    # nothing to leave out is what happens anyway
    call(*made, tss_exclusion=0)


def test_genes_elsewhere(made, tmp_path):
    gtf = write_gtf(tmp_path / "g.gtf", [("scaffold_7", 1, 9, "+", "a")])
    with pytest.raises(UserError, match="no gene lies on a chromosome of the regions"):
        call(*made, gtf=gtf)


def test_the_command(made, capfd):
    peaks, signal, out = made
    arguments = ["call", "--peaks", str(peaks), "--signal", str(signal), "--out", str(out)]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--stitch", "5000"])
    assert stopped.value.code == 0
    assert "3 super-enhancers, 5 typical enhancers" in capfd.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        cli.main([*arguments, "--stitch", "-1"])
    assert stopped.value.code == 2
