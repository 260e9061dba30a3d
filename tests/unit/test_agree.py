"""Scores beside a measured table: matches counted by hand, statistics against scipy."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score

from seformer.evaluation.agree import agree, agree_tables
from seformer.evaluation.agreement import measure_classes, measure_ranks, rank_correlations
from seformer.evaluation.judge import judge_frame
from seformer.evaluation.matching import choose_scores, match_places, name_loci
from seformer.util.errors import UserError

N, LENGTH, STEP = 60, 300, 20_000
QUICK = {"resamples": 60}
ENCODE = (
    "chrom chromStart chromEnd name EffectSize chrTSS startTSS endTSS measuredGeneSymbol"
    " Significant pValueAdjusted ValidConnection CellType Reference Regulated"
).split()


@pytest.fixture(scope="module")
def drawn():
    """Scores that know the activity of elements, and ENCODE's table of what these do."""
    rng = np.random.default_rng(3)
    activity = rng.standard_normal(N)
    start = 1000 + STEP * np.arange(N)
    scores = pd.DataFrame(
        {
            "chrom": "chr1",
            "start": start - 50,
            "end": start + LENGTH + 50 + rng.integers(0, 100, N),
            "logit": activity + 0.5 * rng.standard_normal(N),
        }
    )
    effect = -(activity + 0.3 * rng.standard_normal(N))
    tss = start + rng.integers(5_000, 90_000, N)
    yes = np.where(effect < -0.4, "TRUE", "FALSE")
    rows = zip(
        *(["chr1"] * N, start, start + LENGTH, [f"e{i}" for i in range(N)], effect, ["chr1"] * N),
        *(tss, tss + 1, [f"gene{i // 2}" for i in range(N)], yes, [0.01] * N, ["TRUE"] * N),
        *(["K562"] * N, ["made"] * N, yes),
        strict=True,
    )
    return scores, pd.DataFrame(rows, columns=ENCODE)


@pytest.fixture(scope="module")
def crispr(drawn):
    return agree_tables(*drawn, value_direction="lower", **QUICK)


# ------------------------------------------------------------------------- the whole


def test_a_made_table_of_encode_gives_what_scipy_gives(drawn, crispr):
    scores, measured = drawn
    found, effect = crispr.found, -measured["EffectSize"]
    assert found["spearman"]["scorers"]["score"]["value"] == pytest.approx(
        spearmanr(scores["logit"], effect).statistic
    )
    regulated = measured["Regulated"] == "TRUE"
    auroc = found["auroc"]["scorers"]["score"]
    assert auroc["value"] == pytest.approx(roc_auc_score(regulated, scores["logit"]))
    assert auroc["low"] < auroc["value"] < auroc["high"]
    assert found["auroc"]["positive"] == regulated.sum()
    middle = (measured["chromStart"] + measured["chromEnd"]) / 2
    distance = (measured["startTSS"] - middle).abs()
    assert found["spearman"]["scorers"]["distance"]["value"] == pytest.approx(
        abs(spearmanr(distance, effect).statistic)
    )
    assert crispr.table["distance"].tolist() == distance.tolist()
    assert found["measured"]["columns"] == {
        "value": "EffectSize",
        "class": "Regulated",
        "target": "measuredGeneSymbol",
        "tss": "startTSS",
    }
    # elements are 20 kb apart, further than the gap: a gene's two are one locus
    assert found["spearman"]["loci"] == N // 2


def test_the_answer_is_the_first_sentence(crispr):
    first, second = crispr.found["verdict"][:2]
    assert first["level"] == second["level"] == "good"
    assert first["text"].startswith("Yes, and more than nearness to the target's TSS: rank corr")
    assert "AUROC" in second["text"]
    assert "30 loci" in first["text"]


def test_effects_that_fall_disagree_until_their_direction_is_given(drawn):
    found = agree_tables(*drawn, **QUICK).found
    assert found["verdict"][0]["text"].startswith("No, they disagree: rank correlation −0.")
    assert "--value-direction" in found["verdict"][0]["text"]


def test_chance_is_told(drawn):
    scores, measured = drawn
    rng = np.random.default_rng(5)
    guessed = scores.assign(logit=rng.standard_normal(N))
    first = agree_tables(guessed, measured, value_direction="lower", **QUICK).found["verdict"][0]
    assert (first["level"], first["text"][:28]) == ("bad", "No, not more than by chance:")


