"""The tokeniser of a model folder: k-mers, k-mers and bases, or a byte-pair encoding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seformer.sequence.bpe_tokenizer import BpeTokenizer
from seformer.sequence.encoding import Encoding, Tokenizer, interleave
from seformer.sequence.kmer_tokenizer import SPECIAL_TOKENS, KmerTokenizer, kmer_vocabulary
from seformer.sequence.mixed_tokenizer import MixedTokenizer, kmer_lengths, mixed_vocabulary
from seformer.util.errors import UserError
from seformer.util.records import read_object
from seformer.util.text import open_text, small_file

__all__ = [
    "BpeTokenizer",
    "Encoding",
    "KmerTokenizer",
    "MixedTokenizer",
    "Tokenizer",
    "interleave",
    "kmer_vocabulary",
    "load_tokenizer",
    "mixed_vocabulary",
]

# bytes of a tokenizer.json of single bases, at most
SMALL = 2**16


def load_tokenizer(folder: str | Path, *, complete: bool = False) -> Tokenizer:
    """Read the tokeniser of a model folder.

    A ``vocab.txt`` of k-mers gives a `KmerTokenizer` (whatever tokenizer_config.json says of lower
    case: DNABERT's would turn every k-mer into [UNK]), of k-mers and single bases, or of bases and
    N, a `MixedTokenizer`, else ``tokenizer.json`` a `BpeTokenizer`. A ``tokenizer.json`` of single
    bases counts more than a ``vocab.txt`` beside it, as in transformers: MutBERT's have the same
    tokens in another order.

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
    if bases := _single_bases(folder):
        return bases
    if vocabulary_file.is_file():
        with open_text(small_file(vocabulary_file)) as lines:
            vocabulary = [line.rstrip("\n") for line in lines]
        lengths = set(kmer_lengths(vocabulary))
        mixed = (1 in lengths and (len(lengths) > 1 or "N" in vocabulary)) or _says_mixed(
            config_file
        )
        if mixed:
            return MixedTokenizer(vocabulary, _end_token(config_file))
        if len(lengths) == 1 and set(SPECIAL_TOKENS) <= set(vocabulary):
            return KmerTokenizer(*_kmer(config_file, lengths.pop(), complete), vocabulary)
    if (folder / "tokenizer.json").is_file():
        return BpeTokenizer(folder)
    raise UserError(
        "the folder has no tokeniser that seformer can read",
        where=folder,
        expected="vocab.txt with k-mers of one length, or with these and single bases, or"
        " tokenizer.json with a byte-pair encoding",
        do="put the tokeniser's files into the model folder",
    )


def _config(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}


def _says_mixed(path: Path) -> bool:
    """Whether tokenizer_config.json is of a `MixedTokenizer` that seformer wrote."""
    kmer = _config(path).get("kmer")
    return isinstance(kmer, dict) and kmer.get("mixed") is True


def _end_token(path: Path) -> str | None:
    """The token that tokenizer_config.json has behind a window, if any."""
    config = _config(path)
    for name in ("eos_token", "sep_token"):
        token = config.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        if not isinstance(token, str | None):
            raise UserError(f"{name} is {token!r}"[:200], where=path, expected="a token or null")
        if token:
            return token
    return None


def _single_bases(folder: Path) -> Tokenizer | None:
    """The tokeniser of a ``tokenizer.json`` that knows single bases and merges none."""
    path = folder / "tokenizer.json"
    # one that merges is far larger, and read once later
    if not path.is_file() or path.stat().st_size > SMALL:
        return None
    model = read_object(path).get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict) or set(kmer_lengths(list(vocabulary))) != {1}:
        return None
    published = BpeTokenizer(folder)
    try:
        names = sorted(vocabulary, key=lambda name: vocabulary[name])
        fast = MixedTokenizer(names, _end_token(folder / "tokenizer_config.json"))
    except UserError:  # without special tokens, or with others
        return published
    probe = ["ACGTNNACGTTGCA"]
    same = [(t.wrap, t.pad_id, t.encode(probe).input_ids.tolist()) for t in (fast, published)]
    return fast if same[0] == same[1] else published


def _kmer(path: Path, length: int, complete: bool) -> tuple[int, int]:
    """Read k, which is the ``length`` of the vocabulary's k-mers, and stride."""
    given = _config(path).get("kmer")
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
