"""Regions and their bases, checked, filtered and written once for all later stages."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.genome.genome import Genome
from seformer.regions.drop import batches, fetch_bases, mark_labels, mark_places, mark_unmatched
from seformer.regions.folder import COLUMNS, ExtractedWriter, read_extracted
from seformer.regions.labelled import read_labelled
from seformer.regions.labelled_fasta import write_labelled_fasta
from seformer.regions.negatives import add_random, check_negatives
from seformer.regions.parts import look_up_parts
from seformer.regions.read import iter_regions
from seformer.regions.settings import ExtractSettings
from seformer.regions.spelling import Spelling
from seformer.regions.units import check_units, cut_regions, describe_flanks
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError, visible
from seformer.util.labels import DROP_REASONS
from seformer.util.records import write_json
from seformer.util.settings import takes

logger = logging.getLogger(__name__)

# a k-mer model sees nothing in less than a motif; training wants enough for a composition
MIN_LENGTH = 50
MIN_LENGTH_UNLABELLED = 10
# what says how training regions are made
IN_TRAINING = (
    *("unit", "unit_length", "constituents"),
    *("match_negatives", "random_negatives", "blacklist", "seed"),
)
ROWS = 2_500
# an earlier run with other shards must not leave any of its own among the new ones
OWN_FILES = tuple(
    folder + name
    for folder in ("", "shard_[0-9]*/")
    for name in ("regions.tsv", "sequences.fa.gz", "summary.json")
)


@takes(ExtractSettings)
def extract(
    fasta: str | PathLike[str],
    out: str | PathLike[str],
    settings: ExtractSettings,
    *,
    regions: str | PathLike[str] | None = None,
    super_enhancers: str | PathLike[str] | None = None,
    typical_enhancers: str | PathLike[str] | None = None,
    labelled_fasta: str | PathLike[str] | None = None,
    splits: str | PathLike[str] | None = None,
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
    labelled_fasta
        Also a FASTA of the kept regions for auditors, see
        `seformer.regions.labelled_fasta.write_labelled_fasta`.
    splits
        The ``splits.tsv`` of these regions, for the part of each in that FASTA.

    Returns
    -------
    dict
        The content of ``summary.json``.

    Raises
    ------
    UserError
        For every fault of the files; in training also if a class is missing.
    """
    _check_sources(regions, super_enhancers, typical_enhancers, settings)
    _check_labelled_fasta(labelled_fasta, splits, settings)
    require_writable(out, OWN_FILES)
    paths = [Path(p) for p in (regions, super_enhancers, typical_enhancers) if p is not None]
    read_as: dict[str, str] = {}
    signal = None
    with Genome(fasta) as genome:
        spelling = Spelling(genome, settings.rename_chromosomes)
        if settings.unlabelled:
            stretches = _to_score(paths[0], spelling, settings, read_as)
        else:
            labelled = read_labelled(paths, regions is None, bad_lines(settings.invalid_regions))
            read_as, signal = labelled.read_as, labelled.signal
            stretches = iter([_to_train(labelled.rows, spelling, settings)])
        with output_folder(out, own=OWN_FILES) as staging:
            count = _write(stretches, genome, staging, settings)
            summary = {
                "sample": settings.sample,
                "sources": [path.name for path in paths],
                "read_as": read_as,
                "genome": genome_record(genome),
                "unmatched_chromosomes": spelling.unmatched,
                **({} if settings.unlabelled else {"unit": settings.unit, "signal": signal}),
                **_totals(count),
            }
            _require_usable(summary, paths, not settings.unlabelled)
            write_json(summary, staging / "summary.json")
            if labelled_fasta is not None:
                _write_for_auditors(staging, Path(labelled_fasta), splits)
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
    settings = ExtractSettings(
        unlabelled=True, rename_chromosomes=rename_chromosomes, invalid_regions=invalid_regions
    )
    said = {"source": visible(source), "path": visible(source), "parent": "", "sample": "sample"}
    said["signal"] = np.nan

    def stretches() -> Iterator[pd.DataFrame]:
        # not all rows at once: what is added to them is more than they are
        for first in range(0, max(1, len(regions)), ROWS):
            yield regions.iloc[first : first + ROWS].assign(**said)

    spelling = Spelling(genome, rename_chromosomes)
    spelling.survey(stretches(), invalid_regions == "drop")
    for part in stretches():
        rows = _mark(part, spelling, settings)
        for batch in batches(rows) if len(rows) else [rows]:
            rows, sequences = fetch_bases(batch, genome)
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


def _check_sources(regions, super_enhancers, typical_enhancers, settings: ExtractSettings) -> None:
    """Refuse what does not go together (`UserError`)."""
    if (regions is None) == (super_enhancers is None and typical_enhancers is None):
        raise UserError("give either --regions, or --super-enhancers with --typical-enhancers")
    one_is_enough = settings.random_negatives and super_enhancers is not None
    both = super_enhancers is not None and typical_enhancers is not None
    if regions is None and not (both or one_is_enough):
        raise UserError("one class only: give both --super-enhancers and --typical-enhancers")
    if settings.unlabelled and regions is None:
        raise UserError("--unlabelled reads --regions")
    if settings.unlabelled and settings.changed(*IN_TRAINING):
        raise UserError("regions to score are taken as they are: no other units, no negatives")
    check_units(settings)
    check_negatives(settings)


