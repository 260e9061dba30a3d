"""The demo data: reproducible, and the classes lie where the grammar says, alone."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seformer.genome.bigwig import read_track
from seformer.genome.genome import Genome
from seformer.regions.call import call
from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.regions.grammars import (
    AROUND_SINGLE,
    FIRST,
    PAIRED_MOTIFS,
    SE_MOTIFS,
    SECOND,
    SPACER,
    TE_MOTIFS,
)
from seformer.regions.read import read_regions
from seformer.regions.simulate import CHROMOSOMES, HELD_OUT, simulate
from seformer.regions.simulated_signal import PEAKS_FILE, SIGNAL_FILE, STITCH
from seformer.scoring.vcf import read_vcf
from seformer.util.errors import UserError

FILES = (
    "genome.fa.gz",
    "genome.fa.gz.fai",
    "genome.fa.gz.gzi",
    "peaks.narrowPeak",
    "regions_to_explain.bed",
    "regions_to_score.bed",
    "samplesheet.csv",
    "samplesheet_from_peaks.csv",
    "signal.bw",
    "super_enhancers.bed",
    "truth.bed",
    "typical_enhancers.bed",
    "variants.vcf",
)


TRUTH = ["chrom", "start", "end", "name", "score", "strand", "speaks_for", "region", "pair"]
GRAMMARS = ("pairs", "motifs")
MOTIFS = {"pairs": PAIRED_MOTIFS, "motifs": SE_MOTIFS | TE_MOTIFS}


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    folders = {grammar: tmp_path_factory.mktemp(grammar) for grammar in GRAMMARS}
    for grammar, folder in folders.items():
        simulate(folder, grammar=grammar)
    return folders


@pytest.fixture(scope="module")
def demo(demos):
    return demos["pairs"]


@pytest.fixture(scope="module")
def truths(demos):
    return {
        grammar: pd.read_csv(demo / "truth.bed", sep="\t", names=TRUTH)
        for grammar, demo in demos.items()
    }


@pytest.fixture(scope="module")
def data(demos, tmp_path_factory):
    return {grammar: extracted(demo, tmp_path_factory) for grammar, demo in demos.items()}


def extracted(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("extracted")
    extract(
        demo / "genome.fa.gz",
        folder,
        super_enhancers=demo / "super_enhancers.bed",
        typical_enhancers=demo / "typical_enhancers.bed",
    )
    return read_extracted(folder)


def test_same_seed_same_bytes(demo, tmp_path):
    assert sorted(p.name for p in demo.iterdir()) == sorted(FILES)
    simulate(tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (demo / name).read_bytes(), name
    simulate(tmp_path / "other", seed=2)
    assert (tmp_path / "other/truth.bed").read_bytes() != (demo / "truth.bed").read_bytes()


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_every_region_is_kept(data, grammar):
    regions = data[grammar].regions
    number, lengths = {"pairs": (1900, (560, 760)), "motifs": (1000, (600, 1500))}[grammar]
    assert (regions["drop_reason"] == "").all()
    assert abs(len(regions) - number) < 100
    assert regions["length"].between(*lengths).all()
    assert set(regions["chrom"]) == set(CHROMOSOMES)


def areas(table, sequences):
    label = table["label"].astype(int)
    cpg = [bases.count("CG") / len(bases) for bases in sequences]
    values = {"length": table["length"], "gc": table["gc"], "cpg": cpg}
    return {name: roc_auc_score(label, column) for name, column in values.items()}


def test_with_motifs_length_and_gc_tell_nothing(data):
    table, sequences = data["motifs"].kept, np.array(list(data["motifs"].sequences()), object)
    test = table["chrom"].isin(HELD_OUT).to_numpy()
    for rows in (test, np.ones_like(test)):
        area = areas(table[rows], sequences[rows])
        assert all(abs(area[name] - 0.5) <= 0.08 for name in ("length", "gc"))


def test_with_pairs_cpg_tells_something_where_it_was_made_to(data):
    """As in real data: composition fools, in a part of the genome."""
    table, sequences = data["pairs"].kept, np.array(list(data["pairs"].sequences()), object)
    ends = table.groupby("chrom")["end"].transform("max")
    first = (table["start"] < ends / 2).to_numpy()
    area = areas(table[first], sequences[first])
    elsewhere = areas(table[~first], sequences[~first])
    over_all = areas(table, sequences)
    assert 0.62 <= area["cpg"] <= 0.78
    assert abs(elsewhere["cpg"] - 0.5) <= 0.06
    assert 0.55 <= over_all["cpg"] <= 0.70
    assert abs(over_all["length"] - 0.5) <= 0.05
    assert 0.45 <= over_all["gc"] <= 0.65


def counts(sequences, k):
    """Canonical k-mer frequencies: float [regions, k-mers]."""
    complement = str.maketrans("ACGT", "TGCA")
    words = ("".join(word) for word in itertools.product("ACGT", repeat=k))
    number = {}
    for word in words:
        number[word] = number.get(word.translate(complement)[::-1], len(set(number.values())))
    table = np.zeros((len(sequences), max(number.values()) + 1))
    for row, bases in zip(table, sequences, strict=True):
        found = [number[bases[i : i + k]] for i in range(len(bases) - k + 1)]
        np.add.at(row, found, 1 / len(bases))
    return table


def area_of_words(data, sizes):
    table = data.kept
    test = table["chrom"].isin(HELD_OUT).to_numpy()
    label = table["label"].to_numpy(int)
    sequences = list(data.sequences())
    area = {}
    for k in sizes:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        features = counts(sequences, k)
        model.fit(features[~test], label[~test])
        area[k] = roc_auc_score(label[test], model.decision_function(features[test]))
    return area


def test_with_motifs_counting_words_is_enough(data):
    area = area_of_words(data["motifs"], (2, 4, 5))
    assert area[2] < 0.65
    assert area[4] < 0.98
    assert area[5] > 0.95


def test_with_pairs_counting_words_is_not_enough(data):
    area = area_of_words(data["pairs"], (2, 4, 5))
    assert max(area.values()) <= 0.70


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_truth_is_what_stands_in_the_genome(demos, truths, grammar):
    truth, motifs = truths[grammar], MOTIFS[grammar]
    assert set(truth["name"]) == set(motifs)
    complement = str.maketrans("ACGT", "TGCA")
    with Genome(demos[grammar] / "genome.fa.gz") as genome:
        for row, bases in zip(truth.itertuples(), genome.fetch_many(truth), strict=True):
            if row.strand == "-":
                bases = bases.translate(complement)[::-1]
            same = sum(a == b for a, b in zip(bases, motifs[row.name], strict=True))
            assert round(1000 * same / len(bases)) == row.score
    places = truth.sort_values(["chrom", "start"])
    assert (places["start"].to_numpy()[1:] >= places["end"].to_numpy()[:-1])[
        (places["chrom"].to_numpy()[1:] == places["chrom"].to_numpy()[:-1])
    ].all()


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_instances_lie_in_constituents_of_their_region(demos, truths, grammar):
    demo, truth = demos[grammar], truths[grammar]
    blocks = {}
    for file in ("super_enhancers.bed", "typical_enhancers.bed"):
        for row in read_regions(demo / file).own.itertuples():
            sizes, starts = (
                list(map(int, text.split(","))) for text in (row.blockSizes, row.blockStarts)
            )
            begin = [int(row.start) + start for start in starts]
            blocks[row.name] = [(b, b + size) for b, size in zip(begin, sizes, strict=True)]
            assert blocks[row.name][0][0] == int(row.start)
            assert blocks[row.name][-1][1] == int(row.end)
            assert len(sizes) == int(row.blockCount)
            assert 1 < len(sizes) <= 4 if row.name.startswith("SE") else len(sizes) == 1
    assert set(truth["region"]) <= set(blocks)
    for row in truth.itertuples():
        assert any(a <= row.start and row.end <= b for a, b in blocks[row.region])


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_variants_lie_in_planted_motifs_or_beside_all(demos, truths, grammar):
    records, _ = read_vcf(demos[grammar] / "variants.vcf")
    truth = truths[grammar]
    assert len(records) == 120 == len({(record.chrom, record.start) for record in records})
    assert {record.chrom for record in records} == {"chr7", "chr10"}
    places = [(["chr7", "chr10"].index(record.chrom), record.start) for record in records]
    assert places == sorted(places)
    with Genome(demos[grammar] / "genome.fa.gz") as genome:
        for record in records:
            base = genome.fetch(record.chrom, record.start, record.start + 1)
            assert record.reference == base and record.alternatives != [base]
    of_motif = 0
    for record in records:
        on = truth["chrom"].eq(record.chrom) & truth["start"].le(record.start)
        at = truth[on & truth["end"].gt(record.start)]
        named = record.id.rsplit("_", 1)[0]
        assert at["name"].tolist() == ([] if named == "other" else [named])
        assert named == "other" or set(at["speaks_for"]) <= {"SE", "TE"}
        of_motif += named != "other"
    assert of_motif == 60


def test_with_motifs_most_instances_are_of_the_own_class(truths):
    own = truths["motifs"]["speaks_for"] == truths["motifs"]["region"].str[:2]
    assert 0.85 < own.mean() < 0.91
    assert (truths["motifs"]["pair"] == ".").all()


def test_with_pairs_both_classes_hold_the_same_motifs_in_the_same_numbers(truths):
    truth = truths["pairs"]
    number = truth.groupby(["region", "name"]).size().unstack(fill_value=0)
    label = number.index.str[:2]
    for name in MOTIFS["pairs"]:
        mean, error = number[name].groupby(label).agg(["mean", "sem"]).T.to_numpy()
        assert abs(mean[0] - mean[1]) <= 3 * np.hypot(*error), name
    assert (number[FIRST] - number[SECOND]).abs().eq(1).all()  # the one that stands alone


def test_with_pairs_the_order_of_partners_is_the_class(truths):
    pairs = truths["pairs"][truths["pairs"]["pair"] != "."].groupby("pair", sort=False)
    senses = {}
    for name, rows in pairs:
        assert len(rows) == 2 and rows["strand"].nunique() == 1, name
        rows = rows.sort_values("start")
        start, end = rows["start"].to_numpy(), rows["end"].to_numpy()
        assert SPACER[0] <= start[1] - end[0] <= SPACER[1]
        rows = rows if rows["strand"].iloc[0] == "+" else rows[::-1]
        sense = {(FIRST, SECOND): "SE", (SECOND, FIRST): "TE"}[tuple(rows["name"])]
        assert set(rows["speaks_for"]) == {sense}
        senses.setdefault(rows["region"].iloc[0], []).append(sense)
    for region, found in senses.items():
        own = found.count(region[:2])
        assert 2 <= own - (len(found) - own) <= 3


def test_with_pairs_no_other_motif_is_as_near_as_a_partner(truths):
    truth = truths["pairs"].sort_values(["chrom", "start"])
    pair, region = truth["pair"].to_numpy(), truth["region"].to_numpy()
    gap = truth["start"].to_numpy()[1:] - truth["end"].to_numpy()[:-1]
    alone = (pair[1:] == ".") | (pair[:-1] == ".")
    same = region[1:] == region[:-1]
    assert gap[same & alone].min() >= AROUND_SINGLE


def test_regions_to_score_and_explain_are_held_out(demo):
    score = read_regions(demo / "regions_to_score.bed").regions
    explain = read_regions(demo / "regions_to_explain.bed").regions
    assert set(score["chrom"]) == set(explain["chrom"]) | set(score["chrom"]) == set(HELD_OUT)
    assert len(score) > 200
    assert explain["name"].str[:2].value_counts().to_dict() == {"SE": 8, "TE": 8}


def test_sheet_has_paths_beside_it(demo):
    header, row = (demo / "samplesheet.csv").read_text().splitlines()
    assert header == "sample,super_enhancers,typical_enhancers"
    assert all((demo / path).is_file() for path in row.split(",")[1:])
    header, row = (demo / "samplesheet_from_peaks.csv").read_text().splitlines()
    assert header == "sample,peaks,signal"
    assert all((demo / path).is_file() for path in row.split(",")[1:])


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_calling_from_peaks_gives_the_same_enhancers(demos, grammar, tmp_path):
    demo = demos[grammar]
    made = call(demo / PEAKS_FILE, demo / SIGNAL_FILE, tmp_path / "called", stitch=STITCH)
    place = ["chrom", "start", "end"]
    for name in ("super_enhancers.bed", "typical_enhancers.bed"):
        planted, called = (
            read_regions(folder / name, labels=False).regions
            for folder in (demo, tmp_path / "called")
        )
        assert called[place].equals(planted[place].sort_values(place, ignore_index=True)), name
    peaks = read_regions(demo / PEAKS_FILE).regions
    of_region = peaks["name"].str.split(".").str[0].value_counts()
    supers = of_region.index.str.startswith("SE")
    assert (of_region[supers] > 1).all() and (of_region[~supers] == 1).all()
    # there are regions near the cut-off, on both of its sides
    table = read_regions(tmp_path / "called/AllEnhancers.table.txt", own=[SIGNAL_FILE])
    signal = table.own[SIGNAL_FILE].astype(float) / made["cutoff"]
    near = table.regions["label"][(signal - 1).abs() <= 0.2]
    assert (near == 1).sum() >= 3 and (near == 0).sum() >= 50


def test_signal_has_a_value_on_every_base_and_sums_as_drawn(demo):
    lengths = {name: kb * 1_000 for name, kb in CHROMOSOMES.items()}
    whole = pd.DataFrame({"chrom": list(lengths), "start": 0, "end": lengths.values()})
    track = read_track(demo / SIGNAL_FILE, whole, lengths)
    assert track.covered.tolist() == list(lengths.values()) and not track.other_lengths
    peaks = read_regions(demo / PEAKS_FILE).regions
    of_peaks = read_track(demo / SIGNAL_FILE, peaks).statistics[:, 2].sum()
    drawn = (0.3 + 1.7 / 2.5) * 1181 + (2.2 + 18 / 2 + 10 / 4) * 786
    assert of_peaks == pytest.approx(drawn * 10_000, rel=0.01)
    assert track.statistics[:, 2].sum() - of_peaks < 0.1 * of_peaks


def test_genome_is_soft_masked_and_has_gaps(demo):
    import gzip

    text = gzip.open(demo / "genome.fa.gz", "rt").read()
    lower = sum(map(text.count, "acgt"))
    assert 0.1 < lower / len(text) < 0.3
    assert text.count("N") > 10_000


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("size", "huge", "tiny or small"), ("grammar", "words", "pairs or motifs")],
)
def test_unknown_choices(tmp_path, name, value, expected):
    with pytest.raises(UserError, match=expected):
        simulate(tmp_path / "x", **{name: value})
    assert not (tmp_path / "x").exists()


def test_a_genome_of_somebodys_stays(tmp_path):
    (tmp_path / "genome.fa.gz").write_text("mine")
    with pytest.raises(UserError, match="a genome is there that was not simulated"):
        simulate(tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
