"""Scores of regions, constituents or variants beside what was measured at the same places.

The measured row is what is compared: it takes the score of the region that matches it. Simple
measures of the same row (length, GC, CpG, nearness to the target) stand beside the score, as what
correlates with activity without a model.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from seformer.evaluation.agreement import (
    LEAST_EACH,
    LEAST_ROWS,
    SCORE,
    measure_classes,
    measure_ranks,
)
from seformer.evaluation.agreement_verdict import judge_agreement
from seformer.evaluation.matching import Matches, choose_scores, match_places, name_loci
from seformer.evaluation.settings import AgreeSettings
from seformer.genome.chromosomes import match_names
from seformer.genome.genome import Genome
from seformer.regions.drop import mark_places
from seformer.regions.extract import bad_lines
from seformer.regions.measured import (
    Measurement,
    PlaceTable,
    Source,
    alleles_of,
    read_measurement,
    read_places,
    read_score,
)
from seformer.regions.spelling import Spelling
from seformer.sequence.composition import composition
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError, visible
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)
TABLE_FILE, RECORD_FILE = "agreement.tsv", "agreement.json"
USED, REPEATED, NO_VALUE = "used", "repeated", "no_value"
NO_MATCH, NO_SCORE, SEVERAL = "no_match", "no_score", "several"
# shorter places, as those of variants, have no composition: bases round them are counted
SHORTEST, WIDENED = 50, 200
COMPOSITION = ("gc", "cpg", "cpg_density")


class Agreement(NamedTuple):
    """What `agree` finds: the content of agreement.json, and agreement.tsv."""

    found: dict[str, Any]
    table: pd.DataFrame


@takes(AgreeSettings)
def agree(
    scores: str | PathLike[str],
    measured: str | PathLike[str],
    out: str | PathLike[str],
    settings: AgreeSettings,
    *,
    fasta: str | PathLike[str] | None = None,
) -> None:
    """Compare scores with a measured table; ``out`` gets agreement.tsv and agreement.json.

    Parameters
    ----------
    scores
        Scored regions, constituents or variants, in any form that regions have, or variants.tsv.
    measured
        Regions or variants with numbers, classes or both, and perhaps a target.
    fasta
        The genome; without it GC and CpG do not stand beside the scores.

    Raises
    ------
    UserError
        If a file or an option cannot be used, nothing matches, or there are too few rows.
    """
    require_writable(out)
    result = agree_tables(scores, measured, settings, fasta=fasta)
    for finding in result.found["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])
    with output_folder(out) as staging:
        write_json(result.found, staging / RECORD_FILE)
        write_tsv(result.table, staging / TABLE_FILE)


@takes(AgreeSettings)
def agree_tables(
    scores: Source,
    measured: Source,
    settings: AgreeSettings,
    *,
    fasta: str | PathLike[str] | None = None,
) -> Agreement:
    """Compare scores with measurements of files or data frames; nothing is written. See `agree`."""
    invalid = bad_lines(settings.invalid_regions)
    scored, places = read_places(scores, invalid), read_places(measured, invalid)
    score, score_column = read_score(scored, settings.score_column)
    said = read_measurement(
        places,
        settings.value_column,
        settings.class_column,
        settings.target_column,
        settings.tss_column,
    )
    score = _directed(score, settings.score_direction)
    said_value = _directed(said.value, settings.value_direction)
    targets, rows = _spell(scored, places, settings, fasta)
    usable = ((targets["drop_reason"] == "") & np.isfinite(score)).to_numpy()
    measured_alleles, scored_alleles = alleles_of(places), alleles_of(scored)
    if (measured_alleles is None) != (scored_alleles is None):
        logger.warning(
            "one table has alleles, the other none in columns such as ref and alt: places are"
            " compared, whatever their alleles"
        )
    repeated = usable & _repeated(targets, scored_alleles, score=score)
    usable = usable & ~repeated
    candidates = targets[usable].reset_index(drop=True)
    both = None
    if measured_alleles is not None and scored_alleles is not None:
        both = measured_alleles, scored_alleles[usable]
    matches = match_places(rows, candidates, settings.min_overlap, both)
    chosen, best = choose_scores(matches, candidates, score[usable], settings.several)
    without = match_places(
        rows, targets[~usable & ~repeated].reset_index(drop=True), settings.min_overlap
    )
    status = _statuses(rows, places, said, matches, without.count, settings.several)
    used = (status == USED).to_numpy()
    if not used.any():
        raise _nothing_compared(scored, places, candidates, status, matches)
    chosen[~used] = np.nan
    table = _tabulate(rows, said, said_value, chosen, matches, candidates, best, used)
    table["locus"] = pd.array([pd.NA] * len(table), "Int64")
    table.loc[used, "locus"] = name_loci(
        rows[used], candidates, best[used], said.target[used], settings.locus_gap
    )
    beside, left_out = _baselines(rows[used], said, used, fasta)
    for name in [name for name in COMPOSITION if name in beside]:
        table.loc[used, name] = beside[name]
    if said.distance is not None:
        table["distance"] = said.distance
    table["status"] = status
    again = _repeated(rows, measured_alleles, target=said.target)
    found = _measure(table[used], beside, settings, places)
    counted = Counter(status[~used])
    found |= {
        "baselines_left_out": left_out,
        "scores": {
            "file": visible(Path(scored.source).name),
            "column": score_column,
            "direction": settings.score_direction,
            "rows": len(targets),
            "without_score": int((~np.isfinite(score)).sum()),
            "not_usable": int((~usable & ~repeated).sum()),
            "repeated": int(repeated.sum()),
            "matching_a_row": len(np.unique(matches.scored)),
            "matching_several_rows": int((np.bincount(matches.scored) > 1).sum()),
        },
        "measured": {
            "file": visible(Path(places.source).name),
            "columns": said.columns,
            "direction": settings.value_direction,
            "rows": len(rows),
            "used": int(used.sum()),
            "measured_again": int((used & again).sum()),
            "distance_missing": _count_missing(said, used),
        },
        "matching": _rule(settings, both is not None)
        | {
            "one_score": int((matches.count == 1).sum()),
            "several_scores": int((matches.count > 1).sum()),
            "no_score": int((matches.count == 0).sum()),
            "overlap_too_little": int(((matches.count == 0) & (matches.too_little > 0)).sum()),
            "other_allele": int(((matches.count == 0) & (matches.other_allele > 0)).sum()),
        },
        "left_out": dict(sorted(counted.items())),
        "bootstrap": {"resamples": settings.resamples, "seed": settings.seed},
    }
    verdict = [finding._asdict() for finding in judge_agreement(found)]
    return Agreement({"verdict": verdict} | found, table)


# ------------------------------------------------------------------------- places and rows


def _directed(numbers: np.ndarray, direction: str) -> np.ndarray:
    if direction == "absolute":
        return np.abs(numbers)
    return -numbers if direction == "lower" else numbers


def _spell(
    scored: PlaceTable,
    places: PlaceTable,
    settings: AgreeSettings,
    fasta: str | PathLike[str] | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables with chromosomes spelled alike, ``length`` and ``drop_reason``."""
    tables = [scored.regions.assign(path=scored.source), places.regions.assign(path=places.source)]
    if fasta is None:
        # the scored table stands for the genome; what it has not cannot match
        names = dict.fromkeys(tables[1]["chrom"])
        names = match_names(names, tables[0]["chrom"]) if settings.rename_chromosomes else {}
        tables[1]["chrom"] = tables[1]["chrom"].map(lambda name: names.get(name, name))
        ends = pd.concat(tables).groupby("chrom")["end"].max().to_dict()
        return mark_places(tables[0], ends, 1), mark_places(tables[1], ends, 1)
    with Genome(Path(fasta)) as genome:
        spelling = Spelling(genome, settings.rename_chromosomes)
        spelling.survey(tables, settings.invalid_regions == "drop")
        first, second = (mark_places(spelling.spell(t), genome.chromosomes, 1) for t in tables)
        return first, second


