"""The signal that regions carry: read, kept, compared with scores, and the grey zone round it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from seformer.evaluation.metrics import locus_draws
from seformer.evaluation.signal_ranks import judge_signal, measure_signal
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.regions.signal import net_signal, recorded_cutoff
from seformer.splits.dataset import open_dataset
from seformer.splits.grey_zone import within
from seformer.splits.split import split
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv, write_tsv

ROSE = "REGION_ID CHROM START STOP NUM_LOCI CONSTITUENT_SIZE {} enhancerRank isSuper".split()
CHROMOSOMES = ("chr1", "chr2", "chr3", "chr7", "chr8", "chr10")
LENGTH, EVERY = 8_000, 400


def rose(*measured, ranks=(1, 2, 3)):
    """Columns of a table of ROSE's with these columns of signal."""
    names = [name for name, _ in measured]
    head = [*ROSE[:6], *names, *ROSE[7:]]
    columns = [["a", "b", "c"], ["c"] * 3, ["1"] * 3, ["9"] * 3, ["1"] * 3, ["5"] * 3]
    columns += [list(map(str, values)) for _, values in measured]
    columns += [list(map(str, ranks)), ["1", "0", "0"]]
    return dict(zip(head, columns, strict=True))


@pytest.mark.parametrize(
    ("cells", "signal", "said"),
    [
        (rose(("h.bam", [9, 4.5, 0])), [9, 4.5, 0], "h.bam"),
        # the control can leave nothing, but not less
        (rose(("h.bam", [9, 4, 2]), ("input.bam", [1, 1, 3])), [8, 3, 0], "h.bam less input.bam"),
        # a second BAM that is no control: with it subtracted the ranks would be others
        (rose(("h.bam", [9, 4, 2]), ("other.bam", [8, 1, 0.5])), [9, 4, 2], "h.bam"),
        (
            rose(("OVERLAP_GENES", ["MYC"] * 3), ("CLOSEST_GENE", ["MYC"] * 3)),
            None,
            None,
        ),
        ({"chrom": ["c"], "Signal": ["3"]}, [3], "Signal"),
        ({"signal": ["3", "NA", "", "inf"], "control": ["1"] * 4}, [2] + [np.nan] * 3, "signal"),
        ({"se_con_value": ["1"], "se_cas_value": ["4"]}, [3], "se_cas_value less se_con_value"),
        ({"signal": ["H3K27ac", "H3K27ac"]}, None, None),
        ({"name": ["a"], "score": ["9"]}, None, None),
    ],
)
def test_signal_is_found_and_the_control_subtracted(cells, signal, said):
    found = net_signal(cells)
    if signal is None:
        assert found is None
        return
    np.testing.assert_allclose(found[0], signal)
    assert found[1].startswith(said)


def test_the_cutoff_is_read_from_the_comments(write):
    table = "#K562 Enhancers\n#Ranked by h.bam\n#Using cutoff of {} for Super-Enhancers\nx\ty\n"
    one, other = write("a.txt", table.format("573.87")), write("b.txt", table.format("1.5e+3"))
    assert recorded_cutoff([one]) == 573.87
    assert recorded_cutoff([other]) == 1500
    assert recorded_cutoff([one, other]) is None
    assert recorded_cutoff([write("c.txt", "x\ty\n")]) is None


@pytest.fixture
def genome(fasta, random_bases):
    return fasta({name: random_bases(LENGTH, i) for i, name in enumerate(CHROMOSOMES)}, width=60)


@pytest.fixture
def sample(tmp_path, genome, write):
    """Extract 120 regions with signal 1, 2, 3 and so on; above 60 they are super, and ``also``."""

    def make(name="K562", cutoff=60, comment=True, above=60, also=0, **options):
        places = [(c, at) for at in range(0, LENGTH, EVERY) for c in CHROMOSOMES]
        supers = {also, *range(above + 1, 121)}
        rows = [
            f"r{n}\t{c}\t{at}\t{at + 100}\t1\t100\t{n + 3}\t3\t{121 - n}\t{int(n in supers)}"
            for n, (c, at) in enumerate(places, 1)
        ]
        head = "\t".join([*ROSE[:6], "h.bam", "input.bam", *ROSE[7:]])
        said = f"#Using cutoff of {cutoff} for Super-Enhancers\n" if comment else ""
        table = write(f"{name}.txt", said + "\n".join([head, *rows]) + "\n")
        folder = tmp_path / f"x_{name}"
        return folder, extract(genome, folder, regions=table, sample=name, **options)

    return make


