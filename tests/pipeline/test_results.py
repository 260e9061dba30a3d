"""What the pipeline's runs have left, looked at more closely than names."""

import csv
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest

from seformer.util.records import read_json
from seformer.util.tables import read_tsv

DEMO = Path(__file__).parents[1] / "data" / "demo"


def trace(workflow_dir: Path, number: int, outdir: str = "results") -> dict[str, str]:
    """Return task to status of the run with this number (0 = first)."""
    traces = sorted(workflow_dir.glob(f"{outdir}/pipeline_info/execution_trace_*.txt"))
    with open(traces[number]) as handle:
        return {row["name"]: row["status"] for row in csv.DictReader(handle, delimiter="\t")}


def backbone_of(results: Path) -> dict:
    """The backbone of the model that a run has trained."""
    if "SEFORMER_BACKBONES" not in os.environ:
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    return read_json(results / "simulated/model/seformer.json")["backbone"]


@pytest.mark.workflow("two folds with two seeds each")
def test_a_nucleotide_transformer_v1_goes_the_whole_way(workflow_dir):
    results = Path(workflow_dir) / "results"
    backbone = backbone_of(results)
    assert (backbone["family"], backbone["licence"]) == ("esm", "CC-BY-NC-SA-4.0")
    assert "Not for commercial use" in (results / "multiqc/multiqc_report.html").read_text()


@pytest.mark.parametrize(
    ("layout", "family", "tokens"),
    [
        ("gena_supervised", "gena", 32_000),
        ("dnabert_s", "dnabert2", 4_096),
        ("grover", "bert", 609),
    ],
)
@pytest.mark.workflow("one backbone after another")
def test_each_backbone_goes_the_whole_way(workflow_dir, layout, family, tokens):
    results = Path(workflow_dir) / layout
    assert backbone_of(results)["family"] == family
    assert (results / "multiqc/multiqc_report.html").stat().st_size > 100_000
    sample = results / "simulated"
    # of GROVER's tokens the one of no letters has no row
    assert read_json(sample / "model/config.json")["vocab_size"] == tokens
    scores = read_tsv(sample / "predictions/to_score.tsv")
    assert len(scores) == 6 and scores["probability"].between(0, 1).all()
    assert scores["logit"].std() > 0
    (explained,) = read_tsv(sample / "attributions/to_explain.tsv").to_dict("records")
    assert explained["completeness_error"] <= 0.05 or "incomplete" in explained["flags"]


