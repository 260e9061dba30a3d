import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control
from toys import random_sequence, toy_model

from seformer.explain import dissect as module
from seformer.explain.constituents import held_out_enhancers, read_constituents
from seformer.explain.dissection import (
    BLOCK,
    ENOUGH,
    Stretch,
    dissect_region,
    empirical_p,
    null_starts,
    room_for,
)
from seformer.explain.settings import DissectionSettings
from seformer.regions.measured import read_places, read_score
from seformer.scoring.score import Ensemble
from seformer.sequence.dna import reverse_complement
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv

FIRST, SECOND = "TTGACATTGACATTGACA", "CCGGATCCGGATCCGGAT"
MARGIN = {"first": 2.0, "second": 1.0, "both": 3.0}
PARTS = [Stretch(100, 200), Stretch(300, 400), Stretch(600, 650)]
# one motif in each of the first two constituents, none in the third
REGION = random_sequence(1000)
REGION = REGION[:140] + FIRST + REGION[158:340] + SECOND + REGION[358:]
CHR1 = random_sequence(6000, 5)
TOY = {"mixing": True, "curved": True, "window": 40}


def score_motifs(sequence, edits):
    """Margins of a model that knows two motifs, and wants both; the second member twice as much."""

    def margin(bases):
        first, second = FIRST in bases, SECOND in bases
        total = (
            MARGIN["first"] * first + MARGIN["second"] * second + MARGIN["both"] * first * second
        )
        return [total, 2 * total]

    edited = np.array([margin(edit.apply(sequence)) for edit in edits]).reshape(-1, 2).T
    return np.array(margin(sequence)), edited


def dissected(constituents=PARTS, sequence=REGION, margins=score_motifs, **settings):
    return dissect_region(
        sequence, constituents, "chr1:0-1000", margins, DissectionSettings(**settings)
    )


# ------------------------------------------------------------------------- one region


def test_known_answers():
    result = dissected(shuffles=3)
    np.testing.assert_array_equal(result.margin, [6, 12])
    # without one motif the other is left alone
    for values in (result.effect, result.masked[..., None], result.cut[..., None]):
        np.testing.assert_array_equal(values[0], np.tile([[5], [4], [0]], values.shape[-1]))
        np.testing.assert_array_equal(values[1], 2 * values[0])
    assert result.effect.shape == (2, 3, 3)
    np.testing.assert_array_equal(result.shuffled, np.zeros((2, 3)))
    np.testing.assert_array_equal(result.alone[0], np.tile([[2], [1], [0]], 3))


def test_synergy_is_the_pair_less_both_alone():
    pairs = {(pair.first, pair.second): pair for pair in dissected().pairs}
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    # 6 are lost at once; what both do together would be lost twice in the sum of 5 and 4
    np.testing.assert_array_equal(pairs[0, 1].effect[0], [6] * 4)
    np.testing.assert_array_equal(pairs[0, 1].synergy[0], [-3] * 4)
    np.testing.assert_array_equal(pairs[0, 2].synergy, np.zeros((2, 4)))


def test_pairs_up_to_a_limit():
    assert dissected(pair_limit=2).pairs == []
    assert len(dissected(pair_limit=3).pairs) == 3
    assert dissected(pair_limit=0).pairs == []


def test_overlapping_constituents_are_shuffled_as_one_and_have_no_synergy():
    result = dissected([Stretch(100, 200), Stretch(120, 360)])
    (pair,) = result.pairs
    np.testing.assert_array_equal(pair.effect[0], [6] * 4)
    assert np.isnan(pair.synergy).all()
    np.testing.assert_array_equal(result.alone[0, 1], [6] * 4)


def test_null_and_p():
    result = dissected(null_stretches=50)
    first, _, third = result.null
    np.testing.assert_array_equal(first, np.zeros(50))  # outside there is no motif
    assert empirical_p(result.effect[:, 0].mean(), first) == 1 / 51
    # all stretches are as strong as one that does nothing: the first of them are enough
    assert len(third) == BLOCK >= ENOUGH
    assert empirical_p(0.0, third) == 1
    assert empirical_p(1.0, np.array([0.0, 1.0, 2.0])) == 3 / 4
    assert [len(null) for null in dissected(null_stretches=0).null] == [0] * 3
    assert np.isnan(empirical_p(1.0, np.empty(0)))