def test_extract_keeps_signal_and_cutoff(sample):
    folder, summary = sample()
    assert read_extracted(folder).regions["signal"].tolist() == list(range(1, 121))
    assert summary["signal"] == {
        "columns": {"K562.txt": "h.bam less input.bam"},
        "regions": 120,
        "zero": 0,
        "without": 0,
        "cutoff": 60.0,
        "cutoff_from": "recorded",
    }
    # half way between 60 and 61, as nothing is recorded
    assert sample(comment=False)[1]["signal"]["cutoff"] == 60.5
    assert sample(comment=False)[1]["signal"]["cutoff_from"] == "midpoint"


def test_units_and_random_regions(sample):
    folder, summary = sample(unit="window", unit_length=60, random_negatives="10")
    rows = read_extracted(folder).regions
    drawn = rows["source"] == "random"
    assert drawn.sum() == 10 and rows["signal"][drawn].isna().all()
    of_parent = rows[~drawn].groupby("parent")["signal"]
    assert (of_parent.nunique() == 1).all() and (of_parent.size() == 2).all()
    assert summary["signal"]["without"] == 0


def test_folders_of_before_have_no_signal(sample, tmp_path):
    folder, _ = sample()
    table = read_tsv(folder / "regions.tsv").drop(columns="signal")
    write_tsv(table, folder / "regions.tsv")
    assert read_extracted(folder).regions["signal"].isna().all()
    split([folder], tmp_path / "s")
    old = tmp_path / "s/K562/splits.tsv"
    write_tsv(read_tsv(old).drop(columns="grey_zone"), old)
    assert (open_dataset([folder], [old]).regions["split"] != "").all()


def test_classes_apart_carry_signal_too(genome, write, tmp_path):
    head = "chrom\tstart\tend\tsignal\n"
    se = write("se.tsv", head + "chr1\t0\t100\t9\nchr1\t200\t300\t5\n")
    te = write("te.tsv", head + "chr1\t400\t500\t4\nchr1\t600\t700\tx\n")
    made = extract(genome, tmp_path / "o", super_enhancers=se, typical_enhancers=te)["signal"]
    assert (made["regions"], made["without"], made["cutoff"]) == (3, 1, 4.5)
    bed = write("te.bed", "chr1\t400\t500\n")
    made = extract(genome, tmp_path / "o", super_enhancers=se, typical_enhancers=bed)["signal"]
    assert (made["without"], made["cutoff"]) == (1, None)
    se = write("se.bed", "chr1\t0\t100\n")
    assert (
        extract(genome, tmp_path / "o", super_enhancers=se, typical_enhancers=bed)["signal"] is None
    )


# ------------------------------------------------------------------------- the grey zone


def test_the_zone_has_both_of_its_ends():
    signal = np.array([7.9, 8.0, 10.0, 12.0, 12.1, np.nan, 0.0])
    assert within(signal, 10, 0.2).tolist() == [False, True, True, True, False, False, False]
    assert within(np.array([0.7, 0.69]), 1.0, 0.3).tolist() == [True, False]


