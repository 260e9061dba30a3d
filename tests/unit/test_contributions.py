import numpy as np
import pytest
import torch
from toys import random_sequence, toy_model

from seformer.explain.attribute import attribute
from seformer.explain.settings import AttributionSettings
from seformer.explain.window_contributions import (
    along_path,
    mean_windows,
    spans,
    windows_of_view,
)
from seformer.scoring.score import Scorer
from seformer.scoring.views import encode_views

CURVED = {"mixing": True, "curved": True}


def check_sum(result):
    found = result.windows.difference.sum() + result.spectrum
    assert found == pytest.approx(result.logit - result.reference_logit, abs=1e-4)


@pytest.mark.parametrize("pooling", ["mean", "lse", "attention"])
@pytest.mark.parametrize(("overlap", "phases"), [(0, 1), (4, 2)])
def test_windows_add_up_to_the_region_through_the_pooling(pooling, overlap, phases):
    model = toy_model(**CURVED, window_pooling=pooling, window=17, overlap=overlap, phases=phases)
    sequences = [random_sequence(n, seed=n) for n in (150, 37)]
    how = AttributionSettings(references=2, completeness=0.02, max_steps=256)
    for result in attribute(model, sequences, list("ab"), how):
        check_sum(result)
        windows = result.windows
        # two numbers that were come by in two ways: gradients of tokens, features of windows
        allowed = 0.02 * np.maximum(np.abs(windows.difference), 0.01)
        assert (np.abs(windows.total - windows.difference) <= allowed + 1e-9).all()
        assert windows.total.sum() == pytest.approx(result.values.sum(), abs=1e-6)
        assert "incomplete_window" not in result.flags


def test_windows_of_a_linear_model_have_their_own_margins():
    model = toy_model(window=20)
    sequence = random_sequence(90)  # 30 tokens, two windows of 15
    how = AttributionSettings(reference="mask")
    result = attribute(model, [sequence], ["k"], how)[0]
    halves = [attribute(model, [part], ["k"], how)[0] for part in (sequence[:45], sequence[45:])]
    expected = [(half.logit - half.reference_logit) / 2 for half in halves]
    np.testing.assert_allclose(result.windows.difference, expected, atol=1e-6)
    assert result.windows.start.tolist() == [0, 45] and result.windows.end.tolist() == [45, 90]
    assert result.windows.views.tolist() == [2, 2]
    for window, (first, last) in zip(result.windows.total, ((0, 45), (45, 90)), strict=True):
        assert window == pytest.approx(result.values[first:last].sum(), abs=1e-6)


def test_a_window_that_does_not_add_up_is_flagged():
    model = toy_model(**CURVED, window=17, window_pooling="attention")
    how = AttributionSettings(references=1, completeness=1e-6, max_steps=4)
    result = attribute(model, [random_sequence(150)], ["k"], how)[0]
    assert {"incomplete", "incomplete_window"} <= set(result.flags)
    check_sum(result)


def test_a_path_is_followed_whatever_its_curve():
    """Features on a circle, G = a · b: the two windows' parts are known integrals."""

    class Product:
        def margins(self, features, tokens, region, regions):
            return features.view(regions, 2).prod(1)

    alphas = np.concatenate([[0], (1 + np.polynomial.legendre.leggauss(16)[0]) / 2, [1]])
    angle = torch.from_numpy(alphas * np.pi / 2)
    nodes = torch.stack([angle.cos(), angle.sin()], dim=1)[..., None].float()
    found = along_path(Product(), nodes, alphas, torch.ones(2))
    # ∫ sin d(cos) = −π/4, ∫ cos d(sin) = π/4
    np.testing.assert_allclose(found, [-np.pi / 4, np.pi / 4], atol=1e-3)
    assert found.sum() == pytest.approx(0, abs=1e-6)


def test_views_are_cut_and_brought_together_on_the_forward_strand():
    model = toy_model(window=10, phases=3)
    sequence = random_sequence(61)
    encoding = encode_views(model, [sequence])
    bases = spans(Scorer(model), encoding, np.array([61]))
    assert len(bases) == model.views == 6
    for own in bases:
        assert own[0, 0] == 0 and own[-1, 1] == 61 and (np.diff(own[:, 0]) > 0).all()
    joined = mean_windows([windows_of_view(b, *np.ones((2, 2, len(b)))) for b in bases])
    assert (joined.difference * 6).astype(int).tolist() == joined.views.tolist()
    assert joined.difference.sum() == pytest.approx(np.mean([len(b) for b in bases]))
    both = mean_windows([joined, joined])
    assert both.difference.tolist() == pytest.approx(joined.difference.tolist())


def test_one_window_has_all_of_the_difference():
    result = attribute(toy_model(**CURVED), [random_sequence(60)], ["k"])[0]
    assert len(result.windows.rank) == 1
    assert result.windows.end.tolist() == [60]
    check_sum(result)
