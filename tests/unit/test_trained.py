"""`seformer.load_model`: the same numbers as the command line, as data frames."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence, tiny_model

import seformer
from seformer.model.folder import save_model
from seformer.model.settings import FittedCalibration
from seformer.scoring.merge import SCORE_COLUMNS
from seformer.scoring.predict import predict
from seformer.util.errors import UserError

BED = "chr1\t50\t650\tone\t7\nchrUn\t0\t500\ttwo\t8\nchr1\t700\t1100\tthree\t9\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "genome.fa").write_text(f">chr1\n{random_sequence(1500, seed=3)}\n")
    (folder / "regions.bed").write_text(BED)
    model = tiny_model(
        window=128,
        calibration=FittedCalibration(method="temperature", slope=2.0, intercept=0.1),
    )
    save_model(model, folder / "model")
    return folder


@pytest.fixture(scope="module")
def model(place):
    return seformer.load_model(place / "model", device="cpu")


def test_import_is_light():
    code = "import sys, seformer; print({'torch', 'pandas', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(seformer.__file__).parents[1])},
    )
    assert done.stdout.strip() == "set()"


def test_predict_is_the_commands(place, model):
    found = model.predict(place / "regions.bed", place / "genome.fa")
    predict(
        place / "model", place / "out", fasta=place / "genome.fa", regions=place / "regions.bed"
    )
    wanted = pd.read_csv(place / "out/predictions.tsv", sep="\t")
    assert list(found.columns) == ["chrom", "start", "end", "name", "score", *SCORE_COLUMNS]
    assert found["start"].tolist() == [50, 0, 700]
    for column in ("logit", "probability", "coverage"):
        np.testing.assert_allclose(found[column], wanted[column], rtol=1e-6)
    assert found["prediction"].tolist() == wanted["prediction"].fillna("").tolist()
    assert found["flags"].iloc[1] == "unknown_chromosome"


def test_data_frames_keep_index_columns_and_types(place, model):
    frame = pd.DataFrame(
        {
            "chrom": "chr1",
            "start": [700, 50],
            "end": [1100, 650],
            "logit": ["a", "b"],
            "when": pd.Timestamp("2020-01-01"),
        },
        index=["x", "y"],
    )
    found = model.predict(frame, place / "genome.fa")
    assert found.index.tolist() == ["x", "y"]
    assert found["input_logit"].tolist() == ["a", "b"]
    assert found["when"].dtype == frame["when"].dtype
    from_file = model.predict(place / "regions.bed", place / "genome.fa")
    np.testing.assert_allclose(found["logit"], from_file["logit"][[2, 0]], rtol=1e-6)
    assert list(frame.columns) == ["chrom", "start", "end", "logit", "when"]
    shifted = model.predict(frame, place / "genome.fa", prevalence=0.01)
    assert (shifted["probability"] < found["probability"]).all()


def test_explanations_add_up(place, model):
    found = model.explain(place / "regions.bed", place / "genome.fa", references=1)
    assert found["attributions"].iloc[1] is None and found["sequence"].iloc[1] is None
    for row in found.iloc[[0, 2]].itertuples():
        assert len(row.attributions) == len(row.sequence) == row.end - row.start
        assert row.attributions.sum() == pytest.approx(row.attribution_sum, abs=1e-4)
        difference = row.logit - row.reference_logit
        total = row.attribution_sum + row.special_share
        assert abs(total - difference) <= 0.05 * max(abs(difference), 0.01) + 1e-9
    scores = model.predict(place / "regions.bed", place / "genome.fa")
    np.testing.assert_allclose(found["logit"], scores["logit"], rtol=1e-5)
    frame = found.loc[[2, 0], ["chrom", "start", "end", "name"]]
    again = model.explain(frame, place / "genome.fa", references=1)
    assert again.index.tolist() == [2, 0]
    np.testing.assert_allclose(
        again.loc[2, "attributions"], found.loc[2, "attributions"], atol=1e-6
    )


# one region in every form a frame may have: 700-1100 of chr1
ROWS = {"chrom": ["chr1", "chr1"], "start": [700, 50], "end": [1100, 650]}


def test_results_belong_to_rows_by_position(place, model):
    """Two halves one above the other: the index repeats itself, and no row gets another's score."""
    frame = pd.DataFrame(ROWS | {"own": ["a", "b"]})
    one = model.predict(frame, place / "genome.fa")
    for index in (
        [0, 1, 0, 1],
        [3, 1, 2, 0],
        ["x", "x", None, "y"],
        pd.MultiIndex.from_tuples([(1, "a"), (1, "a"), (2, "b"), (1, "b")], names=["i", "j"]),
        pd.CategoricalIndex(["b", "a", "b", "a"]),
        pd.DatetimeIndex(["2020-01-02"] * 4),
    ):
        twice = pd.concat([frame, frame]).set_axis(index)
        before = twice.copy()
        found = model.predict(twice, place / "genome.fa")
        pd.testing.assert_frame_equal(twice, before)
        pd.testing.assert_index_equal(found.index, twice.index)
        assert found["own"].tolist() == ["a", "b"] * 2
        np.testing.assert_allclose(found["logit"], [*one["logit"]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(ROWS),
        pd.DataFrame(ROWS).rename(columns={"chrom": "Chromosome", "start": "Start", "end": "End"}),
        pd.DataFrame(ROWS).rename(columns={"chrom": "chr", "end": "stop"}),
        pd.DataFrame(ROWS).rename(columns={"chrom": "seqnames"}),
        pd.DataFrame(ROWS).rename(columns={"chrom": "#chrom"}),
        pd.DataFrame(ROWS).rename(columns={"start": "chromStart", "end": "chromEnd"}),
        pd.DataFrame(ROWS)[["end", "start", "chrom"]],
        pd.DataFrame(ROWS).astype({"chrom": "category", "start": "category"}),
        pd.DataFrame(ROWS).astype({"start": np.uint16, "end": np.float32}),
        pd.DataFrame(ROWS).astype({"start": "Int64", "end": "Float64"}),
        pd.DataFrame(ROWS).astype({"start": str, "end": object}),
        pd.DataFrame(ROWS).set_axis([2.5, 2.5]),
    ],
    ids=["plain", "pyranges", "chr-stop", "granges", "comment", "ucsc", "order", "categories",
         "numpy", "nullable", "text", "floats as index"],
)  # fmt: skip
def test_frames_as_people_have_them(frame, place, model):
    wanted = model.predict(pd.DataFrame(ROWS), place / "genome.fa")
    found = model.predict(frame, place / "genome.fa")
    assert [*found.columns] == [*frame.columns, *SCORE_COLUMNS]
    np.testing.assert_array_equal(found["logit"], wanted["logit"])


