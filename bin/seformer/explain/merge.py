"""Join the explained shards of one region file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from seformer.explain import folder, summary, tracks
from seformer.explain.faithfulness_summary import merge_faithfulness
from seformer.explain.settings import TrackSettings
from seformer.explain.top_regions import write_top
from seformer.explain.values import VALUES_FILE, ValuesWriter, adds_up
from seformer.regions.folder import in_order, require_same
from seformer.regions.nearby_genes import GeneMap, with_genes
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv


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
    require_writable(out, tracks.OWN_FILES)
    genes = GeneMap.of(settings)
    shards = in_order(shards)
    tables = [folder.read_attributions(shard) for shard in shards]
    windows = pd.concat([folder.read_windows(shard) for shard in shards], ignore_index=True)
    # a shard knows only its own overlaps: those of the whole file take their place
    table = folder.mark_overlaps(pd.concat(tables, ignore_index=True))
    shard_records = [
        summary.read_explained(shard / folder.SUMMARY_FILE, len(rows))
        for shard, rows in zip(shards, tables, strict=True)
    ]
    model = require_same(_said(shards, shard_records, "model"), "another model")
    settings_of = _said(shards, shard_records, "settings")
    # a task that ran out of memory was tried again with smaller batches
    how = {s: {**(said or {}), "batch_tokens": None} for s, said in settings_of.items()}
    require_same(how, "other settings")
    used = {"settings": settings_of[shards[0]], "model": model}
    for shard in shards:
        folder.open_values(shard)  # lengths are believed below
    regions = table[folder.has_values(table)].reset_index(drop=True)
    sizes = tracks.track_sizes(regions, tracks.genome_sizes(fasta, chrom_sizes))
    with output_folder(out, own=tracks.OWN_FILES) as staging:
        lengths = (regions["end"] - regions["start"]).tolist()
        with ValuesWriter(staging / VALUES_FILE, lengths) as values:
            for shard in shards:
                _copy_values(shard, values)
            tracks.write_tracks(staging, regions, values, sizes, bedgraph=settings.bedgraph)
        write_tsv(with_genes(table, genes), staging / folder.TABLE_FILE)
        write_tsv(windows, staging / folder.WINDOWS_FILE)
        write_top(staging, windows, sizes, genes)
        record = {
            **{key: value for key, value in used.items() if value is not None},
            **summary.count_explained(table, windows),
            "seconds": round(sum(shard["seconds"] for shard in shard_records), 3),
            **summary.merge_summaries(shard_records),
            "faithfulness": merge_faithfulness([shard["faithfulness"] for shard in shard_records]),
        }
        write_json(record, staging / folder.SUMMARY_FILE)
        summary.log_summary(record)


def _said(shards: Sequence[Path], shard_records: Sequence[dict[str, Any]], key: str) -> dict:
    return {shard: record.get(key) for shard, record in zip(shards, shard_records, strict=True)}


def _copy_values(shard: Path, values: ValuesWriter) -> None:
    for row, region_values, sequence in folder.iterate(shard):
        if not adds_up(region_values, row["attribution_sum"]):
            raise UserError(
                f"the values of {row['chrom']}:{row['start']}-{row['end']} do not sum "
                "to those in the table",
                where=shard / folder.TABLE_FILE,
                do=summary.AGAIN,
            )
        values.add(region_values, sequence)