def _check_labelled_fasta(
    path: str | PathLike[str] | None, splits: str | PathLike[str] | None, settings: ExtractSettings
) -> None:
    """Refuse what does not go together (`UserError`)."""
    if path is None and splits is not None:
        raise UserError(
            "--splits says the part of each record of a --labelled-fasta, but none is wanted",
            do="give --labelled-fasta too, or leave it out",
        )
    if path is not None and settings.unlabelled:
        raise UserError("regions to score have no labels for a --labelled-fasta")
    if path is not None and settings.shard_bases is not None:
        raise UserError(
            "--labelled-fasta is of all regions, and --shard-bases cuts them into folders",
            do="leave one of them out",
        )


def _write_for_auditors(extracted: Path, path: Path, splits: str | PathLike[str] | None) -> None:
    """Write the kept regions of a folder as a FASTA with labels, and parts if they are known."""
    source = read_extracted(extracted)
    rows = source.kept[["chrom", "start", "end", "label"]]
    if splits is not None:
        do = "extract with the options of the run that made this split"
        rows = rows.assign(split=look_up_parts(rows, Path(splits), do=do)["split"])
    write_labelled_fasta(path, rows, source.sequences())


# ------------------------------------------------------------------------- reading


def _to_score(
    path: Path, spelling: Spelling, settings: ExtractSettings, read_as: dict[str, str]
) -> Iterator[pd.DataFrame]:
    """Regions as they are, some at a time."""

    def read() -> Iterator[pd.DataFrame]:
        invalid = bad_lines(settings.invalid_regions)
        for part in iter_regions(path, ROWS, labels=False, invalid=invalid):
            read_as[visible(path.name)] = part.read_as
            # a name may hold bytes that no text can
            name, place = visible(part.source.name), visible(str(part.source))
            yield part.regions.assign(source=name, path=place, parent="", signal=np.nan)

    # twice over the file: all its faults are known before anything is written
    spelling.survey(read(), settings.invalid_regions == "drop")
    logger.info("%s: read as %s", path.name, read_as[visible(path.name)])
    return (_mark(rows, spelling, settings) for rows in read())


def _to_train(table: pd.DataFrame, spelling: Spelling, settings: ExtractSettings) -> pd.DataFrame:
    """Labelled regions cut into units and compared with what is wanted."""
    spelling.survey([table], settings.invalid_regions == "drop")
    genome = spelling.genome
    table = cut_regions(spelling.spell(table), settings, genome.chromosomes, spelling.read)
    if settings.random_negatives:
        table = add_random(table, genome, settings, spelling.read)
    rows = mark_unmatched(mark_labels(_mark(table, spelling, settings)), genome, settings)
    if text := describe_flanks(rows[rows["drop_reason"] == ""]):
        logger.warning("%s: %s", settings.sample, text)
    return rows


def _mark(rows: pd.DataFrame, spelling: Spelling, settings: ExtractSettings) -> pd.DataFrame:
    least = MIN_LENGTH_UNLABELLED if settings.unlabelled else MIN_LENGTH
    if settings.min_length is not None:
        least = settings.min_length
    return mark_places(spelling.spell(rows), spelling.genome.chromosomes, least)


# ------------------------------------------------------------------------- writing


def _write(
    stretches: Iterable[pd.DataFrame], genome: Genome, staging: Path, settings: ExtractSettings
) -> Counter:
    """Write every row, in shards where asked; return the counts over all of them."""
    total: Counter = Counter()
    most_n = 1.0 if settings.unlabelled else settings.max_n_fraction
    size, shard, place, before = settings.shard_bases, 0, None, 0
    with contextlib.ExitStack() as opened:
        for batch in itertools.chain.from_iterable(map(batches, stretches)):
            rows, sequences = fetch_bases(batch.assign(sample=settings.sample), genome, most_n)
            rows = rows[list(COLUMNS)]
            kept = (rows["drop_reason"] == "").to_numpy()
            bases = before + np.cumsum(np.where(kept, rows["length"], 0))
            before = int(bases[-1])
            # a row belongs to the stretch of shard_bases in which its last base lies
            places = (bases - 1) // size if size else np.zeros_like(bases)
            remaining = iter(sequences)
            for new in np.unique(places):
                if new != place:
                    shard, place = shard + 1, new
                    opened.close()
                    name = f"shard_{shard:04d}" if size else "."
                    folder = opened.enter_context(ExtractedWriter(staging / name))
                here = places == new
                total += folder.add(
                    rows[here], list(itertools.islice(remaining, int(kept[here].sum())))
                )
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


def _require_usable(summary: dict, paths: list[Path], training: bool) -> None:
    dropped = ", ".join(f"{n} {reason}" for reason, n in summary["dropped"].items())
    if summary["kept"] == 0:
        # scoring goes on without a usable region: every row is in the result, unscored
        if training:
            raise UserError(f"no region is left ({dropped})", where=paths[0])
        logger.warning("%s: no region can be used (%s)", paths[0], dropped)
        return
    for key in ("super_enhancers", "typical_enhancers"):
        if training and summary[key] == 0:
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
