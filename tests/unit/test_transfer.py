"""Models of every sample on the test regions of every sample, beside the mean of the locus."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from seformer.evaluation.cross_sample import (
    LOCUS_MEAN,
    ModelScores,
    locus_means,
    measure_sample,
    transfer_samples,
)
from seformer.evaluation.evaluate import evaluate
from seformer.evaluation.transfer_verdict import judge_transfer
from seformer.model.backbones import build_backbone
from seformer.model.folder import load_model, new_model, save_model
from seformer.regions.extract import extract
from seformer.splits.split import split
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv

CHROMOSOMES = tuple(f"chr{i}" for i in range(1, 7))


def rows(*places):
    return pd.DataFrame(places, columns=["chrom", "start", "end", "label"])


def test_locus_means():
    mine = rows(("chr1", 0, 100, 1), ("chr1", 200, 300, 0), ("chr1", 400, 500, 1))
    others = [
        rows(("chr1", 50, 120, 1), ("chr1", 299, 400, 0)),
        rows(("chr1", 0, 10, 0), ("chr1", 210, 220, 0), ("chr1", 250, 260, 1)),
    ]
    np.testing.assert_array_equal(locus_means(mine, others), [0.5, 0.5, np.nan])


def test_measures_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 200)
    table = pd.DataFrame({"label": label, "cluster": [f"c{i // 2}" for i in range(200)]})
    score = rng.random(200) + 0.3 * label
    known = np.where(rng.random(200) < 0.5, np.nan, label)
    scores = {"a": ModelScores(score / 1.3, {"gc": label * 0.2 + 0.4, "length": score / 2})}
    found = measure_sample(table, scores, known, 50, 1)
    assert found["scores"]["a"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(label, score), abs=1e-12
    )
    filled = np.where(np.isnan(known), np.nanmean(known), known)
    assert found["scores"][LOCUS_MEAN]["auprc"]["value"] == pytest.approx(
        average_precision_score(label, filled), abs=1e-12
    )
    assert found["known_elsewhere"] == np.mean(~np.isnan(known))
    assert found["baselines"]["a"]["gc"]["auroc"] == {"value": 1, "low": 1, "high": 1}
    # over the best of the model's own baselines: one that knows the labels
    delta = found["delta"]["a"]["auroc"]
    assert delta["baseline"] == "gc"
    assert delta["value"] == pytest.approx(roc_auc_score(label, score) - 1, abs=1e-12)
    assert delta["low"] < delta["value"] < delta["high"] < 0


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two samples on one genome, two folds, an untrained model evaluated on each."""
    folder = tmp_path_factory.mktemp("transfer")
    rng = np.random.default_rng(0)
    bases = {c: "".join(rng.choice(list("ACGT"), 4_000)) for c in CHROMOSOMES}
    (folder / "g.fa").write_text("".join(f">{c}\n{b}\n" for c, b in bases.items()))
    starts = [(c, i) for c in CHROMOSOMES for i in range(0, 3_900, 200)]
    for name, shift in (("a", 0), ("b", 30)):
        for kind, first in (("se", 0), ("te", 1)):
            lines = [f"{c}\t{i + shift}\t{i + shift + 120}\n" for c, i in starts[first::2]]
            (folder / f"{name}_{kind}.bed").write_text("".join(lines))
        extract(
            folder / "g.fa",
            folder / name,
            super_enhancers=folder / f"{name}_se.bed",
            typical_enhancers=folder / f"{name}_te.bed",
            sample=name,
        )
    split([folder / "a", folder / "b"], folder / "s", folds=2, validation_fraction=0.2)
    for seed, name in enumerate("ab", start=1):
        for fold in (1, 2):
            backbone, tokenizer, origin = build_backbone("tiny", seed=seed)
            torch.manual_seed(10 * seed + fold)
            model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), window=128)
            save_model(model, folder / "stage2" / name / str(fold))
            evaluate(
                folder / "stage2" / name / str(fold),
                [folder / name],
                [folder / f"s/fold_{fold}/{name}/splits.tsv"],
                folder / f"e/{name}/{fold}",
                sample=name,
                resamples=20,
            )
    return folder


def arguments(place, samples="ab", folds=(1, 2)):
    pairs = [(name, fold) for fold in folds for name in samples]
    return (
        [place / f"e/{name}/{fold}/model" for name, fold in pairs],
        [place / name for name in samples],
        [place / f"s/fold_{fold}/{name}/splits.tsv" for name, fold in pairs],
    )


def assert_deltas(found):
    """Every model stands beside the best of the baselines that learned what it learned from."""
    for test in found["tests"].values():
        for model, deltas in test["delta"].items():
            aurocs = {name: b["auroc"]["value"] for name, b in test["baselines"][model].items()}
            best = max(aurocs.values())
            assert aurocs[deltas["auroc"]["baseline"]] == best
            value = test["scores"][model]["auroc"]["value"]
            assert deltas["auroc"]["value"] == pytest.approx(value - best, abs=1e-12)


