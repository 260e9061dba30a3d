"""The edge: text in any form, atomic results, tables that keep what was written."""

from __future__ import annotations

import gzip

import pandas as pd
import pytest

from seformer.util.atomic import atomic_path, output_folder
from seformer.util.errors import UserError
from seformer.util.records import read_json, write_json
from seformer.util.tables import read_tsv, write_tsv
from seformer.util.text import open_text, sha256


@pytest.mark.parametrize(
    "content",
    [b"a\nb\n", b"a\r\nb\r\n", b"\xef\xbb\xbfa\nb", gzip.compress(b"\xef\xbb\xbfa\r\nb\r\n")],
    ids=["plain", "crlf", "bom", "gzip"],
)
def test_open_text_takes_any_form(write, content):
    with open_text(write("x", content)) as text:
        assert [line.rstrip("\n") for line in text] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00binary\x80", "not text"),
        (gzip.compress(b"a\n" * 1000)[:-12], "cannot be read to its end"),
        (gzip.compress(b"a\n" * 1000)[:20], "cannot be read to its end"),
        (b"\x1f\x8bnot gzip at all", "cannot be read to its end"),
    ],
)
def test_open_text_refuses_what_is_no_text(write, content, message):
    with pytest.raises(UserError, match=message), open_text(write("x", content)) as text:
        list(text)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="no such file"), open_text(tmp_path / "none"):
        pass
    with pytest.raises(UserError, match="is a folder"), open_text(tmp_path):
        pass


def test_atomic_path_keeps_the_old_file_on_failure(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_output_folder_leaves_nothing_on_failure(tmp_path):
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out") as staging:
        (staging / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_output_folder_moves_whole_trees_and_keeps_strangers(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("kept")
    with output_folder(out) as staging:
        (staging / "a").mkdir()
        (staging / "a" / "b").write_text("new")
    assert (out / "mine").read_text() == "kept"
    assert (out / "a" / "b").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_tables_keep_names_that_look_like_something_else(tmp_path):
    table = pd.DataFrame({"chrom": ["1", "NA"], "name": ["", "nan"], "x": [0.5, None]})
    write_tsv(table, tmp_path / "t.tsv")
    read = read_tsv(tmp_path / "t.tsv", ["chrom"], text=["chrom", "name"])
    assert read["chrom"].tolist() == ["1", "NA"]
    assert read["name"].fillna("").tolist() == ["", "nan"]
    assert read["x"].isna().tolist() == [False, True]


def test_read_table_names_missing_columns(tmp_path):
    write_tsv(pd.DataFrame({"a": [1]}), tmp_path / "t.tsv")
    with pytest.raises(UserError, match="columns b are missing"):
        read_tsv(tmp_path / "t.tsv", ["a", "b"])


def test_json_round_trip_and_faults(tmp_path, write):
    write_json({"a": 1.5}, tmp_path / "x.json")
    assert read_json(tmp_path / "x.json") == {"a": 1.5}
    with pytest.raises(ValueError):
        write_json({"a": float("nan")}, tmp_path / "nan.json")
    assert not (tmp_path / "nan.json").exists()
    with pytest.raises(UserError, match=r"line 2: the file is not valid JSON"):
        read_json(write("bad.json", '{"a":\n}'))


def test_sha256(write):
    assert sha256(write("x", "abc")).startswith("ba7816bf8f01cfea")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"9" * 5_000, "a number of 5000 digits"),
        (b'{"a": {"b": [1, 1e400]}}', r"a\.b\.1 is not a finite number"),
        (b"-" + b"1" * 99 + b"0" * 300 + b".0", "the value is not a finite number"),
        (b'{"a": NaN}', "a is not a finite number"),
        (b'{"a": -Infinity}', "a is not a finite number"),
        (b'{"a": 1, "a": 2}', "holds 'a' twice"),
        (b'{"a": "\\ud800"}', "not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON.*UTF-8"),
        (b'{"a": 1', "line 1: the file is not valid JSON"),
    ],
)
def test_json_that_no_file_of_ours_holds(write, content, message):
    with pytest.raises(UserError, match=message):
        read_json(write("a.json", content))


def test_json_of_other_tools_is_read(write):
    """A byte-order mark, and a length that transformers writes for none."""
    content = b'\xef\xbb\xbf{"model_max_length": 1000000000000000019884624838656, "e": 1e-12}'
    assert read_json(write("a.json", content)) == {
        "model_max_length": 1000000000000000019884624838656,
        "e": 1e-12,
    }
