"""One chromosome under many names: in every file that has them."""

import json

import pandas as pd
import pysam
import pytest

from seformer.explain.tracks import check_sizes
from seformer.genome.assemblies import differ, recognise_assembly, shared_name, that_hold
from seformer.genome.chromosomes import match_names
from seformer.genome.genome import Genome
from seformer.model.settings import Assembly
from seformer.regions.extract import extract, genome_record
from seformer.regions.folder import read_extracted
from seformer.scoring.flags import _is_foreign, flag_regions
from seformer.splits.assign import by_chromosomes
from seformer.splits.clusters import read_clusters
from seformer.util.errors import UserError

# name in a file, name in the genome, assembly of the genome, whether they are one
PAIRS = [
    ("chr1", "1", None, True),
    ("1", "chr1", None, True),
    ("Chr1", "chr1", "hg38", True),
    ("CHR1", "1", None, True),
    ("chr01", "Chr1", None, True),
    ("chrx", "X", None, True),
    ("M", "chrM", None, True),
    ("chrMT", "MT", None, True),
    ("NC_012920.1", "chrM", "hg38", True),
    ("NC_000001.10", "chr1", "hg19", True),
    ("NC_000001.11", "1", "hg38", True),
    ("chr1", "NC_000001.11", "hg38", True),
    ("NC_000023.11", "chrX", "hg38", True),
    ("NC_000024.9", "chrY", "hg19", True),
    ("CM000663.2", "NC_000001.11", "hg38", True),
    ("NC_000067.5", "chr1", "mm9", True),
    ("NC_000068.7", "chr2", "mm10", True),
    ("NC_000086.8", "X", "mm39", True),
    ("CM001014.3", "chrY", "mm39", True),
    ("NC_060925.1", "chr1", None, True),
    ("CP068256.2", "chr22", None, True),
    ("CP086569.2", "chrY", None, True),
    ("chrUn_gl000220", "GL000220.1", "hg19", True),
    ("KI270706.1", "chr1_KI270706v1_random", "hg38", True),
    ("JTFH01000001.1", "chrUn_JTFH01000001v1_decoy", "hg38", True),
    ("1_KI270706v1_random", "KI270706.1", "hg38", True),
    ("1_KI270706v1_random", "chr1_KI270706v1_random", "hg38", True),
    ("Un_KI270302v1", "KI270302.1", "hg38", True),
    ("4_GL000008v2_random", "GL000008.2", "hg38", True),
    ("4_GL000008v2_random", "GL000008.1", None, False),
    ("17_gl000205_random", "chr17_GL000205v2_random", None, False),
    ("chr4_JH584292_random", "JH584292.1", "mm10", True),
    ("gi|568815597|ref|NC_000001.11|", "chr1", "hg38", True),
    ("1", "gi|568336023|gb|CM000663.2|", "hg38", True),
    ("gi|251831106|ref|NC_012920.1|", "chrM", "hg38", True),
    ("ref|NC_000001.11|", "1", "hg38", True),
    ("gi|568815597|ref|NC_000001.11|", "chr1", "hg19", False),
    ("gi|568815597|ref|NC_000001.11|", "NC_000001.10", None, False),
    ("gi|568815597", "chr1", None, False),
    ("nc_000001.11", "chr1", "hg38", True),
    ("Mito", "chrM", None, True),
    ("chrM", "MtDNA", None, True),
    ("chrIV", "IV", None, True),
    ("chrIV", "4", None, False),
    ("23", "chrX", None, False),
    ("NC_000001.10", "chr1", "hg38", False),
    ("NC_000001.10", "NC_000001.11", None, False),
    ("NC_000067.6", "chr1", "hg38", False),
    ("NC_060925.1", "chr1", "hg38", False),
    ("KI270706.2", "KI270706.1", None, False),
    ("chr1", "chr10", None, False),
    ("chr1", "chr1_alt", None, False),
    ("scaffold_1", "1", None, False),
    ("chr", "", None, False),
]


@pytest.mark.parametrize(("name", "known", "assembly", "one"), PAIRS)
def test_names_of_one_chromosome(name, known, assembly, one):
    assert match_names([name], [known, "other"], assembly) == ({name: known} if one else {})


def test_what_could_be_two_is_none():
    assert match_names(["Chr1", "chr1"], ["chr1", "1"]) == {"chr1": "chr1"}
    assert (
        len({shared_name(name) for name in ("chr1", "chr11", "chr1_random", "chrX", "chrM")}) == 5
    )
    assert that_hold({"NC_000001.10": 249_000_000}) == ["hg19"]
    assert recognise_assembly({"gi|568815597|ref|NC_000001.11|": 248_956_422}) == "hg38"


