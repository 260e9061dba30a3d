"""Typical enhancers matched to the super-enhancers, or drawn from the genome."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seformer.evaluation.metrics import auroc
from seformer.genome.intervals import overlapping
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.regions.negatives import match_pairs
from seformer.util.errors import UserError


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    label = (np.arange(4_000) < 400).astype(int)
    return pd.DataFrame(
        {
            "label": label,
            "length": np.exp(rng.normal(6.5 + 0.8 * label, 0.6)).astype(int),
            "gc": np.clip(rng.normal(0.42 + 0.05 * label, 0.06), 0, 1),
            "cpg": rng.gamma(1.5 + label, 0.01),
            "n_fraction": np.where(rng.random(4_000) < 0.1, 0.3, 0.0),
        }
    )


def test_matched_pairs_are_alike_and_each_is_taken_once(features):
    assert auroc(features["label"].to_numpy(), features["length"].to_numpy(float)) > 0.75
    kept = features[match_pairs(features, ("length", "gc", "n"), seed=1)]
    label = kept["label"].to_numpy()
    assert label.sum() == len(label) / 2 > 150
    for column in ("length", "gc", "n_fraction"):
        assert auroc(label, kept[column].to_numpy(float)) == pytest.approx(0.5, abs=0.04)
    only = features[match_pairs(features, ("gc",), seed=1)]
    assert only["label"].sum() > 380
    assert auroc(only["label"].to_numpy(), only["length"].to_numpy(float)) > 0.7


def test_matched_in_cpg_nothing_of_it_is_left(features):
    assert auroc(features["label"].to_numpy(), features["cpg"].to_numpy()) > 0.7
    for also in ((), ("length", "gc", "n")):
        kept = features[match_pairs(features, (*also, "cpg"), seed=1)]
        label = kept["label"].to_numpy()
        assert label.sum() == len(label) / 2 > 100
        assert auroc(label, kept["cpg"].to_numpy()) == pytest.approx(0.5, abs=0.03)


def test_matching_reads_cpg_from_the_genome(fasta, bed, tmp_path):
    """Islands among the super-enhancers: GC alone does not take them away, CpG does."""
    rng = np.random.default_rng(3)
    bases, rows = [], ([], [])
    for i in range(400):
        label = i % 2
        # as many G and C in either class, but half of the super-enhancers have them as CG
        pairs = ["CG" if label and i % 4 == 1 else "GC"] * 25 + ["AT", "TA", "AA", "TT"] * 12
        bases.append("".join(rng.permutation(pairs + ["CA", "TG"] * 8)) + "T" * 50)
        rows[label].append(("chr1", sum(map(len, bases[:-1])), sum(map(len, bases)) - 50))
    genome = fasta({"chr1": "".join(bases)})

    def aurocs(features):
        extract(
            genome,
            tmp_path / "-".join(features),
            super_enhancers=bed("se.bed", rows[1]),
            typical_enhancers=bed("te.bed", rows[0]),
            match_negatives=features,
        )
        source = read_extracted(tmp_path / "-".join(features))
        cpg = [sequence.count("CG") / len(sequence) for sequence in source.sequences()]
        return auroc(source.kept["label"].to_numpy(int), np.array(cpg)), len(cpg)

    (of_gc, all_rows), (of_cpg, some) = aurocs(("gc",)), aurocs(("gc", "cpg"))
    assert all_rows == 400 and of_gc > 0.7
    assert 100 < some < 400 and of_cpg == pytest.approx(0.5, abs=0.05)


def test_matching_is_the_same_for_one_seed(features):
    one, two, three = (match_pairs(features, ("length", "gc"), seed) for seed in (1, 1, 2))
    assert (one == two).all()
    assert (one != three).any()


def test_the_nearest_is_taken():
    rows = pd.DataFrame(
        {"label": [1, 0, 0, 0], "length": 500, "n_fraction": 0.0, "gc": [0.41, 0.4, 0.409, 0.43]}
    )
    assert match_pairs(rows, ("gc", "length"), 1).tolist() == [True, False, True, False]


@pytest.fixture
def genome(fasta, random_bases):
    bases = random_bases(60_000, 1)
    return fasta(
        {
            "chr1": bases[:20_000] + "N" * 5_000 + bases[20_000:],
            "chr2": random_bases(30_000, 2),
            "alt": random_bases(90_000, 3),
        },
        width=60,
    )


@pytest.fixture
def supers(bed):
    rows = [(c, i, i + 300 + i // 100) for c in ("chr1", "chr2") for i in range(0, 9_000, 900)]
    return bed("se.bed", rows)


def test_random_regions_avoid_gaps_blacklist_and_given_regions(genome, supers, bed, tmp_path):
    blacklist = [("chr1", 30_000, 50_000), ("chr2", 15_000, 20_000)]
    te = [("chr2", 10_000, 10_400)]
    summary = extract(
        genome,
        tmp_path / "x",
        super_enhancers=supers,
        typical_enhancers=bed("te.bed", te),
        random_negatives="1.5x",
        blacklist=bed("black.bed", blacklist),
    )
    rows = read_extracted(tmp_path / "x").kept
    drawn, given = rows[rows["source"] == "random"], rows[rows["source"] != "random"]
    assert len(drawn) == 30 == summary["typical_enhancers"] - 1
    assert set(drawn["chrom"]) == {"chr1", "chr2"}
    assert (drawn["n_fraction"] == 0).all()
    black = pd.DataFrame(blacklist, columns=["chrom", "start", "end"])
    assert not overlapping(drawn, black).any()
    assert not overlapping(drawn, given).any()
    assert all(
        not overlapping(drawn.iloc[[i]], drawn.drop(drawn.index[i])).any() for i in range(30)
    )
    assert set(drawn["length"]) <= set(given.loc[given["label"] == 1, "length"])
    again = extract(
        genome,
        tmp_path / "y",
        super_enhancers=supers,
        typical_enhancers=tmp_path / "te.bed",
        random_negatives="30",
        blacklist=tmp_path / "black.bed",
    )
    assert again["kept"] == summary["kept"]
    one, two = ((tmp_path / name / "regions.tsv").read_bytes() for name in "xy")
    assert one == two


def test_random_regions_stand_in_for_typical_enhancers(genome, supers, tmp_path):
    extract(genome, tmp_path / "x", super_enhancers=supers, random_negatives="2x")
    rows = read_extracted(tmp_path / "x").kept
    assert rows["label"].value_counts().to_dict() == {1: 20, 0: 40}
    with pytest.raises(UserError, match="one class only"):
        extract(genome, tmp_path / "y", super_enhancers=supers)


def test_what_is_not_matched_is_dropped_and_counted(genome, supers, tmp_path):
    summary = extract(
        genome,
        tmp_path / "x",
        super_enhancers=supers,
        match_negatives=("length", "gc"),
        random_negatives="5x",
    )
    rows = read_extracted(tmp_path / "x").regions
    lost = rows["drop_reason"] == "not_matched"
    assert summary["dropped"] == {"not_matched": int(lost.sum())}
    assert summary["super_enhancers"] == summary["typical_enhancers"] > 10


@pytest.mark.parametrize(
    ("negatives", "found"),
    [
        ({"match_negatives": ("length", "colour")}, "'colour' cannot be matched"),
        ({"random_negatives": "many"}, "--random-negatives many"),
        ({"random_negatives": "0"}, "no random region would be drawn"),
        ({"random_negatives": "0.01x"}, "no random region would be drawn"),
        ({"blacklist": "b.bed"}, "none is wanted"),
        ({"random_negatives": "900"}, r"only \d+ of 900 random regions find a place"),
    ],
)
def test_negatives_that_cannot_be(genome, supers, bed, tmp_path, negatives, found):
    te = bed("te.bed", [("chr2", 10_000, 10_400)])
    with pytest.raises(UserError, match=found):
        extract(
            genome,
            tmp_path / "x",
            super_enhancers=supers,
            typical_enhancers=te,
            **negatives,
        )
