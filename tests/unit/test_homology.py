"""Near copies fall together: shifted, mutated, turned, in other surroundings; nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence

from seformer.genome.genome import Genome
from seformer.regions.extract import extract
from seformer.sequence import homology
from seformer.sequence.dna import reverse_complement
from seformer.sequence.shuffle import dinucleotide_shuffle
from seformer.splits.split import split
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv, write_tsv

DATA = os.environ.get("SEFORMER_TEST_DATA")
LENGTHS = (200, 1000, 3000)


def mutated(bases, identity=0.9, seed=0):
    """Other bases at random positions."""
    rng = np.random.default_rng(seed)
    letters = np.array(list(bases))
    changed = rng.random(len(letters)) > identity
    shift = rng.integers(1, 4, changed.sum())
    letters[changed] = [
        "ACGT"[("ACGT".index(x) + int(by)) % 4]
        for x, by in zip(letters[changed], shift, strict=True)
    ]
    return "".join(letters)


def clusters(sequences):
    return homology.near_copies(sequences, sum(map(len, sequences))).clusters()


def families(length, number, copy):
    """Sequences that have nothing in common, and behind them a copy of each."""
    first = [random_sequence(length, seed=1000 + i) for i in range(number)]
    return first + [copy(bases, i) for i, bases in enumerate(first)]


COPIES = {
    "the same": lambda bases, i: bases,
    "50 bp on": lambda bases, i: bases[50:] + random_sequence(50, seed=i),
    "half of it": lambda bases, i: bases[len(bases) // 2 :] + random_sequence(len(bases) // 2, i),
    "the other strand": lambda bases, i: reverse_complement(bases),
    "90 % identity": lambda bases, i: mutated(bases, seed=i),
    "90 %, other strand, 50 bp on": lambda bases, i: reverse_complement(
        mutated(bases[50:], seed=i) + random_sequence(50, seed=i)
    ),
    "a third in other surroundings": lambda bases, i: (
        random_sequence(len(bases) // 3, i)
        + bases[: len(bases) // 3]
        + random_sequence(len(bases) // 3, 77 + i)
    ),
    "with a gap": lambda bases, i: (
        bases[: len(bases) // 2] + "N" * 40 + bases[len(bases) // 2 + 9 :]
    ),
}


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_fall_into_one_cluster(length, copy):
    number = 40
    found = clusters(families(length, number, copy))
    assert np.mean(found[:number] == found[number:]) >= (1 if length > 200 else 0.95)
    # and none into another's
    assert len(set(found[:number])) == number


def test_half_of_a_region_at_90_percent_is_mostly_found():
    for length, share in zip(LENGTHS, (0.7, 1, 1), strict=True):
        found = clusters(
            families(length, 40, lambda bases, i: mutated(COPIES["half of it"](bases, i), seed=i))
        )
        assert np.mean(found[:40] == found[40:]) >= share


def test_copies_of_copies_are_one_cluster():
    """Tiles of a long sequence, each over half of its neighbour."""
    whole = random_sequence(6_000, seed=5)
    tiles = [whole[i : i + 1000] for i in range(0, 5_001, 500)]
    found = clusters([*tiles, random_sequence(1000, seed=6)])
    assert len(set(found[:-1])) == 1 and found[-1] != found[0]


def test_a_repeat_does_not_chain_everything():
    """An element of 300 bp in every second region, its copies 20 % diverged, as Alu's are."""
    element = random_sequence(300, seed=9)
    regions = []
    for i in range(300):
        bases = random_sequence(3000, seed=i)
        at = 137 * i % 2700
        repeat = mutated(element, 0.85, seed=i)
        regions.append(bases[:at] + repeat + bases[at + 300 :] if i % 2 else bases)
    regions.append(mutated(regions[7], seed=1))
    found = clusters(regions)
    assert found[7] == found[-1]
    assert np.bincount(found).max() == 2


