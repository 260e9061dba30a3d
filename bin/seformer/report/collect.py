"""Find and read what a run left behind; nothing here draws."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation.baselines.random_twin import TWIN
from seformer.explain.dissect_record import DissectionRecord
from seformer.regions.call_record import Call
from seformer.regions.folder import read_region_rows
from seformer.report.in_regions import AGAIN, places_in_regions, read_sites
from seformer.report.results import (
    PROBABILITY_BINS,
    Explanations,
    Judged,
    Motifs,
    Predictions,
    Results,
    SampleResults,
    VariantEffects,
)
from seformer.splits.audit_record import Audit
from seformer.util import records, shapes, shapes_of_tests
from seformer.util.errors import UserError
from seformer.util.shapes_of_pretraining import LOSS_FILE, SUMMARY_FILE, PretrainingSummary
from seformer.util.tables import NUMBER, RATIO, WHOLE, as_numbers, read_tsv
from seformer.util.text import open_text

PRETRAINING = "pretraining"
NOT_SAMPLES = {"model", "pipeline_info", "multiqc", "multiqc_data", "report", PRETRAINING}
# beside the table of a BED there may be that of its highest scores
TABLE = re.compile(r"(?!.*\.top\.tsv$).*\.tsv")
RUN = re.compile(r"(fold|seed)_\d+")
ROWS = 200_000
# variants in the table of the page
STRONGEST = 15
HISTORY = dict.fromkeys(("stage", "epoch"), WHOLE) | dict.fromkeys(
    ("train_loss", "validation_auroc", "validation_loss", "learning_rate"), NUMBER
)


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
        for below in sorted(folder.iterdir()):
            hidden = below.name.startswith((".", "_")) or below.name in NOT_SAMPLES
            if below.is_dir() and not hidden and not RUN.fullmatch(below.name):
                _read_sample(below, results)
    for sample in results.samples.values():
        sample.places = places_in_regions(sample)
    shared = results.pretraining or results.passed_over
    if not results.samples and results.audit is None and not shared:
        raise UserError(
            "nothing to report",
            where=", ".join(map(str, folders)),
            expected="folders with one folder per sample, with metrics.json, predictions.tsv, …",
        )
    return results


def read_shared(folder: Path, results: Results) -> None:
    """Read what is of all samples."""
    if (folder / "audit.json").is_file():
        results.audit = records.read(folder / "audit.json", Audit, AGAIN)
    if (folder / "transfer.json").is_file():
        results.transfer = records.read(folder / "transfer.json", shapes.Matrix, AGAIN)
    for path in sorted((folder / PRETRAINING).glob(f"**/{SUMMARY_FILE}")):
        run = "/".join(part for part in path.relative_to(folder).parts if RUN.fullmatch(part))
        results.pretraining[run] = read_losses(path)
    if (folder / "passed_over.json").is_file():
        record = records.read_object(folder / "passed_over.json")
        results.passed_over[str(record.get("file"))] = str(record.get("reason"))


def read_losses(path: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read summary.json of a pre-training, and loss.tsv beside it."""
    columns = ["step", "train_loss", "held_back_loss", "held_back_accuracy"]
    numbers = {"step": WHOLE} | dict.fromkeys(columns[1:], NUMBER)
    table = read_tsv(path.with_name(LOSS_FILE), columns, numbers=numbers)
    return records.read(path, PretrainingSummary, AGAIN), table


def _read_sample(folder: Path, results: Results) -> None:
    sample = results.samples.get(folder.name) or SampleResults(folder.name)
    known = False
    # stages are staged as links to folders
    for place, names, members in os.walk(folder, followlinks=True):
        names.sort()
        for path in (Path(place) / member for member in sorted(members)):
            parts = path.relative_to(folder).parts
            if TWIN in parts:
                continue  # its training is not the model's
            run = "/".join(part for part in parts if RUN.fullmatch(part))
            if path.name == "history.tsv":
                take_history(path, sample, run)
                known = True
            elif run or "members" in parts:
                continue  # a fold's own results are in those of all
            elif path.name == "audit.json":
                results.audit = records.read(path, Audit, AGAIN)
            else:
                known |= read_file(path, sample)
    if known:
        results.samples[folder.name] = sample


def read_file(path: Path, sample: SampleResults) -> bool:
    """Read one file into ``sample``; tell whether it is known."""
    match path.name:
        case "call.json":
            sample.call = records.read(path, Call, AGAIN)
            sample.tables["called"] = {"": path.with_name("constituents.bed")}
        case "regions.tsv":
            _take_regions(path, sample)
        case "metrics.json":
            metrics = records.read(path, shapes_of_tests.Metrics, AGAIN)
            _of(path, sample, "judged" in metrics).metrics = metrics
        case "curves.json":
            curves = records.read(path, shapes_of_tests.Curves, AGAIN)
            _of(path, sample, "judged" in curves).curves = curves
        case "seformer.json":
            _take_settings(records.read(path, shapes.Model, AGAIN), sample)
        case _:
            return _read_bed(path, sample)
    return True


