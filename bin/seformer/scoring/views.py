"""Views of sequences as tokens: both strands, in every phase; of edited sequences as well.

A view of a sequence is one strand, cut into tokens in one phase (`KmerTokenizer.encode`,
`MixedTokenizer.encode`; byte-pair tokenisers have one phase). A score is the mean over all views:
neither the strand nor where the first k-mer happens to begin decides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import Encoding, Tokenizer, interleave

if TYPE_CHECKING:
    from seformer.model.folder import Model

STRANDS = 2
# bounds the memory of one round of scoring: sequences, their tokens and window features
CHUNK_BASES = 2_000_000


class Edit(NamedTuple):
    """Bases ``start:stop`` (0-based half-open, forward strand) replaced by ``bases``."""

    start: int
    stop: int
    bases: str

    def apply(self, sequence: str) -> str:
        """Return the sequence with the edit made."""
        return sequence[: self.start] + self.bases + sequence[self.stop :]

    def on_reverse(self, length: int) -> Edit:
        """The same edit on the reverse complement of a sequence of ``length`` bases."""
        return Edit(length - self.stop, length - self.start, reverse_complement(self.bases))


def both_strands(sequences: Sequence[str]) -> list[str]:
    """Return every sequence followed by its reverse complement."""
    return list(chain.from_iterable((s, reverse_complement(s)) for s in sequences))


def encode_views(model: Model, sequences: Sequence[str]) -> Encoding:
    """Tokenise every view of every sequence.

    Returns
    -------
    Encoding
        Row ``sequence × model.views + strand × phases + phase``, see `Model.phases`.
    """
    strands = both_strands(sequences)
    return interleave([model.tokenizer.encode(strands, phase=phase) for phase in model.phases])


def encode_edits(
    model: Model, sequence: str, encoding: Encoding, edits: Sequence[Edit]
) -> Encoding:
    """Tokenise every view of every edited form of a sequence, each edit alone.

    Byte-pair tokens are made anew for the whole edited sequence, since an edit may move every
    token after it; of k-mers only those over a substitution are looked up again.

    Parameters
    ----------
    encoding
        The sequence's own views, see `encode_views`.

    Returns
    -------
    Encoding
        Rows as of `encode_views` for the edited sequences; after substitutions without offsets.
    """
    tokenizer = model.tokenizer
    if not all(
        edit.bases and tokenizer.keeps_spans(sequence[edit.start : edit.stop], edit.bases)
        for edit in edits
    ):
        return encode_views(model, [edit.apply(sequence) for edit in edits])
    reverse, forward_views = reverse_complement(sequence), model.views // STRANDS
    views = []
    for edit in edits:
        strands = (sequence, edit), (reverse, edit.on_reverse(len(sequence)))
        for row in range(model.views):
            views.append(_substitute(tokenizer, encoding, row, *strands[row >= forward_views]))
    return join_tokens(views)


def _substitute(
    tokenizer: Tokenizer, encoding: Encoding, row: int, strand: str, edit: Edit
) -> np.ndarray:
    """Token ids of a view after a substitution: only the k-mers over it are looked up again."""
    span = slice(encoding.splits[row], encoding.splits[row + 1])
    starts, ends = encoding.starts[span], encoding.ends[span]
    # starts and ends both rise along a strand
    first = int(np.searchsorted(ends, edit.start, side="right"))
    last = int(np.searchsorted(starts, edit.stop, side="left"))
    ids = encoding.input_ids[span].copy()
    edited = edit.apply(strand[: ends[last - 1]])
    ids[first:last] = tokenizer.encode(
        [edited[a:b] for a, b in zip(starts[first:last], ends[first:last], strict=True)]
    ).input_ids
    return ids


def join_tokens(views: Sequence[np.ndarray]) -> Encoding:
    """Lay token ids of views end to end (without offsets, which windows do not need)."""
    splits = np.concatenate([[0], np.cumsum([len(ids) for ids in views])]).astype(np.int64)
    ids = np.concatenate(views) if views else np.empty(0, np.int32)
    nowhere = np.zeros(len(ids), np.int32)
    return Encoding(ids, nowhere, nowhere, splits)


def chunks(
    sequences: Iterable[str], views: int = STRANDS, bases: int = CHUNK_BASES
) -> Iterator[list[str]]:
    """Group sequences into lists of about ``bases`` bases in all views, one sequence at least."""
    group: list[str] = []
    total = 0
    for sequence in sequences:
        if group and total + len(sequence) > bases // views:
            yield group
            group, total = [], 0
        group.append(sequence)
        total += len(sequence)
    if group:
        yield group


def coverage(encoding: Encoding, lengths: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Part of the bases of each encoded row that lie in a token other than unknown and N.

    Returns float64 ``[rows]``; ``lengths`` int64 ``[rows]`` are their bases.
    """
    known = ~np.isin(encoding.input_ids, tokenizer.blank_ids)
    first = np.concatenate([[0], np.cumsum(lengths)])
    row = np.repeat(np.arange(len(lengths)), np.diff(encoding.splits))
    # +1 where a known token starts and -1 where it ends: bases with a positive sum are covered
    depth = np.zeros(first[-1] + 1, dtype=np.int32)
    np.add.at(depth, first[row[known]] + encoding.starts[known], 1)
    np.add.at(depth, first[row[known]] + encoding.ends[known], -1)
    covered = np.concatenate([[0], np.cumsum(np.cumsum(depth[:-1]) > 0)])
    return (covered[first[1:]] - covered[first[:-1]]) / lengths
