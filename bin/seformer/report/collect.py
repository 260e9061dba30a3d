"""Find and read what a run left behind; nothing here draws."""

from __future__ import annotations

import csv
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.regions.folder import read_region_rows
from seformer.report.content import place_of
from seformer.util import records, shapes
from seformer.util.errors import UserError
from seformer.util.records import read_object
from seformer.util.tables import NUMBER, RATIO, WHOLE, as_numbers, read_tsv
from seformer.util.text import open_text

logger = logging.getLogger(__name__)
NOT_SAMPLES = {"model", "pipeline_info", "multiqc", "multiqc_data", "report"}
RUN = re.compile(r"(fold|seed)_\d+")
PROBABILITY_BINS = 20
ROWS = 200_000
AGAIN = "make these results again with the command that wrote them"
HISTORY = dict.fromkeys(("stage", "epoch"), WHOLE) | dict.fromkeys(
    ("train_loss", "validation_auroc", "validation_loss", "learning_rate"), NUMBER
)
# completeness errors are shown on this scale; larger ones fall into the last bin
ERROR_EDGES = np.concatenate(([0.0], np.logspace(-4, 0, 33)))


@dataclass
class Predictions:
    """Counts over one scored BED."""

    rows: int = 0
    scored: int = 0
    super_enhancers: int = 0
    flagged: int = 0
    flags: Counter = field(default_factory=Counter)
    unscored: Counter = field(default_factory=Counter)
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(PROBABILITY_BINS, np.int64))
    summary: dict[str, Any] = field(default_factory=dict)


@dataclass
class Explanations:
    """Completeness of one explained BED; errors are the finite ones, float64."""

    regions: int
    errors: np.ndarray
    flags: Counter
    summary: dict[str, Any] = field(default_factory=dict)
    window_errors: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass
class Motifs:
    """Motifs behind one explained BED; pictures lie in ``folder/logos``."""

    table: pd.DataFrame
    summary: dict[str, Any]
    folder: Path


@dataclass
class Sample:
    """What is known of one sample; anything may be missing."""

    name: str
    regions: pd.DataFrame | None = None
    # of each fold and seed ("fold_1/seed_2"; "" where there is one training); the first is drawn
    runs: dict[str, pd.DataFrame] = field(default_factory=dict)
    metrics: dict[str, Any] | None = None
    curves: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    predictions: dict[str, Predictions] = field(default_factory=dict)
    explanations: dict[str, Explanations] = field(default_factory=dict)
    motifs: dict[str, Motifs] = field(default_factory=dict)
    patterns: dict[str, Motifs] = field(default_factory=dict)

    @property
    def history(self) -> pd.DataFrame | None:
        """The training that the curves show."""
        return self.runs[min(self.runs)] if self.runs else None


@dataclass
class Results:
    """Everything that the report tells of."""

    samples: dict[str, Sample]
    audit: dict[str, Any] | None = None
    transfer: dict[str, Any] | None = None
    # files to score or explain that had no region on the genome: name and reason
    passed_over: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def ordered(self) -> list[Sample]:
        """Every sample, in the order of the page."""
        return [self.samples[name] for name in sorted(self.samples, key=place_of)]

    def with_(self, attribute: str) -> list[Sample]:
        """Samples for which ``attribute`` is known, in the order of the page."""
        found = self.ordered()
        # a table has no truth value
        return [s for s in found if (v := getattr(s, attribute)) is not None and len(v)]


def collect(folders: Sequence[Path]) -> Results:
    """Read every known file below ``FOLDER/<sample>/``.

    Raises
    ------
    UserError
        If a folder is missing, a file is damaged, or nothing is found.
    """
    results = Results({})
    for folder in folders:
        if not folder.is_dir():
            raise UserError("no such folder", where=folder)
        read_shared(folder, results)
        for place in sorted(folder.iterdir()):
            hidden = place.name.startswith((".", "_")) or place.name in NOT_SAMPLES
            hidden |= RUN.fullmatch(place.name) is not None
            if place.is_dir() and not hidden:
                _read_sample(place, results)
    if not results.samples and results.audit is None and not results.passed_over:
        raise UserError(
            "nothing to report",
            where=", ".join(map(str, folders)),
            expected="folders with one folder per sample, with metrics.json, predictions.tsv, …",
        )
    return results