@pytest.mark.parametrize(
    ("auroc", "delta", "level", "said"),
    [
        ((0.6, 0.7, 0.8), (0.01, 0.03, 0.05), "good", "more than CpG density carries over"),
        ((0.6, 0.7, 0.8), (-0.01, 0.03, 0.05), "warning", "not shown that more than CpG density"),
        ((0.6, 0.7, 0.8), (0.0, 0.03, 0.05), "warning", "an interval that contains 0: "),
        ((0.6, 0.7, 0.8), (-0.05, -0.03, -0.01), "bad", "CpG density carries over better"),
        ((0.45, 0.55, 0.65), (0.01, 0.03, 0.05), "bad", "contains 0.5, the value of guessing"),
        ((0.3, 0.4, 0.45), (0.01, 0.03, 0.05), "bad", "worse than guessing"),
    ],
)
def test_what_carries_over_is_said(auroc, delta, level, said):
    spread = [dict(zip(("low", "value", "high"), row, strict=True)) for row in (auroc, delta)]
    names = ["K562", "MM1S", "integrative"]
    test = {
        "scores": {name: {"auroc": spread[0]} for name in names},
        "delta": {name: {"auroc": {"baseline": "cpg_density"} | spread[1]} for name in names},
    }
    # the model of both has learned from what it is tested on
    first, second = judge_transfer(names[:2], dict.fromkeys(names[:2], test))
    assert (first.topic, second.topic) == ("K562 → MM1S", "MM1S → K562")
    assert first.level == level
    assert said in first.text
    assert f"The model of K562 has AUROC {auroc[1]:.3f} (95 % interval {auroc[0]:.3f}" in first.text
    if auroc[0] > 0.5:
        signed = f"{delta[1]:+.3f} (95 % interval {delta[0]:+.3f}".replace("-", "−")
        assert signed in first.text
        assert "the best baseline that learned from the same regions, CpG density, is" in first.text


def test_every_model_on_every_sample(place):
    names = ["cpg_density", "kmer_logistic"]
    found = transfer_samples(*arguments(place), place / "t", resamples=20, baseline_names=names)
    assert read_json(place / "t/transfer.json") == found
    assert_deltas(found)
    assert [said["topic"] for said in found["verdict"]] == ["a → b", "b → a"]
    assert (found["samples"], found["models"], found["folds"]) == (["a", "b"], ["a", "b"], 2)
    for name, test in found["tests"].items():
        assert test["n"] == len(CHROMOSOMES) * 20  # all regions, over the folds
        assert list(test["scores"]) == ["a", "b", LOCUS_MEAN]
        # the same loci in both samples, with the same labels
        assert test["scores"][LOCUS_MEAN]["auroc"]["value"] == 1
        assert test["known_elsewhere"] == 1
        own = pd.concat(
            read_tsv(place / f"e/{name}/{fold}/test_predictions.tsv") for fold in (1, 2)
        )
        # on its own sample a baseline is the one that `evaluate` puts beside the model
        for baseline in ("kmer_logistic", "cpg_density"):
            assert test["baselines"][name][baseline]["auroc"]["value"] == pytest.approx(
                roc_auc_score(own["label"], own[f"{baseline}_probability"]), abs=1e-6
            )
        assert test["scores"][name]["auroc"]["value"] == pytest.approx(
            roc_auc_score(own["label"], own["probability"]), abs=1e-6
        )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda m, e, s: (m, e[:1], s[::2]), "one sample only"),
        (lambda m, e, s: (m[::2], e, s), "b has no model or no splits"),
        (lambda m, e, s: (m[:3], e, s), "different numbers of folds"),
    ],
)
def test_files_that_do_not_belong_together(place, tmp_path, change, found):
    with pytest.raises(UserError, match=found):
        transfer_samples(*change(*arguments(place)), tmp_path / "t")


def test_a_model_of_all_samples_stands_beside_baselines_of_all_samples(place, tmp_path):
    """`integrative` learned from both: its baselines do, and those of the samples do not change."""
    models, extracted, splits = arguments(place)
    for fold in (1, 2):
        model = load_model(place / f"e/a/{fold}/model", "cpu")
        both = model.settings.model_copy(update={"sample": "integrative"})
        save_model(replace(model, settings=both), tmp_path / str(fold))
    names = ["gc", "cpg_density"]
    with_both = transfer_samples(
        [*models, tmp_path / "1", tmp_path / "2"],
        *(extracted, splits, tmp_path / "t"),
        resamples=20,
        baseline_names=names,
    )
    assert with_both["models"] == ["a", "b", "integrative"]
    assert [said["topic"] for said in with_both["verdict"]] == ["a → b", "b → a"]
    assert_deltas(with_both)
    alone = transfer_samples(
        models, extracted, splits, tmp_path / "t2", resamples=20, baseline_names=names
    )
    for sample, test in with_both["tests"].items():
        assert list(test["baselines"]["integrative"]) == names
        for name in ("a", "b"):
            assert test["baselines"][name] == alone["tests"][sample]["baselines"][name]


def test_an_unknown_baseline(place, tmp_path):
    with pytest.raises(UserError, match="'tea leaves' is not known"):
        transfer_samples(*arguments(place), tmp_path / "t", baseline_names=["tea leaves"])
