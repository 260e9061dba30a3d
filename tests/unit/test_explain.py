import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
from toys import random_sequence, toy_model

from seformer.explain import check as check_module
from seformer.explain import explain as module
from seformer.explain import top_regions, tracks
from seformer.explain.attribute import attribute
from seformer.explain.check import check
from seformer.explain.folder import (
    SUMMARY_FILE,
    TABLE_FILE,
    iterate,
    read_attributions,
    read_windows,
)
from seformer.explain.merge import merge_attributions
from seformer.explain.summary import RegionSummary, merge_summaries
from seformer.explain.top_regions import TOP_FILE
from seformer.explain.tracks import BEDGRAPH_FILE, TRACK_FILE, write_tracks
from seformer.explain.values import VALUES_FILE, Values, ValuesWriter
from seformer.regions.extract import extract
from seformer.regions.nearby_genes import GENE_COLUMNS
from seformer.scoring.score import Ensemble
from seformer.util import records, shapes
from seformer.util.errors import UserError
from seformer.util.tables import write_tsv

REGIONS = [
    ("chr2", 100, 400, "first"),
    ("chr1", 0, 90, "start"),
    ("chr9", 0, 90, "unknown"),
    ("chr1", 950, 1000, "end"),
    ("chr2", 350, 500, "shared"),
    ("chr1", 300, 420, "n_inside"),
    ("chr1", 610, 630, "all_n"),
]


@pytest.fixture
def genome(tmp_path):
    chr1 = random_sequence(1000, 1)
    chr1 = chr1[:350] + "N" * 20 + chr1[370:500].lower() + chr1[500:600] + "N" * 50 + chr1[650:]
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{chr1}\n>chr2\n{random_sequence(600, 2)}\n")
    pysam.FastaFile(str(path)).close()
    return path


@pytest.fixture
def bed(tmp_path):
    path = tmp_path / "regions.bed"
    path.write_text("".join(f"{c}\t{s}\t{e}\t{n}\n" for c, s, e, n in REGIONS))
    return path


@pytest.fixture
def toy(monkeypatch):
    model = toy_model(mixing=True, curved=True, window=20)
    for stage in (module, check_module):
        monkeypatch.setattr(stage, "load_model", lambda folder, device: model)
    return model


@pytest.fixture
def explained(tmp_path, genome, bed, toy):
    out = tmp_path / "out"
    module.explain("model", out, fasta=genome, regions=bed, bedgraph=True, faithfulness_regions=2)
    return out


def test_table_has_every_row_in_input_order(explained):
    table = read_attributions(explained)
    assert list(table["name"]) == [name for *_, name in REGIONS]
    assert table.loc[2, "flags"] == "unknown_chromosome" and table.loc[6, "flags"] == "all_n"
    assert table["logit"].isna().tolist() == [False, False, True, False, False, False, True]
    assert "overlapping" in table.loc[0, "flags"] and "overlapping" in table.loc[4, "flags"]
    assert "overlapping" not in table.loc[1, "flags"]
    assert "not_covered" in table.loc[5, "flags"] and table.loc[5, "coverage"] < 1


def test_table_adds_up(explained, toy):
    table = read_attributions(explained)
    table = table[table["logit"].notna()]
    difference = table["logit"] - table["reference_logit"]
    error = (table["attribution_sum"] + table["special_share"] - difference).abs()
    np.testing.assert_allclose(error / difference.abs(), table["completeness_error"], atol=1e-6)
    loose = table["flags"].str.contains("small_difference|incomplete")
    assert (table["completeness_error"] <= 0.05)[~loose].all()
    sequences = [sequence for _, _, sequence in iterate(explained)]
    np.testing.assert_allclose(table["logit"], Ensemble(toy).score(sequences).logit, atol=1e-6)


