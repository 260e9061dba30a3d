"""Prediction keeps every row and its own columns, in order, whatever the shards."""

import json

import numpy as np
import pandas as pd
import pybigtools
import pytest
from toys import random_sequence, tiny_model

from seformer.genome.bigbed_writer import write_bigbed
from seformer.model.folder import load_model, save_model
from seformer.model.settings import (
    Assembly,
    ClassLimit,
    ConformalSets,
    FittedCalibration,
    ModelSettings,
    TrainingRange,
)
from seformer.regions.extract import extract
from seformer.regions.nearby_genes import GENE_COLUMNS
from seformer.regions.read import iter_regions
from seformer.scoring.browser_bed import write_browser_bed
from seformer.scoring.flags import flag_regions
from seformer.scoring.merge import SCORE_COLUMNS, add_summaries, merge_predictions
from seformer.scoring.predict import predict
from seformer.scoring.score import Ensemble, Scorer
from seformer.util.errors import UserError

BED = """\
track name=enhancers
chr2\t100\t900\tone\t5\t+\textra one
chr1\t50\t1550\ttwo\t0\t-\t
chrUn\t0\t500\tunknown\t0\t.\tx
chr1\t2000\t2400\tempty\t0\t.\tx
chr1\t1000\t1100\tshort\t0\t.\tNA
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    first = random_sequence(3000, seed=1)
    first = first[:2000] + "N" * 400 + first[2400:]
    (folder / "genome.fa").write_text(f">chr1\n{first}\n>chr2\n{random_sequence(1000, seed=2)}\n")
    (folder / "regions.bed").write_text(BED)
    model = tiny_model(
        window=128,
        calibration=FittedCalibration(method="temperature", slope=2.0, intercept=-0.1),
        threshold=0.47,
        training_range=TrainingRange(length=(700, 1600), gc=(0, 1), prevalence=0.5, regions=9),
        assembly=Assembly(fingerprint="of another genome"),
    )
    save_model(model, folder / "model")
    return folder


@pytest.fixture(scope="module")
def predicted(place):
    predict(
        place / "model", place / "out", fasta=place / "genome.fa", regions=place / "regions.bed"
    )
    return pd.read_csv(place / "out" / "predictions.tsv", sep="\t", keep_default_na=False)


def test_own_columns_and_order_are_kept(predicted):
    assert predicted["chrom"].tolist() == ["chr2", "chr1", "chrUn", "chr1", "chr1"]
    assert predicted["name"].tolist() == ["one", "two", "unknown", "empty", "short"]
    assert list(predicted.columns[-5:]) == list(SCORE_COLUMNS)
    assert predicted.iloc[:, 6].tolist() == ["extra one", "", "x", "x", "NA"]


def test_the_region_file_is_read_once(place, tmp_path, opened):
    path = place / "regions.bed"
    list(iter_regions(path))
    once = [name for name, _ in opened].count(str(path))
    opened.clear()
    predict(place / "model", tmp_path / "out", fasta=place / "genome.fa", regions=path)
    assert [name for name, _ in opened].count(str(path)) == once > 0


def test_a_fault_in_the_last_line_is_said_before_anything_is_scored(place, tmp_path, monkeypatch):
    monkeypatch.setattr(Scorer, "score_encoded", None)
    for last, message in (("chr1\t9\t5", "not before end"), ("chr1\t9\t9999", "passes the end")):
        (tmp_path / "r.bed").write_text(f"chr1\t50\t1550\n{last}\n")
        with pytest.raises(UserError, match=message) as error:
            predict(
                place / "model",
                tmp_path / "out",
                fasta=place / "genome.fa",
                regions=tmp_path / "r.bed",
            )
        assert str(error.value.where) == str(tmp_path / "r.bed") and error.value.line == 2
    assert [path.name for path in tmp_path.iterdir()] == ["r.bed"]


def test_scores_are_those_of_the_sequences(place, predicted):
    from seformer.genome.genome import Genome

    with Genome(place / "genome.fa") as genome:
        sequences = [genome.fetch("chr2", 100, 900), genome.fetch("chr1", 50, 1550)]
    logits = Ensemble(load_model(place / "model")).score(sequences).logit
    assert predicted["logit"].astype(str)[:2].astype(float).to_numpy() == pytest.approx(
        logits, abs=1e-6
    )
    probability = 1 / (1 + np.exp(-(2.0 * logits - 0.1)))
    assert predicted["probability"][:2].astype(float).to_numpy() == pytest.approx(
        probability, abs=1e-6
    )
    called = ["SE" if p >= 0.47 else "TE" for p in probability]
    assert predicted["prediction"][:2].tolist() == called


def test_rows_without_a_score_say_why(predicted):
    assert predicted["flags"][2] == "unknown_chromosome"
    assert predicted["flags"][3] == "all_n"
    assert predicted["logit"][2] == ""
    assert predicted["prediction"][3] == ""
    assert predicted["coverage"].tolist()[2:4] == [0, 0]


def test_flags_say_what_to_keep_in_mind(predicted):
    assert predicted["flags"][0] == "other_assembly"
    assert predicted["flags"][4] == "length_outside_training,short,other_assembly"


@pytest.mark.parametrize(
    "flag, change",
    [
        ("length_outside_training", {"length": 5000}),
        ("gc_outside_training", {"gc": 0.9}),
        ("chromosome_outside_training", {"chrom": "chrUn_1"}),
        ("n_rich", {"n_fraction": 0.2}),
        ("short", {"length": 150}),
        ("other_assembly", {}),
    ],
)
def test_every_flag_is_raised_by_what_it_stands_for(flag, change):
    known = TrainingRange(
        length=(100, 4000), gc=(0.3, 0.7), prevalence=0.5, regions=9, chromosomes=["chr1", "chr2"]
    )
    record = {"name": "toy", "source": "preset", "revision": None, "family": "toy"}
    trained = ModelSettings(
        backbone=record, window=9, training_range=known, assembly=Assembly(fingerprint="a")
    )
    # without the prefix: the same chromosome by another habit
    usual = {"chrom": "2", "length": 1000, "gc": 0.5, "n_fraction": 0.0, "drop_reason": ""}
    row = pd.DataFrame([usual])
    assert flag_regions(row, trained, {"fingerprint": "a"}).tolist() == [""]
    genome = {"fingerprint": "b" if flag == "other_assembly" else "a"}
    assert flag_regions(row.assign(**change), trained, genome).tolist() == [flag]


def test_bed_has_the_scored_rows_in_bed9(place, predicted):
    rows = [
        line.split("\t") for line in (place / "out" / "predictions.bed").read_text().split("\n")
    ]
    rows = [row for row in rows if row != [""]]
    assert [row[3] for row in rows] == ["one", "two", "short"]
    assert all(len(row) == 9 for row in rows)
    assert [int(row[4]) for row in rows] == [
        round(1000 * float(p)) for p in predicted["probability"] if p != ""
    ]


def test_ucsc_has_the_same_rows_below_a_line_of_its_own(place, predicted):
    head, *rows = (place / "out" / "predictions.ucsc.bed").read_text().splitlines()
    assert rows == (place / "out" / "predictions.bed").read_text().splitlines()
    assert head.startswith('track name="') and 'itemRgb="On"' in head
    used = json.loads((place / "out" / "summary.json").read_text())["model"]
    assert used == {"threshold": 0.47, "test": None} and "probability of 0.47 on" in head
    assert head.count('"') == 6


def rows_of(bigbed):
    """All rows of a bigBed in its order."""
    with pybigtools.open(str(bigbed)) as track:
        return [
            (c, a, b, *rest) for c in sorted(track.chroms()) for a, b, *rest in track.records(c)
        ]


def test_the_bigbed_has_the_same_rows_along_the_genome(place, predicted):
    rows = [line.split("\t") for line in (place / "out/predictions.bed").read_text().splitlines()]
    expected = sorted((row[0], int(row[1]), int(row[2]), *row[3:]) for row in rows)
    assert rows_of(place / "out/predictions.bb") == expected
    with pybigtools.open(str(place / "out/predictions.bb")) as track:
        # by these UCSC and IGV know of the colours
        assert [field for field, *_ in track.sql(parse=True)["fields"]][-1] == "reserved"
    head = (place / "out/predictions.bb").read_bytes()[32:36]
    assert int.from_bytes(head[:2], "little") == int.from_bytes(head[2:], "little") == 9


def test_a_bigbed_of_rows_in_any_order(tmp_path):
    """Chromosomes as their letters sort, rows that begin alike by their ends, names as given."""
    rows = [("2", 7, 9, "b b"), ("10", 5, 8, "é|x"), ("2", 7, 8, "b"), ("10", 0, 90, "a")]
    lines = ["\t".join(map(str, (*row, 0, ".", *row[1:3], "213,94,0"))) for row in rows]
    files = tmp_path / "predictions.bed", tmp_path / "predictions.bb"
    files[0].write_text("".join(f"{line}\n" for line in lines))
    write_browser_bed(*files, {"chr10": 90, "chr2": 9, "chr3": 2**33}, "sizes")
    found = rows_of(tmp_path / "predictions.bb")
    assert [row[:4] for row in found] == [(f"chr{row[0]}", *row[1:]) for row in rows[::-1][:1]] + [
        ("chr10", 5, 8, "é|x"), ("chr2", 7, 8, "b"), ("chr2", 7, 9, "b")
    ]  # fmt: skip
    with pytest.raises(UserError, match="chr2 has 8 bp in this track, but a region ends at 9"):
        write_browser_bed(*files, {"chr10": 90, "chr2": 8}, "sizes")
    (tmp_path / "predictions.bb").unlink()
    write_browser_bed(*files, {"chr10": 90, "chr2": 2**32}, "sizes")
    assert not (tmp_path / "predictions.bb").exists()


def test_a_bigbed_that_does_not_read_back_gets_no_name(tmp_path):
    """pybigtools takes rows that are not in order without a word."""
    rows = [("1", 5, 6, "x"), ("1", 2, 3, "y")]
    with pytest.raises(OSError, match="cannot be written to its end"):
        write_bigbed(tmp_path / "a.bb", {"1": 10}, rows)
    assert not list(tmp_path.iterdir())


def test_results_spell_chromosomes_as_the_file_does(place, tmp_path):
    (tmp_path / "r.bed").write_text("2\t100\t900\tone\nNC_000001.11\t50\t1550\ttwo\n")
    given = {"fasta": place / "genome.fa", "regions": tmp_path / "r.bed"}
    predict(place / "model", tmp_path / "whole", **given, rename_chromosomes=True)
    extract(**given, out=tmp_path / "e", unlabelled=True, rename_chromosomes=True)
    predict(place / "model", tmp_path / "shard", extracted=tmp_path / "e")
    sizes = place / "genome.fa.fai"
    merge_predictions(
        tmp_path / "r.bed", [tmp_path / "shard"], tmp_path / "merged", chrom_sizes=sizes
    )
    bigbeds = [tmp_path / name / "predictions.bb" for name in ("whole", "merged")]
    assert bigbeds[0].read_bytes() == bigbeds[1].read_bytes()
    # a browser knows the genome's names only
    assert [row[0] for row in rows_of(bigbeds[0])] == ["chr1", "chr2"]
    merge_predictions(tmp_path / "r.bed", [tmp_path / "shard"], tmp_path / "merged")
    assert not bigbeds[1].exists()
    for result in ("predictions.tsv", "predictions.bed"):
        whole = (tmp_path / "whole" / result).read_text()
        assert whole == (tmp_path / "merged" / result).read_text()
        assert [line.split("\t")[0] for line in whole.splitlines()[-2:]] == ["2", "NC_000001.11"]


def test_summary_counts_every_row(place, predicted):
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert summary["rows"] == 5
    assert summary["scored"] == 3
    assert summary["unscored"] == {"unknown_chromosome": 1, "all_n": 1}
    assert summary["super_enhancers"] + summary["typical_enhancers"] == 3
    assert summary["flags"] == {"other_assembly": 3, "length_outside_training": 1, "short": 1}
    assert summary["bases"] == 800 + 1500 + 100


@pytest.mark.parametrize("shard_bases", [1, 1000, 10**6])
def test_shards_merged_equal_the_whole(place, predicted, tmp_path, shard_bases):
    regions = place / "regions.bed"
    extract(
        place / "genome.fa",
        tmp_path / "extracted",
        regions=regions,
        unlabelled=True,
        shard_bases=shard_bases,
    )
    shards = []
    for folder in sorted((tmp_path / "extracted").glob("shard_*")):
        shards.append(tmp_path / folder.name)
        predict(place / "model", shards[-1], extracted=folder)
    merge_predictions(regions, shards, tmp_path / "out")
    merged = pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t", keep_default_na=False)
    for column in ("logit", "probability", "coverage"):
        one, other = (pd.to_numeric(t[column]).to_numpy() for t in (merged, predicted))
        np.testing.assert_allclose(one, other, atol=1e-6)
        merged[column] = predicted[column]
    pd.testing.assert_frame_equal(merged, predicted)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary == json.loads((place / "out" / "summary.json").read_text())


def test_genes_stand_behind_the_scores(place, predicted, tmp_path):
    sites = tmp_path / "sites.bed"
    sites.write_text("1\t700\t701\tA\n1\t1500\t1501\tB\n")
    how = {"fasta": place / "genome.fa", "regions": place / "regions.bed", "gtf": sites}
    predict(place / "model", tmp_path / "whole", **how)
    found = pd.read_csv(tmp_path / "whole/predictions.tsv", sep="\t", keep_default_na=False)
    genes = list(GENE_COLUMNS)
    pd.testing.assert_frame_equal(found.drop(columns=genes), predicted)
    # chr2 has no gene, chr1 is 1 here; regions that cannot be scored have genes all the same
    assert found[genes].to_numpy().tolist() == [
        ["", "", "", ""],
        ["A,B", "", "A", "100"],
        ["", "", "", ""],
        ["", "A,B", "B", "700"],
        ["", "A,B", "A", "350"],
    ]
    track = (tmp_path / "whole/predictions.bed").read_text().splitlines()
    names = [line.split("\t")[3] for line in track]
    assert names == ["one", "two|A", "short|A"]
    extract(place / "genome.fa", tmp_path / "e", regions=how["regions"], unlabelled=True)
    predict(place / "model", tmp_path / "shard", extracted=tmp_path / "e")
    merge_predictions(how["regions"], [tmp_path / "shard"], tmp_path / "merged", gtf=sites)
    beds = ("predictions.bed", "predictions.ucsc.bed")
    for name in ("predictions.tsv", *beds, "top.tsv", "summary.json"):
        assert (tmp_path / "merged" / name).read_text() == (tmp_path / "whole" / name).read_text()
    sites.write_text("7\t700\t701\tA\n")
    for run in (
        lambda: predict(place / "model", tmp_path / "no", **how),
        lambda: merge_predictions(how["regions"], [tmp_path / "shard"], tmp_path / "no", gtf=sites),
    ):
        with pytest.raises(UserError, match="no gene lies on a chromosome of the regions"):
            run()
    with pytest.raises(UserError, match="when it is merged"):
        predict(place / "model", tmp_path / "no", extracted=tmp_path / "e", gtf=sites)
    assert not (tmp_path / "no").exists()


def test_shards_of_another_file_are_refused(place, tmp_path):
    extract(place / "genome.fa", tmp_path / "e", regions=place / "regions.bed", unlabelled=True)
    predict(place / "model", tmp_path / "s", extracted=tmp_path / "e")
    (tmp_path / "less.bed").write_text("\n".join(BED.split("\n")[:3]) + "\n")
    with pytest.raises(UserError, match="more scores than regions"):
        merge_predictions(tmp_path / "less.bed", [tmp_path / "s"], tmp_path / "out")
    (tmp_path / "moved.bed").write_text("# a new first line\n" + BED)
    with pytest.raises(UserError, match="do not fit"):
        merge_predictions(tmp_path / "moved.bed", [tmp_path / "s"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_that_are_not_all_or_twice_are_named(tmp_path):
    def shard(name, *lines):
        folder = tmp_path / name
        folder.mkdir()
        rows = [f"{line}\t0.5\t0.6\tSE\t1\t\n" for line in lines]
        (folder / "scores.tsv").write_text(
            "\t".join(["line", *SCORE_COLUMNS]) + "\n" + "".join(rows)
        )
        return folder

    regions = tmp_path / "r.bed"
    regions.write_text("".join(f"chr1\t{start}\t{start + 5}\n" for start in range(6)))
    one, two, three = shard("s_1", 1, 2), shard("s_2", 3, 4), shard("s_3", 5, 6)
    again = shard("again", 3, 4)
    missing = (
        "2 of the 6 regions have no scores. Expected: all shards of the file; 2 are given, and "
    )
    for given, message in (
        ([one, three], f"{regions}, line 3: {missing}one is missing behind {one}"),
        ([one, two], f"{regions}, line 5: {missing}one is missing behind {two}"),
        ([two, three], f"{regions}, line 1: {missing}one is missing before the first"),
        ([one, two, three, again], f"{again}: this shard, number 4 of 4, .* so has {two}"),
        ([one, two, again, three], f"{again}: this shard, number 3 of 4, .* so has {two}"),
        ([again, one, three], "not in the order of the file's rows"),
    ):
        with pytest.raises(UserError, match=message):
            merge_predictions(regions, given, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_shards_of_two_models_are_refused(place, tmp_path):
    """The record of the last one stood for all."""
    extract(
        place / "genome.fa",
        tmp_path / "e",
        regions=place / "regions.bed",
        unlabelled=True,
        shard_bases=500,
    )
    shards = []
    for folder in sorted((tmp_path / "e").glob("shard_*")):
        shards.append(tmp_path / folder.name)
        predict(place / "model", shards[-1], extracted=folder)
    assert len(shards) > 1
    merge_predictions(place / "regions.bed", shards, tmp_path / "out")
    path = shards[-1] / "summary.json"
    summary = json.loads(path.read_text())
    for key, value in (("model", {"threshold": 0.9, "test": None}), ("assembly", "hg19")):
        path.write_text(json.dumps(summary | {key: value}))
        with pytest.raises(UserError, match="than the first"):
            merge_predictions(place / "regions.bed", shards, tmp_path / "no")
    assert not (tmp_path / "no").exists()


@pytest.fixture(scope="module")
def with_sets(place):
    """The same model with limits between the scores of the regions, and its predictions."""
    table = pd.read_csv(place / "out" / "predictions.tsv", sep="\t")
    low, middle, high = sorted(table["logit"].dropna())
    sets = ConformalSets(
        coverage=0.8,
        SE=ClassLimit(limit=(middle + high) / 2, regions=30, loci=30),
        TE=ClassLimit(limit=(low + middle) / 2, regions=30, loci=30),
    )
    model = load_model(place / "model")
    model.settings.conformal = sets
    save_model(model, place / "with_sets")
    regions = {"fasta": place / "genome.fa", "regions": place / "regions.bed"}
    predict(place / "with_sets", place / "out_sets", **regions)
    return pd.read_csv(place / "out_sets" / "predictions.tsv", sep="\t", keep_default_na=False)


def test_sets_stand_behind_the_prediction(place, predicted, with_sets, caplog):
    assert list(with_sets.columns[-6:]) == [*SCORE_COLUMNS[:3], "set", *SCORE_COLUMNS[3:]]
    logit = pd.to_numeric(with_sets["logit"])
    order = np.argsort(logit[logit.notna()].to_numpy())
    scored = with_sets["set"][logit.notna()].to_numpy()
    assert scored[order].tolist() == ["TE", "none", "SE"]
    assert (with_sets["set"][logit.isna()] == "").all() and logit.isna().sum() == 2
    summary = json.loads((place / "out_sets" / "summary.json").read_text())
    assert summary["sets"] == {"SE": 1, "TE": 1, "none": 1}
    # all else is as without them
    pd.testing.assert_frame_equal(with_sets.drop(columns="set"), predicted)
    bed = (place / "out_sets" / "predictions.bed").read_text()
    assert bed == (place / "out" / "predictions.bed").read_text()


def test_another_prevalence_does_not_change_the_sets(place, with_sets, tmp_path):
    regions = {"fasta": place / "genome.fa", "regions": place / "regions.bed"}
    predict(place / "with_sets", tmp_path / "rare", prevalence=0.01, **regions)
    rare = pd.read_csv(tmp_path / "rare" / "predictions.tsv", sep="\t", keep_default_na=False)
    assert rare["set"].tolist() == with_sets["set"].tolist()
    assert rare["probability"].tolist() != with_sets["probability"].tolist()


def test_sets_survive_shards(place, with_sets, tmp_path):
    regions, shards = place / "regions.bed", []
    how = {"unlabelled": True, "shard_bases": 900}
    extract(place / "genome.fa", tmp_path / "extracted", regions=regions, **how)
    for folder in sorted((tmp_path / "extracted").glob("shard_*")):
        shards.append(tmp_path / folder.name)
        predict(place / "with_sets", shards[-1], extracted=folder)
    merge_predictions(regions, shards, tmp_path / "out")
    merged = pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t", keep_default_na=False)
    assert len(shards) > 1 and merged["set"].tolist() == with_sets["set"].tolist()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary == json.loads((place / "out_sets" / "summary.json").read_text())
    # a shard of a model without sets does not belong to them
    last = sorted((tmp_path / "extracted").glob("shard_*"))[-1]
    predict(place / "model", tmp_path / "other", extracted=last)
    with pytest.raises(UserError, match="not of the same model"):
        merge_predictions(regions, [*shards[:-1], tmp_path / "other"], tmp_path / "mixed")


def test_a_model_without_sets_says_so_once(place, tmp_path, caplog):
    caplog.set_level("INFO", "seformer")
    regions = {"fasta": place / "genome.fa", "regions": place / "regions.bed"}
    predict(place / "model", tmp_path / "out", **regions)
    assert caplog.text.count("promises no coverage") == 1
    settings = json.loads((place / "model" / "seformer.json").read_text())
    # as version 1.0 wrote it
    del settings["conformal"], settings["calibration"]["unlike_training"]
    del settings["calibration"]["slope_factor"], settings["calibration"]["intercept_shift"]
    assert ModelSettings.model_validate(settings).conformal is None


def test_a_file_without_a_usable_region(place, tmp_path, caplog):
    """Every row is in the result, unscored, and none in the track."""
    (tmp_path / "r.bed").write_text("chr1\t2000\t2400\nchr1\t0\t5\nchr1\t7\t9\n")
    predict(place / "model", tmp_path / "o", fasta=place / "genome.fa", regions=tmp_path / "r.bed")
    assert (tmp_path / "o/predictions.bed").read_text() == ""
    header, *rows = (tmp_path / "o/predictions.tsv").read_text().splitlines()
    assert header == "\t".join(["chrom", "start", "end", *SCORE_COLUMNS])
    assert rows == [
        f"chr1\t{place}\t\t\t\t0\t{reason}"
        for place, reason in (("2000\t2400", "all_n"), ("0\t5", "too_short"), ("7\t9", "too_short"))
    ]
    # in the order of every other list of reasons, not that of the rows
    assert "no region can be used (2 too_short, 1 all_n)" in caplog.text


def test_a_file_scored_before_keeps_its_old_scores(place, tmp_path):
    bed = place / "out" / "predictions.tsv"
    predict(place / "model", tmp_path / "again", fasta=place / "genome.fa", regions=bed)
    again = pd.read_csv(tmp_path / "again" / "predictions.tsv", sep="\t", keep_default_na=False)
    old = pd.to_numeric(again["input_logit"])
    np.testing.assert_allclose(old, pd.to_numeric(again["logit"]), atol=1e-6)


def test_prevalence_moves_probabilities_but_not_logits(place, predicted, tmp_path):
    predict(
        place / "model",
        tmp_path / "out",
        fasta=place / "genome.fa",
        regions=place / "regions.bed",
        prevalence=0.05,
    )
    rare = pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t", keep_default_na=False)
    assert rare["logit"].tolist() == predicted["logit"].tolist()
    assert (pd.to_numeric(rare["probability"]) < pd.to_numeric(predicted["probability"]))[0]
    with pytest.raises(UserError, match="between 0 and 1"):
        predict(
            place / "model",
            tmp_path / "x",
            fasta=place / "genome.fa",
            regions=place / "regions.bed",
            prevalence=5.0,
        )


def test_a_folder_that_is_no_model(place, tmp_path):
    with pytest.raises(UserError, match="not a model folder"):
        predict(
            tmp_path, tmp_path / "out", fasta=place / "genome.fa", regions=place / "regions.bed"
        )
    assert not (tmp_path / "out").exists()


def test_summaries_add_up():
    one = {"rows": 2, "unscored": {"all_n": 1}, "smallest_coverage": 0.5}
    two = {"rows": 3, "unscored": {}, "smallest_coverage": None}
    total = add_summaries([one, two])
    assert total == {"rows": 5, "unscored": {"all_n": 1}, "smallest_coverage": 0.5}


MACS = (
    "chr\tstart\tend\tlength\tabs_summit\tfold_enrichment\tname\n"
    'chr1\t51\t850\t800\t70\t4.5\t"a"b\nchr1\t7\t6\t0\t6\t1\tnone\nchr2\t1\t1000\t1000\t9\t4\tc"\n'
)
AS_BED = [["chr1", "50", "850", '"a"b'], ["chr2", "0", "1000", 'c"']]


def test_own_numbers_stay_and_bed_counts_from_0_however_often_it_is_scored(place, tmp_path):
    path = tmp_path / "macs_peaks.xls"
    path.write_text(MACS)
    for result in ("predictions.tsv", "predictions.bed", ""):
        out = tmp_path / f"of_{path.name}"
        genome = place / "genome.fa"
        predict(place / "model", out, fasta=genome, regions=path, invalid_regions="drop")
        if path.suffix != ".bed":
            lines = (out / "predictions.tsv").read_text().splitlines()
            assert ["\t".join(line.split("\t")[:7]) for line in lines] == MACS.splitlines()
            assert lines[2].endswith("no_length")
            said = json.loads((out / "summary.json").read_text())["read_as"]
            assert said == "MACS peaks (.xls), starts counted from 1, as its column length says"
        rows = [row.split("\t") for row in (out / "predictions.bed").read_text().splitlines()]
        assert [row[:4] for row in rows] == AS_BED
        path = out / result
