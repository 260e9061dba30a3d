"""Backbones: the authors' numbers, and no dependence on padding, batch or order."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones import (
    build_backbone,
    load_backbone,
    new_backbone,
    random_backbone,
    save_folder,
    sparse,
)
from seformer.model.backbones.convolution import convolve
from seformer.model.backbones.presets import PRESETS
from seformer.model.backbones.rotary import Rotary
from seformer.sequence.tokenizers import KmerTokenizer, load_tokenizer
from seformer.util.errors import UserError

DATA = Path(os.environ.get("SEFORMER_TEST_DATA", "no test data given"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="SEFORMER_TEST_DATA is not set")
SMALL = {
    "hidden_size": 48,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "intermediate_size": 96,
    "vocab_size": 320,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.2,
}
GENA = {"model_type": "bert", "pre_layer_norm": True, "max_position_embeddings": 256, **SMALL}
SPARSE = {
    "sparse_config_cls": "deepspeed.ops.sparse_attention:BigBirdSparsityConfig",
    "sparse_attention": {
        "num_heads": 4,
        "block": 8,
        "different_layout_per_head": True,
        "num_sliding_window_blocks": 3,
        "num_global_blocks": 2,
        "num_random_blocks": 3,
    },
}
TOKENS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
CONFIGS = {
    "stem": {
        **SMALL,
        "model_type": "seformer_stem",
        "vocab_size": 9,
        "embedding_width": 4,
        "stem_width": 24,
        "stem_kernel": 5,
        "mixing_kernel": 3,
        "pool": 4,
        "max_position_embeddings": 256,
        "hidden_dropout_prob": 0.1,
        "embedding_dropout_prob": 0.1,
        "rotary_base": 1000.0,
    },
    "kmer": {
        **SMALL,
        "model_type": "seformer_kmer",
        "max_position_embeddings": 256,
        "hidden_dropout_prob": 0.1,
        "embedding_dropout_prob": 0.1,
        "rotary_base": 10000.0,
    },
    "gena": GENA,
    "gena rotary": {**GENA, "position_embedding_type": "rotary", "rotary_dim": 6},
    "gena sparse": {**GENA, **SPARSE, "position_embedding_type": "rotary"},
    "dnabert2": {"model_type": "bert", "alibi_starting_size": 256, **SMALL},
    "bert": {"model_type": "bert", **SMALL},
    "modernbert": {
        **SMALL,
        **TOKENS,
        "model_type": "modernbert",
        "cls_token_id": 2,
        "sep_token_id": 3,
        "local_attention": 16,
        "num_hidden_layers": 4,
        "initializer_range": 0.05,
    },
    "big_bird": {
        **SMALL,
        **TOKENS,
        "model_type": "big_bird",
        "block_size": 8,
        "num_random_blocks": 2,
        "hidden_act": "gelu_new",
        "sep_token_id": 3,
    },
    "esm": {
        **SMALL,
        "model_type": "esm",
        "pad_token_id": 1,
        "mask_token_id": 2,
        "position_embedding_type": "rotary",
        "emb_layer_norm_before": False,
        "token_dropout": True,
    },
    "nt v1": {
        **SMALL,
        "model_type": "esm",
        "pad_token_id": 1,
        "mask_token_id": 2,
        "position_embedding_type": "absolute",
        "max_position_embeddings": 258,
        "emb_layer_norm_before": False,
        "token_dropout": True,
    },
    # as published it names no model type
    "nt v2": {
        **SMALL,
        "add_bias_fnn": False,
        "pad_token_id": 1,
        "mask_token_id": 2,
        "position_embedding_type": "rotary",
        "max_position_embeddings": 258,
        "emb_layer_norm_before": False,
        "token_dropout": False,
    },
}
families = pytest.mark.parametrize("name", CONFIGS)


def batch(model, lengths, seed=0):
    """Random ids [batch, tokens] and mask, padded on the right."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.full((len(lengths), max(lengths)), model.config.get("pad_token_id") or 0)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(
            5, model.config["vocab_size"], (length,), generator=generator
        )
        mask[row, :length] = 1
    return ids, mask


