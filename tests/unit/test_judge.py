"""Anybody's scores, judged: from file to file on a small genome."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pysam
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from seformer.evaluation.judge import judge, judge_frame
from seformer.evaluation.judged_verdict import judge_scores
from seformer.report.collect import collect
from seformer.report.page import draw_sections
from seformer.scoring.merge import merge_predictions
from seformer.util import records, shapes_of_tests
from seformer.util.errors import UserError

CHROMOSOMES, EACH, LENGTH, GAP = 6, 14, 150, 1200
QUICK = {"baseline_names": ["length", "gc", "cpg", "kmer_logistic"], "resamples": 60}
FEW = {"baseline_names": ["length", "gc"], "resamples": 20}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A genome whose super-enhancers have more G and C than typical ones, somewhat."""
    folder = tmp_path_factory.mktemp("judge")
    rng = np.random.default_rng(0)
    genome, rows = [], []
    for number in range(1, CHROMOSOMES + 1):
        bases = rng.choice(list("ACGT"), EACH * (LENGTH + GAP) + GAP)
        for i in range(EACH):
            start, label = GAP + i * (LENGTH + GAP), i % 2
            rich = 0.25 + 0.03 * label + 0.02 * rng.standard_normal()
            shares = [0.5 - rich, rich, rich, 0.5 - rich]
            bases[start : start + LENGTH] = rng.choice(list("ACGT"), LENGTH, p=shares)
            text = "".join(bases[start : start + LENGTH])
            gc = (text.count("G") + text.count("C")) / LENGTH
            rows.append((f"chr{number}", start, start + LENGTH, f"r{i}", label, gc))
        genome.append(f">chr{number}\n{''.join(bases)}\n")
    (folder / "genome.fa").write_text("".join(genome))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "label", "gc"])
    table["good"] = 2 * table["label"] + rng.normal(0, 0.9, len(table))
    table.to_csv(folder / "scores.tsv", sep="\t", index=False)
    return folder


@pytest.fixture(scope="module")
def table(place):
    return pd.read_csv(place / "scores.tsv", sep="\t")


@pytest.fixture
def judged(place, tmp_path):
    """Judge a table: its metrics and its rows."""

    def run(scores, how=FEW, **options):
        path = scores
        if isinstance(scores, pd.DataFrame):
            path = tmp_path / "table.tsv"
            scores.to_csv(path, sep="\t", index=False)
        out = tmp_path / "out"
        judge(path, place / "genome.fa", out, **how | options)
        measured = records.read(out / "metrics.json", shapes_of_tests.Metrics, "judge again")
        return measured, pd.read_csv(out / "judged.tsv", sep="\t")

    return run


@pytest.fixture(scope="module")
def informed(place, tmp_path_factory):
    """Scores with knowledge that no baseline has, judged."""
    out = tmp_path_factory.mktemp("informed") / "atlas"
    judge(place / "scores.tsv", place / "genome.fa", out, score_column="good", **QUICK)
    return out


def read(out):
    return json.loads((out / "metrics.json").read_text())


# ------------------------------------------------------------------------- the verdict


def test_scores_that_know_something_pass(informed, table):
    found = read(informed)
    assert [f["topic"] for f in found["verdict"][:2]] == [
        "Learned?",
        "Better than simple baselines?",
    ]
    assert [f["level"] for f in found["verdict"][:2]] == ["good", "good"]
    assert found["test"]["delta"]["auroc"]["low"] > 0
    assert "model" not in " ".join(f["text"] for f in found["verdict"])
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(table["label"], table["good"])
    )


@pytest.mark.parametrize("turned", [1, -1])
def test_scores_that_only_count_are_unmasked_in_the_first_line(judged, table, turned):
    found, _ = judged(table.assign(score=turned * np.exp(9 * table["gc"])))
    first = found["verdict"][0]
    assert (first["level"], first["topic"]) == ("bad", "More than composition?")
    assert "GC content in another form" in first["text"]
    assert ("turned round" in first["text"]) == (turned < 0)
    assert found["judged"]["rank_correlations"]["gc"] == pytest.approx(turned)


def test_scores_that_rank_much_alike_and_know_more_are_not_unmasked(judged, table):
    mixed = rankdata(table["gc"]) + 25 * table["label"]
    found, _ = judged(table.assign(score=mixed))
    assert found["judged"]["rank_correlations"]["gc"] > 0.9
    assert "More than composition?" not in [f["topic"] for f in found["verdict"]]
    assert found["test"]["delta"]["auroc"]["low"] > 0


