"""References to attribute against: dinucleotide shuffles, mask, pad or zero, token by token."""

from __future__ import annotations

import hashlib
import re
from typing import Literal, NamedTuple

import numpy as np

from seformer.sequence.dna import base_codes, reverse_complement
from seformer.sequence.tokenizers import Encoding, Tokenizer
from seformer.util.errors import UserError

Reference = Literal["dinucleotide", "mask", "pad", "zero"]
REFERENCES: tuple[Reference, ...] = ("dinucleotide", "mask", "pad", "zero")
ZERO = -1  # token id of the all-zero embedding
RUNS = re.compile("[ACGT]+")


def generator(key: str, seed: int) -> np.random.Generator:
    """Return random numbers that depend on ``key`` and ``seed`` alone, not on order or process."""
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()])


def _last_edges(edges: list[np.ndarray], final: int, random: np.random.Generator) -> list[int]:
    """Draw the last edge of every vertex, uniformly among those that lead to ``final``.

    An edge from a vertex to itself never leads there, so it is left out of the draw; the others
    keep their multiplicities, which is what makes the shuffle uniform.
    """
    choices = [
        vertex_edges[vertex_edges != vertex] if vertex != final else vertex_edges[:0]
        for vertex, vertex_edges in enumerate(edges)
    ]
    while True:
        last = [int(random.choice(c)) if len(c) else -1 for c in choices]
        if all(_reaches(vertex, last, final) for vertex in range(len(edges)) if len(edges[vertex])):
            return last


def _reaches(vertex: int, last: list[int], final: int) -> bool:
    for _ in last:
        if vertex == final:
            return True
        vertex = last[vertex]
    return vertex == final


def dinucleotide_shuffle(sequence: str, random: np.random.Generator) -> str:
    """Shuffle a sequence and keep the exact count of every dinucleotide.

    Uniform over all sequences with the same dinucleotides, first and last base (Altschul and
    Erickson, Mol. Biol. Evol. 1985: a random Euler path). Runs of bases other than A, C, G, T
    stay in place, and the stretches between them are shuffled one by one.

    Parameters
    ----------
    sequence
        Upper-case bases.
    random
        Source of randomness, see `generator`.
    """
    return RUNS.sub(lambda run: _euler_shuffle(run[0], random), sequence)


def _euler_shuffle(sequence: str, random: np.random.Generator) -> str:
    if len(sequence) < 4:
        return sequence
    alphabet, codes = np.unique(np.frombuffer(sequence.encode(), np.uint8), return_inverse=True)
    edges = [codes[1:][codes[:-1] == vertex] for vertex in range(len(alphabet))]
    final = int(codes[-1])
    last = _last_edges(edges, final, random)
    walks = []
    for vertex, successors in enumerate(edges):
        if last[vertex] >= 0:
            drawn = int(np.flatnonzero(successors == last[vertex])[0])
            successors = np.delete(successors, drawn)
        shuffled = random.permutation(successors).tolist()
        walks.append(iter([*shuffled, last[vertex]] if last[vertex] >= 0 else shuffled))
    path = [int(codes[0])]
    for _ in range(len(sequence) - 1):
        path.append(next(walks[path[-1]]))
    return alphabet[path].tobytes().decode()


class _Stretch(NamedTuple):
    """Consecutive tokens without N of one view, and where their reference is to be written."""

    row: int
    first: int
    count: int
    bases: str


def _views(encoding: Encoding, sequences: list[str]) -> int:
    return (len(encoding.splits) - 1) // max(len(sequences), 1)


def _strand(sequence: str, view: int, views: int) -> str:
    """The strand a view reads, see `seformer.scoring.views.encode_views`."""
    return sequence if view < views // 2 else reverse_complement(sequence)


def _stretches(encoding: Encoding, sequence: str, row: int) -> list[_Stretch]:
    """Cut the tokens of one view at those that touch a base other than A, C, G, T.

    ``sequence`` is the view's strand, shuffled; its N runs are those of the strand itself.
    """
    span = slice(encoding.splits[row], encoding.splits[row + 1])
    starts, ends = encoding.starts[span], encoding.ends[span]
    ambiguous = np.concatenate([[0], np.cumsum(base_codes(sequence) < 0)])
    clean = (ambiguous[ends] == ambiguous[starts]) & (ends > starts)
    edge = np.flatnonzero(np.diff(np.concatenate([[0], clean.astype(np.int8), [0]])))
    return [
        _Stretch(row, first, stop - first, sequence[starts[first] : ends[stop - 1]])
        for first, stop in edge.reshape(-1, 2).tolist()
    ]