def test_scores_that_are_length_are_not_more_than_length(drawn):
    scores, measured = drawn
    length = 300 + 10 * rankdata(-measured["EffectSize"]).astype(int)
    measured = measured.assign(chromEnd=measured["chromStart"] + length)
    by_length = scores.assign(logit=length, end=measured["chromEnd"])
    found = agree_tables(by_length, measured, value_direction="lower", **QUICK).found
    assert found["spearman"]["best_baseline"] == "length"
    assert found["spearman"]["directions"]["length"] == "higher"
    assert found["spearman"]["delta"] == pytest.approx({"value": 0, "low": 0, "high": 0})
    assert found["verdict"][0]["text"].startswith("Yes, but not surely more than region length: ")
    assert found["spearman"]["beyond_baselines"]["value"] == 0


def test_composition_stands_beside_with_a_genome(drawn, tmp_path):
    _, measured = drawn
    rng = np.random.default_rng(0)
    bases = "".join(rng.choice(list("ACGT"), 1000 + STEP * N + 200_000))
    (tmp_path / "genome.fa").write_text(f">1\n{bases}\n")
    how = {"value_direction": "lower", "rename_chromosomes": True}
    result = agree_tables(*drawn, fasta=tmp_path / "genome.fa", **how, **QUICK)
    element = bases[1000 : 1000 + LENGTH]
    row = result.table.iloc[0]
    assert row["gc"] == pytest.approx(sum(map(element.count, "GC")) / LENGTH)
    assert row["cpg_density"] == pytest.approx(element.count("CG") / LENGTH)
    found = result.found["spearman"]["scorers"]
    assert {"gc", "cpg", "cpg_density", "distance", "score"} == set(found)
    assert result.found["baselines_left_out"] == {"length": "the same in all rows"}
    rho = spearmanr(result.table["gc"], -measured["EffectSize"]).statistic
    assert found["gc"]["value"] == pytest.approx(abs(rho))


