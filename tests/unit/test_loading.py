"""Loading: strict about keys, safe about files, plain about what is wrong."""

from __future__ import annotations

import json
import logging
import os
import pickle
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from toys import random_sequence, tiny_model

from seformer.model import folder as modelfolder
from seformer.model.backbones import build, load_backbone, random_backbone
from seformer.model.backbones.loading import read_state
from seformer.model.folder import load_model, save_model
from seformer.scoring.score import Ensemble
from seformer.util.errors import UserError

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


# sizes under names of their own: model type and configuration
HUGE = [
    ("bert", {"num_labels": 10**30}),
    ("distilbert", {"dim": 1000, "hidden_dim": 10**6, "n_layers": 10**6, "n_heads": 10}),
    ("distilbert", {"dim": 16, "hidden_dim": 16, "n_layers": 10**9, "n_heads": 2}),
    ("layoutlm", {"max_2d_position_embeddings": 10**8}),
]


@pytest.mark.parametrize(("kind", "sizes"), HUGE)
def test_a_model_never_outgrows_its_weights(folder, kind, sizes):
    none = {"other.weight": torch.zeros(40, 16)}
    rewrite(folder, none, model_type=kind, pre_layer_norm=None, **sizes)
    with pytest.raises(UserError, match=r"it describes over \d+ weights|weights lack"):
        load_backbone(folder)


def test_half_precision_weights_are_computed_in_float32(folder):
    rewrite(folder, {key: value.half() for key, value in weights(folder).items()})
    model = load_backbone(folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_loading_is_silent_about_a_complete_folder(folder, caplog, recwarn):
    with caplog.at_level(logging.INFO):
        load_backbone(folder)
    assert not caplog.records and not recwarn.list


def put_together(folder, form):
    """Give the same weights in another published form."""
    state = weights(folder)
    (folder / "model.safetensors").unlink()
    parts = {"a": sorted(state)[::2], "b": sorted(state)[1::2]}
    ending = "safetensors" if "safetensors" in form else "bin"
    write = safetensors.torch.save_file if ending == "safetensors" else torch.save
    if form == "bin":
        write(state, folder / "pytorch_model.bin")
        return
    for name, part in parts.items():
        write({key: state[key] for key in part}, folder / f"{name}.{ending}")
    index = {
        "weight_map": {key: f"{name}.{ending}" for name, part in parts.items() for key in part}
    }
    stem = "model.safetensors" if ending == "safetensors" else "pytorch_model.bin"
    (folder / f"{stem}.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("form", ["bin", "bin in parts", "safetensors in parts"])
def test_a_model_folder_in_any_form_scores_the_same(tmp_path, form):
    save_model(tiny_model(window=64), tmp_path)
    sequences = [random_sequence(300, 1)]
    expected = Ensemble(load_model(tmp_path)).score(sequences).logit
    put_together(tmp_path, form)
    assert Ensemble(load_model(tmp_path)).score(sequences).logit == expected


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ([], "names files outside the folder, or none"),
        ({"x": ["a"]}, "names files outside the folder"),
        ({"x": ".."}, "outside the folder|is a folder"),
        ({"x": "pipe"}, "neither a file nor a folder"),
        ({"x": "folder"}, "is a folder"),
        ({"x": "gone"}, "no such file"),
        ({"x": "a\0b"}, "no such file"),
    ],
)
def test_an_index_of_what_is_not_weights(folder, named, message):
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": named}))
    with pytest.raises(UserError, match=message):
        load_backbone(folder)


def test_a_tensor_that_claims_more_than_the_file_holds(folder):
    (folder / "model.safetensors").unlink()
    torch.save({"bert.x": torch.zeros(1).expand(10**12)}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="not a dictionary of tensors"):
        load_backbone(folder)