def test_features_in_the_verdict_have_names_for_people(judged, table):
    found, _ = judged(table.assign(score=table["gc"]))
    found["judged"]["rank_correlations"] = {"cpg_known_density": 0.99}
    assert "the scores are CpG per known base in" in judge_scores(found)[0].text


def test_scores_no_better_than_a_baseline_are_told_before_all_else(judged, table):
    rng = np.random.default_rng(1)
    noisy = rankdata(table["gc"]) + rng.normal(0, 20, len(table))
    found, _ = judged(table.assign(score=noisy))
    assert abs(found["judged"]["rank_correlations"]["gc"]) < 0.9
    assert found["verdict"][0]["topic"] == "Better than simple baselines?"
    assert found["verdict"][0]["level"] in ("warning", "bad")


def test_guessing_is_told(judged, table):
    rng = np.random.default_rng(2)
    found, _ = judged(table.assign(score=rng.random(len(table))))
    assert found["verdict"][0]["topic"] == "Learned?"
    assert found["verdict"][0]["level"] == "bad"


# ------------------------------------------------------------------------- what is measured


def test_metrics_have_the_shape_of_the_evaluations(informed):
    found = records.read(informed / "metrics.json", shapes_of_tests.Metrics, "judge again")
    assert found["sample"] == "atlas"
    assert found["test"]["n"] == CHROMOSOMES * EACH == found["judged"]["rows"]
    assert found["test"]["baselines"].keys() == set(QUICK["baseline_names"])
    assert found["judged"]["column"] == "good"
    assert found["judged"]["folds_of"] == "chromosomes"
    assert len(found["folds"]) == 5
    assert sum(fold["n"] for fold in found["folds"]) == found["test"]["n"]
    records.read(informed / "curves.json", shapes_of_tests.Curves, "judge again")


def test_every_chromosome_is_in_one_fold(informed):
    rows = pd.read_csv(informed / "judged.tsv", sep="\t")
    assert rows.groupby("chrom")["fold"].nunique().eq(1).all()
    assert rows["fold"].nunique() == 5
    assert rows["gc_probability"].between(0, 1).all()


def test_a_feature_is_not_worse_for_being_pooled_over_the_folds(informed, table):
    found = read(informed)
    alone = roc_auc_score(table["label"], table["gc"])
    assert found["test"]["baselines"]["gc"]["auroc"]["value"] == pytest.approx(alone)


def test_the_same_in_python(informed, table, place):
    found = judge_frame(
        table.rename(columns={"chrom": "Chromosome"}).sample(frac=1, random_state=0).sort_index(),
        place / "genome.fa",
        score_column="good",
        sample="atlas",
        **QUICK,
    )
    known = read(informed)
    assert found.metrics["test"] == known["test"]
    assert found.metrics["judged"] | {"scores": ""} == known["judged"] | {"scores": ""}
    assert found.predictions["label"].tolist() == table["label"].tolist()


def test_a_twin_is_no_baseline_of_scores(judged, table):
    found, _ = judged(
        table.assign(score=table["good"]), FEW | {"baseline_names": ["random_twin", "gc"]}
    )
    assert found["test"]["baselines"].keys() == {"gc"}


def test_few_chromosomes_make_folds_of_clusters(judged, table):
    two = table[table["chrom"].isin(["chr1", "chr2", "chr3"])]
    found, rows = judged(two.assign(score=two["good"]))
    assert found["judged"]["folds_of"] == "clusters"
    assert rows["fold"].nunique() == 5


def test_what_a_table_of_clusters_joins_stays_in_one_fold(judged, table, place, write):
    few = table[table["chrom"].isin(["chr1", "chr2", "chr3"])].reset_index(drop=True)
    few = few.assign(score=few["good"], name=[f"n{i}" for i in range(len(few))])
    lines = "".join(f"n{i}\t{'' if i % 3 else f'c{i // 6}'}\n" for i in range(len(few)))
    _, rows = judged(few, clusters=write("clusters.tsv", lines))
    together = rows[rows["cluster"].str.match(r"c\d+$")]
    assert len(together) == len(few) // 3 and together["cluster"].duplicated().any()
    assert together.groupby("cluster")["fold"].nunique().eq(1).all()


# ------------------------------------------------------------------------- probabilities


def test_probabilities_are_taken_as_given(judged, table):
    probability = 1 / (1 + np.exp(1 - table["good"]))
    found, rows = judged(table.assign(probability=probability))
    assert found["judged"]["probabilities"] == "given"
    assert rows["probability"].tolist() == pytest.approx(probability.tolist())
    value = float(np.mean((probability - table["label"]) ** 2))
    assert found["test"]["model"]["brier"]["value"] == pytest.approx(value)


