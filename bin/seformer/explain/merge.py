"""Join the explained shards of one region file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from seformer.explain import faithfulness
from seformer.explain.folder import (
    SUMMARY_FILE,
    TABLE_FILE,
    WINDOWS_FILE,
    has_values,
    iterate,
    mark_overlaps,
    open_values,
    read_attributions,
    read_windows,
)
from seformer.explain.settings import TrackSettings
from seformer.explain.summary import PROFILE_BINS, count_explained, log_summary, merge_summaries
from seformer.explain.tracks import (
    BEDGRAPH_FILE,
    TRACK_FILE,
    genome_sizes,
    track_sizes,
    write_tracks,
)
from seformer.explain.values import VALUES_FILE, ValuesWriter, adds_up
from seformer.regions.folder import in_order
from seformer.util import records, shapes
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv

AGAIN = "run `seformer explain` again"


@takes(TrackSettings)
def merge_attributions(
    shards: Sequence[Path],
    out: Path,
    settings: TrackSettings,
    *,
    fasta: Path | None = None,
    chrom_sizes: Path | None = None,
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
    tables = [read_attributions(shard) for shard in shards]
    windows = pd.concat([read_windows(shard) for shard in shards], ignore_index=True)
    # a shard knows only its own overlaps: those of the whole file take their place
    table = mark_overlaps(pd.concat(tables, ignore_index=True))
    summaries = [
        read_shard_summary(shard / SUMMARY_FILE, len(rows))
        for shard, rows in zip(shards, tables, strict=True)
    ]
    for shard in shards:
        open_values(shard)  # lengths are believed below
    regions = table[has_values(table)].reset_index(drop=True)
    sizes = track_sizes(regions, genome_sizes(fasta, chrom_sizes))
    with output_folder(out, own=[TRACK_FILE, BEDGRAPH_FILE]) as staging:
        lengths = (regions["end"] - regions["start"]).tolist()
        with ValuesWriter(staging / VALUES_FILE, lengths) as values:
            for shard in shards:
                _copy_values(shard, values)
            write_tracks(staging, regions, values, sizes, bedgraph=settings.bedgraph)
        write_tsv(table, staging / TABLE_FILE)
        write_tsv(windows, staging / WINDOWS_FILE)
        record = {
            "settings": summaries[0]["settings"],
            **count_explained(table, windows),
            "seconds": round(sum(summary["seconds"] for summary in summaries), 3),
            **merge_summaries(summaries),
            "faithfulness": faithfulness.merge_faithfulness(
                [summary["faithfulness"] for summary in summaries]
            ),
        }
        write_json(record, staging / SUMMARY_FILE)
        log_summary(record)


def _copy_values(shard: Path, values: ValuesWriter) -> None:
    for row, region_values, sequence in iterate(shard):
        if not adds_up(region_values, row["attribution_sum"]):
            raise UserError(
                f"the values of {row['chrom']}:{row['start']}-{row['end']} do not sum "
                "to those in the table",
                where=shard / TABLE_FILE,
                do=AGAIN,
            )
        values.add(region_values, sequence)


def read_shard_summary(path: Path, rows: int) -> dict[str, Any]:
    """Read the summary of a shard whose table has ``rows`` rows.

    Raises
    ------
    UserError
        If it is damaged or of another explanation.
    """
    record = records.read(path, shapes.Shard, AGAIN)
    bins = {len(profile["mean"]) for profile in record["profile"].values()}
    same = record["faithfulness"]["fractions"] == list(faithfulness.FRACTIONS)
    if record["rows"] != rows or bins != {PROFILE_BINS} or not same:
        raise UserError("it is not of the table beside it", where=path, do=AGAIN)
    return record
