"""Both stages: what is trained, what validation chooses, and that an interruption costs nothing."""

import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from toys import random_sequence

from seformer.evaluation.evaluate import evaluate
from seformer.model.backbones import build_backbone
from seformer.model.classifier import RegionClassifier
from seformer.model.folder import load_model, new_model
from seformer.model.settings import read_settings
from seformer.regions.extract import extract
from seformer.scoring.score import Ensemble, Scorer
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import KmerTokenizer
from seformer.splits.dataset import open_dataset
from seformer.splits.split import split
from seformer.training import full as full_module
from seformer.training.common import EarlyStopping, check_finite, class_weights, weighted_loss
from seformer.training.feature_cache import backbone_digest, rows_of
from seformer.training.full import finetune_full
from seformer.training.head import Standardiser, finetune_head
from seformer.training.optimise import learning_rate_at, resolve_precision
from seformer.training.token_store import build_token_store, token_store_margins
from seformer.util.errors import UserError

MOTIF = "TGACTCATTT"
SMALL_GPU = Path(__file__).parents[1] / "systems" / "small_gpu"
QUICK = dict(epochs=2, batch_size=8, device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """120 regions on six chromosomes; SEs carry a motif three times."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    beds = {1: [], 0: []}
    with open(folder / "genome.fa", "w") as fasta:
        for chromosome in range(1, 7):
            bases = list(random_sequence(20 * 400, seed=chromosome))
            for i in range(20):
                start, label = i * 400 + 20, i % 2
                length = int(rng.integers(150, 350))
                beds[label].append(f"chr{chromosome}\t{start}\t{start + length}\n")
                for place in (20, 60, 110):
                    motif = MOTIF if label else random_sequence(10, seed=place)
                    bases[start + place : start + place + 10] = motif
            fasta.write(f">chr{chromosome}\n{''.join(bases)}\n")
    (folder / "se.bed").write_text("".join(beds[1]))
    (folder / "te.bed").write_text("".join(beds[0]))
    extract(
        folder / "genome.fa",
        folder / "extracted",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
        sample="toy",
    )
    split([folder / "extracted"], folder / "splits")
    return [folder / "extracted"], [folder / "splits" / "toy" / "splits.tsv"]


@pytest.fixture(scope="module")
def stage1(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("stage1") / "out"
    finetune_head(*data, "tiny", out, epochs=3, window=32, device="cpu")
    return out


@pytest.fixture(scope="module")
def straight(data, stage1, tmp_path_factory):
    """Stage 2 without interruption."""
    out = tmp_path_factory.mktemp("straight") / "out"
    finetune_full(stage1, *data, out, **QUICK)
    return out


def test_stage_1_leaves_the_backbone_alone(data, stage1):
    fresh, _, _ = build_backbone("tiny", seed=1)
    weights = load_file(stage1 / "model.safetensors")
    for key, value in fresh.published_state().items():
        assert torch.equal(weights[key], value), key


def test_stage_1_history_and_settings(data, stage1):
    history = pd.read_csv(stage1 / "history.tsv", sep="\t")
    assert history["stage"].tolist() == [1, 1, 1]
    settings = read_settings(stage1)
    assert settings.sample == "toy"
    assert settings.window == 32
    regions = open_dataset(*data).regions
    train = regions[regions["split"] == "train"]
    assert settings.training_range.regions == len(train)
    assert settings.training_range.length[0] >= train["length"].min()


def test_features_are_computed_once(data, tmp_path, monkeypatch, stage1):
    import seformer.training.feature_cache as module

    cache = tmp_path / "cache"
    finetune_head(*data, "tiny", tmp_path / "a", epochs=2, window=32, cache=cache, device="cpu")
    monkeypatch.setattr(module, "_compute", None)
    finetune_head(*data, "tiny", tmp_path / "b", epochs=2, window=32, cache=cache, device="cpu")
    name = "model.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with pytest.raises(TypeError):  # another window needs other features
        finetune_head(*data, "tiny", tmp_path / "c", epochs=1, window=48, cache=cache, device="cpu")


def test_cached_features_are_those_of_one_tokeniser_and_backbone(stage1):
    model = load_model(stage1)
    same = backbone_digest(load_model(stage1))
    with torch.no_grad():
        model.classifier.head.out.weight.add_(1)
    assert backbone_digest(model) == same
    tokens = model.tokenizer
    other = KmerTokenizer(tokens.k, 3, tokens.vocabulary)
    assert backbone_digest(replace(model, tokenizer=other)) != same
    model.classifier.backbone.config["layer_norm_eps"] = 1e-3
    assert backbone_digest(model) != same


def test_folding_gives_the_same_function_on_raw_features():
    torch.manual_seed(0)
    features = torch.randn(50, 8) * 0.03 + torch.linspace(-2, 2, 8)
    layer = torch.nn.Linear(8, 4)
    standardiser = Standardiser(features, [layer])
    before = layer(standardiser.apply(features))
    standardiser.fold()
    assert torch.allclose(layer(features), before, atol=1e-5)


def test_rows_of_gathers_the_windows_of_strands():
    first = torch.tensor([0, 2, 3, 6])
    rows, owner = rows_of(torch.tensor([2, 0]), first)
    assert rows.tolist() == [3, 4, 5, 0, 1]
    assert owner.tolist() == [0, 0, 0, 1, 1]


def test_stage_2_trains_all_layers_and_the_same_again(data, stage1, straight, tmp_path):
    finetune_full(stage1, *data, tmp_path / "again", **QUICK)
    one, two = (folder / "model.safetensors" for folder in (straight, tmp_path / "again"))
    assert one.read_bytes() == two.read_bytes()
    before, after = load_file(stage1 / "model.safetensors"), load_file(one)
    for key in before:
        assert not torch.equal(before[key], after[key]), key
    history = pd.read_csv(straight / "history.tsv", sep="\t")
    assert history["stage"].tolist() == [2, 2]


@pytest.fixture(scope="module")
def without_dropout(stage1, tmp_path_factory):
    """Dropout draws other masks when a batch is cut otherwise."""
    folder = tmp_path_factory.mktemp("without") / "dropout"
    shutil.copytree(stage1, folder)
    for name, old in (
        ("config.json", '"embedding_dropout_prob": 0.1'),
        ("config.json", '"token_dropout_prob": 0.5'),
        ("seformer.json", '"dropout": 0.1'),
    ):
        path = folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, f"{old[:-3]}0.0"))
    return folder


def test_gradient_accumulation_does_not_change_the_result(data, without_dropout, tmp_path):
    finetune_full(without_dropout, *data, tmp_path / "whole", **QUICK)
    finetune_full(without_dropout, *data, tmp_path / "parts", batch_tokens=64, **QUICK)
    assert_same_scores(data, tmp_path / "whole", tmp_path / "parts")


def assert_same_scores(data, one, two):
    sequences = list(open_dataset(*data).sequences("test"))
    scores = [Ensemble(load_model(folder)).score(sequences).logit for folder in (one, two)]
    assert np.abs(scores[0] - scores[1]).max() < 1e-3 * np.ptp(scores[0])


def test_two_processes_train_as_one(data, without_dropout, tmp_path, caplog, monkeypatch):
    """Two CPU processes over gloo share each batch; the course is that of one process."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # as at a prompt
    finetune_full(without_dropout, *data, tmp_path / "one", epochs=2, batch_size=8, device="cpu")
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]
    options = {"--epochs": 2, "--batch-size": 8, "--device": "cpu", "--threads": 1}
    done = run_command(without_dropout, data, tmp_path / "two", options | {"--processes": 2})
    assert "arning" not in done.stderr
    histories = [pd.read_csv(tmp_path / n / "history.tsv", sep="\t") for n in ("one", "two")]
    for column in ("train_loss", "validation_loss"):
        assert np.allclose(*(h[column] for h in histories), atol=1e-4), column
    assert_same_scores(data, tmp_path / "one", tmp_path / "two")


