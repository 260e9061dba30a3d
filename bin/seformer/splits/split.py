"""Which regions train, which choose, which test: whole chromosomes, or whole clusters.

All samples are split together, so that a locus is on one side in every cell line. Whatever the
way, the result is audited: an overlap between two parts is an error, and shared 31-mers and near
copies are counted (`seformer.splits.audit`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd

from seformer.regions.folder import COLUMNS, Extracted, read_extracted
from seformer.regions.labelled_fasta import write_labelled_fasta
from seformer.regions.parts import look_up_parts
from seformer.sequence import homology, kmer_overlap
from seformer.splits import audit
from seformer.splits.assign import (
    by_chromosomes,
    by_clusters,
    class_counts,
    into_folds,
    usable_chromosomes,
)
from seformer.splits.clusters import name_clusters, read_clusters
from seformer.splits.dataset import ADDED, PLACE, SPLIT_COLUMNS
from seformer.splits.grey_zone import LEFT_OUT, count_zone, describe_zone, leave_out, mark_zone
from seformer.splits.label_conflicts import find_conflicts, resolve_conflicts
from seformer.splits.sequence_store import SequenceStore
from seformer.splits.settings import SplitSettings
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import PARTS
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv

MIN_PER_CLASS = 5
# an earlier split of more folds, or with folds and now without, leaves none of these behind
TABLES = ("regions.tsv", "splits.tsv", "folds.tsv")
OF_FOLDS = ("fold_[0-9]*/audit.json", *(f"fold_[0-9]*/*/{name}" for name in TABLES))


@takes(SplitSettings)
def split(
    extracted: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    settings: SplitSettings,
    *,
    clusters: Sequence[str | PathLike[str]] = (),
    splits: Sequence[str | PathLike[str]] = (),
    labelled_fasta: str | PathLike[str] | None = None,
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
        overlap, lie near or are named as one in ``clusters``; ``homology`` clusters into which
        near copies are joined too, of all samples together; ``file`` takes ``splits`` as they
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
    labelled_fasta
        Also a FASTA of the regions of all samples for auditors, see
        `seformer.regions.labelled_fasta.write_labelled_fasta`; not with folds.
    test_fraction, validation_fraction
        Wanted shares of the regions; with folds the test parts are of one size.
    folds
        Folds of a cross-validation, 1 = one split.
    grey_zone
        Regions whose signal is at most this share of their sample's cut-off above or below it are
        left out of training, see `seformer.splits.grey_zone`; 0 leaves none out.
    conflict_rule
        What a model of all samples learns from where they disagree, see
        `seformer.splits.label_conflicts.resolve_conflicts`.
    seed
        Seed of the choice.

    Returns
    -------
    dict
        The content of ``audit.json``.

    Raises
    ------
    UserError
        If the files do not belong together, a grey zone is wanted of regions without signal, a part
        would be too small or lack a class, or two parts overlap (``audit.json`` is written then,
        and nothing else).
    """
    _check_options(
        settings.split_by,
        clusters,
        splits,
        extracted,
        settings.test_fraction,
        settings.validation_fraction,
    )
    _check_chromosomes(
        settings.folds,
        settings.split_by,
        settings.test_chromosomes,
        settings.validation_chromosomes,
    )
    if labelled_fasta is not None and settings.folds > 1:
        raise UserError(
            "--labelled-fasta with --folds: a region has another part in every fold",
            do="give the splits.tsv of one fold to `seformer extract --labelled-fasta`",
        )
    require_writable(out)
    sources = [read_extracted(folder) for folder in extracted]
    rows = _join(sources, settings.folds)
    groups = read_clusters(rows, clusters)
    store, bases = SequenceStore(sources), int(rows["length"].sum())
    copies = homology.near_copies(store.take(range(len(rows))), bases)
    alike = copies.clusters() if settings.split_by == "homology" else None
    rows["cluster"] = name_clusters(rows, groups, alike=alike)
    held_out = bool(settings.test_chromosomes)
    zone = mark_zone(rows, sources, settings.grey_zone)
    way = _way(settings.split_by, rows, bool(clusters), bool(splits), held_out, settings.folds)
    fractions = (settings.test_fraction, settings.validation_fraction)
    if way == "file":
        parts = _from_files(rows, splits, settings.folds)
    elif settings.folds > 1:
        by = "chrom" if way == "chromosomes" else "cluster"
        parts = into_folds(rows, by, settings.folds, settings.validation_fraction, settings.seed)
    elif way == "chromosomes":
        parts = [
            by_chromosomes(
                rows,
                settings.test_chromosomes,
                settings.validation_chromosomes,
                *fractions,
                settings.seed,
            )
        ]
    else:
        parts = [by_clusters(rows, *fractions, settings.seed)]
    out, scaled = Path(out), kmer_overlap.scale_for(bases)
    about = {
        "clusters": audit.describe_clusters(rows["cluster"]),
        "homology": audit.describe_homology(copies),
    }
    tables, audits, shares = [], [], []
    for number, part in enumerate(parts, start=1):
        fold = {"fold": number} if settings.folds > 1 else {}
        table = rows.assign(split=part)
        _require_sizes(table, way, **fold)
        # overlaps before likeness: they take no time, and likeness is slow
        overlaps = audit.find_overlaps(table)
        report = {**fold, "split_by": way, "seed": settings.seed, **_describe(table, overlaps)}
        report |= about | {"near_copies": audit.count_near_copies(part.to_numpy(str), copies)}
        if any(map(len, overlaps.values())):
            write_json(report, out / "audit.json")
            raise audit.overlap_error(overlaps)
        table["grey_zone"] = leave_out(zone, part)
        if settings.grey_zone:
            report["grey_zone"] = count_zone(table["grey_zone"].to_numpy(), part)
            _require_training(table, settings.grey_zone)
        table["conflict"] = resolve_conflicts(table, settings.conflict_rule)
        report["conflicts"] = _count_conflicts(table, settings.conflict_rule)
        table["train_containment"], contained = audit.containments(part.to_numpy(), store, scaled)
        report["similarity"] = audit.summarise_similarity(contained, scaled)
        tables.append(table)
        audits.append(report)
        shares.append(contained)
    whole = audit.join_audits(audits, shares) if settings.folds > 1 else audits[0]
    if (grey := describe_zone(rows, zone, sources, settings.grey_zone)) is not None:
        whole["grey_zone"] = grey | whole.get("grey_zone", {})
    whole["read_as"] = {source.sample: source.summary.get("read_as", {}) for source in sources}
    own = [f"{source.sample}/{name}" for source in sources for name in TABLES]
    with output_folder(out, own=[*own, *OF_FOLDS]) as staging:
        _write(staging, sources, tables, audits)
        write_json(whole, staging / "audit.json")
        if labelled_fasta is not None:
            columns = [*PLACE, "label", "split", *(["sample"] if len(sources) > 1 else [])]
            bases_of = store.take(range(len(rows)))
            write_labelled_fasta(Path(labelled_fasta), tables[0][columns], bases_of)
    audit.log_audit(whole)
    return whole