def _repeated(rows: pd.DataFrame, alleles: np.ndarray | None, **beside: np.ndarray) -> np.ndarray:
    """Tell which rows say again what one before says, as where a scored region has many genes."""
    said = rows[["chrom", "start", "end"]].assign(**beside)
    if alleles is not None:
        said = said.assign(reference=alleles[:, 0], alternative=alleles[:, 1])
    return said.duplicated().to_numpy()


def _statuses(
    rows: pd.DataFrame,
    places: PlaceTable,
    said: Measurement,
    matches: Matches,
    without: np.ndarray,
    several: str,
) -> pd.Series:
    """Why each measured row is compared or not."""
    status = rows["drop_reason"].copy()
    free = (status == "").to_numpy()
    # replicates and cell types that agree differ in some column, and count each
    again = pd.DataFrame(dict(places.cells)).duplicated()
    nothing = np.isnan(said.value) & np.isnan(said.answer)
    missed = matches.count == 0
    reasons = [again, nothing, missed & (without > 0), missed]
    reasons.append((several == "drop") & (matches.count > 1))
    named = np.select(reasons, [REPEATED, NO_VALUE, NO_SCORE, NO_MATCH, SEVERAL], USED)
    status[free] = named[free]
    return status


def _nothing_compared(
    scored: PlaceTable,
    places: PlaceTable,
    candidates: pd.DataFrame,
    status: pd.Series,
    matches: Matches,
) -> UserError:
    first = places.regions.iloc[0]
    place = f"{first['chrom']}:{first['start']}-{first['end']}"
    there = "no row has a score"
    if len(candidates):
        other = candidates.iloc[0]
        there = f"the scores begin with {other['chrom']}:{other['start']}-{other['end']}"
    counted = ", ".join(f"{n} {reason}" for reason, n in Counter(status).items())
    if others := int((matches.other_allele > 0).sum()):
        return UserError(
            f"no measured row has a score ({counted}): at the places of {others} of them other"
            " alleles are scored",
            where=places.source,
            expected="the alleles of the scores, reference and alternative, one of each a row",
            do="look whether the two are swapped, of the other strand, or several in one cell",
        )
    return UserError(
        f"no measured row has a score ({counted}); it begins with {place}, {there}",
        where=places.source,
        expected=f"rows at the places of {visible(Path(scored.source).name)}",
        do="check that both tables are of one assembly and call chromosomes alike "
        "(--rename-chromosomes); if the scores are of shorter or longer "
        "pieces, lower --min-overlap",
    )


