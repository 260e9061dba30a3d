"""Super-enhancers called from peaks and signal: ROSE's rules, exact, and what choices change.

Rules (Whyte et al. 2013, doi:10.1016/j.cell.2013.03.035; Lovén et al. 2013,
doi:10.1016/j.cell.2013.03.036): peaks at start sites of genes are left out, near ones are stitched,
the signal of a region is its mean times its length, less the control's, and a tangent to the ranked
signal parts super- from typical enhancers.
"""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.genome.intervals import cluster, overlapping
from seformer.regions.call_files import OWN_FILES, write_call
from seformer.regions.call_inputs import (
    FEWEST_RANKED,
    read_peaks,
    read_signal_of,
    require_one_name,
    require_peaks,
    require_same_genome,
    require_signal,
)
from seformer.regions.cutoff import rank_from_strongest, tangent_cutoff
from seformer.regions.nearby_genes import GeneMap, with_genes
from seformer.regions.pieces import Pieces, cut_pieces
from seformer.regions.settings import CallSettings
from seformer.regions.stitch import (
    Sites,
    near_start_site,
    region_table,
    sites_by_chromosome,
    stitch,
)
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError, visible
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
# the values that people choose, over which the number of super-enhancers is told
EXCLUSIONS = (0, 1_000, 2_000, 2_500, 3_000)
STITCHES = (5_000, 7_500, 10_000, 12_500, 15_000)


@takes(CallSettings)
def call(
    peaks: str | PathLike[str],
    signal: str | PathLike[str],
    out: str | PathLike[str],
    settings: CallSettings,
    *,
    control: str | PathLike[str] | None = None,
    fasta: str | PathLike[str] | None = None,
) -> dict[str, Any]:
    """Call super- and typical enhancers, and write them (see `regions.call_files`).

    Parameters
    ----------
    peaks
        Peaks in any form that regions have; those given twice count once.
    signal, control
        A BAM (sorted, with its index) or a bigWig each.
    out
        Folder for the results; nothing is left there on failure.
    fasta
        The genome, with whose chromosomes those of signal and control are compared.

    Returns
    -------
    dict
        The content of ``call.json``.

    Raises
    ------
    UserError
        For every fault of the files; if fewer than two regions are left, or none has signal.
    """
    if settings.gtf is None and settings.changed("tss_exclusion") and settings.tss_exclusion:
        raise UserError(
            "--tss-exclusion is given, but no start sites",
            do="give --gtf too, or leave --tss-exclusion out",
        )
    require_writable(out)
    peaks, signal = Path(peaks), Path(signal)
    control = None if control is None else Path(control)
    table, repeated = read_peaks(peaks)
    genes = GeneMap.of(settings)
    sites = None if genes is None else _sites(table, genes)
    near = near_start_site(table, sites or {}, settings.tss_exclusion)
    kept = table[~near].reset_index(drop=True)
    require_peaks(peaks, table, kept, settings)
    pieces = cut_pieces(table, max(settings.stitch, *STITCHES))
    over = settings.extend_reads, peaks, table
    measured = read_signal_of(signal, pieces, *over)
    subtracted = None if control is None else read_signal_of(control, pieces, *over)
    require_one_name(peaks, table, measured.sizes)
    require_same_genome(signal, measured, control, subtracted, table, fasta)
    nothing = np.zeros(len(pieces))
    pieces = Pieces(pieces, measured.sums, nothing if subtracted is None else subtracted.sums)

    owner = stitch(kept, settings.stitch, sites)
    regions = _called(kept, owner, pieces)
    # peaks that were stitched to others, and stand alone because of too many genes
    stitched = cluster(kept, settings.stitch)
    apart = (np.bincount(stitched)[stitched] > 1) & (np.bincount(owner)[owner] == 1)
    regions["apart"] = np.isin(np.arange(len(regions)), owner[apart])
    if len(regions) < 2:
        raise UserError(
            f"all {len(kept)} peaks are stitched to one region: a cut-off needs several",
            where=peaks,
            do="choose a smaller --stitch",
        )
    require_signal(regions, signal, control)
    cutoff = tangent_cutoff(regions["net"].to_numpy())
    regions["super"] = regions["net"] > cutoff
    regions = with_genes(regions, genes)
    where_missing = {chrom: int((table["chrom"] == chrom).sum()) for chrom in measured.missing}
    summary = {
        "peaks": {
            "file": visible(peaks.name),
            "read": len(table) + repeated,
            "repeated": repeated,
            "near_start_sites": int(near.sum()),
            "used": len(kept),
        },
        "signal": {"file": visible(signal.name), "reads": measured.reads},
        "control": None
        if subtracted is None or control is None
        else {"file": visible(control.name), "reads": subtracted.reads},
        "without_signal": where_missing,
        "start_sites": None if sites is None else sum(len(p) for p, _ in sites.values()),
        "settings": {
            "stitch": settings.stitch,
            "tss_exclusion": settings.tss_exclusion if sites is not None else 0,
            "gene_types": list(settings.gene_types),
            "extend_reads": settings.extend_reads if measured.reads is not None else 0,
        },
        "regions": len(regions),
        "taken_apart": len(np.unique(stitched[apart])),
        "super_enhancers": int(regions["super"].sum()),
        "typical_enhancers": int((~regions["super"]).sum()),
        "cutoff": cutoff,
        "sensitivity": _sensitivity(table, sites, pieces, settings, regions[regions["super"]]),
    }
    with output_folder(out, own=OWN_FILES) as staging:
        write_call(staging, regions, kept, summary, (signal, control))
    _log(summary)
    return summary


