"""Every family through every stage: two layers, random weights, the real tokenisers.

Two published tokenisers are not at hand: those of DNABERT-2 and of modernGENA. GENA-LM's byte-pair
encoding stands in for both; the stock encoders of other fields (ESM, RoBERTa) take it as well.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from toys import random_sequence

from seformer.evaluation.baseline_scores import score_baselines
from seformer.evaluation.evaluate import evaluate
from seformer.explain.explain import explain
from seformer.explain.folder import iterate, read_attributions
from seformer.model.backbones import load_backbone, random_backbone
from seformer.model.backbones.build import read_published
from seformer.model.folder import load_model
from seformer.model.masked_head import masked_head
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.scoring.predict import predict
from seformer.scoring.score import Ensemble
from seformer.sequence.tokenizers import load_tokenizer
from seformer.splits.split import split
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.training.pretrain import pretrain
from seformer.util.errors import UserError
from seformer.util.records import read_json

BASELINES = ("length", "gc", "kmer_logistic", "kmer_boosting")

pytestmark = pytest.mark.real


class Family(NamedTuple):
    """What a tiny model of a family is made of.

    Attributes
    ----------
    tokenizer
        Folder under ``tokenizers``; None for a preset.
    config
        Published configuration under ``tokenizers``, or one written here.
    change
        What makes it small, beside `SMALL`.
    window
        Tokens; short, so that most regions have several windows.
    """

    tokenizer: str | None
    config: str | Mapping[str, Any] = {}
    change: Mapping[str, Any] = {}
    window: int = 24


HUMAN, T2T = "gena_lm/tokenizers/human/BPE_32k", "gena_lm/tokenizers/t2t_1000h_multi_32k"
GENA = "gena_lm/configs/"
NT = "../reference_models/nt_v"
SPECIAL = {"pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2, "vocab_size": 32000}
# random weights of the published deviation would give scores that differ by nothing
SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
}
SPARSE = {
    "sparse_attention": {
        "num_heads": 4,
        "block": 4,
        "different_layout_per_head": True,
        "num_sliding_window_blocks": 3,
        "num_global_blocks": 1,
        "num_random_blocks": 1,
    }
}
FAMILIES = {
    "tiny": Family(None, window=64),
    "bases": Family(None, window=64),
    "gena": Family(HUMAN, GENA + "L12-H768-A12-V32k-preln.json"),
    "gena-lastln": Family(T2T, GENA + "L12-H768-A12-V32k-preln-lastln.json"),
    "gena-rotary": Family(
        HUMAN,
        GENA + "L12-H768-A12-V32k-preln.json",
        {"position_embedding_type": "rotary", "rotary_dim": 4},
    ),
    "gena-sparse": Family(
        T2T, GENA + "L12-H768-A12-V32k-L4096-preln-lastln-sparse-ln1e-05.json", SPARSE, 56
    ),
    "gena-sparse-rotary": Family(
        HUMAN,
        GENA + "L12-H768-A12-V32k-L4096-preln-sparse-rope.json",
        {**SPARSE, "rotary_dim": 4},
        56,
    ),
    "gena-bigbird": Family(
        T2T,
        GENA + "hf_bigbird_L12-H768-A12-V32k-L4096.json",
        {"block_size": 4, "num_random_blocks": 1},
        56,
    ),
    "moderngena": Family(
        T2T,
        {**SPECIAL, "model_type": "modernbert", "cls_token_id": 1, "sep_token_id": 2},
        {"local_attention": 8, "initializer_range": 0.1},
    ),
    "dnabert-3": Family("dnabert/config-3", "dnabert/config-3/config.json", window=128),
    "dnabert-6": Family("dnabert/config-6", "dnabert/config-6/config.json", window=128),
    "dnabert-2": Family(
        HUMAN, {**SPECIAL, "model_type": "bert", "alibi_starting_size": 128, "type_vocab_size": 2}
    ),
    "esm": Family(
        HUMAN,
        {**SPECIAL, "model_type": "esm", "mask_token_id": 4, "position_embedding_type": "rotary"},
    ),
    "roberta": Family(HUMAN, {**SPECIAL, "model_type": "roberta", "type_vocab_size": 1}),
    # twelve views a region: smoother weights need fewer steps, and longer windows are fewer
    "nt-v1": Family(NT + "1", NT + "1/config.json", {"initializer_range": 0.1}, 64),
    "nt-v2": Family(NT + "2", NT + "2/config.json", {"initializer_range": 0.05}, 64),
}


class Data(NamedTuple):
    extracted: Path
    splits: Path
    fasta: Path
    regions: Path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Data:
    """60 labelled regions on six chromosomes, some soft-masked; SEs carry a motif.

    Of the regions to score and explain, one is far longer than any window, one has a run of N
    longer than the tokeniser's, and one has a single N.
    """
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    beds: dict[int, list[str]] = {1: [], 0: []}
    with open(folder / "genome.fa", "w") as fasta:
        for chromosome in range(1, 7):
            bases = random_sequence(4_000, seed=chromosome)
            bases = bases[:1_000] + bases[1_000:2_000].lower() + bases[2_000:]
            for i in range(10):
                start, label = i * 400 + 20, i % 2
                end = start + int(rng.integers(120, 200))
                beds[label].append(f"chr{chromosome}\t{start}\t{end}\n")
                if label:
                    bases = bases[: start + 30] + "TGACTCATTT" * 4 + bases[start + 70 :]
            fasta.write(f">chr{chromosome}\n{bases}\n")
        long = random_sequence(1_000, seed=9)
        runs = long[:60] + "N" * 30 + long[90:200]
        fasta.write(f">odd\n{long}{runs}{long[:50].lower()}N{long[50:120]}\n")
    (folder / "se.bed").write_text("".join(beds[1]))
    (folder / "te.bed").write_text("".join(beds[0]))
    (folder / "regions.bed").write_text(
        "odd\t0\t1000\tlong\nodd\t1000\t1200\truns\nodd\t1200\t1321\tone_n\nchr1\t1000\t1150\tsoft\n"
    )
    extract(
        folder / "genome.fa",
        folder / "extracted",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
    )
    split([folder / "extracted"], folder / "splits")
    return Data(
        folder / "extracted",
        folder / "splits" / "sample" / "splits.tsv",
        folder / "genome.fa",
        folder / "regions.bed",
    )


class Run(NamedTuple):
    """A family's folders: the published layout, and what each stage wrote."""

    name: str
    family: Family
    backbone: Path | None
    head: Path
    full: Path
    evaluated: Path
    warnings: list[str]

    @property
    def model(self) -> Path:
        return self.evaluated / "model"


