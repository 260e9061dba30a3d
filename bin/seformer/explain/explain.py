"""Explain regions base by base: table, genome track and values, in flat memory; merge shards."""

from __future__ import annotations

import dataclasses
import errno
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.explain import faithfulness, tracks
from seformer.explain.attribute import (
    INCOMPLETE,
    OVERLAPPING,
    SMALL,
    SMALL_DIFFERENCE,
    Attribution,
    Settings,
    attribute,
    complete,
    relative_error,
)
from seformer.explain.folder import (
    KINDS,
    REGION_COLUMNS,
    RESULT_COLUMNS,
    TABLE_FILE,
    WINDOW_COLUMNS,
    WINDOWS_FILE,
    has_values,
    iterate,
    open_values,
    read_table,
    read_windows,
)
from seformer.genome.genome import Genome
from seformer.model.calibration import call_classes
from seformer.model.folder import Model, load_model
from seformer.regions.extract import extract, with_bases
from seformer.regions.folder import in_order, read_extracted
from seformer.scoring.views import chunks
from seformer.sequence.dna import base_codes
from seformer.util import records, shapes
from seformer.util.atomic import output_folder, require_writable, temporary_folder
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.labels import SUPER, TYPICAL
from seformer.util.logs import progress
from seformer.util.records import write_json
from seformer.util.tables import write_tsv

logger = logging.getLogger(__name__)
TRACK_FILE, SUMMARY_FILE = "attributions.bw", "summary.json"
BEDGRAPH_FILE = "attributions.bedgraph"
# of all views of regions explained together: they fill batches, and their tokens can be held
CHUNK_BASES = 400_000
WINDOW, SPECTRUM = "window", "kmer_spectrum"  # parts of a region's score
PROFILE_BINS = 50
DRAWN_REGIONS, DRAWN_POINTS = 6, 600


