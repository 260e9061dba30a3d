"""From bases to tokens: k-mers (vectorised) and byte-pair encodings, with exact base offsets.

Every tokeniser gives the ids of the content tokens and, for each, the bases of the given sequence
it stands for (0-based, half-open). Special tokens are put round each window later (`wrap`).
Sequences are upper-cased here, whatever a published tokeniser's own settings say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from seformer.sequence.bpe import read_bpe
from seformer.sequence.dna import BASES, CODE_OF_LETTER, base_codes
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.records import as_object, parse_json, read_object, write_json
from seformer.util.text import open_text, small_file

__all__ = [
    "BpeTokenizer",
    "Encoding",
    "KmerTokenizer",
    "Tokenizer",
    "interleave",
    "kmer_vocabulary",
    "load_tokenizer",
]

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
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
    place = np.repeat(first.reshape(-1), counts) + _ranges(counts)
    columns = (np.concatenate([e[column] for e in encodings])[place] for column in range(3))
    return Encoding(*columns, _splits(counts))


class Tokenizer(Protocol):
    """What every tokeniser offers; see `KmerTokenizer` and `BpeTokenizer`."""

    phases: int
    wrap: tuple[tuple[int, ...], tuple[int, ...]]
    pad_id: int
    unk_id: int
    mask_id: int | None
    vocab_size: int
    # what of it turns bases into tokens, for the record of a model: the same says the same
    identity: dict[str, str | int]

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences``; with ``phase`` p > 0 the second token begins at base p."""

    def save(self, folder: str | Path) -> None:
        """Write files from which `load_tokenizer` gives the same tokeniser."""


def kmer_vocabulary(k: int) -> list[str]:
    """Return DNABERT's vocabulary: five special tokens, then all k-mers over A, T, C, G."""
    return [*SPECIAL_TOKENS, *map("".join, product("ATCG", repeat=k))]


def _bytes_of(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the upper-cased letters of all sequences end to end, and their lengths."""
    try:
        letters = "".join(sequences).upper().encode("ascii")
    except UnicodeEncodeError as error:
        raise UserError(
            "a sequence holds a letter that is not ASCII", expected="letters of the DNA alphabet"
        ) from error
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    return np.frombuffer(letters, dtype=np.uint8), lengths


def _splits(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _ranges(counts: np.ndarray) -> np.ndarray:
    """Return 0..count-1 for every count, end to end."""
    total = int(counts.sum())
    return np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)


def _check_unknown(
    encoding: Encoding, letters: np.ndarray, lengths: np.ndarray, unk_id: int, why: str
) -> None:
    """Refuse sequences of which over 1 % of the tokens are unknown without N to explain it."""
    unknown = np.flatnonzero(encoding.input_ids == unk_id)
    if not len(unknown):
        return
    offset = np.repeat(_splits(lengths)[:-1], np.diff(encoding.splits))[unknown]
    ambiguous = _splits(_AMBIGUOUS[letters])
    start, end = encoding.starts[unknown] + offset, encoding.ends[unknown] + offset
    unexplained = ambiguous[start] == ambiguous[end]
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


class KmerTokenizer:
    """k-mers of a sequence, every ``stride`` bases, by one pass of numpy over all sequences.

    With stride 1 this is DNABERT's convention (overlapping k-mers, Ji et al. 2021,
    doi:10.1093/bioinformatics/btab083). With a larger stride the last k-mer is anchored at the
    end of the sequence, so that every base is covered. A k-mer with another letter than A, C, G, T
    is [UNK]; a sequence shorter than k is one [UNK] over all its bases.

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
        self.vocabulary = list(kmer_vocabulary(k) if vocabulary is None else vocabulary)
        ids = {token: i for i, token in enumerate(self.vocabulary)}
        twice = [token for token, n in Counter(self.vocabulary).items() if token and n > 1]
        if twice:
            raise UserError(f"the vocabulary holds {twice[0]!r} twice", where="vocab.txt")
        missing = [token for token in SPECIAL_TOKENS if token not in ids]
        if missing:
            raise UserError(f"the vocabulary lacks {', '.join(missing)}")
        self.pad_id, self.unk_id, cls, sep, self.mask_id = (ids[t] for t in SPECIAL_TOKENS)
        self.wrap = ((cls,), (sep,))
        self.phases = stride
        self.vocab_size = len(self.vocabulary)
        # by the k-mer's number: base 4, A=0 … T=3, first base highest
        self.kmer_ids = np.full(4**k, self.unk_id, np.int32)
        kmers = [token for token in ids if len(token) == k and not token.strip(BASES)]
        digits = base_codes("".join(kmers)).reshape(-1, k)
        self.kmer_ids[digits @ 4 ** np.arange(k)[::-1]] = [ids[token] for token in kmers]
        self.identity = {"kind": "k-mers", "k": k, "stride": stride}
        self.identity["tokens"] = _digest("\n".join(self.vocabulary))

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences``; the phase (0 ≤ phase < phases) moves the grid of the k-mers.

        In phase p > 0 the first k-mer begins at base 0 all the same, as the last one ends at the
        last base, and the second begins at base p: every base is covered in every phase.
        """
        if not 0 <= phase < self.phases:
            raise ValueError(f"phase {phase} of {self.phases}")
        letters, lengths = _bytes_of(sequences)
        last = np.maximum(lengths - self.k, 0)
        first = phase - self.stride if phase else 0
        # ceil, so that the last k-mer is counted
        counts = np.where(last > 0, -((first - last) // self.stride) + 1, 1)
        starts = np.clip(first + _ranges(counts) * self.stride, 0, np.repeat(last, counts))
        ends = np.minimum(starts + self.k, np.repeat(lengths, counts))
        place = starts + np.repeat(_splits(lengths)[:-1], counts)
        encoding = Encoding(
            self._lookup(CODE_OF_LETTER[letters], place),
            starts.astype(np.int32),
            ends.astype(np.int32),
            _splits(counts),
        )
        encoding.input_ids[ends - starts < self.k] = self.unk_id
        _check_unknown(encoding, letters, lengths, self.unk_id, "check that the sequences are DNA")
        return encoding

    def _lookup(self, codes: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return the ids of the k-mers that begin at ``place``."""
        number = len(codes)
        # the k-mer that begins at each letter, as digits of base 4, for all letters in one sweep
        digits = np.concatenate([codes & 3, np.zeros(self.k, np.int8)])
        index = np.zeros(number, dtype=np.int32)
        for j in range(self.k):
            index <<= 2
            index |= digits[j : j + number]
        ids = self.kmer_ids[index[place]]
        odd = codes < 0
        if odd.any():
            before = _splits(np.concatenate([odd, np.zeros(self.k, bool)]))
            ids[before[place + self.k] > before[place]] = self.unk_id
        return ids

    def save(self, folder: str | Path) -> None:
        """Write vocab.txt and tokenizer_config.json (readable by transformers as BERT's)."""
        folder = Path(folder)
        with atomic_path(folder / "vocab.txt") as partial:
            partial.write_text("\n".join(self.vocabulary) + "\n", encoding="utf-8")
        names = dict(zip(("pad", "unk", "cls", "sep", "mask"), SPECIAL_TOKENS, strict=True))
        special = {f"{name}_token": token for name, token in names.items()}
        write_json(special, folder / "special_tokens_map.json")
        settings: dict[str, Any] = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "kmer": {"k": self.k, "stride": self.stride},
            **special,
        }
        write_json(settings, folder / "tokenizer_config.json")