def _fit(
    stretch: _Stretch, ids: np.ndarray, tokenizer: Tokenizer, random: np.random.Generator
) -> np.ndarray:
    """Bring a reference's tokens to the number that stands in the input.

    Byte-pair tokens of a shuffled sequence differ in number from the sequence's own: more of
    them are cut off, too few are continued with tokens of another shuffle.
    """
    parts, total = [ids], len(ids)
    while total < stretch.count:
        more = tokenizer.encode([_euler_shuffle(stretch.bases, random)]).input_ids
        parts.append(more)
        total += len(more)
    return np.concatenate(parts)[: stretch.count]


def dinucleotide_references(
    tokenizer: Tokenizer,
    encoding: Encoding,
    sequences: list[str],
    keys: list[str],
    seed: int,
    number: int,
) -> np.ndarray:
    """Tokenise dinucleotide shuffles to as many tokens as the input has.

    Every view of a region gets shuffles of its own: a base lies under other tokens in each view,
    so that as many independent shuffles are averaged for it. Tokens that touch an N run are kept.

    Parameters
    ----------
    encoding
        See `seformer.scoring.views.encode_views`.
    sequences
        Forward sequences, one a region.
    keys
        One a region; with ``seed`` they decide the shuffles (see `generator`).
    number
        Shuffles of each view.

    Returns
    -------
    np.ndarray
        int64 ``[number, tokens]``, aligned with ``encoding.input_ids``.
    """
    references = np.repeat(encoding.input_ids[None].astype(np.int64), number, axis=0)
    views = _views(encoding, sequences)
    for index in range(number):
        randoms = [
            generator(f"{key} {index} {view}", seed) for key in keys for view in range(views)
        ]
        stretches: list[_Stretch] = []
        for row, random in enumerate(randoms):
            region, view = divmod(row, views)
            shuffled = _strand(dinucleotide_shuffle(sequences[region], random), view, views)
            stretches += _stretches(encoding, shuffled, row)
        encoded = tokenizer.encode([stretch.bases for stretch in stretches])
        for place, stretch in enumerate(stretches):
            ids = encoded.input_ids[encoded.splits[place] : encoded.splits[place + 1]]
            first = encoding.splits[stretch.row] + stretch.first
            references[index, first : first + stretch.count] = _fit(
                stretch, ids, tokenizer, randoms[stretch.row]
            )
    return references


def shuffled_sequences(
    sequences: list[str], keys: list[str], seed: int, number: int, views: int
) -> list[list[list[str]]]:
    """Draw the shuffles behind `dinucleotide_references` as whole forward sequences.

    Returns
    -------
    list
        ``[region][reference][view]``.
    """
    return [
        [
            [
                dinucleotide_shuffle(sequence, generator(f"{key} {index} {view}", seed))
                for view in range(views)
            ]
            for index in range(number)
        ]
        for sequence, key in zip(sequences, keys, strict=True)
    ]


def constant_references(
    tokenizer: Tokenizer, encoding: Encoding, sequences: list[str], reference: Reference
) -> np.ndarray:
    """Replace every token without N by [MASK], by padding, or by `ZERO` (a zero embedding).

    Returns
    -------
    np.ndarray
        int64 ``[1, tokens]``, aligned with ``encoding.input_ids``.

    Raises
    ------
    UserError
        If the tokenizer has no such token.
    """
    token = {"mask": tokenizer.mask_id, "pad": tokenizer.pad_id, "zero": ZERO}[reference]
    if token is None:
        raise UserError(
            f"this model's tokenizer has no {reference} token",
            where=f"--reference {reference}",
            do="use --reference dinucleotide",
        )
    references = encoding.input_ids[None].astype(np.int64)
    views = _views(encoding, sequences)
    for row in range(len(encoding.splits) - 1):
        region, view = divmod(row, views)
        for stretch in _stretches(encoding, _strand(sequences[region], view, views), row):
            first = encoding.splits[row] + stretch.first
            references[0, first : first + stretch.count] = token
    return references


def make_references(
    tokenizer: Tokenizer,
    encoding: Encoding,
    sequences: list[str],
    keys: list[str],
    *,
    reference: Reference,
    number: int,
    seed: int,
) -> np.ndarray:
    """Return reference tokens, int64 ``[references, tokens]``; see the two functions above.

    Only shuffles are drawn ``number`` times; the other references are one each.
    """
    if reference not in REFERENCES:
        raise UserError(
            f"{reference} is no reference", where="--reference", expected=", ".join(REFERENCES)
        )
    if reference == "dinucleotide":
        return dinucleotide_references(tokenizer, encoding, sequences, keys, seed, number)
    return constant_references(tokenizer, encoding, sequences, reference)