def explain(
    model: Path,
    out: Path,
    *,
    fasta: Path | None = None,
    regions: Path | None = None,
    extracted: Path | None = None,
    chrom_sizes: Path | None = None,
    settings: Settings | None = None,
    faithfulness_regions: int = faithfulness.REGIONS,
    bedgraph: bool = False,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
    device: str = "auto",
) -> None:
    """Explain a region file, or one shard of it.

    ``out`` gets ``attributions.tsv`` (one row per input row, in input order; a row without
    sequence has its reason as flag), ``attributions_windows.tsv`` (one row per region and window),
    ``attributions.bw``, ``attributions.safetensors`` (see `explain.tracks.ValuesWriter`) and
    ``summary.json``.

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
    settings = settings or Settings()
    sizes = read_sizes(fasta, chrom_sizes)
    with (
        output_folder(out, own=[TRACK_FILE, BEDGRAPH_FILE]) as staging,
        temporary_folder() as temporary,
    ):
        loaded = load_model(model, resolve_device(device))
        if extracted is None:
            extracted = temporary / "extracted"
            extract(
                fasta,
                extracted,
                regions=regions,
                unlabelled=True,
                rename_chromosomes=rename_chromosomes,
                invalid_regions=invalid_regions,
            )
        if sizes is not None:  # known before anything is computed
            tracks.check_sizes(read_extracted(extracted).kept, sizes, "the genome of the track")
        write_values(loaded, extracted, staging, settings, faithfulness_regions)
        write_tracks(staging, sizes, bedgraph=bedgraph)


def read_sizes(fasta: Path | None, chrom_sizes: Path | None) -> dict[str, int] | None:
    """Chromosome lengths from a genome or a table; None if neither is given."""
    if chrom_sizes is not None:
        return tracks.read_sizes(chrom_sizes)
    if fasta is not None:
        with Genome(fasta) as genome:
            return dict(genome.chromosomes)
    return None


def write_values(
    model: Model, extracted: Path, out: Path, settings: Settings, faithfulness_regions: int
) -> None:
    """Write the table, the values and the summary of an extracted folder."""
    source = read_extracted(extracted)
    kept = source.kept
    began = time.monotonic()
    rows: list[dict[str, Any]] = []
    parts: list[tuple] = []
    summary = Summary()
    checked = faithfulness.Sample(faithfulness.choose(kept["length"], faithfulness_regions))
    with tracks.ValuesWriter(out / tracks.VALUES_FILE, kept["length"].tolist()) as writer:
        for region, sequence, call, result in each(model, kept, source.sequences(), settings):
            writer.add(result.values, sequence)
            checked.offer(len(rows), sequence, _key(region), result)
            summary.add(region, call, result, sequence)
            parts += window_rows(region, result, settings.completeness)
            rows.append(_row(result, call))
    seconds = time.monotonic() - began
    table = _table(source.regions, rows)
    windows = pd.DataFrame(parts, columns=list(WINDOW_COLUMNS))
    write_tsv(table, out / TABLE_FILE)
    write_tsv(windows, out / WINDOWS_FILE)
    record = {
        "settings": dataclasses.asdict(settings),
        **summarise(table, windows),
        "seconds": round(seconds, 3),
        **summary.record(),
        "faithfulness": faithfulness.measure(model, checked, settings),
    }
    write_json(record, out / SUMMARY_FILE)
    log(record)


def explain_frame(
    model: Model,
    fasta: Path,
    regions: pd.DataFrame,
    source: str,
    settings: Settings,
    *,
    rename_chromosomes: bool = False,
    invalid_regions: str = "error",
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
        read = with_bases(
            regions,
            source,
            genome,
            rename_chromosomes=rename_chromosomes,
            invalid_regions=invalid_regions,
        )
        parts, sequences = zip(*read, strict=True)
    table = pd.concat(parts, ignore_index=True)
    kept = (table["drop_reason"] == "").to_numpy()
    rows = []
    found = np.full((len(table), 2), None, dtype=object)
    places = iter(np.flatnonzero(kept))
    explained = each(model, table[kept], chain.from_iterable(sequences), settings)
    for _, sequence, call, result in explained:
        rows.append(_row(result, call))
        place = next(places)
        found[place, 0], found[place, 1] = result.values.astype(np.float32), sequence
    table = _table(table, rows).fillna({"prediction": ""}).astype(KINDS)
    for column, cells in zip(("attributions", "sequence"), found.T, strict=True):
        table[column] = pd.Series(cells, dtype=object)
    return table


def each(
    model: Model, kept: pd.DataFrame, sequences: Iterable[str], settings: Settings
) -> Iterator[tuple[pd.Series, str, str, Attribution]]:
    """Yield row, bases, SE or TE and attribution of every region, in order."""
    regions = (row for _, row in kept.iterrows())
    sequences = progress(sequences, "explaining", len(kept))
    for group in chunks(sequences, model.views, CHUNK_BASES):
        rows = list(islice(regions, len(group)))
        results = attribute(model, group, [_key(row) for row in rows], settings)
        _, called = call_classes(model.settings, np.array([result.logit for result in results]))
        yield from zip(rows, group, called, results, strict=True)


def _key(region: pd.Series) -> str:
    return f"{region['chrom']}:{region['start']}-{region['end']}"


def _row(result: Attribution, call: str) -> dict[str, Any]:
    errors, steps = result.reference_errors, result.reference_steps
    return {
        "logit": result.logit,
        "prediction": call,
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


def window_rows(
    region: pd.Series, result: Attribution, completeness: float
) -> Iterator[tuple[Any, ...]]:
    """Rows of `attributions_windows.tsv` (`WINDOW_COLUMNS`): what a region's score is made of."""
    chrom, start, end = region["chrom"], int(region["start"]), int(region["end"])
    own, found = (start, end, region["name"]), result.windows
    errors = relative_error(found.total, found.difference)
    done = complete(found.total, found.difference, completeness)
    steps = result.reference_steps.max(initial=0)
    small = np.abs(found.difference) < SMALL_DIFFERENCE
    for index, (count, rank, views, first, last, *sums) in enumerate(zip(*found, strict=True)):
        flags = [name for name, holds in ((SMALL, small), (INCOMPLETE, ~done)) if holds[index]]
        place = (chrom, start + first, start + last, *own, WINDOW, rank + 1, count, views)
        yield *place, *sums, errors[index], steps, ",".join(flags)
    if result.spectrum:
        place = (chrom, start, end, *own, SPECTRUM, pd.NA, 0, 0)
        yield *place, result.spectrum, result.spectrum, 0.0, 0, ""