def genome_and_regions(fasta, bed, random_bases, first, second):
    """A genome of two chromosomes 1 and 2, and regions that call them otherwise."""
    path = fasta({"1": random_bases(30_000), "2": random_bases(30_000, 1)}, width=60)
    supers = bed("se.bed", [(first, s, s + 900) for s in range(0, 9_000, 1_000)])
    typical = bed("te.bed", [(second, s, s + 900) for s in range(0, 9_000, 1_000)])
    return {"fasta": path, "super_enhancers": supers, "typical_enhancers": typical}


@pytest.mark.parametrize("name", ["chr1", "NC_000001.11", "1"])
def test_blacklist_and_constituents_are_matched(fasta, bed, tmp_path, random_bases, name):
    given = genome_and_regions(fasta, bed, random_bases, "chr1", "chr2")
    black = bed("black.bed", [(name, 9_000, 30_000), ("chrUn_1", 0, 5)])
    parts = bed("parts.bed", [(name, s + 100, s + 400) for s in range(0, 9_000, 1_000)])
    given.pop("typical_enhancers")
    negatives = {"random_negatives": "5", "blacklist": black}
    summary = extract(
        out=tmp_path / "out",
        rename_chromosomes=True,
        unit="constituent",
        constituents=parts,
        **negatives,
        min_length=10,
        **given,
    )
    rows = read_extracted(tmp_path / "out").kept
    assert set(rows["chrom"]) == {"1"}
    assert (rows[rows["label"] == 1]["length"] == 300).sum() == 9
    assert (rows[rows["label"] == 0]["end"] <= 9_000).all()
    assert summary["unmatched_chromosomes"] == {
        "black.bed": {"rows": 1, "of": 2, "chromosomes": ["chrUn_1"]}
    }
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


@pytest.mark.parametrize("file", ["black.bed", "parts.bed", "te.bed"])
def test_a_file_of_which_nothing_matches_is_named(fasta, bed, tmp_path, random_bases, file):
    given = genome_and_regions(fasta, bed, random_bases, "1", "chr1" if file == "te.bed" else "2")
    how = {}
    if file == "black.bed":
        how |= {"random_negatives": "5", "blacklist": bed(file, [("chr1", 0, 9)])}
        given.pop("typical_enhancers")
    elif file == "parts.bed":
        how |= {"unit": "constituent", "constituents": bed(file, [("chr1", 0, 9)])}
    says = rf"{file}: no chromosome of this file.*'chr1'.*'1'.*--rename-chromosomes"
    with pytest.raises(UserError, match=says):
        extract(out=tmp_path / "out", **given, **how)
    assert not (tmp_path / "out").exists()


def test_a_part_that_does_not_match_is_counted(fasta, bed, tmp_path, random_bases, caplog):
    given = genome_and_regions(fasta, bed, random_bases, "1", "2")
    with open(given["typical_enhancers"], "a") as handle:
        handle.writelines(f"chr2\t{s}\t{s + 900}\n" for s in range(10_000, 19_000, 1_000))
    summary = extract(out=tmp_path / "out", **given)
    assert summary["dropped"] == {"unknown_chromosome": 9}
    assert summary["unmatched_chromosomes"] == {
        "te.bed": {"rows": 9, "of": 18, "chromosomes": ["chr2"]}
    }
    assert "te.bed: 9 of 18 rows lie on chromosomes that are not in the genome" in caplog.text
    assert "--rename-chromosomes" in caplog.text


@pytest.mark.parametrize("given", ["chr7", "7", "NC_000007.14", "Chr7"])
@pytest.mark.parametrize("genome", ["chr7", "7", "NC_000007.14"])
def test_given_chromosomes_are_matched(given, genome):
    rows = pd.DataFrame({"chrom": [genome, "a", "b"] * 10, "label": [0, 1] * 15})
    part = by_chromosomes(rows, [given], [], 0.2, 0.1, 1)
    assert set(rows["chrom"][part == "test"]) == {genome}


def test_track_on_sizes_of_other_names(tmp_path):
    regions = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [50]})
    assert check_sizes(regions, {"1": 60, "2": 5}, "x") == {"chr1": 60, "2": 5}


