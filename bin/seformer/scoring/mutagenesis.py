"""In-silico mutagenesis and occlusion; only windows whose tokens change are recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from seformer.scoring.score import CHUNK_TOKENS, Ensemble, Scorer
from seformer.scoring.views import Edit, join_tokens
from seformer.sequence.dna import BASES
from seformer.sequence.tokenizers import Encoding


def mutate(scorer: Ensemble, sequence: str, positions: Sequence[int] | None = None) -> np.ndarray:
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
    cells, edits = [], []
    for row, position in enumerate(positions):
        if sequence[position] not in BASES:
            effects[row] = np.nan
            continue
        for column, base in enumerate(BASES):
            if base != sequence[position]:
                cells.append((row, column))
                edits.append(Edit(position, position + 1, base))
    logit, edited = scorer.edits(sequence, edits)
    if cells:
        effects[tuple(np.array(cells).T)] = edited - logit
    return effects


def importance(effects: np.ndarray) -> np.ndarray:
    """What each base is worth: minus the mean effect of its three substitutions.

    Comparable with an attribution, which is what the base adds to the logit. Float64
    ``[positions]``, NaN at N.
    """
    return -effects.sum(1) / 3


def occlude(
    scorer: Scorer, encoding: Encoding, references: np.ndarray, width: int
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
        (margin,), known = scorer.view_margins(join_tokens([ids]))
        blocks = [
            (reference, first, min(first + width, len(ids)))
            for reference in references[:, begin:end]
            for first in range(0, len(ids), width)
        ]
        values = np.zeros(len(ids))
        size = max(1, CHUNK_TOKENS // len(ids))
        for group in (blocks[first : first + size] for first in range(0, len(blocks), size)):
            hidden = [
                np.concatenate([ids[:first], reference[first:stop], ids[stop:]])
                for reference, first, stop in group
            ]
            margins, _ = scorer.view_margins(join_tokens(hidden), known)
            for (_, first, stop), left in zip(group, margins, strict=True):
                values[first:stop] += (margin - left) / (stop - first) / len(references)
        results.append((values[:, None], 0.0))
    return results
