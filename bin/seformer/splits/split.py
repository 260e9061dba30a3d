"""Which regions train, which choose, which test: whole chromosomes, or whole clusters.

All samples are split together, so that a locus is on one side in every cell line. Whatever the
way, the result is audited: an overlap between two parts is an error, and shared 31-mers are
measured (`seformer.splits.audit`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome.chromosomes import match
from seformer.regions.folder import (
    COLUMNS,
    Extracted,
    check_sample_name,
    read_extracted,
    read_formats,
    read_region_rows,
)
from seformer.sequence import kmer_overlap
from seformer.splits import audit, label_conflicts
from seformer.splits.assign import by_chromosomes, by_clusters, into_folds, usable_chromosomes
from seformer.splits.audit import PARTS
from seformer.splits.clusters import name_clusters, read_clusters
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.tables import write_tsv

SPLIT_BY = ("auto", "chromosomes", "clusters", "file")
MIN_PER_CLASS = 5
# an earlier split of more folds, or with folds and now without, leaves none of these behind
TABLES = ("regions.tsv", "splits.tsv", "folds.tsv")
OF_FOLDS = ("fold_[0-9]*/audit.json", *(f"fold_[0-9]*/*/{name}" for name in TABLES))
PLACE = ["chrom", "start", "end"]
# what a split adds to a region
ADDED = ("cluster", "split", "conflict", "train_containment")
SPLIT_COLUMNS = ("sample", *PLACE, "name", "label", *ADDED)


def split(
    extracted: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    split_by: str = "auto",
    test_chromosomes: Sequence[str] = (),
    validation_chromosomes: Sequence[str] = (),
    clusters: Sequence[str | PathLike[str]] = (),
    splits: Sequence[str | PathLike[str]] = (),
    test_fraction: float = 0.2,
    validation_fraction: float = 0.1,
    folds: int = 1,
    conflict_rule: str = "keep",
    seed: int = 1,
) -> dict:
    """Split the regions of all samples and audit the result.

    Parameters
    ----------
    extracted
        Folders of `seformer.regions.extract.extract`, one per sample.
    out
        Folder for ``<sample>/splits.tsv`` (columns `SPLIT_COLUMNS`; every input row, ``split``
        empty for dropped ones), ``<sample>/regions.tsv`` (the extracted rows with ``cluster``
        and ``split``) and ``audit.json``. With folds these lie in ``fold_1`` and so on;
        ``<sample>/regions.tsv`` has the columns ``cluster`` and ``fold`` (the one that tests the
        region), ``<sample>/folds.tsv`` the part of every region in every fold, to be given back
        as ``splits``, and ``audit.json`` all folds.
    split_by
        ``chromosomes`` holds whole chromosomes out, ``clusters`` whole groups of regions that
        overlap, lie near or are named as one in ``clusters``; ``file`` takes ``splits`` as they
        are; ``auto`` takes what is given, else chromosomes where enough of them have regions of
        both classes, else clusters.
    test_chromosomes, validation_chromosomes
        Names as in the genome. By default chr7 and chr10 test where both are there (no GENA-LM
        t2t model has seen them); the rest is chosen to match size and class balance.
    clusters
        Tables of region or contig and cluster: one for all samples, or one per sample.
    splits
        Tables like the written ``splits.tsv`` or ``folds.tsv``: one for all samples, or one per
        sample.
    test_fraction, validation_fraction
        Wanted shares of the regions; with folds the test parts are of one size.
    folds
        Folds of a cross-validation, 1 = one split.
    conflict_rule
        What a model of all samples learns from where they disagree, see
        `seformer.splits.label_conflicts.resolve`.
    seed
        Seed of the choice.

    Returns
    -------
    dict
        The content of ``audit.json``.

    Raises
    ------
    UserError
        If the files do not belong together, a part would be too small or lack a class, or two
        parts overlap (``audit.json`` is written then, and nothing else).
    """
    _check_options(split_by, clusters, splits, extracted, test_fraction, validation_fraction)
    _check_folds(folds, conflict_rule, test_chromosomes, validation_chromosomes)
    require_writable(out)
    sources = [read_extracted(folder) for folder in extracted]
    rows = _join(sources, extracted, folds)
    rows["cluster"] = name_clusters(rows, read_clusters(rows, clusters))
    held_out = bool(test_chromosomes)
    way = _way(split_by, rows, bool(clusters), bool(splits), held_out, folds)
    if way == "file":
        parts = _from_files(rows, splits, folds)
    elif folds > 1:
        by = "chrom" if way == "chromosomes" else "cluster"
        parts = into_folds(rows, by, folds, validation_fraction, seed)
    elif way == "chromosomes":
        fractions = (test_fraction, validation_fraction)
        parts = [by_chromosomes(rows, test_chromosomes, validation_chromosomes, *fractions, seed)]
    else:
        parts = [by_clusters(rows, test_fraction, validation_fraction, seed)]
    out = Path(out)
    scaled = kmer_overlap.scale_for(int(rows["length"].sum()))
    tables, audits, shares = [], [], []
    for number, part in enumerate(parts, start=1):
        fold = {"fold": number} if folds > 1 else {}
        table = rows.assign(split=part)
        _require_sizes(table, way, **fold)
        found = {**fold, "split_by": way, "seed": seed, **_describe(table)}
        if any(found["overlapping_regions"].values()):
            write_json(found, out / "audit.json")
            raise audit.overlap_error(table)
        table["conflict"] = label_conflicts.resolve(table, conflict_rule)
        found["conflicts"] = _count_conflicts(table, conflict_rule)
        table["train_containment"], measured = audit.containments(table, sources, scaled)
        found["similarity"] = audit.summarise(measured, scaled)
        tables.append(table)
        audits.append(found)
        shares.append(measured)
    whole = audit.pool(audits, shares) if folds > 1 else audits[0]
    whole["read_as"] = {_sample_name(source): read_formats(source.folder) for source in sources}
    own = [f"{_sample_name(source)}/{name}" for source in sources for name in TABLES]
    with output_folder(out, own=[*own, *OF_FOLDS]) as staging:
        _write(staging, sources, tables, audits)
        write_json(whole, staging / "audit.json")
    audit.log(whole)
    return whole


def read_splits(
    extracted: Sequence[str | PathLike[str]] | str | PathLike[str],
    splits: Sequence[str | PathLike[str]] | str | PathLike[str],
) -> pd.DataFrame:
    """Return the kept rows of one or several samples with their split.

    Parameters
    ----------
    extracted, splits
        Extracted folders and the ``splits.tsv`` of each, in the same order.

    Returns
    -------
    pandas.DataFrame
        The columns of `regions.extract.Extracted` and `ADDED`, one row per sequence, in the
        order of the sequences. ``split`` is train, validation or test; of several samples, it is
        empty where the rule on conflicting labels leaves a region out.

    Raises
    ------
    UserError
        If a splits file was made from other regions.
    """
    folders = [extracted] if isinstance(extracted, (str, PathLike)) else list(extracted)
    tables = [splits] if isinstance(splits, (str, PathLike)) else list(splits)
    if len(folders) != len(tables):
        raise UserError(f"{len(folders)} extracted folders, but {len(tables)} splits files")
    parts = []
    for folder, path in zip(folders, tables, strict=True):
        regions = read_extracted(folder).regions
        given = read_region_rows(Path(path), SPLIT_COLUMNS)
        place = ["chrom", "start", "end", "label"]
        same = len(given) == len(regions) and given[place].equals(regions[place])
        kept = regions["drop_reason"] == ""
        if not same or not given.loc[kept, "split"].isin(PARTS).all():
            raise UserError(
                f"the splits are not those of the regions in {folder}",
                where=path,
                do="give the splits.tsv that `seformer split` wrote for this sample",
            )
        parts.append(pd.concat([regions, given[list(ADDED)]], axis=1)[kept])
    rows = pd.concat(parts, ignore_index=True)
    if len(folders) > 1:
        rows.loc[rows["conflict"] == "dropped", "split"] = ""
    return rows


def split_hash(rows: pd.DataFrame) -> str:
    """Return the SHA-256 over the sorted (chrom, start, end, split) of all rows."""
    columns = rows[["chrom", "start", "end", "split"]].sort_values(["chrom", "start", "end"])
    text = columns.to_csv(sep="\t", index=False, header=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def _check_options(split_by, clusters, splits, extracted, test_fraction, validation_fraction):
    if not extracted:
        raise UserError("no --extracted folder is given")
    if split_by not in SPLIT_BY:
        raise UserError(f"--split-by {split_by}", expected=", ".join(SPLIT_BY))
    for option, given in (("--clusters", clusters), ("--splits", splits)):
        if len(given) not in (0, 1, len(extracted)):
            raise UserError(
                f"{len(given)} {option} for {len(extracted)} samples",
                expected="one for all samples, or one per sample in the same order",
            )
    if split_by == "file" and not splits:
        raise UserError("--split-by file needs --splits")
    if not (0 < test_fraction and 0 < validation_fraction < 1 - test_fraction):
        raise UserError(
            f"test fraction {test_fraction:g} and validation fraction {validation_fraction:g}",
            expected="both above 0, and together below 1",
        )


def _check_folds(folds, conflict_rule, test_chromosomes, validation_chromosomes):
    if folds < 1:
        raise UserError(f"--folds {folds}", expected="1 or more")
    if conflict_rule not in label_conflicts.RULES:
        raise UserError(f"--conflicts {conflict_rule}", expected=", ".join(label_conflicts.RULES))
    if folds > 1 and (test_chromosomes or validation_chromosomes):
        raise UserError(
            "chromosomes to hold out are given together with --folds",
            do="leave one of them out: over the folds every chromosome is held out once",
        )


def _join(
    sources: Sequence[Extracted], extracted: Sequence[str | PathLike[str]], folds: int
) -> pd.DataFrame:
    """Put the kept rows of all samples under one another; ``source_index`` says whose they are."""
    names = [_sample_name(source) for source in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two samples are called {twice}", do="give each sample its own name")
    taken = [name for name in names if folds > 1 and re.fullmatch(r"fold_\d+", name)]
    if taken:
        raise UserError(
            f"the sample name {taken[0]} is taken by the folder of a fold", do="choose another"
        )
    rows = pd.concat([s.kept for s in sources], keys=range(len(sources)), names=["source_index"])
    rows = rows.reset_index(level=0).reset_index(drop=True)
    if rows["label"].isna().any():
        raise UserError(
            "the regions have no labels", where=extracted[0], do="extract them labelled"
        )
    return rows


def _sample_name(source: Extracted) -> str:
    name = str(source.regions["sample"].iloc[0]) if len(source.regions) else ""
    return check_sample_name(name, source.folder)


def _way(
    split_by: str, rows: pd.DataFrame, clusters: bool, splits: bool, held_out: bool, folds: int
) -> str:
    if split_by != "auto":
        return split_by
    if splits:
        return "file"
    if clusters:
        return "clusters"
    enough = held_out or usable_chromosomes(rows, max(3, folds))
    return "chromosomes" if enough else "clusters"


def _from_files(
    rows: pd.DataFrame, splits: Sequence[str | PathLike[str]], folds: int
) -> list[pd.Series]:
    """Look every kept region up in the given tables by its place, one series per fold."""
    columns = [f"fold_{k}" for k in range(1, folds + 1)] if folds > 1 else ["split"]
    found = pd.DataFrame("", index=rows.index, columns=columns, dtype="str")
    for i in sorted(set(rows["source_index"])):
        path = Path(splits[i] if len(splits) > 1 else splits[0])
        given = read_region_rows(path, (*PLACE, *columns))
        if folds > 1 and f"fold_{folds + 1}" in given.columns:
            raise UserError(f"more than {folds} folds", where=path, do="give --folds as it was")
        given = given[given[columns].fillna("").ne("").all(axis=1)]
        mine = rows[rows["source_index"] == i]
        names = match(given["chrom"].unique(), mine["chrom"].unique())
        given["chrom"] = given["chrom"].map(lambda name, names=names: names.get(name, name))
        for column in columns:
            found.loc[mine.index, column] = _look_up(mine, given, column, path)
    return [found[column] for column in columns]


def _look_up(mine: pd.DataFrame, given: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    unknown = ~given[column].isin(PARTS)
    if unknown.any():
        line = unknown.idxmax()
        raise UserError(
            f"split {given[column][line]!r} is unknown",
            where=path,
            line=line + 2,
            expected=", ".join(PARTS),
        )
    two = given.groupby(PLACE)[column].transform("nunique") > 1
    if two.any():
        raise UserError("a region is in two parts", where=path, line=int(two.idxmax()) + 2)
    known = given.drop_duplicates(PLACE).set_index(PLACE)[column]
    value = known.reindex(pd.MultiIndex.from_frame(mine[PLACE])).to_numpy()
    missing = pd.isna(value)
    if missing.any():
        first = mine[missing].iloc[0]
        raise UserError(
            f"{first['chrom']}:{first['start']}-{first['end']} is missing "
            f"({missing.sum()} regions are)",
            where=path,
            expected="a split for every kept region",
        )
    return value


def _require_sizes(rows: pd.DataFrame, way: str, fold: int | None = None) -> None:
    table = rows.groupby(["split", "label"]).size().unstack(fill_value=0)
    table = table.reindex(index=PARTS, columns=[0, 1], fill_value=0)
    if (table < MIN_PER_CLASS).any(axis=None):
        part = (table < MIN_PER_CLASS).any(axis=1).idxmax()
        of_fold = f" of fold {fold}" if fold else ""
        raise UserError(
            f"too few regions to split by {way}: the {part} part{of_fold} would have "
            f"{table.loc[part, 1]} super-enhancers and {table.loc[part, 0]} typical enhancers",
            expected=f"at least {MIN_PER_CLASS} of each class in every part",
            do="give more regions, larger fractions, fewer folds, or another way (--split-by)",
        )


def _describe(rows: pd.DataFrame) -> dict:
    """Count the parts and their overlaps, before anything slow is done."""
    # within a sample such TEs are dropped, so what is left is between cell lines
    typical = rows["label"] == 0
    return {
        "split_hash": split_hash(rows),
        "samples": sorted(rows["sample"].unique()),
        "parts": audit.count_parts(rows),
        "label_conflicts_between_samples": int((label_conflicts.find(rows) & typical).sum()),
        "overlapping_regions": audit.count_overlaps(rows),
    }


def _count_conflicts(rows: pd.DataFrame, rule: str) -> dict:
    return {
        "rule": rule,
        "regions": int((rows["conflict"] != "").sum()),
        **{part: int(((rows["conflict"] != "") & (rows["split"] == part)).sum()) for part in PARTS},
        "dropped": int((rows["conflict"] == "dropped").sum()),
    }


def _write(
    folder: Path, sources: Sequence[Extracted], tables: Sequence[pd.DataFrame], audits: list[dict]
) -> None:
    """Write every input row of each sample; dropped ones keep empty cells."""
    for i, source in enumerate(sources):
        name = _sample_name(source)
        mine = [table[table["source_index"] == i] for table in tables]
        whole = source.regions[list(COLUMNS)]
        for rows, found in zip(mine, audits, strict=True):
            place = folder / (f"fold_{found['fold']}" if len(tables) > 1 else "") / name
            table = _beside(whole, rows, ADDED)
            write_tsv(table[[*COLUMNS, "cluster", "split"]], place / "regions.tsv")
            write_tsv(table[list(SPLIT_COLUMNS)], place / "splits.tsv")
            if len(tables) > 1:
                write_json(found, folder / f"fold_{found['fold']}" / "audit.json")
        if len(tables) > 1:
            _write_folds(folder / name, whole, mine)


def _write_folds(folder: Path, whole: pd.DataFrame, tables: list[pd.DataFrame]) -> None:
    """Write which fold tests a region, and its part in all of them."""
    parts = {f"fold_{k}": table["split"] for k, table in enumerate(tables, start=1)}
    rows = tables[0].assign(**parts)
    tested = pd.DataFrame(parts) == "test"
    rows["fold"] = tested.to_numpy().argmax(axis=1) + 1
    # a split from a file may leave a region untested
    rows["fold"] = rows["fold"].where(tested.any(axis=1)).astype("Int64")
    table = _beside(whole, rows, ("cluster", "fold", *parts))
    write_tsv(table[[*COLUMNS, "cluster", "fold"]], folder / "regions.tsv")
    write_tsv(table[[*SPLIT_COLUMNS[:7], *parts]], folder / "folds.tsv")


def _beside(whole: pd.DataFrame, rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Put columns of the kept rows beside all rows, in their order."""
    added = rows[list(columns)].set_axis(whole.index[whole["drop_reason"] == ""])
    return whole.join(added)
