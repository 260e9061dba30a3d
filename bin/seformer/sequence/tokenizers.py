"""The tokeniser of a model folder: k-mers or a byte-pair encoding."""

from __future__ import annotations

from pathlib import Path

from seformer.sequence.bpe_tokenizer import BpeTokenizer
from seformer.sequence.dna import BASES
from seformer.sequence.encoding import Encoding, Tokenizer, interleave
from seformer.sequence.kmer_tokenizer import SPECIAL_TOKENS, KmerTokenizer, kmer_vocabulary
from seformer.util.errors import UserError
from seformer.util.records import read_object
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
