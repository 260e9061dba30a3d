"""The signal that labelled regions carry, and the cut-off in it between the two classes.

ROSE ranks by the first column behind CONSTITUENT_SIZE, less the second where there is a control
(Whyte et al. 2013, doi:10.1016/j.cell.2013.03.035); SEdb has the two as ``se_cas_value`` and
``se_con_value``. Other tables call it ``signal``.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.regions.words import CONTROL_WORDS, SIGNAL_WORDS, column_words
from seformer.util.text import open_text

logger = logging.getLogger(__name__)
# between these two ROSE puts what it measured, and its gene mapper names of genes
BEFORE, RANK = "constituent_size", "enhancerrank"
GENES = ("overlap_genes", "proximal_genes", "closest_gene")
# in the first lines of ROSE's tables
RECORDED = re.compile(r"using cutoff of\s+([\d.]+(?:e[+-]?\d+)?)", re.I)
HEAD_LINES = 20


def signal_columns(names: Sequence[str]) -> list[str]:
    """Name the columns that signal is read from: signal, and control if there is one.

    Of ROSE's tables also the two columns between which these stand.
    """
    words = column_words(names)
    if BEFORE in words and RANK in words:
        first, rank = words.index(BEFORE), words.index(RANK)
        measured = [i for i in range(first + 1, rank) if words[i] not in GENES][:2]
        return [names[i] for i in (first, *measured, rank)] if measured else []
    both = (SIGNAL_WORDS, CONTROL_WORDS)
    at = [next((words.index(w) for w in known if w in words), None) for known in both]
    return [] if at[0] is None else [names[i] for i in at if i is not None]


def net_signal(cells: Mapping[str, Sequence[str]]) -> tuple[np.ndarray, str] | None:
    """Return the signal of regions less their control's, and which columns it is from.

    Parameters
    ----------
    cells
        Columns of a table by name.

    Returns
    -------
    tuple or None
        float64 [n], below zero 0, NaN where there is no finite number; in words what it is. None
        where the table has no signal: no such column, or no number in it.
    """
    names = signal_columns(list(cells))
    if not names:
        return None
    rank = None
    if column_words(names)[0] == BEFORE:
        _, *names, rank = names
    columns = [_numbers(cells[name]) for name in names]
    if not np.isfinite(columns[0]).any():
        return None
    said = " less ".join(names)
    net = columns[0] - columns[1] if len(columns) > 1 else columns[0]
    # with further BAMs but without a control the second column is none: the ranks tell
    if rank and len(columns) > 1 and _turns(columns[0], cells[rank]) < _turns(net, cells[rank]):
        said, net = names[0], columns[0]
    return np.maximum(net, 0), said


def _numbers(cells: Sequence[str]) -> np.ndarray:
    numbers = pd.to_numeric(pd.Series(cells, dtype="str"), errors="coerce").to_numpy(np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _turns(signal: np.ndarray, rank: Sequence[str]) -> int:
    """Count how often signal rises from one rank to the next, where it should fall."""
    ranked = np.maximum(signal, 0)[np.argsort(_numbers(rank), kind="stable")]
    return int((np.diff(ranked[~np.isnan(ranked)]) > 0).sum())


def recorded_cutoff(paths: Iterable[Path]) -> float | None:
    """Return the cut-off that the comments of ROSE's tables name; None if none or several do."""
    named = set()
    for path in paths:
        with open_text(path) as lines:
            for line in islice(lines, HEAD_LINES):
                if line.startswith("#") and (match := RECORDED.search(line)):
                    named.add(float(match[1]))
    return named.pop() if len(named) == 1 else None


def describe_signal(
    rows: pd.DataFrame, columns: Mapping[str, str], recorded: float | None
) -> dict[str, Any]:
    """Tell how many regions have a signal, and where the classes part: ``signal`` of summary.json.

    Parameters
    ----------
    rows
        ``signal`` (float64) and ``label`` of all regions that were given.
    columns
        File to its columns of signal.
    recorded
        See `recorded_cutoff`.

    Returns
    -------
    dict
        ``columns``; ``regions`` with a signal, ``zero`` of them with none above 0, and ``without``;
        ``cutoff`` and ``cutoff_from``: ``recorded``, or ``midpoint`` between the weakest
        super-enhancer and the strongest typical enhancer where all of the one are above all of the
        other; None where neither is known.
    """
    known = rows["signal"].notna()
    se, te = (rows["signal"][known & (rows["label"] == label)] for label in (1, 0))
    cutoff, source = recorded, "recorded"
    if cutoff is None and len(se) and len(te) and se.min() > te.max():
        cutoff, source = float(se.min() + te.max()) / 2, "midpoint"
    return {
        "columns": dict(columns),
        "regions": int(known.sum()),
        "zero": int((rows["signal"] == 0).sum()),
        "without": int((~known).sum()),
        "cutoff": cutoff,
        "cutoff_from": None if cutoff is None else source,
    }