@pytest.mark.parametrize(
    "change",
    [
        *({"rotary_base": value} for value in ("x", [], True, 0, -1, 10**40)),
        *({"hidden_size": value} for value in ("x", 1.5, True, -4, 10**40)),
        *({"layer_norm_eps": value} for value in ("x", -1, 2)),
        *({"hidden_act": value} for value in ("none", 3, [])),
        *({"pre_layer_norm": value} for value in ("false", 1)),
        {"hidden_dropout_prob": 1.5}, {"token_dropout_prob": -1},
        {"rotary_dim": 3}, {"rotary_dim": 16}, {"model_type": []},
        {"sparse_attention": {"block": 0}}, {"sparse_attention": "x"},
        {"sparse_attention": {"num_global_blocks": -1}}, {"vocab_size": 41},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_no_such_model_has(tmp_path, change):
    random_backbone({**GENA, "position_embedding_type": "rotary"}, to=tmp_path)
    rewrite(tmp_path, **change)
    with pytest.raises(UserError):
        load_backbone(tmp_path)


@pytest.mark.parametrize("kind", ["bert", "esm"])
def test_labels_of_others_are_not_made_and_positions_are_known(tmp_path, kind):
    random_backbone({**SMALL, "model_type": kind, "pad_token_id": 0}, to=tmp_path)
    rewrite(tmp_path, num_labels=10**9)
    load_backbone(tmp_path)
    rewrite(tmp_path, position_embedding_type="relative_key")
    with pytest.raises(UserError, match=r"position_embedding_type is .* absolute or rotary"):
        load_backbone(tmp_path)


def test_every_file_is_opened_once(tmp_path, monkeypatch):
    """What stands at the path when the head is read is not another model's."""
    save_model(tiny_model(seed=1, window=64), tmp_path / "a")
    save_model(tiny_model(seed=2, window=64), tmp_path / "b")
    sequences = [random_sequence(300, 1)]
    expected = Ensemble(load_model(tmp_path / "a")).score(sequences).logit
    real, opened = safetensors.torch.load_file, []

    def replaced(path, *rest):
        opened.append(path)
        os.replace(tmp_path / "b/model.safetensors", tmp_path / "a/model.safetensors")
        return real(path, *rest)

    monkeypatch.setattr(safetensors.torch, "load_file", replaced)
    state = read_state(tmp_path / "a")
    assert len(opened) == 1
    monkeypatch.undo()
    safetensors.torch.save_file(state, tmp_path / "a/model.safetensors")
    assert Ensemble(load_model(tmp_path / "a")).score(sequences).logit == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["model.safetensors"], "the weights are not of this model"),
        (["model.safetensors", "config.json", "vocab.txt"], "the weights are not of this model"),
        (["seformer.json"], "not of this model"),
    ],
)
def test_files_of_two_models_are_refused(tmp_path, names, message):
    for seed, name in ((1, "a"), (2, "b")):
        save_model(tiny_model(seed=seed, window=64), tmp_path / name)
    for name in names:
        (tmp_path / "b" / name).replace(tmp_path / "a" / name)
    with pytest.raises(UserError, match=message):
        load_model(tmp_path / "a")


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "version 1.0.0"])
def test_a_folder_that_is_swapped_while_it_is_read(tmp_path, monkeypatch, recorded):
    for seed, name in ((1, "a"), (2, "b")):
        save_model(tiny_model(seed=seed, window=64), tmp_path / name)
        if not recorded:
            forget(tmp_path / name)
    real = modelfolder.read_published

    def swapped(folder):
        (tmp_path / "a").rename(tmp_path / "old")
        (tmp_path / "b").rename(tmp_path / "a")
        return real(folder)

    monkeypatch.setattr(modelfolder, "read_published", swapped)
    with pytest.raises(UserError, match=r"not of this model|changed while it was read"):
        load_model(tmp_path / "a")


