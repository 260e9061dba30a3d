"""On a GPU: every family both ways, in each precision; the stages; too little memory; two GPUs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from test_families import FAMILIES, write_backbone
from toys import random_sequence

from seformer.explain.explain import explain
from seformer.explain.folder import read_attributions
from seformer.model.backbones import build_backbone
from seformer.model.folder import load_model
from seformer.model.masked_head import MaskedModel, masked_head
from seformer.regions.extract import extract
from seformer.scoring.score import Ensemble
from seformer.sequence.batches import collate
from seformer.splits.split import split
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.training.pretrain import pretrain
from seformer.util.records import read_json
from seformer.util.tables import read_tsv

ROOT = Path(__file__).parents[2]
# relative to the size of what is computed: one part in 2^8 and 2^11 a number, through two layers
PRECISIONS = {torch.bfloat16: 0.06, torch.float16: 0.01}
WINDOWS = (40, 37, 12)

pytestmark = pytest.mark.real


# ------------------------------------------------------------------------- families


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, device, real_data, tmp_path_factory):
    """Two layers with random weights and the real tokens, and windows of three lengths."""
    chosen = FAMILIES[request.param]
    name = request.param
    if chosen.tokenizer is not None:
        name = tmp_path_factory.mktemp(request.param)
        # as large as the weights of trained models: larger ones multiply what is rounded
        small = chosen._replace(change={**chosen.change, "initializer_range": 0.05})
        write_backbone(small, real_data / "tokenizers", name)
    backbone, tokenizer, _ = build_backbone(name)
    text = random_sequence(4_000, seed=2)
    ids = tokenizer.encode([text]).input_ids
    start = np.array([0, 50, 100])
    return backbone, tokenizer, collate(ids, start, start + WINDOWS, tokenizer)


def hidden_and_gradient(backbone, batch, device, kind=None):
    """The last hidden state, and the gradient of a sum of it by the word embedding.

    A sum with weights drawn at random: behind a LayerNorm plain sums and squares are constant.
    """
    backbone = backbone.to(device).eval()
    backbone.zero_grad()
    batch = batch.to(device)
    with torch.autocast(device, kind or torch.bfloat16, enabled=kind is not None):
        hidden = backbone(batch.input_ids, batch.attention_mask)
    weights = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(3))
    (hidden.float() * weights.to(device)).sum().backward()
    return hidden.detach().float().cpu(), backbone.embedding.weight.grad.float().cpu().clone()


def off(found, expected):
    return float((found - expected).norm() / expected.norm())


def test_forward_and_backward_are_those_of_the_processor(family, device, no_tf32):
    backbone, _, batch = family
    expected = hidden_and_gradient(backbone, batch, "cpu")
    found = hidden_and_gradient(backbone, batch, device)
    assert off(found[0], expected[0]) < 1e-5 and off(found[1], expected[1]) < 1e-4
    # padding changes nothing: a window alone gives the same
    alone = type(batch)(*(part[1:2, : WINDOWS[1] + 2] for part in batch))
    real = int(alone.attention_mask.sum())
    hidden, _ = hidden_and_gradient(backbone, alone, device)
    torch.testing.assert_close(hidden[0, :real], found[0][1, :real], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", PRECISIONS, ids=["bf16", "fp16"])
def test_half_precision_is_near_single(family, kind, device):
    backbone, _, batch = family
    expected = hidden_and_gradient(backbone, batch, device)
    found = hidden_and_gradient(backbone, batch, device, kind)
    assert all(part.isfinite().all() for part in found)
    assert off(found[0], expected[0]) < PRECISIONS[kind]
    assert off(found[1], expected[1]) < 3 * PRECISIONS[kind]


def test_masked_tokens_are_those_of_the_processor(family, device, no_tf32):
    backbone, _, batch = family
    head, _ = masked_head(backbone, {}, "new", 1)
    both = {}
    for where in ("cpu", device):
        whole, given = MaskedModel(backbone, head).to(where).eval(), batch.to(where)
        with torch.inference_mode():
            logits = whole(given.input_ids, given.attention_mask, given.content_mask)
        both[where] = logits.cpu()
    torch.testing.assert_close(both[device], both["cpu"], atol=1e-3, rtol=1e-3)


# ------------------------------------------------------------------------- stages


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 labelled regions on six chromosomes; super-enhancers carry a motif."""
    folder = tmp_path_factory.mktemp("data")
    beds = {1: [], 0: []}
    with open(folder / "genome.fa", "w") as fasta:
        for chromosome in range(1, 7):
            bases = random_sequence(4_000, seed=chromosome)
            for i in range(10):
                start, label = i * 400 + 20, i % 2
                beds[label].append(f"chr{chromosome}\t{start}\t{start + 150 + 9 * i}\n")
                if label:
                    bases = bases[: start + 30] + "TGACTCATTT" * 4 + bases[start + 70 :]
            fasta.write(f">chr{chromosome}\n{bases}\n")
    (folder / "se.bed").write_text("".join(beds[1]))
    (folder / "te.bed").write_text("".join(beds[0]))
    (folder / "few.bed").write_text("".join(beds[1][:3]))
    extract(
        folder / "genome.fa",
        folder / "cell",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
    )
    split([folder / "cell"], folder / "split")
    return folder


