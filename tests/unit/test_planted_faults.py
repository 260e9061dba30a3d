"""Faults planted in data: what the results must say of them, from regions to the verdict."""

import json

import numpy as np
import pytest
from toys import random_sequence

from seformer.evaluation.evaluate import evaluate
from seformer.evaluation.findings import judge_split
from seformer.regions.extract import extract
from seformer.sequence.dna import reverse_complement
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


def ninety_percent(bases, seed):
    """A copy in which one base in ten is another."""
    rng = np.random.default_rng(seed)
    letters = np.array(list(bases))
    changed = np.flatnonzero(rng.random(len(letters)) < 0.1)
    letters[changed] = ["ACGT"[("ACGT".index(letters[i]) + 1 + i % 3) % 4] for i in changed]
    return "".join(letters)


COPIES = {
    "reverse complements": lambda bases, i: reverse_complement(bases),
    "shifted by 50 bp": lambda bases, i: bases[50:] + random_sequence(50, seed=9_000 + i),
    "90 % copies": ninety_percent,
    "reverse complements of 90 % copies": lambda b, i: reverse_complement(ninety_percent(b, i)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_copies_across_the_split_are_found_and_said(copy, tmp_path):
    """chr1 tests; 8 of its 24 regions are copies of regions of chr3, which trains."""
    length, planted, folder = 300, 8, tmp_path
    bases = {f"chr{c}": random_sequence(REGIONS * PITCH, seed=50 + c) for c in range(1, 5)}
    for i in range(planted):
        at = 3 * i * PITCH
        piece = copy(bases["chr3"][at : at + length], i)
        bases["chr1"] = bases["chr1"][:at] + piece + bases["chr1"][at + length :]
    (folder / "genome.fa").write_text("".join(f">{c}\n{b}\n" for c, b in bases.items()))
    for label, name in enumerate(("te", "se")):
        rows = [
            f"{c}\t{i * PITCH}\t{i * PITCH + length}\n"
            for c in bases
            for i in range(REGIONS)
            if i % 2 == label
        ]
        (folder / f"{name}.bed").write_text("".join(rows))
    extract(
        folder / "genome.fa",
        folder / "extracted",
        super_enhancers=folder / "se.bed",
        typical_enhancers=folder / "te.bed",
    )
    audit = split(
        [folder / "extracted"],
        folder / "split",
        test_chromosomes=["chr1"],
        validation_chromosomes=["chr2"],
    )
    assert audit["near_copies"]["test_in_train"] == planted
    found = {finding.topic: finding for finding in judge_split(audit)}["Near copies"]
    assert found.level == "warning"
    assert f"{planted} test regions have a near copy in the training part" in found.text
    assert audit["homology"]["regions_with_near_copy"] == 2 * planted