def read_shared(folder: Path, results: Results) -> None:
    """Read what is of all samples."""
    if (folder / "audit.json").is_file():
        results.audit = records.read(folder / "audit.json", shapes.Audit, AGAIN)
    if (folder / "transfer.json").is_file():
        results.transfer = records.read(folder / "transfer.json", shapes.Matrix, AGAIN)
    if (folder / "passed_over.json").is_file():
        said = read_object(folder / "passed_over.json")
        results.passed_over[str(said.get("file"))] = str(said.get("reason"))


def _read_sample(folder: Path, results: Results) -> None:
    sample = results.samples.get(folder.name) or Sample(folder.name)
    found = False
    for path in _walk(folder):
        run = "/".join(part for part in path.relative_to(folder).parts if RUN.fullmatch(part))
        if path.name == "history.tsv":
            take_history(path, sample, run)
            found = True
        elif run or "members" in path.relative_to(folder).parts:
            continue  # a fold's own results are in those of all
        elif path.name == "audit.json":
            results.audit = records.read(path, shapes.Audit, AGAIN)
        elif read_file(path, sample):
            found = True
    if found:
        results.samples[folder.name] = sample


def _walk(folder: Path) -> Iterator[Path]:
    # stages are staged as links to folders
    for place, names, members in os.walk(folder, followlinks=True):
        names.sort()
        yield from (Path(place) / member for member in sorted(members))


def read_file(path: Path, sample: Sample) -> bool:
    """Read one file into ``sample``; tell whether it is known."""
    name, bed = path.name, path.parent.name
    if name == "regions.tsv":
        _take_regions(path, sample)
    elif name == "metrics.json":
        sample.metrics = records.read(path, shapes.Metrics, AGAIN)
    elif name == "curves.json":
        sample.curves = records.read(path, shapes.Curves, AGAIN)
    elif name == "seformer.json":
        _take_settings(records.read(path, shapes.Model, AGAIN), sample)
    elif name == "predictions.tsv":
        sample.predictions[bed] = read_predictions(path, path.with_name("summary.json"))
    elif bed == "predictions" and path.suffix == ".tsv":
        summary = path.with_name(f"{path.stem}.summary.json")
        sample.predictions[path.stem] = read_predictions(path, summary)
    elif name == "attributions.tsv":
        windows = path.with_name("attributions_windows.tsv")
        sample.explanations[bed] = read_explanations(path, windows, path.with_name("summary.json"))
    elif bed == "attributions" and path.suffix == ".tsv":
        summary = path.with_name(f"{path.stem}.summary.json")
        windows = path.parent / "windows" / path.name
        sample.explanations[path.stem] = read_explanations(path, windows, summary)
    elif name == "motifs.tsv":
        sample.motifs[bed] = read_motifs(path, path.with_name("summary.json"))
    elif name == "patterns.tsv":
        sample.patterns[bed] = read_patterns(path, path.with_name("summary.json"))
    else:
        return False
    return True


def _take_regions(path: Path, sample: Sample) -> None:
    table = read_region_rows(path, ["chrom", "label", "length", "gc", "drop_reason"])
    if table["label"].notna().sum() == 0:
        return  # regions to score, not to train on
    if sample.regions is None or "split" in table.columns:
        sample.regions = table


def take_history(path: Path, sample: Sample, run: str) -> None:
    table = read_tsv(path, [*HISTORY][:4], numbers=HISTORY)
    known = [sample.runs[run]] if run in sample.runs else []
    joined = pd.concat([*known, table], ignore_index=True)
    sample.runs[run] = joined.drop_duplicates(["stage", "epoch"], keep="last").sort_values(
        ["stage", "epoch"], ignore_index=True
    )


def _take_settings(settings: dict[str, Any], sample: Sample) -> None:
    """Keep the settings of the model that has come furthest: evaluated, full, head."""

    def progress(found: dict[str, Any] | None) -> tuple[bool, bool, bool]:
        if found is None:
            return (False, False, False)
        evaluated = bool(found.get("calibration", {}).get("regions"))
        return (True, "full" in found.get("training", {}), evaluated)

    if progress(settings) >= progress(sample.settings):
        sample.settings = settings


