"""Own data by copy and paste from the pages: DeepSE's MM1.S on a part of hg19, the demo's model."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from seformer.util.tables import read_tsv

ROOT = Path(__file__).parents[2]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/usage.md")}
CHROMOSOME, END = "chr22", 22_000_000

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture(scope="module")
def own(results, tmp_path_factory) -> dict[str, str]:
    """Names that the pages use, and what is at hand in their place."""
    data = Path(os.environ.get("SEFORMER_TEST_DATA", "no data given"))
    genome, table = data / f"hg19_chr22/chr22_1-{END}.fa.gz", data / "deepse/MM1.S.csv"
    if not (genome.is_file() and table.is_file()):
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    folder = tmp_path_factory.mktemp("own")
    regions = pd.read_csv(table)
    here = regions[(regions["chrom"] == CHROMOSOME) & (regions["end"] <= END)]
    here.to_csv(folder / "MM1.S.csv", index=False)
    shortest = here.assign(bases=here["end"] - here["start"]).nsmallest(2, "bases")
    shortest[here.columns].to_csv(folder / "short.csv", index=False)
    return {
        "results/K562/model": str(results / "model"),
        "results/MM1S/model": str(results / "model"),
        "genome.fa.gz": str(genome),
        "hg38.fa.gz": str(genome),
        "to_score.bed": str(folder / "MM1.S.csv"),
        "other.bed": str(folder / "MM1.S.csv"),
        "to_explain.bed": str(folder / "short.csv"),
        "seformer": str(ROOT / ".venv/bin/seformer"),
    }


def pasted(page: str, begin: str, own: dict[str, str]) -> list[str]:
    """The words of the page's command that begins so, with the paths filled in."""
    text = PAGES[page].replace("\\\n", " ")
    (line,) = re.findall(rf"^{re.escape(begin)} .*$", text, re.MULTILINE)
    return [own.get(word, word) for word in shlex.split(line)]


def test_usage_scores_and_explains_own_regions(own, tmp_path):
    for verb in ("predict", "explain"):
        words = pasted("docs/usage.md", f"seformer {verb} --model", own)
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    rows = pd.read_csv(own["to_score.bed"])
    scores = read_tsv(tmp_path / "scored/predictions.tsv")
    assert scores["start"].tolist() == rows["start"].tolist()
    assert scores["probability"].between(0, 1).all()
    # simulated regions of 600 to 1,500 bp on another genome: every row says so
    assert scores["flags"].str.contains("other_assembly").all()
    assert scores["flags"].str.contains("length_outside_training").mean() > 0.5
    table = read_tsv(tmp_path / "explained/attributions.tsv")
    kept = ~table["flags"].astype(str).str.contains("incomplete|small_difference")
    assert len(table) == 2 and (table["completeness_error"][kept] <= 0.05).all()
    assert (tmp_path / "explained/attributions.bw").is_file()


def test_python_of_the_readme_scores_own_regions(own):
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGES["README.md"], re.MULTILINE | re.DOTALL)
    for name, path in own.items():
        block = block.replace(f'"{name}"', repr(path))
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    scores = names["scores"]
    assert len(scores) == len(pd.read_csv(own["other.bed"]))
    assert scores["logit"].notna().all()