def test_files_and_frames_give_the_same_by_the_command(drawn, crispr, tmp_path):
    for name, table in zip(("scores.tsv", "measured.csv"), drawn, strict=True):
        table.to_csv(tmp_path / name, sep="\t" if name == "scores.tsv" else ",", index=False)
    words = ["agree", "--scores", "scores.tsv", "--measured", "measured.csv", "--out", "out"]
    command = [sys.executable, "-m", "seformer.cli", *words, "--value-direction", "lower"]
    done = subprocess.run(
        [*command, "--bootstrap", "60"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Do the scores agree with what was measured? Yes" in done.stderr
    found = json.loads((tmp_path / "out/agreement.json").read_text())
    assert next(iter(found)) == "verdict"
    for metric in ("spearman", "auroc"):
        for name, expected in crispr.found[metric]["scorers"].items():
            assert found[metric]["scorers"][name] == pytest.approx(expected)
    table = pd.read_csv(tmp_path / "out/agreement.tsv", sep="\t")
    assert len(table) == N
    assert table["scored_region"][0] == "chr1:{}-{}".format(*drawn[0].loc[0, ["start", "end"]])


def test_the_order_of_rows_changes_nothing(drawn, crispr):
    rng = np.random.default_rng(9)
    shuffled = [table.iloc[rng.permutation(N)] for table in drawn]
    found = agree_tables(*shuffled, value_direction="lower", **QUICK).found
    for metric in ("spearman", "auroc"):
        for name, expected in crispr.found[metric]["scorers"].items():
            assert found[metric]["scorers"][name]["value"] == pytest.approx(expected["value"])


# ------------------------------------------------------------------------- what is compared


def places(*rows):
    return pd.DataFrame([("chr1", *row) for row in rows], columns=["chrom", "start", "end"])


def test_matches_are_counted_by_shared_bases():
    measured = places((100, 200), (300, 400), (500, 600))
    scored = places((0, 150), (160, 200), (350, 390), (560, 1000))
    found = match_places(measured, scored, 0.5)
    assert [*zip(found.measured, found.scored, found.shared, strict=True)] == [
        (0, 0, 50),
        (0, 1, 40),
        (1, 2, 40),
    ]
    assert found.count.tolist() == [2, 1, 0]
    assert found.too_little.tolist() == [0, 0, 1]
    assert match_places(measured, scored, 0.4).count.tolist() == [2, 1, 1]


@pytest.mark.parametrize(
    ("several", "expected"),
    [("most", [1, 7, np.nan]), ("mean", [3, 7, np.nan]), ("max", [5, 7, np.nan])],
)
def test_of_several_scores_one_counts(several, expected):
    measured, scored = places((100, 200), (300, 400), (900, 950)), places((90, 190), (130, 190))
    scored = pd.concat([scored, places((300, 400))], ignore_index=True)
    matches = match_places(measured, scored, 0.5)
    chosen, best = choose_scores(matches, scored, np.array([1.0, 5, 7]), several)
    assert chosen.tolist() == pytest.approx(expected, nan_ok=True)
    assert best.tolist() == [0, 2, -1]


def test_several_can_be_dropped_and_every_row_has_a_status(drawn):
    scores, measured = drawn
    twice = pd.concat([scores, scores.iloc[:2].assign(logit=9)], ignore_index=True)
    twice.loc[5, "logit"] = np.nan
    measured = measured.astype({"EffectSize": object})
    measured.loc[7, ["EffectSize", "Regulated"]] = ["NA", ""]
    measured.loc[8, ["chromStart", "chromEnd"]] = [5, 90]
    measured.loc[9, ["chromStart", "chromEnd"]] = [measured["chromStart"][9] - 250] * 2
    measured.loc[9, "chromEnd"] += 310
    result = agree_tables(twice, measured, several="drop", **QUICK)
    assert result.found["left_out"] == {"no_match": 2, "no_score": 1, "no_value": 1, "several": 2}
    assert result.table["status"][:10].tolist() == [
        *("several", "several", "used", "used", "used", "no_score", "used", "no_value"),
        *("no_match", "no_match"),
    ]
    assert result.found["matching"]["overlap_too_little"] == 1
    assert result.found["measured"]["used"] == N - 6


def test_scores_that_are_repeated_count_once(drawn, crispr):
    scores, measured = drawn
    twice = pd.concat([scores, scores.assign(name="again")], ignore_index=True)
    result = agree_tables(twice, measured, value_direction="lower", several="drop", **QUICK)
    assert result.found["scores"]["repeated"] == N
    assert result.found["matching"]["several_scores"] == 0
    assert result.found["spearman"] == crispr.found["spearman"]


def test_measured_rows_that_are_repeated_count_once_and_others_of_their_place_are_told(
    drawn, crispr
):
    scores, measured = drawn
    twice = pd.concat([measured, measured.iloc[:9]], ignore_index=True)
    result = agree_tables(scores, twice, value_direction="lower", **QUICK)
    assert result.found["left_out"] == {"repeated": 9}
    assert result.table["status"].eq("repeated")[N:].all()
    for metric in ("spearman", "auroc"):
        assert result.found[metric] == crispr.found[metric]
    twice.loc[N:, "EffectSize"] += 1
    twice.loc[N + 7 :, "measuredGeneSymbol"] = "another"
    result = agree_tables(scores, twice, value_direction="lower", **QUICK)
    assert result.found["measured"]["used"] == N + 9
    assert result.found["measured"]["measured_again"] == 7
    texts = " ".join(finding["text"] for finding in result.found["verdict"])
    assert "7 of them are of a place and target that a row before has" in texts


def test_loci_are_joined_by_place_score_and_gene():
    measured = places((0, 10), (50, 60), (5000, 5010), (9000, 9010), (20_000, 20_010))
    scored = places((0, 10), (50, 60), (5000, 9010), (20_000, 20_010))
    genes = np.array(["", "a", "", "", "a"])
    loci = name_loci(measured, scored, np.array([0, 1, 2, 2, 3]), genes, gap=100)
    assert loci.tolist() == [0, 0, 1, 1, 0]
    apart = name_loci(measured, scored, np.array([0, 1, 2, 2, 3]), np.array([""] * 5), gap=10)
    assert apart.tolist() == [0, 1, 2, 2, 3]


def test_variants_match_by_allele():
    rng = np.random.default_rng(1)
    variants = pd.DataFrame(
        {
            "chrom": "chr2",
            "position": np.repeat(1000 * np.arange(1, 31) * 20, 2),
            "reference": "A",
            "alternative": ["C", "G"] * 30,
            "difference": rng.standard_normal(60),
        }
    )
    measured = variants.rename(
        columns={"position": "pos", "reference": "ref", "alternative": "alt", "chrom": "chr"}
    )
    measured["log2FC"] = measured.pop("difference") * 2
    measured.loc[0, ["ref", "alt"]] = ["C", "A"]
    result = agree_tables(variants, measured, **QUICK)
    assert result.found["spearman"]["scorers"] == {
        "score": pytest.approx({"value": 1.0, "low": 1.0, "high": 1.0})
    }
    assert result.found["spearman"]["loci"] == 30
    assert (result.found["matching"]["other_allele"], result.found["measured"]["used"]) == (1, 59)
    assert result.table.loc[1, ["start", "end"]].tolist() == [19_999, 20_000]
    small = agree_tables(variants, measured, value_direction="absolute", **QUICK).found
    expected = spearmanr(variants["difference"][1:], measured["log2FC"][1:].abs()).statistic
    assert small["spearman"]["scorers"]["score"]["value"] == pytest.approx(expected)


# ------------------------------------------------------------------------- statistics


def test_the_partial_correlation_is_the_textbook_one():
    rng = np.random.default_rng(2)
    x, z = rng.standard_normal((2, 80))
    y = x + z + rng.standard_normal(80)
    found = measure_ranks(y, {"score": x + 0.5 * z, "gc": z}, np.arange(80), 20, 1)
    (xy, xz, yz) = (
        spearmanr(*pair).statistic for pair in ((x + 0.5 * z, y), (x + 0.5 * z, z), (y, z))
    )
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert found["beyond_baselines"]["value"] == pytest.approx(expected)


def test_rows_of_a_resample_count_as_if_they_stood_there():
    rng = np.random.default_rng(6)
    x, y = rng.integers(0, 9, (2, 40)) * 1.0
    weights = rng.integers(0, 4, 40)
    rows = np.repeat(np.arange(40), weights)
    found = rank_correlations([x, y, x * 0], weights * 1.0)
    assert found[0, 1] == pytest.approx(spearmanr(x[rows], y[rows]).statistic)
    assert found[0, 0] == pytest.approx(1)
    assert found[:, 2].tolist() == [0, 0, 0]


def test_loci_drawn_whole_widen_the_interval():
    rng = np.random.default_rng(4)
    x = np.repeat(rng.standard_normal(15), 20)
    y = np.repeat(rng.standard_normal(15), 20) + 0.5 * x
    apart = measure_ranks(y, {"score": x}, np.arange(300), 100, 1)["scorers"]["score"]
    whole = measure_ranks(y, {"score": x}, np.repeat(np.arange(15), 20), 100, 1)["scorers"]["score"]
    assert whole["high"] - whole["low"] > 2 * (apart["high"] - apart["low"])


def test_classes_of_a_baseline_are_turned_to_its_side():
    answer = np.array([0, 0, 0, 1, 1, 1] * 4)
    x = np.arange(24) * 1.0
    found = measure_classes(answer, {"score": x, "gc": -answer * 1.0}, np.arange(24), 20, 1)
    assert found["scorers"]["gc"]["value"] == 1
    assert found["directions"] == {"gc": "lower"}
    assert found["scorers"]["score"]["value"] == pytest.approx(roc_auc_score(answer, x))


def test_with_classes_alone_the_auroc_answers(drawn):
    scores, measured = drawn
    plain = measured[["chrom", "chromStart", "chromEnd"]].assign(
        active=np.where(measured["Regulated"] == "TRUE", "active", "not active")
    )
    found = agree_tables(scores, plain, **QUICK).found
    assert found["spearman"] is None
    assert found["verdict"][0]["text"].startswith("Yes: AUROC 0.")
    assert found["baselines_left_out"]["gc"] == "needs --fasta"
    assert found["baselines_left_out"]["distance"] == "no column of a target's TSS"


def test_a_class_of_something_else_is_passed_over_unless_it_is_named(drawn):
    scores, measured = drawn
    plain = measured[["chrom", "chromStart", "chromEnd", "EffectSize"]]
    kinds = plain.assign(**{"class": "promoter"})
    found = agree_tables(scores, kinds, value_direction="lower", **QUICK).found
    assert found["auroc"] is None
    assert found["measured"]["columns"]["class"] == ""
    with pytest.raises(UserError, match="class 'promoter' in the column class is unknown"):
        agree_tables(scores, kinds, class_column="class", **QUICK)


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"chrom": "2"}, {}, "no measured row has a score .*of one assembly"),
        ({"EffectSize": "high"}, {}, "the value 'high' in the column EffectSize.*--value-column"),
        ({"Regulated": "maybe"}, {}, "class 'maybe' in the column Regulated is unknown"),
        ({"EffectSize": 0, "Regulated": "NO"}, {}, "too little to compare: 60 measured rows"),
        ({}, {"value_column": "nothing"}, "no column 'nothing'"),
        ({}, {"value_column": "Regulated"}, "the same column, Regulated"),
        ({}, {"value_direction": "down"}, "--value-direction down.*higher"),
        ({}, {"min_overlap": 0}, "the overlap 0"),
        ({}, {"locus_gap": 10**9}, "too little to compare.*in 1 loci"),
    ],
)
def test_what_cannot_be_used_is_told(drawn, change, options, message):
    scores, measured = drawn
    with pytest.raises(UserError, match=message):
        agree_tables(scores, measured.assign(**change), **QUICK, **options)


