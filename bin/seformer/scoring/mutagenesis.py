"""In-silico mutagenesis with re-tokenisation; only windows whose tokens change are recomputed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import torch

from seformer.model.folder import Model
from seformer.scoring.score import (
    DEFAULT_BATCH_TOKENS,
    WindowFeatures,
    cut,
    encode_views,
    features_of,
    spectrum_margins,
    strand_margins,
)
from seformer.sequence.dna import BASES, reverse_complement
from seformer.sequence.tokenizers import Encoding, KmerTokenizer

# edited sequences are tokenised and compared in groups of about this many tokens
CHUNK_TOKENS = 2_000_000


class Edit(NamedTuple):
    """Bases ``start:stop`` (0-based half-open, forward strand) replaced by ``bases``."""

    start: int
    stop: int
    bases: str

    def apply(self, sequence: str) -> str:
        return sequence[: self.start] + self.bases + sequence[self.stop :]


def join(strands: Sequence[np.ndarray]) -> Encoding:
    """Lay token ids of strands end to end (without offsets, which windows do not need)."""
    splits = np.concatenate([[0], np.cumsum([len(ids) for ids in strands])]).astype(np.int64)
    ids = np.concatenate(strands) if strands else np.empty(0, np.int32)
    nowhere = np.zeros(len(ids), np.int32)
    return Encoding(ids, nowhere, nowhere, splits)


class WindowScorer:
    """Margins of strands, where a window seen before is not computed again.

    Features of a window depend on its own tokens alone, so a window with the same tokens has the
    same features wherever it lies: for a substitution all but one or two are those of the
    unedited sequence.
    """

    def __init__(self, model: Model, batch_tokens: int = DEFAULT_BATCH_TOKENS) -> None:
        self.model = model
        self.batch_tokens = batch_tokens
        self.known: dict[bytes, torch.Tensor] = {}
        self.computed = 0

    @torch.inference_mode()
    def margins(self, encoding: Encoding, *, remember: bool = False) -> np.ndarray:
        """Margin of each encoded strand, float64 ``[strands]``; keep its windows if wished."""
        windows = cut(encoding, self.model)
        ids = np.asarray(encoding.input_ids, dtype=np.int64)
        start = encoding.splits[windows.sequence] + windows.start
        length = windows.stop - windows.start
        keys = [ids[a : a + n].tobytes() for a, n in zip(start, length, strict=True)]
        fresh = {key: row for row, key in enumerate(keys) if key not in self.known}
        known = self.known | self._compute(ids, start, length, fresh)
        if remember:
            self.known = known
        features = torch.stack([known[key] for key in keys])
        pooled = WindowFeatures(
            features, torch.from_numpy(length).float(), torch.from_numpy(windows.sequence)
        )
        return strand_margins(self.model, pooled, len(encoding.splits) - 1)

    def _compute(
        self, ids: np.ndarray, start: np.ndarray, length: np.ndarray, fresh: dict[bytes, int]
    ) -> dict[bytes, torch.Tensor]:
        """Features of the windows in ``fresh`` (tokens → row)."""
        rows = np.fromiter(fresh.values(), np.int64, len(fresh))
        first = start[rows]
        features = features_of(self.model, ids, first, first + length[rows], self.batch_tokens)
        self.computed += len(rows)
        return dict(zip(fresh, features, strict=True))


def _substituted(
    tokenizer: KmerTokenizer, encoding: Encoding, row: int, bases: str, edit: Edit
) -> np.ndarray:
    """Token ids after a substitution: only the k-mers over it are looked up again."""
    span = slice(encoding.splits[row], encoding.splits[row + 1])
    starts, ends = encoding.starts[span], encoding.ends[span]
    # starts and ends both rise along a strand
    first = int(np.searchsorted(ends, edit.start, side="right"))
    last = int(np.searchsorted(starts, edit.stop, side="left"))
    ids = encoding.input_ids[span].copy()
    edited = edit.apply(bases[: ends[last - 1]])
    ids[first:last] = tokenizer.encode(
        [edited[a:b] for a, b in zip(starts[first:last], ends[first:last], strict=True)]
    ).input_ids
    return ids


def _on_reverse(edit: Edit, length: int) -> Edit:
    return Edit(length - edit.stop, length - edit.start, reverse_complement(edit.bases))


def _edited(model: Model, sequence: str, encoding: Encoding, edits: list[Edit]) -> Encoding:
    """Tokens of every view of every edited sequence, see `seformer.scoring.score.encode_views`."""
    tokenizer, forward_views = model.tokenizer, model.views // 2
    other = reverse_complement(sequence)
    if isinstance(tokenizer, KmerTokenizer) and len(sequence) >= tokenizer.k:
        if all(edit.stop - edit.start == len(edit.bases) > 0 for edit in edits):
            return join(
                [
                    _substituted(tokenizer, encoding, row, sequence, edit)
                    if row < forward_views
                    else _substituted(
                        tokenizer, encoding, row, other, _on_reverse(edit, len(sequence))
                    )
                    for edit in edits
                    for row in range(model.views)
                ]
            )
    return encode_views(model, [edit.apply(sequence) for edit in edits])


def score_edits(
    model: Model,
    sequence: str,
    edits: Sequence[Edit],
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> tuple[float, np.ndarray]:
    """Score a sequence and each of its edited forms (every edit alone).

    Byte-pair tokens are made anew for the whole edited sequence, since an edit may move every
    token after it; of k-mers only those over a substitution are looked up again.

    Parameters
    ----------
    sequence
        Upper-case bases.
    edits
        Substitutions, insertions or deletions; an edit may not remove the whole sequence.

    Returns
    -------
    tuple
        Logit of the sequence, and float64 ``[edits]``: logits of the edited ones, averaged
        over the views and the members of an ensemble, equal to scoring each from scratch.
    """
    each = [_score_edits(member, sequence, edits, batch_tokens) for member in model.members]
    return float(np.mean([logit for logit, _ in each])), np.mean([row for _, row in each], axis=0)


def _score_edits(
    model: Model, sequence: str, edits: Sequence[Edit], batch_tokens: int
) -> tuple[float, np.ndarray]:
    encoding = encode_views(model, [sequence])
    scorer = WindowScorer(model, batch_tokens)
    logit = float(scorer.margins(encoding, remember=True).mean())
    logit += float(spectrum_margins(model, [sequence])[0])
    size = max(1, CHUNK_TOKENS // max(len(encoding.input_ids), 1))
    parts = [
        scorer.margins(_edited(model, sequence, encoding, group)).reshape(-1, model.views).mean(1)
        + _edited_spectrum(model, sequence, group)
        for group in _groups(edits, size)
    ]
    return logit, np.concatenate([*parts, np.empty(0)])


def _edited_spectrum(model: Model, sequence: str, edits: list[Edit]) -> np.ndarray:
    if model.classifier.spectrum is None:
        return np.zeros(len(edits))
    return spectrum_margins(model, [edit.apply(sequence) for edit in edits])


def _groups(items: Sequence[Edit], size: int) -> Iterator[list[Edit]]:
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group


def mutate(
    model: Model,
    sequence: str,
    positions: Sequence[int] | None = None,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> np.ndarray:
    """Effect of every substitution: logit with it minus logit without.

    Parameters
    ----------
    sequence
        Upper-case bases.
    positions
        0-based positions to mutate (default: all).

    Returns
    -------
    np.ndarray
        float64 ``[positions, 4]`` for A, C, G, T; 0 for the base that stands there. At a base
        other than those four (N) the row is NaN.
    """
    positions = range(len(sequence)) if positions is None else positions
    effects = np.zeros((len(positions), 4))
    places, edits = [], []
    for row, position in enumerate(positions):
        if sequence[position] not in BASES:
            effects[row] = np.nan
            continue
        for column, base in enumerate(BASES):
            if base != sequence[position]:
                places.append((row, column))
                edits.append(Edit(position, position + 1, base))
    logit, edited = score_edits(model, sequence, edits, batch_tokens)
    if places:
        effects[tuple(np.array(places).T)] = edited - logit
    return effects


def importance(sequence: str, effects: np.ndarray) -> np.ndarray:
    """What each base is worth: minus the mean effect of its three substitutions.

    Comparable with an attribution, which is what the base adds to the logit. Float64
    ``[positions]``, NaN at N.
    """
    return -effects.sum(1) / 3


def occlude(
    model: Model,
    encoding: Encoding,
    references: np.ndarray,
    width: int,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> list[tuple[np.ndarray, float]]:
    """Loss of margin when ``width`` tokens at a time become the reference's.

    Parameters
    ----------
    encoding
        Views, one row each.
    references
        int64 ``[references, tokens]``, see `seformer.explain.references.make_references`.

    Returns
    -------
    list
        For each row float64 ``[tokens, 1]`` (the loss is shared evenly by the hidden tokens, and
        averaged over references) and 0.0, the share of special tokens.
    """
    results = []
    for begin, end in pairwise(encoding.splits.tolist()):
        ids = encoding.input_ids[begin:end].astype(np.int64)
        scorer = WindowScorer(model, batch_tokens)
        margin = scorer.margins(join([ids]), remember=True)[0]
        blocks = [
            (reference, first, min(first + width, len(ids)))
            for reference in references[:, begin:end]
            for first in range(0, len(ids), width)
        ]
        values = np.zeros(len(ids))
        for group in _groups(blocks, max(1, CHUNK_TOKENS // len(ids))):
            hidden = [
                np.concatenate([ids[:first], reference[first:stop], ids[stop:]])
                for reference, first, stop in group
            ]
            for (_, first, stop), left in zip(group, scorer.margins(join(hidden)), strict=True):
                values[first:stop] += (margin - left) / (stop - first) / len(references)
        results.append((values[:, None], 0.0))
    return results