def test_the_zone_is_left_out_of_training_alone(sample, tmp_path, caplog):
    caplog.set_level("INFO")
    folder, _ = sample()
    plain = split([folder], tmp_path / "plain")
    audit = split([folder], tmp_path / "grey", grey_zone=0.2)
    assert audit["split_hash"] == plain["split_hash"] and "grey_zone" not in plain
    rows = read_tsv(tmp_path / "grey/K562/splits.tsv")
    near = read_extracted(folder).regions["signal"].between(48, 72)
    train = rows["split"] == "train"
    outcome = rows["grey_zone"].fillna("")
    assert outcome.tolist() == np.select([near & train, near], ["left_out", "kept"], "").tolist()
    files = [[tmp_path / name / "K562/splits.tsv"] for name in ("plain", "grey")]
    before, after = (open_dataset([folder], file).regions for file in files)
    out = (before["split"] == "train") & near
    assert out.sum() > 5
    assert f"training leaves it out, {out.sum()} of its regions" in caplog.text
    assert (after["split"][out] == "").all() and after["split"][~out].equals(before["split"][~out])
    assert {part: (after["split"] == part).sum() for part in ("validation", "test")} == {
        part: (before["split"] == part).sum() for part in ("validation", "test")
    }
    assert audit["grey_zone"] == {
        "share": 0.2,
        "samples": {
            "K562": {
                "cutoff": 60.0,
                "cutoff_from": "recorded",
                "regions": 120,
                "without_signal": 0,
                "super_enhancers": 12,
                "typical_enhancers": 13,
            }
        },
        "left_out": int(out.sum()),
        "validation": int((near & (rows["split"] == "validation")).sum()),
        "test": int((near & (rows["split"] == "test")).sum()),
    }


def test_no_table_takes_a_region_out_of_the_test(sample, tmp_path):
    folder, _ = sample()
    split([folder], tmp_path / "s", grey_zone=0.2)
    path = tmp_path / "s/K562/splits.tsv"
    write_tsv(read_tsv(path).assign(grey_zone="left_out"), path)
    with pytest.raises(UserError, match="train part has 0 super"):
        open_dataset([folder], [path])
    rows = read_tsv(path)
    write_tsv(rows.assign(grey_zone=np.where(rows["split"] == "train", "", "left_out")), path)
    read = open_dataset([folder], [path]).regions
    assert read["split"].tolist() == rows["split"].tolist()


def test_every_sample_has_its_own_cutoff_in_every_fold(sample, tmp_path):
    folders = [sample("a")[0], sample("b", cutoff=100, above=100)[0]]
    audit = split(folders, tmp_path / "s", folds=3, grey_zone=0.1)
    counts = {
        name: (of["super_enhancers"], of["typical_enhancers"])
        for name, of in audit["grey_zone"]["samples"].items()
    }
    assert counts == {"a": (6, 7), "b": (10, 11)}
    assert "left_out" not in audit["grey_zone"]
    for fold in audit["folds"]:
        rows = [
            read_tsv(tmp_path / f"s/fold_{fold['fold']}/{name}/splits.tsv") for name in ("a", "b")
        ]
        every = pd.concat(rows)
        assert fold["grey_zone"]["left_out"] == (every["grey_zone"] == "left_out").sum() > 0
        assert fold["grey_zone"]["test"] > 0
        assert set(every["split"][every["grey_zone"] == "left_out"]) == {"train"}


@pytest.mark.parametrize(
    ("options", "share", "message"),
    [
        ({"comment": False, "also": 3}, 0.2, "no cut-off"),
        ({"cutoff": 0}, 0.2, "the cut-off is 0"),
        ({}, 0.9, "--grey-zone 0.9 leaves 3 super-enhancers and 3 typical"),
        ({}, 1.0, "not a share of the cut-off"),
        ({}, -0.1, "not a share of the cut-off"),
    ],
)
def test_what_no_zone_can_be_of_is_told(sample, tmp_path, options, share, message):
    folder, _ = sample(**options)
    with pytest.raises(UserError, match=message):
        split([folder], tmp_path / "s", grey_zone=share)
    assert not (tmp_path / "s").exists()


def test_a_zone_without_signal_is_told(genome, bed, tmp_path):
    places = [(c, at, at + 100) for at in range(0, LENGTH, EVERY) for c in CHROMOSOMES]
    se, te = bed("se.bed", places[::2]), bed("te.bed", places[1::2])
    extract(genome, tmp_path / "x", super_enhancers=se, typical_enhancers=te, sample="K562")
    with pytest.raises(UserError, match="regions of K562 have no signal"):
        split([tmp_path / "x"], tmp_path / "s", grey_zone=0.2)


# ------------------------------------------------------------------------- score and signal


