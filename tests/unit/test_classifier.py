"""Window pooling equals the computation by hand."""

import numpy as np
import pytest
import torch
from toys import random_sequence

from seformer.model.backbones import HeadStyle, build_backbone
from seformer.model.classifier import RegionClassifier, check_pooling
from seformer.sequence.batches import collate
from seformer.util.errors import UserError

HIDDEN = 6


class Bare(torch.nn.Module):
    hidden_size = HIDDEN
    tokens_a_state = 1
    head_style = HeadStyle("dense", "out", activation="gelu", pooling="mean")


@pytest.fixture
def windows():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(5, HIDDEN, generator=generator)
    tokens = torch.tensor([4.0, 1.0, 3.0, 3.0, 2.0])
    region = torch.tensor([0, 0, 1, 1, 1])
    return features, tokens, region


def build(pooling, **options):
    torch.manual_seed(1)
    return RegionClassifier(Bare(), window_pooling=pooling, **options).eval()


def margin(model, feature):
    logits = model.head(feature[None])[0]
    return (logits[1] - logits[0]).item()


def test_mean_weights_windows_by_their_tokens(windows):
    features, tokens, region = windows
    model = build("mean")
    got = model.margins(features, tokens, region, 2)
    first = (4 * features[0] + 1 * features[1]) / 5
    second = (3 * features[2] + 3 * features[3] + 2 * features[4]) / 8
    assert got.tolist() == pytest.approx([margin(model, first), margin(model, second)], abs=1e-6)


def test_cls_weights_windows_alike(windows):
    features, tokens, region = windows
    model = build("mean", token_pooling="cls")
    got = model.margins(features, tokens, region, 2)
    assert got[0].item() == pytest.approx(margin(model, features[:2].mean(0)), abs=1e-6)


def test_lse_is_log_mean_exp_of_the_windows_margins(windows):
    features, tokens, region = windows
    model = build("lse")
    each = np.array([margin(model, f) for f in features])
    got = model.margins(features, tokens, region, 2).tolist()
    want = [np.log(np.exp(each[:2]).mean()), np.log(np.exp(each[2:]).mean())]
    assert got == pytest.approx(want, abs=1e-6)


def test_attention_is_gated_and_normalised_within_a_region(windows):
    features, tokens, region = windows
    model = build("attention")
    a = model.attention
    gated = torch.tanh(a.value(features)) * torch.sigmoid(a.gate(features))
    weight = torch.softmax(a.score(gated)[2:, 0], 0)
    want = margin(model, (weight[:, None] * features[2:]).sum(0))
    assert model.margins(features, tokens, region, 2)[1].item() == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "lse", "attention"])
def test_a_region_does_not_see_its_neighbours(windows, pooling):
    features, tokens, region = windows
    model = build(pooling)
    alone = model.margins(features[:2], tokens[:2], region[:2], 1)
    together = model.margins(features, tokens, region, 2)
    assert together[0].item() == pytest.approx(alone.item(), abs=1e-6)


def test_token_mean_leaves_out_special_tokens_and_padding():
    model = build("mean")
    hidden = torch.arange(2 * 4 * HIDDEN, dtype=torch.float32).view(2, 4, HIDDEN)
    mask = torch.tensor([[False, True, True, False], [False, True, False, False]])
    pooled = model.pool_tokens(hidden, mask)
    assert torch.equal(pooled[0], hidden[0, 1:3].mean(0))
    assert torch.equal(pooled[1], hidden[1, 1])


def test_token_mean_is_right_to_the_last_digit():
    """Features differ little beside their mean: what a sum of thousands rounds would show."""
    hidden = 1 + 1e-3 * torch.randn(3, 4_000, HIDDEN, generator=torch.Generator().manual_seed(1))
    content = torch.arange(4_000) < torch.tensor([[4_000], [3_000], [1_234]])
    pooled = build("mean").pool_tokens(hidden, content)
    expected = [row[mask].double().mean(0) for row, mask in zip(hidden, content, strict=True)]
    assert torch.equal(pooled, torch.stack(expected).float())


@pytest.mark.parametrize("preset", ["tiny", "bases"])
def test_states_that_tokens_share_are_pooled_as_the_tokens_would_be(preset):
    backbone, tokenizer, _ = build_backbone(preset, seed=2)
    encoding = tokenizer.encode([random_sequence(length, seed=length) for length in (150, 99)])
    edges = encoding.splits
    batch = collate(encoding.input_ids, edges[:-1], edges[1:], tokenizer)
    model = RegionClassifier(backbone).eval()
    with torch.inference_mode():
        tokens = backbone(batch.input_ids, batch.attention_mask)
        states = backbone.states(batch.input_ids, batch.attention_mask)
        pooled = model.window_features(batch)
    assert states.shape[1] == -(-tokens.shape[1] // backbone.tokens_a_state)
    for row, mask, one in zip(tokens, batch.content_mask, pooled, strict=True):
        assert torch.allclose(row[mask].double().mean(0).float(), one, atol=1e-6)


def test_cls_pooling_needs_a_token_in_front():
    with pytest.raises(UserError, match="CLS"):
        check_pooling("cls", ((), ()))