def test_of_two_processes_the_one_that_fails_gives_the_exit_code(data, stage1, tmp_path):
    """Too little memory in a process is tried again with a smaller batch, as without processes."""
    options = {"--processes": 2, "--device": "cpu", "--threads": 1}
    command, environment = finetune_command(stage1, data, tmp_path / "out", options)
    environment["PYTHONPATH"] += f":{SMALL_GPU}"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 75, done.stderr
    assert "seformer: error: Out of GPU memory." in done.stderr


def test_adapters_are_trained_and_merged(data, stage1, tmp_path, caplog):
    evaluated = shutil.copytree(stage1, tmp_path / "evaluated")
    settings = json.loads((evaluated / "seformer.json").read_text())
    limit = {"limit": 0.0, "regions": 9, "loci": 9}
    settings["conformal"] = {"coverage": 0.9, "SE": limit, "TE": limit}
    (evaluated / "seformer.json").write_text(json.dumps(settings))
    finetune_full(evaluated, *data, tmp_path / "out", lora_rank=4, **QUICK)
    # nothing was learnt yet that adapters could adapt
    assert "tiny is trained from scratch: with --lora-rank its weights stay" in caplog.text
    # sets belong to the scores before the training
    assert load_model(tmp_path / "out").settings.conformal is None
    before = load_file(stage1 / "model.safetensors")
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert "backbone.layers.0.qkv.weight" in changed
    # embeddings, norms and biases of the backbone have no adapter
    assert not {key for key in changed if "norm" in key or "embeddings" in key}
    difference = after["backbone.layers.0.qkv.weight"] - before["backbone.layers.0.qkv.weight"]
    assert torch.linalg.matrix_rank(difference, rtol=1e-4) <= 4
    assert np.isfinite(
        Ensemble(load_model(tmp_path / "out")).score([random_sequence(200)]).logit
    ).all()


