"""Units of training: whole regions, windows, constituents; what is cut from one stays together."""

from __future__ import annotations

import pytest

from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.splits.dataset import open_dataset
from seformer.splits.split import split
from seformer.util.errors import UserError

LENGTH = 200_000


@pytest.fixture
def genome(fasta, random_bases):
    return fasta({"chr1": random_bases(LENGTH)}, width=60)


def rows_of(folder):
    return read_extracted(folder).regions


def test_windows_cover_each_region_and_have_one_length(genome, bed, tmp_path, caplog):
    se, te = [("chr1", 10_000, 12_500, "big")], [("chr1", 50, 250), ("chr1", 199_900, 199_990)]
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", se),
        typical_enhancers=bed("te.bed", te),
        unit="window",
        unit_length=1000,
    )
    rows = rows_of(tmp_path / "x")
    assert (rows["length"] == 1000).all()
    big = rows[rows["label"] == 1]
    assert big["name"].tolist() == ["big/1", "big/2", "big/3"]
    assert big[["start", "end"]].to_numpy().tolist() == [
        [9_750, 10_750],
        [10_750, 11_750],
        [11_750, 12_750],
    ]
    assert set(big["parent"]) == {"chr1:10000-12500"}
    # moved back inside the chromosome on either end
    assert rows["start"].iloc[3:].tolist() == [0, LENGTH - 1000]
    # of the short regions they carry the length in as flanks
    assert "of those of typical enhancers 86 %: by that alone" in caplog.text
    assert (rows["drop_reason"] == "").all()


def test_windows_that_do_not_fit_are_dropped_and_counted(fasta, bed, tmp_path, random_bases):
    genome = fasta({"chr1": random_bases(5_000), "short": random_bases(600, 1)}, width=60)
    summary = extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", [("chr1", 0, 900)]),
        typical_enhancers=bed("te.bed", [("short", 0, 600), ("chr1", 2_000, 2_700)]),
        unit="window",
        unit_length=1000,
    )
    assert summary["dropped"] == {"past_chromosome_end": 1}
    assert summary["unit"] == "window"


def test_regions_past_the_end_are_dropped_as_such(fasta, bed, tmp_path, random_bases):
    summary = extract(
        fasta({"chr1": random_bases(5_000)}, width=60),
        tmp_path / "x",
        super_enhancers=bed("se.bed", [("chr1", 0, 900), ("chr1", 7_000, 7_500)]),
        typical_enhancers=bed("te.bed", [("chr1", 2_000, 2_700), ("chr1", 8_000, 8_600)]),
        unit="window",
        unit_length=1000,
        invalid_regions="drop",
    )
    assert summary["dropped"] == {"past_chromosome_end": 2}


def test_constituents_take_label_and_parent_of_the_region_that_holds_their_middle(
    genome, bed, tmp_path
):
    se, te = [("chr1", 1_000, 9_000)], [("chr1", 20_000, 20_400), ("chr1", 30_000, 30_100)]
    found = [
        ("chr1", 950, 1_300, "a"),  # its middle is inside
        ("chr1", 8_500, 9_000, "b"),
        ("chr1", 8_900, 9_400, "c"),  # its middle is not
        ("chr1", 20_100, 20_300, "d"),
        ("chr1", 90_000, 90_300, "e"),
    ]
    summary = extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", se),
        typical_enhancers=bed("te.bed", te),
        unit="constituent",
        constituents=bed("c.bed", found),
    )
    rows = rows_of(tmp_path / "x")
    assert rows[["start", "label"]].to_numpy().tolist() == [
        [950, 1],
        [8_500, 1],
        [20_100, 0],
        [30_000, 0],
    ]
    assert rows["parent"].tolist() == ["chr1:1000-9000"] * 2 + ["chr1:20000-20400", ""]
    assert rows["source"].tolist() == ["c.bed"] * 3 + ["te.bed"]
    assert rows["line"].tolist() == [1, 2, 4, 2]
    assert summary["dropped"] == {"no_constituent": 1}


def test_a_constituent_of_nested_regions_is_found(genome, bed, tmp_path):
    te = [("chr1", 1_000, 9_000), ("chr1", 2_000, 2_500)]
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", [("chr1", 40_000, 41_000)]),
        typical_enhancers=bed("te.bed", te),
        unit="constituent",
        constituents=bed("c.bed", [("chr1", 5_000, 5_200), ("chr1", 40_000, 40_500)]),
    )
    rows = rows_of(tmp_path / "x")
    used = rows[rows["drop_reason"] == ""]
    assert used["parent"].tolist() == ["chr1:40000-41000", "chr1:1000-9000"]


