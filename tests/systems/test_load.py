"""Many regions through extract, predict and merge without loss, shard by shard.

``SEFORMER_LOAD_REGIONS`` says how many. What was measured: docs/promises.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

REGIONS = int(os.environ.get("SEFORMER_LOAD_REGIONS", "2000"))
LENGTH = 50
SHARDS = 4


def command(*arguments: object) -> float:
    """Run a command in a process of its own; returns the seconds of processor it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "seformer.cli", *map(str, arguments)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    from seformer.genome.genome import Genome
    from seformer.model.backbones import build_backbone
    from seformer.model.folder import new_model, save_model

    folder = tmp_path_factory.mktemp("load")
    size = "small" if REGIONS > 10_000 else "tiny"
    command("simulate", "--out", folder / "sim", "--size", size)
    random = np.random.default_rng(1)
    with Genome(folder / "sim/genome.fa.gz") as genome:
        sizes = list(genome.chromosomes.items())
    with open(folder / "regions.bed", "w") as bed:
        for number in range(REGIONS):
            chrom, size = sizes[int(random.integers(len(sizes)))]
            start = int(random.integers(size - LENGTH))
            bed.write(f"{chrom}\t{start}\t{start + LENGTH}\tr{number:07d}\n")
    backbone, tokenizer, origin = build_backbone("tiny", seed=1)
    torch.manual_seed(1)
    cpu = torch.device("cpu")
    model = new_model(backbone, tokenizer, origin, device=cpu, window=512)
    save_model(model, folder / "model")
    return folder


def test_nothing_is_lost(place):
    cut = ["--fasta", place / "sim/genome.fa.gz", "--regions", place / "regions.bed"]
    shard_bases = -(-REGIONS * LENGTH // SHARDS)
    seconds = {"extract": command(
        "extract", *cut, "--unlabelled", "--shard-bases", shard_bases, "--out", place / "extracted"
    )}  # fmt: skip
    shards = sorted((place / "extracted").glob("shard_*"))
    assert len(shards) == SHARDS
    seconds["predict"] = sum(
        command("predict", "--model", place / "model", "--extracted", shard,
                "--out", place / "scores" / shard.name, "--device", "cpu")
        for shard in shards
    )  # fmt: skip
    scores = sorted((place / "scores").iterdir())
    seconds["merge"] = command(
        "merge-predictions", "--regions", place / "regions.bed", "--out", place / "out", *scores
    )
    rows, kept = 0, 0
    shards_sum, merged_sum = hashlib.sha256(), hashlib.sha256()
    for folder in scores:
        summary = json.loads((folder / "summary.json").read_text())
        rows, kept = rows + summary["rows"], kept + summary["scored"]
        with open(folder / "scores.tsv") as table:
            next(table)
            for line in table:
                shards_sum.update(line.split("\t", 1)[1].encode())
    with open(place / "out/predictions.tsv") as table, open(place / "regions.bed") as bed:
        next(table)
        for number, (line, region) in enumerate(zip(table, bed, strict=True)):
            cells = line.split("\t")
            assert cells[:4] == region.rstrip("\n").split("\t")
            assert cells[3] == f"r{number:07d}"
            merged_sum.update("\t".join(cells[4:]).encode())
    assert rows == number + 1 == REGIONS
    assert shards_sum.hexdigest() == merged_sum.hexdigest()
    total = json.loads((place / "out/summary.json").read_text())
    assert (total["rows"], total["scored"]) == (REGIONS, kept)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    sys.stderr.write(
        f"\n{REGIONS} regions, {kept} scored; processor time: {spent};"
        f" peak {peak:.1f} GB;"
        f" SHA-256 of the scores {merged_sum.hexdigest()}\n"
    )