# --- the authors' numbers ---------------------------------------------------------------------


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("name", ["gena_bert_preln", "dnabert2"])
def test_authors_hidden_states_and_logits(name):
    folder = DATA / "reference_models" / name
    model = load_backbone(folder)
    expected = safetensors.torch.load_file(folder / "expected.safetensors")
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    ids, mask = expected["input_ids"], expected["attention_mask"]
    with torch.no_grad():
        hidden = model(ids, mask)
        torch.testing.assert_close(hidden, expected["last_hidden_state"], atol=1e-5, rtol=0)
        for row, length in enumerate(mask.sum(1).tolist()):
            alone = model(ids[row : row + 1, :length], mask[row : row + 1, :length])[0]
            wanted = expected["last_hidden_state"][row, :length]
            torch.testing.assert_close(alone, wanted, atol=1e-5, rtol=0)
    style = model.head_style
    pooled = F.linear(
        hidden[:, 0], weights[f"{style.dense}.weight"], weights[f"{style.dense}.bias"]
    )
    logits = F.linear(
        torch.tanh(pooled), weights[f"{style.out}.weight"], weights[f"{style.out}.bias"]
    )
    torch.testing.assert_close(logits, expected["logits"], atol=1e-5, rtol=0)


def plain_gena(state, config, ids):
    """GENA-LM's forward pass written out for one sequence, after the authors' modeling_bert.py."""
    take = {key.removeprefix("bert."): value for key, value in state.items()}
    width, heads = config["hidden_size"], config["num_attention_heads"]
    size, eps = width // heads, config["layer_norm_eps"]

    def norm(x, name):
        return F.layer_norm(x, (width,), take[f"{name}.weight"], take[f"{name}.bias"], eps)

    def linear(x, name):
        return x @ take[f"{name}.weight"].T + take[f"{name}.bias"]

    def rotated(x):
        dim = config.get("rotary_dim", size)
        turned, kept = x[..., :dim], x[..., dim:]
        frequency = 1.0 / config.get("rotary_base", 10000) ** (torch.arange(0, dim, 2) / dim)
        angle = torch.outer(torch.arange(len(ids)).float(), frequency)
        angle = torch.cat([angle, angle], dim=-1)
        half = torch.cat([-turned[..., dim // 2 :], turned[..., : dim // 2]], dim=-1)
        return torch.cat([turned * angle.cos() + half * angle.sin(), kept], dim=-1)

    rotary = config.get("position_embedding_type") == "rotary"
    x = take["embeddings.word_embeddings.weight"][ids]
    x = x + take["embeddings.token_type_embeddings.weight"][0]
    if not rotary:
        x = x + take["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x, "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{i}"
        y = norm(x, f"{layer}.pre_attention_ln")
        query, key, value = (
            linear(y, f"{layer}.attention.self.{part}").view(-1, heads, size).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        if rotary:
            query, key = rotated(query), rotated(key)
        score = query @ key.transpose(1, 2) / math.sqrt(size)
        mixed = (score.softmax(-1) @ value).transpose(0, 1).reshape(-1, width)
        x = x + linear(mixed, f"{layer}.attention.output.dense")
        y = F.gelu(linear(norm(x, f"{layer}.post_attention_ln"), f"{layer}.intermediate.dense"))
        x = x + linear(y, f"{layer}.output.dense")
    if config.get("last_layer_norm", config["pre_layer_norm"]):
        x = norm(x, "encoder.last_layer_ln")
    return x


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"last_layer_norm": True},
        {"last_layer_norm": False},
        {"position_embedding_type": "rotary"},
        {"position_embedding_type": "rotary", "rotary_base": 500, "rotary_dim": 4},
    ],
)
def test_gena_variants_equal_the_formula(change):
    config = {**GENA, **change}
    model = new_backbone(config, seed=1)
    ids, mask = batch(model, [40])
    with torch.no_grad():
        wanted = plain_gena(model.published_state(), config, ids[0])
        torch.testing.assert_close(model(ids, mask)[0], wanted, atol=1e-5, rtol=1e-5)


def test_last_layer_norm_is_there_unless_denied():
    assert "bert.encoder.last_layer_ln.weight" in new_backbone(GENA).published_state()
    denied = new_backbone({**GENA, "last_layer_norm": False}).published_state()
    assert "bert.encoder.last_layer_ln.weight" not in denied


@pytest.mark.parametrize("heads", [4, 6, 12])
def test_alibi_slopes(heads):
    from seformer.model.backbones.dnabert2 import alibi_slopes

    slopes = alibi_slopes(heads)
    assert len(slopes) == heads and all(0 < slope < 1 for slope in slopes)
    assert slopes[:4] == pytest.approx(
        [2 ** (-2 * (i + 1)) for i in range(4)] if heads < 8 else [2 ** -(i + 1) for i in range(4)]
    )


# --- what holds for every family ---------------------------------------------------------------


@families
def test_score_of_a_sequence_depends_on_itself_alone(name):
    """Not on padding, on its neighbours in the batch, or on what was computed before."""
    model = new_backbone(CONFIGS[name], seed=3)
    lengths = [120, 30, 7, 119, 73, 64]
    ids, mask = batch(model, lengths)
    with torch.no_grad():
        together = model(ids, mask)
        assert together.dtype == torch.float32 and together.shape == (6, 120, 48)
        assert together[mask == 0].abs().sum() == 0
        for row in (2, 0, 4, 1, 5, 3):
            length = lengths[row]
            alone = model(ids[row : row + 1, :length], mask[row : row + 1, :length])[0]
            torch.testing.assert_close(alone, together[row, :length], atol=1e-5, rtol=1e-5)
        padded = model(F.pad(ids, (0, 61)), F.pad(mask, (0, 61)))[:, :120]
        torch.testing.assert_close(padded, together, atol=1e-5, rtol=1e-5)


@families
def test_saved_folder_loads_to_the_same_model(name, tmp_path):
    model = random_backbone(CONFIGS[name], KmerTokenizer(3), to=tmp_path, seed=5)
    again = load_backbone(tmp_path)
    assert again.family == model.family and not again.training
    ids, mask = batch(model, [50, 20])
    with torch.no_grad():
        torch.testing.assert_close(again(ids, mask), model(ids, mask), atol=0, rtol=0)
    assert all(key.startswith(model.prefix) for key in model.published_state())


@families
def test_embedding_is_called_once_with_the_ids(name):
    model = new_backbone(CONFIGS[name], seed=3)
    ids, mask = batch(model, [30, 120])
    seen = []
    handle = model.embedding.register_forward_hook(lambda _, given, out: seen.append((given, out)))
    with torch.no_grad():
        model(ids, mask)
    handle.remove()
    assert len(seen) == 1
    torch.testing.assert_close(seen[0][0][0], ids)


@families
def test_gradient_checkpointing_gives_the_same_gradients(name):
    ids, mask = batch(new_backbone(CONFIGS[name], seed=3), [30, 120])
    gradients = []
    for switch in (False, True):
        model = new_backbone({**CONFIGS[name], "hidden_dropout_prob": 0.0}, seed=3)
        model.config["attention_probs_dropout_prob"] = 0.0
        for module in model.modules():
            if isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        if name == "big_bird":
            model.model.config.attention_probs_dropout_prob = 0.0
        if switch:
            model.gradient_checkpointing_enable()
        model.train()
        model(ids, mask).square().sum().backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        assert all(p.grad is not None for p in trained)
        gradients.append(torch.cat([p.grad.flatten() for p in trained]))
    scale = gradients[0].abs().max()
    assert (gradients[0] - gradients[1]).abs().max() < 1e-5 * scale


@pytest.mark.parametrize("name", ["gena", "gena rotary", "gena sparse", "bert"])
def test_windows_longer_than_the_context_are_refused(name):
    model = new_backbone(CONFIGS[name], seed=3)
    ids, mask = batch(model, [model.context + 1])
    with pytest.raises(UserError, match="smaller --window"):
        model(ids, mask)


@families
def test_training_works_after_scoring_in_inference_mode(name):
    model = new_backbone(CONFIGS[name], seed=3)
    ids, mask = batch(model, [120, 30])
    with torch.inference_mode():
        model(ids, mask)
    model(ids, mask).sum().backward()


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["bert", "modernbert", "big_bird", "esm", "nt v1"])
def test_stock_families_equal_the_stock_class_fresh_and_alone(name, tmp_path):
    from transformers import AutoModel

    model = random_backbone(CONFIGS[name], to=tmp_path, seed=3)
    lengths = [200, 30, 72, 73]
    ids, mask = batch(model, lengths)
    with torch.no_grad():
        together = model(ids, mask)
        for row, length in enumerate(lengths):
            stock = AutoModel.from_pretrained(tmp_path).eval()
            alone = stock(ids[row : row + 1, :length], mask[row : row + 1, :length])
            torch.testing.assert_close(
                alone.last_hidden_state[0], together[row, :length], atol=1e-5, rtol=1e-5
            )


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["bert", "modernbert", "big_bird", "esm", "nt v1"])
def test_head_style_is_that_of_the_stock_sequence_classifier(name, tmp_path):
    """A head saved under these names and computed this way loads and scores in transformers."""
    from transformers import AutoModelForSequenceClassification

    from seformer.model.classifier import Head

    model = new_backbone({**CONFIGS[name], "num_labels": 2}, seed=3)
    style, state = model.head_style, model.published_state()
    torch.manual_seed(0)
    head = Head(model.hidden_size, style).eval()
    names = {"dense": style.dense, "norm": style.norm, "out": style.out}
    for key, value in head.state_dict().items():
        part, kind = key.split(".")
        state[f"{names[part]}.{kind}"] = value
    save_folder(tmp_path, model.config, state)
    stock = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    ids, mask = batch(model, [60, 60])
    with torch.no_grad():
        logits = head(model(ids, mask)[:, 0])
        torch.testing.assert_close(stock(ids, mask).logits, logits, atol=1e-5, rtol=1e-5)


