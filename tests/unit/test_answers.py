"""The three answers above the verdict, and the test that a model takes along."""

import json

import numpy as np
import pytest
from report_inputs import (
    VARIED,
    evaluation,
    explanations,
    predictions,
    regions,
    variants,
    write_json,
    write_table,
)
from test_report import report

from seformer.evaluation.answers import BASES, CHANCES, RANK, answer
from seformer.evaluation.verdict import Finding, in_short
from seformer.report.sections import verdict

GOOD = [
    Finding("good", "Learned?", ""),
    Finding("good", "Probabilities", ""),
    Finding("good", "Split clean?", ""),
    Finding("good", "Explanations complete?", ""),
    Finding("good", "Explanations faithful?", ""),
]


def of_test(low=0.01, value=0.03, high=0.05):
    delta = {"baseline": "gc", "value": value, "low": low, "high": high}
    return {"delta": delta}


def changed(topic, level):
    return [*(f for f in GOOD if f.topic != topic), Finding(level, topic, "")]


def said(findings, test, **more):
    return {a.question: a.answer for a in answer(findings, test, explained=True, **more)}


def test_all_is_well():
    assert said(GOOD, of_test()) == {RANK: "yes", CHANCES: "yes", BASES: "yes"}
    assert [a.question for a in answer(GOOD, of_test())] == [RANK, CHANCES]
    assert [a.question for a in answer(GOOD, None, scores=False)] == []


@pytest.mark.parametrize(
    ("findings", "test", "rank", "chances", "bases"),
    [
        (GOOD, None, "not known", "not known", "with care"),
        (GOOD, of_test(-0.01), "with care", "yes", "with care"),
        (GOOD, of_test(-0.05, -0.03, -0.01), "no", "yes", "no"),
        (changed("Learned?", "bad"), of_test(-0.01), "no", "no", "no"),
        (changed("Split clean?", "bad"), of_test(), "no", "no", "no"),
        (changed("Split clean?", "warning"), of_test(), "with care", "yes", "with care"),
        (changed("Small test part", "warning"), of_test(), "with care", "yes", "with care"),
        (changed("Predictions of a", "warning"), of_test(), "with care", "with care", "with care"),
        (changed("Predictions of a", "note"), of_test(), "yes", "yes", "yes"),
        (changed("Probabilities", "warning"), of_test(), "yes", "no", "yes"),
        (changed("Probabilities", "note"), of_test(), "yes", "with care", "yes"),
        (GOOD[2:], of_test(), "yes", "with care", "yes"),  # of version 1.0
        (changed("Explanations faithful?", "warning"), of_test(), "yes", "yes", "no"),
        (changed("Explanations faithful?", "note"), of_test(), "yes", "yes", "with care"),
        (changed("Explanations complete?", "warning"), of_test(), "yes", "yes", "with care"),
        (GOOD[:4], of_test(), "yes", "yes", "with care"),
    ],
)
def test_what_speaks_against_it(findings, test, rank, chances, bases):
    assert said(findings, test) == {RANK: rank, CHANCES: chances, BASES: bases}


def test_why_names_the_baseline_that_is_better():
    found = answer(GOOD, of_test(-0.05, -0.03, -0.01))[0]
    assert "GC content alone ranks better" in found.why and "−0.030" in found.why


@pytest.fixture
def used(tmp_path):
    """A published run that only scores and explains, with a model that lost to GC content."""
    rng = np.random.default_rng(0)
    found, _ = evaluation(rng, regions(rng), 1.5, "K562")
    found["test"]["delta"]["auroc"] = of_test(-0.05, -0.03, -0.01)["delta"]
    model = {"threshold": 0.375, "test": in_short(found)}
    place = tmp_path / "in" / "K562"
    write_table(predictions(rng), place / "predictions" / "peaks.tsv")
    names = "rows scored super_enhancers typical_enhancers bases windows"
    counts = dict.fromkeys(names.split(), 400)
    more = {"unscored": {}, "flags": {}, "smallest_coverage": 1.0, "model": model}
    write_json(counts | more, place / "predictions" / "peaks.summary.json")
    table, summary = explanations(rng)
    write_table(table, place / "attributions" / "peaks.tsv")
    write_json(summary, place / "attributions" / "peaks.summary.json")
    return tmp_path / "in"


