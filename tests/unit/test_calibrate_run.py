"""Calibration, baselines and the folds' ensemble as stages of their own, from file to file."""

import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from corpus import run as command

# a small genome and its regions; two folds of an ensemble of two models with a spectrum
from test_evaluate_beside import published as published
from test_evaluate_run import QUICK
from test_evaluate_run import folds as folds
from test_evaluate_run import place as place
from test_evaluate_run import two_splits as two_splits

from seformer.evaluation.baseline_scores import score_baselines
from seformer.evaluation.calibrate import calibrate_models
from seformer.evaluation.cross_validation import pool_folds
from seformer.evaluation.ensemble import ensemble_folds
from seformer.evaluation.evaluate import evaluate
from seformer.model.folder import load_model
from seformer.util.errors import UserError


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def apart(place, two_splits, folds):
    """The same folds as `folds` has, stage by stage."""
    calibrated, baselines, evaluated = [], [], []
    for number, data in enumerate(two_splits, 1):
        models = [place / f"head{number}_{seed}" for seed in (1, 2)]
        calibrated.append(place / f"calibrated{number}")
        baselines.append(place / f"baselines{number}")
        evaluated.append(place / f"apart{number}")
        calibrate_models(models, *data, calibrated[-1])
        score_baselines(*data, baselines[-1], baseline_names=QUICK)
        evaluate(
            (),
            *data,
            evaluated[-1],
            resamples=50,
            calibrated=calibrated[-1],
            baseline_scores=baselines[-1],
        )
    return calibrated, baselines, evaluated


def test_stage_by_stage_gives_what_evaluate_gives(folds, apart):
    for whole, staged in zip(folds[0], apart[2], strict=True):
        assert files(whole) == files(staged)


def test_the_calibrated_model_knows_nothing_of_its_test(apart):
    calibrated, _, evaluated = apart
    before, after = (load_model(folder / "model") for folder in (calibrated[0], evaluated[0]))
    assert before.settings.test is None and after.settings.test is not None
    assert before.settings == after.settings.model_copy(update={"test": None})
    assert not (calibrated[0] / "model" / "README.md").exists()


def test_a_model_of_another_split_is_told(place, two_splits, folds, tmp_path, caplog):
    """It may have seen what tests it; the split of its training stays on record."""
    models = [place / f"head{fold}_1" for fold in (1, 2)]
    calibrate_models(models[:1], *two_splits[0], tmp_path / "own")
    assert "another split" not in caplog.text
    for folders in (models[:1], models):
        caplog.clear()
        calibrate_models(folders, *two_splits[1], tmp_path / "other")
        assert "the model was trained on another split than" in caplog.text
    own, other = (load_model(tmp_path / name / "model").settings for name in ("own", "other"))
    assert own.splits == other.splits == load_model(models[0]).settings.splits
    assert own.splits.hash is not None
    for data, told in ((two_splits[0], None), (two_splits[1], True)):
        evaluate(models[:1], *data, tmp_path / "out", resamples=20, baseline_names=["length"])
        measured = json.loads((tmp_path / "out/metrics.json").read_text())
        assert measured.get("other_split") is told
        assert (measured["verdict"][0]["topic"] == "Held out?") is bool(told)


def test_other_resamples_and_baselines_leave_the_calibrated_model_as_it_is(
    place, two_splits, apart, tmp_path
):
    """What scores and explanations read is the same whatever the test is asked for."""
    models = [place / f"head1_{seed}" for seed in (1, 2)]
    options = {"resamples": 10, "baseline_names": ["gc"]}
    evaluate(models, *two_splits[0], tmp_path, **options)
    kept = {"config.json", "model.safetensors", "vocab.txt"}
    here, there = files(tmp_path / "model"), files(apart[0][0] / "model")
    assert kept <= there.keys()
    assert all(here[name] == there[name] for name in kept)
    record = json.loads(here["seformer.json"]) | {"test": None}
    assert record == json.loads(there["seformer.json"])


def test_the_ensemble_is_that_of_the_pool(folds, apart, tmp_path):
    calibrated, _, evaluated = apart
    ensemble_folds(calibrated, tmp_path / "ensemble")
    pool_folds(evaluated, tmp_path / "pooled", resamples=100, ensemble=tmp_path / "ensemble")
    there, here = files(folds[1]), files(tmp_path / "pooled")
    assert there.keys() == here.keys()
    rounded = "model/seformer.json"  # test_predictions.tsv has nine digits of the logits
    assert [name for name in here if here[name] != there[name]] == [rounded]
    ours, theirs = (json.loads(each[rounded]) for each in (here, there))
    for name in ("slope", "intercept", "prevalence"):
        assert ours["calibration"].pop(name) == pytest.approx(theirs["calibration"].pop(name))
    assert ours.pop("threshold") == pytest.approx(theirs.pop("threshold"))
    for name in ("SE", "TE"):
        first, second = ours["conformal"][name], theirs["conformal"][name]
        assert first.pop("limit") == pytest.approx(second.pop("limit"))
    assert ours == theirs


def test_the_test_of_stored_scores_needs_no_network(apart, two_splits, tmp_path):
    """Neither a GPU nor the seconds that torch takes to start."""
    (extracted,), (splits,) = two_splits[0]
    words = ["evaluate", "--calibrated", apart[0][0], "--baseline-scores", apart[1][0]]
    words += ["--extracted", extracted, "--splits", splits, "--out", tmp_path / "out"]
    words += ["--bootstrap", "10", "--threads", "1"]
    program = (
        "import sys, seformer.cli\n"
        "seformer.cli.main(sys.argv[1:])\n"
        "assert 'torch' not in sys.modules\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out" / "metrics.json").is_file()