@pytest.mark.workflow("one backbone after another")
def test_the_head_of_a_supervised_branch_is_named_and_left_out(workflow_dir):
    folder = Path(workflow_dir)
    backbone_of(folder / "gena_supervised")
    said = [path.read_text() for path in folder.glob("work/*/*/.command.err")]
    assert any("4 weights" in text and "classifier.weight" in text for text in said)


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_third_run_is_all_from_the_cache(workflow_dir):
    statuses = trace(Path(workflow_dir), -1)
    assert len(statuses) > 10
    assert set(statuses.values()) == {"CACHED"}


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_another_test_leaves_scores_and_explanations_as_they_are(workflow_dir):
    statuses = trace(Path(workflow_dir), -1, "retested")
    again = {name.split()[0].split(":")[-1] for name, s in statuses.items() if s == "COMPLETED"}
    assert again == {"BASELINES", "EVALUATE", "REPORT", "MULTIQC"}
    assert len(statuses) > 10 and set(statuses.values()) == {"CACHED", "COMPLETED"}
    record = json.loads((Path(workflow_dir) / "retested/simulated/metrics.json").read_text())
    assert list(record["test"]["baselines"]) == ["gc"]
    assert record["bootstrap"]["resamples"] == 60


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_the_killed_training_went_on_from_its_checkpoint(workflow_dir):
    (folder,) = [
        path.parent for path in Path(workflow_dir).glob("work/*/*/full/simulated/history.tsv")
    ]
    log = (folder.parents[1] / ".command.err").read_text()
    assert "checkpoint" in log
    history = read_tsv(folder / "history.tsv")
    epochs = history.loc[history["validation_auroc"].notna(), "epoch"].tolist()
    assert epochs == sorted(set(epochs)), "an epoch twice or missing"
    assert not list(Path(workflow_dir).glob("work/checkpoints/**/*.safetensors"))


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_every_row_of_the_bed_file_has_a_score_in_its_order(workflow_dir):
    scores = read_tsv(Path(workflow_dir) / "results/simulated/predictions/to_score.tsv")
    rows = [line.split("\t") for line in (DEMO / "to_score.bed").read_text().splitlines()]
    assert scores.iloc[:, 0].tolist() == [row[0] for row in rows]
    assert scores.iloc[:, 1].astype(int).tolist() == [int(row[1]) for row in rows]
    assert scores["probability"].between(0, 1).all()
    assert scores["coverage"].eq(1).all()


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_metrics_have_their_shape(workflow_dir):
    metrics = json.loads((Path(workflow_dir) / "results/simulated/metrics.json").read_text())
    test = metrics["test"]
    measures = {"auroc", "auprc", "mcc", "balanced_accuracy", "brier", "ece"}
    assert measures <= set(test["model"])
    assert {"value", "low", "high"} <= set(test["model"]["auroc"])
    assert {"length", "gc", "kmer_logistic", "kmer_boosting"} <= set(test["baselines"])
    assert {"baseline", "value", "low", "high"} <= set(test["delta"]["auroc"])


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_explanations_add_up(workflow_dir):
    folder = Path(workflow_dir) / "results/simulated/attributions"
    table = read_tsv(folder / "to_explain.tsv")
    rows = (DEMO / "to_explain.bed").read_text().splitlines()
    assert len(table) == len(rows)
    gap = table["attribution_sum"] - (table["logit"] - table["reference_logit"])
    assert (gap.abs() <= 0.05 * (table["logit"] - table["reference_logit"]).abs() + 1e-6).all()


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_seqlets_lie_in_the_explained_regions_and_the_report_has_their_logos(workflow_dir):
    results = Path(workflow_dir) / "results"
    folder = results / "simulated/motifs/to_explain"
    regions = {row.split("\t")[3] for row in (DEMO / "to_explain.bed").read_text().splitlines()}
    table = read_tsv(folder / "seqlets.tsv")
    assert len(table) and set(table["region"]) <= regions
    rows = [row.split("\t") for row in (folder / "seqlets.bed").read_text().splitlines()]
    assert all(len(row) == 9 for row in rows)
    assert read_json(folder / "summary.json")["seqlets"] == len(table) == len(rows)
    assert list((folder / "logos").glob("region_*.png"))
    page = (results / "multiqc/multiqc_report.html").read_text()
    assert "Which motifs stand behind the scores?" in page and "data:image/png;base64," in page


@pytest.mark.workflow("killed in stage 2 and resumed")
def test_igv_finds_tracks_and_genome_by_the_session(workflow_dir):
    results = Path(workflow_dir) / "results"
    session = ElementTree.parse(results / "igv_session.xml").getroot()
    paths = [resource.get("path") for resource in session.iter("Resource")]
    assert len(paths) > 4 and all((results / path).is_file() for path in paths)
    genome = results / session.get("genome")
    assert genome.read_bytes() == (DEMO / "genome.fa.gz").read_bytes()
    # the simulated genome is none that UCSC has
    assert not (results / "hub").exists()
    top = read_json(results / "simulated/attributions/to_explain.top.json")
    assert len(top["regions"]) == len((DEMO / "to_explain.bed").read_text().splitlines())
    assert "sf-genome-data" in (results / "multiqc/multiqc_report.html").read_text()


