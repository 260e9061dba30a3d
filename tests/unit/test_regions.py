"""Region files in every form, and every way in which they can be wrong."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seformer.regions.read import iter_regions, read_regions
from seformer.util.errors import UserError

ROSE = """# ROSE run of a cell line
# chrom start end are in the next line, this remark has more words
REGION_ID\tCHROM\tSTART\tSTOP\tNUM_LOCI\tCONSTITUENT_SIZE\tH3K27ac.bam\tenhancerRank\tisSuper
8_Peak_1_lociStitched\tchr1\t100\t900\t8\t500\t9000.5\t1\t1
Peak_2\tchr2\t5\t60\t1\t55\t3.2\t2\t0
"""


def rows(table):
    return list(table.regions[["chrom", "start", "end"]].itertuples(index=False, name=None))


def test_bed3(write):
    table = read_regions(write("a.bed", "chr1\t0\t10\nchr2\t5\t7\n"))
    assert rows(table) == [("chr1", 0, 10), ("chr2", 5, 7)]
    assert table.regions["name"].tolist() == ["chr1:0-10", "chr2:5-7"]
    assert table.regions["label"].isna().all()
    assert table.regions["line"].tolist() == [1, 2]
    assert table.own.columns.tolist() == ["chrom", "start", "end"]
    assert table.own.iloc[1].tolist() == ["chr2", "5", "7"]
    assert [str(t) for t in table.regions.dtypes] == [
        "str",
        "int64",
        "int64",
        "str",
        "Int8",
        "int64",
    ]


def test_bed12_with_further_columns_keeps_every_cell(write):
    fields = "chr1\t10\t90\tpeak\t5.5\t+\t10\t90\t0,0,0\t2\t10,20\t0,60\textra one\tNA".split("\t")
    table = read_regions(write("a.bed", "\t".join(fields) + "\n"))
    assert table.own.iloc[0].tolist() == fields
    assert table.own.columns.tolist()[8:] == [
        "itemRgb",
        "blockCount",
        "blockSizes",
        "blockStarts",
        "column_13",
        "column_14",
    ]
    assert table.regions["name"].tolist() == ["peak"]


def test_lines_that_are_no_regions_are_skipped_but_counted(write):
    text = (
        "browser position chr1\ntrack name=x description='a b'\n# remark\n\nchr1\t0\t10\n"
        "   \n# in between\ntrack name=y\ntrack1\t3\t4\nchr1\t2\t5\n"
    )
    table = read_regions(write("a.bed", text))
    assert rows(table) == [("chr1", 0, 10), ("track1", 3, 4), ("chr1", 2, 5)]
    assert table.regions["line"].tolist() == [5, 9, 10]


@pytest.mark.parametrize(
    "header", ["#chrom\tstart\tend\tname\n", "chr\tchromStart\tchromEnd\tid\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
def test_headers_line_ends_compression_marks(write, header, end, pack, bom):
    text = (header + "chr1\t0\t10\ta\nX\t5\t7\tb\n").replace("\n", end)
    table = read_regions(write("a.bed", pack(bom + text.encode())))
    assert rows(table) == [("chr1", 0, 10), ("X", 5, 7)]
    assert table.regions["name"].tolist() == ["a", "b"]
    assert table.own.columns[0] in ("chrom", "chr")


def test_white_space_where_there_is_no_tab(write):
    table = read_regions(write("a.bed", "chr1   0 10  a\nchr2 5 7 b\n"))
    assert rows(table) == [("chr1", 0, 10), ("chr2", 5, 7)]
    assert table.regions["name"].tolist() == ["a", "b"]


def test_deepse_csv(write):
    text = "\ufeffchrom,start,end,label,length\nchr1,10,20,YES,11\nchr2,5,9,NO,5\n"
    table = read_regions(write("a.csv", text.encode()))
    assert rows(table) == [("chr1", 10, 20), ("chr2", 5, 9)]
    assert table.regions["label"].tolist() == [1, 0]
    assert table.regions["line"].tolist() == [2, 3]
    assert table.own["length"].tolist() == ["11", "5"]


def test_quoted_csv(write):
    table = read_regions(write("a.csv", '"chrom","start","end","name"\n"chr1",1,2,"a,b"\n'))
    assert rows(table) == [("chr1", 1, 2)]
    assert table.regions["name"].tolist() == ["a,b"]


def test_rose_table(write):
    table = read_regions(write("x_AllEnhancers.table.txt", ROSE))
    assert rows(table) == [("chr1", 100, 900), ("chr2", 5, 60)]
    assert table.regions["label"].tolist() == [1, 0]
    assert table.regions["name"].tolist() == ["8_Peak_1_lociStitched", "Peak_2"]
    assert table.regions["line"].tolist() == [4, 5]
    assert table.own.columns[0] == "REGION_ID"


def test_dbsuper_and_sedb_headers(write):
    dbsuper = (
        "chrom\tstart\tstop\tse_id\tgene_symbol\tcell_name\trank\nchr1\t3\t9\tSE_1\tG\tC L\t1\n"
    )
    sedb = "cell_id\tse_id\tse_chr\tse_start\tse_end\nS1\tSE_1\tchr1\t3\t9\n"
    for text in (dbsuper, sedb):
        table = read_regions(write("a.tsv", text))
        assert rows(table) == [("chr1", 3, 9)]
        assert table.regions["name"].tolist() == ["SE_1"]


@pytest.mark.parametrize(
    ("word", "label"),
    [("1", 1), ("SE", 1), ("super", 1), ("yes", 1), ("0", 0), ("te", 0), ("Typical", 0), ("NO", 0)],
)
def test_labels(write, word, label):
    table = read_regions(write("a.tsv", f"chrom\tstart\tend\tlabel\nchr1\t0\t9\t{word}\n"))
    assert table.regions["label"].tolist() == [label]


def test_missing_labels_and_labels_not_looked_at(write):
    path = write("a.tsv", "chrom\tstart\tend\tlabel\nchr1\t0\t9\t.\nchr1\t0\t9\tSE\n")
    assert read_regions(path).regions["label"].isna().tolist() == [True, False]
    odd = write("b.tsv", "chrom\tstart\tend\tlabel\nchr1\t0\t9\tnovel\n")
    assert read_regions(odd, labels=False).regions["label"].isna().all()
    assert read_regions(odd, labels=False).own["label"].tolist() == ["novel"]


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("chr1\t5\t5\n", 1, "start 5 is not before end 5"),
        ("chr1\t9\t5\n", 1, "start 9 is not before end 5"),
        ("chr1\t0\t5\nchr1\t-1\t5\n", 2, "start '-1' is negative"),
        ("chr1\t0\t5\nchr1\tx\t5\n", 2, "start 'x' is not a whole number"),
        ("chr1\t0\t1e+05\n", 1, "end '1e.05' is not a whole number.*write the number out in full"),
        ("chr1\t0\t5.0\n", 1, "end '5.0' is not a whole number"),
        ("chr1\t0\t1234567890123456\n", 1, "too large"),
        ("chr1\t0\t٣\n", 1, "not a whole number"),
        ("chr1\t5\n", 1, "only 2 columns"),
        ("hello\n", 1, "only 1 column\\."),
        (">chr1\nACGT\n", 1, "looks like FASTA"),
        ("chr1\t0\t5\nchr1\t0\t5\tname\n", 2, "4 columns where the file has 3"),
        ("chr1\t0\t5\nchr1 0 5\n", 2, "1 column where the file has 3"),
        ("\t0\t5\n", 1, "the chromosome is missing"),
        ("chrom\tstart\tend\tlabel\nchr1\t0\t5\tmaybe\n", 2, "label 'maybe' is unknown"),
        ("chr1\t0\t5\nchr1\t9\t5\n# x\nchr1\ta\t5\nchr1\t0\n", 2, "and 2 further bad lines"),
        ("chr\tbegin\tfinish\n", 1, "start 'begin' is not a whole number"),
    ],
)
def test_faults_are_named_with_their_line(write, text, line, found):
    path = write("bad.bed", text)
    with pytest.raises(UserError, match=f"bad.bed, line {line}: .*{found}"):
        read_regions(path)


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n", "track x\n", "chrom\tstart\tend\n"])
def test_empty_files(write, text):
    with pytest.raises(UserError, match="no regions"):
        read_regions(write("empty.bed", text))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00", b"chr1\t0\t5\nch\x00\t0\t5\n"])
def test_binary_files(write, content):
    with pytest.raises(UserError, match="not text"):
        read_regions(write("a.bed", content))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_stretches_join_to_the_whole(write, size):
    path = write("a.bed", "".join(f"# {i}\nchr{i}\t{i}\t{i + 9}\tn{i}\n" for i in range(10)))
    parts = list(iter_regions(path, size))
    assert [len(part.regions) for part in parts[:-1]] == [size] * (len(parts) - 1)
    whole = read_regions(path)
    for key in ("regions", "own"):
        joined = pd.concat([getattr(part, key) for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(joined, getattr(whole, key))


def test_bad_lines_are_counted_over_stretches(write):
    path = write("a.bed", "chr1\t0\t5\n" * 5 + "chr1\t7\t5\n" * 4)
    with pytest.raises(UserError, match=r"line 6: .*and 3 further bad lines"):
        list(iter_regions(path, 2))


CELL = st.one_of(
    st.sampled_from(["chr1", "0", "5", "12", "-3", "SE", "label", "chrom", "start"]),
    st.text(max_size=5),
)
LINES = st.lists(st.lists(CELL, max_size=6), max_size=6)


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.one_of(
        st.binary(max_size=80),
        LINES.map(lambda ls: "\n".join(map("\t".join, ls)).encode("utf-8", "ignore")),
    )
)
def test_whatever_is_in_the_file_is_read_or_explained(tmp_path, content):
    path = tmp_path / "fuzz.bed"
    path.write_bytes(content)
    try:
        table = read_regions(path)
    except UserError as error:
        assert "fuzz.bed" in str(error)
    else:
        assert (table.regions["start"] < table.regions["end"]).all()
        assert (table.regions["start"] >= 0).all()
        assert len(table.own) == len(table.regions) > 0


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9_.]{1,8}", fullmatch=True).filter(
                lambda c: c not in ("track", "browser")
            ),
            st.integers(0, 10**9),
            st.integers(1, 10**6),
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
def test_what_is_written_is_read(tmp_path, regions, end, pack):
    expected = [(chrom, start, start + length) for chrom, start, length in regions]
    text = "".join("\t".join(map(str, row)) + end for row in expected).encode()
    path = tmp_path / "x.bed"
    path.write_bytes(gzip.compress(text) if pack else text)
    assert rows(read_regions(path)) == expected


@pytest.mark.real
def test_real_deepse_files(real_data):
    table = read_regions(real_data / "deepse" / "macrophage.csv")
    assert len(table.regions) == 10_475
    assert int(table.regions["label"].sum()) == 961
    assert rows(table)[0] == ("chr1", 173546863, 173603397)
    for file in (real_data / "deepse").glob("*.csv"):
        labels = read_regions(file).regions["label"]
        assert 0.02 < labels.mean() < 0.11
