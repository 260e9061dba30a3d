"""References to attribute against: dinucleotide shuffles, mask, pad or zero, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from seformer.explain.settings import Reference
from seformer.sequence.dna import base_codes, reverse_complement
from seformer.sequence.shuffle import dinucleotide_shuffle, euler_shuffle, generator
from seformer.sequence.tokenizers import Encoding, MixedTokenizer, Tokenizer
from seformer.util.errors import UserError

ZERO = -1  # token id of the all-zero embedding


class References(NamedTuple):
    """What the views of regions are compared with.

    Attributes
    ----------
    ids
        int64 ``[references, tokens]``, aligned with the encoding's ``input_ids``: a reference has
        a token wherever its view has one.
    shuffles
        The same as bases on the forward strand: for each reference one text a row of the encoding.
        None where a reference has no bases (mask, pad, zero).
    """

    ids: np.ndarray
    shuffles: list[list[str]] | None


class _CleanRun(NamedTuple):
    """Consecutive tokens of one view that touch no N: those that a reference replaces.

    ``row`` is the view's row in the encoding, ``span`` where its tokens stand among those of all
    rows, ``bases`` what the view's strand has there.
    """

    row: int
    span: slice
    bases: str


def _clean_runs(encoding: Encoding, row: int, strand: str) -> Iterator[_CleanRun]:
    """Cut the tokens of a view at those that touch a base other than A, C, G, T.

    ``strand`` is what the view reads, or a shuffle of it: their N are the same.
    """
    begin, end = encoding.splits[row : row + 2].tolist()
    starts, ends = encoding.starts[begin:end], encoding.ends[begin:end]
    unknown = np.concatenate([[0], np.cumsum(base_codes(strand) < 0)])
    clean = (unknown[ends] == unknown[starts]) & (ends > starts)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], clean.astype(np.int8), [0]])))
    for first, stop in edges.reshape(-1, 2).tolist():
        bases = strand[starts[first] : ends[stop - 1]]
        yield _CleanRun(row, slice(begin + first, begin + stop), bases)


def _strand(forward: str, view: int, views: int) -> str:
    """The strand a view reads, see `seformer.scoring.views.encode_views`."""
    return forward if view < views // 2 else reverse_complement(forward)


def _pieces(encoding: Encoding, run: _CleanRun) -> list[str]:
    """The bases of a run under each of its tokens."""
    starts, ends = encoding.starts[run.span], encoding.ends[run.span]
    return [run.bases[a - starts[0] : b - starts[0]] for a, b in zip(starts, ends, strict=True)]


def _fit(
    ids: np.ndarray, count: int, bases: str, tokenizer: Tokenizer, random: np.random.Generator
) -> np.ndarray:
    """Bring a reference's tokens to the number that stands in the input.

    Byte-pair tokens of a shuffled sequence differ in number from the sequence's own: more of
    them are cut off, too few are continued with tokens of another shuffle.
    """
    while len(ids) < count:
        more = tokenizer.encode([euler_shuffle(bases, random)]).input_ids
        ids = np.concatenate([ids, more])
    return ids[:count]


def make_references(
    tokenizer: Tokenizer,
    encoding: Encoding,
    sequences: Sequence[str],
    keys: Sequence[str],
    *,
    reference: Reference,
    number: int,
    seed: int,
) -> References:
    """Draw the references of regions; tokens that touch an N stay as they are in each.

    Dinucleotide shuffles are drawn ``number`` times, the other references are one each. Every view
    of a region gets shuffles of its own: a base lies under other tokens in each view, so that as
    many independent shuffles are averaged for it.

    Parameters
    ----------
    encoding
        See `seformer.scoring.views.encode_views`.
    sequences
        Forward sequences, one a region.
    keys
        One a region; with ``seed`` they decide the shuffles (see `generator`).

    Raises
    ------
    UserError
        If there is no such reference, or the tokenizer has no token for it.
    """
    views = (len(encoding.splits) - 1) // max(len(sequences), 1)
    rows = [(region, view) for region in range(len(sequences)) for view in range(views)]
    original = encoding.input_ids.astype(np.int64)
    if reference != "dinucleotide":
        token = {"mask": tokenizer.mask_id, "pad": tokenizer.pad_id, "zero": ZERO}[reference]
        if token is None:
            raise UserError(
                f"this model's tokenizer has no {reference} token",
                where=f"--reference {reference}",
                do="use --reference dinucleotide",
            )
        ids = original[None].copy()
        for row, (region, view) in enumerate(rows):
            for run in _clean_runs(encoding, row, _strand(sequences[region], view, views)):
                ids[0, run.span] = token
        return References(ids, None)
    ids, shuffles = np.repeat(original[None], number, axis=0), []
    for index in range(number):
        randoms = [generator(f"{keys[region]} {index} {view}", seed) for region, view in rows]
        drawn = [
            dinucleotide_shuffle(sequences[region], random)
            for (region, _), random in zip(rows, randoms, strict=True)
        ]
        runs = [
            run
            for row, (_, view) in enumerate(rows)
            for run in _clean_runs(encoding, row, _strand(drawn[row], view, views))
        ]
        if isinstance(tokenizer, MixedTokenizer):
            # a k-mer against a k-mer, a base against a base, whatever frame the view reads in
            for run in runs:
                ids[index, run.span] = tokenizer.encode(_pieces(encoding, run)).input_ids
        else:
            encoded = tokenizer.encode([run.bases for run in runs])
            for run, (first, stop) in zip(runs, pairwise(encoded.splits), strict=True):
                count = run.span.stop - run.span.start
                tokens = encoded.input_ids[first:stop]
                ids[index, run.span] = _fit(tokens, count, run.bases, tokenizer, randoms[run.row])
        shuffles.append(drawn)
    return References(ids, shuffles)
