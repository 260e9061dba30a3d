import os
import subprocess

import numpy as np
import pandas as pd
import pybigtools
import pytest
from safetensors.numpy import load_file

from seformer.explain import tracks
from seformer.explain.folder import overlaps_another
from seformer.explain.values import VALUES_FILE, Values, ValuesWriter
from seformer.genome import bigwig_writer
from seformer.util.errors import UserError


def frame(*rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


def test_values_file_is_plain_safetensors(tmp_path):
    path = tmp_path / VALUES_FILE
    values = [np.arange(4.0), np.empty(0), np.array([0.5, -1.5, 2])]
    with ValuesWriter(path, [4, 0, 3]) as writer:
        for one, bases in zip(values, ("ACGT", "", "NTA"), strict=True):
            writer.add(one, bases)
    stored = load_file(path)
    assert stored["offsets"].tolist() == [0, 4, 4, 7]
    assert stored["values"].dtype == np.float32 and stored["bases"].dtype == np.uint8
    assert stored["bases"].tolist() == [0, 1, 2, 3, 4, 3, 0]
    read = Values(path)
    assert len(read) == 3
    for row, one in enumerate(values):
        np.testing.assert_array_equal(read[row], one.astype(np.float32))
    assert [read.sequence(row) for row in range(3)] == ["ACGT", "", "NTA"]


def test_values_file_refuses_wrong_lengths_and_missing_regions(tmp_path):
    with pytest.raises(ValueError, match="4 bases"):
        with ValuesWriter(tmp_path / "a", [4]) as writer:
            writer.add(np.zeros(3), "ACG")
    with pytest.raises(ValueError, match="0 of 1"):
        with ValuesWriter(tmp_path / "b", [4]):
            pass


def test_damaged_values_file(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match="damaged"):
        Values(path)


def test_overlaps_are_joined_and_touching_regions_are_not():
    regions = frame(("b", 0, 10), ("a", 5, 9), ("a", 0, 6), ("a", 9, 12), ("a", 1, 2))
    values = [np.full(end - start, row) for row, (_, start, end) in enumerate(regions.values)]
    found = list(tracks.intervals(regions, values.__getitem__))
    assert [(chrom, start) for chrom, start, _, _ in found] == [
        ("a", 0), ("a", 1), ("a", 2), ("a", 5), ("a", 6), ("a", 9), ("b", 0),
    ]  # fmt: skip
    assert overlaps_another(regions).tolist() == [False, True, True, False, True]


def test_intervals_average_overlaps_and_join_equal_neighbours():
    regions = frame(("a", 2, 6), ("a", 4, 8))
    values = [np.array([1.0, 1, 3, 3]), np.array([5.0, 5, 0, 0])]
    assert list(tracks.intervals(regions, values.__getitem__)) == [
        ("a", 2, 4, 1.0),
        ("a", 4, 6, 4.0),
        ("a", 6, 8, 0.0),
    ]


def test_bigwig_sums_to_the_regions(tmp_path):
    random = np.random.default_rng(0)
    regions = frame(("chr2", 100, 3100), ("chr10", 5, 65), ("chr1", 0, 50), ("chr2", 3100, 3200))
    values = [random.normal(size=e - s) for _, s, e in regions.itertuples(index=False)]
    sizes = {"chr1": 50, "chr2": 5000, "chr10": 100, "chrX": 7}
    path = tmp_path / "t.bw"
    bigwig_writer.write_bigwig(path, sizes, tracks.intervals(regions, values.__getitem__))
    assert [p.name for p in tmp_path.iterdir()] == ["t.bw"]
    with pybigtools.open(str(path)) as track:
        assert track.chroms()["chr2"] == 5000
        for (chrom, start, end), own in zip(regions.itertuples(index=False), values, strict=True):
            found = track.values(chrom, start, end, fillna=None)
            np.testing.assert_allclose(found, own, rtol=1e-6, atol=1e-7)
            assert abs(found.sum() - own.sum()) < 1e-4
        assert np.isnan(track.values("chr2", 0, 100, fillna=None)).all()


def many_values(path, number=30_000):
    """Write a track of some 200 kB."""
    values = np.random.default_rng(0).normal(size=number).astype(np.float32).tolist()
    items = (("chr1", i, i + 1, value) for i, value in enumerate(values))
    bigwig_writer.write_bigwig(path, {"chr1": number, "chr2": 9}, items)
    return path.read_bytes()


def test_a_track_that_has_no_room_is_not_published(tmp_path, disk, capfd):
    """Whatever is missing, from the first page to the last: the whole track, or one error."""
    whole = many_values(tmp_path / "whole.bw")
    fitted = []
    for pages in (1, 8, 30, *range(44, 62, 2)):
        place = disk(4 * pages)
        try:
            fitted.append(many_values(place / "t.bw") == whole)
        except OSError as error:
            assert error.errno == 28 and error.filename == str(place / "t.bw")
            assert not list(place.iterdir())
            fitted.append(False)
        else:
            assert fitted[-1]
    assert not fitted[0] and fitted[-1]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("temporary", ["missing", "full", "read-only", "not UTF-8"])
def test_a_track_is_the_same_whatever_tmpdir_is(temporary, tmp_path, disk, monkeypatch):
    whole = many_values(tmp_path / "whole.bw")
    place = tmp_path / os.fsdecode(b"\xff")
    if temporary == "full":
        place = disk(4)
        (place / "x").write_bytes(bytes(4096))
    elif temporary == "read-only":
        place = disk(4)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    elif temporary == "not UTF-8":
        place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    assert many_values(tmp_path / "t.bw") == whole
    assert os.environ["TMPDIR"] == str(place)


def test_a_name_that_is_not_utf8(tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    wanted = many_values(tmp_path / "t.bw")
    assert many_values(folder / os.fsdecode(b"\xe9.bw")) == wanted
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("change", [{"bases": 1}, {"value": 1}])
def test_what_reads_back_otherwise_is_refused(change, tmp_path, monkeypatch):
    real = bigwig_writer.read_back
    other = lambda *given: bigwig_writer.Digest(**vars(real(*given)) | change)  # noqa: E731
    monkeypatch.setattr(bigwig_writer, "read_back", other)
    with pytest.raises(OSError, match=r"t\.bw"):
        many_values(tmp_path / "t.bw", 100)
    assert not list(tmp_path.iterdir())


def test_bedgraph(tmp_path):
    tracks.write_bedgraph(tmp_path / "t", "name", [("a", 0, 3, 0.25)])
    assert (tmp_path / "t").read_text().splitlines()[1] == "a\t0\t3\t0.25"


def test_chromosome_sizes(tmp_path):
    path = tmp_path / "sizes"
    path.write_text("chr1\t100\t6\t50\t51\nchr2 20\n")
    sizes = tracks.read_chromosome_sizes(path)
    assert sizes == {"chr1": 100, "chr2": 20}
    tracks.check_sizes(frame(("chr1", 0, 100)), sizes, path)
    with pytest.raises(UserError, match="chr2 has 20 bp"):
        tracks.check_sizes(frame(("chr2", 0, 21)), sizes, path)
    with pytest.raises(UserError, match="chr3 is not"):
        tracks.check_sizes(frame(("chr3", 0, 21)), sizes, path)
    path.write_text("")
    with pytest.raises(UserError, match="empty"):
        tracks.read_chromosome_sizes(path)
    with pytest.raises(UserError, match="4294967296 bp, which is more than a bigWig can hold"):
        tracks.check_sizes(frame(("chr1", 0, 10)), {"chr1": 2**32}, path)
    tracks.check_sizes(frame(("chr2", 0, 10)), {"chr1": 2**32, "chr2": 2**32 - 1}, path)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("x", "is not a chromosome size"),
        ("", "is not a chromosome size"),
        ("0", "is not a chromosome size"),
        ("-5", "is not a chromosome size"),
        ("1e6", "is not a chromosome size"),
        ("99\x1c", "is not a chromosome size"),
        ("\u0663\u0664", "is not a chromosome size"),
        ("4294967296", r"is more than a bigWig can hold \(4294967295\)"),
        ("9" * 4400, "is more than a bigWig can hold"),
    ],
)
def test_chromosome_sizes_that_are_none(size, message, tmp_path):
    path = tmp_path / "sizes"
    path.write_text(f"chr1\t4294967295\nchr2\t{size}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"line 2: .*{message}") as error:
        tracks.read_chromosome_sizes(path)
    assert len(str(error.value)) < 400