def _of(path: Path, sample: SampleResults, judged: bool) -> SampleResults | Judged:
    """Where a test belongs: to the sample's model, or to scores, named after their folder."""
    return sample.judged.setdefault(path.parent.name, Judged()) if judged else sample


def _read_bed(path: Path, sample: SampleResults) -> bool:
    """Read what is of one BED: ``BED/predictions.tsv`` of a stage, ``predictions/BED.tsv``.

    Files may be named as any of these tables: what lies in a published folder is of that folder.
    """
    folder, bed = path.parent, path.stem
    if folder.name in BESIDE and folder.parent.name in PUBLISHED:
        return False
    name, summary = folder.name, path.with_name(f"{bed}.summary.json")
    if name not in PUBLISHED or (bed in TABLES and not summary.is_file()):
        name, bed, summary = bed, folder.name, path.with_name("summary.json")
    if name not in TABLES or not TABLE.fullmatch(path.name):
        return False
    attribute, read = TABLES[name]
    getattr(sample, attribute)[bed] = read(path, summary)
    sample.tables.setdefault(name, {})[bed] = path
    return True


def _take_regions(path: Path, sample: SampleResults) -> None:
    table = read_region_rows(path, ["chrom", "label", "length", "gc", "drop_reason"])
    if table["label"].notna().sum() == 0:
        return  # regions to score, not to train on
    if sample.regions is None or "split" in table.columns:
        sample.regions = table


def take_history(path: Path, sample: SampleResults, run: str) -> None:
    """Read one training's epochs, and join those of another stage of the same run."""
    table = read_tsv(path, [*HISTORY][:4], numbers=HISTORY)
    earlier = [sample.runs[run]] if run in sample.runs else []
    table = pd.concat([*earlier, table], ignore_index=True)
    sample.runs[run] = table.drop_duplicates(["stage", "epoch"], keep="last").sort_values(
        ["stage", "epoch"], ignore_index=True
    )


def _take_settings(settings: dict[str, Any], sample: SampleResults) -> None:
    """Keep the settings of the model that has come furthest: evaluated, full, head."""

    def progress(model: dict[str, Any]) -> tuple[bool, bool]:
        evaluated = bool(model.get("calibration", {}).get("regions"))
        return ("full" in model.get("training", {}), evaluated)

    if sample.settings is None or progress(settings) >= progress(sample.settings):
        sample.settings = settings


def _read_summary(path: Path, shape: Any) -> dict[str, Any]:
    """Read the summary beside a table, if it is there."""
    return records.read(path, shape, AGAIN) if path.is_file() else {}


def _require_one_run(path: Path, rows: int, table: Path, known: int) -> None:
    """Refuse a file that lies beside a table of another run."""
    if rows != known:
        raise UserError(
            f"it is of {rows} regions, but {table.name} beside it of {known}: they are not of one "
            "run",
            where=path,
            do=AGAIN,
        )


def _read_predictions(path: Path, summary: Path) -> Predictions:
    """Count one table of predictions, a part at a time.

    Raises
    ------
    UserError
        If it is not one.
    """
    counts = Predictions(
        summary=_read_summary(summary, shapes.Predicted), top=_read_top(path, summary)
    )
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
                as_numbers(part, path, numbers, counts.rows + 2)
                scored = part["logit"].notna()
                counts.rows += len(part)
                counts.scored += int(scored.sum())
                counts.super_enhancers += int((part["prediction"] == "SE").sum())
                counts.flags += _count_flags(part.loc[scored, "flags"])
                counts.unscored.update(part.loc[~scored, "flags"])
                counts.histogram += np.histogram(part.loc[scored, "probability"], edges)[0]
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"this is not a table of predictions ({error})",
            where=path,
            expected=f"the columns {', '.join(columns)}",
        ) from error
    if int(counts.histogram.sum()) != counts.scored:
        raise UserError("a scored row has no probability from 0 to 1", where=path, do=AGAIN)
    bed = path.with_suffix(".bed")
    if bed.is_file():
        with open_text(bed) as lines:
            _require_one_run(bed, sum(1 for _ in lines), path, counts.scored)
    _require_one_run(summary, counts.summary.get("rows", counts.rows), path, counts.rows)
    return counts


def _read_top(path: Path, summary: Path) -> pd.DataFrame | None:
    """Read the table of the highest scores beside one of predictions, if it is there."""
    staged = summary.name == "summary.json"
    path = path.with_name("top.tsv" if staged else f"{path.stem}.top.tsv")
    if not path.is_file():
        return None
    texts = ["chrom", "name", "prediction", "set", "flags", "nearest_gene"]
    numbers = {"rank": WHOLE, "start": WHOLE, "end": WHOLE, "logit": NUMBER, "probability": NUMBER}
    return read_tsv(path, ["chrom", "prediction", *numbers], text=texts, numbers=numbers)