def test_a_table_without_measurements_lists_its_columns(drawn):
    scores, measured = drawn
    plain = measured[["chrom", "chromStart", "chromEnd", "CellType"]]
    with pytest.raises(UserError, match=r"usual name of what is measured.*CellType"):
        agree_tables(scores, plain, **QUICK)


def test_lines_of_variants_are_named(drawn, tmp_path):
    scores, _ = drawn
    (tmp_path / "v.tsv").write_text("chrom\tpos\tref\talt\tlog2FC\nchr1\t0\tA\tC\t1\n")
    with pytest.raises(UserError, match=r"v\.tsv, line 2: position '0' is not a whole number"):
        agree(tmp_path / "v.tsv", tmp_path / "v.tsv", tmp_path / "out")
    (tmp_path / "v.tsv").write_text("chrom\tpos\tlog2FC\nchr1\t5\n")
    with pytest.raises(UserError, match="line 2: 2 columns where the header has 3"):
        agree_tables(scores, tmp_path / "v.tsv")
    assert not (tmp_path / "out").exists()


def test_what_is_no_table_is_told(drawn):
    for tables in (([1], drawn[1]), (drawn[0], None)):
        with pytest.raises(UserError, match=r"a table is of the type .* make a pandas.DataFrame"):
            agree_tables(*tables)
    with pytest.raises(UserError, match="frame is of the type"):
        judge_frame([1], "genome.fa")


