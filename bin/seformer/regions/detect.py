"""Say what a region file is: labelled, super-enhancers, typical enhancers, or regions to score.

What stands in the file goes before what its name says. Known: a label column (also DeepSE's CSV
and ROSE's `*_AllEnhancers.table.txt`), SEdb's and dbSUPER's columns and identifiers (lists of
super-enhancers), and the usual words for the two classes in file names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from seformer.regions.formats import FORMATS
from seformer.regions.read import RegionTable, read_regions
from seformer.regions.words import NEITHER

SUFFIXES = {
    *(".gz", ".bgz", ".bed", ".csv", ".tsv", ".txt", ".table"),
    *(suffix for form in FORMATS if not form.do for suffix in form.suffixes),
}
_EDGE = r"(?:^|(?<=[^a-z0-9]))(?:{})(?=$|[^a-z0-9])"
SUPER_NAME = re.compile(_EDGE.format(r"super[-_ .]?enhancers?|super|ses?"), re.I)
TYPICAL_NAME = re.compile(
    _EDGE.format(r"(?:typical|normal|non[-_ .]?super)[-_ .]?enhancers?|typical|non[-_ ]?se|tes?"),
    re.I,
)
_OTHER = r"allenhancers|(?:all|super)?stitched|withsuper|scores|enhancers?|gateway|peaks|regions"
OTHER_WORDS = re.compile(_EDGE.format(_OTHER), re.I)
# dbSUPER calls its regions SE_00001 (or SE_10_07700001), SEdb SE_00_0100001 and TE_00_0100001
IDENTIFIER = re.compile(r"(SE|TE)_\d+(_\d+)?$")
CELL_COLUMNS = ("cell_id", "sample_id", "cell_line", "cell_name", "biosample_name")


class Role(StrEnum):
    """What a file is good for."""

    labelled = "labelled regions"
    super = "super-enhancers"
    typical = "typical enhancers"
    score = "regions to score"


class Recognised(NamedTuple):
    """A region file and what it was taken for.

    Attributes
    ----------
    path
        The file.
    role
        See `Role`.
    why
        What it was recognised by, in plain words.
    sample
        Name of the cell line that its name suggests.
    regions
        The regions (`seformer.regions.read.RegionTable.regions`).
    notes
        What its user should look at.
    """

    path: Path
    role: Role
    why: str
    sample: str
    regions: pd.DataFrame
    notes: tuple[str, ...]


def recognise_regions(path: Path) -> Recognised:
    """Read a region file and say what it is.

    Raises
    ------
    UserError
        If it holds no regions, see `seformer.regions.read.iter_regions`.
    """
    table = read_regions(path, one_track=True)
    neither = (table.regions["label"] == NEITHER).fillna(False).to_numpy(bool)
    table = replace(table, regions=table.regions[~neither])
    role, why = _role(path, table)
    notes = _notes(role, table)
    if neither.any():
        notes.append(f"{neither.sum()} rows are promoters: they will be dropped")
    return Recognised(path, role, why, sample_name(path), table.regions, tuple(notes))


def sample_name(path: Path) -> str:
    """Suggest the cell line's name: the file's without class words, else the folder's."""
    for text in (_stem(path), path.parent.name):
        for words in (TYPICAL_NAME, SUPER_NAME, OTHER_WORDS):
            text = words.sub("", text)
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text)
        name = re.sub(r"[_.-]{2,}", "_", name).strip("_.-")
        if name:
            return name
    return "cell_line"


def _stem(path: Path) -> str:
    name = path.name
    while Path(name).suffix.lower() in SUFFIXES:
        name = name[: -len(Path(name).suffix)]
    return name


def _role(path: Path, table: RegionTable) -> tuple[Role, str]:
    regions, own = table.regions, table.own
    label = regions["label"]
    if label.notna().any():
        if label.nunique() > 1:
            return Role.labelled, f"by its column {table.labelled_by}"
        role = Role.super if (label == 1).any() else Role.typical
        return role, f"by its column {table.labelled_by}, the same in every row"
    header = {name.lower() for name in own.columns}
    if "se_chr" in header or "te_chr" in header:
        return (Role.super if "se_chr" in header else Role.typical), "by SEdb's columns"
    kinds = {m[1] if (m := IDENTIFIER.fullmatch(name)) else "" for name in regions["name"]}
    if kinds in ({"SE"}, {"TE"}):
        role = Role.super if kinds == {"SE"} else Role.typical
        return role, "by identifiers as in dbSUPER and SEdb"
    stem = _stem(path)
    # "non-super" holds "super": the longer word decides
    if TYPICAL_NAME.search(stem):
        return Role.typical, "by its name"
    if SUPER_NAME.search(stem):
        return Role.super, "by its name"
    return Role.score, "no label, and no class in its name"


def _notes(role: Role, table) -> list[str]:
    notes = []
    regions, own = table.regions, table.own
    lacking = int(regions["label"].isna().sum())
    if role is Role.labelled and lacking:
        notes.append(f"{lacking} rows have no label: remove them, training needs one in every row")
    for name in own.columns:
        if name.lower() in CELL_COLUMNS and own[name].nunique() > 1:
            notes.append(
                f"the column {name} names {own[name].nunique()} cell lines: write one file for "
                "each, a sample is one cell line"
            )
    repeated = int(regions.duplicated(["chrom", "start", "end"]).sum())
    if repeated:
        notes.append(f"{repeated} rows repeat another region: they will be dropped")
    return notes