def test_more_exact_copies_than_a_kmer_may_have_regions():
    many = homology.MOST_REGIONS + 8
    bases = random_sequence(500, seed=1)
    turned = [reverse_complement(bases) if i % 2 else bases for i in range(many)]
    found = clusters([*turned, mutated(bases, seed=3), random_sequence(500, seed=2)])
    assert len(set(found[:-1])) == 1 and found[-1] != found[0]


@pytest.mark.parametrize(("length", "many"), [(300, 100), (1500, 100), (300, 250)])
def test_more_mutated_copies_than_a_kmer_may_have_regions(length, many):
    bases = random_sequence(length, seed=1)
    copies = [mutated(bases, 0.95, seed=i) for i in range(many)]
    others = [random_sequence(length, seed=1000 + i) for i in range(50)]
    turned = [reverse_complement(copy) if i % 2 else copy for i, copy in enumerate(copies)]
    found = clusters([*others, *turned])
    assert np.bincount(found[50:]).max() >= 0.99 * many
    assert len(set(found[:50])) == 50 and not set(found[:50]) & set(found[50:])
    # in whatever order
    order = np.random.default_rng(1).permutation(many + 50)
    other = clusters([[*others, *turned][i] for i in order])
    same = found[order][:, None] == found[order]
    assert ((other[:, None] == other) == same).all()


def test_little_that_many_regions_share_does_not_join_them():
    """Two young Alus in every second region, and long simple repeats, interrupted ones too."""
    element = random_sequence(300, seed=9)
    regions = []
    for i in range(400):
        bases = random_sequence(2400, seed=i)
        twice = mutated(element, 0.95, seed=i) + mutated(element, 0.95, seed=1000 + i)
        regions.append(bases + twice if i % 2 else bases)
    for i in range(100):
        regions.append("A" * 300 + random_sequence(200, seed=5000 + i))
        regions.append("CA" * 150 + random_sequence(200, seed=6000 + i))
    assert np.bincount(clusters(regions)).max() == 1


def test_nothing_is_known_of_unknown_and_of_simple_bases():
    sequences = ["N" * 300] * 3 + ["A" * 300, "A" * 300, "CA" * 150, "AC" * 150, "ACGTACG"]
    assert sorted(clusters(sequences)) == list(range(len(sequences)))
    assert clusters([]).tolist() == []
    assert clusters([random_sequence(50, seed=1)]).tolist() == [0]
    two_with_a_microsatellite = [
        random_sequence(200, seed=i) + "CA" * 40 + random_sequence(200, seed=9 + i) for i in (1, 2)
    ]
    assert len(set(clusters(two_with_a_microsatellite))) == 2


def test_which_have_a_copy_among_others():
    bases = [random_sequence(400, seed=i) for i in range(4)]
    sequences = [bases[0], bases[1], bases[0], mutated(bases[1]), bases[2], mutated(bases[0])]
    found = homology.near_copies(sequences, 2400)
    train = np.array([True, True, False, False, False, False])
    assert found.in_any(train).tolist() == [False, False, True, True, False, True]
    assert found.in_any(~train).tolist() == [True, True, True, False, False, True]
    assert found.in_any(np.ones(6, bool)).tolist() == [True, True, True, True, False, True]


def test_against_a_plain_count():
    rng = np.random.default_rng(0)
    first = [random_sequence(int(n), seed=i) for i, n in enumerate(rng.integers(60, 400, 30))]
    sequences = first + [mutated(bases, 0.85, seed=i) for i, bases in enumerate(first)]

    def kmers(bases):
        every = (bases[i : i + 12] for i in range(len(bases) - 11))
        return {min(kmer, reverse_complement(kmer)) for kmer in every}

    sets = list(map(kmers, sequences))
    expected = {
        (i, j)
        for i in range(60)
        for j in range(i + 1, 60)
        if len(sets[i] & sets[j]) >= max(10, 0.05 * min(len(sets[i]), len(sets[j])))
    }
    found = homology.near_copies(sequences, sum(map(len, sequences)))
    assert found.group.tolist() == list(range(60))
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected


def test_batches_and_blocks_do_not_matter(monkeypatch):
    sequences = families(300, 20, COPIES["90 % identity"])
    once = homology.near_copies(sequences, 12_000)
    monkeypatch.setattr("seformer.sequence.kmer_overlap.BATCH_BASES", 700)
    monkeypatch.setattr(homology, "PAIRS_AT_ONCE", 40)
    again = homology.near_copies(iter(sequences), 12_000)
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sample_of_the_kmers_finds_them_too(monkeypatch):
    monkeypatch.setattr(homology, "MAX_KMERS", 40_000)
    sequences = families(3000, 60, COPIES["90 % identity"])
    found = homology.near_copies(sequences, 360_000)
    assert found.scaled == 9
    joined = found.clusters()
    assert (joined[:60] == joined[60:]).all() and len(set(joined)) == 60


@pytest.mark.parametrize(
    ("bases", "k"), [(0, 12), (600_000, 12), (10_000_000, 14), (10**8, 15), (10**12, 16)]
)
def test_length_of_the_kmers(bases, k):
    assert homology.kmer_length(bases) == k


# ------------------------------------------------------------------------- splits

PITCH = 2_000


@pytest.fixture
def copies(fasta, bed, tmp_path):
    """Two samples on genomes of their own; every region of "b" is a near copy of one of "a"."""
    first = [random_sequence(600, seed=i) for i in range(60)]
    second = [reverse_complement(mutated(bases, seed=i)) for i, bases in enumerate(first)]
    folders = []
    for name, regions, step in (("a", first, 1), ("b", second, 7)):
        # in another order, so that the places tell nothing
        order = [i * step % 60 for i in range(60)]
        spaced = [regions[i] + random_sequence(PITCH - 600, seed=1000 * step + i) for i in order]
        genome = fasta({f"{name}1": "".join(spaced[:30]), f"{name}2": "".join(spaced[30:])}, name)
        rows = [
            (f"{name}{1 + j // 30}", PITCH * (j % 30), PITCH * (j % 30) + 600) for j in range(60)
        ]
        labels = np.array(order) % 2
        extract(
            genome,
            tmp_path / f"x_{name}",
            super_enhancers=bed(
                f"{name}_se.bed", [r for r, y in zip(rows, labels, strict=True) if y]
            ),
            typical_enhancers=bed(
                f"{name}_te.bed", [r for r, y in zip(rows, labels, strict=True) if not y]
            ),
            sample=name,
        )
        folders.append(tmp_path / f"x_{name}")
    return folders


FRACTIONS = {"test_fraction": 0.25, "validation_fraction": 0.25}


def test_near_copies_of_two_samples_are_on_one_side(copies, tmp_path):
    audit = split(copies, tmp_path / "s", split_by="homology", **FRACTIONS)
    assert audit["split_by"] == "homology"
    assert audit["near_copies"] == dict.fromkeys(
        ("validation_in_train", "test_in_train", "test_in_validation"), 0
    )
    clusters = audit["clusters"]
    assert (clusters["number"], clusters["singletons"], clusters["largest"]) == (60, 0, 2)
    assert clusters["largest_share"] == pytest.approx(2 / 120)
    assert audit["homology"]["regions_with_near_copy"] == 120
    assert audit["homology"]["k"] == 12
    parts = [read_tsv(tmp_path / "s" / name / "splits.tsv") for name in "ab"]
    assert parts[0].groupby("cluster")["split"].first().to_dict() == (
        parts[1].groupby("cluster")["split"].first().to_dict()
    )
    assert read_json(tmp_path / "s" / "audit.json") == audit


def test_folds_keep_near_copies_together(copies, tmp_path):
    audit = split(copies, tmp_path / "s", split_by="homology", folds=4, validation_fraction=0.2)
    assert audit["near_copies"]["test_in_train"] == 0
    assert audit["clusters"]["number"] == 60
    assert [fold["near_copies"]["test_in_train"] for fold in audit["folds"]] == [0] * 4
    tables = [read_tsv(tmp_path / "s" / name / "regions.tsv") for name in "ab"]
    rows = pd.concat(tables)
    assert (rows.groupby("cluster")["fold"].nunique() == 1).all()


