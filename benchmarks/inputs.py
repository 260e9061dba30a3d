"""Data and model of the benchmarks, the same for every way.

Sequences are of hg19 (the start of chromosome 22) and tokens GENA-LM's where SEFORMER_TEST_DATA
names a folder with them; else sequences are random, and so are the byte pairs.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pysam

from seformer.genome.genome import Genome
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import load_tokenizer

LONGEST = 8_000
# lengths of the regions of DeepSE's H2171 in steps of 5 %, cut to 8 kb
LENGTHS = (
    *(205, 840, 1099, 1316, 1493, 1657, 1832, 2034, 2261, 2545, 2890, 3316, 3866, 4665, 5943),
    *(7949, *[LONGEST] * 5),
)
CONTEXT = 2_048
SURVEYED = 200
HEAD_SCALE = 20
LINE = 60


class Size(NamedTuple):
    """How much of everything is measured.

    Attributes
    ----------
    genome, extracted
        Bases of the random genome, and regions extracted from it.
    tokenised, scored, explained
        Regions.
    train, validation
        Regions of stage 2; stage 1 takes half of them, since its alternative is that slow.
    streamed
        Regions scored for the peak of memory; ten times as many against them.
    repeats
        Repetitions of each measurement.
    layers, width
        Of the model.
    longest, longest_explained
        Regions are cut to so many bases, and to so many for explanations.
    """

    genome: int
    extracted: int
    tokenised: int
    scored: int
    explained: int
    train: int
    validation: int
    streamed: int
    repeats: int
    layers: int
    width: int
    longest: int
    longest_explained: int


SIZES = {
    "smoke": Size(
        genome=400_000,
        extracted=100,
        tokenised=4,
        scored=2,
        explained=1,
        train=4,
        validation=4,
        streamed=5,
        repeats=1,
        layers=1,
        width=32,
        longest=500,
        longest_explained=300,
    ),
    "small": Size(
        genome=200_000_000,
        extracted=20_000,
        tokenised=10,
        scored=8,
        explained=2,
        train=8,
        validation=4,
        streamed=1_000,
        repeats=5,
        layers=4,
        width=256,
        longest=LONGEST,
        longest_explained=1_000,
    ),
    # for a GPU: base size, as most published models have
    "base": Size(
        genome=200_000_000,
        extracted=20_000,
        tokenised=400,
        scored=256,
        explained=10,
        train=128,
        validation=8,
        streamed=2_000,
        repeats=5,
        layers=12,
        width=768,
        longest=LONGEST,
        longest_explained=LONGEST,
    ),
    "large": Size(
        genome=1_000_000_000,
        extracted=20_000,
        tokenised=400,
        scored=400,
        explained=10,
        train=160,
        validation=40,
        streamed=2_000,
        repeats=5,
        layers=4,
        width=256,
        longest=LONGEST,
        longest_explained=LONGEST,
    ),
}


def lengths(number: int, rng: np.random.Generator) -> np.ndarray:
    """Draw lengths distributed as DeepSE's: int64 ``[number]``."""
    return np.interp(rng.random(number), np.linspace(0, 1, len(LENGTHS)), LENGTHS).astype(int)


def genome(path: Path, bases: int) -> Path:
    """Write a random genome of four chromosomes, half of it in lower case."""
    if path.is_file():
        return path
    rng = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGTacgt", np.uint8)
    lines = bases // 4 // LINE
    with open(path, "wb") as out:
        for number in range(1, 5):
            text = np.full((lines, LINE + 1), ord("\n"), np.uint8)
            text[:, :LINE] = letters[rng.integers(8, size=(lines, LINE), dtype=np.uint8)]
            out.write(b">chr%d\n" % number + text.tobytes())
    Genome(path).close()  # the index is there beforehand, for every way
    return path


def bgzipped(fasta: Path) -> Path:
    """Compress a genome as it is usually kept."""
    path = fasta.with_name(fasta.name + ".gz")
    if not path.is_file():
        pysam.tabix_compress(str(fasta), str(path))
        Genome(path).close()
    return path


def bed(path: Path, fasta: Path, number: int) -> Path:
    """Write regions at random places, in random order."""
    rng = np.random.default_rng(2)
    with Genome(fasta) as opened:
        chromosomes = opened.chromosomes
    chrom = rng.choice(list(chromosomes), number)
    length = lengths(number, rng)
    ends = np.array([chromosomes[name] for name in chrom])
    start = (rng.random(number) * (ends - length)).astype(int)
    table = pd.DataFrame({"chrom": chrom, "start": start, "end": start + length})
    table.to_csv(path, sep="\t", header=False, index=False)
    return path


def ordered(path: Path) -> Path:
    """Write the same regions in the order of the genome."""
    table = pd.read_csv(path, sep="\t", header=None)
    out = path.with_name("sorted.bed")
    table.sort_values([0, 1]).to_csv(out, sep="\t", header=False, index=False)
    return out


def real_data() -> Path | None:
    folder = os.environ.get("SEFORMER_TEST_DATA")
    return Path(folder) if folder else None


@cache
def _chromosome() -> str:
    """The bases that regions are drawn from."""
    if (folder := real_data()) is not None:
        with Genome(folder / "hg19_chr22/chr22_1-22000000.fa.gz") as opened:
            # the first gap ends here, and the next begins here
            return opened.fetch("chr22", 16_847_850, 20_509_431)
    return "".join(np.random.default_rng(3).choice(list("ACGT"), 1_000_000))


