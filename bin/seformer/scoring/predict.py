"""Score regions with a trained model: every input row, in input order, whole."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pandas as pd

from seformer.genome.genome import Genome
from seformer.model.calibration import call_classes
from seformer.model.conformal import SETS, name_sets
from seformer.model.folder import Model, load_model
from seformer.regions.extract import bad_lines, genome_record, with_bases
from seformer.regions.folder import read_extracted
from seformer.regions.nearby_genes import GeneMap
from seformer.regions.read import iter_regions
from seformer.scoring.browser_bed import BIGBED_FILE, write_browser_bed
from seformer.scoring.flags import flag_regions
from seformer.scoring.merge import (
    LOGIT_SD,
    SET,
    PredictionWriter,
    add_summaries,
    as_lines,
    logit_sd,
    score_columns,
    write_ucsc,
)
from seformer.scoring.score import Ensemble
from seformer.scoring.settings import PredictSettings, ScoreSettings
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.labels import DROP_REASONS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.settings import ReadingRegions, takes
from seformer.util.tables import FLOATS, write_tsv

logger = logging.getLogger(__name__)


@takes(PredictSettings)
def predict(
    model: Path,
    out: Path,
    settings: PredictSettings,
    *,
    fasta: Path | None = None,
    regions: Path | None = None,
    extracted: Path | None = None,
) -> None:
    """Score a region file, or one shard of it.

    With ``fasta`` and ``regions``, ``out`` gets ``predictions.tsv`` (the file's own columns and
    those of `scoring.merge.score_columns`), ``predictions.bed``, the same for UCSC as
    ``predictions.ucsc.bed`` and sorted for browsers as ``predictions.bb``, and ``summary.json``.
    With ``extracted`` (a shard) it gets ``scores.tsv`` and ``summary.json``, for
    `scoring.merge.merge_predictions`.

    Raises
    ------
    UserError
        If an input cannot be used.
    """
    if (extracted is None) == (fasta is None or regions is None):
        raise UserError("give either --fasta with --regions, or --extracted")
    genes = GeneMap.of(settings)
    if genes is not None and extracted is not None:
        raise UserError(
            "a shard gets its genes when it is merged: seformer merge-predictions --gtf"
        )
    own = ["predictions.tsv", BIGBED_FILE] if extracted is None else ["scores.tsv"]
    with output_folder(out, own=[*own, "summary.json"]) as staging:
        scorer = Ensemble(load_model(model, settings.device), settings.batch_tokens)
        say_without_sets(scorer.model)
        if extracted is not None:
            _score_shard(scorer, extracted, staging, settings.prevalence)
        elif fasta is not None and regions is not None:
            how = settings.only(ReadingRegions)
            _score_file(scorer, fasta, regions, staging, settings.prevalence, genes, **how)


@takes(ScoreSettings)
def score_frame(
    model: Model, fasta: Path, regions: pd.DataFrame, source: str, settings: ScoreSettings
) -> pd.DataFrame:
    """Score regions in memory; see `seformer.regions.extract.with_bases`.

    Returns
    -------
    pandas.DataFrame
        The columns of scores of every row, in order, see `scoring.merge.score_columns`.

    Raises
    ------
    UserError
        If the regions or the genome cannot be used.
    """
    with Genome(fasta) as genome:
        record = genome_record(genome)
        read = with_bases(regions, source, genome, **settings.only(ReadingRegions))
        scorer = Ensemble(model, settings.batch_tokens)
        say_without_sets(model)
        parts: list[pd.DataFrame] = []
        for part in read:
            place = {"done": sum(map(len, parts)), "total": len(regions)}
            parts.append(score_rows(scorer, *part, record, settings.prevalence, **place)[0])
    return pd.concat(parts, ignore_index=True).drop(columns="line")


def _score_file(
    scorer: Ensemble,
    fasta: Path,
    regions: Path,
    out: Path,
    prevalence: float | None,
    genes: GeneMap | None,
    **how: Any,
) -> None:
    """Score a whole file; ``how`` is for `with_bases`.

    The file is parsed once. What is wrong anywhere in it is to be said before hours of scoring, so
    all of it is read first: the places are kept, and the own columns lie as text on disk, so that
    memory does not follow their number.
    """
    with Genome(fasta) as genome, TemporaryFile("w+", encoding="utf-8", newline="\n") as own:
        tables = []
        for part in iter_regions(regions, labels=False, invalid=bad_lines(how["invalid_regions"])):
            own.writelines(f"{line}\n" for line in as_lines(part.own))
            tables.append(part.regions)
        logger.info("%s: read as %s", regions.name, part.read_as)
        own.seek(0)
        record, names = genome_record(genome), list(part.cells)
        table = pd.concat(tables, ignore_index=True)
        if genes is not None:
            genes.match(table["chrom"].unique())
            genes.require_match()
        with PredictionWriter(out, names, columns_of(scorer.model), genes) as writer:
            summaries, written = [], 0
            for rows, sequences in with_bases(table, str(regions), genome, **how):
                place = {"done": written, "total": len(table)}
                scores, windows = score_rows(scorer, rows, sequences, record, prevalence, **place)
                summaries.append(count_calls(scores, rows, windows))
                lines = as_lines(scores.drop(columns="line"), float_format=FLOATS)
                # chromosomes as the file spells them, also where the genome's names are others
                given = table.iloc[written : written + len(rows)]
                writer.add((line[:-1] for line in islice(own, len(rows))), given, lines)
                written += len(rows)
    total = add_summaries(summaries)
    total |= _used(scorer, record) | {"read_as": part.read_as}
    write_json(total, out / "summary.json")
    write_ucsc(out, regions.name, total["model"])
    write_browser_bed(out / "predictions.bed", out / BIGBED_FILE, genome.chromosomes, fasta)
    _log(regions, total)


def _log(regions: Path, total: dict[str, Any]) -> None:
    unscored = total["unscored"]
    reasons = ", ".join(f"{unscored[name]} {name}" for name in DROP_REASONS if name in unscored)
    if not total["scored"]:
        logger.warning("%s: no region can be used (%s)", regions, reasons)
    counts = total["scored"], total["rows"], total["bases"]
    logger.info(
        "%s: %d of %d regions scored (%d bp)%s",
        regions.name,
        *counts,
        reasons and f"; not scored: {reasons}",
    )


def _score_shard(scorer: Ensemble, extracted: Path, out: Path, prevalence: float | None) -> None:
    """Write ``scores.tsv`` (line, columns of scores) for every row, and ``summary.json``."""
    source = read_extracted(extracted)
    genome = source.summary.get("genome", {})
    table, windows = score_rows(scorer, source.regions, source.sequences(), genome, prevalence)
    write_tsv(table, out / "scores.tsv")
    counts = count_calls(table, source.regions, windows)
    write_json(counts | _used(scorer, genome), out / "summary.json")


def _used(scorer: Ensemble, genome: dict[str, Any]) -> dict[str, Any]:
    """What stands beside counts: the model, and the assembly if the genome's record names one."""
    return {"model": scorer.model.settings.as_used, "assembly": genome.get("assembly")}


