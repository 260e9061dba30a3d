import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest

from seformer.evaluation import baselines, metrics
from seformer.evaluation.baselines import BASELINES, fit_baselines
from seformer.evaluation.baselines.base import BaselineRegions
from seformer.report.draw import scorer_looks
from seformer.sequence import kmers
from seformer.sequence.composition import KMER_SIZES, SINGLE_FEATURES, composition

# all that are fitted here, but the convolutional network
QUICK = [name for name, baseline in BASELINES.items() if baseline.fit and name != "cnn"]
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def canonical_counts(sequence, k):
    names = sorted(
        {
            min(kmer, kmer.translate(COMPLEMENT)[::-1])
            for kmer in map("".join, itertools.product("ACGT", repeat=k))
        }
    )
    counts = dict.fromkeys(names, 0)
    for i in range(len(sequence) - k + 1):
        kmer = sequence[i : i + k].upper()
        if set(kmer) <= set("ACGT"):
            counts[min(kmer, kmer.translate(COMPLEMENT)[::-1])] += 1
    return np.array([counts[name] for name in names], float)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_kmers_agree_with_a_plain_count(k):
    rng = np.random.default_rng(k)
    sequence = "".join(rng.choice(list("ACGTN"), 400, p=[0.3, 0.2, 0.2, 0.25, 0.05])) + "acgt"
    expected = canonical_counts(sequence, k)
    found = composition([sequence], sizes=[k]).kmers[k][0]
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6)


@pytest.mark.parametrize("k, columns", [(3, 32), (4, 136), (5, 512), (6, 2080)])
def test_number_of_canonical_kmers(k, columns):
    index, width = kmers.canonical_index(k)
    assert width == columns
    assert index.shape == (4**k,)
    assert index.max() == columns - 1


def test_strands_have_the_same_composition():
    sequence = "ACGTTTGACCANNGATTACA"
    forward = composition([sequence])
    reverse = composition([sequence[::-1].translate(COMPLEMENT)])
    for k in KMER_SIZES:
        np.testing.assert_array_equal(forward.kmers[k], reverse.kmers[k])
    for name in SINGLE_FEATURES:
        assert getattr(forward, name) == getattr(reverse, name)


def test_densities_follow_from_frequencies():
    sequences = ["ACGCGNACGTTTGACC", "NNNN", "A", "ACGTTTGACCANNGATTACA"]
    measured = composition(sequences, sizes=[3])
    direct = composition(sequences, sizes=[3], scale="log_density").kmers[3]
    found = kmers.density_of_frequency(measured.kmers[3], measured.kmer_totals[3], measured.length)
    assert measured.kmer_totals[3].tolist() == [11, 0, 0, 14]
    np.testing.assert_allclose(found, direct, rtol=1e-6)


