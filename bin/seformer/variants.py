"""Scores of variants: the logit of the region with the alternative allele minus that without."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pysam

from seformer import files
from seformer.devices import resolve_device
from seformer.errors import UserError
from seformer.files import existing_file
from seformer.genome import Genome
from seformer.logs import progress
from seformer.modelfolder import Model, load_model
from seformer.mutagenesis import BASES, Edit, score_edits
from seformer.regions import read_regions
from seformer.score import DEFAULT_BATCH_TOKENS

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
INFO = (
    ("SEF_REF", "1", "Float", "Logit margin (SE - TE) of the region as in the genome"),
    ("SEF_ALT", "A", "Float", "Logit margin of the region with the alternative allele"),
    ("SEF_DIFF", "A", "Float", "SEF_ALT minus SEF_REF"),
    ("SEF_REGION", "1", "String", "The region scored, chrom:start-end, 0-based half-open"),
    ("SEF_STATUS", "A", "String", "scored, or why the allele has no score"),
)


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
    with Genome(fasta) as genome, files.output_folder(out) as staging:
        if positions is None:
            records, header = read_vcf(existing_file(vcf))
            rows = []
        else:
            places = read_spans(existing_file(positions), genome, rename_chromosomes)
            records, rows, header = substitutions(places, genome)
        names = genome.match_chromosomes({r.chrom for r in records}, rename_chromosomes)
        alleles = [a for i, r in enumerate(records) for a in check(i, r, names, genome)]

        def home(allele: Allele) -> Span:
            row = rows[allele.record] if rows else allele
            return _round(row.chrom, row.start, row.end, genome, width)

        spans = home if regions is None else read_spans(regions, genome, rename_chromosomes)
        scored = score_alleles(
            load_model(model, resolve_device(device)), alleles, genome, spans, batch_tokens
        )
        table = tabulate(scored, records)
        files.write_table(table, staging / TABLE_FILE)
        write_vcf(staging / VCF_FILE, header, records, scored)
        summary = {
            "records": len(records),
            "alleles": len(alleles),
            "status": dict(sorted(Counter(_by_allele(scored).values()).items())),
        }
        files.write_json(summary, staging / SUMMARY_FILE)
    counts = ", ".join(f"{n} {status}" for status, n in summary["status"].items())
    logger.info("%d records, %d alleles: %s", len(records), len(alleles), counts or "none")


# ------------------------------------------------------------------------- reading


def read_vcf(path: Path) -> tuple[list[pysam.VariantRecord], pysam.VariantHeader]:
    """Read a VCF or BCF.

    Raises
    ------
    UserError
        If it cannot be read to its end, or unpacks to far more than text does.
    """
    with files.unpacked(path) as plain:
        verbosity = pysam.set_verbosity(0)
        try:
            with pysam.VariantFile(str(plain)) as handle:
                return list(handle), handle.header
        except (OSError, ValueError) as error:
            raise UserError(
                f"the file cannot be read as VCF ({error})".replace(str(plain), str(path)),
                where=path,
                expected="VCF or BCF with its header lines",
                do="check it with: bcftools view",
            ) from error
        finally:
            pysam.set_verbosity(verbosity)


def substitutions(
    places: Sequence[Span], genome: Genome
) -> tuple[list[pysam.VariantRecord], list[Span], pysam.VariantHeader]:
    """Make a record of every base of ``places`` with the three others as alternatives.

    A base of several places has one record, a base other than A, C, G, T none.

    Returns
    -------
    tuple
        The records, the place of each, and their header.
    """
    header = pysam.VariantHeader()
    for chrom, length in genome.chromosomes.items():
        header.contigs.add(chrom, length=length)
    found: dict[tuple[str, int], tuple[pysam.VariantRecord, Span]] = {}
    for place in places:
        bases = genome.fetch(place.chrom, place.start, place.end)
        for start, base in enumerate(bases, place.start):
            if base in BASES and (place.chrom, start) not in found:
                alleles = (base, *BASES.replace(base, ""))
                record = header.new_record(place.chrom, start, start + 1, alleles)
                found[place.chrom, start] = record, place
    records, rows = zip(*found.values(), strict=True) if found else ((), ())
    return list(records), list(rows), header


def read_spans(path: Path, genome: Genome, rename: bool) -> list[Span]:
    """Read regions and spell their chromosomes as the genome does.

    Raises
    ------
    UserError
        If a region passes its chromosome's end.
    """
    table = read_regions(path, labels=False).regions
    names = genome.match_chromosomes(table["chrom"].unique(), rename)
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


def check(
    number: int, record: pysam.VariantRecord, names: dict[str, str], genome: Genome
) -> Iterator[Allele]:
    """Yield the record's alternative alleles with what can be said without the model."""
    chrom, reference = names.get(record.chrom), (record.ref or "").upper()
    start, stop = record.start, record.start + len(reference)
    if chrom is None:
        status = UNKNOWN_CHROMOSOME
    elif stop > genome.chromosomes[chrom]:
        status = PAST_END
    elif genome.fetch(chrom, start, stop) != reference:
        status = WRONG_REFERENCE
    else:
        status = ""
    for index, alternative in enumerate(record.alts or ()):
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
    model: Model,
    alleles: Sequence[Allele],
    genome: Genome,
    spans: Sequence[Span] | Callable[[Allele], Span],
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
) -> list[Scored]:
    """Score alleles in their regions, each alone, all alleles of a region together.

    ``spans`` are the regions, or tell the one region of an allele. A region with an insertion or
    deletion is scored with its new length, its ends where they are.

    Returns
    -------
    list of Scored
        In the order of ``alleles``; several for an allele in several regions, in their order.
    """
    results: list[tuple[int, Scored]] = []
    pairs: list[tuple[Span, int]] = []
    for place, allele in enumerate(alleles):
        status, holding = allele.status, []
        if not status:
            status, holding = _holding(allele, spans)
        if status:
            results.append((place, Scored(allele, None, float("nan"), float("nan"), status)))
        pairs += [(span, place) for span in holding]
    order = {span: rank for rank, span in enumerate(dict.fromkeys(span for span, _ in pairs))}
    pairs.sort(key=lambda pair: order[pair[0]])
    groups = [(span, [place for _, place in group]) for span, group in groupby(pairs, _first)]
    for span, places in progress(groups, "scoring variants"):
        edits = [
            Edit(alleles[p].start - span.start, alleles[p].end - span.start, alleles[p].alternative)
            for p in places
        ]
        sequence = genome.fetch(span.chrom, span.start, span.end)
        logit, edited = score_edits(model, sequence, edits, batch_tokens)
        results += [
            (place, Scored(alleles[place], span, logit, float(value), PASS))
            for place, value in zip(places, edited, strict=True)
        ]
    # Python's sort is stable, so the regions of an allele stay in their order
    return [scored for _, scored in sorted(results, key=lambda pair: pair[0])]