def finetune_command(model, data, out, options):
    command = [
        *(sys.executable, "-m", "seformer.cli", "finetune-full", "--model", model),
        *("--extracted", data[0][0], "--splits", data[1][0], "--out", out),
        *(part for option in options.items() for part in option),
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(full_module.__file__).parents[2])}
    return list(map(str, command)), environment


def run_command(model, data, out, options):
    command, environment = finetune_command(model, data, out, options)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("moment", [1, 7, 14])
def test_an_interrupted_training_ends_the_same(
    data, stage1, straight, tmp_path, monkeypatch, moment
):
    steps = 0
    train_step = full_module.FullTrainer.train_step

    def interrupted(self, regions):
        nonlocal steps
        steps += 1
        if steps == moment:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(self, regions)

    monkeypatch.setattr(full_module.FullTrainer, "train_step", interrupted)
    checkpoints = tmp_path / "checkpoints"
    with pytest.raises(SystemExit) as stop:
        finetune_full(stage1, *data, tmp_path / "resumed", checkpoints=checkpoints, **QUICK)
    assert stop.value.code == 143
    assert not (tmp_path / "resumed").exists()
    monkeypatch.undo()
    finetune_full(stage1, *data, tmp_path / "resumed", checkpoints=checkpoints, **QUICK)
    name = "model.safetensors"
    assert (tmp_path / "resumed" / name).read_bytes() == (straight / name).read_bytes()
    assert not list(checkpoints.rglob("*.safetensors"))


def test_every_file_of_a_data_set_is_opened_once(data, tmp_path, opened):
    """A stage reads tables once and unpacks the sequences once, whatever wants them how often."""
    head, full = tmp_path / "head", tmp_path / "full"
    features = "kmer_density"
    options = dict(features=features, epochs=1, window=32, cache=tmp_path / "cache", device="cpu")
    stages = {
        "regions.tsv summary.json sequences.fa.gz": partial(
            finetune_head, *data, "tiny", head, **options
        ),
        "regions.tsv sequences.fa.gz": partial(
            finetune_full, head, *data, full, checkpoints=tmp_path / "c", **QUICK | {"epochs": 1}
        ),
        "sequences.fa.gz regions.tsv": partial(
            evaluate, full, *data, tmp_path / "evaluated", resamples=10, device="cpu"
        ),
    }
    for files, stage in stages.items():
        opened.clear()
        stage()
        paths = [Path(path) for path, _ in opened]
        read = Counter(path.name for path in paths if path.parent == data[0][0])
        assert read == dict.fromkeys(files.split(), 1)
    assert load_model(full).settings.spectrum_scale == "log_density"