def test_blocks_of_a_bed12_are_constituents(genome, bed, tmp_path):
    def bed12(start, sizes, starts):
        end = start + starts[-1] + sizes[-1]
        lists = (",".join(map(str, v)) + "," for v in (sizes, starts))
        return ("chr1", start, end, "r", 0, ".", start, end, "0", len(sizes), *lists)

    te = bed("te.bed", [bed12(50_000, [300], [0])])
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", [bed12(1_000, [200, 400], [0, 900])]),
        typical_enhancers=te,
        unit="constituent",
    )
    rows = rows_of(tmp_path / "x")
    assert rows[["start", "end"]].to_numpy().tolist() == [
        [1_000, 1_200],
        [1_900, 2_300],
        [50_000, 50_300],
    ]
    for count, sizes, starts in ((2, "50,60", "0,50"), (3, "50,40", "0,59")):
        blocks = (count, sizes, starts)
        wrong = bed("wrong.bed", [("chr1", 0, 99, "r", 0, ".", 0, 99, 0, *blocks)])
        message = rf"wrong.bed, line 1: the blocks {sizes} at {starts} do not .* or are not {count}"
        with pytest.raises(UserError, match=message):
            extract(
                genome,
                tmp_path / "y",
                super_enhancers=wrong,
                typical_enhancers=te,
                unit="constituent",
            )


@pytest.mark.parametrize(
    ("units", "found"),
    [
        ({"unit": "half"}, "--unit half"),
        ({"unit": "constituent"}, "there are no constituents"),
        ({"unit": "window", "constituents": "c.bed"}, "not cut into them"),
        ({"unit": "constituent", "constituents": "far.bed"}, "no constituent lies in any region"),
    ],
)
def test_units_that_cannot_be(genome, bed, tmp_path, monkeypatch, units, found):
    monkeypatch.chdir(tmp_path)
    bed("far.bed", [("chr1", 150_000, 150_100)])
    se, te = bed("se.bed", [("chr1", 0, 900)]), bed("te.bed", [("chr1", 1_900, 2_300)])
    with pytest.raises(UserError, match=found):
        extract(genome, tmp_path / "x", super_enhancers=se, typical_enhancers=te, **units)
    assert not (tmp_path / "x").exists()


def test_what_is_cut_from_one_region_is_on_one_side(genome, bed, tmp_path):
    # constituents 5 kb apart: far more than neighbours that are joined for their nearness
    se = [("chr1", i * 8_000, i * 8_000 + 5_600) for i in range(24)]
    te = [("chr1", i * 8_000 + 7_000, i * 8_000 + 7_300) for i in range(24)]
    ends = [(c, s, s + 200) for c, s, _ in se] + [(c, e - 200, e) for c, _, e in se]
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", se),
        typical_enhancers=bed("te.bed", te),
        sample="a",
        unit="constituent",
        constituents=bed("c.bed", ends + te),
    )
    split([tmp_path / "x"], tmp_path / "s", validation_fraction=0.25)
    rows = open_dataset([tmp_path / "x"], [tmp_path / "s/a/splits.tsv"]).regions
    two = rows[rows["label"] == 1]
    assert (two.groupby("parent")["split"].nunique() == 1).all()
    assert (two.groupby("parent").size() == 2).all()
    assert two["cluster"].nunique() == 24


def test_windows_are_found_in_a_table_of_clusters(fasta, bed, write, tmp_path, random_bases):
    genome = fasta({f"c{i}": random_bases(3_000, i) for i in range(40)}, width=60)
    extract(
        genome,
        tmp_path / "x",
        super_enhancers=bed("se.bed", [(f"c{i}", 0, 1_500, f"r{i}") for i in range(20)]),
        typical_enhancers=bed("te.bed", [(f"c{i}", 0, 1_500, f"r{i}") for i in range(20, 40)]),
        sample="a",
        unit="window",
        unit_length=1_000,
    )
    table = write("clusters.tsv", "".join(f"r{i}\tk{i % 20}\n" for i in range(40)))
    split([tmp_path / "x"], tmp_path / "s", clusters=[table], validation_fraction=0.25)
    rows = open_dataset([tmp_path / "x"], [tmp_path / "s/a/splits.tsv"]).regions
    assert set(rows["cluster"]) == {f"k{i}" for i in range(20)}
    assert (rows.groupby("cluster")["split"].nunique() == 1).all()
