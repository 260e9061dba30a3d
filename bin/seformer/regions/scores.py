"""Regions that somebody has scored and labelled: of a file in any form, or of a data frame."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.regions.frames import FRAME, as_texts, read_frame
from seformer.regions.read import iter_regions, unlabelled
from seformer.regions.words import KNOWN_LABELS, NEITHER, column_words, find_columns, read_label
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
# names of columns of scores, lower case, the best first: what ranks most finely, then the usual
MARGINS = ("logit", "margin", "logits")
PROBABILITIES = (
    *("probability", "se_probability", "probability_se", "se_prob", "prob_se", "p_se"),
    *("prob", "proba", "probabilities"),
    *("predicted_probability", "prediction_probability", "y_prob", "y_proba", "y_pred_proba"),
)
SCORES = (
    *MARGINS,
    *PROBABILITIES[:1],
    *("score", "se_score", "prediction_score", "predicted_score", "pred_score", "y_score"),
    "scores",
    *PROBABILITIES[1:],
    *("prediction", "pred", "predicted", "y_pred"),
)
# where nothing is called a label: how machine learning calls it
TRUTH = ("true_label", "y_true", "truth", "target", "class", "y")
MISSING = ("", ".", "na", "nan", "none", "null")
# of its bases, where no region of a class stands at the same place
COVERED = 0.5


@dataclass(frozen=True)
class ScoredTable:
    """Scored regions.

    Attributes
    ----------
    regions
        See `seformer.regions.read.RegionTable.regions`, with ``score`` and ``probability``, both
        float64; NaN where a cell is empty, and ``probability`` where the table has none beside
        its scores.
    source
        The file, or what a data frame is called.
    column
        The column of the scores.
    beside
        The column of ``probability``; "" if there is none.
    labelled
        Whether the table has a column of labels.
    """

    regions: pd.DataFrame
    source: str
    column: str
    beside: str
    labelled: bool


def read_scores(
    path: str | PathLike[str],
    *,
    score_column: str | None = None,
    label_column: str | None = None,
    invalid: str = "error",
    labels: bool = True,
) -> ScoredTable:
    """Read a file of scored regions, in any form that regions come in.

    Parameters
    ----------
    path
        The file.
    score_column, label_column
        Their names; by default the first of `SCORES`, and what `regions.read` takes for labels.
    invalid
        With ``keep`` a region whose start is not before its end is no error.
    labels
        With False no labels are looked for.

    Raises
    ------
    UserError
        As `seformer.regions.read.iter_regions`; if there is no such column, or a score is neither
        a number nor empty.
    """
    source, parts, column, beside, by = Path(path), [], "", "", ""
    own_labels = labels and label_column is None
    for part in iter_regions(source, labels=own_labels, invalid=invalid):
        if not parts:
            column, beside = find_score_columns([*part.cells], score_column, source)
            by = part.labelled_by or _truth([*part.cells])
            if label_column:
                by = named_column(label_column, [*part.cells], source)
            logger.info("%s: read as %s", source.name, part.read_as)
            _require_two(column, by if labels else "", source)
        rows, line = part.regions, part.regions["line"].tolist()
        if labels and by and (label_column or by != part.labelled_by):
            rows = rows.assign(label=_labels(part.cells[by], line, source, by))
        scores = cells_as_numbers(part.cells[column], line, source, column)
        known = cells_as_numbers(part.cells[beside], line, source, beside) if beside else np.nan
        parts.append(rows.assign(score=scores, probability=known))
    return ScoredTable(
        pd.concat(parts, ignore_index=True), str(source), column, beside, bool(by) and labels
    )


def frame_of_scores(
    frame: pd.DataFrame,
    *,
    score_column: str | None = None,
    label_column: str | None = None,
    invalid: str = "error",
) -> ScoredTable:
    """Take scored regions from a data frame; see `read_scores`.

    Raises
    ------
    UserError
        As `seformer.regions.frames.read_frame` and `read_scores`; its ``line`` is a position.
    """
    rows, names = read_frame(frame, invalid=invalid), [str(name).strip() for name in frame.columns]
    cells = {name: as_texts(frame.iloc[:, i]) for i, name in reversed([*enumerate(names)])}
    column, beside = find_score_columns(names, score_column, FRAME)
    by = named_column(label_column, names, FRAME) if label_column else ""
    if not by:
        places = find_columns(names).get("label")
        by = names[places[0]] if places else _truth(names)
    _require_two(column, by, FRAME)
    line = rows["line"].tolist()
    return ScoredTable(
        rows.assign(
            label=_labels(cells[by], line, FRAME, by) if by else unlabelled(len(rows)),
            score=cells_as_numbers(cells[column], line, FRAME, column),
            probability=cells_as_numbers(cells[beside], line, FRAME, beside) if beside else np.nan,
        ),
        FRAME,
        column,
        beside,
        bool(by),
    )


def label_by_place(
    rows: pd.DataFrame, super_enhancers: pd.DataFrame, typical_enhancers: pd.DataFrame
) -> pd.api.extensions.ExtensionArray:
    """Labels (Int8) of regions from two lists of regions.

    A region has the label of the list that it stands in; else that of the list whose regions
    cover half of it or more. One of which both lists say so, or neither, has none.

    Parameters
    ----------
    rows, super_enhancers, typical_enhancers
        Columns ``chrom``, ``start``, ``end`` (0-based half-open).
    """
    place = ["chrom", "start", "end"]
    places = pd.MultiIndex.from_frame(rows[place])
    classes = (super_enhancers, typical_enhancers)
    same, covered = (
        np.array([how(each) for each in classes])
        for how in (
            lambda each: places.isin(pd.MultiIndex.from_frame(each[place])),
            lambda each: _covered(rows, each) >= COVERED,
        )
    )
    said = np.where(same.any(axis=0), same, covered)
    label = np.where(said[0], 1, 0).astype(np.int8)
    return pd.arrays.IntegerArray(label, said.sum(axis=0) != 1)


def _covered(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Share of each region that others cover, which are joined where they overlap: float64."""
    joined = others[["chrom", "start", "end"]].assign(piece=intervals.cluster(others))
    joined = joined.groupby("piece").agg({"chrom": "first", "start": "min", "end": "max"})
    query, target = intervals.pairs(rows, joined)
    start, end = (rows[name].to_numpy(np.int64) for name in ("start", "end"))
    begin, stop = (joined[name].to_numpy(np.int64) for name in ("start", "end"))
    shared = np.minimum(end[query], stop[target]) - np.maximum(start[query], begin[target])
    return np.bincount(query, shared, minlength=len(rows)) / np.maximum(1, end - start)