def test_a_data_set_is_known_by_its_files(data):
    """Checkpoints and caches of 1.0.0 go on: the digest is that of the compressed file."""
    training = open_dataset(*data)
    rows = training.regions[["chrom", "start", "end", "label", "split"]].to_csv(index=False)
    digest = hashlib.sha256(rows.encode())
    digest.update(
        hashlib.sha256((data[0][0] / "sequences.fa.gz").read_bytes()).hexdigest().encode()
    )
    assert training.digest() == digest.hexdigest()


def test_sequences_are_read_by_several_threads(data):
    training = open_dataset(*data)
    with ThreadPoolExecutor(4) as threads:
        read = list(threads.map(lambda _: list(training.sequences("train", "test")), range(8)))
    rows = training.regions.iloc[training.select("train", "test")]
    assert all(sequences == read[0] for sequences in read)
    assert [len(bases) for bases in read[0]] == rows["length"].tolist()


def test_a_checkpoint_of_other_options_is_not_used(data, stage1, tmp_path, monkeypatch):
    checkpoints = tmp_path / "checkpoints"
    keep = full_module.Checkpoints.clear
    monkeypatch.setattr(full_module.Checkpoints, "clear", lambda self: None)
    finetune_full(stage1, *data, tmp_path / "a", checkpoints=checkpoints, **QUICK)
    monkeypatch.setattr(full_module.Checkpoints, "clear", keep)
    finetune_full(stage1, *data, tmp_path / "b", checkpoints=checkpoints, seed=2, **QUICK)
    finetune_full(stage1, *data, tmp_path / "c", seed=2, **QUICK)
    name = "model.safetensors"
    assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes()


def test_a_killed_training_goes_on(data, stage1, tmp_path):
    """SIGKILL, as by the memory killer: no handler runs, the last checkpoint counts."""
    options = {"--checkpoints": tmp_path / "checkpoints", "--checkpoint-minutes": 0}
    options |= {"--epochs": 2, "--batch-size": 8, "--device": "cpu", "--threads": 1}
    command, environment = finetune_command(stage1, data, tmp_path / "out", options)
    checkpoint = tmp_path / "checkpoints"
    with open(tmp_path / "log", "w") as log:
        first = subprocess.Popen(command, env=environment, stderr=log)
    while not list(checkpoint.rglob("stage2-*")):
        assert first.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.02)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "going on from the checkpoint" in second.stderr
    straight = tmp_path / "straight"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        finetune_full(stage1, *data, straight, **QUICK)
    finally:
        torch.set_num_threads(threads)
    name = "model.safetensors"
    assert (tmp_path / "out" / name).read_bytes() == (straight / name).read_bytes()


def test_the_test_part_is_never_read(data, stage1, tmp_path):
    training = open_dataset(*data)
    tested = set(training.sequences("test"))
    assert tested
    assert not tested & set(training.sequences("train", "validation"))


def test_the_loss_is_the_cross_entropy_of_two_logits():
    torch.manual_seed(0)
    logits = torch.randn(20, 2, dtype=torch.float64)
    labels = torch.randint(2, (20,))
    weights = torch.tensor([0.6, 3.0], dtype=torch.float64)
    ours = weighted_loss(logits[:, 1] - logits[:, 0], labels.double(), weights)
    stock = torch.nn.functional.cross_entropy(logits, labels, weight=weights, reduction="none")
    assert torch.allclose(ours, stock, atol=1e-12)


def test_balanced_weights_give_both_classes_the_same_say():
    labels = np.array([0, 0, 0, 1], dtype=np.float32)
    weights = class_weights(labels, "balanced")
    assert weights.tolist() == pytest.approx([4 / 6, 2.0])
    assert weights[torch.from_numpy(labels).long()].mean().item() == pytest.approx(1.0)
    assert class_weights(labels, "none").tolist() == [1.0, 1.0]


def test_early_stopping_by_auroc_then_loss():
    stopping = EarlyStopping(patience=2)
    course = [(0.7, 0.5), (0.7, 0.4), (0.6, 0.1), (0.7, 0.4)]
    kept = [
        stopping.update(epoch, {"validation_auroc": a, "validation_loss": loss})
        for epoch, (a, loss) in enumerate(course, start=1)
    ]
    assert kept == [True, True, False, False]
    assert stopping.best_epoch == 2
    assert stopping.stop


