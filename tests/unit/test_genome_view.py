"""The regions with the highest scores on the genome: what the page holds, what a browser shows."""

import base64
import gzip
import hashlib
import json
import re
import runpy
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chromium import browser
from report_inputs import (
    MOTIFS,
    NAMED,
    explanations,
    top_regions,
    variants,
    write_json,
    write_table,
)
from test_report import report
from toys import random_sequence

from seformer.report.content import STYLE
from seformer.report.in_regions import places_in_regions
from seformer.report.results import Explanations, SampleResults
from seformer.report.sections.explanations_genome import Shown, join_sequences, share_out
from seformer.util.errors import UserError

ROOT = Path(__file__).parents[2]


def write_explained(place, bed, top):
    table, summary = explanations(np.random.default_rng(0), top["explained"])
    write_table(table, place / "attributions" / f"{bed}.tsv")
    write_json(summary, place / "attributions" / f"{bed}.summary.json")
    write_json(top, place / "attributions" / f"{bed}.top.json")


def write_motifs(place, bed):
    """A motif in the first region, and one outside."""
    write_table(pd.DataFrame(MOTIFS), place / "motifs" / bed / "motifs.tsv")
    write_json(NAMED, place / "motifs" / bed / "summary.json")
    site = "chr1\t{}\t{}\tMA0139.2_CTCF\t9\t-\t1.5\t0.01\tSE\tr\n"
    hits = site.format(10, 20) + site.format(5000, 5010)
    (place / "motifs" / bed / "seqlets.bed").write_text(hits)


