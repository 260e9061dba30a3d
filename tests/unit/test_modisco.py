"""What modisco is given, and what is read of what it writes."""

import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence

from seformer.explain.folder import REGION_COLUMNS, RESULT_COLUMNS, TABLE_FILE
from seformer.explain.values import VALUES_FILE, ValuesWriter
from seformer.motifs import modisco
from seformer.report.collect import collect
from seformer.report.sections.explanations_patterns import sections
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.tables import write_tsv

SITES = ("TTCTGGGAACGT", "ATTGCGCAATAC")


def write_folder(out, number, length=1500):
    """Regions of one planted site each, worth +1 or −1 a base, and an N run before it."""
    random, rows = np.random.default_rng(1), []
    out.mkdir()
    lengths = [length] * number + [150, 500]
    with ValuesWriter(out / VALUES_FILE, lengths) as writer:
        for index, size in enumerate(lengths):
            text, values = list(random_sequence(size, index)), np.zeros(size)
            if size == length:
                values += random.normal(0, 0.001, size)
                for place in (90, 700, 1300):
                    text[place : place + 12] = SITES[index % 2]
                    values[place : place + 12] = 1 - 2 * (index % 2)
                text[680:690], values[680:690] = "N" * 10, 0
            elif size == 150:
                values[20:40] = -2
            writer.add(values, "".join(text))
            rows.append(
                {
                    "chrom": "chr1",
                    "start": 2000 * index,
                    "end": 2000 * index + size,
                    "name": f"r{index}",
                    "logit": 1.0,
                    "prediction": "SE",
                }
            )
    table = pd.DataFrame(rows).reindex(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
    table.to_csv(out / TABLE_FILE, sep="\t", index=False)
    return out


def test_arrays_are_the_windows_round_the_strongest_places(tmp_path):
    folder = write_folder(tmp_path / "explained", 2)
    found = modisco.cut_windows([folder], 400, 2)
    hot, values = found.sequences, found.attributions
    # two windows of each long region, one of the short one, none of the one without attribution
    assert hot.shape == values.shape == (5, 4, 400)
    assert hot.dtype == values.dtype == np.float32
    own = [(bases, own) for _, own, bases in modisco.iterate(folder)]
    for window, place in enumerate(found.places.itertuples()):
        bases, expected = own[place.region]
        start = place.start - 2000 * place.region
        assert place.end - place.start == 400
        for column in range(400):
            base = bases[start + column] if start + column < len(bases) else "N"
            worth = expected[start + column] if start + column < len(bases) else 0
            row = np.array([float(base == letter) for letter in "ACGT"])
            assert hot[window, :, column].tolist() == row.tolist()
            np.testing.assert_array_equal(values[window, :, column], np.float32(worth) * row)
    total = sum(np.abs(worth).sum() for _, worth in own)
    inside = sum(
        np.abs(own[p.region][1][p.start - 2000 * p.region :][:400]).sum()
        for p in found.places.itertuples()
    )
    assert found.share == pytest.approx(inside / total)
    assert 0.6 < found.share < 0.8


def test_windows_are_centred_and_stay_inside():
    values = np.zeros(2000)
    values[1000:1012] = 1
    (start,) = modisco.strongest(values, 400, 3)
    assert abs(start + 200 - 1006) <= modisco.CORE
    values[5], values[1990] = 0.5, -0.4
    assert modisco.strongest(values, 400, 3) == [0, start, 1600]
    assert modisco.strongest(values, 400, 1) == [start]
    assert modisco.strongest(np.zeros(2000), 400, 3) == []
    assert modisco.strongest(np.ones(60), 400, 3) == [0]


def pattern(rows, *seqlets):
    """What modisco gives: a pattern of base frequencies, with its seqlets."""
    names = ("example_idx", "start", "end", "is_revcomp")
    found = [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in seqlets]
    return SimpleNamespace(sequence=np.array(rows, float), seqlets=found)


def test_patterns_and_their_places(tmp_path):
    thr = [[0, 0, 0, 1], [0.1, 0.3, 0.4, 0.2], [1, 0, 0, 0]]
    patterns = {
        "pos_patterns.pattern_0": pattern(thr, (1, 10, 13, True)),
        "neg_patterns.pattern_0": pattern([[0, 1, 0, 0]] * 2, (0, 0, 2, False), (2, 5, 7, False)),
    }
    places = pd.DataFrame({"chrom": ["chr1", "chr1", "chr2"], "start": [10, 10, 25]})
    seqlets = modisco.seqlets_on_genome(patterns, places)
    assert seqlets.to_numpy().tolist() == [
        ["chr1", 10, 12, "neg_patterns.pattern_0", 0, "+"],
        ["chr1", 20, 23, "pos_patterns.pattern_0", 0, "-"],
        ["chr2", 30, 32, "neg_patterns.pattern_0", 0, "+"],
    ]
    table = modisco.count_patterns(patterns, seqlets)
    assert table.to_numpy().tolist() == [
        ["neg_patterns.pattern_0", "TE", 2, "CC"],
        ["pos_patterns.pattern_0", "SE", 1, "TgA"],
    ]

    place = tmp_path / "results/K562/peaks"
    place.mkdir(parents=True)
    write_tsv(table, place / "patterns.tsv")
    record = {"windows": 2, "regions": 1, "attribution_in_windows": 0.8}
    write_json(record, place / "summary.json")
    shown = next(sections(collect([tmp_path / "results"]))).data
    assert "<b>2</b> patterns in 2 windows of 1 regions, which hold 80 %" in shown
    assert "<code>TgA</code>" in shown
    write_tsv(table[:0], place / "patterns.tsv")
    assert "<b>0</b> patterns" in next(sections(collect([tmp_path / "results"]))).data


def test_seqlets_in_unknown_bases_are_told_apart():
    hot = np.ones((2, 4, 10), np.float32)
    hot[0, :, 4:6] = 0
    places = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [100, 100]})
    rows = [("chr1", 100, 104), ("chr1", 101, 105), ("chr1", 106, 110), ("chr2", 101, 109)]
    seqlets = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    found = modisco.in_unknown(seqlets, modisco.AttributionWindows(hot, hot, places, 1.0))
    assert found.tolist() == [False, True, False, False]
    assert modisco.consensus(np.array([[0.0] * 4, [0, 0.9, 0, 0]])) == "NC"