def drawn(n=300, seed=0):
    rng = np.random.default_rng(seed)
    signal = np.exp(rng.normal(size=n))
    rows = pd.DataFrame(
        {
            "sample": "K562",
            "label": (signal > 1.5).astype(int),
            "cluster": [f"c{i // 2}" for i in range(n)],
            "signal": signal,
        }
    )
    score = np.log(signal) + rng.normal(size=n)
    others = {"gc": rng.normal(size=n), "length": np.log(signal) + 3 * rng.normal(size=n)}
    return rows, score, others


def test_correlations_are_those_of_scipy_in_value_and_resamples():
    rows, score, others = drawn()
    rows.loc[:4, "signal"], rows.loc[5:11, "signal"] = 0.0, np.nan
    found = measure_signal(rows, score, others, 50, 3)
    assert (found["n"], found["zero"], found["without"]) == (288, 5, 7)
    used = (rows["signal"] > 0).to_numpy()
    labels = rows["label"].to_numpy()
    for group, chosen in (
        ("all", used),
        ("SE", used & (labels == 1)),
        ("TE", used & (labels == 0)),
    ):
        signal = rows["signal"].to_numpy()
        expected = spearmanr(score[chosen], np.log(signal[chosen])).statistic
        assert found[group]["value"] == pytest.approx(expected, abs=1e-12)
        assert found[group]["n"] == chosen.sum()
        each = []
        for weights in locus_draws(labels, rows["cluster"], 50, np.random.default_rng(3)):
            for row in weights:
                again = np.repeat(np.flatnonzero(chosen), row[chosen].astype(int))
                each.append(
                    [
                        spearmanr(x[again], signal[again]).statistic
                        for x in (score, others["length"])
                    ]
                )
        each = np.array(each)
        np.testing.assert_allclose(
            [found[group]["low"], found[group]["high"]], np.percentile(each[:, 0], [2.5, 97.5])
        )
        best = found["baselines"][group]
        if best["baseline"] == "length":
            np.testing.assert_allclose(
                [found["delta"][group][end] for end in ("low", "high")],
                np.percentile(each[:, 0] - each[:, 1], [2.5, 97.5]),
            )
    assert found["baselines"]["all"]["baseline"] == "length"


def test_samples_are_ranked_each_for_itself():
    rows, score, _ = drawn()
    there = rows.assign(sample="other", signal=1000 * rows["signal"], cluster="o" + rows["cluster"])
    both = measure_signal(pd.concat([rows, there]), np.tile(score, 2), {}, 20, 1)
    alone = measure_signal(rows, score, {}, 20, 1)
    assert both["all"]["value"] == pytest.approx(alone["all"]["value"], abs=1e-9)
    assert both["baselines"] == {}


def test_few_regions_of_a_class_have_no_correlation():
    rows, score, others = drawn()
    few = rows["label"].eq(0) | (rows["label"].eq(1).cumsum() <= 4)
    found = measure_signal(
        rows[few], score[few], {name: x[few] for name, x in others.items()}, 20, 1
    )
    assert found["SE"] == {"n": 4}
    assert set(found["delta"]) == {"all", "TE"}
    assert measure_signal(rows.assign(signal=np.nan), score, others, 20, 1) is None
    assert measure_signal(rows.assign(signal=0.0), score, others, 20, 1) is None


def test_a_score_of_the_classes_alone_does_not_follow_within_them():
    rows, score, others = drawn()
    rng = np.random.default_rng(1)
    classes = 5 * rows["label"].to_numpy() + rng.normal(size=len(rows))
    (said,) = judge_signal({"signal": measure_signal(rows, classes, others, 200, 1)})
    assert "not shown to follow the signal" in said.text
    (said,) = judge_signal({"signal": measure_signal(rows, score, {"gc": others["gc"]}, 200, 1)})
    for name in ("super-enhancers", "typical enhancers"):
        assert f"It follows the signal within {name}, more than " in said.text
    measured = measure_signal(rows, score, {"length": score + 0.01 * others["gc"]}, 200, 1)
    (said,) = judge_signal({"signal": measured})
    for name in ("super-enhancers", "typical enhancers"):
        assert f"within {name}, but not shown to do so more than region length" in said.text
    assert judge_signal({}) == []