def labelled(data):
    return [data / "cell"], [data / "split/sample/splits.tsv"]


@pytest.fixture(scope="module")
def trained(data, device):
    """Pre-training and both stages, in the precision that the device has by itself."""
    pretrain(
        "tiny", data / "pretrained", fasta=data / "genome.fa", splits=labelled(data)[1],
        window=66, steps=6, batch_size=8, device=device,
    )  # fmt: skip
    head, full = data / "head", data / "full"
    finetune_head(*labelled(data), str(data / "pretrained"), head, epochs=3, device=device)
    finetune_full(head, *labelled(data), full, epochs=2, batch_size=8, device=device)
    return full


def test_every_stage_trains(trained, data, device):
    loss = read_tsv(data / "pretrained/loss.tsv")
    assert loss["held_back_loss"].iloc[-1] < loss["held_back_loss"].iloc[0]
    summary = read_json(data / "pretrained/summary.json")["pretraining"][-1]
    wanted = {"cpu": ["fp32"]}.get(device, ["bf16", "fp16"])
    assert summary["settings"]["precision"] in wanted
    for stage in ("head", "full"):
        history = pd.read_csv(data / stage / "history.tsv", sep="\t")
        assert np.isfinite(history[["train_loss", "validation_loss"]]).all(axis=None)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_stage_2_in_each_precision(precision, trained, data, device, tmp_path):
    if (precision, device) == ("fp16", "cpu"):
        pytest.skip("fp16 needs a GPU")
    losses = []
    for kind in ("fp32", precision):
        out = tmp_path / kind
        finetune_full(
            data / "head", *labelled(data), out, epochs=1, batch_size=8, precision=kind,
            device=device,
        )  # fmt: skip
        losses.append(pd.read_csv(out / "history.tsv", sep="\t")["train_loss"].iloc[0])
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_scores_are_those_of_the_processor(trained, device, no_tf32):
    texts = [random_sequence(length, seed=length) for length in (60, 400, 3_100, 9_000)]
    here, there = (Ensemble(load_model(trained, where)).score(texts) for where in (device, "cpu"))
    np.testing.assert_allclose(here.logit, there.logit, atol=1e-4)
    small = Ensemble(load_model(trained, device), batch_tokens=64).score(texts[::-1])
    np.testing.assert_allclose(small.logit[::-1], here.logit, atol=1e-4)


def test_attributions_are_those_of_the_processor(trained, data, device, tmp_path, no_tf32):
    tables = []
    for where in (device, "cpu"):
        out = tmp_path / f"on_{where}{len(tables)}"
        explain(
            trained, out, fasta=data / "genome.fa", regions=data / "few.bed", references=1,
            max_steps=64, faithfulness_regions=0, device=where,
        )  # fmt: skip
        tables.append(read_attributions(out))
    for column in ("logit", "reference_logit", "attribution_sum"):
        np.testing.assert_allclose(*(table[column] for table in tables), atol=1e-3)
    assert not tables[0]["flags"].fillna("").str.contains("incomplete").any()


