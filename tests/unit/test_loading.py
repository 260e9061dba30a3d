"""Loading: strict about keys, safe about files, plain about what is wrong."""

from __future__ import annotations

import json
import logging
import os
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from seformer.backbones import load_backbone, random_backbone
from seformer.backbones.loading import read_state
from seformer.errors import UserError

SMALL = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "vocab_size": 40,
    "max_position_embeddings": 32,
    "model_type": "bert",
}
GENA = {**SMALL, "pre_layer_norm": True}
DNABERT2 = {**SMALL, "alibi_starting_size": 32}
CONFIGS = {"gena": GENA, "dnabert2": DNABERT2, "bert": SMALL}


@pytest.fixture
def folder(tmp_path):
    """A GENA-LM folder in the published layout."""
    random_backbone(GENA, to=tmp_path)
    return tmp_path


def weights(folder):
    return safetensors.torch.load_file(folder / "model.safetensors")


def rewrite(folder, state=None, **config):
    if state is not None:
        safetensors.torch.save_file(state, folder / "model.safetensors")
    if config:
        old = json.loads((folder / "config.json").read_text())
        new = {key: value for key, value in {**old, **config}.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(new))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_renamed_key_is_named(tmp_path, name):
    random_backbone(CONFIGS[name], to=tmp_path)
    state = weights(tmp_path)
    key = sorted(k for k in state if "attention.output.dense.weight" in k)[0]
    state[key.replace("dense", "dennse")] = state.pop(key)
    rewrite(tmp_path, state)
    with pytest.raises(UserError) as error:
        load_backbone(tmp_path)
    assert f"lack {key}" in str(error.value)
    assert "unknown key" in str(error.value) and "dennse" in str(error.value)


def test_a_missing_and_an_unexpected_key_are_named(folder):
    state = weights(folder)
    state["bert.encoder.layer.1.output.dense.bias"] = torch.zeros(16)
    del state["bert.encoder.last_layer_ln.weight"]
    rewrite(folder, state)
    with pytest.raises(UserError, match=r"lack bert\.encoder\.last_layer_ln\.weight.*layer\.1\."):
        load_backbone(folder)


def test_a_wrong_shape_is_named(folder):
    rewrite(folder, vocab_size=41)
    with pytest.raises(UserError, match=r"word_embeddings\.weight has the shape \(40, 16\)"):
        load_backbone(folder)


def test_heads_and_old_buffers_are_logged_not_errors(folder, caplog):
    state = weights(folder)
    for key in ("cls.predictions.bias", "classifier.weight", "bert.pooler.dense.weight"):
        state[key] = torch.zeros(3)
    state["bert.embeddings.position_ids"] = torch.arange(32)[None]
    state["bert.encoder.layer.0.attention.self.rotary_emb.inv_freq"] = torch.zeros(4)
    rewrite(folder, state)
    with caplog.at_level(logging.INFO, "seformer"):
        load_backbone(folder)
    assert "classifier.weight" in caplog.text and "pooler" in caplog.text


@pytest.mark.parametrize("key", ["bert.pooler.dens.weight", "clasifier.weight", "extra"])
def test_a_misspelt_head_is_not_taken_for_one(folder, key):
    rewrite(folder, {**weights(folder), key: torch.zeros(16)})
    with pytest.raises(UserError, match=f"unknown key {key}"):
        load_backbone(folder)


def test_old_names_and_a_missing_prefix_are_understood(folder):
    """What training wrappers and TensorFlow conversions left behind."""
    state = weights(folder)
    ids, mask = torch.arange(8)[None], torch.ones(1, 8)
    expected = load_backbone(folder)(ids, mask)
    old = {
        "module." + k.replace("LayerNorm.weight", "LayerNorm.gamma"): v for k, v in state.items()
    }
    old = {k.replace("LayerNorm.bias", "LayerNorm.beta"): v for k, v in old.items()}
    rewrite(folder, old)
    torch.testing.assert_close(load_backbone(folder)(ids, mask), expected)
    rewrite(folder, {k.removeprefix("bert."): v for k, v in state.items()})
    torch.testing.assert_close(load_backbone(folder)(ids, mask), expected)