def split_hash(rows: pd.DataFrame) -> str:
    """Return the SHA-256 over the sorted (chrom, start, end, split) of all rows."""
    columns = rows[["chrom", "start", "end", "split"]].sort_values(["chrom", "start", "end"])
    text = columns.to_csv(sep="\t", index=False, header=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def _check_options(split_by, clusters, splits, extracted, test_fraction, validation_fraction):
    if not extracted:
        raise UserError("no --extracted folder is given")
    for option, given in (("--clusters", clusters), ("--splits", splits)):
        if len(given) not in (0, 1, len(extracted)):
            raise UserError(
                f"{len(given)} {option} for {len(extracted)} samples",
                expected="one for all samples, or one per sample in the same order",
            )
    if split_by == "file" and not splits:
        raise UserError("--split-by file needs --splits")
    if split_by == "homology" and splits:
        raise UserError(
            "--split-by homology makes a split, and --splits gives one", do="leave one of them out"
        )
    if not (0 < test_fraction and 0 < validation_fraction < 1 - test_fraction):
        raise UserError(
            f"test fraction {test_fraction:g} and validation fraction {validation_fraction:g}",
            expected="both above 0, and together below 1",
        )


def _check_chromosomes(folds, split_by, test_chromosomes, validation_chromosomes):
    if not (test_chromosomes or validation_chromosomes):
        return
    if split_by == "homology":
        raise UserError(
            "chromosomes to hold out are given, but near copies lie on any chromosome",
            do="leave them out, or split by chromosomes: the audit counts the near copies",
        )
    if folds > 1:
        raise UserError(
            "chromosomes to hold out are given together with --folds",
            do="leave one of them out: over the folds every chromosome is held out once",
        )


def _join(sources: Sequence[Extracted], folds: int) -> pd.DataFrame:
    """Put the kept rows of all samples under one another; ``source_index`` says whose they are."""
    names = [source.sample for source in sources]
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
            "the regions have no labels", where=sources[0].folder, do="extract them labelled"
        )
    return rows


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
    """Look every kept region up in the given tables, one series per fold."""
    of_samples = [
        look_up_parts(regions, Path(splits[i] if len(splits) > 1 else splits[0]), folds)
        for i, regions in rows.groupby("source_index")
    ]
    parts = pd.concat(of_samples).loc[rows.index]
    return [parts[column] for column in parts.columns]


