"""Files of called enhancers: ROSE's table, BED files, the ranked signal, and what choices change.

AllEnhancers.table.txt has the five header lines, the columns and the order of ROSE's
(ROSE_callSuper.R), so that whatever reads ROSE's reads it; in place of the day, which would make
the same call another file, the last header line names the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import seformer
from seformer.regions.nearby_genes import DISTANCE, NEAR_BY, NEAREST, OVERLAPPING, name_with_nearest
from seformer.util.errors import visible
from seformer.util.labels import COLOURS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.tables import FLOATS, write_tsv, write_tsv_rows

TABLE, FIGURE, SENSITIVITY, SUMMARY = (
    *("AllEnhancers.table.txt", "hockey_stick.png"),
    *("sensitivity.tsv", "call.json"),
)
SUPER_BED, TYPICAL_BED, CONSTITUENTS = (
    *("super_enhancers.bed", "typical_enhancers.bed"),
    "constituents.bed",
)
GENES = "AllEnhancers_ENHANCER_TO_GENE.txt"
OWN_FILES = (TABLE, GENES, FIGURE, SENSITIVITY, SUMMARY, SUPER_BED, TYPICAL_BED, CONSTITUENTS)
HIGHEST = 1000  # score of a BED
POINTS = 400  # of the curve that the summary keeps
NAMED = 10  # super-enhancers that it names


def write_call(
    folder: Path,
    regions: pd.DataFrame,
    constituents: pd.DataFrame,
    summary: dict[str, Any],
    files: tuple[Path, Path | None],
) -> None:
    """Write all files of a call.

    Parameters
    ----------
    regions
        Along the genome: ``chrom``, ``start``, ``end`` (0-based half-open), ``name``, ``peaks``,
        ``bases``, ``signal``, ``control``, ``net``, ``rank``, ``super``, and ``apart``: one of the
        peaks of a region that was taken apart. With genes also `nearby_genes.GENE_COLUMNS`.
    constituents
        The peaks that they were made of.
    summary
        For call.json.
    files
        Signal and control.
    """
    stitched = regions["peaks"].astype(str) + "_" + regions["name"] + "_lociStitched"
    # ROSE gives a peak that it took out again its own name
    regions = regions.assign(id=stitched.where(~regions["apart"], regions["name"]))
    _write_table(folder / TABLE, regions, summary, files)
    if NEAREST in regions:
        write_tsv(_with_genes(regions), folder / GENES)
    for name, wanted in ((SUPER_BED, True), (TYPICAL_BED, False)):
        _write_bed(folder / name, regions[regions["super"] == wanted], regions["net"].max())
    write_tsv(constituents[["chrom", "start", "end", "name"]], folder / CONSTITUENTS, header=False)
    rows = pd.DataFrame(summary["sensitivity"])
    write_tsv(rows.assign(chosen=rows["chosen"].astype(int)), folder / SENSITIVITY)
    ranked = np.sort(regions["net"].to_numpy())
    draw_hockey_stick(folder / FIGURE, ranked, summary)
    drawn = {"curve": thinned(ranked), "strongest": _strongest(regions)}
    write_json(summary | drawn, folder / SUMMARY)


def _with_genes(regions: pd.DataFrame) -> pd.DataFrame:
    """Return the table of genes with ROSE's columns, and behind them the nearest's distance."""
    rows = regions.sort_values("rank")
    return _columns_of_rose(rows).assign(
        OVERLAP_GENES=rows[OVERLAPPING],
        PROXIMAL_GENES=rows[NEAR_BY],
        CLOSEST_GENE=rows[NEAREST],
        enhancerRank=rows["rank"],
        isSuper=rows["super"].astype(int),
        closestDistance=rows[DISTANCE],
    )


def _columns_of_rose(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "REGION_ID": rows["id"],
            "CHROM": rows["chrom"],
            "START": rows["start"],
            "STOP": rows["end"],
            "NUM_LOCI": rows["peaks"],
            "CONSTITUENT_SIZE": rows["bases"],
        }
    )


def _write_table(
    path: Path, regions: pd.DataFrame, summary: dict[str, Any], files: tuple[Path, Path | None]
) -> None:
    rows = regions.sort_values("rank")
    columns = dict(_columns_of_rose(rows))
    named = visible(files[0].name)
    columns[named] = rows["signal"]
    if files[1] is not None:
        other = visible(files[1].name)
        columns[other if other not in columns else f"control_{other}"] = rows["control"]
    columns |= {"enhancerRank": rows["rank"], "isSuper": rows["super"].astype(int)}
    peaks = summary["peaks"]["file"]
    with open(path, "w", encoding="utf-8", newline="") as text:
        text.write(f"#{peaks.split('.')[0]} Enhancers\n#Created from {peaks}\n")
        text.write(f"#Ranked by {named}\n")
        text.write(f"#Using cutoff of {FLOATS % summary['cutoff']} for Super-Enhancers\n")
        text.write(f"#Created by seformer {seformer.__version__}\n")
        write_tsv_rows(pd.DataFrame(columns), text, header=True, float_format=FLOATS)


def _write_bed(path: Path, regions: pd.DataFrame, most: float) -> None:
    """BED6 along the genome; the score is the signal, of the strongest region 1000."""
    score = np.round(HIGHEST * regions["net"] / most).astype(int)
    name = regions["id"]
    if NEAREST in regions:
        name = name_with_nearest(name, regions[NEAREST])
    rows = regions[["chrom", "start", "end"]].assign(name=name, score=score, strand=".")
    write_tsv(rows, path, header=False)


def _strongest(regions: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the first super-enhancers for the report."""
    first = regions[regions["super"]].sort_values("rank").head(NAMED)
    none = pd.Series("", first.index)
    genes, nearest = (first.get(name, none).fillna("") for name in (OVERLAPPING, NEAREST))
    return [
        {
            "region": f"{row.chrom}:{row.start}-{row.end}",
            "peaks": int(row.peaks),
            "signal": float(row.net),
            "genes": overlapped,
            "nearest": near,
        }
        for row, overlapped, near in zip(first.itertuples(), genes, nearest, strict=True)
    ]