def data_of(made):
    packed = re.search('id="sf-genome-data">([^<]*)<', made["explanations_genome"]["data"])[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_the_page_holds_all_that_lies_in_the_regions(tmp_path):
    place = tmp_path / "in" / "K562"
    write_explained(place, "peaks", top_regions() | {"explained": 52})
    write_motifs(place, "peaks")
    write_table(variants(3).assign(position=[31, 31, 4000, 1]), place / "variants" / "gwas.tsv")
    made = report([tmp_path / "in"], tmp_path / "out")
    data = data_of(made)
    regions = top_regions()["regions"]
    assert data["chromosomes"] == {"chr1": 10**8}
    assert data["sequences"] == [["chr1", r["start"], r["bases"]] for r in regions]
    (shown,) = data["sets"]
    assert [r["values"] for r in shown["regions"]] == [r["values"] for r in regions]
    assert shown["tracks"] == {
        "windows": [["chr1", s, s + 60, "1 of 1: +0.500", "."] for s in (0, 10_000)],
        "motifs": [["chr1", 10, 20, "CTCF", "-"]],
        "variants": [["chr1", 30, 31, f"A→G {d}", "."] for d in ("0.000", "−1.000")],
        "genes": [["chr1", 20, 90, "GENE0", "+"]],
    }
    page = made["explanations_genome"]
    rows = re.findall(r'<tr data-set="0" data-region="(\d)">(.*?)</tr>', page["data"])
    assert [row for row, _ in rows] == ["0", "1"]
    assert "chr1:10,001-10,060" in rows[1][1] and "GENE1<small>1,200 bp" in rows[1][1]
    assert "CTCF" in rows[0][1] and "CTCF" not in rows[1][1]
    assert "50 of 52 regions of peaks" in page["description"]
    # what an igv.js that looks for its maps would ask for
    assert "sourceMappingURL" not in page["data"]


def test_names_from_outside_are_harmless_in_the_view(tmp_path):
    top = top_regions()
    top["genes"][0]["name"] = top["regions"][0]["name"] = "<img src=x onerror=alert(1)>"
    for region in (*top["regions"], *top["windows"]):
        region["chrom"] = "HLA:<b>"
    top["chromosomes"] = {"HLA:<b>": 20_000}
    write_explained(tmp_path / "in" / "K562", "peaks", top)
    made = report([tmp_path / "in"], tmp_path / "out")
    assert "<" not in json.dumps(data_of(made))
    assert "<img src=x" not in made["explanations_genome"]["data"]
    assert data_of(made)["sequences"][0][0] == "HLA__b_"


def test_constituents_and_variants_of_the_regions_are_read(tmp_path):
    called = {"chrom": "chr1", "start": [0, 30, 6000], "end": [25, 50, 6100], "name": list("abc")}
    pd.DataFrame(called).to_csv(tmp_path / "called.bed", sep="\t", header=False, index=False)
    effects = {"name": ["a", "d"], "effect": [0.25, np.nan], "start": [0, 10_050]}
    dissected = pd.DataFrame(effects | {"chrom": "chr1", "end": [25, 10_070]})
    write_table(dissected, tmp_path / "constituents.tsv")
    sample = SampleResults("K562")
    sample.explanations["peaks"] = Explanations(2, np.empty(0), Counter(), top=top_regions())
    sample.tables["called"] = {"": tmp_path / "called.bed"}
    sample.tables["constituents"] = {"x": tmp_path / "constituents.tsv"}
    places = places_in_regions(sample)
    assert list(places) == ["constituents"]
    # dissected ones come first: they say more
    assert places["constituents"]["name"].tolist() == ["a loses 0.250", "b", "d"]
    (tmp_path / "called.bed").write_text("chr1\tmuch\t9\ta\n")
    with pytest.raises(UserError, match=r"called.bed, line 1.*much"):
        places_in_regions(sample)
    sample.explanations["peaks"].top = None
    assert places_in_regions(sample) == {}


def shown(name, lengths):
    top = {"regions": [{"bases": "A" * length} for length in lengths], "explained": len(lengths)}
    sample = SampleResults(name, explanations={"peaks": Explanations(1, None, None, top=top)})
    return Shown(name, "peaks", sample)


def test_room_goes_to_the_best_of_every_bed():
    sets = [shown("a", [30, 50, 10]), shown("b", [40, 5])]
    share_out(sets, 100)
    assert [[len(r["bases"]) for r in s.regions] for s in sets] == [[30, 10], [40, 5]]
    assert [s.left_out for s in sets] == [1, 0]


def test_sequences_are_joined_where_regions_overlap():
    sequence = random_sequence(100, 1)
    places = [
        ("chr2", 5, 9),
        ("chr1", 40, 60),
        ("chr1", 10, 45),
        ("chr1", 20, 30),
        ("chr1", 70, 80),
    ]
    regions = [
        {"chrom": chrom, "start": start, "end": end, "bases": sequence[start:end]}
        for chrom, start, end in places
    ]
    assert join_sequences(regions) == [
        ("chr1", 10, sequence[10:60]),
        ("chr1", 70, sequence[70:80]),
        ("chr2", 5, sequence[5:9]),
    ]


def test_igv_js_is_the_one_that_was_checked():
    """What stands in scripts/igv.py, with its licence, and without the name of a map to fetch."""
    script = runpy.run_path(str(ROOT / "scripts/igv.py"))
    licence, code = script["OUT"].read_text(encoding="utf-8").split("\n*/\n", 1)
    assert licence.startswith(f"/*!\nigv.js {script['VERSION']}\n\nThe MIT License")
    original = code.rstrip("\n") + script["SOURCE_MAP"] + "\n"
    assert hashlib.sha256(original.encode()).hexdigest() == script["SHA256"]


# ------------------------------------------------------------------------- in a real browser

CANVASES = "[...document.querySelector('#sf-genome').shadowRoot?.querySelectorAll('canvas') ?? []]"
# pixels of a colour: the bars for a super-enhancer, and letters
PIXELS = (
    """(([r, g, b]) => CANVASES.filter((c) => c.width && c.height).map((c) => {
  const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let i = 0; i < d.length; i += 4) n += d[i] === r && d[i + 1] === g && d[i + 2] === b;
  return n;
}).reduce((a, n) => a + n, 0))"""
).replace("CANVASES", CANVASES)
BARS, LETTERS = f"{PIXELS}([213, 94, 0])", f"{PIXELS}([0, 158, 115])"
WHERE = "document.querySelector('#sf-genome-where').textContent"
ROW = "document.querySelector('.sf-genome-list tr[data-region=\"{}\"] .{}')"
SECONDS = 15


def test_a_click_shows_a_region_and_its_bases(tmp_path):
    """With 50 regions of 3 kb, quickly and without the network."""
    write_explained(tmp_path / "in" / "K562", "peaks", top_regions(50, 3000))
    made = report([tmp_path / "in"], tmp_path / "out")
    path = tmp_path / "page.html"
    content = made["explanations_genome"]["data"]
    path.write_text(f'<meta charset="utf-8">{STYLE}{content}', encoding="utf-8")
    # MB of the page
    assert path.stat().st_size < 2e6
    with browser(tmp_path) as page:
        began = time.monotonic()
        page.open(path.as_uri())
        page.wait(f"{WHERE} === 'chr1:1-3,000' && {BARS} > 100")
        assert time.monotonic() - began < SECONDS
        page.click(ROW.format(7, "sf-place"))
        page.wait(f"{WHERE} === 'chr1:70,001-73,000' && {BARS} > 100")
        assert page.run(LETTERS) < 100
        page.click(ROW.format(7, "sf-bases"))
        page.wait(f"{BARS} === 0 && {LETTERS} > 500")
        assert not page.errors and page.addresses == [path.as_uri()]
