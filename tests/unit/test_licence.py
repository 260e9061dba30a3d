"""Under which licence a backbone is: read, recorded, and said where people look."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from report_inputs import evaluation, regions
from test_backbones import CONFIGS

from seformer.evaluation import verdict
from seformer.evaluation.card import model_card
from seformer.evaluation.findings import judge_licence
from seformer.model.backbones import build_backbone, random_backbone
from seformer.model.backbones.licence import is_commercial, read_licence
from seformer.model.folder import load_model, new_model, save_model
from seformer.report.results import SampleResults
from seformer.report.sections.methods import _model
from seformer.report.sections.verdict import judge_sample
from seformer.sequence.tokenizers import KmerTokenizer, MixedTokenizer, mixed_vocabulary

NC = "CC-BY-NC-SA-4.0"


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0", True),
        ("CC-BY-SA-4.0", True),
        (NC, False),
        ("cc-by-nc-4.0", False),
        ("Research, non-commercial", False),
        ("openrail", None),
        (None, None),
    ],
)
def test_commercial_use(licence, allowed):
    assert is_commercial(licence) is allowed
    assert bool(judge_licence(licence)) == (allowed is False)


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("---\nlicense: cc-by-nc-sa-4.0\ntags: [x]\n---\n# Model", NC),
        ("---\ntags: [x]\nlicense: 'apache-2.0'\n---", "Apache-2.0"),
        ("---\nlicense: mit\n---", "MIT"),
        ("---\nlicense: openrail++\n---", "openrail++"),
        ("---\nlicense: other\n---", None),
        ("license: mit", None),
        ("---\nlicense: <b>\n---", None),
        ("", None),
    ],
)
def test_the_readme_of_a_hub_says_the_licence(tmp_path, text, licence):
    assert read_licence(tmp_path) is None
    (tmp_path / "README.md").write_text(text)
    assert read_licence(tmp_path) == licence


@pytest.mark.parametrize(
    ("config", "tokenizer", "licence"),
    [
        ("nt v1", MixedTokenizer(mixed_vocabulary(3)), NC),
        ("nt v2", MixedTokenizer(mixed_vocabulary(3)), NC),
        ("esm", KmerTokenizer(3), None),
        ("gena", KmerTokenizer(3), None),
    ],
)
def test_a_folder_that_says_nothing(config, tokenizer, licence, tmp_path):
    """Of a Nucleotide Transformer all published weights have one licence."""
    random_backbone(CONFIGS[config], tokenizer, to=tmp_path)
    assert build_backbone(tmp_path)[0].licence == licence
    assert build_backbone(tmp_path, random_weights=True)[0].licence is None
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---")
    assert build_backbone(tmp_path)[0].licence == "MIT"


def test_from_the_weights_to_model_card_and_report(tmp_path):
    random_backbone(CONFIGS["nt v2"], MixedTokenizer(mixed_vocabulary(3)), to=tmp_path / "nt")
    backbone, tokenizer, origin = build_backbone(tmp_path / "nt")
    model = new_model(backbone, tokenizer, origin, device=torch.device("cpu"), window=64)
    save_model(model, tmp_path / "model")
    settings = load_model(tmp_path / "model").settings
    assert settings.backbone["licence"] == NC

    random = np.random.default_rng(0)
    measured, _ = evaluation(random, regions(random, 80), 1, "x")
    measured["verdict"] = [finding._asdict() for finding in verdict.judge_test(measured)]
    card = model_card(settings, measured, {"test": {"SE": 1, "TE": 2}})
    front, head = card.split("---")[1:3]
    assert "license: cc-by-nc-sa-4.0" in front
    # at the top, before any figure
    assert "> **Not for commercial use" in head.partition("## ")[0]
    assert f"licence of its weights: {NC}" in card
    # a model trained further from it is under the same licence
    (tmp_path / "model" / "README.md").write_text(card)
    assert read_licence(tmp_path / "model") == NC

    sample = SampleResults("K562", settings=json.loads(settings.model_dump_json()))
    topics = {finding.topic: finding for finding in judge_sample(sample)}
    assert topics["Not for commercial use"].level == "warning"
    assert NC in topics["Not for commercial use"].text
    assert f"the licence of its weights is {NC}" in next(_model(sample))


def test_results_of_older_versions_have_no_licence():
    record = {"name": "gena", "source": "hub", "revision": None, "family": "gena"}
    for backbone in (record, None, {}):
        sample = SampleResults("K562", settings={"backbone": backbone})
        assert not judge_sample(sample)
