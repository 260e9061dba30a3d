"""Tracks of all results for genome browsers: a hub for UCSC's, a session for IGV.

Both name the results' own files by their paths from the folder that holds them. Followed: UCSC's
"Track Hubs" and "Hub Track Database Definition" (version 3), IGV's session files (version 8).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pybigtools

from seformer.genome.assemblies import ASSEMBLIES, recognise_assembly
from seformer.regions.sizes import LARGEST
from seformer.report.results import Results, SampleResults
from seformer.scoring.browser_bed import write_browser_bed
from seformer.scoring.vcf import LAST_IN_TBI
from seformer.util.errors import UserError
from seformer.util.labels import BED_COLOURS, SUPER, TYPICAL
from seformer.util.markup import mark, plain
from seformer.util.tables import is_bed9

logger = logging.getLogger(__name__)
HUB, SESSION = "hub", "igv_session.xml"
OWN_FILES = (f"{HUB}/*.txt", f"{HUB}/*.bb", SESSION)
SHORT, LONG = 17, 80  # letters that UCSC shows of labels
WITH_TABLE, IN_FOLDER = ("attributions", "predictions", "variants"), ("motifs", "constituents")


@dataclass(frozen=True)
class Kind:
    """What stands for a kind of results: ``file`` is named after its table, or lies beside it."""

    file: str
    folder: str  # below that of the sample, where the pipeline publishes it
    title: str
    settings: Mapping[str, str]


_RGB = {"color": BED_COLOURS[SUPER], "altColor": BED_COLOURS[TYPICAL]}
_BED = {"type": "bigBed 9", "itemRgb": "on"}
KINDS = {
    "attributions": Kind(
        ".bw",
        "attributions",
        "attribution (above 0: super-enhancer)",
        {"type": "bigWig", "visibility": "full", "autoScale": "on", "alwaysZero": "on"}
        | {"windowingFunction": "mean+whiskers", "maxHeightPixels": "128:64:16", **_RGB}
        # letters as high as their values, zoomed in
        | {"logo": "on"},
    ),
    "predictions": Kind(".bb", "predictions", "scored regions", _BED | {"visibility": "dense"}),
    "motifs": Kind("seqlets.bed", "motifs", "motifs", _BED | {"visibility": "pack"}),
    "constituents": Kind(
        "constituents.bed", "dissect", "constituents", _BED | {"visibility": "pack"}
    ),
    "variants": Kind(".vcf.gz", "variants", "variants", {"type": "vcfTabix", "visibility": "pack"}),
}


@dataclass(frozen=True)
class BrowserTrack:
    """A file that a browser opens, by its path from the folder of hub and session."""

    kind: str
    sample: str
    bed: str
    path: str
    # a BED, of which UCSC wants a bigBed
    source: Path | None

    @property
    def label(self) -> str:
        return plain(f"{self.sample} {self.bed}: {KINDS[self.kind].title}")

    @property
    def name(self) -> str:
        """As UCSC takes names, and no other track's."""
        given = f"{self.kind}_{self.sample}_{self.bed}"
        name = re.sub(r"[^A-Za-z0-9]+", "_", given)
        return name if name == given else f"{name}_{mark(given)}"


@dataclass(frozen=True)
class Published:
    """Where the pipeline publishes: names of BED files by kind and id, and what IGV opens."""

    names: Mapping[str, Mapping[str, str]]
    genome: str | None = None


def write_browser_files(
    results: Results,
    staging: Path,
    out: Path,
    sizes: Mapping[str, int] | None,
    *,
    fasta: Path | None = None,
    published: Published | None = None,
) -> None:
    """Write ``hub/`` and ``igv_session.xml`` where there is a track that they could open.

    Parameters
    ----------
    out
        What ``staging`` becomes: paths count from there.
    sizes
        Lengths of the genome's chromosomes; without them those of the tracks.
    fasta
        The genome, for IGV, unless the assembly is one that it has.
    published
        The files will lie beside hub and session; else they lie where they were read.
    """
    tracks = list(find_tracks(results, out, sizes, published))
    if not tracks:
        return
    sizes = sizes or _lengths(results)
    assembly = assembly_of(results, sizes)
    genome = assembly or (published.genome if published else None)
    if genome is None and fasta is not None:
        genome = _relative(fasta, out)
    if genome is None:
        logger.warning(
            "%s names no genome: choose it in IGV before you open it%s",
            SESSION,
            "" if published else ", or give --fasta",
        )
    session = session_of(tracks, genome, first_locus(results))
    (staging / SESSION).write_text(session, encoding="utf-8")
    if (fault := why_no_hub(assembly, sizes)) is not None:
        logger.info("no %s/ for UCSC's browser is written: %s", HUB, fault)
        return
    (staging / HUB).mkdir()
    entries = [entry for track in tracks if (entry := entry_of(track, staging / HUB, sizes))]
    texts = {
        "hub.txt": stanza(
            {
                "hub": "seformer",
                "shortLabel": "seformer",
                "longLabel": "seformer: super-enhancers from sequence, base by base",
                "genomesFile": "genomes.txt",
                "email": "you@example.org",
            }
        ),
        "genomes.txt": stanza({"genome": assembly, "trackDb": "trackDb.txt"}),
        "trackDb.txt": "\n".join(map(stanza, entries)),
    }
    for name, text in texts.items():
        (staging / HUB / name).write_text(text, encoding="utf-8")
    logger.info("%d tracks in %s/, %d in %s", len(entries), HUB, len(tracks), SESSION)