def test_other_splits_count_the_near_copies_that_31mers_do_not_see(copies, tmp_path):
    audit = split(copies, tmp_path / "s", split_by="clusters", **FRACTIONS)
    similar = audit["similarity"]["test_in_train"]
    assert similar["with_containment_at_least"]["0.5"] == 0
    # each has its copy in one of three parts, half of them in training
    assert audit["near_copies"]["test_in_train"] > similar["regions"] / 4
    folds = split(copies, tmp_path / "f", split_by="clusters", folds=3, validation_fraction=0.2)
    each = [fold["near_copies"]["test_in_train"] for fold in folds["folds"]]
    assert folds["near_copies"]["test_in_train"] == sum(each) > 0


def test_given_clusters_and_overlaps_are_joined_too(fasta, bed, tmp_path):
    bases = [random_sequence(400, seed=i) for i in range(60)]
    bases[10] = mutated(bases[11], seed=1)
    genome = fasta({f"c{i:02}": b + random_sequence(100, seed=99 + i) for i, b in enumerate(bases)})
    rows = [(f"c{i:02}", 0, 400) for i in range(60)]
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", [*rows[::2], ("c20", 300, 500)]),
        typical_enhancers=bed("te.bed", rows[1::2]),
        sample="a",
    )
    given = pd.DataFrame({"contig": [f"c{i:02}" for i in range(60)], "cluster": ""})
    given.loc[[11, 20, 21], "cluster"] = ["x", "y", "x"]
    write_tsv(given, tmp_path / "clusters.tsv")
    split(
        [tmp_path / "x"],
        tmp_path / "s",
        split_by="homology",
        clusters=[tmp_path / "clusters.tsv"],
        **FRACTIONS,
    )
    found = read_tsv(tmp_path / "s/a/splits.tsv").set_index("chrom")["cluster"]
    assert found["c10"] == found["c11"] == found["c21"] == "x"
    assert found["c20"].tolist() == ["y", "y"]
    assert (found == "x").sum() == 3


def test_one_family_of_everything_cannot_be_split(fasta, bed, tmp_path):
    bases = random_sequence(400, seed=1)
    genome = fasta({f"c{i:02}": mutated(bases, 0.97, seed=i) for i in range(30)})
    rows = [(f"c{i:02}", 0, 400) for i in range(30)]
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", rows[::2]),
        typical_enhancers=bed("te.bed", rows[1::2]),
    )
    with pytest.raises(UserError, match="the largest cluster, c00:0-400, has 30 of 30 regions"):
        split([tmp_path / "x"], tmp_path / "s", split_by="homology")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"test_chromosomes": ["a1"]}, "near copies lie on any chromosome"),
        ({"splits": ["some.tsv"]}, "--splits gives one"),
        ({"folds": 70}, "in 60 clusters of regions"),
    ],
)
def test_homology_with_what_contradicts_it(copies, tmp_path, options, found):
    with pytest.raises(UserError, match=found):
        split(copies, tmp_path / "s", split_by="homology", **options)


@pytest.mark.skipif(not DATA, reason="no real data: SEFORMER_TEST_DATA is not set")
def test_real_regions_do_not_chain_and_their_shuffles_do_not_meet():
    folder = Path(DATA or "") / "ienhancer_200bp"
    with Genome(folder / "sequences.fa.gz") as genome:
        rows = pd.DataFrame({"chrom": list(genome.chromosomes), "start": 0, "end": 200})
        sequences = genome.fetch_many(rows)
    sizes = np.bincount(clusters(sequences))
    # the largest are Alu elements
    assert sizes.max() < 0.1 * len(sequences)
    assert (sizes == 1).sum() > 0.8 * len(sequences)
    rng = np.random.default_rng(0)
    shuffled = [dinucleotide_shuffle(bases, rng) for bases in sequences]
    # one chance pair among the 4.4 million
    assert len(set(clusters(shuffled))) >= len(shuffled) - 1
