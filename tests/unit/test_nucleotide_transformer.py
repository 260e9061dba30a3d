"""Nucleotide Transformer: the authors' numbers, the formulas, and what its files hold beside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from test_backbones import CONFIGS, batch
from torch.nn import functional as F
from toys import random_sequence

from seformer.explain.attribute import attribute
from seformer.explain.settings import AttributionSettings
from seformer.model.backbones import (
    Origin,
    load_backbone,
    new_backbone,
    random_backbone,
    save_folder,
)
from seformer.model.folder import new_model
from seformer.sequence.tokenizers import MixedTokenizer, mixed_vocabulary
from seformer.util.errors import UserError

DATA = Path(os.environ.get("SEFORMER_TEST_DATA", "no test data given"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="SEFORMER_TEST_DATA is not set")
KINDS = ("weight", "bias")


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("name", ["nt_v1", "nt_v2"])
def test_authors_nucleotide_transformer(name):
    """Every layer, padded and alone, with masks and near the longest window; and what the authors'
    masked-language head makes of it, which lies in the file and is not part of the backbone."""
    folder = DATA / "reference_models" / name
    model = load_backbone(folder)
    expected = safetensors.torch.load_file(folder / "expected.safetensors")
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    layers = []
    for layer in model.weights.encoder.layer:
        layer.register_forward_hook(
            lambda _, given, out: layers.append(out[0] if isinstance(out, tuple) else out)
        )
    for prefix in ("", "long."):
        ids, mask = expected[prefix + "input_ids"], expected[prefix + "attention_mask"]
        wanted = expected[prefix + "last_hidden_state"]
        with torch.no_grad():
            layers.clear()
            hidden = model(ids, mask)
            torch.testing.assert_close(hidden, wanted, atol=1e-4, rtol=0)
            if not prefix:
                keep = mask.bool()
                # the authors give the last one behind the last norm
                for number, seen in enumerate(layers[:-1], 1):
                    other = expected[f"hidden_states.{number}"]
                    torch.testing.assert_close(seen[keep], other[keep], atol=1e-4, rtol=0)
                dense = F.linear(hidden, *(weights[f"lm_head.dense.{k}"] for k in KINDS))
                normed = F.layer_norm(
                    F.gelu(dense),
                    dense.shape[-1:],
                    *(weights[f"lm_head.layer_norm.{kind}"] for kind in KINDS),
                    model.config["layer_norm_eps"],
                )
                logits = F.linear(
                    normed, weights["lm_head.decoder.weight"], weights["lm_head.bias"]
                )
                other = expected["logits"]
                torch.testing.assert_close(logits[keep], other[keep], atol=1e-4, rtol=0)
            for row, length in enumerate(mask.sum(1).tolist()):
                alone = model(ids[row : row + 1, :length], mask[row : row + 1, :length])[0]
                torch.testing.assert_close(alone, wanted[row, :length], atol=1e-4, rtol=0)


def plain_nt_v2(state, config, ids):
    """Nucleotide Transformer v2 written out for one sequence, after modeling_esm.py."""
    take = {key.removeprefix("esm."): value for key, value in state.items()}
    width, heads = config["hidden_size"], config["num_attention_heads"]
    size, half = width // heads, width // heads // 2

    def norm(x, name):
        weights = (take[f"{name}.{kind}"] for kind in KINDS)
        return F.layer_norm(x, (width,), *weights, config["layer_norm_eps"])

    def linear(x, name):
        return x @ take[f"{name}.weight"].T + take.get(f"{name}.bias", 0)

    def rotated(x):
        frequency = 1.0 / 10000 ** (torch.arange(0, size, 2) / size)
        angle = torch.outer(torch.arange(len(ids)).float(), frequency)
        angle = torch.cat([angle, angle], dim=-1)
        return x * angle.cos() + torch.cat([-x[..., half:], x[..., :half]], -1) * angle.sin()

    x = take["embeddings.word_embeddings.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        y = norm(x, f"{layer}.attention.LayerNorm")
        query, key, value = (
            linear(y, f"{layer}.attention.self.{part}").view(-1, heads, size).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        score = rotated(query * size**-0.5) @ rotated(key).transpose(1, 2)
        mixed = (score.softmax(-1) @ value).transpose(0, 1).reshape(-1, width)
        x = x + linear(mixed, f"{layer}.attention.output.dense")
        gate, value = linear(norm(x, f"{layer}.LayerNorm"), f"{layer}.intermediate.dense").chunk(
            2, dim=-1
        )
        x = x + linear(gate * gate.sigmoid() * value, f"{layer}.output.dense")
    return norm(x, "encoder.emb_layer_norm_after")


@pytest.mark.parametrize("change", [{}, {"add_bias_fnn": True}, {"layer_norm_eps": 1e-5}])
def test_nt_v2_equals_the_formula(change):
    config = {**CONFIGS["nt v2"], **change}
    model = new_backbone(config, seed=1)
    ids, mask = batch(model, [40])
    with torch.no_grad():
        wanted = plain_nt_v2(model.published_state(), config, ids[0])
        torch.testing.assert_close(model(ids, mask)[0], wanted, atol=1e-5, rtol=1e-5)


def plain_nt_v1(state, config, ids):
    """What reaches the first layer of version 1, for one sequence."""
    words = state["esm.embeddings.word_embeddings.weight"][ids]
    masks = ids == config["mask_token_id"]
    words[masks] = 0
    scaled = words * 0.88 / (1 - masks.float().mean())
    return scaled + state["esm.embeddings.position_embeddings.weight"][2 : 2 + len(ids)]


def test_nt_v1_scales_by_its_masks_and_counts_positions_from_two():
    model = new_backbone(CONFIGS["nt v1"], seed=1)
    ids, mask = batch(model, [40, 25])
    ids[0, [3, 8]], ids[1, 1] = 2, 2
    seen = []
    model.weights.encoder.register_forward_pre_hook(
        lambda _, given, named: seen.append(given[0] if given else named["hidden_states"]),
        with_kwargs=True,
    )
    with torch.no_grad():
        model(ids, mask)
        for row, length in ((0, 40), (1, 25)):
            wanted = plain_nt_v1(model.published_state(), model.config, ids[row, :length])
            torch.testing.assert_close(seen[0][row, :length], wanted, atol=1e-6, rtol=1e-6)
    assert model.context == 256


def published_nt(folder, version, **config):
    """Write a folder as the hub has it: heads, unused tables and stored frequencies as well."""
    model = random_backbone(CONFIGS[f"nt v{version}"], to=folder, seed=5)
    state = model.published_state()
    state["lm_head.bias"] = torch.zeros(320)
    state["lm_head.decoder.weight"] = torch.zeros(320, 48)
    state["esm.contact_head.regression.weight"] = torch.zeros(1, 8)
    state["esm.contact_head.regression.bias"] = torch.zeros(1)
    if version == 1:
        state["esm.embeddings.position_ids"] = torch.arange(258)[None]
    else:
        state["esm.embeddings.position_embeddings.weight"] = torch.zeros(258, 48)
        for i in range(2):
            name = f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq"
            state[name] = 1.0 / 10000 ** (torch.arange(0, 12, 2) / 12)
    save_folder(folder, {**model.config, **config}, state)
    return model, state


@pytest.mark.parametrize("version", [1, 2])
def test_a_published_nucleotide_transformer_loads_and_says_what_it_leaves(
    version, tmp_path, caplog
):
    model, _ = published_nt(tmp_path, version)
    with caplog.at_level("INFO"):
        again = load_backbone(tmp_path)
    ids, mask = batch(model, [50, 20])
    with torch.no_grad():
        torch.testing.assert_close(again(ids, mask), model(ids, mask), atol=0, rtol=0)
    assert "lm_head.decoder.weight" in caplog.text


@pytest.mark.parametrize("saved_again", [{"model_type": "esm"}, {"model_type": "bert"}, {}])
def test_a_gated_esm_is_known_by_its_weights(saved_again, tmp_path):
    """A fine-tuning saved again says esm, which the stock class fails on."""
    model, _ = published_nt(tmp_path, 2)
    config = {k: v for k, v in model.config.items() if k not in ("add_bias_fnn", "model_type")}
    (tmp_path / "config.json").write_text(json.dumps({**config, **saved_again}))
    again = load_backbone(tmp_path)
    assert again.family == "nt_v2"
    ids, mask = batch(model, [50, 20])
    with torch.no_grad():
        torch.testing.assert_close(again(ids, mask), model(ids, mask), atol=0, rtol=0)


def test_version_1_under_the_configuration_of_version_2_is_refused(tmp_path):
    published_nt(tmp_path, 1, add_bias_fnn=False, model_type="esm")
    with pytest.raises(UserError, match=r"a Nucleotide Transformer v2 .* of a stock ESM"):
        load_backbone(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"token_dropout": True}, {"position_embedding_type": "absolute"},
     {"emb_layer_norm_before": True}],
    ids=str,
)  # fmt: skip
def test_what_no_nt_v2_has_is_refused(tmp_path, change):
    published_nt(tmp_path, 2, **change)
    with pytest.raises(UserError, match=next(iter(change))):
        load_backbone(tmp_path)


def test_other_rotary_frequencies_in_the_file_are_refused(tmp_path):
    model, state = published_nt(tmp_path, 2)
    key = "esm.encoder.layer.1.attention.self.rotary_embeddings.inv_freq"
    halved = {k: v.half() if k == key else v for k, v in state.items()}
    save_folder(tmp_path, model.config, halved)
    load_backbone(tmp_path)
    save_folder(tmp_path, model.config, {**state, key: state[key] / 2})
    with pytest.raises(UserError, match="rotary frequencies of " + key):
        load_backbone(tmp_path)


# ------------------------------------------------------------------------- attribution


@pytest.mark.parametrize("reference", ["dinucleotide", "mask", "pad", "zero"])
@pytest.mark.parametrize("version", [1, 2])
def test_attributions_are_complete_whatever_the_reference(version, reference):
    """Version 1 reads masks and padding from the tokens: its reference must lie on the path."""
    tokenizer = MixedTokenizer(mixed_vocabulary(3))
    backbone = new_backbone(CONFIGS[f"nt v{version}"] | {"initializer_range": 0.1}, seed=1)
    torch.manual_seed(1)
    origin = Origin("toy", "folder", None, backbone.family)
    model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), window=20, phases=3)
    model.classifier.eval()
    with torch.no_grad():
        for parameter in model.classifier.head.parameters():
            parameter.mul_(5)
    sequence = random_sequence(70, 1) + "N" + random_sequence(30, 2)
    how = AttributionSettings(references=1, reference=reference, max_steps=128)
    result = attribute(model, [sequence], ["k"], how)[0]
    difference = result.logit - result.reference_logit
    assert abs(difference) > 0.01
    if (version, reference) == (2, "zero"):
        # a LayerNorm comes first and jumps at zero: no quadrature gets there, and the row says so
        assert "incomplete" in result.flags
        return
    assert result.completeness_error <= 0.05 and "incomplete" not in result.flags
    assert result.values.sum() + result.special == pytest.approx(difference, rel=0.05)
