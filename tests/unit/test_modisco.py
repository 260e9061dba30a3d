"""What modisco is given, and what is read of what it writes."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence

from seformer.explain import tracks
from seformer.explain.folder import REGION_COLUMNS, RESULT_COLUMNS, TABLE_FILE
from seformer.motifs import modisco
from seformer.report.collect import collect
from seformer.report.patterns import section
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.tables import write_tsv

SITES = ("TTCTGGGAACGT", "ATTGCGCAATAC")


def write_folder(out, number, length=1500):
    """Regions of one planted site each, worth +1 or −1 a base, and an N run before it."""
    random, rows = np.random.default_rng(1), []
    out.mkdir()
    lengths = [length] * number + [150, 500]
    with tracks.ValuesWriter(out / tracks.VALUES_FILE, lengths) as writer:
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
    found = modisco.cut([folder], 400, 2)
    modisco.write_arrays(found, tmp_path)
    with np.load(tmp_path / "sequences.npz") as file:
        hot = file["arr_0"]
    with np.load(tmp_path / "attributions.npz") as file:
        values = file["arr_0"]
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
    text = (tmp_path / "windows.bed").read_text().splitlines()
    assert text[0].split("\t")[:4] == [
        "chr1",
        *map(str, found.places.iloc[0][["start", "end"]]),
        "r0",
    ]
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


MEME = """MEME version 5

ALPHABET= ACGT

MOTIF pos_patterns.pattern_0
letter-probability matrix: alength= 4 w= 3 nsites= 1
0.0 0.0 0.0 1.0
0.1 0.3 0.4 0.2
1.0 0.0 0.0 0.0

MOTIF neg_patterns.pattern_0
letter-probability matrix: alength= 4 w= 2 nsites= 1
0.0 1.0 0.0 0.0
0.0 1.0 0.0 0.0

"""
BED = """track name="pattern_0" description="TF-MoDISco pattern"
chr1\t21\t23\tpattern_0.0\t0\t-

track name="pattern_0" description="TF-MoDISco pattern"
chr1\t11\t12\tpattern_0.0\t0\t+
chr2\t31\t32\tpattern_0.1\t0\t+
"""


def test_patterns_and_their_places(tmp_path):
    (tmp_path / "p.meme").write_text(MEME)
    (tmp_path / "s.bed").write_text(BED)
    patterns = modisco.read_patterns(tmp_path / "p.meme")
    seqlets = modisco.read_seqlets(tmp_path / "s.bed", patterns)
    assert seqlets.to_numpy().tolist() == [
        ["chr1", 10, 12, "neg_patterns.pattern_0", 0, "+"],
        ["chr1", 20, 23, "pos_patterns.pattern_0", 0, "-"],
        ["chr2", 30, 32, "neg_patterns.pattern_0", 0, "+"],
    ]
    table = modisco.summarise(patterns, seqlets)
    assert table.to_numpy().tolist() == [
        ["neg_patterns.pattern_0", "TE", 2, "CC"],
        ["pos_patterns.pattern_0", "SE", 1, "TgA"],
    ]

    place = tmp_path / "results/K562/peaks"
    place.mkdir(parents=True)
    write_tsv(table, place / "patterns.tsv")
    record = {"windows": 2, "regions": 1, "attribution_in_windows": 0.8}
    write_json(record, place / "summary.json")
    shown = section(collect([tmp_path / "results"])).data
    assert "<b>2</b> patterns in 2 windows of 1 regions, which hold 80 %" in shown
    assert "<code>TgA</code>" in shown
    write_tsv(table[:0], place / "patterns.tsv")
    assert "<b>0</b> patterns" in section(collect([tmp_path / "results"])).data


def test_seqlets_in_unknown_bases_are_told_apart():
    hot = np.ones((2, 4, 10), np.float32)
    hot[0, :, 4:6] = 0
    places = pd.DataFrame({"chrom": ["chr1", "chr2"], "start": [100, 100]})
    rows = [("chr1", 100, 104), ("chr1", 101, 105), ("chr1", 106, 110), ("chr2", 101, 109)]
    seqlets = pd.DataFrame(rows, columns=["chrom", "start", "end"])
    found = modisco.in_unknown(seqlets, modisco.Windows(hot, hot, places, 1.0))
    assert found.tolist() == [False, True, False, False]
    weights = np.array([[0.0] * 4, [0, 0.9, 0, 0]])
    assert modisco.Pattern("p", weights).consensus == "NC"


def test_without_the_program_and_with_one_that_fails(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "explained", 1)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="modisco is not installed"):
        modisco.modisco([folder], tmp_path / "out")
    program = tmp_path / "modisco"
    program.write_text("#!/bin/sh\necho one >&2\necho no space left >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{path}")
    with pytest.raises(UserError, match="modisco failed: no space left"):
        modisco.modisco([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("modisco"), reason="modisco-lite is not installed")
def test_planted_sites_are_the_patterns(tmp_path):
    folder = write_folder(tmp_path / "explained", 100)
    modisco.modisco([folder], tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/patterns.tsv", sep="\t")
    # modisco may part the seqlets of one site among several patterns
    assert (table.groupby("speaks_for")["seqlets"].sum() > 100).all()
    seqlets = pd.read_csv(tmp_path / "out/seqlets.bed", sep="\t", header=None)
    for row in table.itertuples():
        at = row.consensus.upper().index(SITES[row.speaks_for == "TE"])
        own = seqlets[(seqlets[3] == row.pattern) & (seqlets[5] == "+")]
        assert set(own[1] % 2000 + at) <= {90, 700, 1300}
    assert (tmp_path / "out/report/report.html").is_file()
