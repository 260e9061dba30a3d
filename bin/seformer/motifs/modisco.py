"""Motifs found anew by TF-MoDISco-lite.

TF-MoDISco (Shrikumar et al., arXiv:1811.00416) clusters stretches of high attribution into
patterns without a motif file. Its package (modisco-lite) has an image of its own, so that nothing
here may need torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.explain.folder import iterate
from seformer.motifs import instances
from seformer.motifs.meme import motif_file as file_of
from seformer.motifs.meme import read_meme, write_meme
from seformer.motifs.settings import ModiscoSettings
from seformer.sequence.dna import base_codes, one_hot
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.labels import BED_COLOURS, SUPER, TYPICAL
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import as_bed9, write_tsv

logger = logging.getLogger(__name__)
# each takes 13 kB in the two arrays
MAX_WINDOWS = 20_000
# attributions are summed over the core of a seqlet to find the places where windows lie
CORE = 20
# of the search, as that command has them; those of the function differ
SEARCH = {
    "sliding_window_size": CORE,
    "flank_size": 5,
    "trim_to_window_size": 30,
    "initial_flank_to_add": 10,
    "final_flank_to_add": 0,
    "target_seqlet_fdr": 0.05,
    "n_leiden_runs": 2,
}
PATTERN_COLUMNS = ("pattern", "speaks_for", "seqlets", "consensus")
SEQLET_COLUMNS = ("chrom", "start", "end", "name", "score", "strand")
NAMES = "names.meme"


class AttributionWindows(NamedTuple):
    """Windows of explained regions.

    Attributes
    ----------
    sequences, attributions
        float32 ``[windows, 4, width]``, rows in the order A, C, G, T, forward strand left to
        right. One-hot, and the attribution at the base that stands there; N, and what lies
        behind the end of a region, is zero.
    places
        ``chrom``, ``start``, ``end`` (0-based half-open, always ``width`` apart) and ``name``.
    share
        Part of the summed absolute attribution of known bases that lies in the windows.
    """

    sequences: np.ndarray
    attributions: np.ndarray
    places: pd.DataFrame
    share: float


@takes(ModiscoSettings)
def modisco(
    attributions: Sequence[Path],
    out: Path,
    settings: ModiscoSettings,
    *,
    motif_file: Path | None = None,
) -> None:
    """Find patterns in explained regions.

    ``out`` gets ``patterns.tsv`` (`PATTERN_COLUMNS`), ``patterns.h5`` and ``patterns.meme`` (as
    modisco writes them), ``seqlets.bed``, ``windows.bed``, ``summary.json``, and if any pattern was
    found ``report/`` (modisco's own pages) and, where finemo is installed, ``instances.tsv`` and
    ``instances.bed``, see `seformer.motifs.instances`.

    Parameters
    ----------
    attributions
        Folders of `seformer.explain.explain`.
    motif_file
        Motifs in MEME format for the names in modisco's report.
    max_seqlets
        Seqlets of each sign at most.
    width, windows
        Bases of a window, and windows of a region at most.

    Raises
    ------
    UserError
        If a folder cannot be used, or modisco is not installed or fails.
    """
    _require_modisco()
    names = {} if motif_file is None else read_meme(file_of(motif_file))
    own = ["patterns.tsv", "seqlets.bed", "summary.json", "instances.tsv", "instances.bed"]
    with output_folder(out, own=own) as staging:
        searched = cut_windows(attributions, settings.width, settings.windows)
        patterns, unknown = pd.DataFrame(columns=list(PATTERN_COLUMNS)), 0
        if len(searched.places):
            logger.info("searching %d windows for patterns", len(searched.places))
            patterns, unknown = _search(
                searched, staging, names, settings.max_seqlets, settings.threads
            )
        write_tsv(patterns, staging / "patterns.tsv")
        found = {}
        if len(patterns) and instances.available():
            logger.info("looking for every place of %d patterns", len(patterns))
            found["instances"] = _write_instances(searched, staging, settings.threads)
        record = {
            "regions": int(searched.places["region"].nunique()),
            "windows": len(searched.places),
            "width": settings.width,
            "attribution_in_windows": searched.share,
            "max_seqlets": settings.max_seqlets,
            "patterns": len(patterns),
            "seqlets": int(patterns["seqlets"].sum()),
            "seqlets_with_unknown_bases": unknown,
            **found,
        }
        write_json(record, staging / "summary.json")
    logger.info(
        "%d patterns of %d seqlets; %d windows of %d bp hold %.0f %% of the attribution",
        record["patterns"],
        record["seqlets"],
        record["windows"],
        settings.width,
        100 * searched.share,
    )


# ------------------------------------------------------------------------- windows


def cut_windows(folders: Sequence[Path], width: int, windows: int) -> AttributionWindows:
    """Cut windows round the strongest places of every explained region."""
    sequences, attributions, rows = [], [], []
    inside = total = 0.0
    regions = (region for folder in folders for region in iterate(folder))
    for number, (row, values, bases) in enumerate(regions):
        codes = base_codes(bases)
        values = np.where(codes >= 0, values, 0)
        total += float(np.abs(values).sum())
        for start in strongest(values, width, windows):
            if len(rows) == MAX_WINDOWS:
                break
            window = slice(start, start + width)
            behind = (0, width - len(values[window]))
            hot = one_hot(np.pad(codes[window], behind, constant_values=-1)).astype(np.float32)
            sequences.append(hot)
            attributions.append(hot * np.pad(values[window], behind))
            inside += float(np.abs(values[window]).sum())
            first = int(row["start"]) + start
            rows.append((row["chrom"], first, first + width, row["name"], number))
    if len(rows) == MAX_WINDOWS:
        logger.warning("only the first %d windows are searched", MAX_WINDOWS)
    return AttributionWindows(
        np.array(sequences, np.float32).reshape(-1, 4, width),
        np.array(attributions, np.float32).reshape(-1, 4, width),
        pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "region"]),
        inside / total if total else 0.0,
    )


def strongest(values: np.ndarray, width: int, number: int) -> list[int]:
    """Starts of windows that do not overlap, each centred on the highest place that is left.

    Parameters
    ----------
    values
        Float ``[bases]``. Places are compared by the absolute sum over `CORE` bases.
    width, number
        Bases of a window, and windows at most.

    Returns
    -------
    list of int
        Ascending, 0-based. Windows are moved inside the region where it has the room; a region
        without any attribution has none.
    """
    height = np.abs(np.convolve(values, np.ones(CORE), "same")[: len(values)])
    last, starts = max(len(values) - width, 0), []
    while len(starts) < number and height.max(initial=0) > 0:
        start = min(max(int(height.argmax()) - width // 2, 0), last)
        if all(abs(start - other) >= width for other in starts):
            starts.append(start)
            height[start : start + width] = 0
        else:
            # too near to a window that is taken for a window of its own
            height[height.argmax()] = 0
    return sorted(starts)


def in_unknown(seqlets: pd.DataFrame, searched: AttributionWindows) -> np.ndarray:
    """Tell which seqlets reach into N or beyond the end of a region: bool ``[seqlets]``."""
    rows, columns = np.nonzero(searched.sequences.sum(1) == 0)
    starts, chroms = searched.places["start"].to_numpy(), searched.places["chrom"].to_numpy()
    result = np.zeros(len(seqlets), dtype=bool)
    for chrom in seqlets["chrom"].unique():
        here = chroms[rows] == chrom
        positions = np.sort(starts[rows[here]] + columns[here])
        chosen = (seqlets["chrom"] == chrom).to_numpy()
        first, last = (np.searchsorted(positions, seqlets[end][chosen]) for end in ("start", "end"))
        result[chosen] = last > first
    return result


# ------------------------------------------------------------------------- the package


def _require_modisco() -> None:
    try:
        import modiscolite  # noqa: F401
    except ImportError as error:
        raise UserError(
            "the program modisco is not installed",
            do="use a profile with containers, or: pip install modisco-lite",
        ) from error


@contextlib.contextmanager
def _modisco_in(folder: Path, threads: int) -> Iterator[None]:
    """Let modisco work in ``folder`` by so many threads; its errors become ours.

    Paths stand in its pages as they are given, so that it is given names alone. What it prints is
    nobody's result and goes to standard error.
    """
    import matplotlib
    import numba
    from threadpoolctl import threadpool_limits

    matplotlib.use("Agg")
    numba.set_num_threads(min(threads, vars(numba.config)["NUMBA_NUM_THREADS"]))
    try:
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(sys.stderr),
            threadpool_limits(threads),
        ):
            yield
    except Exception as error:
        raise UserError(
            f"modisco failed: {error}", do="try other regions, or leave modisco out"
        ) from error


def _search(
    searched: AttributionWindows,
    out: Path,
    names: Mapping[str, np.ndarray],
    max_seqlets: int,
    threads: int,
) -> tuple[pd.DataFrame, int]:
    """Let modisco search, and put what it writes into ``out``.

    Returns the patterns, and how many seqlets reach into unknown bases and are left out.
    """
    import modiscolite as lite
    from modiscolite.descriptive_report import generate_descriptive_report

    write_tsv(searched.places.assign(region=0), out / "windows.bed", header=False)
    with _modisco_in(out, threads):
        signs = lite.tfmodisco.TFMoDISco(
            one_hot=searched.sequences.transpose(0, 2, 1),
            hypothetical_contribs=searched.attributions.transpose(0, 2, 1),
            max_seqlets_per_metacluster=max_seqlets,
            **SEARCH,
        )
        lite.io.save_hdf5("patterns.h5", *signs, searched.sequences.shape[2])
        lite.io.write_meme_from_h5("patterns.h5", lite.util.MemeDataType.PFM, "patterns.meme", True)
    patterns = {
        f"{sign}_patterns.pattern_{index}": pattern
        for sign, group in zip(("pos", "neg"), signs, strict=True)
        # in the order of the names, which is that of the files
        for index, pattern in sorted(enumerate(group or []), key=lambda pair: str(pair[0]))
    }
    seqlets = seqlets_on_genome(patterns, searched.places)
    unknown = in_unknown(seqlets, searched)
    seqlets = seqlets[~unknown]
    write_tsv(as_bed9(seqlets, _colours(seqlets["name"])), out / "seqlets.bed", header=False)
    if patterns:
        # the checked motifs in the plainest form: modisco reads them in its own way
        write_meme(names, out / NAMES)
        with _modisco_in(out, threads):
            generate_descriptive_report(
                "patterns.h5", "report", meme_motif_db=NAMES if names else None, ttl=bool(names)
            )
        os.remove(out / NAMES)
    return count_patterns(patterns, seqlets), int(unknown.sum())


def _write_instances(searched: AttributionWindows, out: Path, threads: int) -> int:
    """Write where the patterns stand, as a table and for browsers; returns how often they do."""
    with _modisco_in(out, threads):
        table = instances.call_instances(
            Path("patterns.h5"), searched.sequences, searched.attributions, searched.places, threads
        )
    # as for the seqlets: behind the end of a region, and at N, nothing stands
    table = table[~in_unknown(table, searched)]
    write_tsv(table, out / "instances.tsv")
    rows = table[["chrom", "start", "end"]].assign(
        name=table["pattern"],
        score=(1000 * table["similarity"].clip(0, 1)).round().astype(int),
        strand=table["strand"],
    )
    write_tsv(as_bed9(rows, _colours(table["pattern"])), out / "instances.bed", header=False)
    return len(table)


def _colours(patterns: pd.Series) -> pd.Series:
    """The colour of the class that each pattern speaks for."""
    speaks_for = patterns.str.startswith("pos").map({True: SUPER, False: TYPICAL})
    return speaks_for.map(BED_COLOURS)


def seqlets_on_genome(patterns: Mapping[str, Any], places: pd.DataFrame) -> pd.DataFrame:
    """Put the seqlets of patterns where they are on the genome.

    Parameters
    ----------
    patterns
        Name → modisco's ``SeqletSet``: its ``seqlets`` have ``example_idx`` (the window),
        ``start`` and ``end`` in it (0-based half-open) and ``is_revcomp``.
    places
        See `AttributionWindows`.

    Returns
    -------
    DataFrame
        `SEQLET_COLUMNS` in genome order; ``name`` is that of the pattern.
    """
    chroms, starts = places["chrom"].tolist(), places["start"].tolist()
    rows = [
        (
            chroms[seqlet.example_idx],
            starts[seqlet.example_idx] + int(seqlet.start),
            starts[seqlet.example_idx] + int(seqlet.end),
            name,
            0,
            "-" if seqlet.is_revcomp else "+",
        )
        for name, pattern in patterns.items()
        for seqlet in pattern.seqlets
    ]
    table = pd.DataFrame(rows, columns=list(SEQLET_COLUMNS))
    return table.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)


def consensus(frequencies: np.ndarray) -> str:
    """The most frequent base of every position, in lower case below one half; N without any.

    ``frequencies`` is float ``[width, 4]``; rows need not sum to 1.
    """
    totals = frequencies.sum(1)
    return "".join(
        ("ACGT" if row.max() >= total / 2 else "acgt")[row.argmax()] if total else "N"
        for row, total in zip(frequencies, totals, strict=True)
    )


def count_patterns(patterns: Mapping[str, Any], seqlets: pd.DataFrame) -> pd.DataFrame:
    """One row a pattern (`PATTERN_COLUMNS`), most seqlets first."""
    counts = seqlets["name"].value_counts()
    rows = [
        (
            name,
            SUPER if name.startswith("pos") else TYPICAL,
            int(counts.get(name, 0)),
            consensus(pattern.sequence),
        )
        for name, pattern in patterns.items()
    ]
    table = pd.DataFrame(rows, columns=list(PATTERN_COLUMNS))
    return table.sort_values("seqlets", ascending=False, kind="stable", ignore_index=True)