def test_warm_up_and_decay():
    rates = [learning_rate_at(step, 8, 1.0, 0.25) for step in range(8)]
    assert rates[:2] == [0.5, 1.0]
    assert rates == sorted(rates[:2]) + sorted(rates[2:], reverse=True)
    assert rates[-1] > 0


def test_training_imports_no_compiler():
    """It would take two seconds of every training, and compile nothing."""
    program = """
import sys, torch
from seformer.training.optimise import Optimisation
layer = torch.nn.Linear(3, 1)
training = Optimisation(layer, torch.device("cpu"), "fp32", 0.1)
before = layer.weight.clone()
at = {"stage": 2, "epoch": 1, "step": 1}
training.step([torch.ones(1, 3)], lambda part: training.wrapped(part).sum(), 0.1, **at)
training.optimizer.load_state_dict(training.optimizer.state_dict())
assert not torch.equal(before, layer.weight)
sys.exit(bool({"torch._dynamo", "torch.distributed.tensor", "sympy"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_loss_that_is_no_number_stops_with_the_step():
    with pytest.raises(UserError, match=r"epoch 3, step 17.*learning rate"):
        check_finite(float("nan"), stage=2, epoch=3, step=17)


def test_a_far_too_high_rate_ends_in_words(data, stage1, tmp_path):
    with pytest.raises(UserError, match="learning rate"):
        finetune_full(stage1, *data, tmp_path / "out", learning_rate=1e30, **QUICK)
    assert not (tmp_path / "out").exists()


def test_fp16_needs_a_gpu():
    with pytest.raises(UserError, match="GPU"):
        resolve_precision("fp16", torch.device("cpu"))
    assert resolve_precision("auto", torch.device("cpu")) == "fp32"


def test_a_window_longer_than_the_context_is_an_error(data, tmp_path):
    with pytest.raises(UserError, match="context of 3072"):
        finetune_head(*data, "tiny", tmp_path / "out", window=4000, device="cpu")


def test_store_holds_every_view(tmp_path):
    tokenizer = KmerTokenizer(6, 6)
    sequences = [random_sequence(50, seed=1), random_sequence(90, seed=2)]
    store = build_token_store(iter(sequences), tokenizer, tmp_path / "tokens")
    assert store.start.shape == (2, 12)
    assert store.ids.dtype == np.uint16
    for region, sequence in enumerate(sequences):
        for phase in range(6):
            for strand, bases in enumerate((sequence, reverse_complement(sequence))):
                view = phase * 2 + strand
                got = store.ids[store.start[region, view] : store.stop[region, view]]
                want = tokenizer.encode([bases], phase=phase).input_ids
                assert got.tolist() == want.tolist()


def test_validation_from_the_store_is_the_score_in_one_phase(tmp_path, monkeypatch):
    monkeypatch.setattr("seformer.training.token_store.CHUNK_TOKENS", 40)
    backbone, _, origin = build_backbone("tiny")
    tokenizer = KmerTokenizer(6, 6)
    model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), window=20, phases=6)
    sequences = [random_sequence(n, seed=n) for n in (90, 50, 400, 7)]
    store = build_token_store(iter(sequences), tokenizer, tmp_path / "tokens", 1)
    margins = token_store_margins(Scorer(model, 100), store)
    np.testing.assert_allclose(
        margins, Ensemble(model.in_one_phase()).score(sequences).logit, atol=1e-5
    )
    assert np.ptp(margins) > 1e-4


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients = []
    for switched in (False, True):
        backbone, _, _ = build_backbone("tiny", seed=1)
        torch.manual_seed(0)
        model = RegionClassifier(backbone, dropout=0.0).train()
        backbone.dropout.p = 0.0
        if switched:
            backbone.gradient_checkpointing_enable()
        ids = torch.arange(5, 45).view(2, 20)
        states = backbone.states(ids, torch.ones_like(ids))
        model.pool_tokens(states, torch.ones_like(ids, dtype=torch.bool)).square().sum().backward()
        gradients.append(backbone.layers[0].qkv.weight.grad.clone())
    assert torch.allclose(*gradients, atol=1e-6)
    assert gradients[0].abs().sum() > 0
