"""Memory: a region of 60 kb scored whole at a published width stays within 2 GB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import seformer
from seformer.model.backbones import Origin, random_backbone
from seformer.model.folder import new_model, save_model
from seformer.sequence.tokenizers import load_tokenizer

LAYERS = 12
GENA = "gena_lm/configs/"
HUMAN, T2T = "gena_lm/tokenizers/human/BPE_32k", "gena_lm/tokenizers/t2t_1000h_multi_32k"
# a process of its own: its peak is not that of the tests before
MEASURE = """
import json, re, sys
import numpy as np
from seformer.model.folder import load_model
from seformer.scoring.score import Ensemble
model = load_model(sys.argv[1])
bases = "".join(np.random.default_rng(0).choice(list("ACGT"), 60_000))
result = Ensemble(model).score([bases])
# VmHWM begins with the program; ru_maxrss is inherited from the process that started it
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([peak * 1024, float(result.coverage[0]), int(result.windows[0])]))
"""


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("config", "tokenizer"),
    [
        ("L12-H768-A12-V32k-preln", HUMAN),
        ("L12-H768-A12-V32k-L4096-preln-sparse-rope", HUMAN),
        ("hf_bigbird_L12-H768-A12-V32k-L4096", T2T),
    ],
    ids=["gena", "gena-sparse", "gena-bigbird"],
)
def test_60_kb_at_base_size_within_2_gb(config, tokenizer, real_data, tmp_path):
    """One layer runs, and the weights of the other eleven are added: activations do not add up."""
    folder = real_data / "tokenizers"
    published = json.loads((folder / GENA / f"{config}.json").read_text())
    assert (published["num_hidden_layers"], published["hidden_size"]) == (LAYERS, 768)
    backbone = random_backbone(published, num_hidden_layers=1)
    origin = Origin("random", "folder", None, backbone.family)
    tokens = load_tokenizer(folder / tokenizer)
    model = new_model(backbone, tokens, origin, device=torch.device("cpu"), window=backbone.context)
    save_model(model, tmp_path / "model")
    layer = sum(p.nbytes for name, p in backbone.named_parameters() if ".layer.0." in name)
    assert 20e6 < layer < 40e6
    del model, backbone
    environment = os.environ | {
        "PYTHONPATH": str(Path(seformer.__file__).parents[1]),
        "OMP_NUM_THREADS": "2",
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "model")],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peak, coverage, windows = json.loads(done.stdout)
    assert coverage == 1 and windows >= 2
    assert peak + (LAYERS - 1) * layer < 2e9
