"""The demo data: reproducible, and its classes lie in motifs alone."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seformer.genome.genome import Genome
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.regions.read import read_regions
from seformer.regions.simulate import CHROMOSOMES, HELD_OUT, SE_MOTIFS, TE_MOTIFS, simulate
from seformer.util.errors import UserError

FILES = (
    "genome.fa.gz",
    "genome.fa.gz.fai",
    "genome.fa.gz.gzi",
    "regions_to_explain.bed",
    "regions_to_score.bed",
    "samplesheet.csv",
    "super_enhancers.bed",
    "truth.bed",
    "typical_enhancers.bed",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    simulate(folder)
    return folder


@pytest.fixture(scope="module")
def extracted(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extracted")
    extract(
        demo / "genome.fa.gz",
        folder,
        super_enhancers=demo / "super_enhancers.bed",
        typical_enhancers=demo / "typical_enhancers.bed",
    )
    return read_extracted(folder)


def test_same_seed_same_bytes(demo, tmp_path):
    assert sorted(p.name for p in demo.iterdir()) == sorted(FILES)
    simulate(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (demo / name).read_bytes(), name
    simulate(tmp_path / "other", seed=2)
    assert (tmp_path / "other/truth.bed").read_bytes() != (demo / "truth.bed").read_bytes()


def test_every_region_is_kept(extracted):
    assert (extracted.regions["drop_reason"] == "").all()
    assert 950 < len(extracted.regions) < 1200
    assert extracted.regions["length"].between(600, 1500).all()
    assert set(extracted.regions["chrom"]) == set(CHROMOSOMES)


def test_length_and_gc_tell_nothing(extracted):
    table = extracted.kept
    test = table["chrom"].isin(HELD_OUT)
    for rows in (table[test], table):
        label = rows["label"].astype(int)
        for column in ("length", "gc"):
            area = roc_auc_score(label, rows[column])
            assert max(area, 1 - area) <= 0.58, column


def counts(sequences, k):
    """Canonical k-mer frequencies: float [regions, k-mers]."""
    complement = str.maketrans("ACGT", "TGCA")
    words = ("".join(word) for word in itertools.product("ACGT", repeat=k))
    number = {}
    for word in words:
        number[word] = number.get(word.translate(complement)[::-1], len(set(number.values())))
    table = np.zeros((len(sequences), max(number.values()) + 1))
    for row, bases in zip(table, sequences, strict=True):
        found = [number[bases[i : i + k]] for i in range(len(bases) - k + 1)]
        np.add.at(row, found, 1 / len(bases))
    return table


def test_order_of_letters_tells_the_class(extracted):
    table = extracted.kept
    test = table["chrom"].isin(HELD_OUT).to_numpy()
    label = table["label"].to_numpy(int)
    sequences = list(extracted.sequences())
    area = {}
    for k, penalty in ((2, 0.01), (4, 0.01), (5, 0.01)):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=500))
        features = counts(sequences, k)
        model.fit(features[~test], label[~test])
        area[k] = roc_auc_score(label[test], model.decision_function(features[test]))
    assert area[2] < 0.65
    assert area[4] < 0.98
    assert area[5] > 0.95


def test_truth_is_what_stands_in_the_genome(demo):
    columns = ["chrom", "start", "end", "name", "score", "strand", "motif_class", "region"]
    truth = pd.read_csv(demo / "truth.bed", sep="\t", names=columns)
    motifs = SE_MOTIFS | TE_MOTIFS
    assert set(truth["name"]) == set(motifs)
    complement = str.maketrans("ACGT", "TGCA")
    with Genome(demo / "genome.fa.gz") as genome:
        for row, bases in zip(truth.itertuples(), genome.fetch_many(truth), strict=True):
            if row.strand == "-":
                bases = bases.translate(complement)[::-1]
            same = sum(a == b for a, b in zip(bases, motifs[row.name], strict=True))
            assert round(1000 * same / len(bases)) == row.score
    places = truth.sort_values(["chrom", "start"])
    assert (places["start"].to_numpy()[1:] >= places["end"].to_numpy()[:-1])[
        (places["chrom"].to_numpy()[1:] == places["chrom"].to_numpy()[:-1])
    ].all()


def test_instances_lie_in_constituents_of_their_region(demo):
    columns = ["chrom", "start", "end", "name", "score", "strand", "motif_class", "region"]
    truth = pd.read_csv(demo / "truth.bed", sep="\t", names=columns)
    blocks = {}
    for file in ("super_enhancers.bed", "typical_enhancers.bed"):
        for row in read_regions(demo / file).own.itertuples():
            sizes, starts = (
                list(map(int, text.split(","))) for text in (row.blockSizes, row.blockStarts)
            )
            begin = [int(row.start) + start for start in starts]
            blocks[row.name] = [(b, b + size) for b, size in zip(begin, sizes, strict=True)]
            assert blocks[row.name][0][0] == int(row.start)
            assert blocks[row.name][-1][1] == int(row.end)
            assert len(sizes) == int(row.blockCount)
            assert (len(sizes) > 1) == row.name.startswith("SE")
    assert set(truth["region"]) <= set(blocks)
    for row in truth.itertuples():
        assert any(a <= row.start and row.end <= b for a, b in blocks[row.region])
    own = truth["motif_class"] == truth["region"].str[:2]
    assert 0.85 < own.mean() < 0.91


def test_regions_to_score_and_explain_are_held_out(demo):
    score = read_regions(demo / "regions_to_score.bed").regions
    explain = read_regions(demo / "regions_to_explain.bed").regions
    assert set(score["chrom"]) == set(explain["chrom"]) | set(score["chrom"]) == set(HELD_OUT)
    assert len(score) > 200
    assert explain["name"].str[:2].value_counts().to_dict() == {"SE": 8, "TE": 8}


def test_sheet_has_paths_beside_it(demo):
    header, row = (demo / "samplesheet.csv").read_text().splitlines()
    assert header == "sample,super_enhancers,typical_enhancers"
    assert all((demo / path).is_file() for path in row.split(",")[1:])


def test_genome_is_soft_masked_and_has_gaps(demo):
    import gzip

    text = gzip.open(demo / "genome.fa.gz", "rt").read()
    lower = sum(map(text.count, "acgt"))
    assert 0.1 < lower / len(text) < 0.3
    assert text.count("N") > 10_000


def test_unknown_size(tmp_path):
    with pytest.raises(UserError, match="tiny or small"):
        simulate(tmp_path / "x", size="huge")
    assert not (tmp_path / "x").exists()
