"""Score regions with a trained model: every input row, in input order, whole."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd

from seformer.genome.assemblies import same
from seformer.genome.genome import Genome
from seformer.model.calibration import call_classes
from seformer.model.folder import Model, load_model
from seformer.model.settings import Assembly, ModelSettings
from seformer.regions.extract import extract, genome_record, with_bases
from seformer.regions.folder import in_order, read_extracted
from seformer.regions.frames import free_names
from seformer.regions.read import iter_regions
from seformer.scoring.score import DEFAULT_BATCH_TOKENS, Ensemble
from seformer.util import records, shapes
from seformer.util.atomic import output_folder, temporary_folder
from seformer.util.errors import UserError
from seformer.util.labels import COLOURS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.tables import write_tsv, write_tsv_rows
from seformer.util.text import open_text

logger = logging.getLogger(__name__)
SCORE_COLUMNS = ("logit", "probability", "prediction", "coverage", "flags")
# only of an ensemble: the standard deviation of its members' logits
LOGIT_SD = "logit_sd"
# as BED has them: red, green, blue in decimals
BED_COLOURS = {name: ",".join(map(str, bytes.fromhex(text[1:]))) for name, text in COLOURS.items()}
ROWS = 20_000
# one round of scoring; memory does not grow with the file
SHARD_BASES = 10_000_000
N_RICH = 0.1
SHORT = 200


def predict(
    model: Path,
    out: Path,
    *,
    fasta: Path | None = None,
    regions: Path | None = None,
    extracted: Path | None = None,
    prevalence: float | None = None,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    device: str = "auto",
) -> None:
    """Score a region file, or one shard of it.

    With ``fasta`` and ``regions``, ``out`` gets ``predictions.tsv`` (the file's own columns and
    `SCORE_COLUMNS`), ``predictions.bed`` and ``summary.json``. With ``extracted`` (a shard)
    it gets ``scores.tsv`` and ``summary.json``, for `merge`.

    Raises
    ------
    UserError
        If an input cannot be used.
    """
    if (extracted is None) == (fasta is None or regions is None):
        raise UserError("give either --fasta with --regions, or --extracted")
    check_prevalence(prevalence)
    with output_folder(out) as staging, temporary_folder() as temporary:
        loaded = load_model(model, device)
        if extracted is not None:
            write_scores(loaded, extracted, staging, prevalence, batch_tokens)
            return
        shards = score_file(
            loaded,
            fasta,
            regions,
            temporary,
            prevalence=prevalence,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
            batch_tokens=batch_tokens,
        )
        write_merged(regions, shards, staging)


def check_prevalence(prevalence: float | None) -> None:
    """Refuse a share of super-enhancers that is none."""
    if prevalence is not None and not 0 < prevalence < 1:
        raise UserError(f"--prevalence {prevalence}", expected="a number between 0 and 1")


def score_frame(
    model: Model,
    fasta: Path,
    regions: pd.DataFrame,
    source: str,
    *,
    prevalence: float | None = None,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> pd.DataFrame:
    """Score regions in memory; see `seformer.regions.extract.with_bases`.

    Returns
    -------
    pandas.DataFrame
        `SCORE_COLUMNS` of every row, in order (of an ensemble `LOGIT_SD` as well).

    Raises
    ------
    UserError
        If the regions or the genome cannot be used.
    """
    check_prevalence(prevalence)
    with Genome(fasta) as genome:
        record = genome_record(genome)
        read = with_bases(
            regions,
            source,
            genome,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
        )
        parts = [
            score_rows(model, rows, sequences, record, prevalence, batch_tokens)[0]
            for rows, sequences in read
        ]
    return pd.concat(parts, ignore_index=True).drop(columns="line")


def score_file(
    model: Model,
    fasta: Path,
    regions: Path,
    work: Path,
    *,
    prevalence: float | None = None,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> list[Path]:
    """Extract a region file into ``work`` and score it; returns one folder a shard, in order."""
    extract(
        fasta,
        work / "extracted",
        regions=regions,
        unlabelled=True,
        rename_chromosomes=rename_chromosomes,
        invalid_regions=invalid_regions,
        shard_bases=SHARD_BASES,
    )
    shards = []
    for folder in in_order([*(work / "extracted").glob("shard_*")]):
        shards.append(work / "scores" / folder.name)
        shards[-1].mkdir(parents=True)
        write_scores(model, folder, shards[-1], prevalence, batch_tokens)
    return shards


def merge(regions: Path, shards: Sequence[Path], out: Path) -> None:
    """Put the scores of consecutive shards beside the rows of the file they come from.

    Raises
    ------
    UserError
        If the shards do not add up to the file.
    """
    with output_folder(out) as staging:
        write_merged(regions, in_order(shards), staging)


def write_scores(
    model: Model, extracted: Path, out: Path, prevalence: float | None, batch_tokens: int
) -> None:
    """Write ``scores.tsv`` (line, `SCORE_COLUMNS`) for every row, and ``summary.json``."""
    source = read_extracted(extracted)
    genome = source.summary.get("genome", {})
    table, windows = score_rows(
        model, source.regions, source.sequences(), genome, prevalence, batch_tokens
    )
    write_tsv(table, out / "scores.tsv")
    write_json(summarise(table, source.regions, windows), out / "summary.json")


def score_rows(
    model: Model,
    regions: pd.DataFrame,
    sequences: Iterable[str],
    genome: dict[str, Any],
    prevalence: float | None,
    batch_tokens: int,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Score the rows without ``drop_reason``, whose ``sequences`` these are.

    Returns
    -------
    tuple
        ``line`` and the columns of scores for every row, and int64 ``[scored]``, the windows of
        each region.
    """
    scores = Ensemble(model, batch_tokens).score(sequences)
    settings = model.settings
    kept = (regions["drop_reason"] == "").to_numpy()
    table = pd.DataFrame({"line": regions["line"]})
    if not np.isfinite(scores.logit).all():
        row = regions[kept].iloc[int(np.flatnonzero(~np.isfinite(scores.logit))[0])]
        raise UserError(
            f"the score of {row['chrom']}:{row['start']}-{row['end']} is not finite",
            where=model.settings.sample,
            do="do not use this model: its weights overflow",
        )
    probability, called = call_classes(settings, scores.logit, prevalence)
    table["logit"] = table["probability"] = np.nan
    table.loc[kept, "logit"] = scores.logit
    table.loc[kept, "probability"] = probability
    table["prediction"] = ""
    table.loc[kept, "prediction"] = called
    table["coverage"] = 0.0
    table.loc[kept, "coverage"] = scores.coverage
    table["flags"] = flags(regions, settings, genome)
    if len(model.members) > 1:
        table[LOGIT_SD] = np.nan
        table.loc[kept, LOGIT_SD] = scores.logit_sd
    return table, scores.windows