def test_a_model_takes_its_record_along(used, tmp_path):
    made = report([used], tmp_path / "out")
    page = made["verdict"]["data"]
    assert page.index(RANK) < page.index(CHANCES) < page.index(BASES) < page.index("Learned?")
    assert "No: GC content alone ranks better" in page
    own = made["tested_before"]["data"]
    assert "K562" in own and "GC content" in own and "k-mer" in own
    assert "from a probability of 0.375 on" in made["predictions_calls"]["description"]


def test_results_of_several_models_are_not_judged_by_the_first(used, tmp_path):
    places = used / "K562" / "predictions", used / "K562" / "variants"
    record = json.loads((places[0] / "peaks.summary.json").read_text())["model"]
    write_table(variants(), places[1] / "gwas.tsv")
    write_json(VARIED | {"model": record}, places[1] / "gwas.summary.json")
    assert "several models" not in report([used], tmp_path / "one")["verdict"]["data"]
    write_json(VARIED | {"model": record | {"test": None}}, places[1] / "gwas.summary.json")
    made = report([used], tmp_path / "two")
    page = made["verdict"]["data"]
    assert "These results are of several models" in page and "ranks better" not in page
    assert "tested_before" not in made
    assert "from a probability of 0.375 on" in made["predictions_calls"]["description"]


def test_variants_alone_take_the_record_of_their_model_along(used, tmp_path):
    record = json.loads((used / "K562/predictions/peaks.summary.json").read_text())["model"]
    write_table(variants(), tmp_path / "v/K562/variants/gwas.tsv")
    write_json(VARIED | {"model": record}, tmp_path / "v/K562/variants/gwas.summary.json")
    page = report([tmp_path / "v"], tmp_path / "out")["verdict"]["data"]
    assert "No: GC content alone ranks better" in page and "does not say how it did" not in page


def test_a_model_without_its_record_says_so(used, tmp_path):
    path = used / "K562" / "predictions" / "peaks.summary.json"
    write_json(json.loads(path.read_text()) | {"model": {"threshold": 0.5, "test": None}}, path)
    made = report([used], tmp_path / "out")
    assert "tested_before" not in made
    assert "Not known: nothing here tells" in made["verdict"]["data"]
    assert "its folder does not say how it did in a test" in made["verdict"]["data"]


def test_the_worst_comes_first():
    box = verdict._box(
        "x", "", [Finding("good", "A?", "a"), Finding("bad", "B", "b"), Finding("note", "C", "c")]
    )
    assert box.index("<b>B</b>") < box.index("<b>C</b>") < box.index("<b>A?</b>")


def test_the_header_names_version_genome_and_command(used, tmp_path):
    write_json({"Input/output options": {"fasta": "/data/<b>hg38.fa.gz"}}, tmp_path / "p.json")
    write_json({"Command": "nextflow run . --fasta '<b>'"}, tmp_path / "run.json")
    report([used], tmp_path / "out", parameters=tmp_path / "p.json", run=tmp_path / "run.json")
    config = json.loads((tmp_path / "out" / "multiqc_config.yml").read_text())
    head = {key: text for entry in config["report_header_info"] for key, text in entry.items()}
    assert head.keys() == {"Version", "Genome", "Command", "Places", "Help"}
    assert head["Version"].startswith("seformer 1") and "hg38.fa.gz" in head["Genome"]
    assert head["Command"].startswith("nextflow run . --fasta")
    assert not any("<" in text for text in head.values())
