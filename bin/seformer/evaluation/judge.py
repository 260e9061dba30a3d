"""Anybody's scores of labelled regions, judged as a model of ours is.

The baselines are fitted in cross-validation, in folds of whole chromosomes where there are
enough, else of clusters: every region is scored by baselines that have not seen its locus. The
scores are taken as they are; where they come from, and what was seen then, only whoever made
them knows, so the regions of that training are asked for (``training``).
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from seformer.evaluation.baselines import check_baselines
from seformer.evaluation.compare import CONTAINMENT, tabulate_measures
from seformer.evaluation.evaluate import Evaluation
from seformer.evaluation.judged_folds import judge_in_folds
from seformer.evaluation.judged_regions import (
    FetchedBases,
    TooFewError,
    count_seen,
    mark_unusable,
    open_training,
    require_scores,
)
from seformer.evaluation.judged_verdict import judge_scores
from seformer.evaluation.settings import JudgeSettings
from seformer.genome.genome import Genome
from seformer.model.calibration import check_rule
from seformer.regions.extract import bad_lines
from seformer.regions.frames import wrong_type
from seformer.regions.scores import ScoredTable, frame_of_scores, read_scores
from seformer.regions.spelling import Spelling
from seformer.sequence import kmer_overlap
from seformer.sequence.homology import near_copies
from seformer.splits.assign import usable_chromosomes
from seformer.splits.clusters import name_clusters, read_clusters
from seformer.splits.sequence_store import SequenceStore
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import DROP_REASONS, SAMPLE_NAME
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)


@takes(JudgeSettings)
def judge(
    scores: str | PathLike[str],
    fasta: str | PathLike[str],
    out: str | PathLike[str],
    settings: JudgeSettings,
    *,
    training: Sequence[str | PathLike[str]] = (),
    super_enhancers: str | PathLike[str] | None = None,
    typical_enhancers: str | PathLike[str] | None = None,
    clusters: str | PathLike[str] | None = None,
) -> None:
    """Judge a file of scored regions; ``out`` gets metrics.json, curves.json and judged.tsv.

    Parameters
    ----------
    scores
        Regions in any form that is read, with a column of scores and one of labels.
    fasta
        The genome.
    training
        Files of the regions that the scores' maker trained on; of a ``splits.tsv`` the training
        part counts.
    super_enhancers, typical_enhancers
        Instead of a column of labels: the two classes, matched by place.
    clusters
        Table of region or contig and cluster, as for `seformer split`.

    Raises
    ------
    UserError
        If a file or an option cannot be used, or there are too few regions.
    """
    sample = settings.sample or _sample_of(Path(out))
    check_rule(settings.threshold_by)
    check_baselines(settings.baseline_names)
    if (super_enhancers is None) != (typical_enhancers is None):
        raise UserError("one class only: give both --super-enhancers and --typical-enhancers")
    beds = [Path(path) for path in (super_enhancers, typical_enhancers) if path is not None]
    require_writable(out)
    table = read_scores(
        scores,
        score_column=settings.score_column,
        label_column=settings.label_column,
        invalid=bad_lines(settings.invalid_regions),
        labels=not beds,
    )
    how = settings.but(sample=sample)
    try:
        evaluation = judge_table(table, Path(fasta), how, [*map(Path, training)], beds, clusters)
    except TooFewError as error:
        if not settings.skip_few:
            raise
        logger.warning("not judged: %s", error)
        return
    for finding in evaluation.metrics["verdict"]:
        logger.info("%s %s", finding["topic"], finding["text"])
    with output_folder(out) as staging:
        write_json(evaluation.metrics, staging / "metrics.json")
        write_tsv(tabulate_measures(evaluation.metrics), staging / "metrics.tsv")
        drawn = {"sample": sample, "judged": True, "test": evaluation.curves}
        write_json(drawn, staging / "curves.json")
        write_tsv(evaluation.predictions, staging / "judged.tsv")


@takes(JudgeSettings)
def judge_frame(
    frame: pd.DataFrame,
    fasta: str | PathLike[str],
    settings: JudgeSettings,
    *,
    training: Sequence[str | PathLike[str]] = (),
) -> Evaluation:
    """Judge scored regions in memory; nothing is written.

    Parameters
    ----------
    frame
        Columns for chromosome, start and end (0-based half-open), scores and labels, by the names
        that files may have. It is not changed.
    fasta, training
        As of `judge`.

    Returns
    -------
    Evaluation
        What `judge` writes: metrics, curves, and a row per region.

    Raises
    ------
    UserError
        As `judge`.
    """
    check_rule(settings.threshold_by)
    check_baselines(settings.baseline_names)
    if not isinstance(frame, pd.DataFrame):
        raise wrong_type("frame", frame, "a data frame")
    if frame.empty:
        raise UserError("the data frame has no regions", expected="a row for each scored region")
    table = frame_of_scores(
        frame,
        score_column=settings.score_column,
        label_column=settings.label_column,
        invalid=bad_lines(settings.invalid_regions),
    )
    sample = settings.sample or "judged"
    return judge_table(table, Path(fasta), settings.but(sample=sample), [*map(Path, training)])


def judge_table(
    table: ScoredTable,
    fasta: Path,
    settings: JudgeSettings,
    training: Sequence[Path] = (),
    beds: Sequence[Path] = (),
    clusters: str | PathLike[str] | None = None,
) -> Evaluation:
    """Judge a table of scored regions; see `judge`. ``beds`` are the two classes, or none."""
    with Genome(fasta) as genome:
        spelling = Spelling(genome, settings.rename_chromosomes)
        fetched = FetchedBases(mark_unusable(table, spelling, settings, beds), genome)
        # all that the store asks for is bases, which here come from a genome
        store = SequenceStore([fetched])  # ty: ignore[invalid-argument-type]
        store.digests()  # all bases are fetched now, and it is known which regions have none
        marked = pd.concat(fetched.parts)
        regions = marked[marked["drop_reason"] == ""]
        require_scores(regions, marked, table, beds)
        seen = open_training(training, spelling)
    groups = read_clusters(regions, [clusters] if clusters else [])
    alike = None
    if not usable_chromosomes(regions, max(3, settings.folds)):
        # the folds are of clusters, so near copies on other contigs belong to a cluster too
        copies = near_copies(store.take(range(len(regions))), int(regions["length"].sum()))
        alike = copies.clusters()
    clustered = name_clusters(regions.reset_index(), groups.reset_index(drop=True), alike=alike)
    regions = regions.assign(cluster=clustered)
    if seen is not None:
        shares = kmer_overlap.containment(store.take(range(len(regions))), seen.index, seen.scaled)
        regions[CONTAINMENT] = shares
    evaluation = judge_in_folds(regions, store, table, settings)
    measured = evaluation.metrics
    left_out = Counter(marked["drop_reason"][marked["drop_reason"] != ""])
    measured["judged"] |= {
        "rows": len(marked),
        "left_out": {reason: left_out[reason] for reason in DROP_REASONS if left_out[reason]},
        "training": None if seen is None else count_seen(regions, seen),
    }
    measured["verdict"] = [finding._asdict() for finding in judge_scores(measured)]
    _log(measured)
    return evaluation._replace(predictions=_with_left_out(evaluation.predictions, marked))


# ------------------------------------------------------------------------- results


def _with_left_out(table: pd.DataFrame, marked: pd.DataFrame) -> pd.DataFrame:
    """Put judged regions among all rows of the input, in their order."""
    rows = marked[["chrom", "start", "end", "name", "label", "drop_reason", "score"]]
    whole = table.drop(columns="score").reindex(marked.index).astype({"fold": "Int64"})
    reasons = rows.pop("drop_reason")
    return pd.concat([rows, whole], axis=1).assign(drop_reason=reasons)


def _sample_of(out: Path) -> str:
    name = out.resolve().name
    return name if re.fullmatch(SAMPLE_NAME, name) else "judged"


def _log(measured: Mapping[str, Any]) -> None:
    judged, test = measured["judged"], measured["test"]
    left_out = ", ".join(f"{n} {reason}" for reason, n in judged["left_out"].items())
    logger.info(
        "%s: %d of %d regions judged, in %d folds of %s%s",
        judged["scores"],
        test["n"],
        judged["rows"],
        len(measured["folds"]),
        judged["folds_of"],
        left_out and f"; left out: {left_out}",
    )
