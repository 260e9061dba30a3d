"""What the page says of dissected super-enhancers."""

import json
import re

import pytest
from report_inputs import DISSECTED, dissection, write_json, write_table

from seformer.evaluation.constituent_findings import judge_dissection
from seformer.report import page
from seformer.report.collect import collect
from seformer.report.content import say
from seformer.report.sections.dissected_constituents import draw_heat_map
from seformer.util.errors import UserError
from seformer.util.markup import escape


@pytest.fixture
def published(tmp_path):
    table, summary = dissection()
    write_table(table, tmp_path / "in/K562/dissect/peaks/constituents.tsv")
    write_json(summary, tmp_path / "in/K562/dissect/peaks/summary.json")
    return tmp_path / "in"


def sections(folder, out):
    page.write_report([folder], out)
    return {p.name[3:-9]: json.loads(p.read_text()) for p in sorted(out.glob("*_mqc.json"))}


def test_the_strongest_and_what_was_left_out(published, tmp_path):
    made = sections(published, tmp_path / "out")
    text = made["dissected_constituents"]["data"]
    assert "3 constituents of 2 regions, each shuffled 4 times; of 2 that were compared" in text
    assert "<b>1</b> stand out (q at most 0.05)" in text
    for words in ("1 have no p", "1 have fewer than 10", "1 reached beyond", "1 regions have no"):
        assert words in text
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert cells == [
        "chr1:151-250<small>peak_1</small>",
        "chr1:101-1,100<small>rank 1</small>",
        "+1.250<small>± 0.125</small>",
        *("+3.500", "−0.500", "+0.750"),
        *("0.0099", "0.02"),
    ]
    assert "hypothesis" in made["dissected_constituents"]["description"]
    assert "Constituents of peaks" in made["verdict"]["data"]
    assert escape(say("verdict", "own_test")) in made["verdict"]["data"]
    assert "each was shuffled 4 times" in made["methods"]["data"]
    assert "1 of 2 had q at most 0.05" in made["methods"]["data"]


def test_a_heat_map_has_effects_on_and_above_the_diagonal_and_synergy_below():
    (region,) = DISSECTED["drawn"]
    drawn = draw_heat_map(region)
    # places as in the table above it, a name once
    assert "<b>chr1:101-1,100</b>" in drawn and ">151-250</text>" in drawn
    cell = r'<rect x="(\d+)" y="(\d+)"[^>]*fill="(\S+)" fill-opacity="(\S+)"[^>]*/>'
    cells = re.findall(cell + r"<text[^>]*>([^<]*)</text>", drawn)
    columns, rows = (sorted({int(found[i]) for found in cells}) for i in (0, 1))
    values = {
        (rows.index(int(y)), columns.index(int(x))): (text, colour, float(opacity))
        for x, y, colour, opacity, text in cells
    }
    red, blue = "#D55E00", "#0072B2"
    assert values == {
        (0, 0): ("+1.25", red, 0.62),
        (1, 1): ("−0.25", blue, 0.12),
        (0, 1): ("+1.50", red, 0.75),
        (1, 0): ("+0.50", red, 0.25),
    }
    pair = region["pairs"][0] | {"synergy": None}
    assert ">–</text>" in draw_heat_map(region | {"pairs": [pair]})


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        ({"tested": 0, "stand_out": 0}, "note", "None was compared"),
        ({"stand_out": 0}, "warning", "are no hierarchy."),
        ({"stand_out": 0, "tested": 6}, "warning", "a single one of so many cannot: raise"),
        ({}, "note", "1 of 2 lose more than random stretches"),
    ],
)
def test_the_verdict(changed, level, words):
    first, second = judge_dissection("peaks", DISSECTED | changed)
    assert first.level == level and words in first.text
    # with 100 stretches one alone can reach q 0.05 among five
    assert ("raise --null-stretches" in first.text) == (changed.get("tested") == 6)
    assert second.level == "warning" and "1 of 3 reach beyond their region" in second.text
    whole = DISSECTED | {"constituents": DISSECTED["constituents"] | {"clipped": 0}}
    assert len(judge_dissection("peaks", whole)) == 1


def test_a_summary_of_another_run_is_refused(published):
    write_table(dissection()[0][:2], published / "K562/dissect/peaks/constituents.tsv")
    with pytest.raises(UserError, match=r"it is of 3 regions, but constituents.tsv beside it of 2"):
        collect([published])
    (region,) = DISSECTED["drawn"]
    broken = region | {"pairs": [region["pairs"][0] | {"second": 2}]}
    write_json(DISSECTED | {"drawn": [broken]}, published / "K562/dissect/peaks/summary.json")
    with pytest.raises(UserError, match="a constituent that is not there"):
        collect([published])