def test_scores_of_any_scale_become_probabilities_out_of_fold(judged, table):
    score = np.exp(8 * table["good"])  # from 1e-6 to 1e15
    found, rows = judged(table.assign(score=score))
    assert found["judged"]["probabilities"] == "fitted"
    assert found["test"]["model"]["brier"]["value"] < 0.2
    assert rows["probability"].between(0, 1).all()
    # shares of bases are no probabilities, though they lie between 0 and 1
    share, _ = judged(table.assign(score=table["gc"] / 3))
    assert share["judged"]["probabilities"] == "fitted"


def test_a_margin_ranks_and_the_probability_beside_it_is_judged(judged, table):
    probability = 1 / (1 + np.exp(1 - table["good"]))
    rounded = table.assign(logit=table["good"], probability=probability.round(1))
    found, rows = judged(rounded)
    assert (found["judged"]["column"], found["judged"]["probabilities"]) == ("logit", "given")
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(table["label"], table["good"])
    )
    assert rows["probability"].isin(np.arange(11) / 10).sum() == len(rows)


# ------------------------------------------------------------------------- forms


def test_a_bed_has_its_scores_in_column_5(judged, table, bed):
    rows = [
        (r.chrom, r.start, r.end, f"r{i}", r.good, ".", "SE" if r.label else "TE")
        for i, r in enumerate(table.itertuples())
    ]
    found, _ = judged(bed("scored.bed", rows))
    assert found["judged"]["column"] == "score"
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(table["label"], table["good"])
    )


def test_labels_under_a_name_of_machine_learning(judged, table, place):
    learned = table.rename(columns={"label": "y_true", "good": "y_score"})
    found, _ = judged(learned)
    assert (found["judged"]["column"], found["test"]["n"]) == ("y_score", len(table))
    same = judge_frame(learned, place / "genome.fa", **FEW).metrics
    assert same["test"] == found["test"]


def test_labels_from_two_files_by_place(judged, table, bed):
    def rows(label, first, last):
        return [
            (r.chrom, r.start + first, r.end + last)
            for r in table[table["label"] == label].itertuples()
        ]

    bare = table.drop(columns="label").assign(score=table["good"])
    extra = pd.DataFrame([{"chrom": "chr1", "start": 10, "end": 200, "name": "x", "score": 1.0}])
    found, out = judged(
        pd.concat([bare, extra]),
        super_enhancers=bed("se.bed", rows(1, -20, 30)),
        typical_enhancers=bed("te.bed", rows(0, 0, 0)),
    )
    assert found["judged"]["left_out"] == {"no_label": 1}
    assert out["label"].tolist()[:-1] == table["label"].tolist()


def test_predictions_with_labels_are_read_but_calls_are_not_labels(judged, table, write):
    called = np.where(table["good"] > 1, "SE", "TE")
    own = table.assign(logit=table["good"], probability=0.5, prediction=called, set=called)
    found, _ = judged(own.assign(label=table["label"]))
    assert found["test"]["n_super_enhancers"] == table["label"].sum()
    with pytest.raises(UserError, match="the regions have no labels"):
        judged(own.drop(columns="label"))


@pytest.fixture
def merged(table, tmp_path):
    """Merge one shard of our own scores with a table of R's that has some column of labels."""

    def run(labels, name="label"):
        own = table[["chrom", "start", "end"]].set_axis(["seqnames", "start", "end"], axis=1)
        own = own.assign(start=own["start"] + 1, width=own["end"] - own["start"])
        own[name] = labels
        own.to_csv(tmp_path / "own.tsv", sep="\t", index=False)
        shard = tmp_path / "shard"
        shard.mkdir(exist_ok=True)
        probability = 1 / (1 + np.exp(1 - table["good"]))
        scores = pd.DataFrame({"line": np.arange(len(table)) + 2, "logit": table["good"]})
        scores = scores.assign(probability=probability, prediction="SE", coverage=1, flags="")
        scores.to_csv(shard / "scores.tsv", sep="\t", index=False)
        counts = "rows scored super_enhancers typical_enhancers bases windows".split()
        summary = dict.fromkeys(counts, len(table)) | {"unscored": {}, "flags": {}}
        (shard / "summary.json").write_text(json.dumps(summary | {"smallest_coverage": 1.0}))
        merge_predictions(tmp_path / "own.tsv", [shard], tmp_path / "merged")
        return tmp_path / "merged/labelled.tsv"

    return run