ONE = {"fingerprint": "x", "sequences": {"chr1": "9:aa", "chr2": "5:bb"}}
OTHER = [
    ("itself", ONE, [False, False]),
    ("a decoy more", {"fingerprint": "y", "sequences": ONE["sequences"] | {"d": "2:cc"}}, [0, 0]),
    ("other names", {"fingerprint": "z", "sequences": {"chr1": "9:aa", "chr2": "5:bb"}}, [0, 0]),
    ("one masked", {"fingerprint": "x", "sequences": {"chr1": "9:aa", "chr2": "5:dd"}}, [0, 1]),
    ("another", {"fingerprint": "q", "sequences": {"chr1": "8:ee"}}, [1, 1]),
    ("another of equal names", {"sequences": {"chr1": "9:cc", "chr2": "5:dd"}}, [1, 1]),
    ("one more than in training", {"sequences": {"1": "9:aa", "chr3": "5:dd"}}, [0, 0]),
    ("only one more, and the longest", {"sequences": {"chr3": "5:dd", "1": "9:aa"}}, [0, 0]),
    ("old extraction", {"fingerprint": "x"}, [0, 0]),
    ("old extraction of another", {"fingerprint": "q"}, [1, 1]),
]


@pytest.mark.parametrize(("genome", "foreign"), [o[1:] for o in OTHER], ids=[o[0] for o in OTHER])
def test_another_assembly_is_told_by_content(genome, foreign):
    settings = type("S", (), {"assembly": Assembly(**ONE), "training_range": None})
    regions = pd.DataFrame({"chrom": ["chr1", "chr2"], "length": 500, "n_fraction": 0.0})
    regions["drop_reason"] = ""
    found = flag_regions(regions, settings, genome)
    assert found.eq("other_assembly").tolist() == list(map(bool, foreign))


OLD = [
    ("hg38", "x", "hg38", "y", False),  # with decoys, or other names
    ("hg38", "x", "hg19", "x", True),
    (None, "x", None, "x", False),
    (None, "x", None, "y", True),
    ("hg38", "x", None, "y", True),
    (None, None, "hg38", "y", False),
]


@pytest.mark.parametrize(("name", "fingerprint", "here", "found", "foreign"), OLD)
def test_models_without_checksums_go_by_the_assembly(name, fingerprint, here, found, foreign):
    trained_on = Assembly(name=name, fingerprint=fingerprint)
    genome = {"assembly": here, "fingerprint": found, "sequences": ONE["sequences"]}
    assert _is_foreign(pd.Series(["chr1"]), trained_on, genome).tolist() == [foreign]


@pytest.mark.parametrize(("own", "foreign"), [(True, [False] * 3), (False, [True] * 3)])
def test_a_decoy_is_judged_by_the_other_chromosomes(fasta, random_bases, own, foreign):
    def record(bases):
        with Genome(fasta(bases)) as genome:
            return genome_record(genome)

    bases = {"chr1": random_bases(300), "chr2": random_bases(500, 1)}
    trained_on = Assembly(sequences=record(bases)["sequences"])
    here = {"decoy": random_bases(900, 2)}
    here |= {n[3:]: s.lower() if own else random_bases(len(s), 3) for n, s in bases.items()}
    names = pd.Series(["decoy", "1", "2"])
    assert _is_foreign(names, trained_on, record(here)).tolist() == foreign


def test_clusters_of_contigs_by_another_name(tmp_path):
    rows = {"chrom": ["1", "1", "chrX"], "name": [".", "b", "c"], "source_index": 0}
    rows = pd.DataFrame(rows | {"parent": "", "source": "x.bed"})
    path = tmp_path / "clusters.tsv"
    path.write_text("contig\tcluster\nchr1\tk\nX\tm\n")
    assert read_clusters(rows, [path]).tolist() == ["k", "k", "m"]
    path.write_text(".\tk\nb\tk\nX\tm\n")  # names of regions: X is none
    with pytest.raises(UserError, match="neither the region 'c' nor the contig 'chrX'"):
        read_clusters(rows, [path])


def test_genomes_to_train_on_together():
    assert not differ(ONE, OTHER[1][1])
    assert differ(ONE, OTHER[3][1])
    assert differ(ONE, {"sequences": {"1": "9:aa"}})  # loci are compared by name
    assert differ({"fingerprint": "a"}, {"fingerprint": "b"})
    assert not differ({}, {})


def test_variants_on_names_of_another_file_are_named(fasta, tmp_path):
    from seformer.scoring.variants import variants

    header = pysam.VariantHeader()
    header.contigs.add("chr9", length=100)
    path = tmp_path / "v.vcf"
    with pysam.VariantFile(str(path), "w", header=header) as handle:
        handle.write(handle.new_record("chr9", 0, 1, ("A", "C")))
    with pytest.raises(UserError, match=r"v.vcf: no chromosome of this file.*'chr9'"):
        variants(tmp_path, tmp_path / "out", fasta=fasta({"chr1": "ACGT"}), vcf=path)
    assert not (tmp_path / "out").exists()
