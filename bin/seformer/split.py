"""Which regions train, which choose, which test: whole chromosomes, or whole clusters.

All samples are split together, so that a locus is on one side in every cell line. Whatever the
way, the result is audited: an overlap between two parts is an error, and shared 31-mers are
measured (`seformer.leakage`).
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from seformer import files, leakage
from seformer.assign import by_chromosomes, by_clusters, usable_chromosomes
from seformer.errors import UserError
from seformer.extracted import COLUMNS, Extracted, read_extracted, read_region_rows
from seformer.intervals import overlapping
from seformer.loci import name_clusters, read_clusters

logger = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")
SPLIT_BY = ("auto", "chromosomes", "clusters", "file")
MIN_PER_CLASS = 5
# shares of a region's 31-mers in the training part at which the audit counts regions
CONTAINMENT_LEVELS = (0.05, 0.5, 0.95)
SPLIT_COLUMNS = (
    "sample",
    "chrom",
    "start",
    "end",
    "name",
    "label",
    "cluster",
    "split",
    "train_containment",
)


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
    seed: int = 1,
) -> dict:
    """Split the regions of all samples and audit the result.

    Parameters
    ----------
    extracted
        Folders of `seformer.extract.extract`, one per sample.
    out
        Folder for ``<sample>/splits.tsv`` (columns `SPLIT_COLUMNS`; every input row, ``split``
        empty for dropped ones), ``<sample>/regions.tsv`` (the extracted rows with ``cluster``
        and ``split``) and ``audit.json``.
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
        Tables like the written ``splits.tsv``: one for all samples, or one per sample.
    test_fraction, validation_fraction
        Wanted shares of the regions.
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
    sources = [read_extracted(folder) for folder in extracted]
    names = [_sample_name(source) for source in sources]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two samples are called {twice}", do="give each sample its own name")
    rows = pd.concat([s.kept for s in sources], keys=range(len(sources)), names=["source_index"])
    rows = rows.reset_index(level=0).reset_index(drop=True)
    if rows["label"].isna().any():
        raise UserError(
            "the regions have no labels", where=extracted[0], do="extract them labelled"
        )
    groups = read_clusters(rows, clusters)
    rows["cluster"] = name_clusters(rows, groups)
    way = _way(split_by, rows, bool(clusters), bool(splits), bool(test_chromosomes))
    fractions = (test_fraction, validation_fraction)
    if way == "file":
        rows["split"] = _from_files(rows, splits)
    elif way == "chromosomes":
        rows["split"] = by_chromosomes(
            rows, test_chromosomes, validation_chromosomes, *fractions, seed
        )
    else:
        rows["split"] = by_clusters(rows, *fractions, seed)
    _require_sizes(rows, way)
    audit = {"split_by": way, "seed": seed, **_count(rows), **_overlaps(rows)}
    rows["train_containment"], audit["similarity"] = _similarity(rows, sources)
    out = Path(out)
    if any(audit["overlapping_regions"].values()):
        files.write_json(audit, out / "audit.json")
        raise _overlap_error(rows)
    with files.output_folder(out) as staging:
        for i, (source, name) in enumerate(zip(sources, names, strict=True)):
            _write_sample(staging / name, source, rows[rows["source_index"] == i])
        files.write_json(audit, staging / "audit.json")
    _log(audit)
    return audit


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
        The columns of `seformer.extract.Extracted`, ``cluster``, ``split`` and
        ``train_containment``, one row per sequence, in the order of the sequences.

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
        added = given[["cluster", "split", "train_containment"]]
        parts.append(pd.concat([regions, added], axis=1)[kept])
    return pd.concat(parts, ignore_index=True)


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


def _sample_name(source: Extracted) -> str:
    name = str(source.regions["sample"].iloc[0]) if len(source.regions) else ""
    if not re.fullmatch(r"[\w+-][\w.+-]*", name):
        raise UserError(
            f"the sample name {name!r} cannot name a folder",
            where=source.folder,
            expected="letters, digits, . _ + or -",
        )
    return name


def _way(split_by: str, rows: pd.DataFrame, clusters: bool, splits: bool, held_out: bool) -> str:
    if split_by != "auto":
        return split_by
    if splits:
        return "file"
    if clusters:
        return "clusters"
    return "chromosomes" if held_out or usable_chromosomes(rows) else "clusters"


def _from_files(rows: pd.DataFrame, splits: Sequence[str | PathLike[str]]) -> pd.Series:
    """Look every kept region up in the given tables by its place."""
    place = ["chrom", "start", "end"]
    found = pd.Series("", index=rows.index, dtype="str")
    for i in sorted(set(rows["source_index"])):
        path = Path(splits[i] if len(splits) > 1 else splits[0])
        given = read_region_rows(path, (*place, "split"))
        given = given[given["split"] != ""]
        for line, value in zip(given.index + 2, given["split"], strict=True):
            if value not in PARTS:
                raise UserError(
                    f"split {value!r} is unknown", where=path, line=line, expected=", ".join(PARTS)
                )
        two = given.groupby(place)["split"].transform("nunique") > 1
        if two.any():
            raise UserError("a region is in two parts", where=path, line=int(two.idxmax()) + 2)
        mine = rows[rows["source_index"] == i]
        known = given.drop_duplicates(place).set_index(place)["split"]
        value = known.reindex(pd.MultiIndex.from_frame(mine[place])).to_numpy()
        if pd.isna(value).any():
            first = mine[pd.isna(value)].iloc[0]
            raise UserError(
                f"{first['chrom']}:{first['start']}-{first['end']} is missing "
                f"({pd.isna(value).sum()} regions are)",
                where=path,
                expected="a split for every kept region",
            )
        found[mine.index] = value
    return found


