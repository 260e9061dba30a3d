"""What the report says of units, negatives, folds, linked regions and conflicts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from report_inputs import AUDIT, history, regions, write_everything, write_results

from seformer.evaluation.findings import judge_regions
from seformer.report import page
from seformer.report.collect import collect
from seformer.report.draw import signed
from seformer.report.results import Results, SampleResults
from seformer.report.sections import (
    data_counts,
    split_audit,
    split_parts,
    tested_transfer,
    training_runs,
    verdict,
)
from seformer.util.records import read_json, write_json
from seformer.util.tables import write_tsv


@pytest.fixture
def table():
    return regions(np.random.default_rng(0))


def words(section):
    text = f"{section.description} {section.data}"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def counts(regions):
    (section,) = data_counts.sections(Results({"K562": SampleResults("K562", regions=regions)}))
    return section


def test_units_and_drawn_regions_are_named(table):
    cut = table.assign(parent=None, source="se.bed")
    cut.loc[:9, "parent"] = ["chr1:0-9000"] * 6 + ["chr1:20000-26000"] * 4
    cut.loc[table["label"] == 0, "source"] = "random"
    said = words(counts(cut))
    assert "K562: 10 windows or constituents were cut from 2 regions" in said
    used = cut[(cut["label"] == 0) & (cut["drop_reason"] == "")]
    drawn = len(used)
    start = f"{drawn:,} of {drawn:,} typical enhancers are random regions of the genome: the model "
    start += "learns to tell super-enhancers from background, "
    assert f"K562: {start}not from typical enhancers" in said
    found = judge_regions(cut)
    assert [f.text for f in found] == [f"{start}not from typical enhancers."]
    cut.loc[used.index[0], "source"] = "te.bed"
    (found,) = judge_regions(cut)
    assert found.text.endswith("from background, and only in part from typical enhancers.")
    assert "K562:" not in words(counts(table))


def test_the_base_that_was_assumed_is_said(table):
    audit = AUDIT | {"read_as": {"K562": {"<b>.xls": "MACS peaks (.xls), starts counted from 1"}}}
    results = Results({"K562": SampleResults("K562", regions=table)}, audit=audit)
    (section,) = data_counts.sections(results)
    assert (
        "K562: &lt;b&gt;.xls was read as MACS peaks (.xls), starts counted from 1." in section.data
    )


def test_one_length_is_said_and_not_drawn(table):
    drawn = [
        section.id
        for section in page.draw_sections(Results({"x": SampleResults("x", regions=table)}))
    ]
    assert "data_length" in drawn
    sample = SampleResults("x", regions=table.assign(length=3000))
    found = {section.id: section for section in page.draw_sections(Results({"x": sample}))}
    assert "data_length" not in found and "data_gc" in found
    assert "x: all regions are 3,000 bp long" in words(found["data_counts"])


def test_what_rounds_to_zero_has_no_sign():
    assert [signed(v) for v in (-0.0002, 0.0004, 0.02, -0.02)] == [
        "0.000",
        "0.000",
        "+0.020",
        "−0.020",
    ]


def test_folds_are_drawn_instead_of_parts(table):
    folds = table.drop(columns="split").assign(fold=np.arange(len(table)) % 3 + 1)
    sample = SampleResults("K562", regions=folds)
    (section,) = split_parts.sections(Results({"K562": sample}))
    assert list(section.data) == ["fold 1", "fold 2", "fold 3"]
    assert sum(sum(row.values()) for row in section.data.values()) == len(sample.used)


def test_linked_regions_and_conflicts_are_said():
    conflicts = {"rule": "majority", "regions": 30, "dropped": 21}
    audit = AUDIT | {"conflicts": conflicts, "folds": [{}] * 5}
    said = words(next(split_audit.sections(Results({}, audit=audit))))
    assert "13 % of the test regions are linked to the training part" in said
    assert "Split by chromosomes into 5 folds" in said
    assert "300 clusters of regions that stay together, 240 of them one region" in said
    assert "the largest has 9 regions, 2.0 % of all" in said
    assert "test in train 0 2 111 14 2 0" in said
    assert "12 typical enhancers overlap a super-enhancer of another sample" in said
    assert "learns from those with the label of most samples ( --conflicts majority , 21" in said


def test_the_grey_zone_is_said():
    sample = {"cutoff": 1234.5, "cutoff_from": "midpoint", "regions": 900, "without_signal": 40}
    sample |= {"super_enhancers": 21, "typical_enhancers": 60}
    zone = {"share": 0.2, "samples": {"K562": sample}}
    parts = {"left_out": 55, "validation": 9, "test": 17}
    said = words(next(split_audit.sections(Results({}, audit=AUDIT | {"grey_zone": zone | parts}))))
    assert "at most 20 % of the cut-off above or below it are left out of training (55;" in said
    assert "kept in validation: 9, in the test: 17" in said
    assert "K562: 21 super-enhancers and 60 typical enhancers of 900 regions" in said
    assert "cut-off of 1,234.5, the middle between the classes; 40 regions have no signal" in said
    # over folds every fold counts for itself
    said = words(next(split_audit.sections(Results({}, audit=AUDIT | {"grey_zone": zone}))))
    assert "left out of training; the validation part" in said


def test_an_audit_without_near_copies_is_shown():
    old = {key: AUDIT[key] for key in AUDIT.keys() - {"near_copies", "clusters"}}
    said = words(next(split_audit.sections(Results({}, audit=old))))
    assert "test in train 0 – 111 14 2 0" in said and "clusters of regions" not in said


def test_folds_and_seeds_are_listed_and_their_own_results_passed_over(tmp_path):
    write_results(tmp_path, use=False)
    (tmp_path / "K562/history.tsv").unlink()
    whole = read_json(tmp_path / "K562/metrics.json")
    for fold in (1, 2):
        write_json({"test": "of a fold"}, tmp_path / f"K562/folds/fold_{fold}/metrics.json")
        table = history(np.random.default_rng(fold), 0.8 + fold / 100)
        write_tsv(table, tmp_path / f"fold_{fold}/K562/splits.tsv")
        for stage, name in ((1, "head"), (2, "full")):
            path = tmp_path / f"K562/training/{name}/fold_{fold}/seed_1/history.tsv"
            write_tsv(table[table["stage"] == stage], path)
    write_json({"sample": "other"}, tmp_path / "K562/model/members/2/seformer.json")
    found = collect([tmp_path])
    sample = found.samples["K562"]
    assert list(found.samples) == ["K562"]
    assert sample.metrics == whole
    assert sample.settings["sample"] == "K562"
    assert list(sample.runs) == ["fold_1/seed_1", "fold_2/seed_1"]
    assert sample.history is sample.runs["fold_1/seed_1"]
    (section,) = training_runs.sections(found)
    assert "fold 1, seed 1" in words(section)
    assert section.data.count("<tr>") == 3


def test_the_matrix_of_samples():
    def scores(*values):
        names = ("a", "b<", "locus_mean")
        return {
            name: {"auroc": {"value": v, "low": v - 0.1, "high": v + 0.1}}
            for name, v in zip(names, values, strict=True)
        }

    tests = {
        "a": {"scores": scores(0.8, 0.7, 0.9), "known_elsewhere": 0.5},
        "b<": {"scores": scores(0.6, 0.75, 0.85), "known_elsewhere": 0.25},
    }
    found = {"samples": ["a", "b<"], "models": ["a", "b<"], "tests": tests}
    (section,) = tested_transfer.sections(Results({}, transfer=found))
    said = words(section)
    assert "a 0.800 0.700 to 0.900 0.600" in said
    assert "mean of the locus elsewhere 0.900 0.800 to 1.000 0.850" in said
    assert "a 50 %, b&lt; 25 %" in said
    assert "b<<" not in section.data
    # results of 1.0.0 end here; later ones have what the same regions teach a baseline beside each
    assert "Δ +" not in said and "Δ −" not in said
    delta = {"baseline": "cpg_density", "value": -0.02, "low": -0.04, "high": 0.01}
    tests["b<"]["delta"] = {"a": {"auroc": delta}}
    (section,) = tested_transfer.sections(Results({}, transfer=found))
    assert "0.600 0.500 to 0.700 Δ −0.020 (95 % interval −0.040 to +0.010) over CpG density" in (
        words(section)
    )


def test_what_carries_over_stands_in_the_verdict(tmp_path):
    found = collect([write_everything(tmp_path)])
    (section,) = verdict.sections(found)
    said = words(section)
    assert "From cell line to cell line" in said
    (carried, _) = found.transfer["verdict"]
    assert f"{carried['topic']} {carried['text']}" in said
    # results of 1.0.0 have none
    del found.transfer["verdict"]
    (section,) = verdict.sections(found)
    assert "From cell line to cell line" not in words(section)