def test_chromosomes_that_are_numbers(place, model):
    (place / "numbers.fa").write_text((place / "genome.fa").read_text().replace("chr1", "1"))
    for chrom in (1, 1.0, "1"):
        found = model.predict(pd.DataFrame(ROWS | {"chrom": chrom}), place / "numbers.fa")
        assert found["logit"].notna().all()
    found = model.predict(pd.DataFrame(ROWS), place / "numbers.fa", rename_chromosomes=True)
    assert found["logit"].notna().all()


def test_an_empty_frame_has_an_empty_result(place, model):
    for frame in (pd.DataFrame(columns=["chrom", "start", "end"]), pd.DataFrame(ROWS)[:0]):
        found = model.predict(frame, place / "genome.fa")
        assert [*found.columns] == ["chrom", "start", "end", *SCORE_COLUMNS] and not len(found)
        assert found["logit"].dtype == float
        explained = model.explain(frame, place / "genome.fa")
        assert [*explained.columns][-2:] == ["attributions", "sequence"] and not len(explained)


def test_names_of_own_columns_that_clash(place, model):
    frame = pd.DataFrame(ROWS | {"logit": 1, "input_logit": 2, 7: 3})
    found = model.predict(frame, place / "genome.fa")
    own = ["chrom", "start", "end", "input_input_logit", "input_logit", 7]
    assert [*found.columns] == [*own, *SCORE_COLUMNS]
    assert found.iloc[0, 3:6].tolist() == [1, 2, 3]
    doubled = pd.concat([pd.DataFrame(ROWS | {"x": [1, 2]}), pd.DataFrame({"x": [3, 4]})], axis=1)
    found = model.predict(doubled, place / "genome.fa")
    assert [*found.columns] == ["chrom", "start", "end", "x", "x", *SCORE_COLUMNS]


