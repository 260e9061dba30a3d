"""Tokens hidden for masked-token training, as BERT hides them; where k-mers overlap, in runs.

Of the tokens a share is chosen; of these 80 % become the mask token, 10 % another token by chance,
and 10 % stay (Devlin et al. 2019, doi:10.18653/v1/N19-1423). Where neighbouring tokens share bases
a single one could be read off its neighbours: as many tokens in a row as share one base are chosen
together, as for DNABERT (Ji et al. 2021, doi:10.1093/bioinformatics/btab083), and what becomes of
them is drawn once for the run, since one that stayed would give the others away.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seformer.sequence.encoding import Encoding, Tokenizer
from seformer.util.errors import UserError

MASKED, CHANGED = 0.8, 0.1


class Hidden(NamedTuple):
    """Tokens of which some are hidden.

    Attributes
    ----------
    input_ids
        int32 ``[tokens]``: what the model sees.
    chosen
        bool ``[tokens]``: whose true id it is to tell, whether it sees that or not.
    """

    input_ids: np.ndarray
    chosen: np.ndarray


def hide_tokens(
    encoding: Encoding,
    tokenizer: Tokenizer,
    share: float,
    rng: np.random.Generator,
    *,
    masked: float = MASKED,
) -> Hidden:
    """Hide a share of the tokens that are spelled in A, C, G, T; unknown ones and N stay.

    Parameters
    ----------
    encoding
        Sequences laid end to end; a run of hidden tokens stays in one sequence.
    share
        Of the tokens, on average.
    masked
        Part of the chosen ones that become the mask token; 1 for measuring, since of those that
        stay nothing is to be told.

    Raises
    ------
    UserError
        If the tokeniser has no mask token.
    """
    if tokenizer.mask_id is None:
        raise UserError(
            "the tokeniser has no mask token, so nothing can be hidden",
            expected="a tokeniser of a masked language model, with [MASK] or <mask>",
        )
    ids, run = encoding.input_ids, tokenizer.overlapping
    usable = np.zeros(tokenizer.vocab_size, dtype=bool)
    usable[tokenizer.base_ids] = True
    usable = usable[ids]
    if run == 1:
        # strided k-mers overlap at the ends of a sequence, where the last is anchored
        usable &= ~_shares_bases(encoding)
        chosen = usable & (rng.random(len(ids)) < share)
    else:
        # so many centres that the share is hidden, though some runs overlap
        centres = np.flatnonzero(rng.random(len(ids)) < 1 - (1 - share) ** (1 / run))
        owner = np.repeat(np.arange(len(encoding.splits) - 1), np.diff(encoding.splits))
        place = centres[:, None] + np.arange(-((run - 1) // 2), run // 2 + 1)
        place = np.clip(place, 0, max(0, len(ids) - 1))
        inside = owner[place] == owner[centres][:, None]
        chosen = np.zeros(len(ids), dtype=bool)
        chosen[place[inside]] = True
        chosen &= usable
    fate = _draw_by_run(encoding, chosen, run, rng)
    other = rng.choice(tokenizer.base_ids, len(ids))
    seen = np.where(chosen & (fate < masked), tokenizer.mask_id, ids)
    changed = chosen & (fate >= masked) & (fate < masked + CHANGED)
    return Hidden(np.where(changed, other, seen).astype(np.int32), chosen)


def _shares_bases(encoding: Encoding) -> np.ndarray:
    """Tokens that overlap a neighbour of their own sequence: bool ``[tokens]``."""
    shared = encoding.starts[1:] < encoding.ends[:-1]
    # a sequence begins anew at base 0, before the last one ended
    first = encoding.splits[1:-1]
    shared[first[(first > 0) & (first < len(encoding.starts))] - 1] = False
    return np.append(shared, False) | np.append(False, shared)


def _draw_by_run(
    encoding: Encoding, chosen: np.ndarray, run: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw a number from 0 to 1 for each token, the same for chosen ones in a row."""
    number = np.arange(len(chosen))
    if run > 1:
        begins = chosen.copy()
        begins[1:] &= ~chosen[:-1]
        first = encoding.splits[:-1]
        first = first[first < len(chosen)]
        begins[first] = chosen[first]
        number = np.cumsum(begins)
    return rng.random(len(chosen) + 1)[number]
