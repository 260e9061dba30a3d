"""Explain regions base by base: table, genome track and values, in flat memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.explain import folder, tracks
from seformer.explain.attribute import Attribution, attribute
from seformer.explain.check import check_regions, chosen_regions
from seformer.explain.completeness import check_windows
from seformer.explain.settings import AttributionSettings, ExplainSettings, FrameSettings
from seformer.explain.summary import RegionSummary, count_explained, log_summary, place_of
from seformer.explain.top_regions import write_top
from seformer.explain.values import VALUES_FILE, ValuesWriter
from seformer.genome.genome import Genome
from seformer.model.calibration import call_classes
from seformer.model.folder import Model, load_model
from seformer.regions.extract import extract, with_bases
from seformer.regions.folder import Extracted, read_extracted
from seformer.regions.nearby_genes import GeneMap, with_genes
from seformer.scoring.views import chunks
from seformer.util.atomic import output_folder, temporary_folder
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.records import write_json
from seformer.util.settings import ReadingRegions, takes
from seformer.util.tables import write_tsv

# of all views of regions explained together: they fill batches, and their tokens can be held
CHUNK_BASES = 400_000


@takes(ExplainSettings)
def explain(
    model: Path,
    out: Path,
    settings: ExplainSettings,
    *,
    fasta: Path | None = None,
    regions: Path | None = None,
    extracted: Path | None = None,
    chrom_sizes: Path | None = None,
) -> None:
    """Explain a region file, or one shard of it.

    ``out`` gets ``attributions.tsv`` (one row per input row, in input order; a row without
    sequence has its reason as flag), ``attributions_windows.tsv`` (one row per region and window),
    ``attributions.bw``, ``attributions.safetensors`` (see `explain.values.ValuesWriter`),
    ``top.json`` (see `explain.top_regions`) and ``summary.json``.

    Parameters
    ----------
    fasta, regions
        Genome and region file; or
    extracted
        A folder of `regions.extract.extract`, with ``fasta`` or ``chrom_sizes`` (a .fai) for the
        track's chromosome lengths. Without either they end with the last region.
    faithfulness_regions
        Regions on which faithfulness is measured; 0 for none.

    Raises
    ------
    UserError
        If an input cannot be used.
    """
    if extracted is None and (fasta is None or regions is None):
        raise UserError("give either --fasta with --regions, or --extracted")
    if extracted is not None and regions is not None:
        raise UserError("give either --regions or --extracted, not both")
    sizes = tracks.genome_sizes(fasta, chrom_sizes)
    genes = GeneMap.of(settings)
    with (
        output_folder(out, own=tracks.OWN_FILES) as staging,
        temporary_folder() as temporary,
    ):
        loaded = load_model(model, settings.device)
        if extracted is None:
            extracted = temporary / "extracted"
            how = settings.only(ReadingRegions)
            extract(fasta, extracted, regions=regions, unlabelled=True, **how)
        source = read_extracted(extracted)
        # wrong ones are refused before anything is computed
        sizes = tracks.track_sizes(source.kept, sizes)
        if genes is not None:
            genes.match(source.regions["chrom"])
            genes.require_match()
        _write_explained(loaded, source, staging, sizes, settings, genes)


def _write_explained(
    model: Model,
    source: Extracted,
    out: Path,
    sizes: dict[str, int],
    settings: ExplainSettings,
    genes: GeneMap | None,
) -> None:
    """Explain an extracted folder; what is computed goes to every file as it comes."""
    kept = source.kept
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    windows: list[tuple] = []
    summary = RegionSummary()
    with ValuesWriter(out / VALUES_FILE, kept["length"].tolist()) as values:
        for explained in explain_sequences(model, kept, source.sequences(), settings):
            region, sequence, call, result = explained
            values.add(result.values, sequence)
            summary.add(region, call, result, sequence)
            windows += window_rows(region, result, settings.completeness)
            rows.append(explained.row())
        seconds = time.monotonic() - began
        totals = [row["attribution_sum"] for row in rows]
        tracks.write_tracks(
            out, kept.assign(attribution_sum=totals), values, sizes, bedgraph=settings.bedgraph
        )
    table = _table(source.regions, rows)
    window_table = pd.DataFrame(windows, columns=list(folder.WINDOW_COLUMNS))
    write_tsv(with_genes(table, genes), out / folder.TABLE_FILE)
    write_tsv(window_table, out / folder.WINDOWS_FILE)
    write_top(out, window_table, sizes, genes)
    record = {
        "settings": settings.only(AttributionSettings),
        "model": model.settings.as_used,
        **count_explained(table, window_table),
        "seconds": round(seconds, 3),
        **summary.record(),
    }
    log_summary(record)
    chosen = chosen_regions(out, settings.faithfulness_regions)
    record["faithfulness"] = check_regions(model, *chosen, settings, seconds)
    write_json(record, out / folder.SUMMARY_FILE)


@takes(FrameSettings)
def explain_frame(
    model: Model, fasta: Path, regions: pd.DataFrame, source: str, settings: FrameSettings
) -> pd.DataFrame:
    """Explain regions in memory; see `seformer.regions.extract.with_bases`.

    Returns
    -------
    pandas.DataFrame
        The columns of `attributions.tsv` for every row, in order, then ``attributions`` (float32
        ``[bases]``) and ``sequence``, None where there is no sequence.

    Raises
    ------
    UserError
        If the regions or the genome cannot be used.
    """
    with Genome(fasta) as genome:
        read = with_bases(regions, source, genome, **settings.only(ReadingRegions))
        parts, sequences = zip(*read, strict=True)
    table = pd.concat(parts, ignore_index=True)
    kept = (table["drop_reason"] == "").to_numpy()
    rows, cells = [], np.full((2, len(table)), None, dtype=object)
    sequences = chain.from_iterable(sequences)
    explained = explain_sequences(model, table[kept], sequences, settings)
    for row, region in zip(np.flatnonzero(kept), explained, strict=True):
        rows.append(region.row())
        cells[0, row] = region.result.values.astype(np.float32)
        cells[1, row] = region.sequence
    table = _table(table, rows).fillna({"prediction": ""})
    table = table.astype(folder.numbers_of(folder.REGION_COLUMNS | folder.RESULT_COLUMNS))
    for column, column_cells in zip(("attributions", "sequence"), cells, strict=True):
        table[column] = pd.Series(column_cells, dtype=object)
    return table


class ExplainedRegion(NamedTuple):
    """A region (a row with ``chrom``, ``start``, ``end``, ``name``) with what was found of it.

    ``call`` is SE or TE.
    """

    region: pd.Series
    sequence: str
    call: str
    result: Attribution

    def row(self) -> dict[str, Any]:
        """Cells of `attributions.tsv` (`RESULT_COLUMNS`)."""
        result = self.result
        errors, steps = result.reference_errors, result.reference_steps
        return {
            "logit": result.logit,
            "prediction": self.call,
            "reference_logit": result.reference_logit,
            "attribution_sum": result.values.sum(),
            "special_share": result.special,
            "completeness_error": result.completeness_error,
            "worst_reference_error": errors.max() if len(errors) else np.nan,
            "steps": steps.max() if len(steps) else pd.NA,
            "references": len(steps),
            "coverage": result.coverage,
            "flags": ",".join(result.flags),
        }


def explain_sequences(
    model: Model, kept: pd.DataFrame, sequences: Iterable[str], settings: AttributionSettings
) -> Iterator[ExplainedRegion]:
    """Explain regions as they come, in order; the core of the stage and of `explain_frame`.

    Parameters
    ----------
    kept
        ``chrom``, ``start``, ``end``, ``name`` of the regions.
    sequences
        Their upper-case bases; a chunk of them is held at a time.
    """

    def explained() -> Iterator[ExplainedRegion]:
        regions = (row for _, row in kept.iterrows())
        for group in chunks(sequences, model.views, CHUNK_BASES):
            rows = list(islice(regions, len(group)))
            results = attribute(model, group, [place_of(row) for row in rows], settings)
            _, calls = call_classes(model.settings, np.array([result.logit for result in results]))
            yield from map(ExplainedRegion, rows, group, calls, results)

    # counted as they are done: sequences are read ahead, a chunk at a time
    return progress(explained(), "explaining", len(kept))


def window_rows(
    region: pd.Series, result: Attribution, completeness: float
) -> Iterator[tuple[Any, ...]]:
    """Rows of `attributions_windows.tsv` (`WINDOW_COLUMNS`): what a region's score is made of."""
    chrom, start, end = region["chrom"], int(region["start"]), int(region["end"])
    whole, steps = (start, end, region["name"]), result.reference_steps.max(initial=0)
    windows = zip(*result.windows, *check_windows(result.windows, completeness), strict=True)
    for count, rank, views, first, last, *sums, error, flags in windows:
        span = chrom, start + first, start + last
        yield *span, *whole, folder.WINDOW, rank + 1, count, views, *sums, error, steps, flags
    if result.spectrum:
        sums = result.spectrum, result.spectrum
        yield chrom, start, end, *whole, folder.SPECTRUM, pd.NA, 0, 0, *sums, 0.0, 0, ""


def _table(regions: pd.DataFrame, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Put results beside all input rows, and the reason beside those without sequence."""
    kept = (regions["drop_reason"] == "").to_numpy()
    results = pd.DataFrame(rows, columns=list(folder.RESULT_COLUMNS), index=np.flatnonzero(kept))
    table = regions[list(folder.REGION_COLUMNS)].reset_index(drop=True).join(results)
    table = table.astype({"steps": "Int64", "references": "Int64"})
    table["flags"] = table["flags"].where(kept, regions["drop_reason"].to_numpy())
    return folder.mark_overlaps(table)
