"""Sets of classes: known answers, ties, too few regions, and the promise over many draws."""

import numpy as np
import pytest
from pydantic import ValidationError

from seformer.evaluation.uncertainty import measure_sets
from seformer.model.conformal import SETS, always_held, few_loci, fit_sets, name_sets
from seformer.model.settings import ClassLimit, ConformalSets


def limits(se, te):
    at = {
        name: ClassLimit(limit=value, regions=9, loci=9) for name, value in (("SE", se), ("TE", te))
    }
    return ConformalSets(coverage=0.9, **at)


def test_limits_by_hand():
    # 19 regions of either class, each its own locus: the 18th of ⌈20 · 0.9⌉ strangest stays
    se, te = np.arange(19.0), np.arange(100.0, 119.0)
    logits = np.random.default_rng(0).permutation(np.concatenate([se, te]))
    labels = (logits < 50).astype(int)
    found = fit_sets(logits, labels, np.arange(38), 0.9)
    assert found.SE == ClassLimit(limit=1.0, regions=19, loci=19)
    assert found.TE == ClassLimit(limit=117.0, regions=19, loci=19)
    # nine of nine for 0.9, which rounding must not make ten; the strictest of all for 0.05
    nine = fit_sets(logits[:0].tolist() + list(range(9)) + [50.0], [1] * 9 + [0], range(10), 0.9)
    assert nine.SE.limit == 0.0 and nine.TE.limit is None
    assert fit_sets(np.arange(4.0), [1, 1, 1, 0], range(4), 0.05).SE.limit == 2.0


def test_every_kind_of_set():
    overlap, gap = limits(-1.0, 1.0), limits(1.0, -1.0)
    logits = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert name_sets(overlap, logits).tolist() == ["TE", "both", "both", "both", "SE"]
    assert name_sets(gap, logits).tolist() == ["TE", "TE", "none", "SE", "SE"]
    assert set(SETS) == {"SE", "TE", "both", "none"}


def test_equal_logits_are_on_one_side():
    labels = np.repeat([1, 0], 20)
    found = fit_sets(np.zeros(40), labels, np.arange(40), 0.9)
    assert name_sets(found, np.zeros(3)).tolist() == ["both"] * 3
    assert name_sets(found, np.array([-1e-9, 1e-9])).tolist() == ["TE", "SE"]


@pytest.mark.parametrize(
    "n, coverage, enough", [(8, 0.9, False), (9, 0.9, True), (98, 0.99, False)]
)
def test_a_class_of_too_few_regions_is_in_every_set(n, coverage, enough):
    logits, labels = np.arange(n + 200.0), np.repeat([1, 0], [n, 200])
    found = fit_sets(logits, labels, np.arange(n + 200), coverage)
    assert always_held(found) == ([] if enough else ["SE"])
    kept = name_sets(found, np.array([-1e9, 1e9]))
    assert kept.tolist() == (["TE", "SE"] if enough else ["both", "SE"])


def test_regions_of_one_locus_are_not_as_many_observations():
    """Ten loci that count ten times each are ten, not a hundred."""
    labels = np.arange(11) < 10
    once = fit_sets(np.arange(11.0), labels, np.arange(11), 0.85)
    regions = np.arange(11.0).repeat(10), labels.repeat(10)
    found = fit_sets(*regions, np.arange(11).repeat(10), 0.85)
    assert found.SE.limit == once.SE.limit == 0.0 and found.SE.loci == 10
    assert fit_sets(*regions, np.arange(110), 0.85).SE.limit == 1.0
    # two loci are too few, a hundred regions are not: all of them are in, and that is said
    two = fit_sets(*regions, np.arange(110) // 50, 0.85)
    assert two.SE.limit == 0.0 and few_loci(two) == ["SE", "TE"] and few_loci(found) == ["TE"]
    assert always_held(two) == []


def draw(rng, loci, sizes, together):
    """Regions of a number of loci: a fifth super-enhancers; logits alike within a locus."""
    size = rng.integers(1, sizes + 1, loci)
    locus = np.repeat(np.arange(loci), size)
    labels = np.repeat(rng.random(loci) < 0.2, size).astype(int)
    shared = rng.normal(size=loci)[locus]
    own = rng.normal(size=len(locus))
    logits = 1.2 * labels + np.sqrt(together) * shared + np.sqrt(1 - together) * own
    # two decimals: many ties
    return np.round(logits, 2), labels, locus


@pytest.mark.parametrize(
    "loci, sizes, together", [(60, 1, 0.0), (250, 1, 0.0), (120, 6, 0.8), (120, 6, 1.0)]
)
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_promise_holds_for_each_class_over_many_draws(loci, sizes, together, coverage):
    rng = np.random.default_rng([loci, sizes, int(10 * coverage)])
    covered = {1: [], 0: []}
    while len(covered[1]) < 400:
        logits, labels, locus = draw(rng, loci, sizes, together)
        if not 0 < labels.sum() < len(labels):
            continue
        found = fit_sets(logits, labels, locus, coverage)
        new, truth, _ = draw(rng, 600, sizes, together)
        sets = name_sets(found, new)
        for label, name in ((1, "SE"), (0, "TE")):
            covered[label].append(np.isin(sets[truth == label], [name, "both"]).mean())
    for label, shares in covered.items():
        error = np.std(shares) / np.sqrt(len(shares))
        # at least the promise; and not idle: with a class of a dozen loci one is a tenth
        assert np.mean(shares) > coverage - 3 * error, label
        assert np.mean(shares) < coverage + (0.09 if label else 0.02) + 3 * error, label


def test_observed_coverage_is_counted_by_locus():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    sets = np.array(["SE", "both", "TE", "none", "TE", "TE", "both", "SE"])
    found = measure_sets(labels, sets, np.arange(8), 0.9, ["SE"], {"SE": 7}, 200, 1)
    assert (found["observed"]["value"], found["observed"]["n"]) == (5 / 8, 8)
    assert found["SE"]["value"] == 0.5 and found["TE"]["value"] == 0.75
    assert found["SE"]["fitted_loci"] == 7 and "fitted_loci" not in found["TE"]
    assert found["sets"] == {"SE": 2, "TE": 3, "both": 2, "none": 1}
    assert (found["coverage"], found["always_held"], found["regions"]) == (0.9, ["SE"], 8)
    # the same regions a hundred times over in as many loci are not surer; in loci of their own are
    many = np.tile(labels, 100), np.tile(sets, 100)
    whole = measure_sets(*many, np.tile(np.arange(8), 100), 0.9, [], {}, 200, 1)
    apart = measure_sets(*many, np.arange(800), 0.9, [], {}, 200, 1)
    wide, narrow = (r["observed"]["high"] - r["observed"]["low"] for r in (whole, apart))
    assert wide > 5 * narrow
    assert whole["observed"]["low"] == found["observed"]["low"]


@pytest.mark.parametrize("coverage", [0.0, 1.0, 90.0])
def test_coverage_is_a_share(coverage):
    with pytest.raises(ValidationError):
        fit_sets(np.zeros(2), np.array([0, 1]), np.arange(2), coverage)