AT_B = "data frame of regions, position 1 (index 'b'): "


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": [1.5, 2.5]}, "position 0 (index 'a'): start 1.5 is not a whole number (and 1"),
        ({"start": [700, None]}, AT_B + "the start is missing"),
        ({"end": pd.array([1100, pd.NA], "Int64")}, AT_B + "the end is missing"),
        ({"end": [1100, np.inf]}, AT_B + "end inf is not a whole number"),
        ({"start": ["700", "5\x1c"]}, AT_B + "start '5\\x1c' is not a whole number"),
        ({"start": ["700", "\u0665"]}, AT_B + "start '\u0665' is not a whole number"),
        ({"start": ["700", -5]}, AT_B + "the start is negative"),
        ({"end": [1100, 10**5000]}, AT_B + "the end is too large for a position"),
        ({"end": [1100, "9" * 5000]}, AT_B + "the end is too large for a position"),
        ({"start": [True, False]}, "start True is not a whole number (and 1 further bad row"),
        ({"start": [700, 650]}, AT_B + "start 650 is not before end 650"),
        ({"chrom": ["chr1", None]}, AT_B + "the chromosome is missing"),
        ({"end": [1100, 1501]}, AT_B + "chr1:50-1501 passes the end of chr1, 1500 bp long"),
        ({"Chromosome": ["chr1", "chr1"]}, "'chrom' and 'Chromosome' both mean the chrom"),
        ({"chrom": ["1", "1"]}, "What to do: give rename_chromosomes=True to match them."),
    ],
)
def test_faults_of_frames_name_the_row_and_arguments(change, message, place, model):
    frame = pd.DataFrame(ROWS | change, index=["a", "b"])
    for call in (model.predict, model.explain):
        with pytest.raises(UserError) as error:
            call(frame, place / "genome.fa")
        assert message in str(error.value)
        assert "--" not in str(error.value) and ".tsv" not in str(error.value)


def test_advice_is_that_of_python(place, model):
    frame = pd.DataFrame(ROWS | {"end": [1501, 650]})
    with pytest.raises(UserError, match=r'give invalid_regions="drop" to drop and count them\.'):
        model.predict(frame, place / "genome.fa")
    found = model.predict(frame, place / "genome.fa", invalid_regions="drop")
    assert found["flags"].tolist() == ["past_chromosome_end", found["flags"].iloc[1]]
    assert found["logit"].isna().tolist() == [True, False]
    for wrong in ({"invalid_regions": "x"}, {"prevalence": 5}):
        with pytest.raises(UserError, match=f"^{next(iter(wrong))} "):
            model.predict(frame, place / "genome.fa", **wrong)
    with pytest.raises(UserError, match=r"columns chrom, start, end are missing.*reset_index"):
        model.predict(pd.DataFrame(ROWS).set_index([*ROWS]), place / "genome.fa")


def test_a_column_of_lengths_says_where_starts_are_counted_from(place, model, caplog):
    """R's tables count from 1: the first base is not lost."""
    wanted = model.predict(pd.DataFrame(ROWS), place / "genome.fa")["logit"]
    ranges = pd.DataFrame(ROWS | {"start": [701, 51], "width": [400, 600]})
    found = model.predict(ranges, place / "genome.fa")
    assert found["start"].tolist() == [701, 51] and found["logit"].tolist() == wanted.tolist()
    assert "starts are counted from 1, as the column 'width' says" in caplog.text
    assert model.explain(ranges, place / "genome.fa")["start"].tolist() == [700, 50]
    same = pd.DataFrame(ROWS | {"length": ["400", "600"]})
    assert model.predict(same, place / "genome.fa")["logit"].tolist() == wanted.tolist()


def test_frames_of_files_that_count_from_1(place, model, caplog):
    """A frame is 0-based, whatever file it comes from, but that is said."""
    frame = pd.DataFrame({"PeakID (cmd=annotatePeaks.pl x)": ["a", "b"]} | ROWS)
    wanted = model.predict(pd.DataFrame(ROWS), place / "genome.fa")["logit"]
    assert "counted from" not in caplog.text
    assert model.predict(frame, place / "genome.fa")["logit"].tolist() == wanted.tolist()
    assert "HOMER peaks count starts from 1; these are taken as counted from 0" in caplog.text