def test_windows_add_up_to_their_regions(explained):
    table = read_attributions(explained)
    table = table[table["logit"].notna()]
    windows = read_windows(explained)
    place = ["chrom", "region_start", "region_end", "region_name"]
    summed = windows.groupby(place, sort=False)[["difference", "attribution_sum"]].sum()
    assert [key[3] for key in summed.index] == table["name"].tolist()
    expected = table["logit"] - table["reference_logit"]
    np.testing.assert_allclose(summed["difference"], expected, atol=1e-4)
    np.testing.assert_allclose(summed["attribution_sum"], table["attribution_sum"], atol=1e-6)
    assert (windows["start"] >= windows["region_start"]).all()
    assert (windows["end"] <= windows["region_end"]).all()
    first = windows[windows["region_name"] == "first"]  # 100 3-mers, 18 a window
    assert first["window"].tolist() == [1, 2, 3, 4, 5, 6]
    assert first["start"].iloc[0] == 100 and first["end"].iloc[-1] == 400
    off = (windows["attribution_sum"] - windows["difference"]).abs()
    done = off <= 0.05 * windows["difference"].abs().clip(lower=0.01) + 1e-9
    assert (done | windows["flags"].str.contains("incomplete")).all()
    summary = json.loads((explained / SUMMARY_FILE).read_text())
    assert summary["windows"] == {
        "rows": len(windows),
        "incomplete": int(windows["flags"].str.contains("incomplete").sum()),
    }


def test_track_is_in_place_and_sums_to_the_table(explained, toy, genome):
    table = read_attributions(explained)
    with pybigtools.open(str(explained / TRACK_FILE)) as track:
        assert track.chroms() == {"chr1": 1000, "chr2": 600}
        for row in table[table["logit"].notna()].itertuples():
            values = track.values(row.chrom, row.start, row.end, fillna=None)
            if "overlapping" not in row.flags:
                assert abs(values.sum() - row.attribution_sum) < 1e-4
        with pysam.FastaFile(str(genome)) as fasta:
            bases = fasta.fetch("chr1", 0, 90).upper()
        own = attribute(toy, [bases], ["chr1:0-90"])[0].values
        np.testing.assert_allclose(
            track.values("chr1", 0, 90, fillna=None), own, rtol=1e-5, atol=1e-6
        )
        assert np.isnan(track.values("chr1", 90, 300, fillna=None)).all()
        assert not track.values("chr1", 353, 367, fillna=None).any()
    lines = (explained / BEDGRAPH_FILE).read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == sorted(line.split()[0] for line in lines)


def test_summary(explained):
    summary = json.loads((explained / SUMMARY_FILE).read_text())
    assert summary["rows"] == 7 and summary["explained"] == 5
    assert summary["flags"]["overlapping"] == 2
    assert sum(summary["steps"].values()) == 5
    assert sum(part["regions"] for part in summary["profile"].values()) == 5
    assert len(summary["drawn"]) == 5
    assert len(summary["faithfulness"]["regions"]) == 2


def explained_shards(genome, bed, place):
    """Explain the regions in several shards, unchecked."""
    extract(genome, place / "x", regions=bed, unlabelled=True, shard_bases=200)
    shards = []
    for folder in sorted((place / "x").glob("shard_*")):
        shards.append(place / "explained" / folder.name)
        module.explain("model", shards[-1], extracted=folder, fasta=genome, faithfulness_regions=0)
    assert len(shards) > 1
    return shards


def test_checks_apart_are_those_of_the_explanation(tmp_path, explained, genome, bed, toy, caplog):
    """Of merged shards too: which regions are checked does not depend on how they were cut."""
    whole = json.loads((explained / SUMMARY_FILE).read_text())
    assert whole["faithfulness"]["summary"]["deletion_ratio"] is not None
    unchecked = tmp_path / "unchecked"
    module.explain("model", unchecked, fasta=genome, regions=bed, faithfulness_regions=0)
    with caplog.at_level("INFO", "seformer"):
        check("model", unchecked, unchecked, faithfulness_regions=2)
    assert "checking the attributions of 2 of 5 regions" in caplog.text
    assert "--faithfulness 0" in caplog.text and "--explain_faithfulness 0" in caplog.text
    assert re.search(r"checked in [\d.]+ s, \d+ % of the time", caplog.text)
    found = json.loads((unchecked / SUMMARY_FILE).read_text())
    assert found == whole | {"seconds": found["seconds"]}
    # all else stays
    assert {path.name for path in unchecked.iterdir()} >= {TABLE_FILE, TRACK_FILE, VALUES_FILE}
    shards = explained_shards(genome, bed, tmp_path)
    merge_attributions(shards, tmp_path / "merged", fasta=genome)
    check("model", tmp_path / "merged", tmp_path / "checked", faithfulness_regions=2)
    found = json.loads((tmp_path / "checked" / SUMMARY_FILE).read_text())["faithfulness"]
    for one, other in zip(found["regions"], whole["faithfulness"]["regions"], strict=True):
        assert one["region"] == other["region"]
        np.testing.assert_allclose(one["deletion_random"], other["deletion_random"], atol=1e-5)