def flags(regions: pd.DataFrame, settings: ModelSettings, genome: dict[str, Any]) -> pd.Series:
    """Say why a row has no score, or what to keep in mind about it; comma-separated.

    ``length_outside_training`` and ``gc_outside_training`` (outside the central 99 % of the
    training regions), ``chromosome_outside_training`` (no labelled region lay on it), ``n_rich``
    (over 10 % N), ``short`` (under 200 bp) and ``other_assembly``.
    """
    found = pd.DataFrame(index=regions.index)
    known = settings.training_range
    if known is not None:
        for column in ("length", "gc"):
            low, high = getattr(known, column)
            found[f"{column}_outside_training"] = ~regions[column].between(low, high)
        if known.chromosomes:
            names = set(map(same, known.chromosomes))
            plain = regions["chrom"].astype(str).map(same)
            found["chromosome_outside_training"] = ~plain.isin(names)
    found["n_rich"] = regions["n_fraction"] > N_RICH
    found["short"] = regions["length"] < SHORT
    found["other_assembly"] = _is_foreign(regions["chrom"], settings.assembly, genome)
    joined = pd.Series("", index=regions.index)
    for name in found:
        joined = joined.where(~found[name], joined + f",{name}")
    return joined.str.removeprefix(",").where(regions["drop_reason"] == "", regions["drop_reason"])


def _is_foreign(chrom: pd.Series, trained_on: Assembly, genome: dict[str, Any]) -> pd.Series:
    """Tell which chromosomes are not of the genome that the model was trained on, by content.

    Chromosomes that only one of the two genomes has are judged by the others. Where one side has no
    checksums, as models of version 1.0, the names of the assemblies tell, or if they are not
    known the names and lengths of all chromosomes.
    """
    here, there = genome.get("sequences") or {}, set(trained_on.sequences.values())
    for one, other in (
        (trained_on.name, genome.get("assembly")),
        (trained_on.fingerprint, genome.get("fingerprint")),
    ):
        if not (here and there) and one and other:
            return pd.Series(one != other, index=chrom.index)
    if not (here and there):
        return pd.Series(False, index=chrom.index)
    if there.isdisjoint(here.values()):
        return pd.Series(True, index=chrom.index)
    named = set(map(same, trained_on.sequences))
    other = {name for name, value in here.items() if value not in there and same(name) in named}
    return chrom.isin(other)


def summarise(table: pd.DataFrame, regions: pd.DataFrame, windows: np.ndarray) -> dict[str, Any]:
    """Count rows, calls, flags and work."""
    kept = regions["drop_reason"] == ""
    counted = Counter(chain.from_iterable(f.split(",") for f in table["flags"][kept] if f))
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
    }