# ------------------------------------------------------------------------- memory

LIMITED = """
import sys, torch
from seformer.cli import main
free, total = torch.cuda.mem_get_info()
torch.cuda.set_per_process_memory_fraction(float(sys.argv.pop(1)) * 2**20 / total)
main()
"""


def predicted(model, data, out, batch_tokens, device, limit):
    """Run the command; ``limit`` in MiB is what it may take of the GPU."""
    program = ["-m", "seformer.cli"] if device == "cpu" else ["-c", LIMITED, str(limit)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "bin")}
    if device == "cpu":  # there torch's error comes from batches over 600 tokens
        environment["PYTHONPATH"] += f":{ROOT / 'tests/systems/small_gpu'}"
    command = ["predict", "--model", model, "--fasta", data / "genome.fa", "--regions"]
    command += [data / "long.bed", "--out", out, "--device", device, "--threads", "1"]
    command += ["--batch-tokens", str(batch_tokens)]
    return subprocess.run(
        [sys.executable, *program, *map(str, command)],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_too_little_memory_asks_for_a_smaller_batch_which_goes(trained, data, device, tmp_path):
    """Exit code 75 is what the pipeline tries again with half of the tokens."""
    rows = [f"chr{c}\t{start}\t{start + 2_900}\n" for c in range(1, 7) for start in (0, 500, 1_000)]
    # 108 windows of some 480 tokens: 52,000 at once, or 500
    (data / "long.bed").write_text("".join(rows))
    limit = 0
    if device != "cpu":
        limit = 12 + needed(trained, [random_sequence(2_900, seed=s) for s in range(9)], device)
    whole = predicted(trained, data, tmp_path / "whole", 60_000, device, limit)
    assert whole.returncode == 75, whole.stderr
    assert "Out of GPU memory" in whole.stderr and "--batch-tokens" in whole.stderr
    assert not (tmp_path / "whole").exists()
    small = predicted(trained, data, tmp_path / "small", 500, device, limit)
    assert small.returncode == 0, small.stderr
    assert len(read_tsv(tmp_path / "small/predictions.tsv")) == len(rows)


def needed(model, texts, device):
    """MiB that torch reserves on the GPU to score a window at a time."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    Ensemble(load_model(model, device), batch_tokens=500).score(texts)
    return torch.cuda.max_memory_reserved() / 2**20


# ------------------------------------------------------------------------- two GPUs


@pytest.mark.parametrize("verb", ["finetune-full", "pretrain"])
def test_two_gpus_train_as_one(verb, trained, data, device, tmp_path):
    if device == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("there are not two GPUs here")
    extracted, splits = (paths[0] for paths in labelled(data))
    start = shutil.copytree(data / ("pretrained" if verb == "pretrain" else "head"), tmp_path / "m")
    # dropout draws other masks when a batch is shared
    for name in ("config.json", "seformer.json"):
        if (path := start / name).is_file():
            path.write_text(re.sub(r'(dropout\w*": )0\.1', r"\g<1>0.0", path.read_text()))
    given = {
        "finetune-full": ["--model", start, "--extracted", extracted, "--epochs", 1],
        "pretrain": ["--model", start, "--fasta", data / "genome.fa", "--steps", 3],
    }[verb]
    given += ["--splits", splits, "--batch-size", 8, "--precision", "fp32", "--threads", 1]
    # a process has the GPU of its number where none is named
    given += ["--device", "auto" if device == "cuda" else device]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "bin"), "OMP_NUM_THREADS": "1"}
    losses = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        command = [verb, *given, "--out", out, "--processes", processes]
        done = subprocess.run(
            [sys.executable, "-m", "seformer.cli", *map(str, command)],
            env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        table = read_tsv(out / ("loss.tsv" if verb == "pretrain" else "history.tsv"))
        column = "held_back_loss" if verb == "pretrain" else "validation_loss"
        losses.append(table[column].iloc[-1])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
