"""The demo as a user runs it, and what it has to show: the class is in the motifs it planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pybigtools
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from seformer.regions.simulate import SE_MOTIFS, TE_MOTIFS
from seformer.util.records import read_json
from seformer.util.tables import read_tsv

TRUTH = ("chrom", "start", "end", "motif", "score", "strand", "motif_class", "region")


pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_the_model_learns_and_length_and_gc_do_not_tell(results):
    test = read_json(results / "metrics.json")["test"]
    assert test["model"]["auroc"]["value"] >= 0.90
    for name in ("length", "gc"):
        assert test["baselines"][name]["auroc"]["value"] <= 0.65, name


@pytest.fixture(scope="module")
def explained(demo):
    """The folder that the attributions were published from, with all their values."""
    (folder,) = {path.parent for path in demo.glob("work/*/*/merged/attributions.safetensors")}
    return folder


@pytest.fixture(scope="module")
def truth(demo):
    return pd.read_csv(demo / "data" / "truth.bed", sep="\t", names=TRUTH, comment="#")


def test_attributions_point_at_the_planted_motifs(truth, results):
    table = read_tsv(results / "attributions" / "regions_to_explain.tsv")
    values, planted = [], []
    with pybigtools.open(str(results / "attributions" / "regions_to_explain.bw")) as track:
        for region in table.itertuples():
            values.append(track.values(region.chrom, region.start, region.end, fillna=0))
            assert values[-1].sum() == pytest.approx(region.attribution_sum, abs=1e-4)
            inside = np.zeros(region.end - region.start, dtype=bool)
            near = truth[
                (truth["chrom"] == region.chrom)
                & (truth["start"] < region.end)
                & (truth["end"] > region.start)
            ]
            for start, end in zip(near["start"], near["end"], strict=True):
                inside[max(start - region.start, 0) : end - region.start] = True
            planted.append(inside)
    size, planted = np.abs(np.concatenate(values)), np.concatenate(planted)
    assert size[planted].mean() >= 3 * size[~planted].mean()
    assert roc_auc_score(planted, size) >= 0.80
    assert average_precision_score(planted, size) >= 3 * planted.mean()


def test_attributions_are_faithful(explained):
    found = read_json(explained / "summary.json")["faithfulness"]
    summary = found["summary"]
    assert summary["deletion_ratio"] >= 5
    assert summary["mutagenesis"] >= 0.6
    assert summary["seed_stability"] >= 0.5
    assert abs(summary["randomised_model"]) <= 0.2


def test_planted_motifs_are_the_top_matches(explained, tmp_path):
    motifs = pytest.importorskip("seformer.motifs.seqlets", reason="needs the extra 'motifs'")
    planted = SE_MOTIFS | TE_MOTIFS
    random = np.random.default_rng(1)
    others = {f"random{i}": "".join(random.choice(list("ACGT"), 10)) for i in range(60)}
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    for name, site in (planted | others).items():
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(site)}"]
        lines += [" ".join("0.97" if b == c else "0.01" for c in "ACGT") for b in site] + [""]
    (tmp_path / "motifs.meme").write_text("\n".join(lines))
    motifs.motifs([explained], tmp_path / "motifs.meme", tmp_path / "out")
    table = read_tsv(tmp_path / "out" / "motifs.tsv")
    assert set(table["motif"][:6]) <= set(planted)
    speaks = np.sign(table["attribution"][:6])
    assert speaks.tolist() == [1 if name in SE_MOTIFS else -1 for name in table["motif"][:6]]


def test_explanations_add_up_or_say_that_they_do_not(results):
    table = read_tsv(results / "attributions" / "regions_to_explain.tsv")
    flagged = table["flags"].astype(str).str.contains("incomplete|small_difference")
    assert (table["completeness_error"][~flagged] <= 0.05).all()
    assert flagged.mean() <= 0.1
    windows = read_tsv(results / "attributions" / "windows" / "regions_to_explain.tsv")
    loose = windows["flags"].astype(str).str.contains("incomplete|small_difference")
    assert (windows["completeness_error"][~loose] <= 0.05).all()
    summed = windows.groupby(["chrom", "region_start"], sort=False)["difference"].sum()
    expected = table["logit"] - table["reference_logit"]
    np.testing.assert_allclose(summed.to_numpy(), expected, atol=1e-4)


def test_every_row_is_scored_in_order(demo, results):
    rows = (demo / "data" / "regions_to_score.bed").read_text().splitlines()
    scores = read_tsv(results / "predictions" / "regions_to_score.tsv")
    places = scores[["chrom", "start", "end"]].astype(str).agg("\t".join, axis=1)
    assert places.tolist() == ["\t".join(row.split("\t")[:3]) for row in rows]
    assert scores["coverage"].eq(1).all()
