"""One chromosome under the names that files give it: chr1, 1, Chr1, NC_000001.11, CM000663.2."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any, NamedTuple

import pandas as pd

from seformer.genome.assemblies import ACCESSIONS, accession_of, recognise_assembly, shared_name
from seformer.util.errors import NothingToReadError, UserError

logger = logging.getLogger(__name__)
RENAME_ADVICE = "give --rename-chromosomes (in the pipeline --rename_chromosomes) to match them"
NAMED = 10  # chromosomes that a message names


class PastEndError(UserError):
    """A region that ends behind the end of its chromosome in a track.

    Attributes
    ----------
    chrom, end
        Of the region, as it names its chromosome.
    """

    def __init__(self, found: str, *, chrom: str, end: int, **told: Any) -> None:
        super().__init__(found, **told)
        self.chrom, self.end = chrom, end


class ChromosomeMatch(NamedTuple):
    """What the names of a file are in the genome.

    Attributes
    ----------
    names
        The genome's name of each chromosome of the file that is in it.
    unmatched
        Of the others: ``rows`` on them, ``of`` all rows, ``chromosomes`` (their first names);
        empty where all are in the genome.
    """

    names: dict[str, str]
    unmatched: dict


def match_names(names: Iterable[str], known: Iterable[str], assembly: str | None = None) -> dict:
    """Map names to those of the same chromosomes in ``known``; the others are left out.

    A name that is there as it stands means itself. One that could be two is left out, and so is an
    accession of another assembly than ``assembly``, or than the accession in its place.
    """
    known = dict.fromkeys(known)
    found = {name: name for name in dict.fromkeys(names)}
    if found.keys() <= known.keys():
        return found
    twins: dict[str, list[str]] = {}
    for name in known:
        twins.setdefault(shared_name(name), []).append(name)
    for name in found.keys() - known.keys():
        candidates = twins.get(shared_name(name), [])
        own = _assembly(name)
        fits = len(candidates) == 1 and own in (None, assembly or _assembly(candidates[0]) or own)
        found[name] = candidates[0] if fits else ""
    return {name: twin for name, twin in found.items() if twin}


def match_regions(
    regions: pd.DataFrame, sizes: Mapping[str, int], where: str | PathLike[str]
) -> dict[str, str]:
    """Map the chromosomes of regions to those of a track or of reads; others are left out.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` (0-based half-open).
    sizes
        Chromosomes of the track and their lengths.

    Raises
    ------
    UserError
        If none matches, or a region ends behind the end of its chromosome there.
    """
    furthest = regions.groupby("chrom", sort=False)["end"].max()
    names = match_names(furthest.index, sizes)
    same = "a track of the genome that the regions are of"
    assembly = recognise_assembly(sizes)
    of = f" ({assembly})" if assembly else ""
    if not names:
        there = ", ".join(list(sizes)[:NAMED]) or "none"
        raise UserError(
            f"no chromosome of the regions is in this track: they lie on {furthest.index[0]}, the "
            f"track has {there}{of}",
            where=where,
            expected=same,
        )
    for name, twin in names.items():
        if furthest[name] > sizes[twin]:
            raise PastEndError(
                f"{twin} has {sizes[twin]} bp in this track{of}, but a region ends at "
                f"{furthest[name]}",
                chrom=name,
                end=int(furthest[name]),
                where=where,
                expected=same,
            )
    return names


def _assembly(name: str) -> str | None:
    return ACCESSIONS.get(accession_of(name), (None,))[0]


def resolve_names(
    rows: Mapping[str, int],
    known: Iterable[str],
    *,
    rename: bool,
    where: str | PathLike[str],
    genome: str,
    assembly: str | None = None,
) -> ChromosomeMatch:
    """Match the chromosomes of one file with the genome's.

    Parameters
    ----------
    rows
        Each chromosome of the file, and how many rows lie on it.
    known
        The genome's chromosomes.
    rename
        Also match what is spelled differently.
    where, genome, assembly
        The file, and name and assembly of the genome, for messages.

    Part of a file that does not match is said in the log.

    Raises
    ------
    UserError
        If not one chromosome of the file is in the genome.
    """
    known = dict.fromkeys(known)
    alike = match_names(rows, known, assembly)
    names = alike if rename else {name: name for name in rows if name in known}
    lost = [name for name in rows if name not in names]
    advice = RENAME_ADVICE if alike.keys() - names.keys() else _advice(lost, assembly)
    if lost and not names:
        there = next((alike[name] for name in lost if name in alike), next(iter(known), "none"))
        raise NothingToReadError(
            f"no chromosome of this file is in the genome: it says {lost[0]!r}, the FASTA says "
            f"{there!r} ({genome})",
            where=where,
            expected="files of one assembly, with the same names",
            do=advice,
        )
    if not lost:
        return ChromosomeMatch(names, {})
    unmatched = {
        "rows": sum(rows[name] for name in lost),
        "of": sum(rows.values()),
        "chromosomes": lost[:NAMED],
    }
    logger.warning(
        "%s: %d of %d rows lie on chromosomes that are not in the genome %s (%s): %s",
        where,
        unmatched["rows"],
        unmatched["of"],
        genome,
        ", ".join(lost[:NAMED]) + (", …" if len(lost) > NAMED else ""),
        advice,
    )
    return ChromosomeMatch(names, unmatched)


def _advice(lost: list[str], assembly: str | None) -> str:
    own = next(filter(None, map(_assembly, lost)), None)
    if own and own != assembly:
        return f"these are chromosomes of {own}: use that genome"
    return "check that the two files belong together"
