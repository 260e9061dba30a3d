"""Overlapping 6-mers of both strands: one sweep of numpy, and the ways of DNABERT."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import inputs
import numpy as np
from harness import Other, Work

from seformer.sequence.tokenizers import KmerTokenizer

K = 6


def join(sequence: str) -> str:
    """DNABERT's form of a sequence: its k-mers with spaces between them."""
    return " ".join(sequence[i : i + K] for i in range(len(sequence) - K + 1))


def slow(tokenizer, sequences: list[str]) -> list[list[int]]:
    """The slow tokenizer of Hugging Face over joined k-mers, as in DNABERT."""
    return [tokenizer(join(s), add_special_tokens=False)["input_ids"] for s in sequences]


def looked_up(vocabulary: dict[str, int], sequences: list[str]) -> list[list[int]]:
    """Python joins, split again and looked up in a dictionary."""
    unknown = vocabulary["[UNK]"]
    return [[vocabulary.get(kmer, unknown) for kmer in join(s).split()] for s in sequences]


def make(work: Path, size: str) -> Work:
    how = inputs.SIZES[size]
    sequences = inputs.sequences(how.tokenised, how.longest)
    tokenizer = KmerTokenizer(K)
    tokenizer.save(work / "kmers")
    # only the alternative needs it, and its import would count as seformer's memory
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    published = BertTokenizerLegacy(str(work / "kmers/vocab.txt"), do_lower_case=False)
    vocabulary = {token: number for number, token in enumerate(tokenizer.vocabulary)}
    others = {
        "slow tokenizer of transformers": Other(partial(slow, published, sequences), 80),
        "Python joins and a dictionary": Other(partial(looked_up, vocabulary, sequences)),
    }

    def difference() -> float:
        expected = tokenizer.encode(sequences).input_ids
        results = (np.concatenate(way.run()) for way in others.values())
        return max(float(not np.array_equal(result, expected)) for result in results)

    return Work(
        f"6-mers of {sum(map(len, sequences)):,} bp",
        partial(tokenizer.encode, sequences),
        others,
        difference,
    )