def _require_sizes(rows: pd.DataFrame, way: str) -> None:
    table = rows.groupby(["split", "label"]).size().unstack(fill_value=0)
    table = table.reindex(index=PARTS, columns=[0, 1], fill_value=0)
    if (table < MIN_PER_CLASS).any(axis=None):
        part = (table < MIN_PER_CLASS).any(axis=1).idxmax()
        raise UserError(
            f"too few regions to split by {way}: the {part} part would have {table.loc[part, 1]} "
            f"super-enhancers and {table.loc[part, 0]} typical enhancers",
            expected=f"at least {MIN_PER_CLASS} of each class in every part",
            do="give more regions, larger fractions, or another way (--split-by)",
        )


def _count(rows: pd.DataFrame) -> dict:
    parts = {}
    for part in PARTS:
        mine = rows[rows["split"] == part]
        parts[part] = {
            "regions": len(mine),
            "super_enhancers": int((mine["label"] == 1).sum()),
            "typical_enhancers": int((mine["label"] == 0).sum()),
            "clusters": int(mine["cluster"].nunique()),
            "chromosomes": sorted(mine["chrom"].unique())[:100],
        }
    # within a sample such TEs are dropped, so what is left is between cell lines
    typical = rows[rows["label"] == 0]
    conflicts = int(overlapping(typical, rows[rows["label"] == 1]).sum())
    return {
        "split_hash": split_hash(rows),
        "samples": sorted(rows["sample"].unique()),
        "parts": parts,
        "label_conflicts_between_samples": conflicts,
    }


def _pairs() -> Iterator[tuple[str, str]]:
    """The later part of each pair is the one that must be new."""
    return ((b, a) for a, b in itertools.combinations(PARTS, 2))


def _overlaps(rows: pd.DataFrame) -> dict:
    counts = {}
    for new, old in _pairs():
        hit = overlapping(rows[rows["split"] == new], rows[rows["split"] == old])
        counts[f"{new}_in_{old}"] = int(hit.sum())
    return {"overlapping_regions": counts}


def _overlap_error(rows: pd.DataFrame) -> UserError:
    for new, old in _pairs():
        mine = rows[rows["split"] == new]
        hit = overlapping(mine, rows[rows["split"] == old])
        if hit.any():
            first = mine[hit].iloc[0]
            return UserError(
                f"{first['chrom']}:{first['start']}-{first['end']} is in the {new} part and "
                f"overlaps the {old} part, as do {hit.sum() - 1} further regions",
                where=first["source"],
                line=int(first["line"]),
                do="keep a locus in one part: mend the splits file, or split by clusters",
            )
    raise AssertionError("no overlap")


def _similarity(rows: pd.DataFrame, sources: Sequence[Extracted]) -> tuple[pd.Series, dict]:
    """Measure which share of each region's 31-mers an earlier part holds."""
    part = rows["split"].to_numpy()

    def sequences(*wanted: str) -> Iterator[str]:
        everything = itertools.chain.from_iterable(s.sequences() for s in sources)
        return itertools.compress(everything, np.isin(part, wanted))

    in_train = pd.Series(np.nan, index=rows.index)
    scaled = leakage.scale_for(int(rows["length"].sum()))
    measured: dict = {"k": leakage.K, "scaled": scaled}
    index = leakage.build_index(sequences("train"), scaled)
    held = np.isin(part, ("validation", "test"))
    in_train[held] = leakage.containment(sequences("validation", "test"), index, scaled)
    shares = {
        "validation_in_train": in_train[part == "validation"].to_numpy(),
        "test_in_train": in_train[part == "test"].to_numpy(),
    }
    index = leakage.build_index(sequences("validation"), scaled)
    shares["test_in_validation"] = leakage.containment(sequences("test"), index, scaled)
    for pair, share in shares.items():
        share = share[~np.isnan(share)]
        measured[pair] = {
            "regions": len(share),
            "with_containment_at_least": {
                f"{level:g}": int((share >= level).sum()) for level in CONTAINMENT_LEVELS
            },
            "median": float(np.median(share)) if len(share) else None,
            "largest": float(share.max()) if len(share) else None,
        }
    return in_train, measured


def _write_sample(folder: Path, source: Extracted, rows: pd.DataFrame) -> None:
    """Write every input row of a sample; dropped ones keep empty cells."""
    table = source.regions[list(COLUMNS)].copy()
    kept = (table["drop_reason"] == "").to_numpy()
    for column in ("cluster", "split"):
        table[column] = ""
        table.loc[kept, column] = rows[column].to_numpy()
    files.write_table(table, folder / "regions.tsv")
    table["train_containment"] = np.nan
    table.loc[kept, "train_containment"] = rows["train_containment"].to_numpy()
    files.write_table(table[list(SPLIT_COLUMNS)], folder / "splits.tsv")


def _log(audit: dict) -> None:
    for part, counts in audit["parts"].items():
        logger.info(
            "%s: %d regions (%d SE, %d TE) in %d clusters",
            part,
            counts["regions"],
            counts["super_enhancers"],
            counts["typical_enhancers"],
            counts["clusters"],
        )
    found = audit["similarity"]["test_in_train"]
    like = found["with_containment_at_least"]["0.5"]
    logger.info(
        "split by %s; no overlaps; %d of %d test regions share half of their 31-mers or more "
        "with the training part",
        audit["split_by"],
        like,
        found["regions"],
    )
