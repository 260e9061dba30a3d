"""The regions with the highest scores: kept while scoring, shown with their places."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from report_inputs import explanations, predictions, write_json, write_table
from test_report import report

from seformer.report.collect import collect
from seformer.report.content import SCRIPT
from seformer.report.in_regions import read_sites
from seformer.report.sections.predictions_top import locus, strongest_motifs
from seformer.scoring import strongest
from seformer.scoring.strongest import StrongestRegions
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv


def rows(logits):
    n = len(logits)
    places = {"chrom": "chr1", "start": range(n), "end": range(5, n + 5)}
    regions = pd.DataFrame(places | {"name": [f"r{i}" for i in range(n)]})
    return regions, pd.DataFrame({"logit": logits, "flags": ""})


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_the_highest_are_kept_whatever_the_parts(monkeypatch, tmp_path, size):
    monkeypatch.setattr(strongest, "MOST", 4)
    logits = ["1.5", "", "-2", "3", "1.5", "0.25", "3", "", "1.50"]
    regions, scores = rows(logits)
    kept = StrongestRegions(["logit", "flags"])
    for first in range(0, len(logits), size):
        part = slice(first, first + size)
        kept.add(regions[part], scores[part].reset_index(drop=True))
    kept.write(tmp_path)
    table = read_tsv(tmp_path / "top.tsv")
    # of equal scores those that come first in the file
    assert table["name"].tolist() == ["r3", "r6", "r0", "r4"]
    assert table["rank"].tolist() == [1, 2, 3, 4] and table["start"].tolist() == [3, 6, 0, 4]


def test_nothing_scored_leaves_a_table_without_rows(tmp_path):
    kept = StrongestRegions(["logit", "flags"])
    kept.add(*rows(["", ""]))
    kept.write(tmp_path)
    head = "rank\tchrom\tstart\tend\tname\tlogit\tflags\n"
    assert (tmp_path / "top.tsv").read_text() == head


def test_places_are_linked_where_ucsc_knows_the_assembly():
    linked = locus("chr7", 999, 2000, "hg38")
    assert 'db=hg38&amp;position=chr7:1000-2000">chr7:1,000-2,000</a>' in linked
    assert "position=chrX:1-5" in locus("X", 0, 5, "mm10")
    assert locus("chr7", 0, 5, None) == "chr7:1-5"
    assert "<a" not in locus('chr1" onclick="x', 0, 5, "hg38")
    assert '"' not in locus('chr1" onclick="x', 0, 5, "hg38")


@pytest.mark.parametrize("staged", [True, False])
def test_the_report_lists_them(tmp_path, staged):
    table = predictions(np.random.default_rng(0))
    best = table.nlargest(30, "logit").reset_index(drop=True)
    best = best.assign(rank=best.index + 1, chrom="chr2", start=10, end=90, name="<b>x")
    best["nearest_gene"], best["nearest_distance"] = "MYC", 12345
    place = tmp_path / "in" / "K562"
    if staged:
        place = place / "peaks"
        names = ("predictions.tsv", "top.tsv", "summary.json")
    else:
        place = place / "predictions"
        names = ("peaks.tsv", "peaks.top.tsv", "peaks.summary.json")
    write_table(table, place / names[0])
    write_table(best, place / names[1])
    counts = "rows scored super_enhancers typical_enhancers bases windows"
    summary = dict.fromkeys(counts.split(), len(table)) | {"unscored": {}, "flags": {}}
    write_json(summary | {"smallest_coverage": 1.0, "assembly": "hg19"}, place / names[2])
    made = report([tmp_path / "in"], tmp_path / "out")
    page = made["predictions_top"]["data"]
    assert page.count("<tr>") == 21 and "sf-sortable" in page
    assert "addEventListener" in made["verdict"]["data"]
    assert "db=hg19" in page and "MYC<small>12,345 bp</small>" in page
    assert "<b>x" not in page and "&lt;b&gt;x" in page
    # it is no BED file of its own
    assert list(made["predictions_calls"]["data"]) == ["peaks"]


@pytest.mark.parametrize("bed", ["predictions", "attributions", "variants", "motifs", "null"])
def test_a_bed_may_be_named_as_a_table(tmp_path, bed):
    """And the report can be made again from the published folder."""
    rng = np.random.default_rng(0)
    place = tmp_path / "in" / "K562"
    write_table(predictions(rng), place / "predictions" / f"{bed}.tsv")
    counts = "rows scored super_enhancers typical_enhancers bases windows"
    summary = dict.fromkeys(counts.split(), 400) | {"unscored": {}, "flags": {}}
    write_json(
        summary | {"smallest_coverage": 1.0, "read_as": "BED"},
        place / "predictions" / f"{bed}.summary.json",
    )
    table, record = explanations(rng)
    write_table(table, place / "attributions" / f"{bed}.tsv")
    write_json(record, place / "attributions" / f"{bed}.summary.json")
    windows = pd.DataFrame({"part": [], "completeness_error": [], "flags": []})
    write_table(windows, place / "attributions" / "windows" / f"{bed}.tsv")
    (place / "variants" / "null").mkdir(parents=True)
    (place / "variants" / "null" / f"{bed}.tsv").write_text("chrom\tposition\n")
    (sample,) = collect([tmp_path / "in"]).samples.values()
    assert list(sample.predictions) == list(sample.explanations) == [bed]
    assert sample.predictions[bed].summary["read_as"] == "BED"
    assert not sample.variants and not sample.motifs


def test_the_strongest_motifs_of_a_region_are_named():
    sites = pd.DataFrame(
        {
            "start": [10, 30, 50, 70, 200, 95],
            "end": [20, 40, 60, 80, 210, 105],
            "name": ["MA0139.2 CTCF", "SPI1", "MA0080.7_Spi1", "SPI1", "MA1522.2_MAZ", "KLF4"],
            "attribution": [1.0, -2.0, 5.0, -2.0, 9.0, 9.0],
        }
    )
    assert strongest_motifs(sites, 0, 100) == "Spi1, SPI1, CTCF"
    assert strongest_motifs(sites, 300, 400) == "" == strongest_motifs(None, 0, 100)


def test_seqlets_are_read_beside_the_motifs(tmp_path):
    head = "chrom\tstart\tend\tmotif\tstrand\tattribution\tq_value\tclass\tregion\n"
    rows = "1\t5\t9\t\t\t0.5\t0.9\tSE\tr1\n1\t7\t9\tMA0139.2 CTCF\t+\t2.5\t0.01\tSE\tr1\n"
    path = tmp_path / "seqlets.tsv"
    path.write_text(head + rows)
    # beside it is the BED, which is not looked at
    (tmp_path / "seqlets.bed").write_text("1\n")
    sites = read_sites(tmp_path)
    assert sites.to_numpy().tolist() == [["1", 7, 9, "MA0139.2 CTCF", "+", 2.5]]
    path.write_text(head + rows.replace("2.5", "much"))
    with pytest.raises(UserError, match=r"seqlets.tsv, line 3.*much"):
        read_sites(tmp_path)
    path.write_text(head)
    assert not len(read_sites(tmp_path))
    path.unlink()
    (tmp_path / "seqlets.bed").write_text("1\t7\t9\tCTCF\t1000\t+\t7\t9\t213,94,0\n")
    assert read_sites(tmp_path) is None


def test_seqlets_of_version_1_are_read_from_the_bed(tmp_path):
    rows = "chr1\t5\t9\t.\t1\t.\t0.5\t0.9\tSE\tr1\nchr1\t7\t9\tCTCF\t1\t+\t2.5\t0.01\tSE\tr1\n"
    path = tmp_path / "seqlets.bed"
    path.write_text(rows)
    sites = read_sites(tmp_path)
    assert sites["name"].tolist() == ["CTCF"] and sites["attribution"].tolist() == [2.5]
    path.write_text(rows.replace("2.5", "much"))
    with pytest.raises(UserError, match=r"seqlets.bed, line 2.*much"):
        read_sites(tmp_path)
    path.write_text("")
    assert not len(read_sites(tmp_path))


def test_a_click_sorts(tmp_path):
    """In a real browser, where there is one: numbers as numbers, names as names."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium")
    cells = [("10", "chr10:1"), ("−9.5", "chr2:7"), ("−12", "chr2:10"), ("1,200", "chrX:1")]
    body = "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in cells)
    click = (
        "const seen=n=>[...document.querySelectorAll(`td:nth-child(${n})`)].map(c=>c.textContent);"
        "const heads=document.querySelectorAll('th');heads[0].click();const up=seen(1);"
        "heads[0].click();const down=seen(1);heads[1].click();"
        "document.title=[up,down,seen(2)].map(s=>s.join(';')).join('|')"
    )
    page = tmp_path / "page.html"
    page.write_text(
        '<meta charset="utf-8"><table class="sf-sortable"><thead><tr>'
        "<th>a</th><th>b</th></tr></thead>"
        f"<tbody>{body}</tbody></table>{SCRIPT}<script>{click}</script>",
        encoding="utf-8",
    )
    command = [browser, "--headless", "--no-sandbox", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    title = re.search("<title>(.*?)</title>", shown)[1]
    up = "−12;−9.5;10;1,200"
    assert title == f"{up}|{';'.join(reversed(up.split(';')))}|chr2:7;chr2:10;chr10:1;chrX:1"
