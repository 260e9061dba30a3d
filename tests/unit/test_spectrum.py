"""The k-mer spectrum beside the transformer: what it adds, and that its share is exact."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from toys import random_sequence, tiny_model, toy_model

from seformer.explain.attribute import attribute
from seformer.explain.settings import AttributionSettings
from seformer.model.folder import ensemble, load_model, save_model
from seformer.model.kmer_linear import Spectrum
from seformer.model.kmer_logistic import fit_kmer_logistic
from seformer.scoring.score import Ensemble
from seformer.scoring.views import Edit
from seformer.sequence.composition import composition
from seformer.sequence.dna import reverse_complement
from seformer.sequence.kmers import canonical_index
from seformer.training.kmer_linear import MOST, set_spectrum, spectrum_ratio

SEQUENCES = [random_sequence(200, seed=i) for i in range(60)]
SEQUENCES[3] = SEQUENCES[3][:90] + "N" * 40 + SEQUENCES[3][130:]
LABELS = np.array([s.count("CG") + s.count("GATA") > 13 for s in SEQUENCES]).astype(int)


@pytest.fixture(scope="module", params=["frequency", "log_density"])
def scale(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(scale):
    train = np.arange(60) < 45
    kmers = composition(SEQUENCES, sizes=[2, 3], scale=scale).kmers
    return fit_kmer_logistic(kmers, LABELS, train, ~train), kmers, train


@pytest.fixture(scope="module")
def spectrum(fitted, scale):
    found = Spectrum(fitted[0].k, scale)
    set_spectrum(found, fitted[0])
    return found


def test_it_says_what_the_logistic_regression_says(fitted, spectrum):
    found, kmers, train = fitted
    table = kmers[found.k].astype(np.float64)
    mean, deviation = table[train].mean(0), table[train].std(0)
    scaled = (table - mean) / deviation
    model = LogisticRegression(C=found.strength, tol=1e-8).fit(scaled[train], LABELS[train])
    wanted = model.decision_function(scaled)
    # the penalty is weak where it chose densities, and the fit stops early
    np.testing.assert_allclose(
        spectrum.margins(SEQUENCES), wanted, rtol=0.02, atol=0.02 * wanted.std() + 1e-3
    )


def test_what_a_density_is():
    """CGCG in eight bases, half of them N: CG twice, GC once; each occurrence gets half of CG's."""
    (row,) = composition(["NNNNCGCG"], sizes=[2], scale="log_density").kmers[2]
    index, _ = canonical_index(2)
    expected = {"CG": np.log1p(2 / 8 * 1000), "GC": np.log1p(1 / 8 * 1000)}
    for pair, value in expected.items():
        number = 4 * "ACGT".index(pair[0]) + "ACGT".index(pair[1])
        assert row[index[number]] == pytest.approx(value, rel=1e-6)
    assert row.sum() == pytest.approx(sum(expected.values()), rel=1e-6)
    counted = Spectrum(2, "log_density")
    counted.weight += 1
    cg, gc = expected["CG"] / 4, expected["GC"] / 2
    shares = [0] * 4 + [cg, cg + gc, cg + gc, cg]
    np.testing.assert_allclose(counted.on_bases("NNNNCGCG"), shares)
    # without any base there is nothing to add
    assert counted.margins(["NNNNNNNN"]) == 0 and counted.margins([""]) == 0


def test_bases_sum_to_the_margin_on_either_strand(spectrum):
    for sequence in (*SEQUENCES[:5], "ACG", "N" * 30, "A"):
        bases = spectrum.on_bases(sequence)
        margin = spectrum.margins([sequence])[0]
        assert bases.sum() == pytest.approx(margin - float(spectrum.bias), abs=1e-9)
        other = reverse_complement(sequence)
        assert spectrum.margins([other])[0] == pytest.approx(margin, abs=1e-12)
        np.testing.assert_allclose(spectrum.on_bases(other)[::-1], bases, atol=1e-12)
    assert (spectrum.on_bases(SEQUENCES[3])[90:130] == 0).all()


def test_the_validation_part_says_how_much_it_weighs():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    useful, useless = rng.normal(size=400) + 1.5 * labels, rng.normal(size=400)
    alike = rng.normal(size=400) + 1.5 * labels
    assert spectrum_ratio(useful, 10 * alike, labels) == pytest.approx(0.1, rel=0.3)
    assert abs(spectrum_ratio(useful, useless, labels)) < 0.15
    assert spectrum_ratio(useful, -useful, labels) == 0
    # a transformer that learned nothing leaves the word to the spectrum
    assert spectrum_ratio(useless, useful, labels) > 3
    assert spectrum_ratio(-useful, alike, labels) == pytest.approx(MOST, rel=0.2)


