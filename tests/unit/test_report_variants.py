"""Variants in the report: what is read of them, the table, the figure, and the verdict."""

import json

import pytest
from report_inputs import VARIED, variants, write_json, write_table

from seformer.evaluation.variant_findings import judge_variants
from seformer.report.collect import collect
from seformer.report.page import write_report
from seformer.scoring.variant_files import COLUMNS
from seformer.util.errors import UserError


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "results/K562/variants"
    write_table(variants(), folder / "gwas.tsv")
    write_json(VARIED, folder / "gwas.summary.json")
    write_table(variants()[:3], folder / "null/gwas.tsv")
    return tmp_path / "results"


def sections(folder, tmp_path):
    write_report([folder], tmp_path / "out")
    found = [json.loads(path.read_text()) for path in (tmp_path / "out").glob("*_mqc.json")]
    return {section["id"].removeprefix("seformer_"): section for section in found}


def test_the_strongest_variants_and_their_null(published, tmp_path):
    made = sections(published, tmp_path)
    page = made["variants_strongest"]["data"]
    assert "40 of 42 alleles were scored (not scored: 2 wrong_reference)" in page
    assert "Of 39 substitutions beside 2,000 random ones <b>3</b> have q below 0.05" in page
    assert page.count("<tr>") == 16
    first = page.split("<tr>")[2]
    assert "chr1:1,039" in first and "A &gt; G" in first and "+1" in first and "0.001" in first
    assert "<b>rs" not in page and "<i>x" not in page and "AP1" in first
    ((name, points), (chance, line)) = made["variants_effects"]["data"].items()
    assert name == "gwas" and chance == "as random substitutions"
    assert line == [[0, 0], [1, 1]]
    assert points[0][0] == 0 and points[-1] == pytest.approx([1, 1])
    verdict = made["verdict"]["data"]
    assert "3 of 39 substitutions change the score more" in verdict
    assert "4.8 % of 42 alleles do not fit the genome" in verdict


def test_without_a_null_nothing_is_called_an_insertion(published, tmp_path):
    none = VARIED["null"] | {"drawn": 0, "of": {}, "quantiles": []}
    alone = VARIED | {"tested": 0, "untested": 40, "significant": 0, "null": none}
    write_json(alone, published / "K562/variants/gwas.summary.json")
    page = sections(published, tmp_path)["variants_strongest"]["data"]
    assert "insertions" not in page and "no random substitutions were drawn" in page


def test_results_of_version_one(tmp_path):
    """Neither p nor motifs; perhaps no summary."""
    old = {"records": 42, "alleles": 42, "status": {"scored": 40}, "unmatched_chromosomes": {}}
    folder = tmp_path / "results/K562"
    write_table(variants()[list(COLUMNS)], folder / "variants/variants.tsv")
    write_json(old, folder / "variants/summary.json")
    write_table(variants()[list(COLUMNS)], folder / "bare/variants.tsv")
    made = sections(tmp_path / "results", tmp_path)
    assert "variants_effects" not in made
    page = made["variants_strongest"]["data"]
    assert "<h4>variants</h4>" in page and "<h4>bare</h4>" in page
    assert "motifs gained" not in page and "40 of 42 alleles" in page


@pytest.mark.parametrize(
    "change",
    [{"null": None}, {"tested": -1}, {"null": {**VARIED["null"], "quantiles": ["x"]}}],
)
def test_a_damaged_summary_is_named(change, published):
    path = published / "K562/variants/gwas.summary.json"
    path.write_text(json.dumps(VARIED | change))
    with pytest.raises(UserError, match=r"gwas\.summary\.json"):
        collect([published])
    broken = {key: value for key, value in VARIED.items() if key != "null"}
    path.write_text(json.dumps(broken))
    with pytest.raises(UserError, match="null or significant is missing"):
        collect([published])


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({"status": {"off_region": 42}}, "warning", "None of 42 alleles could be scored (42 off"),
        ({"unreadable": {"no_position": 3}}, "note", "3 rows of the table name no single place"),
        ({"significant": 0}, "note", "None of 39 substitutions stands out (q below 0.05)."),
        ({"significant": 0, "tested": 500}, "note", "raise --null"),
        ({}, "warning", "4.8 % of 42 alleles do not fit the genome"),
    ],
)
def test_findings(change, level, words):
    found = judge_variants("x", VARIED | change)
    assert any(f.level == level and words in f.text for f in found), found


def test_one_allele_that_does_not_fit_is_a_mistake_of_the_file():
    few = VARIED | {"alleles": 24, "status": {"scored": 23, "wrong_reference": 1}}
    assert not any("do not fit" in finding.text for finding in judge_variants("x", few))