def test_a_scored_file_with_labels_is_a_test_of_the_model(judged, table, merged):
    labelled = merged(np.where(table["label"] == 1, "SE", "TE"), "kind")
    # places counted from 0, whatever the file's own are
    assert pd.read_csv(labelled, sep="\t")["start"].tolist() == table["start"].tolist()
    found, _ = judged(labelled, FEW | {"skip_few": True})
    assert (found["judged"]["column"], found["judged"]["probabilities"]) == ("logit", "given")
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(
        roc_auc_score(table["label"], table["good"])
    )


def test_a_scored_file_without_labels_of_both_classes_is_none(table, merged):
    assert merged(table["label"]).exists()
    for labels, name in (
        (table["label"], "kind"),  # numbers are labels only in a column that is called so
        (1, "label"),
        (table["name"], "label"),
        (np.where(table["label"] == 1, "SE", "TE"), "prediction"),
    ):
        assert not merged(labels, name).exists(), name


def test_too_few_regions_are_passed_over_where_that_is_wanted(place, table, tmp_path, caplog):
    few = table.iloc[:12].assign(score=table["good"])
    few.to_csv(tmp_path / "few.tsv", sep="\t", index=False)
    judge(tmp_path / "few.tsv", place / "genome.fa", tmp_path / "out", skip_few=True, **FEW)
    assert not (tmp_path / "out").exists()
    assert "too few regions to judge" in caplog.text


def test_regions_with_several_scores_are_told(judged, table, caplog):
    rows = table.assign(score=table["good"])
    again = rows.iloc[:3].assign(score=[0.123, rows["score"].iloc[1], 0.321])
    found, _ = judged(pd.concat([rows, again]))
    assert "2 regions stand there with more than one score" in caplog.text
    assert found["judged"]["left_out"]["duplicate"] == 3


# ------------------------------------------------------------------------- training regions


def test_regions_seen_in_training_are_counted(judged, table, bed):
    seen = [(r.chrom, r.start + 50, r.end + 50) for r in table.iloc[:7].itertuples()]
    found, rows = judged(table.assign(score=table["good"]), training=[bed("train.bed", seen)])
    assert found["judged"]["training"] == {"regions": 7, "overlapping": 7}
    memory = found["verdict"][0]
    assert memory["topic"] == "Seen in training?"
    assert memory["level"] == "bad" and "7 of 84" in memory["text"]
    assert (rows["train_containment"] > 0.4).sum() == 7
    assert found["test"]["unlike_training"]["n"] == len(table) - 7


def test_of_a_split_its_training_part_counts(judged, table, tmp_path):
    parts = np.where(table["chrom"] == "chr1", "train", "test")
    table.assign(split=parts).to_csv(tmp_path / "splits.tsv", sep="\t", index=False)
    scored = table[table["chrom"] != "chr1"].assign(score=table["good"])
    found, _ = judged(scored, training=[tmp_path / "splits.tsv"])
    assert found["judged"]["training"] == {"regions": EACH, "overlapping": 0}
    memory = next(f for f in found["verdict"] if f["topic"] == "Seen in training?")
    assert memory["level"] == "good"


def test_without_training_regions_it_is_said(informed):
    memory = next(f for f in read(informed)["verdict"] if f["topic"] == "Seen in training?")
    assert memory["level"] == "note" and "memory cannot be judged" in memory["text"]


# ------------------------------------------------------------------------- bad input


def test_what_cannot_be_judged_is_left_out_and_counted(judged, table):
    scored = table.assign(
        score=table["good"].round(6).astype(str), label=table["label"].astype(str)
    )
    scored.loc[[3, 5], "score"] = ["NA", ""]
    scored.loc[8, "label"] = "."
    outside = scored.iloc[[0]].assign(chrom="chrUn", name="far")
    found, rows = judged(pd.concat([scored, scored.iloc[[1]], outside]))
    assert found["judged"]["left_out"] == {
        "unknown_chromosome": 1,
        "duplicate": 1,
        "no_label": 1,
        "no_score": 2,
    }
    assert found["test"]["n"] == len(table) - 3
    assert len(rows) == len(table) + 2
    assert rows["drop_reason"].notna().sum() == 5
    assert rows.loc[rows["drop_reason"].notna(), "fold"].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(score=0.3), "all 84 scores in the column score are 0.3"),
        (lambda t: t.assign(score=t["good"], label=1), "84 super-enhancers and 0 typical"),
        (lambda t: t.assign(score=np.nan), "0 super-enhancers and 0 typical .* 84 no_score"),
        (lambda t: t.assign(score=["high"] + ["1"] * 83), "'high' .* is not a finite number"),
        (lambda t: t.assign(score=["inf"] + ["1"] * 83), "'inf' .* is not a finite number"),
        (lambda t: t, "no column has a usual name of scores"),
        (lambda t: t.drop(columns="label").assign(score=1), "the regions have no labels"),
        (lambda t: t.iloc[:12].assign(score=t["good"]), "too few regions to judge in 5 folds"),
        (lambda t: t.assign(score=1, end=9_999_999), "passes the end of chr1"),
    ],
)
def test_one_clear_error(judged, table, change, message):
    with pytest.raises(UserError, match=message):
        judged(change(table))