# ------------------------------------------------------------------------- columns and cells


def named_column(name: str, names: Sequence[str], where: str | PathLike[str] | None) -> str:
    """The column of this name, in any case."""
    same = [own for own in names if own == name] or [
        own for own in names if own.lower() == name.lower()
    ]
    if not same:
        raise UserError(
            f"there is no column {name!r}",
            where=where,
            expected=f"one of {', '.join(map(str, names[:30]))}",
            do="without a header BED's columns are called chrom, start, end, name, score and so on",
        )
    return same[0]


def _require_two(scores: str, labels: str, where: str | PathLike[str] | None) -> None:
    """Refuse labels that are judged as their own scores."""
    if scores == labels:
        raise UserError(
            f"scores and labels are the same column, {scores}",
            where=where,
            expected="a column of scores and another one of labels",
            do="name them with --score-column and --label-column",
        )


def _truth(names: Sequence[str]) -> str:
    """The column that holds labels under a name of machine learning; "" if there is none."""
    words = column_words([name.strip() for name in names])
    return next((names[words.index(word)] for word in TRUTH if word in words), "")


def first_columns(names: Sequence[str], words: Sequence[str]) -> dict[str, str]:
    """Which of ``words`` name a column, in their order, and that column as it is spelled."""
    own = [re.sub(r"[ .-]+", "_", word) for word in column_words([*map(str.strip, names)])]
    return {word: names[own.index(word)] for word in words if word in own}


def find_score_columns(
    names: Sequence[str],
    given: str | None,
    where: str | PathLike[str] | None,
    further: Sequence[str] = (),
) -> tuple[str, str]:
    """The column of scores, and beside margins that of probabilities; "" if there is none.

    Without one ``given`` it is the first of `SCORES` and of ``further`` names.
    """
    if given:
        return named_column(given, names, where), ""
    there = first_columns(names, (*SCORES, *further))
    if not there:
        raise UserError(
            "no column has a usual name of scores",
            where=where,
            expected=f"{', '.join(SCORES[:5])} or the like; in a BED without header column 5",
            do=f"name the column with --score-column; there are {', '.join(map(str, names[:30]))}",
        )
    first = next(iter(there))
    beside = there.get("probability", "") if first in MARGINS else ""
    logger.info("%s: scores are those of the column %s", where, there[first])
    return there[first], beside


def cells_as_numbers(
    cells: Sequence[str],
    lines: Sequence[int],
    where: str | PathLike[str] | None,
    column: str,
    what: str = "score",
    option: str = "--score-column",
) -> np.ndarray:
    """Cells as float64; NaN where they are empty. ``what`` they are, and its option, are told."""
    numbers = pd.to_numeric(pd.Series(cells, dtype="str").str.strip(), errors="coerce")
    numbers = numbers.to_numpy(np.float64, na_value=np.nan, copy=True)
    for i in np.flatnonzero(~np.isfinite(numbers)).tolist():
        if cells[i].strip().lower() not in MISSING:
            raise UserError(
                f"the {what} {cells[i][:40]!r} in the column {column} is not a finite number",
                where=where,
                line=lines[i],
                expected=f"numbers; empty, . or NA where a region has no {what}",
                do=f"mend the cell, or name another column with {option}",
            )
        numbers[i] = np.nan
    return numbers


def _labels(
    cells: Sequence[str], lines: Sequence[int], where: str | PathLike[str] | None, column: str
) -> pd.api.extensions.ExtensionArray:
    """Cells as labels, Int8; missing where there is none."""
    values = [*map(read_label, cells)]
    if None in values:
        i = values.index(None)
        raise UserError(
            f"label {cells[i][:40]!r} in the column {column} is unknown",
            where=where,
            line=lines[i],
            expected=KNOWN_LABELS,
        )
    labels = np.array(values, np.int8)
    return pd.arrays.IntegerArray(labels, (labels < 0) & (labels != NEITHER))
