import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import random_sequence

from seformer.explain.folder import REGION_COLUMNS, RESULT_COLUMNS, TABLE_FILE
from seformer.explain.values import VALUES_FILE, ValuesWriter
from seformer.util import atomic
from seformer.util.errors import UserError

pytest.importorskip("tangermeme", reason="needs the extra 'motifs'")
pytest.importorskip("memelite", reason="needs the extra 'motifs'")
from numba.core.caching import UserProvidedCacheLocator
from numba.core.dispatcher import Dispatcher

from seformer.motifs import compiled, logos
from seformer.motifs import seqlets as motifs
from seformer.motifs.changes import read_motif_file
from seformer.motifs.track import Track, soft_one_hot
from seformer.sequence.dna import reverse_complement

ROOT = Path(__file__).parents[2]
SITES = {"se": "TTCTGGGAACGT", "te": "ATTGCGCAATAC"}


def write_meme(path, number=40):
    random = np.random.default_rng(0)
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    own = [("SE motif", SITES["se"]), ("TE motif", SITES["te"])]
    own += [(f"M{i}", "".join(random.choice(list("ACGT"), 12))) for i in range(number - 2)]
    for name, site in own:
        lines += [f"MOTIF {name}", f"letter-probability matrix: alength= 4 w= {len(site)}"]
        lines += [" ".join("0.97" if b == c else "0.01" for c in "ACGT") for b in site] + [""]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Regions with planted sites, the SE motif worth something, the TE motif the opposite."""
    out = tmp_path_factory.mktemp("explained")
    random, rows = np.random.default_rng(1), []
    with ValuesWriter(out / VALUES_FILE, [600] * 12) as writer:
        for index in range(12):
            kind = "se" if index % 2 else "te"
            text, values = list(random_sequence(600, index)), random.normal(0, 0.01, 600)
            for place in (100, 250, 420):
                text[place : place + 12] = SITES[kind]
                values[place : place + 12] += 1 if kind == "se" else -1
            writer.add(values, "".join(text))
            rows.append(
                {
                    "chrom": "chr1",
                    "start": 1000 * index,
                    "end": 1000 * index + 600,
                    "name": f"r{index}",
                    "label": index % 2,
                    "logit": 1.0,
                    "prediction": "SE",
                }
            )
    table = pd.DataFrame(rows).reindex(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
    table.to_csv(out / TABLE_FILE, sep="\t", index=False)
    return out


def test_planted_sites_are_the_seqlets(folder):
    track = motifs.gather([folder])
    assert track.regions["class"].tolist() == ["TE", "SE"] * 6
    seqlets, _ = motifs.find_seqlets(track, 0.001)
    strong = seqlets[seqlets["attribution"].abs() > 3]
    assert len(strong) == 36
    places = {(100, 112), (250, 262), (420, 432)}
    for row in strong.itertuples():
        start, end = row.start - 600 * row.region, row.end - 600 * row.region
        assert any(start < b and a < end for a, b in places)
        assert (row.attribution > 0) == (row.region % 2 == 1)
    background = motifs.draw_background(track, seqlets, 1)
    assert len(background) == len(seqlets)
    for row in background.itertuples():
        assert not ((seqlets["start"] < row.end) & (row.start < seqlets["end"])).any()


def test_what_is_compiled_at_set_up_is_all_and_is_kept(folder, tmp_path):
    runpy.run_path(str(ROOT / "scripts/compile_motifs.py"), run_name="__main__")
    made = signatures()
    track = motifs.gather([folder])
    seqlets, _ = motifs.find_seqlets(track, 0.001)
    collection = motifs.read_motif_collection(write_meme(tmp_path / "m.meme"))
    motifs.name_seqlets(seqlets, track, collection, 1)
    read_motif_file(tmp_path / "m.meme")([("ACGTACGTACGT", "A", "C", "ACGTACGTACGT")])
    assert signatures() == made and len(made) > 5


IN_AN_IMAGE = """
import numpy as np
from seformer.motifs.compiled import load_compiled

def tools():
    import memelite
    return memelite