def add_summaries(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the counts of shards."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = dict(Counter(total.get(key, {})) + Counter(value))
            elif key == "smallest_coverage":
                known = [v for v in (total.get(key), value) if v is not None]
                total[key] = min(known, default=None)
            else:
                total[key] = total.get(key, 0) + value
    return total


def write_merged(regions: Path, shards: Sequence[Path], out: Path) -> None:
    """Write ``predictions.tsv``, ``predictions.bed`` and ``summary.json``, row by row."""
    paths = [shard / "scores.tsv" for shard in shards]
    columns = score_columns(paths)
    lengths: list[int] = []
    scores = _score_rows(paths, 1 + len(columns), lengths)
    with (
        open(out / "predictions.tsv", "w", encoding="utf-8", newline="") as table,
        open(out / "predictions.bed", "w", encoding="utf-8", newline="") as bed,
    ):
        header, read_as = True, ""
        # what is an error in the file was one before it was scored
        for part in iter_regions(regions, ROWS, labels=False, invalid="keep"):
            rows = list(islice(scores, len(part.regions)))
            lines = [int(row[0]) for row in rows]
            if lines != part.regions["line"].tolist():
                raise UserError(
                    f"the scores do not fit the file's lines {part.regions['line'].iloc[0]} on",
                    where=regions,
                    do="score this file again: it was changed after it was scored",
                )
            _write_part(part.own, part.regions, rows, columns, table, bed, header)
            header, read_as = False, part.read_as
    if next(scores, None) is not None:
        raise UserError("there are more scores than regions", where=regions)
    summaries = []
    for path, length in zip(paths, lengths, strict=True):
        beside, again = path.with_name("summary.json"), "score this shard again"
        summaries.append(records.read(beside, shapes.Predicted, again))
        if summaries[-1]["rows"] != length:
            raise UserError(f"it is not of the {length} rows beside it", where=beside, do=again)
    total = {**add_summaries(summaries), "read_as": read_as}
    write_json(total, out / "summary.json")


def score_columns(paths: Sequence[Path]) -> list[str]:
    """Return the columns of scores that all shards have: an ensemble's have one more.

    Raises
    ------
    UserError
        If a file is no table of scores, or the shards were scored by different models.
    """
    found = list(SCORE_COLUMNS)
    for number, path in enumerate(paths):
        with open_text(path) as text:
            first, *columns = text.readline().rstrip("\n").split("\t")
        known = columns in ([*SCORE_COLUMNS], [*SCORE_COLUMNS, LOGIT_SD])
        if first != "line" or not known or (number and columns != found):
            raise UserError(
                "this is not a table of scores, or not of the same model as the others",
                where=path,
                line=1,
                do="score all shards with one model",
            )
        found = columns
    return found


def _score_rows(paths: Sequence[Path], width: int, lengths: list[int]) -> Iterator[list[str]]:
    """Yield the rows of all files; the number of each file's goes into ``lengths``."""
    for path in paths:
        with open_text(path) as text:
            text.readline()
            number = 1
            for number, row in enumerate(text, 2):
                cells = row.rstrip("\n").split("\t")
                if len(cells) != width or not cells[0].isdecimal() or row[-1] != "\n":
                    raise UserError(
                        "this is no row of scores",
                        where=path,
                        line=number,
                        expected=f"{width} columns, the first a line number",
                        do="score this shard again",
                    )
                yield cells
        lengths.append(number - 1)


def _write_part(
    own: pd.DataFrame,
    regions: pd.DataFrame,
    rows: list[list[str]],
    columns: list[str],
    table: TextIO,
    bed: TextIO,
    header: bool,
) -> None:
    # an own column of the same name (scored before) is kept under a name that says so
    own = own.set_axis(free_names(own.columns, columns), axis=1)
    scores = pd.DataFrame([row[1:] for row in rows], columns=columns)
    write_tsv_rows(own.reset_index(drop=True).join(scores), table, header=header)
    scored = scores["logit"] != ""
    places = regions.reset_index(drop=True)[scored]
    called = scores["prediction"][scored]
    probability = pd.to_numeric(scores["probability"][scored], errors="coerce")
    if not probability.between(0, 1).all():
        raise UserError(
            "a probability among the scores is no number from 0 to 1", do="score all shards again"
        )
    value = probability.mul(1000).round().astype(int)
    track = pd.DataFrame(
        {
            "chrom": places["chrom"],
            "start": places["start"],
            "end": places["end"],
            "name": places["name"],
            "score": value,
            "strand": ".",
            "thick_start": places["start"],
            "thick_end": places["end"],
            "colour": called.map(BED_COLOURS),
        }
    )
    write_tsv_rows(track, bed)