def test_a_model_with_a_spectrum_is_stored_whole(fitted, scale, tmp_path):
    model = tiny_model(window=128, spectrum=fitted[0].k, spectrum_scale=scale)
    plain = Ensemble(model).score(SEQUENCES[:3])
    assert (plain.spectrum == 0).all()
    set_spectrum(model.classifier.spectrum, fitted[0])
    found = Ensemble(model).score(SEQUENCES[:3])
    np.testing.assert_allclose(found.spectrum, model.classifier.spectrum.margins(SEQUENCES[:3]))
    np.testing.assert_allclose(found.logit - found.spectrum, plain.logit, atol=1e-6)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    np.testing.assert_allclose(Ensemble(loaded).score(SEQUENCES[:3]).logit, found.logit, atol=1e-6)


def test_models_without_one_are_as_before():
    found = Ensemble(toy_model()).score(SEQUENCES[:3])
    assert (found.spectrum == 0).all()
    np.testing.assert_array_equal(found.members[0], found.logit)


@pytest.fixture(scope="module")
def with_spectrum(spectrum):
    """Toys whose score has a spectrum; the second is curved, and differs."""
    models = [toy_model(mixing=True, curved=curved, seed=seed) for curved, seed in ((0, 0), (1, 4))]
    for model in models:
        model.classifier.spectrum = spectrum
    return models


@pytest.mark.parametrize("reference", ["dinucleotide", "zero"])
def test_explanations_with_a_spectrum_add_up(with_spectrum, reference):
    how = AttributionSettings(reference=reference, references=2)
    (found,) = attribute(with_spectrum[0], [SEQUENCES[3]], ["chr1:0-200"], how)
    logit = Ensemble(with_spectrum[0]).score([SEQUENCES[3]]).logit[0]
    assert found.logit == pytest.approx(logit, abs=1e-5)
    total, difference = found.values.sum() + found.special, found.logit - found.reference_logit
    assert abs(total - difference) <= 0.05 * max(abs(difference), 0.01)
    # and it belongs to no window
    apart = found.logit - found.reference_logit
    assert found.windows.difference.sum() + found.spectrum == pytest.approx(apart, abs=1e-5)
    plain = toy_model(mixing=True)
    (without,) = attribute(plain, [SEQUENCES[3]], ["chr1:0-200"], how)
    added = found.values - without.values
    spectrum = with_spectrum[0].classifier.spectrum
    # the spectrum's share is exact: it is what its margin differs from that of the references
    assert added.sum() == pytest.approx(
        (found.logit - without.logit) - (found.reference_logit - without.reference_logit), abs=1e-4
    )
    assert added.sum() == pytest.approx(found.spectrum, abs=1e-4) and without.spectrum == 0
    if reference == "zero":
        np.testing.assert_allclose(added, spectrum.on_bases(SEQUENCES[3]), atol=1e-4)


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient", "occlusion"])
def test_an_ensemble_is_explained_by_the_mean_of_its_members(with_spectrum, method):
    how = AttributionSettings(method=method, references=2)
    regions = SEQUENCES[:2], ["chr1:0-200", "chr1:200-400"]
    each = [attribute(model, *regions, how) for model in with_spectrum]
    joined = attribute(ensemble(with_spectrum), *regions, how)
    for number, found in enumerate(joined):
        expected = np.mean([part[number].values for part in each], axis=0)
        np.testing.assert_allclose(found.values, expected, atol=1e-9)
        assert found.logit == pytest.approx(np.mean([part[number].logit for part in each]))
        if method == "integrated_gradients":
            total = found.values.sum() + found.special
            assert total == pytest.approx(found.logit - found.reference_logit, rel=0.06)
            assert found.completeness_error <= 0.06


def test_edits_are_scored_as_from_scratch(with_spectrum):
    model, sequence = ensemble(with_spectrum), SEQUENCES[0]
    edits = [Edit(10, 11, "A"), Edit(50, 53, ""), Edit(90, 90, "GATA")]
    logit, edited = Ensemble(model).edits(sequence, edits)
    texts = [sequence, *(edit.apply(sequence) for edit in edits)]
    np.testing.assert_allclose([logit, *edited], Ensemble(model).score(texts).logit, atol=1e-5)
