"""Regions and their bases, checked, filtered and written once for all later stages."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.genome import assemblies, intervals
from seformer.genome.genome import Genome
from seformer.regions.folder import (
    COLUMNS,
    DROP_REASONS,
    Extracted,
    ExtractedWriter,
    check_sample_name,
    read_extracted,
    read_region_rows,
)
from seformer.regions.negatives import NOT_MATCHED, Negatives, add_random, match_pairs
from seformer.regions.read import iter_regions, read_regions
from seformer.regions.settings import ExtractSettings
from seformer.regions.units import BLOCKS, Units, cut_regions
from seformer.regions.words import NEITHER
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError, visible
from seformer.util.records import write_json
from seformer.util.settings import takes

__all__ = ["COLUMNS", "DROP_REASONS", "Extracted", "extract", "read_extracted", "read_region_rows"]

logger = logging.getLogger(__name__)

# a k-mer model sees nothing in less than a motif; training wants enough for a composition
MIN_LENGTH = 50
MIN_LENGTH_UNLABELLED = 10
# masked repeats are N in some published sets, so only what is next to nothing else is dropped
# what says how training regions are made
IN_TRAINING = (
    *("unit", "unit_length", "constituents"),
    *("match_negatives", "random_negatives", "blacklist", "seed"),
)
ROWS = 50_000
# an earlier run with other shards must not leave any of its own among the new ones
OWN_FILES = tuple(
    folder + name
    for folder in ("", "shard_[0-9]*/")
    for name in ("regions.tsv", "sequences.fa.gz", "summary.json")
)
BATCH_BASES = 2**22
# above this share of regions past the ends, the assembly is more likely wrong than the regions
WRONG_ASSEMBLY = 0.01


@takes(ExtractSettings)
def extract(
    fasta: str | PathLike[str],
    out: str | PathLike[str],
    settings: ExtractSettings,
    *,
    regions: str | PathLike[str] | None = None,
    super_enhancers: str | PathLike[str] | None = None,
    typical_enhancers: str | PathLike[str] | None = None,
) -> dict:
    """Write an extracted folder, or folders ``shard_0001`` … of consecutive rows.

    Rows that cannot serve are kept in the table with a ``drop_reason`` and counted:
    ``unknown_chromosome``, ``past_chromosome_end`` and ``no_length`` (with
    ``invalid_regions="drop"``), ``too_short``, ``all_n`` always; ``conflicting_label``,
    ``duplicate``, ``te_overlaps_se``,
    ``no_constituent``, ``too_many_n`` and ``not_matched`` in training only.

    Parameters
    ----------
    fasta
        The genome.
    out
        Folder for the results; nothing is left there on failure.
    regions
        One region file, with labels unless ``unlabelled``.
    super_enhancers, typical_enhancers
        Instead of ``regions``: the two classes apart. Random negatives can stand in for the
        typical enhancers.
    sample
        Name for the column ``sample``.
    unlabelled
        The regions are to be scored, not learned from: labels are not looked at.
    rename_chromosomes
        Match ``chr1`` with ``1``.
    invalid_regions
        ``error`` or ``drop``: what to do with regions past their chromosome's end, and with those
        whose start is not before their end.
    max_n_fraction
        Training regions with a larger share of N are dropped.
    min_length
        Shorter regions are dropped; default 50 bp in training, 10 bp otherwise.
    shard_bases
        Begin a new shard once one holds this many bases.
    units
        In training, what the regions are cut into.
    negatives
        In training, whether typical enhancers are matched or drawn at random.

    Returns
    -------
    dict
        The content of ``summary.json``.

    Raises
    ------
    UserError
        For every fault of the files; in training also if a class is missing.
    """
    units = Units(settings.unit, settings.unit_length, settings.constituents)
    negatives = Negatives(
        settings.match_negatives, settings.random_negatives, settings.blacklist, settings.seed
    )
    _check_sources(regions, super_enhancers, typical_enhancers, settings.unlabelled, negatives)
    if settings.unlabelled and settings.changed(*IN_TRAINING):
        raise UserError("regions to score are taken as they are: no other units, no negatives")
    units.check()
    negatives.check()
    check_sample_name(settings.sample, "--sample")
    require_writable(out)
    paths = [Path(p) for p in (regions, super_enhancers, typical_enhancers) if p is not None]
    rules = _rules(
        settings.rename_chromosomes,
        settings.invalid_regions,
        settings.min_length,
        settings.max_n_fraction,
        not settings.unlabelled,
    )
    read_as: dict[str, str] = {}
    with Genome(fasta) as genome:
        if settings.unlabelled:
            # twice over the file: all its faults are known before anything is written
            found = _survey(_stretches(paths[0], rules, read_as), genome, rules)
            logger.info("%s: read as %s", paths[0].name, read_as[visible(paths[0].name)])
            parts = _stretches(paths[0], rules, read_as)
            stretches = (_mark(part, genome, found, rules) for part in parts)
        else:
            table = _training_table(paths, super_enhancers is not None, rules, read_as)
            found = _survey([table], genome, rules)
            table = _spell(table, found.names)

            def places(path: Path) -> pd.DataFrame:
                return _places(path, genome, found, rules)

            table = cut_regions(table, units, genome.chromosomes, places)
            if negatives.random:
                table = add_random(table, genome, negatives, places)
            table = _mark_training(_mark(table, genome, found, rules))
            stretches = iter([_match(table, genome, rules, negatives)])
        with output_folder(out, own=OWN_FILES) as staging:
            count = _write(stretches, genome, staging, settings.sample, rules, settings.shard_bases)
            summary = {
                "sample": settings.sample,
                "sources": [path.name for path in paths],
                "read_as": read_as,
                "genome": genome_record(genome),
                "unmatched_chromosomes": found.unmatched,
                **({} if settings.unlabelled else {"unit": units.unit}),
                **_totals(count),
            }
            _require_usable(summary, paths, rules)
            write_json(summary, staging / "summary.json")
    _log(summary)
    return summary


def with_bases(
    regions: pd.DataFrame,
    source: str,
    genome: Genome,
    *,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
) -> Iterator[tuple[pd.DataFrame, list[str]]]:
    """Regions to score and their bases, some at a time, as `extract` writes them.

    Parameters
    ----------
    regions
        See `seformer.regions.read.RegionTable.regions`.
    source
        What they come from, for messages.

    Yields
    ------
    tuple
        Rows with `seformer.regions.folder.COLUMNS`, in order, and the bases of those without a
        ``drop_reason``; once at least.

    Raises
    ------
    UserError
        As `extract` does.
    """
    rules = _rules(rename_chromosomes, invalid_regions)
    table = regions.assign(source=visible(source), path=visible(source), parent="", sample="sample")
    if not len(table):
        yield table.assign(length=0, gc=np.nan, n_fraction=np.nan, drop_reason="")[[*COLUMNS]], []
        return
    found = _survey([table], genome, rules)
    for batch in _batches(_mark(table, genome, found, rules)):
        rows, sequences = _with_bases(batch, genome, rules)
        yield rows[[*COLUMNS]], sequences


def genome_record(genome: Genome) -> dict[str, Any]:
    """Which genome bases come from; see `seformer.regions.folder.Extracted.summary`."""
    return {
        "fasta": genome.path.name,
        "assembly": genome.assembly,
        "fingerprint": genome.fingerprint(),
        "contigs": len(genome.chromosomes),
        "sequences": genome.sequences(),
    }


def bad_lines(invalid_regions: str) -> str:
    """What reading does with regions without length: dropped ones are kept until they count."""
    return "keep" if invalid_regions == "drop" else "error"


def _check_sources(regions, super_enhancers, typical_enhancers, unlabelled, negatives) -> None:
    if (regions is None) == (super_enhancers is None and typical_enhancers is None):
        raise UserError("give either --regions, or --super-enhancers with --typical-enhancers")
    one_is_enough = negatives.random and super_enhancers is not None
    both = super_enhancers is not None and typical_enhancers is not None
    if regions is None and not (both or one_is_enough):
        raise UserError("one class only: give both --super-enhancers and --typical-enhancers")
    if unlabelled and regions is None:
        raise UserError("--unlabelled reads --regions")


class _Rules(NamedTuple):
    rename: bool
    invalid: str
    min_length: int
    max_n_fraction: float
    training: bool


def _rules(
    rename: bool,
    invalid: str,
    min_length: int | None = None,
    max_n_fraction: float = 1.0,
    training: bool = False,
) -> _Rules:
    if min_length is None:
        min_length = MIN_LENGTH if training else MIN_LENGTH_UNLABELLED
    return _Rules(rename, invalid, min_length, max_n_fraction, training)


def _stretches(path: Path, rules: _Rules, read_as: dict[str, str]) -> Iterator[pd.DataFrame]:
    for part in iter_regions(path, ROWS, labels=False, invalid=bad_lines(rules.invalid)):
        read_as[visible(path.name)] = part.read_as
        # a name may hold bytes that no text can
        name, place = visible(part.source.name), visible(str(part.source))
        yield part.regions.assign(source=name, path=place, parent="")


def _training_table(
    paths: list[Path], apart: bool, rules: _Rules, read_as: dict[str, str]
) -> pd.DataFrame:
    """Read the labelled regions, SE before TE where the classes come ``apart``."""
    tables = []
    for path, label in zip(paths, (1, 0), strict=False):
        table = read_regions(
            path,
            labels=not apart,
            invalid=bad_lines(rules.invalid),
            own=BLOCKS,
            one_track=True,
        )
        read_as[visible(path.name)] = table.read_as
        rows = table.regions.assign(source=visible(path.name), path=visible(str(path)))
        if set(BLOCKS) <= set(table.own.columns):
            rows = rows.join(table.own[list(BLOCKS)])
        if apart:
            rows["label"] = pd.array([label] * len(rows), dtype="Int8")
        tables.append(rows)
    table = pd.concat(tables, ignore_index=True)
    unlabelled = table["label"].isna()
    if unlabelled.any():
        whole = unlabelled.all()
        raise UserError(
            "the regions have no labels" if whole else f"{unlabelled.sum()} regions lack a label",
            where=paths[0],
            line=None if whole else int(table.loc[unlabelled, "line"].iloc[0]),
            expected="a header with a label column (1/0, SE/TE or YES/NO), or a ROSE table",
            do="give super- and typical enhancers as two BED files instead",
        )
    return table


class _Found(NamedTuple):
    """The genome's name of each chromosome, and what the files have that is not in the genome.

    ``unmatched`` has `seformer.genome.chromosomes.Resolved.unmatched` of every file that has any.
    """

    names: dict[str, str]
    unmatched: dict[str, dict]


def _survey(stretches: Iterable[pd.DataFrame], genome: Genome, rules: _Rules) -> _Found:
    """Match the chromosomes and refuse regions past their ends, before anything is written."""
    furthest: dict[str, int] = {}
    counts: dict[str, Counter] = {}
    past, rows, first = 0, 0, None
    for part in stretches:
        for path, mine in part.groupby("path", sort=False)["chrom"]:
            counts.setdefault(path, Counter()).update(mine.value_counts(sort=False).to_dict())
        for chrom, end in part.groupby("chrom", sort=False)["end"].max().items():
            furthest[chrom] = max(furthest.get(chrom, 0), int(end))
        names = genome.match_chromosomes(part["chrom"].unique(), rules.rename)
        beyond = part["end"] > part["chrom"].map(names).map(genome.chromosomes)
        if first is None and beyond.any():
            first = part[beyond].iloc[0]
        past += int(beyond.sum())
        rows += len(part)
    found = _Found({}, {})
    for path, count in counts.items():
        _resolve(count, Path(path), genome, found, rules)
    if first is not None and rules.invalid == "error":
        length = genome.chromosomes[found.names[first["chrom"]]]
        place = f"{first['chrom']}:{first['start']}-{first['end']}"
        more = f" (and {past - 1} further regions)" if past > 1 else ""
        raise UserError(
            f"{place} passes the end of {first['chrom']}, {length} bp long{more}",
            where=first["path"],
            line=int(first["line"]),
            do=_assembly_advice(genome, furthest, past > max(2, WRONG_ASSEMBLY * rows))
            + "mend the regions, or give --invalid-regions drop (--invalid_regions drop in the"
            " pipeline) to drop and count them",
        )
    return found


def _resolve(
    count: Mapping[str, int], path: Path, genome: Genome, found: _Found, rules: _Rules
) -> dict[str, str]:
    """Match the chromosomes of one file, and keep what of them is not in the genome."""
    resolved = genome.resolve(count, path, rules.rename)
    found.names.update(resolved.names)
    if resolved.unmatched:
        found.unmatched[visible(path.name)] = resolved.unmatched
    return resolved.names


def _places(path: Path, genome: Genome, found: _Found, rules: _Rules) -> pd.DataFrame:
    """Read a further file of regions, its chromosomes spelled as the genome's."""
    table = read_regions(path, labels=False, own=()).regions
    names = _resolve(table["chrom"].value_counts().to_dict(), path, genome, found, rules)
    return _spell(table, names)