def test_bigbird_never_touches_numpys_generator():
    model = new_backbone(CONFIGS["big_bird"], seed=3).train()
    ids, mask = batch(model, [200])
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    model(ids, mask)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_bigbird_with_full_attention_in_its_configuration():
    sparse_model = new_backbone(CONFIGS["big_bird"], seed=3)
    full = new_backbone({**CONFIGS["big_bird"], "attention_type": "original_full"}, seed=3)
    short, long = batch(full, [72]), batch(full, [200])
    with torch.no_grad():
        torch.testing.assert_close(full(*short), sparse_model(*short), atol=1e-5, rtol=1e-5)
        assert (full(*long) - sparse_model(*long)).abs().max() > 1e-3


def frequencies(width, base=10000.0):
    return torch.tensor([base ** (-2 * i / width) for i in range(width // 2)])


def buffer_by_formula(name, buffer, config):
    """What a buffer that no file holds has to be, from its definition."""
    head = config["hidden_size"] // config["num_attention_heads"]
    if name == "position_ids":
        return torch.arange(buffer.shape[1])[None]
    if name == "token_type_ids":
        return torch.zeros(1, buffer.shape[1], dtype=torch.int64)
    if name == "slopes" and config["model_type"] == "seformer_stem":
        return torch.tensor([0.4, 0.2, 0.1, 0.05])
    if name == "slopes":  # ALiBi of a power of two heads
        heads = config["num_attention_heads"]
        return torch.tensor([2.0 ** (-8 * (i + 1) / heads) for i in range(heads)])
    if name.startswith("sliding") and name.endswith("inv_freq"):
        return frequencies(head, config["local_rope_theta"])
    if name.startswith("full") and name.endswith("inv_freq"):
        return frequencies(head, config["global_rope_theta"])
    if name == "inv_freq":
        return frequencies(head)
    raise AssertionError(f"{name} has no formula here")


@pytest.mark.parametrize("name", [*CONFIGS, "roberta"])
def test_no_buffer_is_left_unfilled(name, tmp_path):
    """transformers 5 leaves buffers that no file holds as memory happens to be."""
    thetas = {"local_rope_theta": 10000.0, "global_rope_theta": 160000.0}
    config = CONFIGS.get(name) or {
        **SMALL, "model_type": "roberta", "pad_token_id": 1, "type_vocab_size": 1,
        "max_position_embeddings": 258,
    }  # fmt: skip
    config = config | (thetas if name == "modernbert" else {})
    random_backbone(config, to=tmp_path, seed=5)
    model = load_backbone(tmp_path)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())
    saved = safetensors.torch.load_file(tmp_path / "model.safetensors")
    compared = 0
    for path, buffer in model.named_buffers():
        part, _, last = path.rpartition(".")
        kept_out = last in model.get_submodule(part)._non_persistent_buffers_set
        # those that a file holds are compared with it in loading, but for frequencies, which are
        # made anew
        if kept_out or last.endswith("inv_freq"):
            wanted = buffer_by_formula(last, buffer, config)
            torch.testing.assert_close(buffer, wanted, atol=0, rtol=1e-6, msg=f"{name} {path}")
            compared += 1
        else:
            torch.testing.assert_close(buffer, saved[model.prefix + path], atol=0, rtol=0)
    own = [part for part in model.modules() if isinstance(part, Rotary)]
    for rotary in own:
        wanted = frequencies(rotary.dim, rotary.base)
        torch.testing.assert_close(rotary.frequencies(), wanted, atol=0, rtol=1e-6)
        cos, sin = rotary(300, torch.zeros(1))
        angle = torch.outer(torch.arange(300.0), wanted).repeat(1, 2)
        torch.testing.assert_close(cos, angle.cos(), atol=1e-4, rtol=0)
        torch.testing.assert_close(sin, angle.sin(), atol=1e-4, rtol=0)
    assert compared + len(own) or name == "gena"


# --- block-sparse attention --------------------------------------------------------------------


def layout_by_hand(heads, blocks, options, seed):
    """DeepSpeed's BigBirdSparsityConfig.make_layout, step by step."""
    import random

    generator = random.Random(seed)
    layout = np.zeros((heads, blocks, blocks), dtype=int)
    for head in range(heads):
        for row in range(blocks):
            for column in generator.sample(range(blocks), options["num_random_blocks"]):
                layout[head, row, column] = 1
        for row in range(blocks):
            for column in range(blocks):
                near = abs(row - column) <= options["num_sliding_window_blocks"] // 2
                first = min(row, column) < options["num_global_blocks"]
                if near or first:
                    layout[head, row, column] = 1
    return layout


def test_layout_is_deepspeeds():
    options = sparse.sparse_options({**GENA, **SPARSE})
    drawn = sparse.draw_layout(4, 32, options, seed=7)
    np.testing.assert_array_equal(drawn.numpy(), layout_by_hand(4, 32, options, 7))
    shared = sparse.draw_layout(4, 32, {**options, "different_layout_per_head": False}, seed=7)
    assert (shared == shared[0]).all()


@pytest.mark.parametrize("blocks", [3, 8, 9, 20])
def test_sparse_attention_equals_the_dense_masked_one(blocks):
    options = sparse.sparse_options({**GENA, **SPARSE})
    pattern = sparse.Pattern.of(sparse.draw_layout(4, 32, options, 0), blocks, 8)
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(2, 4, 8 * blocks, 16, generator=generator) for _ in range(3)]
    tensors = [x.requires_grad_() for x in tensors]
    keep = torch.ones(2, 8 * blocks, dtype=torch.bool)
    keep[1, 8 * blocks // 2 :] = False
    seen = pattern.layout.repeat_interleave(8, 1).repeat_interleave(8, 2)
    score = tensors[0] @ tensors[1].transpose(2, 3) / 4
    score = score.masked_fill(~(seen[None] & keep[:, None, None]), -torch.inf)
    dense = score.softmax(-1) @ tensors[2]
    ours = sparse.attend(*tensors, keep, pattern)
    torch.testing.assert_close(ours, dense, atol=1e-5, rtol=1e-5)
    for one, other in zip(
        torch.autograd.grad(ours.square().sum(), tensors),
        torch.autograd.grad(dense.square().sum(), tensors),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_sparse_pattern_of_the_checkpoint_is_used_and_kept(tmp_path):
    """A published pattern wins over a drawn one, in every layer that of the first."""
    config = {**GENA, **SPARSE}
    model = random_backbone(config, to=tmp_path, seed=5)
    key = "bert.encoder.layer.0.attention.self.sparse_self_attention.master_layout"
    state = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert state[key].shape == (4, 32, 32)
    ids, mask = batch(model, [200])
    with torch.no_grad():
        before = model(ids, mask)
        state[key] = torch.ones_like(state[key])
        safetensors.torch.save_file(state, tmp_path / "model.safetensors")
        full = load_backbone(tmp_path)
        wanted = new_backbone(GENA)
        wanted.load_state_dict({k: v for k, v in full.state_dict().items() if "master" not in k})
        torch.testing.assert_close(full(ids, mask), wanted(ids, mask), atol=1e-5, rtol=1e-5)
        assert (before - full(ids, mask)).abs().max() > 1e-3
    without = {k: v for k, v in state.items() if "master_layout" not in k}
    safetensors.torch.save_file(without, tmp_path / "model.safetensors")
    drawn = load_backbone(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(drawn(ids, mask), before, atol=0, rtol=0)
    assert drawn.config["sparse_seed"] == 0


def test_sparse_attention_of_another_kind_is_refused():
    other = "deepspeed.ops.sparse_attention:FixedSparsityConfig"
    with pytest.raises(UserError, match="FixedSparsityConfig"):
        new_backbone({**GENA, **SPARSE, "sparse_config_cls": other})


# --- published configurations with real tokenisers ----------------------------------------------


@needs_data
@pytest.mark.real
@pytest.mark.parametrize(
    ("config", "tokenizer", "family", "context"),
    [
        ("L12-H768-A12-V32k-preln", "human/BPE_32k", "gena", 512),
        ("L12-H768-A12-V32k-preln-lastln", "t2t_1000h_multi_32k", "gena", 512),
        ("L24-H1024-A16-V32k-preln-lastln", "t2t_1000h_multi_32k", "gena", 512),
        ("L12-H768-A12-V32k-L4096-preln-sparse-rope", "human/BPE_32k", "gena", 4096),
        (
            "L12-H768-A12-V32k-L4096-preln-lastln-sparse-ln1e-05",
            "t2t_1000h_multi_32k",
            "gena",
            4096,
        ),
        ("hf_bigbird_L12-H768-A12-V32k-L4096", "t2t_1000h_multi_32k", "big_bird", 4096),
    ],
)
def test_published_gena_configurations(tmp_path, config, tokenizer, family, context):
    gena = DATA / "tokenizers" / "gena_lm"
    tokenizer = load_tokenizer(gena / "tokenizers" / tokenizer)
    published = json.loads((gena / "configs" / f"{config}.json").read_text())
    random_backbone(
        {**published, "num_hidden_layers": 1}, tokenizer, to=tmp_path, intermediate_size=64
    )
    model, tokenizer, origin = build_backbone(tmp_path)
    assert (model.family, model.context, origin.family) == (family, context, family)
    encoding = tokenizer.encode(["ACGTTGCAAGCT" * 60])
    ids = torch.tensor([[*tokenizer.wrap[0], *encoding.input_ids, *tokenizer.wrap[1]]])
    with torch.no_grad():
        assert torch.isfinite(model(ids, torch.ones_like(ids))).all()


@needs_data
@pytest.mark.real
@pytest.mark.parametrize("k", [3, 6])
def test_published_dnabert_configurations(tmp_path, k):
    folder = DATA / "tokenizers" / "dnabert" / f"config-{k}"
    published = json.loads((folder / "config.json").read_text())
    random_backbone(published, load_tokenizer(folder), to=tmp_path, num_hidden_layers=1)
    model, tokenizer, _ = build_backbone(tmp_path)
    assert (model.family, model.context, tokenizer.k) == ("bert", 512, k)


# --- presets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "family", "phases"), [("tiny", "kmer", 1), ("small", "kmer", 1), ("bases", "stem", 1)]
)
def test_presets_are_made_from_their_seed(name, family, phases):
    model, tokenizer, origin = build_backbone(name, seed=4)
    same, other = build_backbone(name, seed=4)[0], build_backbone(name, seed=5)[0]
    assert origin == (name, "preset", None, family)
    assert tokenizer.phases == phases and tokenizer.vocab_size == model.embedding.num_embeddings
    drawn = [m.layers[0].qkv.weight for m in (model, same, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    ids, mask = batch(model, [100, 40])
    with torch.no_grad():
        torch.testing.assert_close(model(ids, mask), same(ids, mask), atol=0, rtol=0)


def test_making_a_preset_leaves_torchs_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    build_backbone("tiny", seed=9)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "kernel, padding, stride, length", [(13, 6, 1, 37), (5, 2, 1, 3), (12, 0, 2, 40)]
)
def test_a_convolution_as_a_product_is_the_convolution(kernel, padding, stride, length):
    """Values and gradients of torch's own, at the ends too."""
    layer = nn.Conv1d(4, 6, kernel, padding=padding, stride=stride)
    bases = torch.randn(3, 4, length, requires_grad=True)
    gradients = []
    for run in (layer, lambda bases: convolve(layer, bases.mT).mT):
        out = run(bases)
        gradients.append((out, *torch.autograd.grad((out**2).sum(), [bases, *layer.parameters()])))
    for expected, ours in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


def test_a_stem_sees_every_base_where_it_stands():
    """A base changes the states of its own group of eight and of no other before attention."""
    model = build_backbone("bases", seed=1)[0]
    model.layers = torch.nn.ModuleList()
    ids = 5 + torch.arange(80).view(1, 80) % 4
    mask = torch.ones_like(ids)
    changed = ids.clone()
    changed[0, 40] = 5 + (changed[0, 40] - 4) % 4
    with torch.no_grad():
        moved = (model(ids, mask) != model(changed, mask)).any(-1)[0].nonzero().ravel()
    reach = 13 // 2 + 8 * (5 // 2) + 8
    assert 40 - reach < int(moved.min()) <= 40 <= int(moved.max()) < 40 + reach


@pytest.mark.parametrize("preset", ["bases", "tiny"])
@pytest.mark.parametrize("length", [5, 8, 63, 64, 65])
def test_padding_changes_nothing_where_tokens_share_a_state(length, preset):
    model = build_backbone(preset, seed=1)[0].eval()
    ids = 5 + torch.randint(4, (1, length), generator=torch.Generator().manual_seed(length))
    padded = torch.nn.functional.pad(ids, (0, 100 - length))
    mask = (torch.arange(100) < length).long()[None]
    with torch.no_grad():
        alone = model(ids, torch.ones_like(ids))
        together = model(padded, mask)
    torch.testing.assert_close(together[:, :length], alone, atol=1e-5, rtol=1e-5)
    assert together[:, length:].abs().max() == 0


def test_a_position_is_the_sum_of_its_kmers():
    """Of half of them in training, drawn anew each time."""
    model = build_backbone("tiny", seed=1)[0].eval()
    model.layers, model.dropout.p = torch.nn.ModuleList(), 0.0
    ids = 5 + torch.arange(20).view(1, 20)
    mask = torch.ones_like(ids)
    with torch.no_grad():
        states = model(ids, mask)[0]
        words = model.embedding(ids)[0]
        model.train()
        drawn = torch.stack([model(ids, mask)[0] for _ in range(200)])
    for first in (0, 6, 12, 18):
        together = words[first : first + 6].sum(0) / 6**0.5
        for state in states[first : first + 6]:
            torch.testing.assert_close(state, together)
    assert (drawn[0] != drawn[1]).any()
    torch.testing.assert_close(drawn.mean(0), states, atol=0.05, rtol=0)
    # what is left counts twice: of the two at the end both, one or none
    patterns = [a * words[18] + b * words[19] for a in (0, 2) for b in (0, 2)]
    for pattern in patterns:
        share = ((drawn[:, 18] - pattern / 6**0.5).abs().amax(1) < 1e-5).float().mean()
        assert 0.1 < share < 0.4


def test_a_sum_of_too_many_kmers():
    with pytest.raises(UserError, match="pool is at most 64"):
        new_backbone(PRESETS["tiny"] | {"pool": 65}, seed=1)


@pytest.mark.parametrize(
    ("name", "value"), [("pool", 65), ("stem_kernel", 4), ("mixing_kernel", 2)]
)
def test_a_stem_that_cannot_be(name, value):
    with pytest.raises(UserError, match="pool is at most 64, and kernels are odd"):
        new_backbone(PRESETS["bases"] | {name: value}, seed=1)