def write_backbone(family: Family, tokenizers: Path, to: Path) -> None:
    config = family.config
    if isinstance(config, str):
        config = json.loads((tokenizers / config).read_text())
    tokenizer = load_tokenizer(tokenizers / family.tokenizer)
    random_backbone({**config, **SMALL, **family.change}, tokenizer, to=to, seed=1)


@pytest.fixture(scope="module")
def baselines(data, tmp_path_factory) -> Path:
    """The baselines see no model, so one fit serves all families."""
    out = tmp_path_factory.mktemp("baselines") / "out"
    score_baselines([data.extracted], [data.splits], out, baseline_names=BASELINES)
    return out


@pytest.fixture(scope="module", params=FAMILIES)
def run(request, data, baselines, tmp_path_factory) -> Run:
    """Train and evaluate a family, once for all tests of it."""
    family, folder = FAMILIES[request.param], tmp_path_factory.mktemp(request.param)
    backbone = None
    if family.tokenizer is not None:
        real = request.getfixturevalue("real_data")
        backbone = folder / "backbone"
        write_backbone(family, real / "tokenizers", backbone)
    warned = Warned()
    logging.getLogger("seformer").addHandler(warned)
    paths = [data.extracted], [data.splits]
    finetune_head(
        *paths,
        str(backbone or request.param),
        folder / "head",
        window=family.window,
        overlap=2,
        epochs=3,
        device="cpu",
    )
    finetune_full(
        folder / "head",
        *paths,
        folder / "full",
        epochs=1,
        learning_rate=1e-3,
        max_windows=2,
        device="cpu",
    )
    evaluate(
        folder / "full",
        *paths,
        folder / "evaluated",
        baseline_scores=baselines,
        resamples=10,
        device="cpu",
    )
    logging.getLogger("seformer").removeHandler(warned)
    stages = (folder / name for name in ("head", "full", "evaluated"))
    return Run(request.param, family, backbone, *stages, warned.messages)


