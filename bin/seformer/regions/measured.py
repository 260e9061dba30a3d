"""Tables of places with numbers beside them: what was measured, what was scored, at regions or
variants.

Layouts followed: ENCODE's table of CRISPR element-gene pairs (Gschwind et al., the benchmark
EPCrisprBenchmark), and what MPRA and STARR-seq papers call their columns; variants by a position
counted from 1, as in VCF and in variants.tsv.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.regions.frames import FRAME, as_texts, read_frame, wrong_type
from seformer.regions.headed import read_headed
from seformer.regions.layout import MAX_DIGITS
from seformer.regions.read import read_regions, region_rows, unlabelled
from seformer.regions.scores import (
    cells_as_numbers,
    find_score_columns,
    first_columns,
    named_column,
)
from seformer.regions.words import (
    ALTERNATIVE_WORDS,
    HEADER_WORDS,
    REFERENCE_WORDS,
    plain_word,
)
from seformer.util.errors import UserError
from seformer.util.text import numbered_lines, open_text

logger = logging.getLogger(__name__)
Source = str | PathLike[str] | pd.DataFrame
# names of columns, lower case, the best first
POSITIONS = ("position", "pos")
DIFFERENCES = ("difference", "effect")  # of variants.tsv, of constituents.tsv
VALUES = (
    *("effectsize", "effect_size", "log2fc", "logfc", "log2foldchange", "log2_fold_change", "lfc"),
    *("activity", "activity_score", "log2_activity", "expression", "effect", "beta", "value"),
    *("measured", "signalvalue", "signal", "score"),
)
ANSWERS = (
    *("regulated", "significant", "is_significant", "issignificant", "significance", "active"),
    *("is_active", "isactive", "hit", "is_hit", "emvar", "class", "label"),
)
# of these names a column may as well hold something else: kinds of elements, p-values
VAGUE_ANSWERS = ("significance", "class", "label")
TARGETS = (
    *("measuredgenesymbol", "measuredgeneensemblid", "target_gene", "targetgene", "target"),
    *("gene_symbol", "genesymbol", "gene_name", "gene", "gene_id"),
)
DISTANCES = ("distancetotss", "distance_to_tss", "disttotss", "tss_distance", "distance")
STARTS_OF_GENES = ("starttss", "tss", "target_tss", "tss_position", "tss_start", "targetgenetss")
CHROMS_OF_GENES = ("chrtss", "tss_chrom", "tss_chr", "chr_tss")
YES = "1 1.0 yes true t y significant sig active positive hit regulated enhancer".split()
NO = (
    "0 0.0 no false f n notsignificant nonsignificant insignificant ns inactive notactive negative"
    " nothit notregulated none nonenhancer"
).split()
MISSING_ANSWERS = ("", ".", "na", "nan", "null")
ANSWER_WORDS = (
    dict.fromkeys(YES, 1.0) | dict.fromkeys(NO, 0.0) | dict.fromkeys(MISSING_ANSWERS, np.nan)
)


@dataclass(frozen=True)
class PlaceTable:
    """Places and what stands beside them.

    Attributes
    ----------
    regions
        See `seformer.regions.read.RegionTable.regions`; a variant is the bases of its reference
        allele.
    cells
        The table's columns as strings.
    source
        The file, or what a data frame is called.
    """

    regions: pd.DataFrame
    cells: Mapping[str, Sequence[str]]
    source: str

    def numbers(self, column: str, what: str, option: str) -> np.ndarray:
        """A column as float64, NaN where empty; a `UserError` for any other cell."""
        lines = self.regions["line"].tolist()
        return cells_as_numbers(self.cells[column], lines, self.source, column, what, option)

    def column(self, given: str | None, words: Sequence[str]) -> str:
        """The column of a given name, else the first of ``words``; "" if there is none."""
        if given:
            return named_column(given, [*self.cells], self.source)
        return next(iter(first_columns([*self.cells], words).values()), "")


@dataclass(frozen=True)
class Measurement:
    """What a table says of each of its n places.

    Attributes
    ----------
    value
        float64 [n], NaN where there is none.
    answer
        float64 [n], 1 = yes, 0 = no, NaN where there is none.
    target
        str [n], the gene; "" where there is none.
    distance
        float64 [n], base pairs to the TSS of the target, infinite on another chromosome, NaN where
        there is none; None without such a column.
    columns
        ``value``, ``class``, ``target`` and ``tss`` to the names of the columns, "" for none.
    """

    value: np.ndarray
    answer: np.ndarray
    target: np.ndarray
    distance: np.ndarray | None
    columns: dict[str, str]


def read_places(source: Source, invalid: str = "error") -> PlaceTable:
    """Read places with all their columns: regions in any form, variants by position, or a frame.

    Parameters
    ----------
    source
        A file, plain or gzipped, or a data frame whose columns are called as in files.
    invalid
        With ``keep`` a region whose start is not before its end is no error.

    Raises
    ------
    UserError
        As `seformer.regions.read.iter_regions` and `seformer.regions.frames.read_frame`; if a
        position is not a whole number from 1.
    """
    if isinstance(source, pd.DataFrame):
        if source.empty:
            raise UserError("the data frame has no rows", expected="a row for each place")
        names = [str(name).strip() for name in source.columns]
        cells = {name: as_texts(source.iloc[:, i]) for i, name in reversed([*enumerate(names)])}
        if _position(names):
            return _at_positions(cells, [*range(len(source))], FRAME)
        return PlaceTable(read_frame(source, invalid=invalid), cells, FRAME)
    if not isinstance(source, str | PathLike):
        raise wrong_type("a table", source, "a file, or a data frame")
    path = Path(source)
    if (variants := _read_variants(path)) is not None:
        return _at_positions(*variants, str(path))
    table = read_regions(path, labels=False, invalid=invalid)
    return PlaceTable(table.regions, table.cells, str(path))


def read_score(table: PlaceTable, given: str | None) -> tuple[np.ndarray, str]:
    """The scores of a table, float64 with NaN where there is none, and their column."""
    column = find_score_columns([*table.cells], given, table.source, DIFFERENCES)[0]
    return table.numbers(column, "score", "--score-column"), column


def read_measurement(
    table: PlaceTable, value: str | None, answer: str | None, target: str | None, tss: str | None
) -> Measurement:
    """Read what was measured; the columns' names are given, or the usual ones.

    Raises
    ------
    UserError
        If a given column is not there, neither numbers nor classes are, or a cell is neither what
        it must be nor empty.
    """
    value = table.column(value, () if answer and not value else VALUES)
    given, answer = answer, table.column(answer, ANSWERS)
    if value and not given and first_columns([answer], VAGUE_ANSWERS):
        other = next((cell for cell in table.cells[answer] if _answer_of(cell) is None), None)
        if other is not None:
            logger.warning(
                "%s: %s is not read as classes, it says %r", table.source, answer, other[:40]
            )
            answer = ""
    if value and value == answer:
        raise UserError(
            f"numbers and classes are the same column, {value}",
            where=table.source,
            do="name them with --value-column and --class-column",
        )
    if not (value or answer):
        raise UserError(
            "no column has a usual name of what is measured",
            where=table.source,
            expected="numbers (EffectSize, log2FC, activity or the like) or classes (Significant, "
            "Regulated, active)",
            do="name the column with --value-column or --class-column; there are "
            + ", ".join([*table.cells][:30]),
        )
    n, near = len(table.regions), table.column(tss, (*DISTANCES, *STARTS_OF_GENES))
    target = table.column(target, TARGETS)
    genes = [cell.strip() for cell in table.cells[target]] if target else [""] * n
    return Measurement(
        table.numbers(value, "value", "--value-column") if value else np.full(n, np.nan),
        _answers(table, answer) if answer else np.full(n, np.nan),
        np.array(["" if gene.lower() in MISSING_ANSWERS else gene for gene in genes], str),
        _distances(table, near) if near else None,
        {"value": value, "class": answer, "target": target, "tss": near},
    )


def alleles_of(table: PlaceTable) -> np.ndarray | None:
    """Reference and alternative allele of each row, str [n, 2]; None if the table has none."""
    columns = [table.column(None, words) for words in (REFERENCE_WORDS, ALTERNATIVE_WORDS)]
    if not all(columns):
        return None
    return np.array([[c.strip().upper() for c in table.cells[name]] for name in columns], str).T


def _answer_of(cell: str) -> float | None:
    """What a cell of classes says: 1, 0, NaN = nothing; None otherwise."""
    return ANSWER_WORDS.get(plain_word(cell.strip()))


def _answers(table: PlaceTable, column: str) -> np.ndarray:
    cells = table.cells[column]
    values = [*map(_answer_of, cells)]
    if None in values:
        i = values.index(None)
        raise UserError(
            f"the class {cells[i][:40]!r} in the column {column} is unknown",
            where=table.source,
            line=int(table.regions["line"].iloc[i]),
            expected="1/0, yes/no, TRUE/FALSE, significant/ns, active/inactive; empty for none",
            do="mend the cell, or name another column with --class-column",
        )
    return np.array(values, np.float64)


def _distances(table: PlaceTable, column: str) -> np.ndarray:
    """Base pairs from the middle of each row to the TSS of its target."""
    numbers = table.numbers(column, "position", "--tss-column")
    if first_columns([column], DISTANCES) or "dist" in column.lower():
        return np.abs(numbers)
    middle = (table.regions["start"] + table.regions["end"]).to_numpy(np.float64) / 2
    distance = np.abs(numbers - middle)
    if chrom := table.column(None, CHROMS_OF_GENES):
        names = np.array([cell.strip() for cell in table.cells[chrom]], str)
        distance[(names != table.regions["chrom"].to_numpy(str)) & ~np.isnan(distance)] = np.inf
    return distance


# ------------------------------------------------------------------------- variants


def _position(names: Sequence[str]) -> dict[str, str]:
    """Columns of a table of variants; empty if it is of regions, which have start and end."""
    there = {
        meaning: next(iter(first_columns(names, words).values()), "")
        for meaning, words in (
            HEADER_WORDS | {"position": POSITIONS, "ref": REFERENCE_WORDS}
        ).items()
    }
    variants = there["chrom"] and there["position"] and not (there["start"] and there["end"])
    return there if variants else {}


def _read_variants(path: Path) -> tuple[dict[str, Sequence[str]], list[int]] | None:
    """The cells of a table of variants, and their lines; None of another file."""
    with open_text(path) as text:
        table = read_headed(numbered_lines(text, path), path, lambda names: bool(_position(names)))
        if table is None:
            return None
        lines, rows = [*zip(*table.rows, strict=True)] or ((), ())
    if not rows:
        raise UserError("the file has no variants", where=path, expected="one variant per line")
    return dict(zip(table.names, zip(*rows, strict=True), strict=True)), [*lines]


def _at_positions(
    cells: Mapping[str, Sequence[str]], lines: Sequence[int], source: str
) -> PlaceTable:
    """Variants as places: the bases of the reference allele, one where there is none."""
    column = _position([*cells])
    positions = [cell.strip() for cell in cells[column["position"]]]
    for line, text in zip(lines, positions, strict=True):
        digits = text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS
        if not (digits and int(text) > 0):
            raise UserError(
                f"position {text[:40]!r} is not a whole number from 1",
                where=source,
                line=line,
                expected="positions counted from 1, as in VCF",
            )
    start = np.array([*map(int, positions)], np.int64) - 1
    alleles = cells[column["ref"]] if column["ref"] else [""] * len(start)
    length = np.array([max(1, len(allele.strip())) for allele in alleles], np.int64)
    chroms = [cell.strip() for cell in cells[column["chrom"]]]
    names = [cell.strip() for cell in cells[column["name"]]] if column["name"] else None
    label = unlabelled(len(start))
    regions = region_rows(chroms, start, start + length, names, label, np.array(lines))
    logger.info("%s: read as variants, positions counted from 1", source)
    return PlaceTable(regions, cells, source)
