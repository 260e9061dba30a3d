"""Tokens of sequences with exact base offsets: what every tokeniser gives.

Every tokeniser gives the ids of the content tokens and, for each, the bases of the given sequence
it stands for (0-based, half-open). Special tokens are put round each window later (`wrap`).
Sequences are upper-cased here, whatever a published tokeniser's own settings say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from seformer.sequence.dna import CODE_OF_LETTER
from seformer.util.errors import UserError

MAX_UNKNOWN_RATE = 0.01
# letters of IUPAC that stand for more than one base: their tokens may be unknown
_AMBIGUOUS = np.zeros(256, dtype=bool)
_AMBIGUOUS[np.frombuffer(b"NRYSWKMBDHV", dtype=np.uint8)] = True


class Encoding(NamedTuple):
    """Content tokens of several sequences, laid end to end.

    Attributes
    ----------
    input_ids : int32 array [total]
    starts, ends : int32 array [total]
        Bases of a token in its own sequence, 0-based half-open.
    splits : int64 array [n + 1]
        Tokens of sequence i are ``splits[i]:splits[i + 1]``.
    """

    input_ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    splits: np.ndarray


def interleave(encodings: Sequence[Encoding]) -> Encoding:
    """Bring encodings of the same n sequences together, sequence by sequence.

    Returns
    -------
    Encoding
        ``n × len(encodings)`` rows: sequence 0 in every encoding, sequence 1 in every encoding, …
    """
    laid = np.cumsum([0, *(len(encoding.input_ids) for encoding in encodings)])
    first = np.stack([o + e.splits[:-1] for o, e in zip(laid, encodings, strict=False)], axis=1)
    counts = np.stack([np.diff(e.splits) for e in encodings], axis=1).reshape(-1)
    place = np.repeat(first.reshape(-1), counts) + count_up(counts)
    columns = (np.concatenate([e[column] for e in encodings])[place] for column in range(3))
    return Encoding(*columns, splits_of(counts))


class Tokenizer(Protocol):
    """What every tokeniser offers; see `kmer_tokenizer`, `mixed_tokenizer`, `bpe_tokenizer`."""

    phases: int
    pad_id: int
    unk_id: int
    vocab_size: int
    # ids of the tokens that are spelled in A, C, G, T: what masked-token training asks for
    base_ids: np.ndarray
    # tokens in a row that share a base: more than one where k-mers overlap
    overlapping: int

    @property
    def wrap(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Special tokens before and behind a window."""

    @property
    def mask_id(self) -> int | None:
        """The token that hides another, if there is one."""

    @property
    def blank_ids(self) -> tuple[int, ...]:
        """Tokens that say nothing of the bases they stand for: unknown, N."""

    @property
    def identity(self) -> Mapping[str, str | int]:
        """What of it turns bases into tokens, for a model's record: the same says the same."""

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences``; with ``phase`` p > 0 a token begins at base p."""

    def keeps_spans(self, before: str, after: str) -> bool:
        """Tell whether all tokens keep their bases if ``after`` takes the place of ``before``."""

    def save(self, folder: str | Path) -> None:
        """Write files from which `load_tokenizer` gives the same tokeniser."""


def letters_of(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper-cased letters of all sequences end to end, and their lengths."""
    try:
        letters = "".join(sequences).upper().encode("ascii")
    except UnicodeEncodeError as error:
        raise UserError(
            "a sequence holds a letter that is not ASCII", expected="letters of the DNA alphabet"
        ) from error
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    return np.frombuffer(letters, dtype=np.uint8), lengths


def splits_of(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def count_up(counts: np.ndarray) -> np.ndarray:
    """Return 0..count-1 for every count, end to end."""
    total = int(counts.sum())
    return np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)


def check_unknown(
    encoding: Encoding, letters: np.ndarray, lengths: np.ndarray, unk_id: int, why: str
) -> None:
    """Refuse sequences of which over 1 % of the tokens are unknown without N to explain it."""
    unknown = np.flatnonzero(encoding.input_ids == unk_id)
    if not len(unknown):
        return
    offset = np.repeat(splits_of(lengths)[:-1], np.diff(encoding.splits))[unknown]
    ambiguous, odd = splits_of(_AMBIGUOUS[letters]), splits_of(CODE_OF_LETTER[letters] < 0)
    start, end = encoding.starts[unknown] + offset, encoding.ends[unknown] + offset
    explained = ambiguous[end] - ambiguous[start]
    unexplained = (explained == 0) | (explained < odd[end] - odd[start])
    # a sequence shorter than one k-mer is unknown by its length, not by its letters
    unexplained &= np.repeat(np.diff(encoding.splits), np.diff(encoding.splits))[unknown] > 1
    rate = unexplained.sum() / len(encoding.input_ids)
    if rate > MAX_UNKNOWN_RATE:
        first = int(np.flatnonzero(unexplained)[0])
        example = letters[start[first] : end[first]][:24].tobytes().decode("ascii")
        raise UserError(
            f"the tokeniser does not know {rate:.1%} of the tokens, for example {example!r}",
            expected="at most 1 % unknown tokens beside those with N",
            do=why,
        )


def text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
