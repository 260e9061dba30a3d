"""31-mers against a plain count, and copies found whatever they are called."""

from __future__ import annotations

import numpy as np
import pytest

from seformer.genome.intervals import cluster, overlapping
from seformer.sequence import kmer_overlap

COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse(bases):
    return bases.translate(COMPLEMENT)[::-1]


def kmers(bases):
    found = (bases[i : i + 31] for i in range(len(bases) - 30))
    return {min(kmer, reverse(kmer)) for kmer in found if "N" not in kmer}


@pytest.fixture
def sequences(random_bases):
    parts = [random_bases(n, seed) for seed, n in enumerate((31, 200, 30, 500, 64))]
    return [*parts, parts[1][:90] + "N" + parts[3][:120], "ACG" * 30, "N" * 50, reverse(parts[1])]


def test_as_many_hashes_as_distinct_kmers(sequences):
    hashes, sequence = kmer_overlap.kmer_hashes(sequences)
    assert hashes.dtype == np.uint64
    for i, bases in enumerate(sequences):
        assert (sequence == i).sum() == len(kmers(bases))
    together = set().union(*map(kmers, sequences))
    assert len(np.unique(hashes)) == len(together)
    assert len(kmer_overlap.build_index(sequences)) == len(together)


def test_hashes_do_not_depend_on_neighbours_or_strand(sequences):
    hashes, sequence = kmer_overlap.kmer_hashes(sequences)
    for i, bases in enumerate(sequences):
        alone = hashes[sequence == i]
        np.testing.assert_array_equal(alone, kmer_overlap.kmer_hashes([bases])[0])
        np.testing.assert_array_equal(alone, kmer_overlap.kmer_hashes([reverse(bases)])[0])


@pytest.mark.parametrize("bases_at_once", [1, 100, 10**6])
def test_containment_against_sets(sequences, monkeypatch, bases_at_once):
    monkeypatch.setattr(kmer_overlap, "BATCH_BASES", bases_at_once)
    monkeypatch.setattr(kmer_overlap, "MAX_KMERS", 500)
    known, asked = sequences[:3], sequences[3:]
    share = kmer_overlap.containment(asked, kmer_overlap.build_index(known))
    train = set().union(*map(kmers, known))
    for value, bases in zip(share, asked, strict=True):
        mine = kmers(bases)
        expected = len(mine & train) / len(mine) if mine else np.nan
        np.testing.assert_allclose(value, expected)
    assert share[-1] == 1  # the other strand of a known sequence


def test_sampling_keeps_the_share(random_bases):
    known = random_bases(200_000, 1)
    asked = [known[:50_000] + random_bases(50_000, 2), random_bases(100_000, 3)]
    scaled = kmer_overlap.scale_for(200_000, most=20_000)
    assert scaled == 10
    index = kmer_overlap.build_index([known], scaled)
    assert len(index) == pytest.approx(20_000, rel=0.05)
    share = kmer_overlap.containment(asked, index, scaled)
    np.testing.assert_allclose(share, [0.5, 0], atol=0.02)


def test_nothing_to_compare():
    assert kmer_overlap.build_index([]).tolist() == []
    assert kmer_overlap.containment([], np.empty(0, np.uint64)).tolist() == []
    assert np.isnan(kmer_overlap.containment(["ACGT"], kmer_overlap.build_index(["A" * 40])))


def test_clusters_and_overlaps_against_the_definition():
    import pandas as pd

    rng = np.random.default_rng(4)
    start = rng.integers(0, 400, 120)
    table = pd.DataFrame(
        {
            "chrom": rng.choice(["a", "b"], 120),
            "start": start,
            "end": start + rng.integers(1, 12, 120),
        }
    )
    rows = list(table.itertuples(index=False))
    for gap in (0, 3):
        found = cluster(table, gap)
        joined = np.arange(120)
        for _ in range(120):  # spread the smallest number along every chain
            before = joined.copy()
            for i, a in enumerate(rows):
                for j, b in enumerate(rows):
                    near = a.start <= b.end + gap and b.start <= a.end + gap
                    if a.chrom == b.chrom and near:
                        joined[i] = joined[j] = min(joined[i], joined[j])
            if (joined == before).all():
                break
        assert len(set(zip(found, joined, strict=True))) == len(set(found)) == len(set(joined))
    queries, targets = table[:60], table[60:]
    expected = [
        any(q.chrom == t.chrom and q.start < t.end and t.start < q.end for t in rows[60:])
        for q in rows[:60]
    ]
    assert overlapping(queries, targets).tolist() == expected
    assert overlapping(queries, targets[:0]).tolist() == [False] * 60
    assert overlapping(queries[:0], targets).tolist() == []