def thinned(ranked: np.ndarray) -> list[list[float]]:
    """Return rank and signal of some regions, more of them where the curve bends."""
    number = len(ranked)
    even = np.linspace(1, number, POINTS // 2)
    top = number - np.geomspace(1, number, POINTS // 2) + 1
    ranks = np.unique(np.round(np.append(even, top)).astype(int))
    return [[int(rank), float(ranked[rank - 1])] for rank in ranks]


def draw_hockey_stick(path: Path, ranked: np.ndarray, summary: dict[str, Any]) -> None:
    """Draw the ranked signal with the cut-off and the line that gives it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rank = np.arange(1, len(ranked) + 1)
    cutoff, number = summary["cutoff"], summary["super_enhancers"]
    above = ranked > cutoff
    for label, here, words in (
        (TYPICAL, ~above, f"{len(ranked) - number:,} typical enhancers"),
        (SUPER, above, f"{number:,} super-enhancers"),
    ):
        axes.plot(rank[here], ranked[here], ".", color=COLOURS[label], markersize=4, label=words)
    slope = (ranked[-1] - ranked[0]) / len(ranked)
    # the line touches at the last region that is not above the cut-off
    line = cutoff + slope * (rank - np.count_nonzero(~above))
    axes.plot(rank[line >= 0], line[line >= 0], color="0.5", linewidth=1, label="tangent")
    axes.axhline(cutoff, color="0.5", linewidth=1, linestyle="--", label=f"cut-off {cutoff:,.6g}")
    axes.set_xlabel("regions, from the weakest signal to the strongest")
    less = "" if summary["control"] is None else f" less {summary['control']['file']}"
    axes.set_ylabel(f"{summary['signal']['file']}{less}", wrap=True)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    # without the version of the program that drew it, so that the same call is the same file
    figure.savefig(path, metadata={"Software": None})
