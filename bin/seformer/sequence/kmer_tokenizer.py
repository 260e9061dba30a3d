"""From bases to k-mers, by one pass of numpy over all sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from seformer.sequence.dna import BASES, CODE_OF_LETTER, base_codes
from seformer.sequence.encoding import (
    Encoding,
    check_unknown,
    count_up,
    letters_of,
    splits_of,
    text_digest,
)
from seformer.sequence.kmers import numbers_at
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.records import write_json

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def kmer_vocabulary(k: int) -> list[str]:
    """Return DNABERT's vocabulary: five special tokens, then all k-mers over A, T, C, G."""
    return [*SPECIAL_TOKENS, *map("".join, product("ATCG", repeat=k))]


class ListedTokenizer:
    """A tokeniser whose vocabulary is a list: ``vocab.txt``."""

    phases: int
    unk_id: int

    def _ids_of(self, vocabulary: Sequence[str]) -> dict[str, int]:
        """Take the tokens in the order of their ids, none of them twice."""
        self.vocabulary = list(vocabulary)
        twice = [token for token, n in Counter(self.vocabulary).items() if token and n > 1]
        if twice:
            raise UserError(f"the vocabulary holds {twice[0]!r} twice", where="vocab.txt")
        return {token: i for i, token in enumerate(self.vocabulary)}

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences``; the phase (0 ≤ phase < phases) moves where tokens begin.

        Every base is covered in every phase.
        """
        if not 0 <= phase < self.phases:
            raise ValueError(f"phase {phase} of {self.phases}")
        letters, lengths = letters_of(sequences)
        encoding = self._encode(letters, lengths, phase)
        check_unknown(encoding, letters, lengths, self.unk_id, "check that the sequences are DNA")
        return encoding

    def _encode(self, letters: np.ndarray, lengths: np.ndarray, phase: int) -> Encoding:
        """Tokenise uint8 letters of sequences end to end, of int64 ``lengths`` each."""
        raise NotImplementedError

    def _save(self, folder: Path, special: Mapping[str, str], settings: Mapping[str, Any]) -> None:
        """Write vocab.txt, and what transformers reads of special tokens and settings."""
        with atomic_path(folder / "vocab.txt") as partial:
            partial.write_text("\n".join(self.vocabulary) + "\n", encoding="utf-8")
        write_json(special, folder / "special_tokens_map.json")
        write_json(settings, folder / "tokenizer_config.json")


class KmerTokenizer(ListedTokenizer):
    """k-mers of a sequence, every ``stride`` bases, by one pass of numpy over all sequences.

    With stride 1 this is DNABERT's convention (overlapping k-mers, Ji et al. 2021,
    doi:10.1093/bioinformatics/btab083). With a larger stride the last k-mer is anchored at the
    end of the sequence, so that every base is covered. A k-mer with another letter than A, C, G, T
    is [UNK]; a sequence shorter than k is one [UNK] over all its bases. In phase p > 0 the first
    k-mer begins at base 0 all the same, as the last one ends at the last base, and the second
    begins at base p.

    Parameters
    ----------
    k, stride
        Length of a token and distance between two, in bases; stride at most k.
    vocabulary
        Tokens in the order of their ids (default: DNABERT's order).
    """

    def __init__(self, k: int, stride: int = 1, vocabulary: Sequence[str] | None = None) -> None:
        if not 1 <= stride <= k <= 12:
            raise UserError(f"k = {k} and stride = {stride} do not fit", expected="stride ≤ k ≤ 12")
        self.k, self.stride = k, stride
        ids = self._ids_of(kmer_vocabulary(k) if vocabulary is None else vocabulary)
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        if missing:
            raise UserError(f"the vocabulary lacks {', '.join(missing)}")
        self.pad_id, self.unk_id, cls, sep, self.mask_id = (ids[t] for t in SPECIAL_TOKENS)
        self.wrap, self.blank_ids = ((cls,), (sep,)), (self.unk_id,)
        self.phases = stride
        self.overlapping = -(-k // stride)
        self.vocab_size = len(self.vocabulary)
        # by the k-mer's number: base 4, A=0 … T=3, first base highest
        self.kmer_ids = np.full(4**k, self.unk_id, np.int32)
        kmers = [token for token in ids if len(token) == k and not token.strip(BASES)]
        digits = base_codes("".join(kmers)).reshape(-1, k)
        self.kmer_ids[digits @ 4 ** np.arange(k)[::-1]] = [ids[token] for token in kmers]
        self.base_ids = np.unique(self.kmer_ids[self.kmer_ids != self.unk_id])
        self.identity = {"kind": "k-mers", "k": k, "stride": stride}
        self.identity["tokens"] = text_digest("\n".join(self.vocabulary))

    def _encode(self, letters: np.ndarray, lengths: np.ndarray, phase: int) -> Encoding:
        last = np.maximum(lengths - self.k, 0)
        first = phase - self.stride if phase else 0
        # ceil, so that the last k-mer is counted
        counts = np.where(last > 0, -((first - last) // self.stride) + 1, 1)
        starts = np.clip(first + count_up(counts) * self.stride, 0, np.repeat(last, counts))
        ends = np.minimum(starts + self.k, np.repeat(lengths, counts))
        place = starts + np.repeat(splits_of(lengths)[:-1], counts)
        encoding = Encoding(
            self._lookup(CODE_OF_LETTER[letters], place),
            starts.astype(np.int32),
            ends.astype(np.int32),
            splits_of(counts),
        )
        encoding.input_ids[ends - starts < self.k] = self.unk_id
        return encoding

    def keeps_spans(self, before: str, after: str) -> bool:
        """Tell whether all tokens keep their bases if ``after`` takes the place of ``before``."""
        return len(before) == len(after)

    def _lookup(self, codes: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return the ids of the k-mers that begin at ``place``."""
        ids = self.kmer_ids[numbers_at(codes, self.k, place)]
        odd = codes < 0
        if odd.any():
            before = splits_of(np.concatenate([odd, np.zeros(self.k, bool)]))
            ids[before[place + self.k] > before[place]] = self.unk_id
        return ids

    def save(self, folder: str | Path) -> None:
        """Write vocab.txt and tokenizer_config.json (readable by transformers as BERT's)."""
        names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL_TOKENS, strict=True))
        special = {f"{name}_token": token for name, token in names.items()}
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "kmer": {"k": self.k, "stride": self.stride},
        }
        self._save(Path(folder), special, settings | special)
