"""From bases to k-mers with single bases between them, or to one token a base."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from seformer.sequence.dna import BASE_LETTERS, BASES, CODE_OF_LETTER
from seformer.sequence.encoding import Encoding, splits_of, text_digest
from seformer.sequence.kmer_tokenizer import ListedTokenizer
from seformer.sequence.kmers import numbers_at
from seformer.util.errors import UserError

# how published vocabularies write padding, unknown, mask and the token in front; and which token
# ends a window where tokenizer_config.json names none
_STYLES = {
    ("<pad>", "<unk>", "<mask>", "<cls>"): None,
    ("[PAD]", "[UNK]", "[MASK]", "[CLS]"): "[SEP]",
}
# what a letter is: one of A, C, G, T; a token by itself; unknown; white space
_BASE, _SINGLE, _UNKNOWN, _BLANK = range(4)


def mixed_vocabulary(k: int) -> list[str]:
    """Return the vocabulary of Nucleotide Transformer v2: special tokens, k-mers, bases and N."""
    special = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]
    return [*special, *map("".join, product("ATCG", repeat=k)), *"ATCGN"]


def kmer_lengths(vocabulary: Sequence[str]) -> Counter[int]:
    """Count the tokens of each length that are nothing but A, C, G, T."""
    return Counter(len(token) for token in vocabulary if token and not token.strip(BASES))


def _listed(lengths: Counter[int]) -> str:
    kinds = [f"{n} of {k} base{'s' * (k > 1)}" for k, n in sorted(lengths.items())][:4]
    return "tokens of A, C, G, T: " + (", ".join(kinds) or "none")


class MixedTokenizer(ListedTokenizer):
    """k-mers from the left, one after the other, and base by base what is no whole k-mer.

    That is the convention of the Nucleotide Transformer (Dalla-Torre et al. 2024,
    doi:10.1038/s41592-024-02523-z) with 6-mers; with no k-mers but single bases it is one token a
    base. From the left: k letters of A, C, G, T are a token, else one of them is, and N, if it is
    in the vocabulary. The frame begins anew behind every letter that is none of the four. A run of
    letters that are in no token is one unknown token, or in vocabularies with ``[UNK]`` each is.
    In phase p the frame begins at base p, and the first p bases are a token each.

    Parameters
    ----------
    vocabulary
        Tokens in the order of their ids: all k-mers of one k, the four bases, special tokens.
    end
        Token that ends a window; by default ``[SEP]`` in vocabularies with ``[CLS]``, else none.

    Raises
    ------
    UserError
        If a token is missing or there twice.
    """

    def __init__(self, vocabulary: Sequence[str], end: str | None = None) -> None:
        ids = self._ids_of(vocabulary)
        fitting = (names for names in _STYLES if set(names) <= ids.keys())
        self._style: tuple[str, ...] = next(fitting, ())
        if not self._style:
            raise UserError(
                "the vocabulary lacks special tokens",
                where="vocab.txt",
                expected=" or ".join(", ".join(names) for names in _STYLES),
            )
        end = end or _STYLES[self._style]
        if end is not None and end not in ids:
            raise UserError(f"the vocabulary lacks {end}", where="vocab.txt")
        self._end = end
        lengths = kmer_lengths(self.vocabulary)
        self.k = max(lengths, default=1)
        # counted first: a single token of 100 bases would make a list without end
        whole = all(lengths[k] == 4**k for k in {1, self.k})
        if not whole or len(lengths) > 2:
            raise UserError(
                f"the vocabulary has {_listed(lengths)}",
                where="vocab.txt",
                expected="A, C, G, T and, if any, all k-mers of one k",
            )
        kmers = map("".join, product(BASES, repeat=self.k))
        self.pad_id, self.unk_id, self.mask_id, cls = (ids[name] for name in self._style)
        self.wrap = ((cls,), () if end is None else (ids[end],))
        self.phases, self.overlapping = self.k, 1
        # by the k-mer's number: base 4, A=0 … T=3, first base highest
        self.kmer_ids = np.array([ids[kmer] for kmer in kmers], np.int32)
        self._letter_ids = np.full(256, self.unk_id, np.int32)
        self._kinds = np.full(256, _UNKNOWN, np.int8)
        self._kinds[np.frombuffer(b" \t\n\r\f\v", np.uint8)] = _BLANK
        self.blank_ids: tuple[int, ...] = (self.unk_id,)
        if "N" in ids:
            self._letter_ids[ord("N")], self._kinds[ord("N")] = ids["N"], _SINGLE
            self.blank_ids += (ids["N"],)
        self._letter_ids[BASE_LETTERS] = [ids[base] for base in BASES]
        self._kinds[BASE_LETTERS] = _BASE
        self.base_ids = np.unique(np.append(self.kmer_ids, self._letter_ids[BASE_LETTERS]))
        special = [self.pad_id, self.mask_id, *self.wrap[0], *self.wrap[1]]
        # a vocabulary may hold tokens that no sequence gives and the model has no embedding for
        used = [*special, *self.blank_ids, *self._letter_ids[BASE_LETTERS], *self.kmer_ids]
        self.vocab_size = int(max(used)) + 1
        self.identity: dict[str, str | int] = {
            "kind": "mixed k-mers",
            "k": self.k,
            "special": json.dumps(special),
            "tokens": text_digest("\n".join(self.vocabulary)),
        }

    def keeps_spans(self, before: str, after: str) -> bool:
        """Tell whether all tokens keep their bases if ``after`` takes the place of ``before``."""
        return len(before) == len(after) and not (before + after).strip(BASES)

    def _encode(self, letters: np.ndarray, lengths: np.ndarray, phase: int) -> Encoding:
        edges, place = splits_of(lengths), np.arange(len(letters))
        offset = place - np.repeat(edges[:-1], lengths)
        kinds = self._kinds[letters]
        if phase:
            kinds[(kinds == _BASE) & (offset < phase)] = _SINGLE
        # runs of one kind in one sequence: where each begins, and for every letter which it is in
        begins = offset == 0
        begins[1:] |= kinds[1:] != kinds[:-1]
        first = np.flatnonzero(begins)
        run = np.cumsum(begins) - 1
        widths = np.diff(np.append(first, len(letters)))
        within, width = place - first[run], widths[run]
        whole = (kinds == _BASE) & (within < width // self.k * self.k)
        token = np.where(whole, within % self.k == 0, kinds != _BLANK)
        if self._style[0] == "<pad>":
            token &= (kinds != _UNKNOWN) | (within == 0)
            span = np.where(kinds == _UNKNOWN, width, 1)
        else:
            span = np.ones_like(place)
        at = np.flatnonzero(token)
        ids = self._letter_ids[letters[at]]
        kmers = whole[at]
        ids[kmers] = self.kmer_ids[numbers_at(CODE_OF_LETTER[letters], self.k, at[kmers])]
        return Encoding(
            ids,
            offset[at].astype(np.int32),
            (offset[at] + np.where(kmers, self.k, span[at])).astype(np.int32),
            np.searchsorted(at, edges).astype(np.int64),
        )

    def save(self, folder: str | Path) -> None:
        """Write vocab.txt and tokenizer_config.json (readable by transformers as ESM's)."""
        names = dict(zip(("pad", "unk", "mask", "cls"), self._style, strict=True))
        special = {f"{name}_token": token for name, token in names.items()}
        settings = {"tokenizer_class": "EsmTokenizer", "kmer": {"k": self.k, "mixed": True}}
        self._save(Path(folder), special, settings | special | {"eos_token": self._end})