def test_without_the_package_and_with_one_that_fails(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "explained", 1)
    monkeypatch.setitem(sys.modules, "modiscolite", None)
    with pytest.raises(UserError, match="modisco is not installed"):
        modisco.modisco([folder], tmp_path / "out")
    monkeypatch.delitem(sys.modules, "modiscolite")
    package = tmp_path / "modiscolite"
    package.mkdir()
    (package / "descriptive_report.py").write_text("generate_descriptive_report = None\n")
    (package / "__init__.py").write_text(
        "class tfmodisco:\n    def TFMoDISco(**how): raise ValueError('no seqlets')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="modisco failed: no seqlets"):
        modisco.modisco([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # not by monkeypatch, which would put them there again for the next test
    for name in ("modiscolite", "modiscolite.descriptive_report"):
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("modiscolite"), reason="modisco-lite is not installed")
def test_planted_sites_are_the_patterns(tmp_path):
    folder = write_folder(tmp_path / "explained", 100)
    modisco.modisco([folder], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/patterns.tsv", sep="\t")
    # modisco may part the seqlets of one site among several patterns
    assert (table.groupby("speaks_for")["seqlets"].sum() > 90).all()
    seqlets = pd.read_csv(tmp_path / "out/seqlets.bed", sep="\t", header=None)
    for row in table.itertuples():
        at = row.consensus.upper().index(SITES[row.speaks_for == "TE"])
        own = seqlets[(seqlets[3] == row.pattern) & (seqlets[5] == "+")]
        assert set(own[1] % 2000 + at) <= {90, 700, 1300}
        assert set(own[8]) == {"213,94,0" if row.speaks_for == "SE" else "0,114,178"}
    assert (tmp_path / "out/report/report.html").is_file()
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    if not find_spec("finemo"):
        assert "instances" not in summary
        return
    # every planted site, under each pattern that is it
    found = pd.read_csv(tmp_path / "out/instances.tsv", sep="\t")
    assert summary["instances"] == len(found)
    bed = pd.read_csv(tmp_path / "out/instances.bed", sep="\t", header=None)
    assert bed.shape == (len(found), 9)
    assert (bed[[0, 1, 2]].to_numpy() == found.iloc[:, :3].to_numpy()).all()
    for sign, region in ((1, 0), (-1, 1)):
        own = found[np.sign(found["attribution"]) == sign]
        sites = {2000 * r + site for r in range(region, 100, 2) for site in (90, 700, 1300)}
        # the core of a pattern is the site, to a base or two
        assert sites <= {s + d for s in own["start"] for d in (-2, -1, 0, 1, 2)}
        assert own["pattern"].str.startswith("pos" if sign > 0 else "neg").all()
        assert np.median(np.abs(own["attribution"])) == pytest.approx(12, abs=1.5)