class Warned(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_loads(run, recwarn, caplog):
    """Without a word of warning and without a dropped key, before training and after it."""
    with caplog.at_level(logging.INFO):
        if run.backbone is not None:
            backbone = load_backbone(run.backbone)
            published = load_file(run.backbone / "model.safetensors")
            assert backbone.published_state().keys() == published.keys()
    # ESM's contact head is a head under the backbone's name
    assert not [one for one in caplog.records if "contact_head" not in one.getMessage()]
    loaded = load_model(run.model)
    trained = load_file(run.model / "model.safetensors")
    extra = trained.keys() - loaded.classifier.backbone.published_state().keys()
    assert len(extra) == 4 and all("head." in key for key in extra)
    assert not recwarn.list
    assert not [message for message in run.warnings if "key" in message]


def test_a_renamed_key_is_named(run, tmp_path):
    if run.backbone is None:
        pytest.skip("a preset has no files")
    from safetensors.torch import save_file

    state = load_file(run.backbone / "model.safetensors")
    key = sorted(key for key in state if ".1." in key and key.endswith("weight"))[0]
    renamed = key.replace(".1.", ".one.")
    state[renamed] = state.pop(key)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((run.backbone / "config.json").read_bytes())
    with pytest.raises(UserError) as error:
        load_backbone(tmp_path)
    assert f"lack {key}" in str(error.value) and renamed in str(error.value)


def test_pretrains(run, data, tmp_path):
    """It learns hidden tokens in a step, and is an encoder of its family again, with its head."""
    summary = pretrain(
        str(run.backbone or run.name),
        tmp_path / "out",
        fasta=data.fasta,
        splits=[data.splits],
        window=run.family.window,
        steps=1,
        batch_size=4,
        held_back=0.01,
        device="cpu",
    )
    (once,) = summary["pretraining"]
    assert summary["backbone"]["family"] == load_model(run.model).settings.backbone["family"]
    share = 0.3 if run.name == "moderngena" else 0.15
    overlapping = {"tiny": 6, "dnabert-3": 3, "dnabert-6": 6}.get(run.name, 1)
    assert once["masking"] == {"share": share, "run": overlapping}
    assert once["left_out"]["whole"] >= 2 and np.isfinite(once["best"]["loss"])
    backbone = load_backbone(tmp_path / "out")
    head, published = masked_head(backbone, read_published(tmp_path / "out")[1], "out", 1)
    assert published and once["head"] == "new"
    tied = head.decoder.weight is backbone.embedding.weight
    assert tied == (run.name != "bases")


def test_trains(run):
    """Stage 1 leaves the backbone alone, stage 2 moves every weight; both write their course."""
    head, full = (load_file(folder / "model.safetensors") for folder in (run.head, run.full))
    if run.backbone is not None:
        for key, value in load_file(run.backbone / "model.safetensors").items():
            assert torch.equal(head[key], value) or "contact_head" in key, key
    assert head.keys() == full.keys()
    still = {key for key in head if torch.equal(head[key], full[key])}
    # patterns and rotary frequencies are no weights, ESM's contact head takes no part, and a
    # bias of the keys shifts all scores of a query alike
    unmoved = ("master_layout", "inv_freq", "key.bias", "contact_head")
    assert not {key for key in still if not any(part in key for part in unmoved)}
    for folder, stage in ((run.head, 1), (run.full, 2)):
        history = pd.read_csv(folder / "history.tsv", sep="\t")
        assert set(history["stage"]) == {stage}
        assert np.isfinite(history[["train_loss", "validation_loss"]]).all(axis=None)
    metrics = read_json(run.evaluated / "metrics.json")["test"]
    assert 0 <= metrics["model"]["auroc"]["value"] <= 1


def test_scores_depend_on_the_sequence_alone(run, data):
    sequences = list(read_extracted(data.extracted).sequences())[:12]
    sequences += [random_sequence(length, seed=length) for length in (1_000, 60)]
    model = load_model(run.model)
    assert model.settings.window == run.family.window
    together = Ensemble(model).score(sequences)
    assert together.windows.max() > 1 and np.ptp(together.logit) > 1e-3
    alone = [Ensemble(model).score([sequence]).logit[0] for sequence in sequences[::-1]][::-1]
    small = Ensemble(model, batch_tokens=1).score(sequences).logit
    turned = Ensemble(load_model(run.model)).score(sequences[::-1]).logit[::-1]
    for other in (alone, small, turned):
        np.testing.assert_allclose(other, together.logit, atol=1e-5, rtol=0)


def test_predicts(run, data, tmp_path):
    """Every row whole: masked bases as any other, runs of N counted as not seen."""
    predict(run.model, tmp_path / "out", fasta=data.fasta, regions=data.regions, device="cpu")
    table = pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t", header=None)
    lines = (tmp_path / "out" / "predictions.tsv").read_text().splitlines()
    assert len(table) == len(lines) == 5
    seen = pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t")
    assert seen["coverage"].iloc[[0, 3]].tolist() == [1.0, 1.0]
    assert np.isfinite(seen["logit"]).all() and seen["probability"].between(0, 1).all()


def test_explains(run, data, tmp_path):
    """The bases of each region sum to the logit minus the reference's, or the row says so."""
    explain(
        run.model,
        tmp_path / "out",
        fasta=data.fasta,
        regions=data.regions,
        references=1,
        max_steps=64,
        faithfulness_regions=0,
        device="cpu",
    )
    table = read_attributions(tmp_path / "out")
    assert len(table) == 4 and table["logit"].notna().all()
    difference = table["logit"] - table["reference_logit"]
    error = (table["attribution_sum"] + table["special_share"] - difference).abs()
    allowed = 0.05 * np.maximum(difference.abs(), 0.01) + 1e-6
    incomplete = table["flags"].fillna("").str.contains("incomplete")
    assert (error <= allowed)[~incomplete].all()
    assert incomplete.sum() <= 1
    for row, values, sequence in iterate(tmp_path / "out"):
        assert len(values) == len(sequence) == row["end"] - row["start"]
        assert values.sum() == pytest.approx(row["attribution_sum"], abs=1e-4)