def test_names_in_files_stay_texts(place, model):
    path = place / "names.tsv"
    path.write_text("chrom\tstart\tend\tname\tid2\tp\nchr1\t5\t500\t007\t0012\t1e-5\n")
    own = model.predict(path, place / "genome.fa").iloc[0, :6].tolist()
    assert own == ["chr1", 5, 500, "007", "0012", 1e-5]


def test_regions_without_length_can_be_dropped(place, model):
    frame = pd.DataFrame(ROWS | {"start": [1100, 50]})
    with pytest.raises(UserError, match=r'invalid_regions="drop" drops and counts such'):
        model.predict(frame, place / "genome.fa")
    found = model.predict(frame, place / "genome.fa", invalid_regions="drop")
    assert found["flags"].iloc[0] == "no_length" and found["logit"].notna().tolist() == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"references": 0}, "references 0. Expected: a whole number of at least 1"),
        ({"max_steps": "8"}, "max_steps '8'. Expected: a whole number of at least 1"),
        ({"seed": True}, "seed True. Expected: a whole number of at least 0"),
        ({"completeness": float("nan")}, "completeness nan. Expected: a number from 1e-6 to 1"),
        ({"method": "x"}, "method: x is "),
        ({"reference": "x"}, "reference: x is "),
    ],
)
def test_settings_of_an_explanation_are_checked(setting, expected, place, model):
    with pytest.raises(UserError) as error:
        model.explain(pd.DataFrame(ROWS), place / "genome.fa", **setting)
    assert str(error.value).startswith(expected)


@pytest.mark.parametrize(
    "regions",
    [[("chr1", 0, 100)], pd.Series([1]), iter([("chr1", 0, 100)]), None, 5, {"chrom": ["chr1"]}],
    ids=["list", "series", "generator", "none", "number", "dict"],
)
def test_what_is_not_regions(regions, place, model):
    for call in (model.predict, model.explain):
        with pytest.raises(UserError, match=r"regions is of the type .* pandas\.DataFrame"):
            call(regions, place / "genome.fa")
    with pytest.raises(UserError, match="fasta is of the type"):
        model.predict(pd.DataFrame(ROWS), None)


def test_nothing_is_written(place, model, tmp_path, monkeypatch, opened):
    """Not in the working folder, nor beside the inputs, nor among the temporary files."""
    model.predict(place / "regions.bed", place / "genome.fa")  # the genome has its index now
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    opened.clear()
    for regions in (pd.DataFrame(ROWS), place / "regions.bed"):
        model.predict(regions, place / "genome.fa")
        model.explain(regions, place / "genome.fa", references=1)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
    assert opened and not [path for path, flags in opened if flags & writing]
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    assert not list(tmp_path.iterdir())


def test_two_threads_and_repeated_calls_agree(place, model):
    def call(number):
        frame = pd.DataFrame(ROWS)[:: 1 if number % 2 else -1]
        scores = model.predict(frame, place / "genome.fa")["logit"].sort_index()
        values = model.explain(frame, place / "genome.fa", references=1).sort_index()
        return [*scores, *np.concatenate([*values["attributions"]])]

    with ThreadPoolExecutor(2) as pool:
        first, *others = pool.map(call, range(4))
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(call(0), first, rtol=1e-5, atol=1e-7)


def test_settings_are_at_hand(model):
    assert model.settings.calibration.slope == 2.0
    assert "tiny" in repr(model)


def test_faults_are_user_errors(place, model):
    with pytest.raises(UserError, match="columns end are missing"):
        model.predict(pd.DataFrame({"chrom": ["chr1"], "start": [1]}), place / "genome.fa")
    with pytest.raises(UserError, match="not a model folder"):
        seformer.load_model(place)
    with pytest.raises(UserError, match="folder is of the type"):
        seformer.load_model(None)
    with pytest.raises(UserError, match=r"^device: .*'gpu' cannot be used"):
        seformer.load_model(place / "model", device="gpu")
    with pytest.raises(UserError, match="no such file"):
        model.explain(place / "none.bed", place / "genome.fa")
