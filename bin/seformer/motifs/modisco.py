"""Motifs found anew by TF-MoDISco-lite: arrays that `modisco motifs` reads, and what it finds.

TF-MoDISco (Shrikumar et al., arXiv:1811.00416) clusters stretches of high attribution into
patterns without a motif file. The program `modisco` (package modisco-lite) is called as it is.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.explain.folder import iterate
from seformer.motifs.meme import read_meme, write_meme
from seformer.sequence.dna import base_codes, one_hot
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.tables import write_tsv, write_tsv_rows

logger = logging.getLogger(__name__)
# what `modisco motifs` looks at by default
WIDTH = 400
WINDOWS_PER_REGION = 4
MAX_SEQLETS = 2_000
# each takes 13 kB in the two arrays
MAX_WINDOWS = 20_000
# attributions are summed over the core of a seqlet to find the places where windows lie
CORE = 20
PATTERN_COLUMNS = ("pattern", "speaks_for", "seqlets", "consensus")
# those of `seformer.scoring.predict`, which needs torch
SUPER, TYPICAL = "SE", "TE"
SEQUENCES, ATTRIBUTIONS, NAMES = "sequences.npz", "attributions.npz", "names.meme"


class Windows(NamedTuple):
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


def modisco(
    attributions: Sequence[Path],
    out: Path,
    *,
    motif_file: Path | None = None,
    max_seqlets: int = MAX_SEQLETS,
    width: int = WIDTH,
    windows: int = WINDOWS_PER_REGION,
    threads: int = 1,
) -> None:
    """Find patterns in explained regions.

    ``out`` gets ``patterns.tsv`` (`PATTERN_COLUMNS`), ``patterns.h5`` and ``patterns.meme`` (as
    modisco writes them), ``seqlets.bed``, ``windows.bed``, ``summary.json``, and ``report/``
    (modisco's own pages) if any pattern was found.

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
    program = shutil.which("modisco")
    if program is None:
        raise UserError(
            "the program modisco is not installed",
            do="use a profile with containers, or: pip install modisco-lite",
        )
    known = {} if motif_file is None else read_meme(motif_file)
    with output_folder(out) as staging:
        found = cut(attributions, width, windows)
        patterns, unknown = pd.DataFrame(columns=list(PATTERN_COLUMNS)), 0
        if len(found.places):
            patterns, unknown = _run(program, found, staging, known, max_seqlets, threads)
        write_tsv(patterns, staging / "patterns.tsv")
        record = {
            "regions": int(found.places["region"].nunique()),
            "windows": len(found.places),
            "width": width,
            "attribution_in_windows": found.share,
            "max_seqlets": max_seqlets,
            "patterns": len(patterns),
            "seqlets": int(patterns["seqlets"].sum()),
            "seqlets_with_unknown_bases": unknown,
        }
        write_json(record, staging / "summary.json")
    logger.info(
        "%d patterns of %d seqlets; %d windows of %d bp hold %.0f %% of the attribution",
        record["patterns"],
        record["seqlets"],
        record["windows"],
        width,
        100 * found.share,
    )


# ------------------------------------------------------------------------- windows


def cut(folders: Sequence[Path], width: int, windows: int) -> Windows:
    """Cut windows round the strongest places of every explained region."""
    sequences, attributions, rows = [], [], []
    inside = total = 0.0
    for region, (row, values, bases) in enumerate(_regions(folders)):
        values = np.where(base_codes(bases) >= 0, values, 0)
        total += float(np.abs(values).sum())
        for start in strongest(values, width, windows):
            if len(rows) == MAX_WINDOWS:
                break
            part = slice(start, start + width)
            hot = one_hot(base_codes(bases[part].ljust(width, "N"))).astype(np.float32)
            sequences.append(hot)
            attributions.append(hot * np.pad(values[part], (0, width - len(values[part]))))
            inside += float(np.abs(values[part]).sum())
            first = int(row["start"]) + start
            rows.append((row["chrom"], first, first + width, row["name"], region))
    if len(rows) == MAX_WINDOWS:
        logger.warning("only the first %d windows are searched", MAX_WINDOWS)
    empty = np.zeros((0, 4, width), np.float32)
    return Windows(
        np.stack(sequences) if rows else empty,
        np.stack(attributions).astype(np.float32) if rows else empty,
        pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "region"]),
        inside / total if total else 0.0,
    )


def _regions(folders: Sequence[Path]) -> Iterator[tuple[pd.Series, np.ndarray, str]]:
    for folder in folders:
        yield from iterate(folder)


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


# ------------------------------------------------------------------------- the program


