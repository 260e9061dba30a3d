"""The demo as a user runs it, and what it has to show: the class is in the motifs it planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pybigtools
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from seformer import files

TRUTH = ("chrom", "start", "end", "motif", "score", "strand", "motif_class", "region")


pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_the_model_learns_and_length_and_gc_do_not_tell(results):
    test = files.read_json(results / "metrics.json")["test"]
    assert test["model"]["auroc"]["value"] >= 0.90
    for name in ("length", "gc"):
        assert test["baselines"][name]["auroc"]["value"] <= 0.65, name


def test_attributions_point_at_the_planted_motifs(demo, results):
    truth = pd.read_csv(demo / "data" / "truth.bed", sep="\t", names=TRUTH, comment="#")
    table = files.read_table(results / "attributions" / "regions_to_explain.tsv")
    values, planted = [], []
    with pybigtools.open(str(results / "attributions" / "regions_to_explain.bw")) as track:
        for region in table.itertuples():
            values.append(track.values(region.chrom, region.start, region.end, fillna=0))
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


def test_explanations_add_up_or_say_that_they_do_not(results):
    table = files.read_table(results / "attributions" / "regions_to_explain.tsv")
    flagged = table["flags"].astype(str).str.contains("incomplete|small_difference")
    assert (table["completeness_error"][~flagged] <= 0.05).all()
    assert flagged.mean() <= 0.1


def test_every_row_is_scored_in_order(demo, results):
    rows = (demo / "data" / "regions_to_score.bed").read_text().splitlines()
    scores = files.read_table(results / "predictions" / "regions_to_score.tsv")
    places = scores[["chrom", "start", "end"]].astype(str).agg("\t".join, axis=1)
    assert places.tolist() == ["\t".join(row.split("\t")[:3]) for row in rows]
    assert scores["coverage"].eq(1).all()
