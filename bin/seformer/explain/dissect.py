"""Dissect super-enhancers: what each of their constituents is worth to the score."""

from __future__ import annotations

import logging
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.explain import dissected
from seformer.explain.constituents import (
    PLACE,
    constituents_of,
    held_out_enhancers,
    read_constituents,
)
from seformer.explain.dissection import Stretch, dissect_region, margins_of
from seformer.explain.settings import DissectionSettings, DissectSettings
from seformer.genome.genome import Genome
from seformer.model.folder import Model, load_model
from seformer.regions.extract import bad_lines, with_bases
from seformer.regions.read import read_regions
from seformer.regions.spelling import Spelling
from seformer.scoring.score import Ensemble
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.settings import ReadingRegions, takes
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)


@takes(DissectSettings)
def dissect(
    model: Path,
    out: Path,
    settings: DissectSettings,
    *,
    fasta: Path,
    constituents: Path,
    regions: Path | None = None,
    splits: Path | None = None,
) -> dict[str, Any]:
    """Dissect the regions of a file, or the super-enhancers of a split's test part.

    ``out`` gets ``constituents.tsv`` (one row per region and constituent in it), ``pairs.tsv``,
    ``constituents.bed`` and ``summary.json``. A region that stands in the file twice is dissected
    once; one without constituents is counted.

    Parameters
    ----------
    constituents
        What the regions were stitched from, see `explain.constituents.read_constituents`.
    regions
        A region file; or
    splits
        ``regions.tsv`` or ``splits.tsv`` of `seformer split`, see
        `explain.constituents.held_out_enhancers`.

    Returns
    -------
    dict
        The content of ``summary.json``.

    Raises
    ------
    UserError
        If an input cannot be used, or no constituent lies wholly in a region.
    """
    given = regions or splits
    if given is None or (regions is not None and splits is not None):
        raise UserError("give either --regions or --splits")
    require_writable(out, dissected.OWN_FILES)
    source = existing_file(given)
    if splits is None:
        read = read_regions(
            source, labels=False, own=(), invalid=bad_lines(settings.invalid_regions)
        )
        table = read.regions
    else:
        table = held_out_enhancers(source)
    with Genome(fasta) as genome, output_folder(out, own=dissected.OWN_FILES) as staging:
        once = table.drop_duplicates(PLACE, ignore_index=True)
        how = settings.only(ReadingRegions)
        rows = pd.concat([part for part, _ in with_bases(once, str(source), genome, **how)])
        # chromosomes are called as in the file of the regions, as predictions call them
        rows = rows.reset_index(drop=True).assign(spelled=once["chrom"])
        usable = rows[rows["drop_reason"] == ""]
        unusable = Counter(rows["drop_reason"][rows["drop_reason"] != ""])
        if usable.empty:
            reasons = ", ".join(f"{n} {reason}" for reason, n in unusable.items())
            raise UserError(f"no region can be used ({reasons})", where=source)
        spelling = Spelling(genome, settings.rename_chromosomes)
        parts = spelling.of_file(read_constituents(constituents), constituents)
        inside, counts = constituents_of(usable, parts, constituents, part=splits is not None)
        began = time.monotonic()
        loaded = load_model(model, settings.device)
        results = dissect_regions(loaded, genome, usable, inside, settings)
        record = {
            "settings": settings.only(DissectionSettings),
            "members": len(loaded.members),
            "model": loaded.settings.as_used,
            "regions": {
                "read": len(table),
                "repeated": len(table) - len(once),
                "unusable": dict(unusable),
                "without_constituents": len(usable) - inside["region"].nunique(),
                "dissected": inside["region"].nunique(),
                "without_pairs": _without_pairs(inside, settings.pair_limit),
            },
            "constituents": counts,
            "seconds": round(time.monotonic() - began, 3),
        }
        summary = dissected.write_dissected(staging, *results, record)
    _log(source, summary, usable[~usable.index.isin(inside["region"])])
    return summary


def dissect_regions(
    model: Model,
    genome: Genome,
    regions: pd.DataFrame,
    inside: pd.DataFrame,
    settings: DissectSettings,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Dissect regions one after the other; the bases of one are in memory.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end``, ``name``, and ``spelled``, what the chromosome is called in
        the result.
    inside
        See `explain.constituents.constituents_of`.

    Returns
    -------
    tuple
        Rows of ``constituents.tsv`` and of ``pairs.tsv``, in the order of the regions.

    Raises
    ------
    UserError
        If a margin is not finite.
    """
    margins = margins_of(Ensemble(model, settings.batch_tokens))
    rows, pairs = [], []
    groups = dict(iter(inside.groupby("region", sort=False)))
    for number, here in progress(groups.items(), "dissecting", len(groups)):
        region = regions.loc[number]
        start, end = int(region["start"]), int(region["end"])
        key = f"{region['chrom']}:{start}-{end}"
        spans = zip(here["start"] - start, here["end"] - start, strict=True)
        stretches = [Stretch(int(first), int(stop)) for first, stop in spans]
        sequence = genome.fetch(region["chrom"], start, end)
        measured = dissect_region(sequence, stretches, key, margins, settings)
        if not np.isfinite(measured.margin).all():
            raise UserError(
                f"the score of {key} is not finite",
                where=model.settings.sample,
                do="do not use this model: its weights overflow",
            )
        rows += dissected.constituent_rows(region, here, measured)
        pairs += dissected.pair_rows(region, here, measured.pairs)
    return rows, pairs


def _without_pairs(inside: pd.DataFrame, limit: int) -> int:
    """Regions of several constituents, but more than have their pairs measured."""
    number = inside["region"].value_counts()
    return int(((number > 1) & (number > limit)).sum())


def _log(source: Path, summary: dict[str, Any], without: pd.DataFrame) -> None:
    regions = summary["regions"]
    if len(without):
        first = without.iloc[0]
        logger.warning(
            "%s: %d of %d regions have no constituent and are left out; the first: %s:%d-%d",
            source,
            *(len(without), regions["read"]),
            *(first[column] for column in ("spelled", "start", "end")),
        )
    if regions["without_pairs"]:
        logger.info(
            "%d regions have more than %d constituents: no pairs of them (--pair-limit)",
            regions["without_pairs"],
            summary["settings"]["pair_limit"],
        )
    logger.info(
        "dissected %d constituents of %d regions in %.1f s; %d of %d with a null stand out "
        "(q at most %g)",
        *(summary["rows"], regions["dissected"], summary["seconds"]),
        *(summary["stand_out"], summary["tested"], dissected.STANDS_OUT),
    )
