"""Splits: whole chromosomes or clusters, a locus on one side, planted leakage found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seformer.regions.extract import extract
from seformer.regions.folder import COLUMNS, read_extracted
from seformer.splits.assign import by_clusters
from seformer.splits.dataset import SPLIT_COLUMNS, open_dataset
from seformer.splits.split import split, split_hash
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv, write_tsv

CHROMOSOMES = ("chr1", "chr2", "chr3", "chr7", "chr8", "chr10")
LENGTH = 8_000


@pytest.fixture
def genome(fasta, random_bases):
    records = {name: random_bases(LENGTH, seed) for seed, name in enumerate(CHROMOSOMES)}
    return fasta(records, width=60)


@pytest.fixture
def sample(tmp_path, genome, bed):
    """Extract SE and TE places into a folder of its own."""

    def make(name="a", se=None, te=None, fasta=genome):
        se = (
            [(c, i, i + 100) for c in CHROMOSOMES for i in range(0, LENGTH, 1600)]
            if se is None
            else se
        )
        te = (
            [(c, i, i + 100) for c in CHROMOSOMES for i in range(800, LENGTH, 1600)]
            if te is None
            else te
        )
        folder = tmp_path / f"x_{name}"
        extract(
            fasta,
            folder,
            super_enhancers=bed(f"{name}_se.bed", se),
            typical_enhancers=bed(f"{name}_te.bed", te),
            sample=name,
        )
        return folder

    return make


def chromosomes_of(rows):
    return {part: set(mine["chrom"]) for part, mine in rows.groupby("split")}


def test_chromosomes_are_whole_and_the_defaults_test(sample, tmp_path):
    folder = sample()
    audit = split([folder], tmp_path / "s")
    rows = open_dataset([folder], [tmp_path / "s" / "a" / "splits.tsv"]).regions
    parts = chromosomes_of(rows)
    assert audit["split_by"] == "chromosomes"
    assert parts["test"] == {"chr7", "chr10"}
    assert len(parts["validation"]) == 1
    assert sum(map(len, parts.values())) == len(CHROMOSOMES)
    assert audit["overlapping_regions"] == dict.fromkeys(
        ["validation_in_train", "test_in_train", "test_in_validation"], 0
    )
    assert audit["parts"]["test"] == {
        "regions": 20,
        "super_enhancers": 10,
        "typical_enhancers": 10,
        "clusters": audit["parts"]["test"]["clusters"],
        "chromosomes": ["chr10", "chr7"],
    }
    assert read_json(tmp_path / "s" / "audit.json") == audit


def test_given_chromosomes(sample, tmp_path):
    folder = sample()
    split([folder], tmp_path / "s", test_chromosomes=["chr1"], validation_chromosomes=["chr7"])
    parts = chromosomes_of(open_dataset([folder], [tmp_path / "s/a/splits.tsv"]).regions)
    assert (parts["test"], parts["validation"]) == ({"chr1"}, {"chr7"})


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"test_chromosomes": ["chr99"]}, "chr99 has no regions"),
        ({"test_chromosomes": ["chr1"], "validation_chromosomes": ["chr1"]}, "for test and for"),
        ({"split_by": "random"}, "one of auto"),
        ({"split_by": "file"}, "needs --splits"),
        ({"test_fraction": 0.9, "validation_fraction": 0.2}, "together below 1"),
        ({"test_fraction": 0.0}, "both above 0"),
        ({"test_chromosomes": list(CHROMOSOMES[:5])}, "too few regions"),
    ],
)
def test_options_that_cannot_be(sample, tmp_path, options, found):
    with pytest.raises(UserError, match=found):
        split([sample()], tmp_path / "s", **options)
    assert not (tmp_path / "s").exists()


def test_chosen_chromosomes_match_size_and_balance(tmp_path, fasta, random_bases, bed, sample):
    names = [f"c{i}" for i in range(8)]
    genome = fasta({n: random_bases(20_000, i) for i, n in enumerate(names)}, "g.fa")
    se, te = [], []
    for i, name in enumerate(names):  # c0 has few SEs, c7 many; the rest a third
        many = {0: 1, 7: 19}.get(i, 7)
        se += [(name, j * 900, j * 900 + 60) for j in range(many)]
        te += [(name, j * 900, j * 900 + 60) for j in range(many, 21)]
    folder = sample("a", se, te, genome)
    audit = split([folder], tmp_path / "s", test_fraction=0.25, validation_fraction=0.125)
    share = len(se) / (len(se) + len(te))
    for part, fraction in (("test", 0.25), ("validation", 0.125)):
        counts = audit["parts"][part]
        assert counts["regions"] == pytest.approx(fraction * 8 * 21, rel=0.05)
        assert counts["super_enhancers"] / counts["regions"] == pytest.approx(share, abs=0.06)


def test_same_seed_same_split(sample, tmp_path):
    folder = sample()
    hashes = [
        split(
            [folder], tmp_path / f"s{i}", split_by="clusters", validation_fraction=0.2, seed=seed
        )["split_hash"]
        for i, seed in enumerate((1, 1, 2))
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    one, two = ((tmp_path / s / "a/splits.tsv").read_bytes() for s in ("s0", "s1"))
    assert one == two


def test_one_chromosome_is_split_by_clusters(fasta, random_bases, sample, tmp_path):
    genome = fasta({"only": random_bases(200_000)}, "g.fa", width=60)
    se = [("only", i * 4_000, i * 4_000 + 90) for i in range(50)]
    te = [("only", i * 4_000 + 100, i * 4_000 + 190) for i in range(50)]  # each beside a SE
    folder = sample("a", se, te, genome)
    audit = split([folder], tmp_path / "s")
    rows = open_dataset([folder], [tmp_path / "s/a/splits.tsv"]).regions
    assert audit["split_by"] == "clusters"
    assert rows["cluster"].nunique() == 50
    assert (rows.groupby("cluster")["split"].nunique() == 1).all()
    assert rows["cluster"].iloc[0] == "only:0-190"
    assert rows["split"].value_counts().to_dict() == {"train": 70, "test": 20, "validation": 10}


def test_clusters_are_balanced_and_whole():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 300)
    rows = pd.DataFrame({"cluster": np.repeat([f"k{i}" for i in range(300)], sizes)})
    rows["label"] = (rng.random(len(rows)) < 0.1).astype(int)
    part = by_clusters(rows, 0.2, 0.1, seed=3)
    assert (rows.assign(part=part).groupby("cluster")["part"].nunique() == 1).all()
    for name, share in (("test", 0.2), ("validation", 0.1), ("train", 0.7)):
        mine = rows[part == name]
        assert len(mine) / len(rows) == pytest.approx(share, abs=0.01)
        assert mine["label"].mean() == pytest.approx(rows["label"].mean(), abs=0.01)


def test_a_locus_stays_on_one_side_across_samples(sample, tmp_path):
    se = [(c, i, i + 100) for c in CHROMOSOMES for i in range(0, LENGTH, 1600)]
    te = [(c, i, i + 100) for c in CHROMOSOMES for i in range(800, LENGTH, 1600)]
    shifted = [(c, s + 60, e + 60) for c, s, e in te]
    folders = [
        sample("a", se, te),
        sample("b", [(c, s + 1300, e + 1300) for c, s, e in se], shifted),
    ]
    audit = split(folders, tmp_path / "s", split_by="clusters", validation_fraction=0.2)
    tables = [tmp_path / "s" / name / "splits.tsv" for name in ("a", "b")]
    rows = open_dataset(folders, tables).regions
    assert audit["samples"] == ["a", "b"]
    joined = pd.concat([read_extracted(f).kept for f in folders], ignore_index=True)
    pd.testing.assert_frame_equal(rows[list(COLUMNS)], joined)
    one, two = rows[rows["sample"] == "a"], rows[rows["sample"] == "b"]
    for a, b in zip(te, shifted, strict=True):
        sides = [
            set(t.loc[(t["chrom"] == place[0]) & (t["start"] == place[1]), "split"])
            for t, place in ((one, a), (two, b))
        ]
        assert sides[0] == sides[1]


def test_conflicting_labels_between_samples_are_counted(sample, tmp_path):
    places = [(c, i, i + 100) for c in CHROMOSOMES for i in range(0, LENGTH, 800)]
    folders = [sample("a", places[::2], places[1::2]), sample("b", places[1::2], places[::2])]
    audit = split(folders, tmp_path / "s")
    assert audit["label_conflicts_between_samples"] == len(places)


def test_samples_need_names_of_their_own(sample, tmp_path):
    folder = sample()
    with pytest.raises(UserError, match="two samples are called a"):
        split([folder, folder], tmp_path / "s")
    with pytest.raises(UserError, match="cannot name a sample"):
        split([sample("../b")], tmp_path / "s")


@pytest.fixture
def contigs(tmp_path, fasta, random_bases, bed):
    """120 contigs, half SE, each of one region."""
    names = [f"ctg{i}" for i in range(120)]
    genome = fasta({n: random_bases(150, i) for i, n in enumerate(names)}, "contigs.fa", width=60)
    folder = tmp_path / "contigs"
    extract(
        genome,
        folder,
        super_enhancers=bed("se.bed", [(n, 0, 150, f"region_{n}") for n in names[:60]]),
        typical_enhancers=bed("te.bed", [(n, 0, 150, f"region_{n}") for n in names[60:]]),
        sample="k",
    )
    return folder


@pytest.mark.parametrize("prefix", ["", "region_"], ids=["contigs", "names"])
@pytest.mark.parametrize("header", ["", "contig\tcluster\n"])
def test_clusters_from_a_file(contigs, tmp_path, write, prefix, header):
    # contig i and i + 60 are one locus; the last ten of each are alone
    lines = [f"{prefix}ctg{i}\t{'' if i % 60 >= 50 else i % 60}\n" for i in range(120)]
    table = write("clusters.tsv", header + "".join(lines))
    audit = split([contigs], tmp_path / "s", clusters=[table])
    rows = open_dataset([contigs], [tmp_path / "s/k/splits.tsv"]).regions
    assert audit["split_by"] == "clusters"
    assert rows["cluster"].nunique() == 50 + 20
    assert (rows.groupby("cluster")["split"].nunique() == 1).all()
    assert rows["cluster"].iloc[[0, 60, 59]].tolist() == ["0", "0", "ctg59:0-150"]
    assert set(rows["split"].value_counts()) == {84, 24, 12}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ctg1\t5\n", r"neither the region 'region_ctg0' nor the contig 'ctg0'.*119 of 120"),
        ("ctg1\t5\tx\n", "line 1: 3 columns"),
        ("ctg1\t5\nctg1\t6\n", "line 2: ctg1 is in two clusters"),
        ("contig\tcluster\n", "is empty"),
    ],
)
def test_cluster_files_that_do_not_fit(contigs, tmp_path, write, text, found):
    with pytest.raises(UserError, match=found):
        split([contigs], tmp_path / "s", clusters=[write("c.tsv", text)])


def test_a_split_can_be_given_back(contigs, sample, tmp_path):
    first = split([contigs], tmp_path / "one", seed=7)
    again = split([contigs], tmp_path / "two", splits=[tmp_path / "one/k/splits.tsv"])
    assert again["split_by"] == "file"
    assert again["split_hash"] == first["split_hash"]
    one, two = ((tmp_path / s / "k/splits.tsv").read_bytes() for s in ("one", "two"))
    assert one == two
    with pytest.raises(UserError, match=r"chr1:0-100 is not here \(60 of 60 regions are missing\)"):
        split([sample()], tmp_path / "three", splits=[tmp_path / "one/k/splits.tsv"])


def test_one_overlapping_locus_fails(sample, tmp_path):
    late = ("chr1", 50, 150)
    folder = sample(
        se=[*((c, i, i + 100) for c in CHROMOSOMES for i in range(0, LENGTH, 800)), late],
        te=[(c, i, i + 100) for c in CHROMOSOMES for i in range(400, LENGTH, 800)],
    )
    table = read_extracted(folder).kept[["chrom", "start", "end"]]
    table["split"] = table["chrom"].map({"chr7": "test", "chr10": "test", "chr8": "validation"})
    table["split"] = table["split"].fillna("train")
    table.loc[(table["chrom"] == "chr1") & (table["start"] == 50), "split"] = "test"
    write_tsv(table, tmp_path / "given.tsv")
    with pytest.raises(UserError, match=r"a_se.bed, line 61: chr1:50-150 is in the test part"):
        split([folder], tmp_path / "s", splits=[tmp_path / "given.tsv"])
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["audit.json"]
    audit = read_json(tmp_path / "s/audit.json")
    assert audit["overlapping_regions"]["test_in_train"] == 1


@pytest.mark.parametrize(
    "rows", [[("chr1", 0, 100, "left")], [("chr1", 0, 100, "test"), ("chr1", 0, 100, "train")]]
)
def test_split_files_that_cannot_be(sample, tmp_path, rows):
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "split"])
    write_tsv(table, tmp_path / "given.tsv")
    with pytest.raises(
        UserError, match=r"given.tsv, line 2: (split 'left' is unknown|a region is in two)"
    ):
        split([sample()], tmp_path / "s", splits=[tmp_path / "given.tsv"])


def test_a_copied_sequence_under_another_name_is_found(fasta, random_bases, sample, tmp_path):
    bases = {name: random_bases(LENGTH, seed) for seed, name in enumerate(CHROMOSOMES)}
    complement = bases["chr1"][:100].translate(str.maketrans("ACGT", "TGCA"))[::-1]
    bases["chr7"] = complement + bases["chr7"][100:]  # a training SE, other strand, other name
    bases["chr10"] = bases["chr2"][:65] + bases["chr10"][65:]  # half of another one's 31-mers
    folder = sample("a", fasta=fasta(bases, "copied.fa", width=60))
    audit = split([folder], tmp_path / "s", validation_chromosomes=["chr8"])
    rows = open_dataset([folder], [tmp_path / "s/a/splits.tsv"]).regions.set_index(
        ["chrom", "start"]
    )
    near = rows["train_containment"]
    assert near["chr7", 0] == 1
    assert near["chr10", 0] == pytest.approx(0.5, abs=0.05)
    assert near[rows["split"] == "train"].isna().all()
    assert (near[rows["split"] == "test"] > 0).sum() == 2
    found = audit["similarity"]["test_in_train"]
    assert found["with_containment_at_least"] == {"0.05": 2, "0.5": 2, "0.95": 1}
    assert (found["regions"], found["largest"]) == (20, 1)
    assert audit["similarity"]["validation_in_train"]["largest"] == 0


def test_files_have_every_input_row(sample, tmp_path):
    folder = sample(
        te=[("chr1", 50, 120)]
        + [(c, i, i + 100) for c in CHROMOSOMES for i in range(800, LENGTH, 1600)]
    )
    audit = split([folder], tmp_path / "s")
    bed = "BED, starts counted from 0"
    assert audit["read_as"] == {"a": {"a_se.bed": bed, "a_te.bed": bed}}
    source = read_extracted(folder).regions
    splits = read_tsv(tmp_path / "s/a/splits.tsv", SPLIT_COLUMNS)
    regions = read_tsv(tmp_path / "s/a/regions.tsv", (*COLUMNS, "cluster", "split"))
    assert splits.columns.tolist() == list(SPLIT_COLUMNS)
    assert regions.columns.tolist() == [*COLUMNS, "cluster", "split"]
    assert len(splits) == len(regions) == len(source)
    dropped = source["drop_reason"] != ""
    assert dropped.sum() == 1
    assert splits.loc[dropped, ["cluster", "split", "train_containment"]].isna().all(axis=None)


def test_splits_of_other_regions(sample, contigs, tmp_path):
    folder = sample()
    split([folder], tmp_path / "s")
    with pytest.raises(UserError, match="not those of the regions"):
        open_dataset([contigs], [tmp_path / "s/a/splits.tsv"])
    with pytest.raises(UserError, match="2 --extracted and 1 --splits"):
        open_dataset([folder, contigs], [tmp_path / "s/a/splits.tsv"])


def test_hash_does_not_depend_on_order():
    rows = pd.DataFrame(
        {"chrom": ["a", "b"], "start": [0, 5], "end": [9, 9], "split": ["test", "train"]}
    )
    assert split_hash(rows) == split_hash(rows[::-1])
    assert split_hash(rows) != split_hash(rows.assign(split=["train", "test"]))


@pytest.mark.real
def test_real_clusters(real_data, tmp_path):
    data = real_data / "se_te_human_3kb"
    extract(
        data / "sequences.fa.gz",
        tmp_path / "x",
        super_enhancers=data / "super_enhancers.bed",
        typical_enhancers=data / "typical_enhancers.bed",
        sample="human",
    )
    audit = split([tmp_path / "x"], tmp_path / "s", clusters=[data / "overlap_clusters.tsv"])
    counts = {part: found["regions"] for part, found in audit["parts"].items()}
    assert sum(counts.values()) == 3_430
    assert counts["test"] == pytest.approx(686, abs=5)
    given = read_tsv(data / "overlap_clusters.tsv").dropna().set_index("contig")["cluster"]
    rows = open_dataset([tmp_path / "x"], [tmp_path / "s/human/splits.tsv"]).regions
    sides = rows.assign(given=rows["chrom"].map(given)).groupby("given")["split"].nunique()
    assert (sides == 1).all()