def test_a_name_of_its_own(place, two_splits, apart, tmp_path):
    options = {"calibrated": apart[0][0], "baseline_scores": apart[1][0], "resamples": 10}
    evaluate((), *two_splits[0], tmp_path, sample="mine", **options)
    assert json.loads((tmp_path / "metrics.json").read_text())["sample"] == "mine"
    assert load_model(tmp_path / "model").settings.sample == "mine"


def test_a_twin_may_be_calibrated_too(published, tmp_path):
    place = published
    data = [place / "K562"], [place / "split" / "K562" / "splits.tsv"]
    options = {"resamples": 20, "baseline_names": ["gc"]}
    evaluate(place / "pretrained", *data, tmp_path / "a", random_twin=[place / "twin"], **options)
    calibrate_models([place / "twin"], *data, tmp_path / "twin")
    calibrate_models([place / "pretrained"], *data, tmp_path / "ready")
    evaluate(
        (),
        *data,
        tmp_path / "b",
        calibrated=tmp_path / "ready",
        random_twin=[tmp_path / "twin"],
        **options,
    )
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_the_twin_alone_needs_no_fit(place, two_splits, tmp_path):
    data = two_splits[0]
    score_baselines(*data, tmp_path / "with", baseline_names=["random_twin"], twin=True)
    assert json.loads((tmp_path / "with" / "baselines.json").read_text())["chosen"] == {}


@pytest.mark.parametrize(
    "change, why",
    [
        ({"splits": 2}, "are not the"),
        ({"models": ["head1_1"]}, "--model and --calibrated were both given"),
        ({"calibrated": None}, "--model and --calibrated were not given"),
        ({"calibrated": "head1_1"}, "there is no held_out.tsv"),
        ({"calibration": "isotonic"}, "calibration is isotonic, but the model was calibrated"),
        ({"coverage": 0.8}, "coverage is 0.8, but"),
        ({"seed": 5}, "seed is 5, but"),
        ({"baseline_names": ["gc"]}, "were chosen when they were fitted"),
        ({"baseline_tracks": ["a=a.bw"]}, "were chosen when they were fitted"),
        ({"threshold_by": "precision:0.9"}, "threshold_by is precision:0.9, but"),
        ({"baseline_scores": "head1_1"}, "baselines.json"),
        ({"baseline_scores": "baselines2"}, "are not the"),
    ],
)
def test_what_does_not_belong_together_is_told(place, two_splits, apart, tmp_path, change, why):
    options = {"calibrated": "calibrated1", "baseline_scores": "baselines1"} | change
    data = two_splits[options.pop("splits", 1) - 1]
    models = [place / name for name in options.pop("models", ())]
    for name in ("calibrated", "baseline_scores"):
        options[name] = options[name] and place / options[name]
    with pytest.raises(UserError, match=why):
        evaluate(models, *data, tmp_path / "out", resamples=10, **options)
    assert not (tmp_path / "out").exists()


def shorten(table):
    return table.iloc[:-1]


def blank(table):
    return table.assign(logit=table["logit"].astype(object).where(table.index > 2, "x"))


@pytest.mark.parametrize(
    "name, damage, why",
    [
        ("held_out.tsv", shorten, "rows are not the"),
        ("held_out.tsv", blank, "the column logit holds 'x'"),
        ("held_out.tsv", lambda t: t.drop(columns="kmer_logit"), "kmer_logit"),
        ("calibrated.json", None, "threshold"),
    ],
)
def test_damaged_scores_are_told(apart, two_splits, tmp_path, name, damage, why):
    folder = tmp_path / "calibrated"
    shutil.copytree(apart[0][0], folder)
    path = folder / name
    if damage is None:
        path.write_text('{"reference": null}')
    else:
        damage(pd.read_csv(path, sep="\t")).to_csv(path, sep="\t", index=False)
    with pytest.raises(UserError, match=why):
        evaluate((), *two_splits[0], tmp_path / "out", resamples=10, calibrated=folder)


def test_folds_that_are_no_ensemble_are_told(place, two_splits, apart, tmp_path):
    calibrated, _, evaluated = apart
    with pytest.raises(UserError, match="one fold only"):
        ensemble_folds(calibrated[:1], tmp_path / "out")
    with pytest.raises(UserError, match="held out for the test by two folds"):
        ensemble_folds([calibrated[0], calibrated[0]], tmp_path / "out")
    models = [place / f"head2_{seed}" for seed in (1, 2)]
    calibrate_models(models, *two_splits[1], tmp_path / "other", calibration="none")
    with pytest.raises(UserError, match="calibrated by none and mcc"):
        ensemble_folds([calibrated[0], tmp_path / "other"], tmp_path / "out")
    with pytest.raises(UserError, match="the ensemble has 2 members, the folds 4"):
        pool_folds(evaluated, tmp_path / "out", resamples=10, ensemble=calibrated[0] / "model")
    assert not (tmp_path / "out").exists()


def test_the_commands_do_the_same(place, two_splits, apart, tmp_path):
    (extracted,), (splits,) = two_splits[0]
    data = ["--extracted", extracted, "--splits", splits]
    models = [word for seed in (1, 2) for word in ("--model", place / f"head1_{seed}")]
    assert command(["calibrate", *models, *data, "--out", tmp_path / "cal", "--threads", "1"]) == 0
    assert files(tmp_path / "cal") == files(apart[0][0])
    names = ",".join(QUICK)
    assert command(["baselines", *data, "--baselines", names, "--out", tmp_path / "base"]) == 0
    assert files(tmp_path / "base") == files(apart[1][0])
    assert command(["ensemble", *apart[0], "--out", tmp_path / "joined"]) == 0
    assert load_model(tmp_path / "joined").settings.members == 4