def test_checks_need_the_attributions_own_model(tmp_path, explained, genome, bed, monkeypatch):
    other = toy_model(mixing=True, curved=True, window=20, seed=2)
    monkeypatch.setattr(check_module, "load_model", lambda folder, device: other)
    with pytest.raises(UserError, match=r"with this model.*attributions of the model given"):
        check("model", explained, tmp_path / "checked")
    summary = json.loads((explained / SUMMARY_FILE).read_text())
    summary["settings"]["references"] = 0
    (explained / SUMMARY_FILE).write_text(json.dumps(summary))
    with pytest.raises(UserError, match=r"summary.json.*references"):
        check("model", explained, tmp_path / "checked")
    assert not (tmp_path / "checked").exists()


def test_shards_merge_to_the_same_result(tmp_path, explained, genome, bed, toy):
    shards = explained_shards(genome, bed, tmp_path)
    merged = tmp_path / "merged"
    merge_attributions(shards, merged, fasta=genome)
    whole, parts = read_attributions(explained), read_attributions(merged)
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-3, atol=1e-5)
    pd.testing.assert_frame_equal(
        read_windows(explained).drop(columns="completeness_error"),
        read_windows(merged).drop(columns="completeness_error"),
        rtol=1e-3,
        atol=1e-5,
    )
    first, second = (Values(f / VALUES_FILE) for f in (explained, merged))
    assert len(first) == len(second) == 5
    for row in range(5):
        np.testing.assert_allclose(first[row], second[row], rtol=1e-4, atol=1e-6)
        assert first.sequence(row) == second.sequence(row)
    one, two = (json.loads((f / SUMMARY_FILE).read_text()) for f in (explained, merged))
    for key in ("rows", "explained", "flags", "steps", "bases"):
        assert one[key] == two[key]
    path = shards[-1] / SUMMARY_FILE
    summary = json.loads(path.read_text())
    summary["settings"]["batch_tokens"] = 1  # after too little memory
    path.write_text(json.dumps(summary))
    merge_attributions(shards, merged, fasta=genome)
    for key, value in (("model", {"threshold": 0.9}), ("settings", {"method": "saliency"})):
        path.write_text(json.dumps(summary | {key: summary[key] | value}))
        with pytest.raises(UserError, match="than the first") as caught:
            merge_attributions(shards, tmp_path / "no", fasta=genome)
        assert str(shards[-1]) in str(caught.value)
    assert not (tmp_path / "no").exists()


def test_merging_needs_no_torch():
    """It would be most of what a task that only joins files costs."""
    code = "import sys, seformer.explain.merge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_best_regions_are_kept_base_by_base(tmp_path, explained, genome, toy, monkeypatch):
    """For the page, which has neither the genome nor the values of all regions."""
    top = records.read(explained / TOP_FILE, shapes.Top, "")
    best = read_attributions(explained).dropna(subset="logit").nlargest(50, "logit", keep="first")
    assert [region["name"] for region in top["regions"]] == best["name"].tolist()
    assert top["explained"] == 5 and top["chromosomes"] == {"chr1": 1000, "chr2": 600}
    values = {row["name"]: (values, bases) for row, values, bases in iterate(explained)}
    for region in top["regions"]:
        expected, bases = values[region["name"]]
        assert region["bases"] == bases
        np.testing.assert_allclose(region["values"], expected, rtol=1e-3)
    place = ["chrom", "start", "end"]
    windows = read_windows(explained)[place].drop_duplicates()
    assert len(pd.DataFrame(top["windows"])[place].drop_duplicates()) == len(windows)
    assert top["genes"] == [] and "nearest_gene" not in top["regions"][0]
    # the longest is 300 bp, and then there is no room for it
    monkeypatch.setattr(top_regions, "MOST_BASES", 299)
    monkeypatch.setattr(top_regions, "MOST_REGIONS", 4)
    merge_attributions([explained], tmp_path / "fewer", fasta=genome)
    fewer = records.read(tmp_path / "fewer" / TOP_FILE, shapes.Top, "")
    chosen = [region["name"] for region in fewer["regions"]]
    assert fewer["explained"] == 5 and "first" not in chosen
    assert chosen == [name for name in best["name"][:4] if name in chosen]
    assert sum(len(region["bases"]) for region in fewer["regions"]) <= 299


