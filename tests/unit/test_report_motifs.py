import base64
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_inputs import FOUND, PATTERNS, explanations, write_json, write_table
from toys import random_sequence

from seformer.explain.folder import REGION_COLUMNS, RESULT_COLUMNS, TABLE_FILE
from seformer.explain.values import VALUES_FILE, ValuesWriter
from seformer.motifs.meme import motif_file, read_meme, split_name
from seformer.regions.grammars import SE_MOTIFS, TE_MOTIFS
from seformer.report import page
from seformer.report.collect import collect
from seformer.report.results import Explanations, Motifs, Results, SampleResults
from seformer.report.sections import (
    explanations_deletion,
    explanations_faithfulness,
    explanations_patterns,
)
from seformer.report.sections.explanations_motifs import PNG, count_matches, motif_table, pictures

MEME = Path(__file__).parents[1] / "data" / "demo" / "motifs.meme"
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """Regions with planted sites; those of the other class speak against super-enhancers."""
    out = tmp_path_factory.mktemp("explained")
    random, rows = np.random.default_rng(1), []
    with ValuesWriter(out / VALUES_FILE, [400] * 8) as writer:
        for index in range(8):
            site = (SE_MOTIFS["STAT3"], TE_MOTIFS["CEBPB"])[index % 2]
            text, values = list(random_sequence(400, index)), random.normal(0, 0.01, 400)
            for place in (60, 200, 320):
                text[place : place + len(site)] = site
                values[place : place + len(site)] += (1, -1)[index % 2]
            writer.add(values, "".join(text))
            rows.append(
                {
                    "chrom": "chr1",
                    "start": 1000 * index,
                    "end": 1000 * index + 400,
                    "name": f"r{index}",
                    "logit": 1.0,
                    "prediction": ("SE", "TE")[index % 2],
                }
            )
    table = pd.DataFrame(rows).reindex(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
    table.to_csv(out / TABLE_FILE, sep="\t", index=False)
    return out


@pytest.fixture(scope="module")
def found(explained, tmp_path_factory):
    """What `seformer motifs` writes."""
    pytest.importorskip("tangermeme", reason="needs the extra 'motifs'")
    pytest.importorskip("memelite", reason="needs the extra 'motifs'")
    from seformer.motifs import seqlets

    out = tmp_path_factory.mktemp("found") / "peaks"
    seqlets.motifs([explained], MEME, out, threshold=0.001, logos=2)
    return out


def section(folder, out):
    page.write_report([folder], out)
    texts = [path.read_text() for path in out.glob("*_explanations_motifs_mqc.json")]
    return json.loads(texts[0]) if texts else None


@pytest.mark.slow
def test_top_motifs_and_logos(found, tmp_path):
    shutil.copytree(found, tmp_path / "in" / "K562" / "motifs" / "peaks")
    made = section(tmp_path / "in", tmp_path / "out")
    assert made["parent_id"] == "seformer-explanations"
    assert "Bad:" in made["description"]
    names = re.findall(r"<td><b>([^<]+)</b></td>", made["data"])
    assert set(names[:2]) == {"STAT3", "CEBPB"}
    assert "chance" in made["description"] and "8 regions" in made["data"]
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', made["data"])
    assert len(images) == 4
    assert all(base64.b64decode(image, validate=True).startswith(PNG) for image in images)


@pytest.mark.slow
def test_several_samples_and_hostile_names(found, tmp_path):
    for sample in ("K562", "GM12878"):
        for bed in ("peaks", "others"):
            # as the pipeline stages it
            folder = tmp_path / "in" / sample / bed
            shutil.copytree(found, folder)
            table = pd.read_csv(folder / "motifs.tsv", sep="\t", dtype={"matrix": str})
            table.loc[0, ["motif", "factor", "matrix"]] = EVIL
            table.to_csv(folder / "motifs.tsv", sep="\t", index=False)
            (folder / "logos" / "motif_00_no.png").write_text(EVIL)
    text = section(tmp_path / "in", tmp_path / "out")["data"]
    assert re.findall("<summary>(.*?)</summary>", text) == [
        "GM12878 · others",
        "GM12878 · peaks",
        "K562 · others",
        "K562 · peaks",
    ]
    assert EVIL not in text and text.count("&lt;script&gt;") == 4
    assert text.count("<img") == 4 * 4


def test_without_motifs_there_is_no_section(tmp_path):
    table, summary = explanations(np.random.default_rng(0))
    write_table(table, tmp_path / "in" / "K562" / "attributions" / "peaks.tsv")
    write_json(summary, tmp_path / "in" / "K562" / "attributions" / "peaks.summary.json")
    assert section(tmp_path / "in", tmp_path / "out") is None


ROW = {
    "motif": "1",
    "seqlets": 12,
    "attribution": 3.0,
    "positive": 12,
    "negative": 0,
    "best_q": 0.001,
    "se_seqlets": 12,
    "te_seqlets": 0,
    "odds_se_te": 3.2,
    "q_se_te": 1.0,
    "background": 0,
    "odds_background": 212.6,
    "q_background": 1e-7,
    "regions": 3,
    "factor": "1",
    "matrix": "",
}
SUMMARY = {
    "regions": 4,
    "bases": 4000,
    "motifs_in_file": 700,
    "seqlets": 40,
    "matched": 12,
    "background_matched": 1,
    "max_q": 0.1,
}


def tabulated(tmp_path, **changed):
    return motif_table(Motifs(pd.DataFrame([ROW | changed]), SUMMARY, tmp_path), 1)


def test_factor_and_matrix_stand_apart(tmp_path):
    text = tabulated(tmp_path, factor="CTCF", matrix="MA0139.2")
    link = '<a href="https://jaspar.elixir.no/matrix/MA0139.2">MA0139.2</a>'
    assert f"<b>CTCF</b><small>{link}</small>" in text and "<td class=sf-num>75 %</td>" in text
    assert "<a" not in tabulated(tmp_path, factor="CTCF", matrix=EVIL)


def test_a_table_of_version_1_is_read(tmp_path):
    place = tmp_path / "in" / "K562" / "motifs" / "peaks"
    old = {k: v for k, v in ROW.items() if k not in ("regions", "factor", "matrix")}
    write_table(pd.DataFrame([old]), place / "motifs.tsv")
    write_json(SUMMARY, place / "summary.json")
    assert (
        "<b>1</b></td><td class=sf-num>–</td>" in section(tmp_path / "in", tmp_path / "out")["data"]
    )


def test_the_collection_that_comes_along():
    collection = read_meme(motif_file(Path("jaspar")))
    assert len(collection) == 879
    assert split_name("MA0139.2 CTCF") == ("CTCF", "MA0139.2")
    assert split_name("MA0099.4 FOS::JUN") == ("FOS::JUN", "MA0099.4")
    assert split_name("CTCF.H12CORE.0.P.B") == ("CTCF.H12CORE.0.P.B", "")
    # the counts of MA0139.2 in JASPAR: 876 C of 913 in its third column
    shares = collection["MA0139.2 CTCF"]
    assert shares.shape == (4, 15) and shares[:, :].sum(0) == pytest.approx(np.ones(15), abs=1e-3)
    assert motif_file(Path("mine.meme")) == Path("mine.meme")


def test_one_class_alone_is_not_compared(tmp_path):
    text = tabulated(tmp_path)
    assert "<td class=sf-num>–</td>" in text
    assert "213<small>q 1e-07</small>" in text
    assert "3.2<small>q 1</small>" in tabulated(tmp_path, te_seqlets=3)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "of as many random stretches <b>1</b>."),
        ({"matched": 0, "background_matched": 0}, "No motif of the file explains"),
        ({"background_matched": 9}, "match 75 % as often: do not trust these names"),
        ({"seqlets": 1000, "matched": 1, "background_matched": 29, "background": 1000}, "29 times"),
        ({"background": 30}, "of 30 random stretches"),
        ({"regions_se": 4, "regions_te": 0}, "No region is TE"),
    ],
)
def test_counts_in_words(changed, words, tmp_path):
    text = count_matches(Motifs(pd.DataFrame([ROW]), SUMMARY | changed, tmp_path))
    assert text.endswith(words) or words in text