class BpeTokenizer:
    """A published `tokenizer.json` (byte-pair encoding), with offsets computed here.

    Ids are those of the tokeniser itself on the upper-cased sequence. Offsets are computed from
    the tokens' letters, since GENA-LM's ``-`` token (ten or more N) reports wrong ones.

    Parameters
    ----------
    folder
        Folder with tokenizer.json and, where published, its companion files.
    """

    phases = 1
    _COMPANIONS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")

    def __init__(self, folder: str | Path) -> None:
        import tokenizers

        folder = Path(folder)
        # each is read once: what is used is what is saved
        self._files = {
            name: small_file(folder / name).read_bytes()
            for name in self._COMPANIONS
            if (folder / name).is_file()
        }
        self._path = folder / "tokenizer.json"
        pairs = read_bpe(self._object("tokenizer.json"), self._path)
        model = pairs.settings["model"]
        self._fused = model.get("fuse_unk", False)
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(pairs.text)
        except Exception as error:  # the library raises plain exceptions
            raise UserError(
                f"the tokeniser cannot be read ({error})",
                where=self._path,
                do="copy the model folder again",
            ) from error
        self.vocab_size = pairs.size
        names = self._special_names()
        self.pad_id = self._id(names["pad_token"])
        self.unk_id = self._id(model.get("unk_token") or names["unk_token"])
        self.mask_id = self._tokenizer.token_to_id(names["mask_token"])
        for one in pairs.settings["added_tokens"]:
            if self._id(one["content"]) != one["id"]:
                raise UserError(f"{one['content']!r} has another id", where=self._path)
        self.wrap = pairs.wrap
        self._lengths = self._token_lengths(model.get("continuing_subword_prefix") or "")
        self._run_id = self._tokenizer.token_to_id("-")
        special = [self.pad_id, self.unk_id, self.mask_id, *self.wrap]
        self.identity = {
            "kind": "bpe",
            "special": json.dumps(special),
            "tokens": _digest(pairs.text),
        }

    def _object(self, name: str) -> dict[str, Any]:
        path = self._path.with_name(name)
        return as_object(parse_json(self._files[name], path), path) if name in self._files else {}

    def _special_names(self) -> dict[str, str]:
        names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "mask")}
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            given = self._object(file)
            for key in names:
                value = given.get(key)
                value = value.get("content") if isinstance(value, dict) else value
                if not isinstance(value, str | None):
                    raise UserError(f"{key} is {value!r}"[:200], where=self._path.with_name(file))
                names[key] = value or names[key]
        return names

    def _id(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise UserError(f"the tokeniser has no token {token}", where=self._path)
        return number

    def _token_lengths(self, prefix: str) -> np.ndarray:
        lengths = np.ones(self.vocab_size, dtype=np.int64)
        for token, number in self._tokenizer.get_vocab().items():
            lengths[number] = len(token.removeprefix(prefix) if prefix else token)
        lengths[self.unk_id] = 1
        return lengths

    def encode(self, sequences: Sequence[str], phase: int = 0) -> Encoding:
        """Tokenise ``sequences`` (``phase`` can only be 0)."""
        if phase:
            raise ValueError(f"phase {phase} of {self.phases}")
        letters, lengths = _bytes_of(sequences)
        sequences = [sequence.upper() for sequence in sequences]
        encoded = self._tokenizer.encode_batch(sequences, add_special_tokens=False)
        ids = [np.array(one.ids, dtype=np.int32) for one in encoded]
        spans = [self._spans(one, text) for one, text in zip(ids, sequences, strict=True)]
        widths = np.concatenate([*spans, np.zeros(0, np.int64)])
        splits = _splits(np.fromiter(map(len, ids), np.int64, len(ids)))
        ends = np.cumsum(widths) - np.repeat(_splits(lengths)[:-1], np.diff(splits))
        encoding = Encoding(
            np.concatenate([*ids, np.zeros(0, np.int32)]),
            (ends - widths).astype(np.int32),
            ends.astype(np.int32),
            splits,
        )
        _check_unknown(
            encoding,
            letters,
            lengths,
            self.unk_id,
            "check that the sequences are DNA and that this tokeniser belongs to the model",
        )
        return encoding

    def _spans(self, ids: np.ndarray, text: str) -> np.ndarray:
        """Return how many bases each token covers; together exactly ``len(text)``."""
        spans = self._lengths[ids]
        special = (ids == self._run_id) | ((ids == self.unk_id) & self._fused)
        if special.any():
            at, known = 0, np.flatnonzero(special)
            done = 0
            for place in known:
                at += int(spans[done:place].sum())
                spans[place] = self._run_length(int(ids[place]), text, at)
                at += int(spans[place])
                done = place + 1
        if int(spans.sum()) != len(text):
            raise UserError(
                f"the tokens of a sequence cover {int(spans.sum())} of its {len(text)} bases",
                do="this tokeniser rewrites sequences in a way seformer does not know;"
                " use a model with a k-mer or byte-pair tokeniser",
            )
        return spans

    def _run_length(self, token: int, text: str, at: int) -> int:
        """Return the length of the run of letters that one token stands for."""
        if token == self._run_id:
            run = re.compile("N+|-").match(text, at)
        else:
            run = re.compile("[^ACGT]+").match(text, at)
        return len(run.group()) if run else 1

    def save(self, folder: str | Path) -> None:
        """Write the published files as they were."""
        for name, content in self._files.items():
            with atomic_path(Path(folder) / name) as partial:
                partial.write_bytes(content)


def load_tokenizer(folder: str | Path, *, complete: bool = False) -> Tokenizer:
    """Read the tokeniser of a model folder.

    A ``vocab.txt`` of k-mers gives a `KmerTokenizer` (whatever tokenizer_config.json says of lower
    case: DNABERT's would turn every k-mer into [UNK]), else ``tokenizer.json`` a `BpeTokenizer`.

    Parameters
    ----------
    complete
        Whether seformer wrote the folder: then k-mers say their stride, which is 1 where a
        published tokeniser says nothing.

    Raises
    ------
    UserError
        If the folder has neither.
    """
    folder = Path(folder)
    vocabulary_file, config_file = folder / "vocab.txt", folder / "tokenizer_config.json"
    if vocabulary_file.is_file():
        with open_text(small_file(vocabulary_file)) as lines:
            vocabulary = [line.rstrip("\n") for line in lines]
        kmers = {len(token) for token in vocabulary if token and not token.strip(BASES)}
        if len(kmers) == 1 and set(SPECIAL_TOKENS) <= set(vocabulary):
            return KmerTokenizer(*_kmer(config_file, kmers.pop(), complete), vocabulary)
    if (folder / "tokenizer.json").is_file():
        return BpeTokenizer(folder)
    raise UserError(
        "the folder has no tokeniser that seformer can read",
        where=folder,
        expected="vocab.txt with k-mers of one length, or tokenizer.json with a byte-pair encoding",
        do="put the tokeniser's files into the model folder",
    )


def _kmer(path: Path, length: int, complete: bool) -> tuple[int, int]:
    """Read k, which is the ``length`` of the vocabulary's k-mers, and stride."""
    given = (read_object(path) if path.is_file() else {}).get("kmer")
    if given is None and not complete:
        return length, 1
    kmer = given if isinstance(given, dict) else {}
    k, stride = kmer.get("k", length), kmer.get("stride")
    if type(stride) is not int or type(k) is not int or k != length:
        raise UserError(
            f"the k-mers have no stride, or are not of {length} bases as in vocab.txt",
            where=path,
            expected=f'"kmer": {{"k": {length}, "stride": 1}}, as it was written with the model',
            do="copy the whole folder again",
        )
    return k, stride


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