def _spell(part: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Spell chromosomes as the genome does; those that are not in it stay as they are."""
    return part.assign(chrom=part["chrom"].map(lambda name: names.get(name, name)))


def _assembly_advice(genome: Genome, furthest: dict[str, int], many: bool) -> str:
    if not many:
        return ""
    here = genome.assembly
    fitting = [name for name in assemblies.that_hold(furthest) if name != here]
    advice = "so many say that the regions are of another assembly than the FASTA"
    advice += f" ({here})" if here else ""
    if fitting:
        advice += f", they would fit {' or '.join(fitting)}"
    return advice + ": use the right genome; else "


def _mark(part: pd.DataFrame, genome: Genome, found: _Found, rules: _Rules) -> pd.DataFrame:
    """Spell chromosomes as the genome does and give the reasons that a row has by itself."""
    part = _spell(part, found.names)
    limit = part["chrom"].map(genome.chromosomes)
    length = (part["end"] - part["start"]).clip(lower=0)
    reason = pd.Series("", index=part.index, dtype="str")
    if "drop_reason" in part.columns:
        reason = part["drop_reason"].copy()
    reason[length < rules.min_length] = "too_short"
    reason[length == 0] = "no_length"
    reason[part["end"] > limit] = "past_chromosome_end"
    reason[limit.isna()] = "unknown_chromosome"
    return part.assign(length=length, drop_reason=reason)


def _mark_training(table: pd.DataFrame) -> pd.DataFrame:
    """Drop what is of neither class, contradicts, repeats, or is a TE that overlaps an SE."""
    place = ["chrom", "start", "end"]
    reason = table["drop_reason"].copy()
    neither = (table["label"] == NEITHER).to_numpy(bool)
    reason[neither] = "neither_class"
    free = reason == ""
    classes = table[free].groupby(place)["label"].transform("nunique")
    reason[classes.index[classes > 1]] = "conflicting_label"
    free = reason == ""
    repeated = table[free].duplicated(place)
    reason[repeated.index[repeated]] = "duplicate"
    typical = table[(reason == "") & (table["label"] == 0)]
    supers = table[(table["label"] == 1) & (reason != "no_length")]
    inside = intervals.overlapping(typical, supers)
    reason[typical.index[inside]] = "te_overlaps_se"
    return table.assign(drop_reason=reason, label=table["label"].mask(neither))


def _match(
    table: pd.DataFrame, genome: Genome, rules: _Rules, negatives: Negatives
) -> pd.DataFrame:
    """Drop what finds no partner of the other class; the bases are read once more for it."""
    if not negatives.match:
        return table
    measured = pd.concat([_with_bases(batch, genome, rules)[0] for batch in _batches(table)])
    free = measured[measured["drop_reason"] == ""]
    paired = match_pairs(free, negatives.match, negatives.seed)
    reason = table["drop_reason"].copy()
    reason[free.index[~paired]] = NOT_MATCHED
    return table.assign(drop_reason=reason)


def _batches(part: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut rows so that a batch's sequences stay small in memory."""
    kept = np.where(part["drop_reason"] == "", part["length"], 0)
    batch = (np.cumsum(kept) - kept) // BATCH_BASES
    for _, rows in part.groupby(batch, sort=True):
        yield rows


def _count(sequences: list[str], letters: bytes) -> np.ndarray:
    """Return how many of ``letters`` each sequence holds: int64 ``[sequences]``."""
    arrays = (np.frombuffer(sequence.encode(), np.uint8) for sequence in sequences)
    counts = (sum(np.count_nonzero(array == letter) for letter in letters) for array in arrays)
    return np.fromiter(counts, np.int64, len(sequences))


def _with_bases(
    rows: pd.DataFrame, genome: Genome, rules: _Rules
) -> tuple[pd.DataFrame, list[str]]:
    """Fetch, measure, and drop what the bases themselves rule out."""
    kept = (rows["drop_reason"] == "").to_numpy()
    bases = genome.fetch_many(rows[kept])
    length = np.array([len(b) for b in bases], dtype=np.int64)
    n, strong = _count(bases, b"N"), _count(bases, b"GC")
    gc = np.full(len(rows), np.nan)
    n_fraction = np.full(len(rows), np.nan)
    gc[kept] = np.divide(strong, length - n, out=np.full(len(n), np.nan), where=length > n)
    n_fraction[kept] = n / np.maximum(length, 1)
    reason = rows["drop_reason"].copy()
    if rules.training:
        reason[n_fraction > rules.max_n_fraction] = "too_many_n"
    reason[n_fraction == 1] = "all_n"
    still = (reason[kept] == "").to_numpy()
    sequences = [b for b, keep in zip(bases, still, strict=True) if keep]
    return rows.assign(gc=gc, n_fraction=n_fraction, drop_reason=reason), sequences


def _write(
    stretches: Iterable[pd.DataFrame],
    genome: Genome,
    staging: Path,
    sample: str,
    rules: _Rules,
    shard_bases: int | None,
) -> Counter:
    """Write every row, in shards where asked; return the counts over all of them."""
    total: Counter = Counter()
    shard, place, before = 0, None, 0
    with contextlib.ExitStack() as opened:
        for batch in itertools.chain.from_iterable(map(_batches, stretches)):
            rows, sequences = _with_bases(batch.assign(sample=sample), genome, rules)
            rows = rows[list(COLUMNS)]
            kept = (rows["drop_reason"] == "").to_numpy()
            bases = before + np.cumsum(np.where(kept, rows["length"], 0))
            before = int(bases[-1])
            # a row belongs to the stretch of shard_bases in which its last base lies
            places = (bases - 1) // shard_bases if shard_bases else np.zeros(len(rows), int)
            remaining = iter(sequences)
            for new in np.unique(places):
                if new != place:
                    shard, place = shard + 1, new
                    opened.close()
                    name = f"shard_{shard:04d}" if shard_bases else "."
                    folder = opened.enter_context(ExtractedWriter(staging / name))
                here = places == new
                mine = list(itertools.islice(remaining, int(kept[here].sum())))
                total += folder.add(rows[here], mine)
    return total


def _totals(count: Counter) -> dict:
    dropped = {reason: count[reason] for reason in DROP_REASONS if count[reason]}
    return {
        "rows": count[""] + sum(dropped.values()),
        "kept": count[""],
        "super_enhancers": count["super_enhancers"],
        "typical_enhancers": count["typical_enhancers"],
        "bases": count["bases"],
        "dropped": dropped,
    }


def _require_usable(summary: dict, paths: list[Path], rules: _Rules) -> None:
    dropped = ", ".join(f"{n} {reason}" for reason, n in summary["dropped"].items())
    if summary["kept"] == 0:
        # scoring goes on without a usable region: every row is in the result, unscored
        if rules.training:
            raise UserError(f"no region is left ({dropped})", where=paths[0])
        logger.warning("%s: no region can be used (%s)", paths[0], dropped)
        return
    for key in ("super_enhancers", "typical_enhancers"):
        if rules.training and summary[key] == 0:
            raise UserError(
                f"one class only: no {key.replace('_', '-')} are left"
                + (f" (dropped: {dropped})" if dropped else ""),
                where=" and ".join(map(str, paths)),
                expected="both super-enhancers and typical enhancers",
            )


def _log(summary: dict) -> None:
    classes = f"{summary['super_enhancers']} SE, {summary['typical_enhancers']} TE, "
    if not summary["super_enhancers"] + summary["typical_enhancers"]:
        classes = ""
    dropped = ", ".join(f"{n} {reason}" for reason, n in summary["dropped"].items())
    logger.info(
        "%s: %d of %d regions kept (%s%d bp)%s",
        summary["sample"],
        summary["kept"],
        summary["rows"],
        classes,
        summary["bases"],
        f"; dropped: {dropped}" if dropped else "",
    )
