"""Mean, maximum and sum of a bigWig over regions."""

import numpy as np
import pandas as pd
import pybigtools
import pytest

from seformer.genome import bigwig
from seformer.genome.bigwig import read_track
from seformer.util.errors import UserError


@pytest.fixture
def track(tmp_path):
    def write(records, sizes=None, name="signal.bw"):
        path = tmp_path / "made.bw"
        pybigtools.open(str(path), "w").write(sizes or {"chr1": 1000, "chr2": 500}, iter(records))
        return path.rename(tmp_path / name)

    return write


def regions(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def test_values_by_hand(track):
    path = track([("chr1", 10, 20, 1.5), ("chr1", 30, 40, -4.0), ("chr2", 5, 6, 7.0)])
    # not in the order of the genome; the third reaches into a gap, the last has no value at all
    rows = regions(("chr2", 0, 10), ("chr1", 15, 35), ("chr1", 0, 12), ("chr1", 20, 30))
    found = read_track(path, rows)
    expected = [[7, 7, 7], [(5 * 1.5 - 5 * 4) / 10, 1.5, -12.5], [1.5, 1.5, 3], [np.nan, np.nan, 0]]
    np.testing.assert_allclose(found.statistics, expected)
    assert found.covered.tolist() == [1, 10, 2, 0]
    assert found.missing == [] and found.other_lengths == []


def test_what_is_no_number_is_no_value(track):
    values = [np.nan, np.inf, -np.inf, 2.0]
    path = track([("chr1", 10 * i, 10 * i + 10, value) for i, value in enumerate(values)])
    found = read_track(path, regions(("chr1", 0, 40), ("chr1", 0, 30)))
    np.testing.assert_array_equal(found.statistics, [[2, 2, 20], [np.nan, np.nan, 0]])
    assert found.covered.tolist() == [10, 0]


def test_a_long_region_is_read_in_stretches(track, monkeypatch):
    path = track([("chr1", i, i + 1, float(i)) for i in range(0, 1000, 3)])
    whole = read_track(path, regions(("chr1", 7, 991)))
    monkeypatch.setattr(bigwig, "STRETCH", 64)
    np.testing.assert_array_equal(
        read_track(path, regions(("chr1", 7, 991))).statistics, whole.statistics
    )
    expected = np.arange(9, 991, 3)
    np.testing.assert_allclose(
        whole.statistics[0], [expected.mean(), expected.max(), expected.sum()]
    )


def test_chromosomes_are_matched_and_missing_ones_named(track, caplog):
    path = track([("1", 0, 100, 2.0)], {"1": 1000})
    rows = regions(("chr1", 0, 10), ("chrX", 0, 10), ("chr2", 5, 10), ("chrX", 20, 30))
    found = read_track(path, rows, {"chr1": 2000})
    assert found.statistics[0].tolist() == [2, 2, 20]
    assert np.isnan(found.statistics[1:, :2]).all() and not found.statistics[1:, 2].any()
    assert found.missing == ["chrX", "chr2"]
    # another length in the genome is told: a track of another assembly is a poor baseline
    assert found.other_lengths == ["chr1"]
    assert "chr1 has 1000 bp, but 2000 in the genome" in caplog.text
    assert read_track(path, rows, {"chr1": 1000}).other_lengths == []


def test_the_ending_of_the_name_does_not_matter(track):
    path = track([("chr1", 0, 10, 1.0)], name="dataset_7.dat")
    assert read_track(path, regions(("chr1", 0, 10))).covered.tolist() == [10]


def test_faults_are_told_in_one_message(track, tmp_path, monkeypatch):
    path = track([("chr1", 0, 100, 1.0)])
    here = regions(("chr1", 0, 10))
    with pytest.raises(UserError, match=r"no such file"):
        read_track(tmp_path / "none.bw", here)
    with pytest.raises(UserError, match=r"no chromosome of the regions.*on chr9.*has chr1"):
        read_track(path, regions(("chr9", 0, 10)))
    with pytest.raises(UserError, match=r"chr1 has 1000 bp in this track, .* ends at 1200"):
        read_track(path, regions(("chr1", 1000, 1200)))
    (tmp_path / "text.bw").write_text("chr1\t0\t10\t1\n")
    (tmp_path / "empty.bw").write_bytes(b"")
    (tmp_path / "cut.bw").write_bytes(path.read_bytes()[:-10])
    (tmp_path / "half.bw").write_bytes(path.read_bytes()[:300])
    for name in ("text", "empty", "cut", "half"):
        with pytest.raises(UserError, match=rf"{name}\.bw: .*(bigWig|empty)"):
            read_track(tmp_path / f"{name}.bw", here)
    pybigtools.open(str(tmp_path / "a.bb"), "w").write({"chr1": 1000}, iter([("chr1", 0, 9, "x")]))
    with pytest.raises(UserError, match=r"a bigBed. Expected: a bigWig"):
        read_track(tmp_path / "a.bb", here)