def test_swapped_alleles_are_told(tmp_path):
    header = "chrom\tpos\tref\talt\tlog2FC\n"
    (tmp_path / "v.tsv").write_text(header + "chr1\t5\tA\tC\t1\nchr1\t8\tG\tT\t2\n")
    (tmp_path / "m.tsv").write_text(header + "chr1\t5\tC\tA\t1\nchr1\t9\tG\tT\t2\n")
    with pytest.raises(UserError, match="at the places of 1 of them other alleles are scored"):
        agree_tables(tmp_path / "v.tsv", tmp_path / "m.tsv", score_column="log2FC")


def test_alleles_are_compared_whatever_their_columns_are_called(tmp_path, caplog):
    variants = pd.DataFrame(
        {"chrom": "chr1", "pos": 20_000 * np.arange(1, 31), "ref": "A", "alt": "C", "score": 0.5}
    ).assign(score=np.arange(30))
    other = variants.assign(alt="G").rename(columns={"score": "log2FC"})
    for names in (("ref_allele", "alt_allele"), ("Reference Allele", "Alternate-Allele")):
        with pytest.raises(UserError, match="at the places of 30 of them other alleles are scored"):
            agree_tables(variants, other.set_axis(["chrom", "pos", *names, "log2FC"], axis=1))
    assert "whatever" not in caplog.text
    agree_tables(variants, other.drop(columns=["ref", "alt"]), **QUICK)
    assert "places are compared, whatever their alleles" in caplog.text