def read_predictions(path: Path, summary: Path) -> Predictions:
    """Count one table of predictions, a part at a time.

    Raises
    ------
    UserError
        If it is not one.
    """
    found = Predictions(summary=_summary(summary, shapes.Predicted))
    edges = np.linspace(0, 1, PROBABILITY_BINS + 1)
    columns = ["logit", "probability", "prediction", "flags"]
    numbers = dict.fromkeys(columns[:2], NUMBER)
    try:
        with pd.read_csv(
            path,
            sep="\t",
            quoting=csv.QUOTE_NONE,
            usecols=columns,
            dtype={"prediction": str, "flags": str},
            keep_default_na=False,
            na_values={"logit": [""], "probability": [""]},
            chunksize=ROWS,
        ) as parts:
            for part in parts:
                as_numbers(part, path, numbers, found.rows + 2)
                scored = part["logit"].notna()
                found.rows += len(part)
                found.scored += int(scored.sum())
                found.super_enhancers += int((part["prediction"] == "SE").sum())
                flags = part.loc[scored, "flags"]
                found.flagged += int((flags != "").sum())
                found.flags.update(chain.from_iterable(f.split(",") for f in flags if f))
                found.unscored.update(part.loc[~scored, "flags"])
                found.histogram += np.histogram(part.loc[scored, "probability"], edges)[0]
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"this is not a table of predictions ({error})",
            where=path,
            expected=f"the columns {', '.join(columns)}",
        ) from error
    if int(found.histogram.sum()) != found.scored:
        raise UserError("a scored row has no probability from 0 to 1", where=path, do=AGAIN)
    bed = path.with_suffix(".bed")
    if bed.is_file():
        with open_text(bed) as lines:
            _of_one_run(bed, sum(1 for _ in lines), path, found.scored)
    _of_one_run(summary, found.summary.get("rows", found.rows), path, found.rows)
    return found


def _of_one_run(path: Path, rows: int, table: Path, known: int) -> None:
    """Refuse a file that lies beside a table of another run."""
    if rows != known:
        raise UserError(
            f"it is of {rows} regions, but {table.name} beside it of {known}: they are not of one "
            "run",
            where=path,
            do=AGAIN,
        )


def _summary(path: Path, shape: Any) -> dict[str, Any]:
    """Read the summary beside a table, if it is there."""
    return records.read(path, shape, AGAIN) if path.is_file() else {}


def read_explanations(path: Path, windows: Path, summary: Path) -> Explanations:
    """Read the completeness of one table of explained regions, and of their windows if known.

    The error of a window that contributes next to nothing is held absolutely, not relatively: it is
    left out.
    """
    error = {"completeness_error": RATIO}
    table = read_tsv(path, ["completeness_error"], text=["flags"], numbers=error)
    errors = table["completeness_error"].to_numpy()
    parts = np.empty(0)
    if windows.is_file():
        needed = ["part", "completeness_error", "flags"]
        found = read_tsv(windows, needed, text=["part", "flags"], numbers=error)
        small = found["flags"].fillna("").str.contains("small_difference")
        parts = found["completeness_error"][(found["part"] == "window") & ~small].to_numpy()
    flags = table["flags"].dropna() if "flags" in table.columns else []
    counted = Counter(chain.from_iterable(f.split(",") for f in flags if f))
    known = _summary(summary, shapes.Explained)
    _of_one_run(summary, known.get("rows", len(table)), path, len(table))
    # rows without sequence have no logit
    explained = table["logit"].notna().sum() if "logit" in table.columns else len(table)
    return Explanations(
        int(explained),
        errors[np.isfinite(errors)],
        counted,
        known,
        parts[np.isfinite(parts)],
    )


def read_patterns(path: Path, summary: Path) -> Motifs:
    """Read one table of what modisco found."""
    texts = ["pattern", "speaks_for", "consensus"]
    numbers = {"seqlets": WHOLE}
    table = read_tsv(path, [*texts, *numbers], text=texts, numbers=numbers)
    return Motifs(table, _summary(summary, shapes.Patterns), path.parent)


def read_motifs(path: Path, summary: Path) -> Motifs:
    """Read one table of motifs."""
    counts = ["seqlets", "positive", "negative", "se_seqlets", "te_seqlets"]
    ratios = ["best_q", "odds_se_te", "q_se_te", "odds_background", "q_background"]
    numbers = dict.fromkeys(counts, WHOLE) | dict.fromkeys(ratios, NUMBER)
    table = read_tsv(path, ["motif", *numbers], text=["motif"], numbers=numbers)
    return Motifs(table, _summary(summary, shapes.Named), path.parent)