def test_genes_stand_behind_the_explanations(tmp_path, explained, genome, bed, toy):
    sites = tmp_path / "sites.bed"
    sites.write_text("chr1\t50\t51\tA\nchr2\t500\t501\tB\n")
    merge_attributions([explained], tmp_path / "merged", fasta=genome, gtf=sites)
    table = pd.read_csv(tmp_path / "merged/attributions.tsv", sep="\t", keep_default_na=False)
    assert table["nearest_gene"].tolist() == ["B", "A", "", "A", "B", "A", "A"]
    assert table["overlapping_genes"].tolist() == ["", "A", "", "", "", "", ""]
    top = records.read(tmp_path / "merged" / TOP_FILE, shapes.Top, "")
    assert top["genes"] == [
        {"chrom": "chr1", "start": 50, "end": 51, "strand": "+", "name": "A"},
    ]
    nearest = {region["name"]: region["nearest_gene"] for region in top["regions"]}
    assert nearest["start"] == "A" and nearest["first"] == "B"
    module.explain("m", tmp_path / "o", fasta=genome, regions=bed, gtf=sites, method="saliency")
    again = pd.read_csv(tmp_path / "o/attributions.tsv", sep="\t", keep_default_na=False)
    assert again[list(GENE_COLUMNS)].equals(table[list(GENE_COLUMNS)])
    # who reads the folder needs none of them
    assert len(read_attributions(tmp_path / "o")) == len(REGIONS)


def test_other_methods_are_written_without_completeness(tmp_path, genome, bed, toy, caplog):
    caplog.set_level("INFO", logger="seformer")
    module.explain("m", tmp_path / "o", fasta=genome, regions=bed, method="saliency")
    table = read_attributions(tmp_path / "o")
    assert table["completeness_error"].isna().all() and table["reference_logit"].isna().all()
    summary = json.loads((tmp_path / "o" / SUMMARY_FILE).read_text())
    assert summary["completeness_error"]["max"] is None
    assert not len(read_windows(tmp_path / "o"))
    assert not [record for record in caplog.records if "completeness" in record.msg]


def test_nothing_to_explain(tmp_path, genome, toy):
    bed = tmp_path / "n.bed"
    bed.write_text("chr1\t610\t630\n")
    module.explain("m", tmp_path / "o", fasta=genome, regions=bed)
    table = read_attributions(tmp_path / "o")
    assert list(table["flags"]) == ["all_n"]
    assert not (tmp_path / "o" / TRACK_FILE).exists()


def test_wrong_use(tmp_path, genome, bed, toy):
    with pytest.raises(UserError, match="--extracted"):
        module.explain("m", tmp_path / "o", fasta=genome)
    with pytest.raises(UserError, match="not both"):
        module.explain("m", tmp_path / "o", regions=bed, extracted=tmp_path)
    with pytest.raises(UserError, match="no shard"):
        merge_attributions([], tmp_path / "o")
    with pytest.raises(UserError, match="no such file"):
        merge_attributions([tmp_path / "missing"], tmp_path / "o")
    sizes = tmp_path / "sizes"
    sizes.write_text("chr1\t1000\n")
    extract(genome, tmp_path / "x", regions=bed, unlabelled=True)
    with pytest.raises(UserError, match="chr2 is not"):
        module.explain("m", tmp_path / "o", extracted=tmp_path / "x", chrom_sizes=sizes)
    assert not (tmp_path / "o").exists()