def forget(folder):
    """What version 1.0.0 wrote has no record of contents."""
    settings = json.loads((folder / "seformer.json").read_text())
    del settings["contents"]
    (folder / "seformer.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "version 1.0.0"])
def test_the_tokeniser_is_the_models(tmp_path, recorded):
    """Without its settings a published k-mer tokeniser has stride 1: another than this model's."""
    save_model(tiny_model(window=64), tmp_path)
    if not recorded:
        forget(tmp_path)
    load_model(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    settings = json.loads(config.read_text())
    settings["kmer"]["stride"] = 3
    config.write_text(json.dumps(settings))
    with pytest.raises(UserError, match="has the stride 3, the model 1"):
        load_model(tmp_path)
    config.unlink()
    with pytest.raises(UserError, match="the k-mers have no stride"):
        load_model(tmp_path)


def test_what_changes_no_score_may_change(tmp_path):
    save_model(tiny_model(window=64), tmp_path)
    rewrite(tmp_path, embedding_dropout_prob=0.0, transformers_version="6", id2label={"0": "a"})
    load_model(tmp_path)
    rewrite(tmp_path, rotary_base=9999.0)
    with pytest.raises(UserError, match=r"config\.json is not of this model"):
        load_model(tmp_path)


ODD = ("x", None, 10**31, -1, True, {}, [[1]])


@pytest.mark.parametrize("name", ["config.json", "seformer.json", "tokenizer_config.json",
                                  "special_tokens_map.json", "model.safetensors"])  # fmt: skip
def test_every_leaf_of_every_file_changed(tmp_path, name):
    """One message, or a model that scores as before."""
    save_model(tiny_model(window=64), tmp_path)
    sequences = [random_sequence(60, 1)]  # one window, of whatever size
    expected = Ensemble(load_model(tmp_path)).score(sequences).logit
    path = tmp_path / name
    content, end = path.read_bytes(), None
    if path.suffix == ".safetensors":
        end = 8 + int.from_bytes(content[:8], "little")
        content, rest = content[8:end], content[end:]
    refused = 0
    for number, place in enumerate(islice(leaves(sound := json.loads(content)), 40)):
        for odd in ODD[number % len(ODD) :][:2]:
            text = json.dumps(changed(sound, place, odd)).encode()
            path.write_bytes(text if end is None else len(text).to_bytes(8, "little") + text + rest)
            try:
                got = Ensemble(load_model(tmp_path)).score(sequences).logit
            except UserError as error:
                assert "\n" not in str(error) and len(str(error)) < 2_000
                refused += 1
            else:
                np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=f"{place} {odd}")
    # nothing of the special tokens' names is used beside a vocabulary of k-mers
    assert refused or name == "special_tokens_map.json"


def leaves(value, place=()):
    """Yield the place of every value that holds no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for name, one in inner:
        if isinstance(one, dict | list) and one:
            yield from leaves(one, (*place, name))
        else:
            yield (*place, name)


def changed(value, place, to):
    value = json.loads(json.dumps(value))
    part = value
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = to
    return value


def test_an_unforeseen_error_is_one_message(folder, monkeypatch):
    def panic(*_):
        raise BaseException("panicked at src/lib.rs")

    monkeypatch.setattr(build, "read_published", panic)
    with pytest.raises(UserError, match=r"damaged or hostile: BaseException: panicked"):
        load_backbone(folder)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr(build, "read_published", full)
    with pytest.raises(MemoryError):
        load_backbone(folder)


def test_heads_of_a_supervised_branch_are_left_out_by_name(folder, caplog):
    """Those of GENA-LM's own classes are named; a part with another name is refused."""
    state = weights(folder)
    heads = ("bert.pooler.dense.weight", "classifier.weight", "classifier.bias")
    rewrite(folder, state | {name: torch.zeros(3, 16) for name in heads})
    with caplog.at_level(logging.INFO):
        load_backbone(folder)
    assert "head not used by the backbone (3 weights)" in caplog.text
    assert all(name in caplog.text for name in heads)
    rewrite(folder, state | {"enhancer_activity.weight": torch.zeros(3, 16)})
    with pytest.raises(UserError, match=r"unknown key enhancer_activity\.weight"):
        load_backbone(folder)