def _require_sizes(rows: pd.DataFrame, way: str, fold: int | None = None) -> None:
    """Refuse a part with too few regions of a class; say so where one cluster is to blame."""
    counts = class_counts(rows, "split").reindex(PARTS, fill_value=0)
    few = (counts < MIN_PER_CLASS).any(axis=1)
    if few.any():
        part = few.idxmax()
        of_fold = f" of fold {fold}" if fold else ""
        clusters = audit.describe_clusters(rows["cluster"])
        largest = f"; the largest cluster, {clusters['largest_name']}, has "
        largest += f"{clusters['largest']} of {len(rows)} regions"
        blame = way in ("clusters", "homology") and clusters["largest_share"] > audit.LARGE_CLUSTER
        raise UserError(
            f"too few regions to split by {way}: the {part} part{of_fold} would have "
            f"{counts.loc[part, 1]} super-enhancers and {counts.loc[part, 0]} typical enhancers"
            + (largest if blame else ""),
            expected=f"at least {MIN_PER_CLASS} of each class in every part",
            do="give more regions, larger fractions, fewer folds, or another way (--split-by)",
        )


def _require_training(rows: pd.DataFrame, share: float) -> None:
    """Refuse a zone that takes almost all of a class out of training."""
    left = rows[(rows["split"] == "train") & (rows["grey_zone"] != LEFT_OUT)]["label"]
    counts = {1: int((left == 1).sum()), 0: int((left == 0).sum())}
    if min(counts.values()) < MIN_PER_CLASS:
        raise UserError(
            f"--grey-zone {share:g} leaves {counts[1]} super-enhancers and {counts[0]} typical "
            "enhancers to train on",
            expected=f"at least {MIN_PER_CLASS} of each class",
            do="choose a smaller zone",
        )


def _describe(rows: pd.DataFrame, overlaps: dict[tuple[str, str], pd.DataFrame]) -> dict:
    """Count the parts and their overlaps."""
    # within a sample such TEs are dropped, so what is left is between cell lines
    typical = rows["label"] == 0
    return {
        "split_hash": split_hash(rows),
        "samples": rows["sample"].unique().tolist(),
        "parts": audit.count_parts(rows),
        "label_conflicts_between_samples": int((find_conflicts(rows) & typical).sum()),
        "overlapping_regions": {
            f"{later}_in_{earlier}": len(regions) for (later, earlier), regions in overlaps.items()
        },
    }


def _count_conflicts(rows: pd.DataFrame, rule: str) -> dict:
    disputed = rows[rows["conflict"] != ""]
    return {
        "rule": rule,
        "regions": len(disputed),
        **{part: int((disputed["split"] == part).sum()) for part in PARTS},
        "dropped": int((disputed["conflict"] == "dropped").sum()),
    }


def _write(
    folder: Path, sources: Sequence[Extracted], tables: Sequence[pd.DataFrame], audits: list[dict]
) -> None:
    """Write every input row of each sample; dropped ones keep empty cells."""
    for i, source in enumerate(sources):
        whole = source.regions[list(COLUMNS)]
        kept = [table[table["source_index"] == i] for table in tables]
        for rows, report in zip(kept, audits, strict=True):
            of_fold = folder / (f"fold_{report['fold']}" if len(tables) > 1 else "")
            table = _beside(whole, rows, ADDED)
            columns = [*COLUMNS, "cluster", "split"]
            write_tsv(table[columns], of_fold / source.sample / "regions.tsv")
            write_tsv(table[list(SPLIT_COLUMNS)], of_fold / source.sample / "splits.tsv")
            if len(tables) > 1:
                write_json(report, of_fold / "audit.json")
        if len(tables) > 1:
            _write_folds(folder / source.sample, whole, kept)


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
