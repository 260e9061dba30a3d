"""Faults planted in data: what the results must say of them, from regions to the verdict."""

import json

import numpy as np
import pytest
from toys import random_sequence

from seformer.evaluation.evaluate import evaluate
from seformer.regions.extract import extract
from seformer.splits.split import split
from seformer.training.head import finetune_head

CHROMOSOMES, REGIONS, PITCH = 8, 24, 400


def trained(folder, labels, length_of):
    """Extract, split, train a head and evaluate it; returns metrics.json."""
    genome, beds, labels = [], {0: [], 1: []}, iter(labels)
    for chromosome in range(1, CHROMOSOMES + 1):
        bases = random_sequence(REGIONS * PITCH, seed=chromosome)
        genome.append(f">chr{chromosome}\n{bases}\n")
        for start in range(0, REGIONS * PITCH, PITCH):
            label = int(next(labels))
            stop = start + length_of(label, start)
            beds[label].append(f"chr{chromosome}\t{start}\t{stop}\n")
    (folder / "genome.fa").write_text("".join(genome))
    for label, name in enumerate(("te", "se")):
        (folder / f"{name}.bed").write_text("".join(beds[label]))
    extract(
        folder / "genome.fa",
        folder / "extracted",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
        sample="toy",
    )
    split(
        [folder / "extracted"],
        folder / "split",
        test_chromosomes=["chr1", "chr2", "chr3"],
        validation_chromosomes=["chr4", "chr5"],
    )
    data = [folder / "extracted"], [folder / "split" / "toy" / "splits.tsv"]
    finetune_head(*data, "tiny", folder / "head", epochs=3, window=128, device="cpu")
    names = ("length", "gc", "kmer_logistic")
    evaluate(
        folder / "head", *data, folder / "out", resamples=300, baseline_names=names, device="cpu"
    )
    return json.loads((folder / "out" / "metrics.json").read_text())


def said(found):
    return {finding["topic"]: (finding["level"], finding["text"]) for finding in found["verdict"]}


def shuffled(seed=0):
    return np.random.default_rng(seed).permutation(np.arange(CHROMOSOMES * REGIONS) % 2)


@pytest.fixture(scope="module")
def without_meaning(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("shuffled"), shuffled(), lambda label, start: 300)


def test_shuffled_labels_teach_nothing_and_the_verdict_says_so(without_meaning):
    auroc = without_meaning["test"]["model"]["auroc"]
    assert auroc["low"] <= 0.5 <= auroc["high"]
    level, text = said(without_meaning)["Learned?"]
    assert level == "bad"
    assert "learned nothing that holds on held-out regions" in text
    # it is the first sentence, and no gain over a baseline is claimed
    assert without_meaning["verdict"][0]["topic"] == "Learned?"
    assert "Better than simple baselines?" not in said(without_meaning)


def test_length_that_tells_all_is_said(tmp_path):
    found = trained(tmp_path, shuffled(1), lambda label, start: 200 + 100 * label + start % 7)
    assert found["test"]["baselines"]["length"]["auroc"]["value"] == 1
    level, text = said(found)["Region length alone"]
    assert level in ("warning", "bad")
    assert "beat region length" in text and "AUROC 1.000" in text