def _tabulate(
    rows: pd.DataFrame,
    said: Measurement,
    value: np.ndarray,
    chosen: np.ndarray,
    matches: Matches,
    candidates: pd.DataFrame,
    best: np.ndarray,
    used: np.ndarray,
) -> pd.DataFrame:
    table = rows[["chrom", "start", "end", "name"]].copy()
    table["target"] = said.target
    table["measured"] = value
    table["class"] = pd.array(np.nan_to_num(said.answer, nan=0).astype(np.int64), "Int64")
    table.loc[np.isnan(said.answer), "class"] = pd.NA
    table["score"] = chosen
    table["scores"] = matches.count
    names = [
        f"{c}:{s}-{e}" for c, s, e in candidates[["chrom", "start", "end"]].itertuples(index=False)
    ]
    table["scored_region"] = [names[i] if ok else "" for i, ok in zip(best, used, strict=True)]
    table["length"] = rows["length"]
    return table


# ------------------------------------------------------------------------- beside the score


def _baselines(
    rows: pd.DataFrame, said: Measurement, used: np.ndarray, fasta: str | PathLike[str] | None
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Simple measures of the compared rows, float64 [n], and why others are missing."""
    beside = {"length": rows["length"].to_numpy(np.float64)}
    left_out: dict[str, str] = {}
    if fasta is None:
        left_out |= dict.fromkeys(COMPOSITION, "needs --fasta")
    else:
        with Genome(Path(fasta)) as genome:
            counted = composition(genome.fetch_many(_widened(rows, genome.chromosomes)), ())
        beside |= {name: getattr(counted, name) for name in COMPOSITION}
    if said.distance is None:
        left_out["distance"] = "no column of a target's TSS"
    else:
        # what is unknown counts as far: the rows stay the same for all that are compared
        far = np.nan_to_num(said.distance[used], nan=np.inf)
        beside["distance"] = -rankdata(far)
    for name in [name for name, x in beside.items() if (x == x[0]).all()]:
        del beside[name]
        left_out[name] = "the same in all rows"
    return beside, left_out


def _widened(rows: pd.DataFrame, chromosomes: Mapping[str, int]) -> pd.DataFrame:
    start, end = (rows[name].to_numpy(np.int64) for name in ("start", "end"))
    limit = rows["chrom"].map(chromosomes).to_numpy(np.int64)
    short, middle = end - start < SHORTEST, (start + end) // 2
    begin = np.where(short, np.maximum(0, middle - WIDENED // 2), start)
    stop = np.where(short, np.minimum(limit, middle + WIDENED // 2), end)
    return rows.assign(start=begin, end=stop)


def _count_missing(said: Measurement, used: np.ndarray) -> int:
    return 0 if said.distance is None else int(np.isnan(said.distance[used]).sum())


def _measure(
    rows: pd.DataFrame,
    beside: Mapping[str, np.ndarray],
    settings: AgreeSettings,
    places: PlaceTable,
) -> dict[str, Any]:
    """Measure ``spearman`` and ``auroc`` on compared rows; None where there are too few."""
    scorers = {SCORE: rows["score"].to_numpy(np.float64), **beside}
    value, answer = (rows[name].to_numpy(float, na_value=np.nan) for name in ("measured", "class"))
    loci = rows["locus"].to_numpy(np.int64)
    how, found = (settings.resamples, settings.seed), {"spearman": None, "auroc": None}

    def taken(have: np.ndarray) -> dict[str, np.ndarray]:
        some = {name: x[have] for name, x in scorers.items()}
        return {name: x for name, x in some.items() if name == SCORE or (x != x[0]).any()}

    def varied(have: np.ndarray) -> bool:
        return all(len(np.unique(x[have])) > 1 for x in (scorers[SCORE], loci))

    have = np.isfinite(value)
    if have.sum() >= LEAST_ROWS and varied(have) and len(np.unique(value[have])) > 1:
        found["spearman"] = measure_ranks(value[have], taken(have), loci[have], *how)
    have = np.isfinite(answer)
    yes = int((answer == 1).sum())
    if LEAST_EACH <= yes <= have.sum() - LEAST_EACH and varied(have):
        try:
            found["auroc"] = measure_classes(
                answer[have].astype(np.int64), taken(have), loci[have], *how
            )
        except ValueError:
            logger.warning("no AUROC: almost every resample of the loci has one class")
    if found["spearman"] is found["auroc"] is None:
        raise UserError(
            f"too little to compare: {len(rows)} measured rows with a score in "
            f"{len(np.unique(loci))} loci, {int(np.isfinite(value).sum())} with a number, "
            f"{yes} yes and {int((answer == 0).sum())} no, "
            f"{rows['score'].nunique()} different scores",
            where=places.source,
            expected=f"{LEAST_ROWS} rows with numbers, or {LEAST_EACH} yes and {LEAST_EACH} no, in "
            "several loci, with scores that differ",
            do="give more of both tables, lower --min-overlap or --locus-gap, or name other "
            "columns",
        )
    return found


def _rule(settings: AgreeSettings, of_alleles: bool) -> dict[str, Any]:
    """State in words how rows were matched."""
    rule = (
        "a measured row and a scored region match where they share at least "
        f"{settings.min_overlap:g} of the shorter of the two"
    )
    if of_alleles:
        rule = "a measured and a scored variant match at the same position with the same alleles"
    words = {
        "most": "of several the one counts that shares most bases",
        "mean": "of several the mean score counts",
        "max": "of several the highest score counts",
        "drop": "a row that matches several is left out",
    }
    return {
        "rule": f"{rule}; {words[settings.several]}",
        "min_overlap": settings.min_overlap,
        "several": settings.several,
        "loci": f"measured rows at most {settings.locus_gap} bp apart, of one scored region or of "
        "one target are one locus",
    }
