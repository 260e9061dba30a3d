"""What a call reads, and what it refuses: peaks, start sites, files of another genome."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path

import pandas as pd

from seformer.genome.chromosomes import NAMED, PastEndError, match_names
from seformer.genome.genome import Genome
from seformer.genome.signal_sums import SignalSums, read_signal
from seformer.regions.read import read_regions
from seformer.regions.settings import CallSettings
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
# part of the peaks that may lie where signal or control have nothing
MOST_WITHOUT = 0.05
# regions that a bend shows in: an experiment has thousands
FEWEST_RANKED = 100


def read_peaks(path: Path) -> tuple[pd.DataFrame, int]:
    """Return the peaks along the genome (chromosomes by their letters), and how many came twice."""
    rows = read_regions(path, labels=False, own=()).regions
    rows = rows[["chrom", "start", "end", "name", "line"]]
    table = rows.sort_values(["chrom", "start", "end"], kind="stable")
    table = table.drop_duplicates(["chrom", "start", "end"]).reset_index(drop=True)
    if len(table) < len(rows):
        logger.info("%s: %d peaks come again and count once", path, len(rows) - len(table))
    return table, len(rows) - len(table)


def read_signal_of(
    path: Path, pieces: pd.DataFrame, extend: int, peaks: Path, table: pd.DataFrame
) -> SignalSums:
    """Read signal over the pieces of the peaks of a file, see `genome.signal_sums.read_signal`.

    Raises
    ------
    UserError
        As there; where a peak passes the end of its chromosome, naming that peak.
    """
    try:
        return read_signal(path, pieces, extend)
    except PastEndError as error:
        past = table[(table["chrom"] == error.chrom) & (table["end"] == error.end)].iloc[0]
        raise UserError(
            f"{past['chrom']}:{past['start']}-{past['end']} passes the end of its chromosome in "
            f"{path}: {error.found}",
            where=peaks,
            line=int(past["line"]),
            expected="peaks and signal of one assembly",
            do="take the signal that was mapped to the genome of the peaks, or mend the peaks",
        ) from error


def require_peaks(
    path: Path, table: pd.DataFrame, kept: pd.DataFrame, settings: CallSettings
) -> None:
    if len(table) < 2:
        raise UserError(
            "there is one peak only",
            where=path,
            expected="the peaks of a whole experiment: the cut-off comes from their ranks",
        )
    if kept.empty:
        raise UserError(
            f"all {len(table)} peaks lie within {settings.tss_exclusion} bp of a transcription "
            "start site, so none is left",
            where=path,
            do="choose a smaller --tss-exclusion (in the pipeline --tss_exclusion), or count only"
            " genes of some types: --gene-types protein_coding",
        )


def require_same_genome(
    signal: Path,
    measured: SignalSums,
    control: Path | None,
    subtracted: SignalSums | None,
    peaks: pd.DataFrame,
    fasta: str | PathLike[str] | None,
) -> None:
    """Refuse signal and control of different assemblies; say which peaks are without signal."""
    if fasta is not None:
        with Genome(fasta) as genome:
            lengths, named = genome.chromosomes, f"the genome {genome.path.name}"
        for path, sums in ((signal, measured), (control, subtracted)):
            if path is not None and sums is not None:
                _require_lengths(path, sums.sizes, lengths, named)
    if control is not None and subtracted is not None:
        if (measured.reads is None) != (subtracted.reads is None):
            logger.warning(
                "%s and %s: one is a BAM, in reads per million, the other a bigWig: what is "
                "subtracted is right only if that is on the same scale",
                *(signal, control),
            )
        _require_lengths(control, subtracted.sizes, measured.sizes, f"the signal {signal.name}")
        lacking = [name for name in subtracted.missing if name not in measured.missing]
        number = int(peaks["chrom"].isin(lacking).sum())
        # a bigWig may lack a contig without reads; the header of a BAM names all
        if lacking and (subtracted.reads is not None or number > MOST_WITHOUT * len(peaks)):
            raise UserError(
                f"the control has no chromosome {', '.join(lacking[:NAMED])}, on which there are "
                f"signal and {number} of {len(peaks)} peaks",
                where=control,
                expected="a control of the same assembly, on all chromosomes",
                do="take the control that was mapped to the same genome",
            )
        if lacking:
            logger.warning(
                "%s: nothing is subtracted from %d of %d peaks, on chromosomes that are not in it "
                "(%s)",
                *(control, number, len(peaks), ", ".join(lacking[:NAMED])),
            )
    if measured.missing:
        without = int(peaks["chrom"].isin(measured.missing).sum())
        names = ", ".join(measured.missing[:NAMED])
        if without > MOST_WITHOUT * len(peaks):
            raise UserError(
                f"{without} of {len(peaks)} peaks lie on chromosomes that are not in it ({names})",
                where=signal,
                expected="the signal of the experiment that the peaks were called on, on all"
                " chromosomes",
                do="take a file of the whole genome, or leave these peaks out",
            )
        logger.warning(
            "%s: %d of %d peaks lie on chromosomes that are not in it (%s): they count as without "
            "signal",
            *(signal, without, len(peaks), names),
        )


def _require_lengths(
    path: Path, sizes: dict[str, int], lengths: dict[str, int], whose: str
) -> None:
    for name, twin in match_names(sizes, lengths).items():
        if sizes[name] != lengths[twin]:
            raise UserError(
                f"{name} has {sizes[name]} bp here, but {lengths[twin]} in {whose}",
                where=path,
                expected="files of one assembly",
                do="take the one that was mapped to the same genome, or map it again",
            )


def require_one_name(path: Path, peaks: pd.DataFrame, sizes: dict[str, int]) -> None:
    """Refuse peaks on one chromosome under two names: its signal would count twice."""
    twins: dict[str, str] = {}
    for name, twin in match_names(peaks["chrom"], sizes).items():
        if twins.setdefault(twin, name) != name:
            raise UserError(
                f"{twins[twin]} and {name} are one chromosome, and there are peaks on both",
                where=path,
                expected="one name for each chromosome",
                do="rename one of them in the file",
            )


def require_signal(regions: pd.DataFrame, signal: Path, control: Path | None) -> None:
    """Refuse regions without signal, or without more than the control; warn of negative ones."""
    for path in filter(None, (signal, control)):
        below = int((regions["signal" if path is signal else "control"] < 0).sum())
        if below:
            logger.warning(
                "%s: %d of %d regions have values that add up to less than zero: log ratios cannot "
                "be summed, take reads per million",
                *(path, below, len(regions)),
            )
    if not regions["signal"].any():
        raise UserError(
            "there is no signal in any peak",
            where=signal,
            expected="the signal of the experiment that the peaks were called on",
            do="check that both are of one experiment and assembly, and that the file is whole",
        )
    if control is None and not regions["net"].any():
        raise UserError(
            "no region has a signal above zero",
            where=signal,
            expected="reads, or reads per million; not a logarithm, nor less the control",
        )
    if not regions["net"].any():
        raise UserError(
            "no region has more signal than the control",
            where=control,
            expected="a control (input, IgG) on the same scale: two BAM, or two bigWig made alike",
            do="check that signal and control are not swapped",
        )