def test_pytorch_bin_is_read_as_weights_only(folder):
    state = weights(folder)
    ids, mask = torch.arange(8)[None], torch.ones(1, 8)
    expected = load_backbone(folder)(ids, mask)
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    torch.testing.assert_close(load_backbone(folder)(ids, mask), expected)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch {self.witness}",)


def test_a_bin_that_would_run_code_is_refused(folder, tmp_path):
    witness = tmp_path / "ran"
    (folder / "model.safetensors").unlink()
    torch.save({"bert.x": Trap(witness)}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="could run code"):
        load_backbone(folder)
    with open(folder / "pytorch_model.bin", "wb") as handle:
        pickle.dump(Trap(witness), handle, protocol=2)
    with pytest.raises(UserError):
        load_backbone(folder)
    assert not witness.exists()


def test_safetensors_come_before_a_bin(folder):
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    load_backbone(folder)


def test_shards_are_put_together(folder):
    state = weights(folder)
    keys = sorted(state)
    parts = {"a.safetensors": keys[::2], "b.safetensors": keys[1::2]}
    for name, part in parts.items():
        safetensors.torch.save_file({key: state[key] for key in part}, folder / name)
    index = {"weight_map": {key: name for name, part in parts.items() for key in part}}
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert read_state(folder).keys() == state.keys()
    index["weight_map"][keys[0]] = "../a.safetensors"
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match="outside the folder"):
        read_state(folder)


def test_damaged_or_missing_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UserError, match="damaged"):
        load_backbone(folder)
    path.unlink()
    with pytest.raises(UserError, match="no weights"):
        load_backbone(folder)
    with pytest.raises(UserError, match="no such folder"):
        load_backbone(folder / "elsewhere")


def test_gena_weights_under_a_stock_configuration_are_refused(folder):
    """The stock class would load them and drop the norms before the attention."""
    rewrite(folder, pre_layer_norm=None)
    with pytest.raises(UserError, match="describes a stock BERT, but the weights are of a GENA-LM"):
        load_backbone(folder)


def test_stock_weights_under_a_gena_configuration_are_refused(tmp_path):
    random_backbone(SMALL, to=tmp_path)
    rewrite(tmp_path, pre_layer_norm=True)
    with pytest.raises(UserError, match=r"describes a GENA-LM BERT .* weights are of a stock BERT"):
        load_backbone(tmp_path)


def test_dnabert2_is_known_by_its_keys(tmp_path):
    random_backbone(DNABERT2, to=tmp_path)
    rewrite(tmp_path, alibi_starting_size=None, auto_map={"AutoModel": "bert_layers.BertModel"})
    assert load_backbone(tmp_path).family == "dnabert2"
    rewrite(tmp_path, pre_layer_norm=True)
    with pytest.raises(UserError, match="DNABERT-2"):
        load_backbone(tmp_path)


def test_code_of_a_repository_is_never_run(folder, tmp_path):
    witness = tmp_path / "ran"
    (folder / "modeling_bert.py").write_text(f"open({str(witness)!r}, 'w')")
    rewrite(folder, auto_map={"AutoModel": "modeling_bert.BertModel"})
    assert load_backbone(folder).family == "gena"
    rewrite(folder, model_type="caduceus", auto_map={"AutoModel": "modeling_bert.BertModel"})
    with pytest.raises(UserError, match="which seformer never runs") as error:
        load_backbone(folder)
    assert "dnabert-2 (family dnabert2)" in str(error.value)
    rewrite(folder, {"other.weight": torch.zeros(3)}, model_type="big_bird")
    with pytest.raises(UserError, match="never runs; models that load: gena-lm-bigbird-base-t2t"):
        load_backbone(folder)
    assert not witness.exists()


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_decoders_are_refused(folder, kind):
    rewrite(folder, model_type=kind)
    with pytest.raises(UserError, match=r"not an encoder|is a decoder"):
        load_backbone(folder)


def test_half_precision_weights_are_computed_in_float32(folder):
    rewrite(folder, {key: value.half() for key, value in weights(folder).items()})
    model = load_backbone(folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_loading_is_silent_about_a_complete_folder(folder, caplog, recwarn):
    with caplog.at_level(logging.INFO):
        load_backbone(folder)
    assert not caplog.records and not recwarn.list
