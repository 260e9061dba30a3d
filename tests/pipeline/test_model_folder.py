"""The pipeline with a backbone that is a folder: a tiny GENA-LM BERT with the real tokeniser."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from seformer.util.records import read_json
from seformer.util.tables import read_tsv

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests" / "data" / "demo"
CONFIG = "gena_lm/configs/L12-H768-A12-V32k-preln.json"
TOKENIZER = "gena_lm/tokenizers/human/BPE_32k"
SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "initializer_range": 0.1,
}


@pytest.fixture
def backbone(tmp_path) -> Path:
    """A folder in the published layout with random weights."""
    given = os.environ.get("SEFORMER_TEST_DATA")
    if not given or not Path(given).is_dir():
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    from seformer.model.backbones import random_backbone
    from seformer.sequence.tokenizers import load_tokenizer

    tokenizers = Path(given) / "tokenizers"
    folder = tmp_path / "gena tiny"
    config = json.loads((tokenizers / CONFIG).read_text())
    random_backbone(config | SMALL, load_tokenizer(tokenizers / TOKENIZER), to=folder)
    return folder


@pytest.mark.real
@pytest.mark.slow
def test_a_backbone_folder_is_trained_scored_and_explained(backbone, tmp_path):
    command = [
        *(ROOT / "scripts/nextflow.sh", "run", ROOT, "-profile", "test,venv", "-ansi-log", "false"),
        *("--model", backbone, "--outdir", "results"),
        *("--window", 128, "--window_pooling", "attention"),
        *("--head_epochs", 2, "--epochs", 1, "--bootstrap", 20, "--max_windows", 2),
        *("--explain_references", 1, "--explain_max_steps", 64, "--explain_faithfulness", 0),
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    sample = tmp_path / "results" / "simulated"
    settings = read_json(sample / "model" / "seformer.json")
    assert settings["backbone"]["family"] == "gena"
    assert (settings["window"], settings["window_pooling"]) == (128, "attention")
    assert settings["training"]["full"]["learning_rate"] == 2e-5
    rows = (DEMO / "to_score.bed").read_text().splitlines()
    scores = read_tsv(sample / "predictions" / "to_score.tsv")
    assert len(scores) == len(rows) and scores["probability"].between(0, 1).all()
    assert scores["coverage"].eq(1).all()
    table = read_tsv(sample / "attributions" / "to_explain.tsv")
    difference = table["logit"] - table["reference_logit"]
    gap = (table["attribution_sum"] + table["special_share"] - difference).abs()
    complete = ~table["flags"].astype(str).str.contains("incomplete")
    assert (gap <= 0.05 * difference.abs().clip(lower=0.01) + 1e-6)[complete].all()
    assert (tmp_path / "results" / "multiqc" / "multiqc_report.html").is_file()
