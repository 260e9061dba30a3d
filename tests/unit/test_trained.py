"""`seformer.load_model`: the same numbers as the command line, as data frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence, tiny_model

import seformer
from seformer.errors import UserError
from seformer.modelfolder import Calibration, save_model
from seformer.predict import SCORE_COLUMNS, predict

BED = "chr1\t50\t650\tone\t7\nchrUn\t0\t500\ttwo\t8\nchr1\t700\t1100\tthree\t9\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "genome.fa").write_text(f">chr1\n{random_sequence(1500, seed=3)}\n")
    (folder / "regions.bed").write_text(BED)
    model = tiny_model(
        window=128,
        calibration=Calibration(method="temperature", slope=2.0, intercept=0.1),
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


def test_settings_are_at_hand(model):
    assert model.settings.calibration.slope == 2.0
    assert "tiny" in repr(model)


def test_faults_are_user_errors(place, model):
    with pytest.raises(UserError, match="columns end are missing"):
        model.predict(pd.DataFrame({"chrom": ["chr1"], "start": [1]}), place / "genome.fa")
    with pytest.raises(UserError, match="not a model folder"):
        seformer.load_model(place)
    with pytest.raises(UserError, match="no such file"):
        model.explain(place / "none.bed", place / "genome.fa")