def test_a_null_stretch_is_shuffled_as_a_constituent_is():
    # the only motif lies outside all constituents: stretches that hold it lose what it is worth
    sequence = random_sequence(1000)
    sequence = sequence[:700] + FIRST + sequence[718:]
    (null,) = dissected([Stretch(0, 100)], sequence, null_stretches=400, shuffles=1).null
    assert set(null) == {0.0, 3.0}  # mean over members
    starts = null_starts(sequence, [Stretch(0, 100)], 100, 0)
    holding = np.mean((starts <= 700) & (starts + 100 >= 718))
    wanted = null[: len(null)] > 0
    assert np.mean(wanted) == pytest.approx(holding, abs=0.06)


def test_null_starts_keep_out_of_constituents_and_of_unknown_bases():
    sequence = "A" * 10 + "N" * 5 + "C" * 15
    taken = [Stretch(20, 22)]
    expected = [
        start for start in range(27) if not set(range(start, start + 4)) & {*range(10, 15), 20, 21}
    ]
    assert null_starts(sequence, taken, 4, 0).tolist() == expected
    assert 12 in null_starts(sequence, taken, 4, 3)
    assert room_for(np.array(expected), 4) == 5
    assert room_for(np.array([], int), 4) == 0


def test_without_room_there_is_no_null():
    assert dissected([Stretch(0, 400), Stretch(500, 1000)]).null == [None, None]


def test_too_few_bases():
    sequence = REGION[:500] + "N" * 100 + REGION[600:]
    result = dissected([Stretch(100, 200), Stretch(495, 600), Stretch(700, 705)], sequence)
    for values in (result.effect, result.alone, result.masked[..., None], result.cut[..., None]):
        assert np.isfinite(values[:, 0]).all() and np.isnan(values[:, 1:]).all()
    assert result.null[1:] == [None, None] and result.pairs == []


def test_a_constituent_that_is_the_whole_region_cannot_be_taken_out():
    result = dissected([Stretch(0, 1000)])
    assert np.isnan(result.masked).all() and np.isnan(result.cut).all()
    np.testing.assert_array_equal(result.effect[0], [[6] * 4])
    np.testing.assert_array_equal(result.alone, result.effect)
    assert result.null == [None]


def test_shuffles_follow_the_seed_and_the_place_alone():
    def texts(constituents, **settings):
        seen = []

        def margins(sequence, edits):
            seen.extend(edits)
            return np.zeros(1), np.zeros((1, len(edits)))

        dissected(constituents, margins=margins, null_stretches=0, pair_limit=0, **settings)
        return {edit.bases for edit in seen if edit.start == 100 and edit.stop == 200}

    assert texts(PARTS) == texts(PARTS) == texts(PARTS[:1])
    assert texts(PARTS) != texts(PARTS, seed=2)
    shuffles = texts(PARTS) - {"", "N" * 100, REGION[100:200]}
    assert len(shuffles) == 4
    counts = [np.sort([text[i : i + 2] for i in range(99)]) for text in shuffles]
    assert all(
        (each == np.sort([REGION[i : i + 2] for i in range(100, 199)])).all() for each in counts
    )


# ------------------------------------------------------------------------- files


@pytest.fixture
def toy(monkeypatch):
    model = toy_model(**TOY)
    monkeypatch.setattr(module, "load_model", lambda folder, device: model)
    return model