def test_nothing_found(tmp_path):
    """A table without rows, no pictures, and names that are numbers."""
    place = tmp_path / "in" / "K562" / "motifs" / "peaks"
    write_table(pd.DataFrame(columns=list(ROW)), place / "motifs.tsv")
    write_json(SUMMARY | {"matched": 0, "background_matched": 0}, place / "summary.json")
    text = section(tmp_path / "in", tmp_path / "out")["data"]
    assert "No motif of the file" in text and "<table" not in text and "<img" not in text
    write_table(pd.DataFrame([ROW]), place / "motifs.tsv")
    assert collect([tmp_path / "in"]).samples["K562"].motifs["peaks"].table["motif"][0] == "1"


def test_large_pictures_are_left_out(tmp_path):
    (tmp_path / "logos").mkdir()
    (tmp_path / "logos" / "motif_01_a.png").write_bytes(PNG + bytes(1_000_000))
    assert pictures(tmp_path, "motif") == []


def test_each_check_of_faithfulness_says_what_is_bad():
    _, summary = explanations(np.random.default_rng(0))
    results = Results(
        {
            "x": SampleResults(
                "x", explanations={"peaks": Explanations(4, np.empty(0), Counter(), summary)}
            )
        }
    )
    (checks,) = explanations_faithfulness.sections(results)
    head = re.findall("<th class=sf-num>(.*?)</th>", checks.data)
    assert all("<small>bad: " in cell for cell in head[1:]) and len(head) == 5
    (drawn,) = explanations_deletion.sections(results)
    assert isinstance(drawn.data, dict)
    summary["faithfulness"]["summary"] |= {
        "insertion_top": [0.1] * 7,
        "insertion_random": [0.01] * 7,
    }
    (drawn,) = explanations_deletion.sections(results)
    assert [label["name"] for label in drawn.config["data_labels"]] == ["Deletion", "Insertion"]
    assert all(set(lines) == {"peaks · highest", "peaks · random"} for lines in drawn.data)


def test_instances_of_patterns_are_counted_where_they_were_looked_for(tmp_path):
    for name, more in (("with", {"instances": 1234}), ("without", {})):
        place = tmp_path / name / "K562" / "peaks"
        write_table(pd.DataFrame(FOUND), place / "patterns.tsv")
        write_json(
            {k: v for k, v in PATTERNS.items() if k != "instances"} | more, place / "summary.json"
        )
        (found,) = explanations_patterns.sections(collect([tmp_path / name]))
        assert ("Fi-NeMo finds 1,234 instances" in found.data) == bool(more)
