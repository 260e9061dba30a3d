"""Extraction: the right bases for every row, every drop reason, nothing left on failure."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from seformer.genome.genome import Genome
from seformer.regions.extract import extract
from seformer.regions.folder import COLUMNS, read_extracted
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv, write_tsv

SE = [("chr1", 0, 100, "se1"), ("chr1", 300, 420, "se2"), ("chr2", 10, 90, "se3")]
TE = [("chr1", 150, 230, "te1"), ("chr2", 100, 200, "te2")]


@pytest.fixture
def small(fasta, random_bases):
    return fasta({"chr1": random_bases(500, 1), "chr2": random_bases(300, 2), "chrN": "N" * 200})


@pytest.fixture
def run(tmp_path, small, bed):
    """Extract rows given as BED tuples and return the table and the summary."""

    def run_extract(se=SE, te=TE, **options):
        options = {
            "super_enhancers": bed("se.bed", se),
            "typical_enhancers": bed("te.bed", te),
        } | options
        summary = extract(small, tmp_path / "out", **options)
        return read_extracted(tmp_path / "out"), summary

    return run_extract


def reasons(extracted):
    return extracted.regions["drop_reason"].tolist()


def test_known_bases(tmp_path, fasta, bed):
    genome = fasta({"c": "AACCGGTTNNacgtACGT" + "A" * 82})
    se, te = bed("se.bed", [("c", 2, 16)]), bed("te.bed", [("c", 20, 100)])
    extract(genome, tmp_path / "o", super_enhancers=se, typical_enhancers=te, min_length=1)
    extracted = read_extracted(tmp_path / "o")
    assert list(extracted.sequences()) == ["CCGGTTNNACGTAC", "A" * 80]
    first = extracted.regions.iloc[0]
    assert (first["length"], first["label"], first["line"]) == (14, 1, 1)
    assert first["gc"] == pytest.approx(7 / 12, abs=1e-6)  # of the bases that are known
    assert first["n_fraction"] == pytest.approx(2 / 14, abs=1e-6)


def test_rows_keep_input_order_and_bases(run, small):
    extracted, summary = run()
    table = extracted.regions
    assert table.columns.tolist() == list(COLUMNS)
    assert table["name"].tolist() == ["se1", "se2", "se3", "te1", "te2"]
    assert table["label"].tolist() == [1, 1, 1, 0, 0]
    assert table["source"].tolist() == ["se.bed"] * 3 + ["te.bed"] * 2
    with Genome(small) as genome:
        assert list(extracted.sequences()) == genome.fetch_many(table)
        assert summary["genome"]["fingerprint"] == genome.fingerprint()
    assert summary["kept"] == summary["rows"] == 5
    assert summary["bases"] == table["length"].sum()
    assert (summary["super_enhancers"], summary["typical_enhancers"]) == (3, 2)
    assert read_json(extracted.folder / "summary.json") == summary


def test_record_names_are_places(run):
    extracted, _ = run()
    with gzip.open(extracted.folder / "sequences.fa.gz", "rt") as text:
        assert text.readline() == ">chr1:0-100\n"
    with Genome(extracted.folder / "sequences.fa.gz") as genome:  # bgzipped
        assert genome.chromosomes["chr2:10-90"] == 80


def test_every_training_reason(run):
    se = [
        *SE,
        ("chr9", 0, 100),  # unknown_chromosome
        ("chr2", 250, 301),  # past_chromosome_end
        ("chr1", 0, 20),  # too_short
        ("chr1", 300, 420, "again"),  # duplicate
        ("chr1", 430, 490),  # conflicting_label
        ("chrN", 0, 100),  # all_n
    ]
    te = [*TE, ("chr1", 430, 490), ("chr1", 99, 160), ("chr1", 100, 160), ("chr2", 89, 150)]
    se, te = ([(*row, ".")[:4] for row in rows] for rows in (se, te))
    extracted, summary = run(se, te, invalid_regions="drop")
    assert reasons(extracted) == [
        *["", "", ""],
        "unknown_chromosome",
        "past_chromosome_end",
        "too_short",
        "duplicate",
        "conflicting_label",
        "all_n",
        *["", ""],
        "conflicting_label",
        "te_overlaps_se",
        "",  # touches the SE without sharing a base
        "te_overlaps_se",
    ]
    assert summary["dropped"] == {
        "unknown_chromosome": 1,
        "past_chromosome_end": 1,
        "too_short": 1,
        "conflicting_label": 2,
        "duplicate": 1,
        "te_overlaps_se": 2,
        "all_n": 1,
    }
    assert len(list(extracted.sequences())) == summary["kept"] == 6


def test_too_many_n(tmp_path, fasta, bed, random_bases):
    genome = fasta({"c": "N" * 60 + random_bases(340)})
    se, te = bed("se.bed", [("c", 0, 100), ("c", 200, 300)]), bed("te.bed", [("c", 300, 400)])
    given = {"super_enhancers": se, "typical_enhancers": te}
    for limit, reason in ((0.5, "too_many_n"), (0.6, "")):
        extract(genome, tmp_path / "o", **given, max_n_fraction=limit)
        assert reasons(read_extracted(tmp_path / "o")) == [reason, "", ""]


def test_unlabelled_keeps_all_that_can_be_scored(tmp_path, small, bed):
    rows = [("chr1", 0, 60), ("chr1", 0, 60), ("chrN", 0, 50), ("chr7", 0, 50), ("chr1", 0, 9)]
    path = bed("r.bed", rows)
    extract(small, tmp_path / "o", regions=path, unlabelled=True)
    extracted = read_extracted(tmp_path / "o")
    assert reasons(extracted) == ["", "", "all_n", "unknown_chromosome", "too_short"]
    assert extracted.regions["label"].isna().all()
    assert len(set(extracted.sequences())) == 1


def test_nothing_to_score_is_a_result(tmp_path, small, bed):
    summary = extract(
        small, tmp_path / "o", regions=bed("r.bed", [("chrN", 0, 50)]), unlabelled=True
    )
    assert summary["kept"] == 0
    assert list(read_extracted(tmp_path / "o").sequences()) == []


def test_labelled_table(tmp_path, small, write):
    text = "chrom,start,end,label\nchr1,0,100,YES\nchr1,200,300,NO\n"
    extract(small, tmp_path / "o", regions=write("d.csv", text))
    assert read_extracted(tmp_path / "o").regions["label"].tolist() == [1, 0]


def test_renamed_chromosomes_are_spelled_as_in_the_genome(run, bed):
    options = {
        "super_enhancers": bed("s.bed", [("1", 0, 100)]),
        "typical_enhancers": bed("t.bed", [("2", 0, 100)]),
    }
    with pytest.raises(UserError, match="--rename-chromosomes"):
        run(**options)
    extracted, _ = run(**options, rename_chromosomes=True)
    assert extracted.regions["chrom"].tolist() == ["chr1", "chr2"]


def test_past_the_end_names_the_line_and_leaves_nothing(run, tmp_path):
    with pytest.raises(UserError, match=r"se.bed, line 4: chr1:480-501 passes the end.*500 bp"):
        run([*SE, ("chr1", 480, 501, "x")])
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


def test_many_past_the_end_speak_of_the_assembly(run):
    beyond = [("chr2", 10_000 * i, 10_000 * i + 90, "x") for i in range(1, 9)]
    with pytest.raises(UserError, match=r"7 further regions.*another assembly.*hg19 or hg38"):
        run([*SE, *beyond])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"regions": "x"}, "either --regions"),
        ({"super_enhancers": None, "typical_enhancers": None}, "either --regions"),
        ({"typical_enhancers": None}, "one class only"),
        ({"unlabelled": True}, "reads --regions"),
        ({"invalid_regions": "ignore"}, "error or drop"),
    ],
)
def test_options_that_contradict(run, options, found):
    with pytest.raises(UserError, match=found):
        run(**options)


def test_one_class_only(run, tmp_path, small, write, bed):
    with pytest.raises(UserError, match=r"no typical-enhancers are left.*1 te_overlaps_se"):
        run(te=[("chr1", 10, 90)])
    text = "chrom\tstart\tend\tlabel\nchr1\t0\t100\tSE\n"
    with pytest.raises(UserError, match="one class only"):
        extract(small, tmp_path / "o", regions=write("one.tsv", text))
    with pytest.raises(UserError, match="no labels"):
        extract(small, tmp_path / "o", regions=bed("r.bed", SE))
    with pytest.raises(UserError, match="line 3: 1 regions lack a label"):
        extract(small, tmp_path / "o", regions=write("two.tsv", text + "chr1\t200\t300\t.\n"))
    with pytest.raises(UserError, match="no region is left"):
        run([("chrN", 0, 100)], [("chrN", 100, 200)])
    assert not (tmp_path / "o").exists()


def test_stretches_and_batches_change_nothing(run, tmp_path, monkeypatch):
    whole, _ = run()
    expected = [(whole.folder / name).read_bytes() for name in ("regions.tsv", "summary.json")]
    bases = list(whole.sequences())
    monkeypatch.setattr("seformer.regions.extract.ROWS", 2)
    monkeypatch.setattr("seformer.regions.drop.BATCH_BASES", 150)
    again, _ = run()
    assert [(again.folder / n).read_bytes() for n in ("regions.tsv", "summary.json")] == expected
    assert list(again.sequences()) == bases


@pytest.mark.parametrize("shard_bases", [1, 100, 250, 10**6])
@pytest.mark.parametrize("rows_at_once", [1, 3, 1000])
def test_shards_join_to_the_whole(tmp_path, small, bed, monkeypatch, shard_bases, rows_at_once):
    monkeypatch.setattr("seformer.regions.extract.ROWS", rows_at_once)
    rows = [("chr1", i * 30, i * 30 + 40 + i) for i in range(12)] + [
        ("chr5", 0, 10),
        ("chrN", 0, 99),
    ]
    path = bed("r.bed", rows)
    extract(small, tmp_path / "whole", regions=path, unlabelled=True)
    extract(small, tmp_path / "cut", regions=path, unlabelled=True, shard_bases=shard_bases)
    whole = read_extracted(tmp_path / "whole")
    folders = sorted((tmp_path / "cut").glob("shard_*"))
    shards = [read_extracted(folder) for folder in folders]
    assert folders[0].name == "shard_0001"
    table = pd.concat([shard.regions for shard in shards], ignore_index=True)
    pd.testing.assert_frame_equal(table, whole.regions)
    joined = [bases for shard in shards for bases in shard.sequences()]
    assert joined == list(whole.sequences())
    for shard in shards[:-1]:
        assert shard.kept["length"].sum() <= shard_bases + 60
    assert (len(shards) == 1) == (shard_bases > 1000)


def test_shards_of_an_earlier_run_are_gone(tmp_path, small, bed):
    path = bed("r.bed", [("chr1", i * 40, i * 40 + 40) for i in range(10)])
    for shard_bases in (40, 200):
        extract(small, tmp_path / "o", regions=path, unlabelled=True, shard_bases=shard_bases)
    assert [p.name for p in sorted((tmp_path / "o").glob("shard_*"))] == [
        "shard_0001",
        "shard_0002",
    ]


def test_sequences_that_do_not_fit_the_table(run):
    extracted, _ = run()
    table = read_tsv(extracted.folder / "regions.tsv")
    write_tsv(table.iloc[::-1], extracted.folder / "regions.tsv")
    with pytest.raises(UserError, match=r"stands where regions\.tsv has"):
        list(read_extracted(extracted.folder).sequences())
    write_tsv(table.iloc[:-1], extracted.folder / "regions.tsv")
    with pytest.raises(UserError, match="more sequences"):
        list(read_extracted(extracted.folder).sequences())


def test_folder_that_is_none(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_extracted(tmp_path)


def test_bases_that_are_none_leave_nothing(tmp_path, fasta, bed):
    genome = fasta({"c": "ACGT" * 100 + "MKLVE" * 20})
    path = bed("r.bed", [("c", 0, 100), ("c", 380, 450)])
    with pytest.raises(UserError, match="no nucleotide"):
        extract(genome, tmp_path / "o", regions=path, unlabelled=True)
    assert not (tmp_path / "o").exists()


@pytest.mark.real
def test_real_regions_on_real_bases(real_data, tmp_path):
    genome = real_data / "hg19_chr22" / "chr22_1-22000000.fa.gz"
    kept = 0
    for line in ("H2171", "MM1.S", "u87"):
        regions = real_data / "deepse" / f"{line}.csv"
        summary = extract(
            genome, tmp_path / line, regions=regions, unlabelled=True, invalid_regions="drop"
        )
        kept += summary["kept"]
        assert sum(map(len, read_extracted(tmp_path / line).sequences())) == summary["bases"]
    assert kept == 121


def test_shards_are_of_like_work_however_unequal_the_regions(tmp_path, fasta, bed):
    """A shard is full by its bases, whatever their rows: many short regions, or one long one."""
    short = [("chr1", i, i + 20) for i in range(0, 1600, 20)]
    long = [("chr1", 0, 1200), ("chr1", 0, 800)]
    genome = fasta({"chr1": "ACGT" * 500})
    path = bed("r.bed", [*short[:40], *long, *short[40:]])
    extract(genome, tmp_path / "o", regions=path, unlabelled=True, shard_bases=400)
    shards = [read_extracted(folder) for folder in sorted((tmp_path / "o").glob("shard_*"))]
    work = [(len(shard.regions), int(shard.kept["length"].sum())) for shard in shards]
    assert work == [(20, 400), (20, 400), (1, 1200), (1, 800), (20, 400), (20, 400)]