def test_density_tells_what_frequencies_hide():
    """Classes of the same k-mers among known bases; one of them has half of its bases unknown."""
    rng = np.random.default_rng(5)
    labels = np.arange(200) % 2
    sequences = ["".join(rng.choice(list("ACGT"), 400)) for _ in labels]
    pairs = zip(sequences, labels, strict=True)
    halved = ["N" * 200 + s[200:] if label else s for s, label in pairs]
    split = np.array(["train", "train", "validation", "test"])[np.arange(200) // 2 % 4]
    fitted = fit(halved, labels, split)
    test = split == "test"
    density, frequency = (
        metrics.auroc(labels[test], fitted[name].scores[test])
        for name in ("kmer_density", "kmer_logistic")
    )
    assert density > 0.99 > 0.8 > frequency


def test_composition_by_hand():
    found = composition(["ACGCGN", "NNNN", "A"], sizes=[3])
    np.testing.assert_array_equal(found.length, [6, 4, 1])
    np.testing.assert_allclose(found.gc, [0.8, 0.5, 0])
    # two CpG among five known bases, two C and two G: 2 · 5 / (2 · 2)
    np.testing.assert_allclose(found.cpg, [2.5, 0, 0])
    np.testing.assert_allclose(found.cpg_density, [2 / 6, 0, 0])
    np.testing.assert_allclose(found.cpg_known_density, [2 / 5, 0, 0])
    np.testing.assert_allclose(found.n_fraction, [1 / 6, 1, 0])
    assert found.kmers[3].sum(axis=1) == pytest.approx([1, 0, 0])


def fit(sequences, labels, split):
    """Every baseline but the convolutional network."""
    return fit_baselines(BaselineRegions(lambda: sequences, labels, split), QUICK)


def planted(n=240, seed=0):
    """Regions of one length and GC; those of class 1 hold the word ACGTGA more often."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    sequences = []
    for label in labels:
        bases = rng.choice(list("ACGT"), 300)
        for start in rng.integers(0, 294, 8 * label):
            bases[start : start + 6] = list("ACGTGA")
        sequences.append("".join(bases))
    split = np.array(["train", "train", "train", "validation", "test"])[np.arange(n) // 2 % 5]
    return sequences, labels, split


@pytest.fixture(scope="module")
def fitted():
    sequences, labels, split = planted()
    return fit(sequences, labels, split), labels, split


def test_baselines_learn_what_they_can(fitted):
    found, labels, split = fitted
    assert list(found) == QUICK
    test = split == "test"
    auroc = {name: metrics.auroc(labels[test], b.scores[test]) for name, b in found.items()}
    assert auroc["length"] == auroc["n_fraction"] == 0.5
    assert auroc["kmer_logistic"] > 0.9
    assert auroc["kmer_boosting"] > 0.9
    assert auroc["kmer_density"] > 0.9
    assert found["length"].chosen == {"direction": "none"}


def test_baselines_are_deterministic_and_blind_to_test_labels(fitted):
    found, labels, split = fitted
    sequences, _, _ = planted()
    shuffled = np.where(split == "test", 1 - labels, labels)
    again = fit(sequences, shuffled, split)
    for name, baseline in found.items():
        np.testing.assert_array_equal(baseline.scores, again[name].scores)
        assert baseline.chosen == again[name].chosen


def test_length_alone_is_seen():
    rng = np.random.default_rng(3)
    labels = np.arange(100) % 2
    sequences = ["".join(rng.choice(list("ACGT"), 100 + 80 * y)) for y in labels]
    split = np.where(np.arange(100) < 60, "train", "validation").astype(object)
    split[80:] = "test"
    found = fit(sequences, labels, split)
    assert metrics.auroc(labels[80:], found["length"].scores[80:]) == 1
    assert found["length"].chosen == {"direction": "higher is SE"}


def masked(rng, n, cpg, unknown):
    """A region of ``n`` bases without CpG but for ``cpg`` of them, and a run of ``unknown`` N."""
    return "".join(rng.choice(list("AGT"), n - 2 * cpg - unknown)) + "CG" * cpg + "N" * unknown


@pytest.mark.parametrize("per", ["base", "known base"])
def test_cpg_density_is_per_base_or_per_known_base_as_validation_says(per):
    rng = np.random.default_rng(5)
    n, labels = 200, np.arange(200) % 2
    split = np.repeat(["train", "validation", "test"], [100, 50, 50])
    unknown = rng.integers(0, 400, n)
    # the density on which the classes differ; the other is blurred by N
    rates = 0.02 + 0.01 * labels
    bases = 600 if per == "base" else 600 - unknown
    sequences = [masked(rng, 600, int(k), u) for k, u in zip(rates * bases, unknown, strict=True)]
    regions = BaselineRegions(lambda: sequences, labels, split)
    found = fit_baselines(regions, ["cpg_density"])["cpg_density"]
    assert found.chosen == {"per": per, "direction": "higher is SE"}
    assert metrics.auroc(labels[150:], found.scores[150:]) == 1


def test_composition_sees_what_no_single_number_does():
    """SE have more GC or more N than TE of the same length, but not one of them alone tells."""
    rng = np.random.default_rng(2)
    n, labels = 300, np.arange(300) % 2
    split = np.repeat(["train", "validation", "test"], [180, 60, 60])
    both = rng.uniform(0.2, 0.6, n)
    sequences = []
    for gc, label in zip(both, labels, strict=True):
        unknown = int(400 * (gc - 0.1 * label))
        bases = rng.choice(
            list("ACGT"), 600 - unknown, p=[(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
        )
        sequences.append("".join(bases) + "N" * unknown)
    regions = BaselineRegions(lambda: sequences, labels, split)
    names = ["gc", "n_fraction", "cpg_density", "composition"]
    found = fit_baselines(regions, names)
    auroc = {name: metrics.auroc(labels[240:], b.scores[240:]) for name, b in found.items()}
    assert auroc.pop("composition") > 0.9 > max(auroc.values())
    assert found["composition"].chosen["by"] in ("logistic regression", "boosted trees")


def test_composition_takes_trees_where_a_line_does_not_do():
    """SE have a middling GC: neither more nor less of it is more of an SE."""
    rng = np.random.default_rng(4)
    n, labels = 300, np.arange(300) % 2
    split = np.repeat(["train", "validation", "test"], [180, 60, 60])
    rates = np.where(labels == 1, 0.5, rng.choice([0.35, 0.65], n))
    sequences = ["".join(rng.choice(list("GT"), 300, p=[rate, 1 - rate])) for rate in rates]
    regions = BaselineRegions(lambda: sequences, labels, split)
    found = fit_baselines(regions, ["composition"])["composition"]
    assert found.chosen["by"] == "boosted trees" and found.chosen["trees"] >= 1
    assert metrics.auroc(labels[240:], found.scores[240:]) > 0.95


@pytest.fixture(scope="module")
def benchmark(real_data):
    """Names, labels and sequences of the regions of the 3 kb benchmark."""
    data = real_data / "se_te_human_3kb"
    beds = [
        pd.read_csv(data / f"{name}_enhancers.bed", sep="\t", header=None)[0]
        for name in ("super", "typical")
    ]
    contigs = pd.concat(beds).to_numpy()
    with pysam.FastaFile(str(data / "sequences.fa.gz")) as fasta:
        sequences = [fasta.fetch(name) for name in contigs]
    return contigs, np.repeat([1, 0], [len(bed) for bed in beds]), sequences


@pytest.mark.real
def test_cpg_alone_ranks_the_benchmark(benchmark):
    """No training at all: the number of CpG per base, over all regions."""
    _, labels, sequences = benchmark
    found = composition(sequences, sizes=())
    assert metrics.auroc(labels, found.cpg_density) == pytest.approx(0.819, abs=0.003)
    # observed over expected CpG is another number
    assert metrics.auroc(labels, found.cpg) == pytest.approx(0.798, abs=0.003)


@pytest.mark.real
def test_baselines_on_real_regions(benchmark, real_data):
    """The data's own notes: GC about 0.77, logistic 4-mers 0.81, boosting 0.82."""
    contigs, labels, sequences = benchmark
    data = real_data / "se_te_human_3kb"
    clusters = pd.read_csv(data / "overlap_clusters.tsv", sep="\t", index_col=0)["cluster"]
    clusters = clusters.reindex(contigs).astype(object)
    clusters = np.where(clusters.isna(), contigs, clusters.astype(str))
    ids, members = np.unique(clusters, return_inverse=True)
    part = np.random.default_rng(0).random(len(ids))[members]
    split = np.where(part < 0.2, "test", np.where(part < 0.3, "validation", "train"))
    found = fit(sequences, labels, split)
    test = split == "test"
    auroc = {name: metrics.auroc(labels[test], b.scores[test]) for name, b in found.items()}
    assert auroc["length"] == 0.5
    assert auroc["gc"] == pytest.approx(0.77, abs=0.05)
    assert auroc["kmer_logistic"] == pytest.approx(0.81, abs=0.05)
    assert auroc["kmer_boosting"] == pytest.approx(0.82, abs=0.05)
    assert auroc["cpg_density"] == pytest.approx(0.82, abs=0.03)
    assert auroc["composition"] == pytest.approx(0.82, abs=0.03)


def test_a_module_is_a_baseline():
    modules = {path.stem for path in Path(baselines.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "base", "track"} == set(BASELINES)
    every = [*BASELINES.values(), baselines.find_baseline("track_atac")]
    for words in ("order", "title", "colour"):
        assert len({getattr(each, words) for each in every}) == len(every)
    code = "import sys, seformer.evaluation.baselines as b; "
    code += "sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_twin_is_trained_apart():
    assert "random_twin" not in baselines.fitted_baselines(("all",))
    assert baselines.fitted_baselines(("gc", "random_twin")) == ("gc",)
    assert baselines.fitted_baselines(("random_twin",)) == baselines.fitted_baselines(("all",))


def test_names_of_tracks_are_those_that_may_be_given():
    assert baselines.find_baseline("track_atac").title == "track atac"
    for other in ("model", "transformer", "track_", "track_{x}", "atac", ""):
        assert baselines.find_baseline(other) is None


def test_several_tracks_look_different():
    names = ["model", *BASELINES, "transformer", "track_a", "track_b", "track_c"]
    looks = scorer_looks(names)
    assert set(looks) == set(names) - {"transformer"}
    assert len({colour for colour, _ in looks.values()}) == len(looks)