def _count_flags(flags: pd.Series) -> Counter:
    """Count the flags of rows, which are joined by commas."""
    return Counter(chain.from_iterable(text.split(",") for text in flags if text))


def _read_explanations(path: Path, summary: Path) -> Explanations:
    """Read the completeness of one table of explained regions, and of their windows if known.

    The error of a window that contributes next to nothing is held absolutely, not relatively: it is
    left out.
    """
    error = {"completeness_error": RATIO}
    table = read_tsv(path, ["completeness_error"], text=["flags"], numbers=error)
    errors, window_errors = table["completeness_error"].to_numpy(), np.empty(0)
    staged = summary.name == "summary.json"
    windows = path.parent / ("attributions_windows.tsv" if staged else f"windows/{path.name}")
    top = path.with_name("top.json" if staged else f"{path.stem}.top.json")
    if windows.is_file():
        needed = ["part", "completeness_error", "flags"]
        rows = read_tsv(windows, needed, text=["part", "flags"], numbers=error)
        small = rows["flags"].fillna("").str.contains("small_difference")
        window_errors = rows["completeness_error"][(rows["part"] == "window") & ~small].to_numpy()
    flags = table["flags"].dropna() if "flags" in table.columns else pd.Series([], dtype=str)
    details = _read_summary(summary, shapes.Explained)
    _require_one_run(summary, details.get("rows", len(table)), path, len(table))
    # rows without sequence have no logit
    explained = table["logit"].notna().sum() if "logit" in table.columns else len(table)
    return Explanations(
        int(explained),
        errors[np.isfinite(errors)],
        _count_flags(flags),
        details,
        window_errors[np.isfinite(window_errors)],
        records.read(top, shapes.Top, AGAIN) if top.is_file() else None,
    )


def _read_patterns(path: Path, summary: Path) -> Motifs:
    """Read one table of what modisco found."""
    texts = ["pattern", "speaks_for", "consensus"]
    numbers = {"seqlets": WHOLE}
    table = read_tsv(path, [*texts, *numbers], text=texts, numbers=numbers)
    return Motifs(table, _read_summary(summary, shapes.Patterns), path.parent)


def _read_motifs(path: Path, summary: Path) -> Motifs:
    """Read one table of motifs."""
    counts = ["seqlets", "positive", "negative", "se_seqlets", "te_seqlets"]
    ratios = ["best_q", "odds_se_te", "q_se_te", "odds_background", "q_background"]
    numbers = dict.fromkeys(counts, WHOLE) | dict.fromkeys(ratios, NUMBER)
    table = read_tsv(path, ["motif", *numbers], text=["motif", "factor", "matrix"], numbers=numbers)
    for column in ("factor", "matrix", "regions"):  # 1.0.0 had none of them
        if column not in table:
            table[column] = table["motif"] if column == "factor" else pd.NA
    table["regions"] = pd.to_numeric(table["regions"], errors="coerce")
    details = _read_summary(summary, shapes.Named)
    return Motifs(table, details, path.parent, read_sites(path.parent))


def _read_variants(path: Path, summary: Path) -> VariantEffects:
    """Read one table of variants; those of version 1.0 have no p."""
    texts = ["chrom", "id", "reference", "alternative", "status"]
    numbers = {"position": WHOLE} | dict.fromkeys(("difference", "p", "q"), NUMBER)
    needed = [*texts, "position", "difference"]
    more = ["motif_gained", "motif_lost"]
    table = read_tsv(path, needed, text=[*texts, *more], numbers=numbers)
    scored = table[table["difference"].notna()]
    size = scored["difference"].abs()
    p = scored["p"] if "p" in scored else pd.Series(np.nan, scored.index)
    order = np.lexsort((-size, p.fillna(2)))[:STRONGEST]
    details = _read_summary(summary, shapes.Varied)
    return VariantEffects(
        len(scored),
        scored.iloc[order],
        size[p.notna()].to_numpy(),
        np.array(details.get("null", {}).get("quantiles", [])),
        details,
    )


def _read_dissection(path: Path, summary: Path) -> DissectionRecord:
    """Read the summary of a dissection; all that the page shows is in it."""
    record: Any = records.read(summary, DissectionRecord, AGAIN)
    _require_one_run(summary, record["rows"], path, len(read_tsv(path)))
    return record


# tables of one BED: name -> attribute of the sample, and what reads one
TABLES = {
    "predictions": ("predictions", _read_predictions),
    "attributions": ("explanations", _read_explanations),
    "motifs": ("motifs", _read_motifs),
    "patterns": ("patterns", _read_patterns),
    "variants": ("variants", _read_variants),
    "constituents": ("dissections", _read_dissection),
}
# published as `predictions/BED.tsv`; the others keep their names, in folders named after the BED
PUBLISHED = ("predictions", "attributions", "variants")
# folders in those with tables that belong to the others
BESIDE = ("windows", "null")
