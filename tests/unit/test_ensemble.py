"""Ensembles: several models in one folder, whose score is the mean of their logits."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from toys import random_sequence

from seformer.model.backbones import build_backbone
from seformer.model.folder import ensemble, load_model, new_model, save_model
from seformer.model.settings import Assembly
from seformer.scoring.merge import logit_sd
from seformer.scoring.predict import predict
from seformer.scoring.score import Ensemble
from seformer.util.errors import UserError

SEQUENCES = [random_sequence(150, seed=i) for i in range(4)]


def single(seed, **settings):
    backbone, tokenizer, origin = build_backbone("tiny", seed=seed)
    torch.manual_seed(seed)
    device = torch.device("cpu")
    return new_model(
        backbone, tokenizer, origin, device=device, window=128, seeds=[seed], **settings
    )


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    models = [single(seed) for seed in (1, 2, 3)]
    folder = tmp_path_factory.mktemp("ensemble") / "model"
    save_model(ensemble(models), folder)
    return models, folder


def test_the_score_is_the_mean_logit_and_says_how_far_members_differ(joined):
    models, folder = joined
    each = np.array([Ensemble(model).score(SEQUENCES).logit for model in models])
    found = Ensemble(load_model(folder)).score(SEQUENCES)
    np.testing.assert_allclose(found.members, each, atol=1e-6)
    np.testing.assert_allclose(found.logit, each.mean(0), atol=1e-6)
    np.testing.assert_allclose(logit_sd(found.members), each.std(0, ddof=1), atol=1e-6)
    assert logit_sd(found.members).min() > 0
    assert (logit_sd(Ensemble(models[0]).score(SEQUENCES).members) == 0).all()


def test_members_lie_in_the_folder_and_the_first_is_the_folder_itself(joined):
    models, folder = joined
    settings = json.loads((folder / "seformer.json").read_text())
    assert settings["members"] == 3 and settings["seeds"] == [1, 2, 3]
    second = load_model(folder / "members" / "2")
    assert second.settings.members == 1 and second.settings.seeds == [2]
    np.testing.assert_allclose(
        Ensemble(second).score(SEQUENCES).logit,
        Ensemble(models[1]).score(SEQUENCES).logit,
        atol=1e-6,
    )
    # an ensemble of ensembles is one ensemble
    again = ensemble([load_model(folder), models[0]])
    assert len(again.members) == again.settings.members == 4


def test_a_missing_member_is_told(joined, tmp_path):
    models, _ = joined
    save_model(ensemble(models), tmp_path / "model")
    (tmp_path / "model" / "members" / "3" / "seformer.json").unlink()
    with pytest.raises(UserError, match="not a model folder"):
        load_model(tmp_path / "model")


def test_models_of_two_genomes_are_not_joined():
    genomes = [Assembly(fingerprint=name) for name in ("one", "two")]
    with pytest.raises(UserError, match="different genomes"):
        ensemble([single(1, assembly=genomes[0]), single(2, assembly=genomes[1])])


def test_predictions_of_an_ensemble_have_their_spread(joined, tmp_path):
    models, folder = joined
    (tmp_path / "genome.fa").write_text(f">chr1\n{''.join(SEQUENCES)}\n")
    (tmp_path / "some.bed").write_text("chr1\t0\t150\nchr1\t300\t450\n")
    where = {"fasta": tmp_path / "genome.fa", "regions": tmp_path / "some.bed"}
    predict(folder, tmp_path / "several", **where)
    table = pd.read_csv(tmp_path / "several" / "predictions.tsv", sep="\t")
    found = Ensemble(load_model(folder)).score([SEQUENCES[0], SEQUENCES[2]])
    np.testing.assert_allclose(table["logit_sd"], logit_sd(found.members), atol=1e-5)
    np.testing.assert_allclose(table["logit"], found.logit, atol=1e-5)
    save_model(models[0], tmp_path / "one_model")
    predict(tmp_path / "one_model", tmp_path / "one", **where)
    one = pd.read_csv(tmp_path / "one" / "predictions.tsv", sep="\t")
    assert "logit_sd" not in one.columns