def test_an_unknown_column_is_said(judged, table, place):
    with pytest.raises(UserError, match=r"no column 'best'.*gc, good"):
        judged(table, score_column="best")
    with pytest.raises(UserError, match="not probabilities"):
        judged(table, score_column="good", probabilities="given")
    with pytest.raises(UserError, match="scores and labels are the same column, label"):
        judged(table, score_column="label")
    with pytest.raises(UserError, match="label '-1' is unknown"):  # and not a super-enhancer
        judged(table.assign(score=table["good"], label=2 * table["label"] - 1))
    with pytest.raises(UserError, match="no regions"):
        judge_frame(table.iloc[:0], place / "genome.fa", **FEW)
    with pytest.raises(UserError, match="label 'r0' in the column name is unknown"):
        judged(table, score_column="good", label_column="name")


# ------------------------------------------------------------------------- the report


def test_the_report_shows_judged_scores(informed, tmp_path):
    results = collect([informed.parent])
    (judged,) = results.judged()
    assert judged.name == "atlas"
    assert results.samples["atlas"].metrics is None
    page = {section.id: section for section in draw_sections(results)}
    assert {"judged_scores", "judged_roc", "judged_calibration"} <= page.keys()
    assert "test_metrics" not in page
    shown = page["judged_scores"].data
    assert "<b>the classifier</b>" in shown and "the model" not in shown
    assert "84 of 84 regions" in shown and "memory cannot be judged" in shown
    assert page["judged_roc"].data.keys() <= page["judged_roc"].config["colors"].keys()
    assert "the classifier" in page["judged_roc"].data
    assert "Judged: atlas" in page["verdict"].data
    assert "5-fold cross-validation over chromosomes" in page["methods"].data


def test_judged_scores_stand_beside_the_model_that_made_them(informed, tmp_path):
    for sample in ("K562", "MM1S"):
        shutil.copytree(informed, tmp_path / sample / "judged" / "atlas")
    names = [judged.name for judged in collect([tmp_path]).judged()]
    assert names == ["K562 · atlas", "MM1S · atlas"]


# ------------------------------------------------------------------------- real data


@pytest.mark.real
def test_counting_cpg_on_real_regions_is_unmasked(real_data, tmp_path):
    """The data's own notes: CpG per base alone has AUROC 0.819."""
    data = real_data / "se_te_human_3kb"
    beds = [
        pd.read_csv(data / f"{name}_enhancers.bed", sep="\t", header=None).iloc[:, :3]
        for name in ("super", "typical")
    ]
    table = pd.concat(beds).set_axis(["chrom", "start", "end"], axis=1)
    table["label"] = np.repeat([1, 0], [len(bed) for bed in beds])
    with pysam.FastaFile(str(data / "sequences.fa.gz")) as fasta:
        table["score"] = [
            fasta.fetch(r.chrom, r.start, r.end).count("CG") for r in table.itertuples()
        ]
    table.to_csv(tmp_path / "cpg.tsv", sep="\t", index=False)
    judge(
        tmp_path / "cpg.tsv",
        data / "sequences.fa.gz",
        tmp_path / "out",
        clusters=data / "overlap_clusters.tsv",
        baseline_names=["length", "gc", "cpg_density", "composition"],
        resamples=200,
    )
    found = read(tmp_path / "out")
    assert found["test"]["model"]["auroc"]["value"] == pytest.approx(0.819, abs=0.002)
    first = found["verdict"][0]
    assert (first["level"], first["topic"]) == ("bad", "More than composition?")
    assert "CpG density alone gives AUROC 0.8" in first["text"]
    counted = found["test"]["baselines"]["cpg_density"]["auroc"]["value"]
    assert counted == pytest.approx(0.819, abs=0.005)