@pytest.mark.workflow("two folds with two seeds each")
def test_every_region_is_tested_once_by_models_that_never_saw_it(workflow_dir):
    sample = Path(workflow_dir) / "results/simulated"
    place = ["chrom", "start", "end"]
    tested = read_tsv(sample / "test_predictions.tsv")
    kept = read_tsv(sample / "folds.tsv")
    assert sorted(map(tuple, tested[place].values)) == sorted(map(tuple, kept[place].values))
    parts = kept.set_index(place)
    for fold, rows in tested.groupby("fold"):
        assert set(parts.loc[list(map(tuple, rows[place].values)), f"fold_{fold}"]) == {"test"}
    own = [json.loads((sample / f"folds/fold_{i}/metrics.json").read_text()) for i in (1, 2)]
    pooled = json.loads((sample / "metrics.json").read_text())
    assert pooled["test"]["n"] == sum(fold["test"]["n"] for fold in own) == len(tested)
    assert [fold["fold"] for fold in pooled["folds"]] == [1, 2]
    assert [len(fold["test"]["members"]["auroc"]["values"]) for fold in own] == [2, 2]


@pytest.mark.workflow("two folds with two seeds each")
def test_predictions_are_of_all_four_models_with_their_spread(workflow_dir):
    scores = read_tsv(Path(workflow_dir) / "results/simulated/predictions/to_score.tsv")
    assert len(scores) == len((DEMO / "to_score.bed").read_text().splitlines())
    assert (scores["logit_sd"] > 0).all()
    model = json.loads((Path(workflow_dir) / "results/simulated/model/seformer.json").read_text())
    assert model["members"] == 4


@pytest.mark.workflow("two folds with two seeds each")
def test_shards_of_variants_are_together_again(workflow_dir):
    variants = Path(workflow_dir) / "results/simulated/variants"
    table = read_tsv(variants / "gwas.tsv")
    assert table["id"].str[2:].astype(int).tolist() == table["position"].tolist()
    # of four risk alleles at a place one is the genome's
    assert table["status"].value_counts().to_dict() == {"scored": 12, "no_alternative": 4}
    scored = table[table["status"] == "scored"]
    assert scored["p"].between(1 / 25, 1).all() and (scored["q"] >= scored["p"] - 1e-9).all()
    assert {"motif_gained", "motif_lost"} <= set(table.columns)
    assert scored["region_name"].nunique() == 2
    assert "VARIANTS (simulated, gwas, shard 2 of 2)" in "".join(trace(Path(workflow_dir), 0))
    assert len(read_tsv(variants / "null/gwas.tsv")) == 24
    assert read_json(variants / "gwas.summary.json")["unreadable"] == {"no_position": 1}


@pytest.mark.workflow("two folds with two seeds each")
def test_a_file_with_labels_is_judged_against_what_the_model_was_trained_on(workflow_dir):
    results = Path(workflow_dir) / "results/simulated"
    found = read_json(results / "judged/labelled/metrics.json")
    rows = read_tsv(results / "judged/labelled/judged.tsv")
    scores = read_tsv(results / "predictions/labelled.tsv")
    assert rows["probability"].tolist() == scores["probability"].dropna().tolist()
    assert found["judged"]["probabilities"] == "given"
    # with folds every region is in the training of some
    assert found["judged"]["training"]["overlapping"] == found["test"]["n"] > 100
    assert {f["topic"]: f["level"] for f in found["verdict"]}["Seen in training?"] == "bad"


@pytest.mark.workflow("train and use")
def test_a_model_for_all_samples_sees_them_all(workflow_dir):
    scripts = [
        path.read_text()
        for path in Path(workflow_dir).glob("work/*/*/.command.sh")
        if "head/integrative" in path.read_text()
    ]
    assert len(scripts) == 1


@pytest.mark.workflow("train and use")
def test_pipeline_info(workflow_dir):
    info = Path(workflow_dir) / "results/pipeline_info"
    for stem in ("execution_report", "execution_timeline", "execution_trace", "pipeline_dag"):
        assert len(list(info.glob(f"{stem}_*"))) == 1, stem
    parameters = json.loads(next(info.glob("params_*.json")).read_text())
    assert parameters["integrative"] is True
    assert parameters["model"] == "tiny"
