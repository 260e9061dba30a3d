"""The pipeline with a backbone that is a folder: a Nucleotide Transformer v2, its real tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from seformer.util.records import read_json
from seformer.util.tables import read_tsv

DEMO = Path(__file__).parents[1] / "data" / "demo"


@pytest.mark.real
@pytest.mark.slow
def test_a_backbone_folder_is_trained_scored_and_explained(of_folder):
    sample = of_folder / "simulated"
    settings = read_json(sample / "model" / "seformer.json")
    assert settings["backbone"]["family"] == "nt_v2"
    assert settings["backbone"]["licence"] == "CC-BY-NC-SA-4.0"
    assert settings["phases"] == 6
    # pre-trained further on all but the chromosomes that the split holds out
    (further,) = settings["pretraining"]
    audit = settings["splits"]
    assert further["left_out"]["chromosomes"] == sorted(audit["test"] + audit["validation"])
    assert further["left_out"]["by"] == "splits" and further["steps"] == 2
    assert read_json(of_folder / "pretraining/summary.json")["pretraining"] == [further]
    assert (settings["window"], settings["window_pooling"]) == (128, "attention")
    assert settings["training"]["full"]["learning_rate"] == 2e-5
    # its random twin, trained beside it, and the track
    measured = read_json(sample / "metrics.json")
    beside = ["length", "composition", "random_twin", "track_marks"]
    assert list(measured["test"]["baselines"]) == beside
    assert measured["random_twin"] == {"models": 1, "of": 1}
    assert measured["tracks"]["marks"]["without_value"] == 0
    assert any(finding["topic"] == "Does pre-training help?" for finding in measured["verdict"])
    for stage in ("head", "full"):
        assert (sample / "training" / stage / "random_twin" / "history.tsv").is_file()
    assert "random_weights" not in settings["training"]
    rows = (DEMO / "to_score.bed").read_text().splitlines()
    scores = read_tsv(sample / "predictions" / "to_score.tsv")
    assert len(scores) == len(rows) and scores["probability"].between(0, 1).all()
    assert scores["coverage"].eq(1).all()
    table = read_tsv(sample / "attributions" / "to_explain.tsv")
    difference = table["logit"] - table["reference_logit"]
    gap = (table["attribution_sum"] + table["special_share"] - difference).abs()
    complete = ~table["flags"].astype(str).str.contains("incomplete")
    assert (gap <= 0.05 * difference.abs().clip(lower=0.01) + 1e-6)[complete].all()
    page = (of_folder / "multiqc" / "multiqc_report.html").read_text()
    assert "Pre-training: what it saw" in page and "Not for commercial use" in page