def _table(regions: pd.DataFrame, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Put results beside all input rows, and the reason beside those without sequence."""
    kept = (regions["drop_reason"] == "").to_numpy()
    found = pd.DataFrame(rows, columns=list(RESULT_COLUMNS))
    found["flags"] = _joined(found["flags"], tracks.overlapping(regions[kept]))
    found = found.set_index(np.flatnonzero(kept))
    table = regions[list(REGION_COLUMNS)].reset_index(drop=True).join(found)
    table["steps"] = table["steps"].astype("Int64")
    table["references"] = table["references"].astype("Int64")
    table["flags"] = table["flags"].where(kept, regions["drop_reason"].to_numpy())
    return table


def _joined(flags: pd.Series, shared: np.ndarray) -> list[str]:
    return [
        ",".join(filter(None, (flag, OVERLAPPING if overlaps else "")))
        for flag, overlaps in zip(flags, shared, strict=True)
    ]


# ------------------------------------------------------------------------- merging


def merge(
    shards: Sequence[Path],
    out: Path,
    *,
    fasta: Path | None = None,
    chrom_sizes: Path | None = None,
    bedgraph: bool = False,
) -> None:
    """Join the results of consecutive shards into one table, track and values file.

    Raises
    ------
    UserError
        If no shard is given, one is incomplete, or the genome is not theirs.
    """
    if not shards:
        raise UserError("no shard is given", expected="folders written by `seformer explain`")
    require_writable(out)
    shards = in_order(shards)
    tables = [read_table(shard) for shard in shards]
    table = pd.concat(tables, ignore_index=True)
    windows = pd.concat([read_windows(shard) for shard in shards], ignore_index=True)
    kept = has_values(table)
    table["flags"] = [
        _only_overlap(flag, shared) if keep else flag
        for flag, keep, shared in zip(
            table["flags"], kept, _spread(tracks.overlapping(table[kept]), kept), strict=True
        )
    ]
    found = [
        read_summary(shard / SUMMARY_FILE, len(own))
        for shard, own in zip(shards, tables, strict=True)
    ]
    for shard in shards:
        open_values(shard)  # lengths are believed below
    sizes = read_sizes(fasta, chrom_sizes)
    with output_folder(out, own=[TRACK_FILE, BEDGRAPH_FILE]) as staging:
        lengths = (table["end"] - table["start"])[kept].tolist()
        with tracks.ValuesWriter(staging / tracks.VALUES_FILE, lengths) as writer:
            for shard in shards:
                for row, values, sequence in iterate(shard):
                    if not adds_up(values, row["attribution_sum"]):
                        raise UserError(
                            f"the values of {row['chrom']}:{row['start']}-{row['end']} do not sum "
                            "to those in the table",
                            where=shard / TABLE_FILE,
                            do="run `seformer explain` again",
                        )
                    writer.add(values, sequence)
        write_tsv(table, staging / TABLE_FILE)
        write_tsv(windows, staging / WINDOWS_FILE)
        record = {
            "settings": found[0]["settings"],
            **summarise(table, windows),
            "seconds": round(sum(record["seconds"] for record in found), 3),
            **merge_records(found),
            "faithfulness": faithfulness.merge([record["faithfulness"] for record in found]),
        }
        write_json(record, staging / SUMMARY_FILE)
        write_tracks(staging, sizes, bedgraph=bedgraph)
        log(record)


def read_summary(path: Path, rows: int) -> dict[str, Any]:
    """Read the summary of a shard whose table has ``rows`` rows.

    Raises
    ------
    UserError
        If it is damaged or of another explanation.
    """
    again = "run `seformer explain` again"
    record = records.read(path, shapes.Shard, again)
    lengths = {len(part["mean"]) for part in record["profile"].values()}
    same = record["faithfulness"]["fractions"] == list(faithfulness.FRACTIONS)
    if record["rows"] != rows or lengths != {PROFILE_BINS} or not same:
        raise UserError("it is not of the table beside it", where=path, do=again)
    return record


def _spread(flags: np.ndarray, kept: np.ndarray) -> np.ndarray:
    out = np.zeros(len(kept), dtype=bool)
    out[kept] = flags
    return out


def _only_overlap(flags: str, shared: bool) -> str:
    """A shard knows only its own overlaps: put the whole file's in place."""
    others = [flag for flag in flags.split(",") if flag and flag != OVERLAPPING]
    return ",".join([*others, OVERLAPPING] if shared else others)


def write_tracks(folder: Path, sizes: Mapping[str, int] | None, *, bedgraph: bool = False) -> None:
    """Write the track beside the values in ``folder``."""
    table = read_table(folder)
    regions = table[has_values(table)].reset_index(drop=True)
    if sizes is None:
        logger.warning(
            "%s: without --fasta or --chrom-sizes every chromosome ends with its last region",
            TRACK_FILE,
        )
        sizes = tracks.furthest(regions)
    sizes = tracks.check_sizes(regions, sizes, "the genome of the track")
    if not len(regions):
        logger.warning("no region has values: no track is written")
        return
    values = tracks.Values(folder / tracks.VALUES_FILE)
    check_sums(regions, values, folder)
    order = tracks.bigwig_order(sizes)
    items = tracks.intervals(regions, values, order)
    tracks.write_bigwig(folder / TRACK_FILE, sizes, items)
    if bedgraph:
        items = tracks.intervals(regions, values, order)
        tracks.write_bedgraph(folder / BEDGRAPH_FILE, "seformer attribution", items)


def adds_up(values: np.ndarray, total: float) -> bool:
    """Say whether values sum to what the table says: float32, and 9 digits in the table."""
    error = abs(values.sum(dtype=float) - total)
    return bool(error <= 1e-6 * np.abs(values).sum(dtype=float) + 1e-9)


def check_sums(regions: pd.DataFrame, values: tracks.Values, folder: Path) -> None:
    """Hold the values that were written against the sums in the table.

    Raises
    ------
    OSError
        If they are not the same: a file was not written as it should be.
    """
    for row, total in enumerate(regions["attribution_sum"]):
        if not adds_up(values[row], total):
            fault = "the values do not sum to those in the table"
            raise OSError(errno.EIO, fault, str(folder / tracks.VALUES_FILE))


# ------------------------------------------------------------------------- summary


def summarise(table: pd.DataFrame, windows: pd.DataFrame) -> dict[str, Any]:
    """Count rows and flags, and sum up completeness; NaN never gets into JSON."""
    kept = has_values(table)
    flags = Counter(flag for text in table["flags"] for flag in text.split(",") if flag)
    errors = table.loc[kept, "completeness_error"].to_numpy(float)
    errors = errors[np.isfinite(errors)]
    steps = table.loc[kept, "steps"].dropna()
    return {
        "rows": len(table),
        "explained": int(kept.sum()),
        "bases": int((table["end"] - table["start"])[kept].sum()),
        "flags": dict(sorted(flags.items())),
        "predicted_se": int((table.loc[kept, "prediction"] == SUPER).sum()),
        "completeness_error": {
            name: float(value) if len(errors) else None
            for name, value in zip(
                ("median", "q95", "max"),
                np.quantile(errors, [0.5, 0.95, 1]) if len(errors) else [0, 0, 0],
                strict=True,
            )
        },
        "windows": {
            "rows": int((windows["part"] == WINDOW).sum()),
            "incomplete": int(windows["flags"].str.contains(INCOMPLETE).sum()),
        },
        "steps": {str(k): int(v) for k, v in sorted(Counter(steps.tolist()).items())},
    }


class Summary:
    """Mean attribution along the regions, and a few regions to draw; from one pass, without N."""

    def __init__(self) -> None:
        self.profile = {SUPER: np.zeros(PROFILE_BINS), TYPICAL: np.zeros(PROFILE_BINS)}
        # regions with a known base in the bin
        self.known = {name: np.zeros(PROFILE_BINS, np.int64) for name in self.profile}
        self.count = Counter()
        self.drawn: list[dict[str, Any]] = []

    def add(self, region: pd.Series, name: str, result: Attribution, sequence: str) -> None:
        """Take in one region, called ``name`` (SE or TE)."""
        known = base_codes(sequence) >= 0
        if len(known) >= PROFILE_BINS:
            edges = np.linspace(0, len(known), PROFILE_BINS + 1).astype(int)
            means, bases = _means(result.values, known, edges[:-1])
            self.profile[name] += means
            self.known[name] += bases > 0
            self.count[name] += 1
        self.drawn.append(_drawn(region, result, known))
        self.drawn = _top(self.drawn)

    def record(self) -> dict[str, Any]:
        return {
            "profile": {
                name: {
                    "regions": self.count[name],
                    "mean": (values / np.maximum(self.known[name], 1)).tolist(),
                    "known": self.known[name].tolist(),
                }
                for name, values in self.profile.items()
            },
            "drawn": self.drawn,
        }


def _means(
    values: np.ndarray, known: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the known bases of each part (0 without any), and their number."""
    bases = np.add.reduceat(known.astype(np.int64), starts)
    return np.add.reduceat(np.where(known, values, 0), starts) / np.maximum(bases, 1), bases


def _drawn(region: pd.Series, result: Attribution, known: np.ndarray) -> dict[str, Any]:
    step = -(-len(known) // DRAWN_POINTS)
    means, _ = _means(result.values, known, np.arange(0, len(known), step))
    return {
        "chrom": str(region["chrom"]),
        "start": int(region["start"]),
        "end": int(region["end"]),
        "name": str(region["name"]),
        "logit": result.logit,
        "bases_per_point": step,
        "values": [float(f"{v:.6g}") for v in means],
    }


def _top(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The regions with the highest logits; the first in the file where they are equal."""
    return sorted(drawn, key=lambda one: -one["logit"])[:DRAWN_REGIONS]


def merge_records(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join the parts of shard summaries that came from values."""
    profile = {}
    for name in (SUPER, TYPICAL):
        parts = [record["profile"][name] for record in records]
        # without N in any region every bin is known in all
        bins = [part.get("known", [part["regions"]] * len(part["mean"])) for part in parts]
        known = np.sum(bins, axis=0)
        total = sum(np.multiply(n, part["mean"]) for n, part in zip(bins, parts, strict=True))
        profile[name] = {
            "regions": sum(part["regions"] for part in parts),
            "mean": (total / np.maximum(known, 1)).tolist(),
            "known": known.tolist(),
        }
    return {"profile": profile, "drawn": _top([d for record in records for d in record["drawn"]])}


def log(record: dict[str, Any]) -> None:
    """Say in two lines how it went."""
    logger.info(
        "explained %d of %d regions, %d bp, in %.1f s",
        record["explained"],
        record["rows"],
        record["bases"],
        record["seconds"],
    )
    error = record["completeness_error"]
    if error["median"] is not None:  # a method whose attributions sum to nothing has none
        logger.info(
            "completeness error: median %.2g, largest %.2g; incomplete: %d",
            error["median"],
            error["max"],
            record["flags"].get("incomplete", 0),
        )