def _run(
    program: str,
    found: Windows,
    out: Path,
    known: Mapping[str, np.ndarray],
    max_seqlets: int,
    threads: int,
) -> tuple[pd.DataFrame, int]:
    """Let modisco search, and put what it writes into ``out``.

    Returns the patterns, and how many seqlets reach into unknown bases and are left out.
    """
    write_arrays(found, out)
    width = found.sequences.shape[2]
    result = ["-i", "patterns.h5"]
    for arguments in (
        [
            "motifs",
            "-s",
            SEQUENCES,
            "-a",
            ATTRIBUTIONS,
            "-n",
            str(max_seqlets),
            "-w",
            str(width),
            "-o",
            "patterns.h5",
        ],
        ["meme", *result, "-t", "PFM", "-o", "patterns.meme", "-q"],
        ["seqlet-bed", *result, "-p", "windows.bed", "-c", "*", "-o", "seqlets.bed", "-q"],
    ):
        _call([program, *arguments], out, threads)
    for name in (SEQUENCES, ATTRIBUTIONS):
        (out / name).unlink()
    patterns = read_patterns(out / "patterns.meme")
    seqlets = read_seqlets(out / "seqlets.bed", patterns)
    unknown = in_unknown(seqlets, found)
    seqlets = seqlets[~unknown]
    _write_bed(seqlets, out / "seqlets.bed")
    if patterns:
        # the checked motifs in the plainest form: modisco reads them in its own way
        write_meme(known, out / NAMES)
        names = ["-m", NAMES, "-l"] if known else []
        _call([program, "report", *result, "-o", "report", *names], out, threads)
        (out / NAMES).unlink()
    return summarise(patterns, seqlets), int(unknown.sum())


def in_unknown(seqlets: pd.DataFrame, found: Windows) -> np.ndarray:
    """Tell which seqlets reach into N or beyond the end of a region: bool ``[seqlets]``."""
    rows, columns = np.nonzero(found.sequences.sum(1) == 0)
    starts, chroms = found.places["start"].to_numpy(), found.places["chrom"].to_numpy()
    result = np.zeros(len(seqlets), dtype=bool)
    for chrom in seqlets["chrom"].unique():
        own = chroms[rows] == chrom
        places = np.sort(starts[rows[own]] + columns[own])
        here = (seqlets["chrom"] == chrom).to_numpy()
        first, last = (np.searchsorted(places, seqlets[end][here]) for end in ("start", "end"))
        result[here] = last > first
    return result


def write_arrays(found: Windows, out: Path) -> None:
    """Write what `modisco motifs` reads: two arrays ``[windows, 4, width]``, and their places."""
    np.savez_compressed(out / SEQUENCES, found.sequences)
    np.savez_compressed(out / ATTRIBUTIONS, found.attributions)
    _write_bed(found.places.assign(region=0), out / "windows.bed")


def _write_bed(table: pd.DataFrame, path: Path) -> None:
    with open(path, "w", encoding="utf-8", newline="") as text:
        write_tsv_rows(table, text)


def _call(command: list[str], folder: Path, threads: int) -> None:
    number = str(threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": number,
        "NUMBA_NUM_THREADS": number,
        "MPLBACKEND": "Agg",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        raise UserError(
            f"modisco failed: {lines[-1]}",
            where=" ".join(command[1:2]),
            do="try other regions, or leave modisco out",
        )


class Pattern(NamedTuple):
    """A pattern of modisco: its name, and base probabilities float64 ``[width, 4]``."""

    name: str
    weights: np.ndarray

    @property
    def consensus(self) -> str:
        """The most frequent base of every position, in lower case below one half; N without any."""
        return "".join(
            ("ACGT" if w.max() >= 0.5 else "acgt")[w.argmax()] if w.any() else "N"
            for w in self.weights
        )


def read_patterns(path: Path) -> list[Pattern]:
    """Read the MEME file of modisco, in its order."""
    found = []
    for part in re.split(r"^MOTIF ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, matrix = part.partition("\n")
        rows = [line.split() for line in matrix.splitlines()[1:] if line.strip()]
        found.append(Pattern(name.split()[0], np.array(rows, dtype=float)))
    return found


def read_seqlets(path: Path, patterns: Sequence[Pattern]) -> pd.DataFrame:
    """Read the BED file of modisco: one track a pattern, in the order of the patterns.

    Returns
    -------
    DataFrame
        ``chrom``, ``start``, ``end`` (0-based half-open), ``name`` (of the pattern), ``score``
        and ``strand``. The start follows from the end: modisco 3.0.0 writes it one base too far.
    """
    tracks = re.split(r"^track .*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    rows = []
    for pattern, track in zip(patterns, tracks, strict=True):
        for chrom, _, end, _, _, strand in (line.split("\t") for line in track.split("\n") if line):
            rows.append((chrom, int(end) - len(pattern.weights), int(end), pattern.name, 0, strand))
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "name", "score", "strand"])
    return table.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)


def summarise(patterns: Sequence[Pattern], seqlets: pd.DataFrame) -> pd.DataFrame:
    """One row a pattern (`PATTERN_COLUMNS`), most seqlets first."""
    counts = seqlets["name"].value_counts()
    rows = [
        (
            one.name,
            SUPER if one.name.startswith("pos") else TYPICAL,
            int(counts.get(one.name, 0)),
            one.consensus,
        )
        for one in patterns
    ]
    table = pd.DataFrame(rows, columns=list(PATTERN_COLUMNS))
    return table.sort_values("seqlets", ascending=False, kind="stable", ignore_index=True)