library = load_compiled(tools)
library.tomtom([np.eye(4)], [np.eye(4)] * 30, n_jobs=1)
compiled = library.tomtom.__globals__["_tomtom"]
assert compiled.signatures and not compiled.stats.cache_misses, compiled.stats
print(compiled.stats.cache_path)
"""


def test_what_an_image_brings_compiled_is_taken_though_it_can_only_be_read(tmp_path):
    """By a user without a home; neither is the package's own folder one to write to."""
    runpy.run_path(str(ROOT / "scripts/compile_motifs.py"), run_name="__main__")
    package = Path(motifs.tomtom.__globals__["__file__"]).parent
    place = UserProvidedCacheLocator.get_suitable_cache_subpath(package / "tomtom.py")
    brought, home = tmp_path / "brought", tmp_path / "home"
    shutil.copytree(package / "__pycache__", brought / place)
    home.mkdir()
    read_only = "".join(
        f"mount --bind {path} {path} && mount -o remount,ro,bind {path} && "
        for path in (brought, home, package)
    )
    unshared = ["unshare", "--map-root-user", "--mount", "sh", "-c", f'{read_only} exec "$0" "$@"']
    done = subprocess.run(
        [*unshared, sys.executable, "-c", IN_AN_IMAGE],
        env=os.environ | {"NUMBA_CACHE_DIR": str(brought), "HOME": str(home)},
        capture_output=True,
        text=True,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("file systems cannot be mounted here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(place) and str(brought) not in done.stdout


def signatures() -> set[tuple[str, str]]:
    """What numba has compiled in this process, all of it kept for the next one."""
    found = {
        function: f"{module}.{name}"
        for module, library in list(sys.modules.items())
        if module.partition(".")[0] in ("memelite", "tangermeme")
        for name, function in vars(library).items()
        if isinstance(function, Dispatcher) and function.signatures
    }
    assert [name for function, name in found.items() if function.stats.cache_path is None] == []
    return {(name, str(one)) for function, name in found.items() for one in function.signatures}


@pytest.mark.slow
def test_motifs_are_named_and_counted(folder, tmp_path):
    meme = write_meme(tmp_path / "m.meme")
    motifs.motifs([folder], meme, tmp_path / "out", threshold=0.001, logos=2)
    table = pd.read_csv(tmp_path / "out" / "motifs.tsv", sep="\t").set_index("motif")
    assert set(table.index[:2]) == {"SE motif", "TE motif"}
    assert table.loc["SE motif", "se_seqlets"] >= 17 and table.loc["SE motif", "te_seqlets"] <= 1
    assert table.loc["TE motif", "te_seqlets"] >= 17
    assert table.loc["SE motif", "odds_se_te"] > 10 and table.loc["SE motif", "q_se_te"] < 0.01
    assert table.loc["SE motif", "positive"] >= 17 and table.loc["TE motif", "negative"] >= 17
    assert table.loc["SE motif", "odds_background"] > 10
    bed = pd.read_csv(tmp_path / "out" / "seqlets.bed", sep="\t", header=None)
    named = bed[bed[3] == "SE_motif"]
    inside = (named[1] % 1000).between(90, 432)
    assert inside.all() and bed[4].between(0, 1000).all()
    places = pd.read_csv(tmp_path / "out" / "seqlets.tsv", sep="\t")
    assert bed.shape == (len(places), 9) and bed[4].max() == 1000
    assert (bed[[1, 2]] == bed[[6, 7]].to_numpy()).all(axis=None)
    assert (bed[[0, 1, 2]].to_numpy() == places[["chrom", "start", "end"]].to_numpy()).all()
    assert (places["motif"].fillna(".").str.replace(" ", "_") == bed[3]).all()
    # the colour is that of the class which a seqlet speaks for, whatever its region is
    assert ((bed[8] == "213,94,0") == (places["attribution"] > 0)).all()
    assert set(bed[8]) == {"213,94,0", "0,114,178"}
    assert (bed[5] == places["strand"].fillna(".")).all()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["matched"] > 5 * summary["background_matched"]
    pictures = sorted(p.name for p in (tmp_path / "out" / "logos").iterdir())
    assert len(pictures) == 4 and pictures[0].startswith("motif_01_")


def test_a_logo_stands_on_the_strand_that_its_seqlets_match():
    """Two seqlets match the motif, one its reverse complement; each keeps the genome's strand."""
    site, flank = "TTGACC", "CCCCCCCC"
    text = flank + site + flank + site + flank + reverse_complement(site) + flank
    starts = [8, 22, 36]
    values = np.zeros(len(text))
    for i, start in enumerate(starts):
        values[start : start + 6] = [1, 2, 3, 4, 5, 6 + i]
    regions = pd.DataFrame({"chrom": ["1"], "start": [0], "region": [0], "class": ["SE"]})
    track = Track(values, text, np.array([0, len(text)]), regions, 0)
    seqlets = pd.DataFrame({"start": starts, "end": [s + 6 for s in starts], "stretch": 0})
    plus, minus = logos.stacked(seqlets, track, soft_one_hot(site))
    assert (plus.seqlets, minus.seqlets) == (2, 1)
    np.testing.assert_allclose(plus.attribution, soft_one_hot(site) * [1, 2, 3, 4, 5, 6.5])
    turned = soft_one_hot(reverse_complement(site))
    np.testing.assert_allclose(minus.attribution, turned * [1, 2, 3, 4, 5, 8])


def test_one_hot():
    np.testing.assert_array_equal(soft_one_hot("AT"), [[1, 0], [0, 0], [0, 0], [0, 1]])
    assert (soft_one_hot("N") == 0.25).all()


def test_enrichment_against_hand_computation():
    odds, p = motifs._enrichment(9, 10, 1, 10)
    assert odds == pytest.approx(9.5 * 9.5 / (1.5 * 1.5))
    assert p == pytest.approx(0.00109, rel=0.01)


def test_bad_input(tmp_path, folder):
    with pytest.raises(UserError, match="at least 25"):
        motifs.read_motif_collection(write_meme(tmp_path / "few.meme", 5))
    (tmp_path / "no.meme").write_text("nothing\n")
    with pytest.raises(UserError, match="0 motifs"):
        motifs.read_motif_collection(tmp_path / "no.meme")
    with pytest.raises(UserError, match="no such file"):
        motifs.gather([tmp_path])


def test_no_region_has_attributions(tmp_path):
    with ValuesWriter(tmp_path / VALUES_FILE, []):
        pass
    table = pd.DataFrame(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
    table.to_csv(tmp_path / TABLE_FILE, sep="\t", index=False)
    motifs.motifs([tmp_path], write_meme(tmp_path / "m.meme"), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["seqlets"] == 0
    assert (tmp_path / "out" / "motifs.tsv").read_text().startswith("motif\t")
    assert (tmp_path / "out" / "seqlets.bed").read_text() == ""
    assert (tmp_path / "out" / "seqlets.tsv").read_text().startswith("chrom\tstart\tend\tmotif\t")


def with_unknown_bases(out):
    """Regions of 1,000 bases, half of them N in two runs, with sites worth something beside N."""
    random, rows = np.random.default_rng(2), []
    out.mkdir()
    with ValuesWriter(out / VALUES_FILE, [1000] * 6) as writer:
        for index in range(6):
            text, values = list(random_sequence(1000, index)), random.normal(0, 0.01, 1000)
            for place in (188, 500, 700):
                text[place : place + 12] = SITES["se"]
                values[place : place + 12] += 1
            for run in (slice(200, 450), slice(750, 1000)):
                text[run], values[run] = "N" * 250, 0
            # what a method without reference gives N counts for nothing
            values[300:320] = 5
            writer.add(values, "".join(text))
            rows.append(
                {"chrom": "chr1", "start": 2000 * index, "end": 2000 * index + 1000}
                | {"name": f"r{index}", "logit": 1.0, "prediction": "SE"}
            )
    table = pd.DataFrame(rows).reindex(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
    table.to_csv(out / TABLE_FILE, sep="\t", index=False)
    return out


def test_nothing_of_motifs_looks_at_n(tmp_path):
    track = motifs.gather([with_unknown_bases(tmp_path / "explained")])
    assert "N" not in track.sequence and track.unknown == 6 * 500
    assert track.count("SE") == 6 and track.count("TE") == 0 and len(track.regions) == 12
    seqlets, crossing = motifs.find_seqlets(track, 0.001)
    assert crossing > 0
    background = motifs.draw_background(track, seqlets, 1)
    assert 10 < len(seqlets) == len(background) and seqlets["attribution"].max() < 20
    for table in (seqlets, background):
        place = motifs.place_seqlets(
            table.assign(motif="m", strand="+", q_value=0.0, **{"class": "SE"}), track, 0.1
        )
        start, end = place["start"] % 2000, place["end"] % 2000
        # neither a seqlet nor a random stretch shares a base with N
        assert ((end <= 200) | ((start >= 450) & (end <= 750))).all()
    for row in seqlets.itertuples():
        start, end = motifs.with_flanks(track, row.start, row.end, row.stretch)
        assert track.offsets[row.stretch] <= start < end <= track.offsets[row.stretch + 1]


def test_one_class_has_no_odds():
    seqlets = pd.DataFrame(
        {"motif": ["a", "a"], "class": ["SE", "SE"], "attribution": [1.0, 2.0], "q_value": 0.01}
    ).assign(region=[0, 1])
    table = motifs.count_motifs(seqlets, seqlets.assign(q_value=1.0), 0.1)
    assert table[["odds_se_te", "q_se_te"]].isna().all(axis=None)
    assert table["odds_background"].notna().all() and table["regions"].tolist() == [2]
    both = motifs.count_motifs(seqlets.assign(**{"class": ["SE", "TE"]}), seqlets[:0], 0.1)
    assert both["odds_se_te"].notna().all() and both["odds_background"].isna().all()


def test_without_a_folder_for_compiled_code(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(UserError, match="set TMPDIR to a folder that can be written"):
        compiled._scratch()


def test_the_folder_for_compiled_code_goes_at_the_end(monkeypatch, tmp_path):
    ends = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(compiled.atexit, "register", ends.append)
    folder = compiled._scratch()
    assert folder.is_dir() and folder in atomic._unfinished  # a signal removes it as well
    ends[0]()
    assert not list(tmp_path.iterdir())
