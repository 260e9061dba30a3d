"""The regions with the highest scores base by base, for the report's view of the genome: top.json.

It holds all that the view shows of an explanation, so that a page is made from published files
alone: neither the genome nor the genes have to be there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.explain import folder
from seformer.genome.assemblies import recognise_assembly
from seformer.regions.nearby_genes import DISTANCE, NEAREST, GeneMap
from seformer.util.atomic import atomic_path

TOP_FILE = "top.json"
MOST_REGIONS, MOST_BASES = 50, 1_000_000


def choose_top(table: pd.DataFrame) -> list[int]:
    """Rows of the regions with the highest logits, the first in the table where they are equal.

    Of at most `MOST_REGIONS` regions those that fit into `MOST_BASES` together, the best first.

    Parameters
    ----------
    table
        ``start``, ``end`` (0-based half-open) and ``logit`` of regions that have values.
    """
    order = np.argsort(-table["logit"].to_numpy(), kind="stable")[:MOST_REGIONS]
    lengths = (table["end"] - table["start"]).to_numpy()
    chosen, bases = [], 0
    for row in order.tolist():
        if bases + lengths[row] <= MOST_BASES:
            chosen.append(row)
            bases += int(lengths[row])
    return chosen


def write_top(
    out: Path, windows: pd.DataFrame, sizes: Mapping[str, int], genes: GeneMap | None
) -> None:
    """Write `TOP_FILE` into the folder of an explanation whose table and values are there already.

    Parameters
    ----------
    windows
        Rows of `attributions_windows.tsv`.
    sizes
        Lengths of chromosomes; they tell the assembly.
    genes
        Those that lie in the regions are written too, and the nearest of each region.
    """
    rows, values = folder.open_values(out)
    chosen = choose_top(rows)
    top = rows.iloc[chosen].reset_index(drop=True)
    shown = top[["chrom", "start", "end", "name", "logit", "prediction", "flags"]].astype(
        {"logit": float}
    )
    if genes is not None:
        shown = shown.join(genes.find(top)[[NEAREST, DISTANCE]])
    regions = [
        region
        | {
            "bases": values.sequence(row),
            "values": [float(f"{value:.4g}") for value in values[row].tolist()],
        }
        for row, region in zip(chosen, _records(shown), strict=True)
    ]
    record: dict[str, Any] = {
        "explained": len(rows),
        "assembly": recognise_assembly(sizes),
        "chromosomes": {name: int(sizes[name]) for name in sorted(set(top["chrom"]))},
        "regions": regions,
        "windows": _windows_of(windows, top),
        "genes": _records(genes.inside(top)) if genes is not None else [],
    }
    # on one line: a million values would else have as many
    text = json.dumps(record, allow_nan=False) + "\n"
    with atomic_path(out / TOP_FILE) as partial:
        partial.write_text(text, encoding="utf-8")


def _windows_of(windows: pd.DataFrame, top: pd.DataFrame) -> list[dict[str, Any]]:
    """The windows of these regions, and what each contributes to the logit."""
    place = ["chrom", "region_start", "region_end"]
    regions = top[["chrom", "start", "end"]].set_axis(place, axis=1).drop_duplicates()
    own = windows[windows["part"] == folder.WINDOW].merge(regions, on=place)
    columns = ["chrom", "start", "end", "window", "windows", "difference"]
    return _records(own[columns].drop_duplicates())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as objects of JSON, in which nothing is known of an empty cell."""
    cells = table.astype(object)
    return cells.where(cells.notna(), None).to_dict("records")
