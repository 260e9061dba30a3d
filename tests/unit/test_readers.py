"""Three questions that readers have of a report: how many clicks and seconds an answer takes.

Of a whole page of MultiQC's, in a real browser on a laptop's screen. The figures of an idle machine
stand in docs/report.md.
"""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from chromium import browser
from report_inputs import predictions, top_regions, write_json, write_results, write_table
from test_genome_view import CANVASES, LETTERS

from seformer.report.page import write_report

MOST_CLICKS, SECONDS = 2, 30
NAV = "[...document.querySelectorAll('a')].find((a) => a.textContent.trim() === '{}')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A finished report: a training, predictions with genes, explanations."""
    folder = tmp_path_factory.mktemp("readers")
    place = folder / "results/K562"
    write_results(folder / "results")
    best = predictions(np.random.default_rng(0)).nlargest(100, "logit").reset_index(drop=True)
    best["rank"], best["name"], best["set"] = best.index + 1, "peak", "SE"
    best["nearest_gene"] = [f"GENE{i}" for i in best["rank"]]
    best["nearest_distance"] = 1200
    write_table(best, place / "predictions/peaks.top.tsv")
    write_json(top_regions(50, 3000), place / "attributions/peaks.top.json")
    write_report([folder / "results"], folder / "report")
    command = [sys.executable, "-m", "multiqc", "--quiet", "--force", "--config"]
    command += [folder / "report/multiqc_config.yml", "--outdir", folder, folder / "report"]
    subprocess.run(command, check=True, timeout=300)
    with browser(folder) as opened:
        opened.file = (folder / "multiqc_report.html").as_uri()
        yield opened


@pytest.fixture
def asked(page):
    """The page opened anew; the answer has to be there in a few clicks and soon."""
    began, page.clicks = time.monotonic(), 0
    page.open(page.file)
    yield page
    seconds = time.monotonic() - began
    print(json.dumps({"clicks": page.clicks, "seconds": round(seconds, 1)}))
    assert page.clicks <= MOST_CLICKS and seconds < SECONDS
    assert set(page.addresses) == {page.file} and not page.errors, page.errors


def rows_with(*words):
    """Rows of tables in which a cell begins with one of the words, those drawn."""
    begins = " || ".join(f"t.startsWith({json.dumps(word)})" for word in words)
    return (
        f"[...document.querySelectorAll('tr')].filter((r) => ((t) => {begins})(r.innerText.trim()))"
    )


def test_is_the_model_better_than_gc(asked):
    asked.click(NAV.format("The model beside its baselines"))
    rows = rows_with("The model\t", "GC content\t")
    asked.sees(rows)
    texts = asked.run(f"{rows}.map((r) => r.innerText)")
    # an AUROC with its interval each
    assert len(texts) == 2 and all("0." in text and "–" in text for text in texts), texts


def test_which_are_the_ten_strongest_regions_and_their_genes(asked):
    asked.click(NAV.format("Top regions"))
    rows = rows_with(*(f"{rank}\tchr1:" for rank in range(1, 11)))
    strongest = f"{rows}.filter((r) => !r.dataset.set)"
    asked.sees(strongest)
    texts = asked.run(f"{strongest}.map((r) => r.innerText)")
    assert len(texts) == 10
    assert all(f"GENE{rank}" in text for rank, text in enumerate(texts, 1))


def test_show_me_the_bases_of_the_first(asked):
    asked.click(NAV.format("The genome, base by base"))
    asked.click("document.querySelector('.sf-genome-list .sf-bases')")
    asked.wait(f"{LETTERS} > 500")
    asked.sees(f"[{CANVASES}.sort((a, b) => b.height - a.height)[0]]")
