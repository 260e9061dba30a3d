#!/usr/bin/env python3
"""Broken and hostile inputs, each with the message that seformer has to answer it with.

`tests/unit/test_bad_input.py` makes each in a folder of its own (`make`) and runs it.
``tests/data/bad/make_bad.py`` writes ``expected.tsv``, the table of all of them, beside itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pybigtools
from bad_archives import ARCHIVES
from bad_case import DEEPSE, VCF_COLUMNS, VCF_HEAD, Case, row
from bad_genomes import GENOMES, fasta_text
from bad_models import MODELS
from bad_parameters import PARAMETERS, PRETRAINING
from bad_regions import REGIONS
from bad_results import SHARDS
from bad_tables import OTHER

HERE = Path(__file__).parent
EXPECTED = "expected.tsv"
CASES: list[Case] = [
    *REGIONS,
    *GENOMES,
    *MODELS,
    *ARCHIVES,
    *SHARDS,
    *OTHER,
    *PRETRAINING,
    *PARAMETERS,
]


# ------------------------------------------------------------------------- making


def good(folder: Path) -> None:
    """Sound inputs: a genome, labelled regions, an extracted folder, splits, a random model."""
    import torch

    from seformer.model.backbones import random_backbone
    from seformer.model.backbones.base import Origin
    from seformer.model.backbones.presets import PRESETS, preset_tokenizer
    from seformer.model.folder import new_model, save_model

    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    genome = {f"chr{i}": "".join(random.choice(list("ACGT"), 9_000)) for i in range(1, 7)}
    (folder / "genome.fa").write_text(fasta_text(genome))
    places = [(chrom, start, start + 300) for chrom in genome for start in range(100, 8_500, 700)]
    (folder / "all.bed").write_text("".join(row(*place) for place in places))
    labelled = [",".join(map(str, (*p, "YES" if i % 3 else "NO"))) for i, p in enumerate(places)]
    (folder / "few.bed").write_text("".join(row(*place) for place in places[:3]))
    base = genome["chr1"][199]
    other = "A" if base != "A" else "C"
    variant = row("chr1", 200, ".", base, other, ".", ".", ".")
    (folder / "few.vcf").write_text(VCF_HEAD + VCF_COLUMNS + variant)
    (folder / "all.csv").write_text(DEEPSE + "\n".join(labelled) + "\n")
    values = [(*place, float(number)) for number, place in enumerate(places)]
    track = pybigtools.open(str(folder / "signal.bw"), "w")
    track.write(dict.fromkeys(genome, 9_000), values)
    (folder / "se.bed").write_text("".join(row(*p) for p in places[::2]))
    (folder / "te.bed").write_text("".join(row(*p) for p in places[1::2]))
    settings = PRESETS["tiny"] | {
        "k": 3,
        "stride": 3,
        "vocab_size": 69,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "intermediate_size": 32,
        "max_position_embeddings": 66,
    }
    origin = Origin("tiny", "preset", None, "kmer")
    backbone = random_backbone(settings, seed=1)
    torch.manual_seed(1)
    model = new_model(
        backbone, preset_tokenizer(settings), origin, device=torch.device("cpu"), window=66
    )
    save_model(model, folder / "model")


def make(one: Case, folder: Path, sound: Path) -> None:
    """Write the input of a case into ``folder``."""
    folder.mkdir(parents=True)
    if isinstance(one.content, bytes):
        (folder / one.file).write_bytes(one.content)
    elif one.content is not None:
        one.content(folder, sound)


def expected() -> str:
    rows = ["case\tcommand\tmessage"]
    rows += [f"{one.name}\tseformer {one.command}\t{' … '.join(one.message)}" for one in CASES]
    return "\n".join(rows).replace("\u2028", "\\u2028") + "\n"


def main() -> int:
    """Write the table of all cases beside this script."""
    (HERE / EXPECTED).write_text(expected(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