def sequences(number: int, longest: int, seed: int = 4) -> list[str]:
    """Draw regions; those with more tokens than the model has positions are drawn again."""
    rng = np.random.default_rng(seed)
    bases, found = _chromosome(), []
    while len(found) < number:
        length = min(int(lengths(1, rng)[0]), longest)
        start = int(rng.integers(len(bases) - length))
        sequence = bases[start : start + length]
        both = tokenizer().encode([sequence, reverse_complement(sequence)])
        if np.diff(both.splits).max() <= CONTEXT - 2:
            found.append(sequence)
    return found


@cache
def padded_length(longest: int) -> int:
    """Tokens of the longest of many regions: what a whole set of them is padded to."""
    drawn = sequences(SURVEYED, longest, seed=6)
    return int(np.diff(tokenizer().encode(drawn).splits).max()) + 2


def paddings(longest: int) -> dict[str, int]:
    """Tokens that the ways of today pad to: padding="max_length", and padding="longest"."""
    of_set = padded_length(longest)
    return {
        f"the model's {CONTEXT:,} tokens": CONTEXT,
        f"the longest of {SURVEYED} regions, {of_set:,} tokens": of_set,
    }


def training_data(work: Path, train: int, validation: int, longest: int):
    """Extract labelled regions, the first for training and the others for validation.

    Returns
    -------
    LabelledDataset
        And the sequences in the same order.
    """
    from seformer.regions.extract import extract
    from seformer.regions.folder import read_extracted
    from seformer.splits.dataset import LabelledDataset
    from seformer.splits.sequence_store import SequenceStore

    drawn = sequences(train + validation, longest)
    name = f"{train}_{validation}"
    folder = work / f"extracted_{name}"
    if not folder.is_dir():
        fasta, regions = work / f"{name}.fa", work / f"{name}.tsv"
        with open(fasta, "w", encoding="ascii") as text:
            text.writelines(f">r{i}\n{bases}\n" for i, bases in enumerate(drawn))
        with open(regions, "w", encoding="ascii") as text:
            text.write("chrom\tstart\tend\tlabel\n")
            text.writelines(f"r{i}\t0\t{len(b)}\t{i % 2}\n" for i, b in enumerate(drawn))
        extract(fasta, folder, regions=regions)
    source = read_extracted(folder)
    kept = source.kept
    split = np.where(np.arange(len(kept)) < train, "train", "validation")
    return LabelledDataset(kept.assign(split=split), SequenceStore([source])), drawn


def tokenizer_folder() -> Path:
    """GENA-LM's byte pairs, or byte pairs learned from the random bases."""
    if (folder := real_data()) is not None:
        return folder / "tokenizers/gena_lm/tokenizers/human/BPE_32k"
    return _learned_tokenizer()


@cache
def _learned_tokenizer() -> Path:
    import tempfile

    import tokenizers
    from tokenizers import models, processors, trainers

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    made = tokenizers.Tokenizer(models.BPE(unk_token="[UNK]"))
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, show_progress=False)
    bases = _chromosome()[:100_000]
    made.train_from_iterator([bases[i : i + 1_000] for i in range(0, len(bases), 1_000)], trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    folder = Path(tempfile.mkdtemp(prefix="seformer-bench-"))
    made.save(str(folder / "tokenizer.json"))
    return folder


@cache
def tokenizer():
    return load_tokenizer(tokenizer_folder())


def model(size: str):
    """GENA-LM's layout (pre-LayerNorm BERT) with random weights; dropout off, so that every way
    computes the same."""
    import torch

    from seformer.model.backbones import Origin, new_backbone
    from seformer.model.folder import new_model

    how = SIZES[size]
    config = {
        "model_type": "bert",
        "pre_layer_norm": True,
        "last_layer_norm": False,
        "hidden_size": how.width,
        "num_hidden_layers": how.layers,
        "num_attention_heads": 4,
        "intermediate_size": 4 * how.width,
        "max_position_embeddings": CONTEXT,
        "vocab_size": tokenizer().vocab_size,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    torch.manual_seed(5)
    backbone = new_backbone(config, seed=5)
    made = new_model(
        backbone,
        tokenizer(),
        Origin("random", "folder", None, backbone.family),
        device=torch.device("cpu"),
        window=CONTEXT,
        training={"dropout": 0.0},
    )
    with torch.no_grad():
        # random logits as large as trained ones
        made.classifier.head.out.weight.mul_(HEAD_SCALE)
    return made


def multiplications(tokens: np.ndarray, size: str) -> float:
    """Floating-point operations of the model's matrix products over windows of ``tokens``.

    Per layer and token 12 products with a width² matrix (query, key, value, output, and an MLP
    four times as wide), and two products of the attention over all tokens.
    """
    how = SIZES[size]
    tokens = tokens.astype(float)
    linear = 2 * 12 * how.width**2 * tokens
    attention = 4 * how.width * tokens**2
    return float(how.layers * (linear + attention).sum())


def saved_preset(work: Path) -> Path:
    """Save the preset tiny with random weights, scoring in one phase."""
    import torch

    from seformer.model.backbones import build_backbone
    from seformer.model.folder import new_model, save_model

    folder = work / "preset"
    if not folder.is_dir():
        backbone, tokens, origin = build_backbone("tiny", seed=1)
        device = torch.device("cpu")
        made = new_model(backbone, tokens, origin, device=device, window=backbone.context)
        folder.mkdir()
        save_model(made, folder)
    return folder
