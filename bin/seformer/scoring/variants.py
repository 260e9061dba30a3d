"""Scores of variants: the logit of the region with the alternative allele minus that without."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import logging
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pysam

from seformer.genome import intervals
from seformer.genome.bgzf import BgzipWriter
from seformer.genome.genome import Genome
from seformer.model.folder import load_model
from seformer.regions.read import read_regions
from seformer.scoring.score import DEFAULT_BATCH_TOKENS, Ensemble
from seformer.scoring.views import Edit
from seformer.sequence.dna import BASES
from seformer.util.atomic import output_folder
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError, visible
from seformer.util.logs import progress
from seformer.util.records import write_json
from seformer.util.tables import write_tsv
from seformer.util.text import existing_file, is_gzipped, open_text, unpacked

logger = logging.getLogger(__name__)
TABLE_FILE, VCF_FILE, SUMMARY_FILE = "variants.tsv", "variants.vcf.gz", "summary.json"
DEFAULT_WIDTH = 3_000
PASS = "scored"
# reasons why an allele has no score
UNKNOWN_CHROMOSOME = "unknown_chromosome"
PAST_END = "past_chromosome_end"
WRONG_REFERENCE = "wrong_reference"
SYMBOLIC = "symbolic_allele"
AMBIGUOUS = "ambiguous_allele"
OFF_REGION = "off_region"
PARTLY = "partly_in_region"
COLUMNS = (
    "chrom",
    "position",
    "id",
    "reference",
    "alternative",
    "region_start",
    "region_end",
    "region_name",
    "reference_logit",
    "alternative_logit",
    "difference",
    "status",
)
HEADER = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
FILE_FORMAT = "##fileformat=VCFv4.2"
PASSED = '##FILTER=<ID=PASS,Description="All filters passed">'
LAST_POSITION = 2**31 - 1  # its integers are 32-bit, signed
BCF = b"BCF\2"
INFO = (
    ("SEF_REF", "1", "Float", "Logit margin (SE - TE) of the region as in the genome"),
    ("SEF_ALT", "A", "Float", "Logit margin of the region with the alternative allele"),
    ("SEF_DIFF", "A", "Float", "SEF_ALT minus SEF_REF"),
    ("SEF_REGION", "1", "String", "The region scored, chrom:start-end, 0-based half-open"),
    ("SEF_STATUS", "A", "String", "scored, or why the allele has no score"),
)


class Record(NamedTuple):
    """One line of a VCF; ``start`` is 0-based, -1 before the first base; ``id`` may be None."""

    chrom: str
    start: int
    id: str | None
    reference: str
    alternatives: tuple[str, ...]
    line: str

    @classmethod
    def read(cls, line: str) -> Record:
        chrom, position, name, reference, alternatives = line.split("\t", 5)[:5]
        found = () if alternatives == "." else tuple(alternatives.split(","))
        name = None if name == "." else name
        return cls(chrom, int(position) - 1, name, reference, found, line)


class Allele(NamedTuple):
    """One alternative allele of one record, 0-based half-open, and its status so far."""

    record: int
    index: int
    chrom: str
    start: int
    end: int
    reference: str
    alternative: str
    status: str


class Span(NamedTuple):
    """A region to score."""

    chrom: str
    start: int
    end: int
    name: str


class Scored(NamedTuple):
    """Scores of an allele in one region; NaN and no region where the status says why not."""

    allele: Allele
    span: Span | None
    reference_logit: float
    alternative_logit: float
    status: str


def variants(
    model: Path,
    out: Path,
    *,
    fasta: Path,
    vcf: Path | None = None,
    positions: Path | None = None,
    regions: Path | None = None,
    width: int = DEFAULT_WIDTH,
    rename_chromosomes: bool = False,
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    device: str = "auto",
) -> None:
    """Score every alternative allele of a VCF, or every substitution at the bases of a BED.

    ``out`` gets ``variants.vcf.gz`` (the input's records with the fields of `INFO`),
    ``variants.tsv`` (one row per allele and region) and ``summary.json``.

    Parameters
    ----------
    vcf
        VCF or BCF, plain or compressed; or
    positions
        BED whose every base is replaced by each of the three others.
    regions
        Regions in which variants are scored; an allele is scored in every region that holds it
        whole, and the VCF carries the first of them. Without it the region is ``width`` bases
        round the variant (or the row of ``positions``, so that its substitutions share all
        windows but those they change), inside its chromosome.

    Raises
    ------
    UserError
        If a file cannot be used. A variant that cannot be scored is no error: it is reported.
    """
    if (vcf is None) == (positions is None):
        raise UserError("give either --vcf or --positions")
    with Genome(fasta) as genome, output_folder(out) as staging:
        unmatched: dict[str, dict] = {}
        if positions is None:
            records, header = read_vcf(existing_file(vcf))
            rows = []
        else:
            places = read_spans(existing_file(positions), genome, rename_chromosomes, unmatched)
            records, rows, header = substitutions(places, genome)
        where = vcf if positions is None else fasta
        names = _resolve(
            Counter(r.chrom for r in records), where, genome, rename_chromosomes, unmatched
        )
        alleles = [a for i, r in enumerate(records) for a in check(i, r, names, genome)]

        def home(allele: Allele) -> Span:
            row = rows[allele.record] if rows else allele
            return _round(row.chrom, row.start, row.end, genome, width)

        spans = home
        if regions is not None:
            spans = read_spans(regions, genome, rename_chromosomes, unmatched)
        scorer = Ensemble(load_model(model, resolve_device(device)), batch_tokens)
        scored = score_alleles(scorer, alleles, genome, spans)
        table = tabulate(scored, records)
        write_tsv(table, staging / TABLE_FILE)
        write_vcf(staging / VCF_FILE, header, records, scored)
        summary = {
            "records": len(records),
            "alleles": len(alleles),
            "status": dict(sorted(Counter(_by_allele(scored).values()).items())),
            "unmatched_chromosomes": unmatched,
        }
        write_json(summary, staging / SUMMARY_FILE)
    counts = ", ".join(f"{n} {status}" for status, n in summary["status"].items())
    logger.info("%d records, %d alleles: %s", len(records), len(alleles), counts or "none")


# ------------------------------------------------------------------------- reading


def read_vcf(path: Path) -> tuple[list[Record], list[str]]:
    """Read the records and header lines of a VCF or BCF.

    Raises
    ------
    UserError
        If it cannot be read to its end, unpacks to far more than text does, or for the first line
        that is not one of a VCF.
    """
    header: list[str] = []
    records: list[Record] = []
    width = 0
    for number, line in _bcf_lines(path) if _is_bcf(path) else _text_lines(path):
        if not width and line.startswith("#"):
            header.append(line)
            if line.startswith(HEADER):
                width = line.count("\t") + 1
            elif line[:6].upper() == HEADER[:6]:
                names = HEADER.replace("\t", " ")
                raise _not_vcf(path, f"the line does not begin with {names}, with tabs", number)
            continue
        fault = _fault(line, width)
        if fault:
            raise _not_vcf(path, fault, number)
        records.append(Record.read(line))
    if not width:
        raise _not_vcf(path, "no line begins with #CHROM")
    if not header[0].startswith("##fileformat="):
        header.insert(0, FILE_FORMAT)
    return records, header


def _not_vcf(path: Path, fault: str, line: int | None = None) -> UserError:
    return UserError(
        f"the file cannot be read as VCF ({fault})",
        where=path,
        line=line,
        expected="VCF or BCF with its header lines, columns separated by tabs",
        do="mend it; check it with: bcftools view",
    )


def _fault(line: str, width: int) -> str:
    """Say why a line is not a record, or nothing."""
    if not width:
        return "no line before this one begins with #CHROM"
    if line.startswith("#"):
        return "a header line between records, as if two files had been put together"
    fields = line.split("\t")
    if len(fields) != width:
        return f"{len(fields)} columns where the header has {width}"
    position = fields[1]
    if not (position.isascii() and position.isdecimal()):
        return f"position {position[:40]!r} is not a whole number"
    if len(position) > len(str(LAST_POSITION)) or int(position) > LAST_POSITION:
        return f"position {position[:40]} is more than a VCF can hold ({LAST_POSITION})"
    if not all((fields[0], fields[3], *fields[4].split(","))):
        return "a chromosome or allele is missing"
    return ""


def _text_lines(path: Path) -> Iterator[tuple[int, str]]:
    # no bound to a line: genotypes of half a million people make one of megabytes
    with open_text(path) as text:
        yield from ((n, line.rstrip("\n")) for n, line in enumerate(text, 1) if line != "\n")


def _is_bcf(path: Path) -> bool:
    """Tell a BCF from text; what is neither is refused."""
    head = b""
    with contextlib.suppress(OSError, EOFError, zlib.error):  # reading it as text says it
        with (gzip.open if is_gzipped(path) else open)(path, "rb") as handle:
            head = handle.read(len(BCF))
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _not_vcf(path, "it is neither text nor BCF")
    return head == BCF


def _bcf_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines as in a VCF."""
    with unpacked(path) as plain:
        verbosity = pysam.set_verbosity(0)
        try:
            with pysam.VariantFile(str(plain)) as handle:
                lines = chain(str(handle.header).rstrip("\n").split("\n"), map(str, handle))
                for number, line in enumerate(lines, 1):
                    yield number, line.rstrip("\n")
        except (OSError, ValueError) as error:
            raise UserError(
                f"the file cannot be read as BCF ({error})".replace(str(plain), str(path)),
                where=path,
                do="check it with: bcftools view",
            ) from error
        finally:
            pysam.set_verbosity(verbosity)


def substitutions(
    places: Sequence[Span], genome: Genome
) -> tuple[list[Record], list[Span], list[str]]:
    """Make a record of every base of ``places`` with the three others as alternatives.

    A base of several places has one record, a base other than A, C, G, T none.

    Returns
    -------
    tuple
        The records, the place of each, and their header.
    """
    contigs = (f"##contig=<ID={name},length={n}>" for name, n in genome.chromosomes.items())
    header = [FILE_FORMAT, PASSED, *contigs, HEADER]
    found: dict[tuple[str, int], tuple[Record, Span]] = {}
    for place in places:
        bases = genome.fetch(place.chrom, place.start, place.end)
        for start, base in enumerate(bases, place.start):
            if base in BASES and (place.chrom, start) not in found:
                others = ",".join(BASES.replace(base, ""))
                line = f"{place.chrom}\t{start + 1}\t.\t{base}\t{others}\t.\t.\t."
                found[place.chrom, start] = Record.read(line), place
    records, rows = zip(*found.values(), strict=True) if found else ((), ())
    return list(records), list(rows), header


def _resolve(
    rows: Mapping[str, int], path: Path, genome: Genome, rename: bool, unmatched: dict[str, dict]
) -> dict[str, str]:
    """Match the chromosomes of one file, and keep in ``unmatched`` what is not in the genome."""
    found = genome.resolve(rows, path, rename)
    if found.unmatched:
        unmatched[visible(Path(path).name)] = found.unmatched
    return found.names


def read_spans(path: Path, genome: Genome, rename: bool, unmatched: dict[str, dict]) -> list[Span]:
    """Read regions and spell their chromosomes as the genome does; count what is not in it.

    Raises
    ------
    UserError
        If a region passes its chromosome's end.
    """
    table = read_regions(path, labels=False, own=()).regions
    count = table["chrom"].value_counts().to_dict()
    names = _resolve(count, path, genome, rename, unmatched)
    spans = []
    for row in table.itertuples():
        chrom = names.get(row.chrom)
        if chrom is None:
            continue
        if row.end > genome.chromosomes[chrom]:
            raise UserError(
                f"{row.chrom}:{row.start}-{row.end} passes the end of {row.chrom},"
                f" {genome.chromosomes[chrom]} bp long",
                where=path,
                line=int(row.line),
                do="mend the regions, or use the genome they belong to",
            )
        spans.append(Span(chrom, int(row.start), int(row.end), str(row.name)))
    return spans


def check(number: int, record: Record, names: dict[str, str], genome: Genome) -> Iterator[Allele]:
    """Yield the record's alternative alleles with what can be said without the model."""
    chrom, reference = names.get(record.chrom), record.reference.upper()
    start, stop = record.start, record.start + len(reference)
    if chrom is None:
        status = UNKNOWN_CHROMOSOME
    elif start < 0 or stop > genome.chromosomes[chrom]:
        status = PAST_END  # position 0 stands for a telomere
    elif reference.isalpha() and not set(reference) <= set("ACGTN"):
        status = AMBIGUOUS
    elif genome.fetch(chrom, start, stop) != reference:
        status = WRONG_REFERENCE
    else:
        status = ""
    for index, alternative in enumerate(record.alternatives):
        alternative = alternative.upper()
        yield Allele(
            number,
            index,
            chrom or record.chrom,
            start,
            stop,
            reference,
            alternative,
            status or _form(alternative),
        )


def _form(alternative: str) -> str:
    """Say why an alternative allele is no sequence that can be put in."""
    if alternative in ("*", ".") or not alternative.isalpha():
        return SYMBOLIC
    return "" if set(alternative) <= set("ACGT") else AMBIGUOUS


# ------------------------------------------------------------------------- scoring


def score_alleles(
    scorer: Ensemble,
    alleles: Sequence[Allele],
    genome: Genome,
    spans: Sequence[Span] | Callable[[Allele], Span],
) -> list[Scored]:
    """Score alleles in their regions, each alone, all alleles of a region together.

    ``spans`` are the regions, or tell the one region of an allele. A region with an insertion or
    deletion is scored with its new length, its ends where they are.

    Returns
    -------
    list of Scored
        In the order of ``alleles``; several for an allele in several regions, in their order.
    """
    pairs, statuses = _homes(alleles, spans)
    none = float("nan")
    results = [
        (place, Scored(alleles[place], None, none, none, status))
        for place, status in enumerate(statuses)
        if status
    ]
    order = {span: rank for rank, span in enumerate(dict.fromkeys(span for span, _ in pairs))}
    pairs.sort(key=lambda pair: order[pair[0]])
    groups = [(span, [place for _, place in group]) for span, group in groupby(pairs, _first)]
    for span, places in progress(groups, "scoring variants"):
        edits = [
            Edit(alleles[p].start - span.start, alleles[p].end - span.start, alleles[p].alternative)
            for p in places
        ]
        sequence = genome.fetch(span.chrom, span.start, span.end)
        logit, edited = scorer.edits(sequence, edits)
        results += [
            (place, Scored(alleles[place], span, logit, float(value), PASS))
            for place, value in zip(places, edited, strict=True)
        ]
    # Python's sort is stable, so the regions of an allele stay in their order
    return [scored for _, scored in sorted(results, key=lambda pair: pair[0])]


def _first(pair: tuple[Span, int]) -> Span:
    return pair[0]


def _homes(
    alleles: Sequence[Allele], spans: Sequence[Span] | Callable[[Allele], Span]
) -> tuple[list[tuple[Span, int]], list[str]]:
    """Every region that holds a whole allele, with the allele's place, and why others have none."""
    statuses = np.array([allele.status for allele in alleles], dtype=object)
    places = np.flatnonzero(statuses == "")
    if callable(spans):
        return [(spans(alleles[place]), place) for place in places.tolist()], statuses.tolist()
    queries = pd.DataFrame([alleles[place] for place in places], columns=list(Allele._fields))
    targets = pd.DataFrame(spans, columns=list(Span._fields))
    query, target = intervals.pairs(queries, targets)
    start, end = (queries[name].to_numpy()[query] for name in ("start", "end"))
    first, last = (targets[name].to_numpy()[target] for name in ("start", "end"))
    whole = (first <= start) & (end <= last)
    statuses[places] = OFF_REGION
    statuses[places[query]] = PARTLY
    statuses[places[query[whole]]] = ""
    held = zip(target[whole].tolist(), places[query[whole]].tolist(), strict=True)
    return [(spans[row], place) for row, place in held], statuses.tolist()


def _round(chrom: str, start: int, end: int, genome: Genome, width: int) -> Span:
    """``width`` bases round a place (more if that is longer), inside the chromosome."""
    length = genome.chromosomes[chrom]
    size = min(max(width, end - start), length)
    first = min(max((start + end - size) // 2, 0), length - size)
    return Span(chrom, first, first + size, f"{chrom}:{first}-{first + size}")


# ------------------------------------------------------------------------- writing


def _by_allele(scored: Iterable[Scored]) -> dict[tuple[int, int], str]:
    return {(s.allele.record, s.allele.index): s.status for s in scored}


def tabulate(scored: Sequence[Scored], records: Sequence[Record]) -> pd.DataFrame:
    """One row per allele and region, columns `COLUMNS`; ``position`` is 1-based as in VCF."""
    rows = [
        (
            records[s.allele.record].chrom,
            s.allele.start + 1,
            records[s.allele.record].id,
            s.allele.reference,
            s.allele.alternative,
            s.span.start if s.span else pd.NA,
            s.span.end if s.span else pd.NA,
            s.span.name if s.span else None,
            s.reference_logit,
            s.alternative_logit,
            s.alternative_logit - s.reference_logit,
            s.status,
        )
        for s in scored
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in ("region_start", "region_end"):
        table[column] = table[column].astype("Int64")
    return table


def write_vcf(
    path: Path,
    header: Sequence[str],
    records: Sequence[Record],
    scored: Sequence[Scored],
) -> None:
    """Write the input's records with scores in INFO, bgzipped.

    Of several regions that hold a record the first counts. All alleles of a record replace the
    same bases, so they have the same region. All else stays as it was, letter for letter.
    """
    first: dict[tuple[int, int], Scored] = {}
    for s in scored:
        first.setdefault((s.allele.record, s.allele.index), s)
    with BgzipWriter(path) as handle:
        for line in _header_lines(header):
            handle.write(line.encode() + b"\n")
        for number, record in enumerate(records):
            fields = record.line.split("\t")
            alleles = [first[number, i] for i in range(len(record.alternatives))]
            fields[7] = _with_scores(fields[7], alleles)
            handle.write("\t".join(fields).encode() + b"\n")


def _header_lines(header: Sequence[str]) -> Iterator[str]:
    """The header with the fields of `INFO`; those of an earlier run are replaced."""
    own = tuple(f"##INFO=<ID={name}," for name, *_ in INFO)
    for line in header:
        if line.startswith("#CHROM"):
            for name, number, kind, text in INFO:
                yield f'##INFO=<ID={name},Number={number},Type={kind},Description="{text}">'
        if not line.startswith(own):
            yield line


def _with_scores(info: str, alleles: Sequence[Scored]) -> str:
    names = tuple(f"{name}=" for name, *_ in INFO)
    kept = [entry for entry in info.split(";") if entry != "." and not entry.startswith(names)]
    scored = next((s for s in alleles if s.span is not None), None)
    if scored is not None:
        kept += [
            f"SEF_REF={scored.reference_logit:.7g}",
            "SEF_ALT=" + ",".join(_number(s.alternative_logit) for s in alleles),
            "SEF_DIFF="
            + ",".join(_number(s.alternative_logit - s.reference_logit) for s in alleles),
            f"SEF_REGION={scored.span.chrom}:{scored.span.start}-{scored.span.end}",
        ]
    if alleles:
        kept.append("SEF_STATUS=" + ",".join(s.status for s in alleles))
    return ";".join(kept) or "."


def _number(value: float) -> str:
    return "." if math.isnan(value) else f"{value:.7g}"