def score_rows(
    scorer: Ensemble,
    regions: pd.DataFrame,
    sequences: Iterable[str],
    genome: dict[str, Any],
    prevalence: float | None,
    *,
    done: int = 0,
    total: int | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Score the rows without ``drop_reason``, whose ``sequences`` these are.

    ``done`` of ``total`` rows were scored before, in earlier parts of their file.

    Returns
    -------
    tuple
        ``line`` and the columns of scores for every row, and int64 ``[scored]``, the windows of
        each region.
    """
    kept, settings = (regions["drop_reason"] == "").to_numpy(), scorer.model.settings
    total = int(kept.sum()) if total is None else total
    scores = scorer.score(sequences, done=done, total=total)
    if not np.isfinite(scores.logit).all():
        row = regions[kept].iloc[int(np.flatnonzero(~np.isfinite(scores.logit))[0])]
        raise UserError(
            f"the score of {row['chrom']}:{row['start']}-{row['end']} is not finite",
            where=settings.sample,
            do="do not use this model: its weights overflow",
        )
    probability, called = call_classes(settings, scores.logit, prevalence)
    scored = {
        "logit": scores.logit,
        "probability": probability,
        "prediction": called,
        "coverage": scores.coverage,
        LOGIT_SD: logit_sd(scores.members),
    }
    if (sets := settings.conformal) is not None:
        # by the logit: another prevalence changes what is likely, not what the promise allows
        scored[SET] = name_sets(sets, scores.logit)
    table = pd.DataFrame(scored, index=regions.index[kept]).reindex(regions.index)
    table = table.fillna({"prediction": "", SET: "", "coverage": 0.0}).assign(
        line=regions["line"], flags=flag_regions(regions, settings, genome)
    )
    return table[["line", *columns_of(scorer.model)]], scores.windows


def columns_of(model: Model) -> list[str]:
    """The columns of a model's scores."""
    sets = model.settings.conformal is not None
    return score_columns(sets=sets, several=bool(model.others))


def say_without_sets(model: Model) -> None:
    """Say once that a model has no sets, as those of version 1.0."""
    if model.settings.conformal is None:
        logger.info(
            "the model promises no coverage, so there is no column %s; `seformer evaluate` gives "
            "it one",
            SET,
        )


def count_calls(table: pd.DataFrame, regions: pd.DataFrame, windows: np.ndarray) -> dict[str, Any]:
    """Count rows, calls, flags and work."""
    kept = regions["drop_reason"] == ""
    counted = Counter(chain.from_iterable(f.split(",") for f in table["flags"][kept] if f))
    sets = {"sets": {k: int((table[SET] == k).sum()) for k in SETS}} if SET in table else {}
    return {
        "rows": len(table),
        "scored": int(kept.sum()),
        "unscored": dict(Counter(regions["drop_reason"][~kept])),
        "super_enhancers": int((table["prediction"] == SUPER).sum()),
        "typical_enhancers": int((table["prediction"] == TYPICAL).sum()),
        "flags": dict(counted),
        "bases": int(regions["length"][kept].sum()),
        "windows": int(windows.sum()),
        "smallest_coverage": float(table["coverage"][kept].min()) if kept.any() else None,
        **sets,
    }