def test_merging_without_room_leaves_nothing(explained, genome, disk):
    """Some pages too few: the result is whole and its track sums to its table, or not there."""
    done = []
    for pages in range(2, 40, 2):
        out = disk(4 * pages) / "out"
        try:
            merge_attributions([explained], out, fasta=genome)
        except OSError:
            assert not list(out.parent.iterdir())
            done.append(False)
            continue
        done.append(True)
        with pybigtools.open(str(out / TRACK_FILE)) as track:
            assert track.chroms() == {"chr1": 1000, "chr2": 600}
            for row in read_attributions(out).itertuples():
                if row.logit == row.logit and "overlapping" not in row.flags:
                    values = track.values(row.chrom, row.start, row.end, fillna=None)
                    assert values.sum() == pytest.approx(row.attribution_sum, abs=1e-4)
        break
    assert done[-1] and len(done) > 3


def test_values_are_held_against_the_table(explained, tmp_path):
    """A values file of another run, or cut in its middle, is not made a track of."""
    table = read_attributions(explained)
    regions = table[table["logit"].notna()].reset_index(drop=True)
    with ValuesWriter(tmp_path / VALUES_FILE, regions["end"] - regions["start"]) as values:
        for _, found, sequence in iterate(explained):
            values.add(found, sequence)
        write_tracks(tmp_path, regions, values, {"chr1": 1000, "chr2": 600})
        regions.loc[0, "attribution_sum"] += 0.01
        with pytest.raises(OSError, match="do not sum to those in the table"):
            write_tracks(tmp_path, regions, values, {"chr1": 1000, "chr2": 600})
    table.loc[0, "attribution_sum"] += 0.01
    write_tsv(table, explained / TABLE_FILE)
    with pytest.raises(UserError, match="do not sum to those in the table"):
        merge_attributions([explained], tmp_path / "merged")


def test_a_chromosome_too_long_for_a_track_is_said_before_computing(
    tmp_path, genome, bed, toy, monkeypatch
):
    monkeypatch.setattr(module, "attribute", lambda *_: pytest.fail("computed"))
    sizes = tmp_path / "sizes"
    sizes.write_text("chr1\t1000\nchr2\t4294967295\n")
    module_sizes = tracks.genome_sizes(None, sizes) | {"chr2": 2**32}
    monkeypatch.setattr(tracks, "genome_sizes", lambda *_: module_sizes)
    with pytest.raises(UserError, match="more than a bigWig can hold"):
        module.explain("model", tmp_path / "o", fasta=genome, regions=bed)
    assert not (tmp_path / "o").exists()


def test_explaining_on_a_path_that_is_not_utf8(tmp_path, genome, bed, toy):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    for path in (genome, bed):
        shutil.copy(path, folder)
    module.explain(
        "model", folder / "out", fasta=folder / genome.name, regions=folder / bed.name,
        faithfulness_regions=0,
    )  # fmt: skip
    merge_attributions([folder / "out"], folder / "merged", fasta=folder / genome.name)
    tracks_of = [(folder / name / TRACK_FILE).read_bytes() for name in ("out", "merged")]
    assert tracks_of[0] == tracks_of[1]


def test_the_profile_has_no_n_in_it():
    from types import SimpleNamespace

    def shard(values, sequence):
        found = RegionSummary()
        result = SimpleNamespace(values=np.array(values, float), logit=1.0)
        region = {"chrom": "a", "start": 0, "end": len(values), "name": "r"}
        found.add(region, "SE", result, sequence)
        return found.record()

    # bins of two bases: of the first one base is known, of the second none
    first = shard([4.0, 0, 0, 0] + [1.0] * 96, "ANNN" + "ACGT" * 24)
    assert first["profile"]["SE"]["mean"][:3] == [4, 0, 1]
    assert first["profile"]["SE"]["known"][:3] == [1, 0, 1]
    assert first["drawn"][0]["values"][:2] == [4, 0]
    second = shard([2.0] * 100, "ACGT" * 25)
    both = merge_summaries([first, second])["profile"]["SE"]
    assert both["regions"] == 2 and both["known"][:3] == [2, 1, 2]
    assert both["mean"][:3] == [3, 2, 1.5]
