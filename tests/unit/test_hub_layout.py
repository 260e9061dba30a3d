"""A model folder in transformers: the same logits where its classifier is the stock one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_backbones import CONFIGS, SMALL
from toys import random_sequence

from seformer.model.backbones import Origin, new_backbone, random_backbone
from seformer.model.folder import HEAD_PREFIX, load_model, new_model, save_model
from seformer.scoring.score import Ensemble
from seformer.sequence.tokenizers import KmerTokenizer
from seformer.training.lora import add_adapters, merge_adapters

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
ROBERTA = {
    **SMALL,
    "model_type": "roberta",
    "pad_token_id": 0,
    "max_position_embeddings": 258,
    "type_vocab_size": 1,
}
STOCK = {name: CONFIGS[name] for name in ("bert", "big_bird", "modernbert", "esm", "nt v1")}
STOCK |= {"roberta": ROBERTA, "modernbert-mean": {**CONFIGS["modernbert"],
                                                  "classifier_pooling": "mean"}}  # fmt: skip


def write(config, folder, **settings):
    """Save a model with a random head; returns it and a function for transformers' logits."""
    backbone = new_backbone(config, seed=3)
    torch.manual_seed(1)
    origin = Origin("toy", "folder", None, backbone.family)
    tokenizer = KmerTokenizer(3)
    model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), **settings)
    with torch.no_grad():
        for parameter in model.classifier.head.parameters():
            parameter.normal_(std=0.3)
    model.classifier.eval()
    save_model(model, folder)
    return model


def stock_margins(folder, model, sequences):
    """z(SE) − z(TE) of one window by transformers, float64 [sequences], and its loading report."""
    from transformers import AutoModelForSequenceClassification

    prefix, suffix = model.tokenizer.wrap
    margins = []
    for sequence in sequences:
        # anew for each: the stock BigBird scores by what it has seen before
        stock, report = AutoModelForSequenceClassification.from_pretrained(
            folder, output_loading_info=True
        )
        assert stock.config.id2label == {0: "TE", 1: "SE"}
        ids = torch.tensor([[*prefix, *model.tokenizer.encode([sequence]).input_ids, *suffix]])
        with torch.no_grad():
            logits = stock.eval()(ids, torch.ones_like(ids)).logits[0]
        margins.append(float(logits[1] - logits[0]))
    return np.array(margins), report


def palindrome(length, seed):
    """Both strands of it are one sequence, so that their mean is the score of either."""
    half = random_sequence(length, seed)
    return half + half.translate(str.maketrans("ACGT", "TGCA"))[::-1]


@pytest.mark.parametrize("name", [name for name in STOCK if name != "modernbert-mean"])
def test_cls_model_of_a_stock_family_scores_the_same_in_transformers(name, tmp_path):
    model = write(STOCK[name], tmp_path, window=None, token_pooling="cls")
    sequences = [palindrome(length, length) for length in (20, 60)]
    theirs, report = stock_margins(tmp_path, model, sequences)
    # BigBird's classifier carries a pooler that it does not use
    assert report["missing_keys"] <= {"bert.pooler.weight", "bert.pooler.bias"}
    assert not report["mismatched_keys"]
    np.testing.assert_allclose(theirs, Ensemble(model).score(sequences).logit, atol=1e-5)
    assert np.ptp(theirs) > 1e-3


@pytest.mark.parametrize("name", STOCK)
def test_mean_model_of_a_stock_family_is_not_taken_for_a_stock_classifier(name, tmp_path):
    """Its head lies under names of its own, and transformers says that it has none."""
    model = write(STOCK[name], tmp_path, window=None)
    _, report = stock_margins(tmp_path, model, [random_sequence(20, 1)])
    style = model.classifier.backbone.head_style
    assert {key.rpartition(".")[0] for key in report["missing_keys"]} >= {style.out}
    kept = load_file(tmp_path / "model.safetensors")
    assert {key for key in kept if key.startswith(HEAD_PREFIX)}
    again = load_model(tmp_path)
    sequence = [random_sequence(60, 1)]
    assert Ensemble(again).score(sequence).logit == Ensemble(model).score(sequence).logit


@pytest.mark.parametrize("name", ["gena", "dnabert2"])
def test_own_families_keep_the_published_names_and_load_with_seformer(name, tmp_path):
    write(CONFIGS[name], tmp_path, window=None, token_pooling="cls")
    keys = load_file(tmp_path / "model.safetensors").keys()
    assert {"bert.pooler.dense.weight", "classifier.weight"} <= keys
    assert load_model(tmp_path).classifier.backbone.family == name


def test_nt_v2_keeps_the_names_of_esms_classifier(tmp_path):
    write(CONFIGS["nt v2"], tmp_path, window=None, token_pooling="cls")
    keys = load_file(tmp_path / "model.safetensors").keys()
    assert {"classifier.dense.weight", "classifier.out_proj.weight"} <= keys
    assert load_model(tmp_path).classifier.backbone.family == "nt_v2"


@pytest.mark.parametrize(
    "name", ["gena", "dnabert2", "bert", "modernbert", "big_bird", "nt v1", "nt v2"]
)
def test_adapters_are_merged_under_the_published_names(name, tmp_path):
    pytest.importorskip("peft")
    model = write(CONFIGS[name], tmp_path / "before", window=None)
    backbone = model.classifier.backbone
    add_adapters(backbone, 2, seed=1)
    with torch.no_grad():
        for key, parameter in backbone.named_parameters():
            if "lora_" in key:
                parameter.normal_(std=0.1)
    sequences = [random_sequence(90, 2)]
    adapted = Ensemble(model).score(sequences).logit
    merge_adapters(backbone)
    save_model(model, tmp_path / "after")
    names = [load_file(tmp_path / f / "model.safetensors").keys() for f in ("before", "after")]
    assert names[0] == names[1]
    before, after = (load_model(tmp_path / name) for name in ("before", "after"))
    np.testing.assert_allclose(Ensemble(after).score(sequences).logit, adapted, atol=1e-5)
    assert abs(adapted - Ensemble(before).score(sequences).logit)[0] > 1e-4


def test_a_stock_classifier_of_transformers_is_a_backbone(tmp_path):
    """What others fine-tuned loads; its head is left, which is logged."""
    backbone = random_backbone(CONFIGS["bert"], KmerTokenizer(3), to=tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["classifier.weight"] = torch.zeros(2, 48)
    save_file(state, tmp_path / "model.safetensors")
    from seformer.model.backbones import load_backbone

    assert load_backbone(tmp_path).published_state().keys() == backbone.published_state().keys()