def _first(pair: tuple[Span, int]) -> Span:
    return pair[0]


def _holding(
    allele: Allele, spans: Sequence[Span] | Callable[[Allele], Span]
) -> tuple[str, list[Span]]:
    """The regions that hold the whole allele, or the reason why there is none."""
    if callable(spans):
        return "", [spans(allele)]
    touching = [
        span
        for span in spans
        if span.chrom == allele.chrom and span.start < allele.end and allele.start < span.end
    ]
    whole = [s for s in touching if s.start <= allele.start and allele.end <= s.end]
    if not touching:
        return OFF_REGION, []
    return ("", whole) if whole else (PARTLY, [])


def _round(chrom: str, start: int, end: int, genome: Genome, width: int) -> Span:
    """``width`` bases round a place (more if that is longer), inside the chromosome."""
    length = genome.chromosomes[chrom]
    size = min(max(width, end - start), length)
    first = min(max((start + end - size) // 2, 0), length - size)
    return Span(chrom, first, first + size, f"{chrom}:{first}-{first + size}")


# ------------------------------------------------------------------------- writing


def _by_allele(scored: Iterable[Scored]) -> dict[tuple[int, int], str]:
    return {(s.allele.record, s.allele.index): s.status for s in scored}


def tabulate(scored: Sequence[Scored], records: Sequence[pysam.VariantRecord]) -> pd.DataFrame:
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
    header: pysam.VariantHeader,
    records: Sequence[pysam.VariantRecord],
    scored: Sequence[Scored],
) -> None:
    """Write the input's records with scores in INFO, bgzipped.

    Of several regions that hold a record the first counts. All alleles of a record replace the
    same bases, so they have the same region. Lines are put together as text: pysam adds END to
    some records whose INFO is set.
    """
    first: dict[tuple[int, int], Scored] = {}
    for s in scored:
        first.setdefault((s.allele.record, s.allele.index), s)
    with pysam.BGZFile(str(path), "wb") as handle:
        for line in _header_lines(header):
            handle.write(line.encode() + b"\n")
        for number, record in enumerate(records):
            fields = str(record).rstrip("\n").split("\t")
            alleles = [first[number, i] for i in range(len(record.alts or ()))]
            fields[7] = _with_scores(fields[7], alleles)
            handle.write("\t".join(fields).encode() + b"\n")


def _header_lines(header: pysam.VariantHeader) -> Iterator[str]:
    """The header with the fields of `INFO`; those of an earlier run are replaced."""
    own = tuple(f"##INFO=<ID={name}," for name, *_ in INFO)
    for line in str(header).splitlines():
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