@pytest.fixture
def genome(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{CHR1}\n>chr2\n{'N' * 500}{random_sequence(900)}\n")
    return path


REGIONS = "chr1\t100\t1100\tone\nchr1\t2000\t3500\ttwo\n"
CONSTITUENTS = (
    "chr1\t150\t250\ta\nchr1\t300\t420\tb\nchr1\t900\t1000\tc\nchr1\t2100\t2200\td\n"
    "chr1\t3000\t3100\te\n"
)


def run(tmp_path, genome, regions=REGIONS, constituents=CONSTITUENTS, **options):
    (tmp_path / "r.bed").write_text(regions)
    (tmp_path / "c.bed").write_text(constituents)
    if "splits" not in options:
        options["regions"] = tmp_path / "r.bed"
    options = {"null_stretches": 20, "shuffles": 2} | options
    out = tmp_path / "out"
    summary = module.dissect("model", out, fasta=genome, constituents=tmp_path / "c.bed", **options)
    assert summary == json.loads((out / "summary.json").read_text())
    return read_tsv(out / "constituents.tsv", text=["name", "region_name", "flags"]), summary


def test_the_table_is_what_scoring_from_scratch_gives(tmp_path, genome, toy):
    table, summary = run(tmp_path, genome)
    assert table["name"].tolist() == ["a", "b", "c", "d", "e"]
    assert table["region_name"].tolist() == ["one"] * 3 + ["two"] * 2
    assert (table["length"] == table["end"] - table["start"]).all()
    for row in table.itertuples():
        region = CHR1[row.region_start : row.region_end]
        first, last = row.start - row.region_start, row.end - row.region_start
        cut = region[:first] + region[last:]
        masked = region[:first] + "N" * (last - first) + region[last:]
        whole, *others = Ensemble(toy).score([region, cut, masked]).logit
        assert row.region_logit == pytest.approx(whole, abs=1e-5)
        assert row.cut_effect == pytest.approx(whole - others[0], abs=2e-5)
        assert row.masked_effect == pytest.approx(whole - others[1], abs=2e-5)
    for _, rows in table.groupby("region_start"):
        assert sorted(rows["rank"]) == [*range(1, len(rows) + 1)]
        assert rows.sort_values("rank")["effect"].is_monotonic_decreasing
    np.testing.assert_allclose(table["q"], false_discovery_control(table["p"]), rtol=1e-6)
    assert table["effect_member_sd"].isna().all() and table["effect_sd"].notna().all()
    assert summary["regions"]["dissected"] == 2 and summary["rows"] == 5
    assert summary["model"] == toy.settings.as_used
    pairs = read_tsv(tmp_path / "out/pairs.tsv")
    assert len(pairs) == 3 + 1
    single = table.set_index("start")["effect"]
    sums = single[pairs["first_start"]].to_numpy() + single[pairs["second_start"]].to_numpy()
    np.testing.assert_allclose(pairs["synergy"], pairs["effect"] - sums, atol=1e-5)


def test_members_are_averaged_and_their_spread_is_told(tmp_path, genome, monkeypatch):
    members = [toy_model(**TOY, seed=seed) for seed in (0, 1)]
    alone = []
    for member in members:
        monkeypatch.setattr(module, "load_model", lambda *_, member=member: member)
        alone.append(run(tmp_path, genome)[0]["effect"].to_numpy())
    ensemble = replace(members[0], others=(members[1],))
    monkeypatch.setattr(module, "load_model", lambda *_: ensemble)
    table, summary = run(tmp_path, genome)
    assert summary["members"] == 2
    np.testing.assert_allclose(table["effect"], np.mean(alone, axis=0), atol=1e-5)
    np.testing.assert_allclose(table["effect_member_sd"], np.std(alone, axis=0, ddof=1), atol=1e-5)


def test_a_region_depends_on_nothing_else(tmp_path, genome, toy):
    table, _ = run(tmp_path, genome)
    (first, second), parts = REGIONS.splitlines(True), CONSTITUENTS.splitlines(True)
    again, _ = run(tmp_path, genome, second + first, "".join(parts[::-1]))
    mine = [column for column in table.columns if column != "q"]
    swapped = again.sort_values("start", ignore_index=True)
    pd.testing.assert_frame_equal(table[mine], swapped[mine], rtol=1e-5, atol=1e-6)
    alone, _ = run(tmp_path, genome, second)
    only = table[table["region_name"] == "two"].reset_index(drop=True)
    pd.testing.assert_frame_equal(only[mine], alone[mine], rtol=1e-5, atol=1e-6)
    other, _ = run(tmp_path, genome, seed=9)
    assert not np.allclose(other["effect"], table["effect"], atol=1e-5)


def test_bed(tmp_path, genome, toy):
    table, _ = run(tmp_path, genome)
    lines = (tmp_path / "out/constituents.bed").read_text().splitlines()
    assert len(lines) == len(table)
    for line in lines:
        chrom, start, end, _, score, strand, thick_start, thick_end, colour = line.split("\t")
        assert chrom == "chr1" and (start, end, strand) == (thick_start, thick_end, ".")
        assert 0 <= int(score) <= 1000
        assert all(0 <= int(part) <= 255 for part in colour.split(","))
    shown = dict(zip([line.split("\t")[3] for line in lines], lines, strict=True))
    best = table[table["rank"] == 1].iloc[0]
    assert best["effect"] > 0
    assert shown[best["name"]].endswith("213,94,0") and "\t1000\t." in shown[best["name"]]
    assert all(
        line.endswith("0,114,178")
        for line in (shown[n] for n in table["name"][table["effect"] < 0])
    )


def test_what_does_not_fit_is_counted(tmp_path, genome, toy, caplog):
    regions = REGIONS + "chr1\t100\t1100\tagain\nchr1\t5000\t5400\tempty\nchr2\t0\t400\tholes\n"
    constituents = CONSTITUENTS + (
        "chr1\t50\t130\tedge\nchr1\t150\t250\ttwice\nchr1\t240\t280\tlap\nchr1\t4000\t4100\toff\n"
        "chr1\t700\t704\tshort\n"
    )
    with caplog.at_level("WARNING", "seformer"):
        table, summary = run(tmp_path, genome, regions, constituents)
    flags = dict(zip(table["name"], table["flags"].fillna(""), strict=True))
    assert flags["edge"] == "clipped" and flags["short"] == "too_few_bases"
    assert flags["a"] == flags["lap"] == "overlaps_another" and "twice" not in flags
    edge = table[table["name"] == "edge"].iloc[0]
    assert (edge["start"], edge["end"], edge["length"]) == (100, 130, 30)
    short = table[table["name"] == "short"].iloc[0]
    assert short[["effect", "rank", "p", "q", "cut_effect"]].isna().all()
    assert summary["constituents"] == {
        "read": 10,
        "in_no_region": 1,
        "clipped": 1,
        "repeated": 1,
        "overlapping": 2,
    }
    assert summary["regions"] == {
        "read": 5,
        "repeated": 1,
        "unusable": {"all_n": 1},
        "without_constituents": 1,
        "dissected": 2,
        "without_pairs": 0,
    }
    said = " ".join(caplog.messages)
    assert "1 of 10 constituents lie in no region and are left out; the first: line 9" in said
    assert "1 of 10 constituents reach beyond their region" in said
    assert "have no constituent and are left out; the first: chr1:5000-5400" in said


def test_no_room_is_told(tmp_path, genome, toy):
    table, summary = run(tmp_path, genome, "chr1\t100\t300\n", "chr1\t110\t200\n")
    assert table["flags"].tolist() == ["no_room"] and table["p"].isna().all()
    assert (summary["tested"], summary["stand_out"]) == (0, 0)
    assert summary["flags"] == {"no_room": 1}


def test_constituents_that_are_all_too_short_are_told(tmp_path, genome, toy):
    table, summary = run(tmp_path, genome, constituents="chr1\t150\t151\nchr1\t200\t203\n")
    assert table["flags"].tolist() == ["too_few_bases"] * 2 and table["rank"].isna().all()
    assert summary["strongest"] == []


@pytest.mark.parametrize(
    ("constituents", "message"),
    [
        ("chr1\t4000\t4100\n", "no constituent lies in any region; the first is chr1:4000-4100"),
        ("chr1\t0\t4100\n", "all constituents in the regions reach beyond them"),
        ("chr9\t150\t250\n", "no chromosome of this file is in the genome"),
        ("chr1\t150\n", "only 2 columns"),
    ],
)
def test_constituents_of_something_else(tmp_path, genome, toy, constituents, message):
    with pytest.raises(UserError, match=re.escape(message)) as error:
        run(tmp_path, genome, constituents=constituents)
    assert str(error.value.where).endswith("c.bed") and not (tmp_path / "out").exists()


def test_regions_without_bases(tmp_path, genome, toy):
    with pytest.raises(UserError, match=r"no region can be used \(1 all_n\)"):
        run(tmp_path, genome, "chr2\t0\t400\n")
    with pytest.raises(UserError, match="give either --regions or --splits"):
        module.dissect("model", tmp_path / "out", fasta=genome, constituents=tmp_path / "c.bed")


def test_other_names_of_chromosomes(tmp_path, genome, toy):
    table, _ = run(tmp_path, genome)
    plain = REGIONS.replace("chr", "")
    with pytest.raises(UserError, match="no chromosome"):
        run(tmp_path, genome, plain)
    other, _ = run(tmp_path, genome, plain, rename_chromosomes=True)
    assert set(other["chrom"].astype(str)) == {"1"}  # as the regions spell it
    np.testing.assert_allclose(other["effect"], table["effect"], atol=1e-6)
    assert (tmp_path / "out/constituents.bed").read_text().startswith("1\t")


def test_the_strand_does_not_matter():
    """What is cut from one strand is cut from both."""
    model = Ensemble(toy_model(**TOY))
    sequence = CHR1[:600]
    edits = module.margins_of(model)(sequence, [])[0]
    np.testing.assert_allclose(edits, model.score([reverse_complement(sequence)]).logit, atol=1e-5)


def test_blocks_of_a_bed12_are_constituents(tmp_path):
    path = tmp_path / "b.bed"
    row = "chr1\t100\t1100\tSE\t0\t.\t100\t1100\t0\t{}\t{}\t{}\n"
    path.write_text(row.format(2, "50,100,", "0,900,") + row.format(1, "1000", "0"))
    table = read_constituents(path)
    places = table[["start", "end", "name", "line"]].to_numpy().tolist()
    assert places == [[100, 150, "SE/1", 1], [1000, 1100, "SE/2", 1], [100, 1100, "SE", 2]]


def test_super_enhancers_of_the_test_part(tmp_path, genome, toy):
    path = tmp_path / "regions.tsv"
    head = "chrom\tstart\tend\tname\tlabel\tparent\tsplit\n"
    rows = [
        "chr1\t100\t1100\tone\t1\t\ttest",
        "chr1\t2000\t2500\ttwo/1\t1\tchr1:2000-3500\ttest",
        "chr1\t2500\t3000\ttwo/2\t1\tchr1:2000-3500\ttest",
        "chr1\t4000\t4500\tthree\t1\t\ttrain",
        "chr1\t5000\t5500\tfour\t0\t\ttest",
        "chr1\t5600\t5700\tfive\t1\t\t",
    ]
    path.write_text(head + "\n".join(rows) + "\n")
    regions = held_out_enhancers(path)
    places = regions[["chrom", "start", "end", "name"]].to_numpy().tolist()
    assert places == [["chr1", 100, 1100, "one"], ["chr1", 2000, 3500, "two"]]
    table, _ = run(tmp_path, genome)
    of_split, _ = run(tmp_path, genome, splits=path)
    pd.testing.assert_frame_equal(of_split, table)
    path.write_text(head + rows[3] + "\n")
    with pytest.raises(UserError, match="no super-enhancer in the test part"):
        held_out_enhancers(path)


def test_effects_of_constituents_are_scores_to_compare(tmp_path, genome, toy):
    run(tmp_path, genome)
    column = read_score(read_places(tmp_path / "out/constituents.tsv"), None)
    assert column[1] == "effect"
    table = read_tsv(tmp_path / "out/constituents.tsv")
    np.testing.assert_array_equal(column[0], table["effect"])