# ------------------------------------------------------------------------- which tracks


def find_tracks(
    results: Results, out: Path, sizes: Mapping[str, int] | None, published: Published | None
) -> Iterator[BrowserTrack]:
    """Yield the files of all samples that a genome browser opens."""
    for sample in results.ordered():
        for name, kind in KINDS.items():
            for bed, table in sample.tables.get(name, {}).items():
                suffix = kind.file.startswith(".")
                file = table.with_suffix(kind.file) if suffix else table.with_name(kind.file)
                if published is not None:
                    shown = published.names.get(name, {}).get(bed, bed)
                    below = f"{shown}{kind.file}" if suffix else f"{shown}/{kind.file}"
                    path = f"{sample.name}/{kind.folder}/{below}"
                    there = _is_published(sample, name, bed, file, sizes)
                else:
                    shown, path = bed, _relative(file, out)
                    there = _is_track(file)
                if there:
                    yield BrowserTrack(name, sample.name, shown, path, None if suffix else file)


def _is_track(file: Path) -> bool:
    if file.suffix == ".gz":
        return file.is_file() and file.with_name(f"{file.name}.tbi").is_file()
    return file.is_file() and file.stat().st_size > 0


def _is_published(
    sample: SampleResults, kind: str, bed: str, file: Path, sizes: Mapping[str, int] | None
) -> bool:
    """Tell whether a stage wrote a track, of which only the table is here."""
    longest = max((sizes or {}).values(), default=0)
    match kind:
        case "attributions":
            return sample.explanations[bed].regions > 0
        case "predictions":
            return sample.predictions[bed].scored > 0 and longest <= LARGEST
        case "variants":
            return longest <= LAST_IN_TBI  # UCSC reads no other index
        case _:
            return _is_track(file)


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


# ------------------------------------------------------------------------- which genome


def assembly_of(results: Results, sizes: Mapping[str, int]) -> str | None:
    """The assembly, if all results that know one are of the same."""
    samples = results.ordered()
    named = {
        *(bed.top.get("assembly") for s in samples for bed in s.explanations.values() if bed.top),
        *(bed.summary.get("assembly") for s in samples for bed in s.predictions.values()),
        recognise_assembly(sizes),
    } - {None}
    return named.pop() if len(named) == 1 else None


def why_no_hub(assembly: str | None, sizes: Mapping[str, int]) -> str | None:
    """Say why UCSC's browser could not show these results, None if it could."""
    if assembly not in ASSEMBLIES:
        return f"the results are not of one genome that it has ({', '.join(ASSEMBLIES)})"
    other = next((name for name in sizes if not name.startswith("chr")), None)
    if other is not None and not any(name.startswith("chr") for name in sizes):
        return f"its chromosomes are called chr1 and so on, these {other}"
    return None


def _lengths(results: Results) -> dict[str, int]:
    """Lengths of the chromosomes of explained regions, as the tracks have them."""
    lengths: dict[str, int] = {}
    for sample in results.ordered():
        for table in sample.tables.get("attributions", {}).values():
            if (track := table.with_suffix(".bw")).is_file():
                with pybigtools.open(str(track)) as opened:
                    lengths |= opened.chroms()
    return lengths


def first_locus(results: Results) -> str:
    """The region with the highest score, where a browser opens; places there count from 1."""
    for sample in results.ordered():
        for bed in sample.explanations.values():
            if bed.top and bed.top["regions"]:
                region = bed.top["regions"][0]
                return f"{region['chrom']}:{region['start'] + 1}-{region['end']}"
    return "All"


# ------------------------------------------------------------------------- what is written


def entry_of(track: BrowserTrack, hub: Path, sizes: Mapping[str, int]) -> dict[str, str] | None:
    """The stanza of a track; None of a BED that cannot be made a bigBed."""
    address = quote(f"../{track.path}")
    if track.source is not None:
        if not is_bed9(track.source):
            return None  # of version 1.0
        address = f"{track.name}.bb"
        try:
            write_browser_bed(track.source, hub / address, sizes, "the genome of the tracks")
        except UserError as error:
            logger.warning("%s/ lacks %s: %s", HUB, track.label, error)
        if not (hub / address).is_file():
            return None
    return {
        "track": track.name,
        "bigDataUrl": address,
        "shortLabel": plain(f"{track.kind} {track.sample}")[:SHORT],
        "longLabel": track.label[:LONG],
        **KINDS[track.kind].settings,
    }


def stanza(settings: Mapping[str, str | None]) -> str:
    """A stanza of UCSC's: a setting a line."""
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def session_of(tracks: Sequence[BrowserTrack], genome: str | None, locus: str) -> str:
    """A session of IGV; it opens paths that count from the session's own folder."""
    session = ElementTree.Element("Session", {"locus": locus, "version": "8"})
    if genome is not None:
        session.set("genome", genome)
    resources = ElementTree.SubElement(session, "Resources")
    for track in tracks:
        line = f'track name="{track.label}"'
        if track.kind == "attributions":
            line += " type=bigWig autoScale=on visibility=full"
            line += "".join(f" {name}={value}" for name, value in _RGB.items())
        resource = {"name": track.label, "path": track.path, "trackLine": line}
        ElementTree.SubElement(resources, "Resource", resource)
    ElementTree.indent(session)
    head = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    return head + ElementTree.tostring(session, encoding="unicode") + "\n"