def _sites(peaks: pd.DataFrame, genes: GeneMap) -> Sites:
    """Return the start sites by the peaks' names of chromosomes."""
    names = genes.match(peaks["chrom"])
    genes.require_match()
    sites = sites_by_chromosome(genes.genes)
    return {name: sites[twin] for name, twin in names.items()}


def _called(kept: pd.DataFrame, owner: np.ndarray, pieces: Pieces) -> pd.DataFrame:
    """Return regions with signal, control, what is left (``net``, not below 0) and rank."""
    regions = region_table(kept, owner)
    signal, control = pieces.over(regions)
    net = np.maximum(signal - control, 0)
    length = (regions["end"] - regions["start"]).to_numpy()
    return regions.assign(
        signal=signal, control=control, net=net, rank=rank_from_strongest(net, length)
    )


def _sensitivity(
    peaks: pd.DataFrame,
    sites: Sites | None,
    pieces: Pieces,
    settings: CallSettings,
    chosen: pd.DataFrame,
) -> list[dict[str, Any]]:
    """Count super-enhancers over the values that people choose, the chosen ones among them.

    Without start sites nothing is left out, so that stitching alone is varied.
    """
    own = (settings.tss_exclusion if sites is not None else 0, settings.stitch)
    exclusions = sorted({*(EXCLUSIONS if sites is not None else ()), own[0]})
    rows = []
    for exclusion in exclusions:
        kept = peaks[~near_start_site(peaks, sites or {}, exclusion)].reset_index(drop=True)
        for gap in sorted({*STITCHES, own[1]}):
            row: dict[str, Any] = {
                "tss_exclusion": exclusion,
                "stitch": gap,
                "chosen": (exclusion, gap) == own,
            }
            row |= {"peaks": len(kept), "regions": 0, "super_enhancers": 0, "shared": 0}
            row["cutoff"] = None
            if len(kept):
                regions = _called(kept, stitch(kept, gap, sites), pieces)
                row["regions"] = len(regions)
            if row["regions"] > 1:
                row["cutoff"] = tangent_cutoff(regions["net"].to_numpy())
                found = regions[regions["net"] > row["cutoff"]]
                row["super_enhancers"] = len(found)
                row["shared"] = int(overlapping(chosen, found).sum()) if len(found) else 0
            rows.append(row)
    return rows


def _log(summary: dict[str, Any]) -> None:
    counts = [row["super_enhancers"] for row in summary["sensitivity"]]
    logger.info(
        "%d super-enhancers, %d typical enhancers (cut-off %.9g); %d to %d super-enhancers with "
        "other choices, see sensitivity.tsv",
        *(summary["super_enhancers"], summary["typical_enhancers"], summary["cutoff"]),
        *(min(counts), max(counts)),
    )
    if summary["regions"] < FEWEST_RANKED:
        logger.warning(
            "there are %d regions only: the cut-off is where their ranked signal bends, which so "
            "few do not show. Give the peaks of a whole experiment",
            summary["regions"],
        )
    if not summary["super_enhancers"]:
        logger.warning("no region stands out: all have the same signal, or nearly so")
    elif not summary["cutoff"]:
        logger.warning(
            "the cut-off is 0: %d regions have no %s, all others are super-enhancers. Check that "
            "the files are of one experiment and assembly, and signal and control not swapped",
            summary["typical_enhancers"],
            "signal" if summary["control"] is None else "more signal than the control",
        )
