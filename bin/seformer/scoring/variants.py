"""Scores of variants: the logit of the region with the alternative allele minus that without."""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.genome.genome import Genome
from seformer.model.folder import load_model
from seformer.regions.read import read_regions
from seformer.scoring.score import Ensemble
from seformer.scoring.settings import VariantSettings
from seformer.scoring.vcf import FILE_FORMAT, HEADER, PASSED, VcfRecord, read_vcf, write_vcf
from seformer.scoring.views import Edit
from seformer.sequence.dna import BASES
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError, visible
from seformer.util.logs import progress
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import write_tsv
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
TABLE_FILE, VCF_FILE, SUMMARY_FILE = "variants.tsv", "variants.vcf.gz", "summary.json"
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


class ScoredAllele(NamedTuple):
    """Scores of an allele in one region; NaN and no region where the status says why not."""

    allele: Allele
    span: Span | None
    reference_logit: float
    alternative_logit: float
    status: str


@takes(VariantSettings)
def variants(
    model: Path,
    out: Path,
    settings: VariantSettings,
    *,
    fasta: Path,
    vcf: Path | None = None,
    positions: Path | None = None,
    regions: Path | None = None,
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
        read = partial(
            _read_spans, genome=genome, rename=settings.rename_chromosomes, unmatched=unmatched
        )
        rows: Sequence[Span] = ()
        if positions is None:
            records, header = read_vcf(existing_file(vcf))
        else:
            records, rows, header = substitutions(read(existing_file(positions)), genome)
        count = Counter(record.chrom for record in records)
        names = _resolve(count, vcf or fasta, genome, settings.rename_chromosomes, unmatched)
        alleles = [a for i, r in enumerate(records) for a in _alleles(i, r, names, genome)]

        def home(allele: Allele) -> Span:
            row = rows[allele.record] if rows else allele
            return _round(row.chrom, row.start, row.end, genome, settings.width)

        spans = home if regions is None else read(regions)
        scorer = Ensemble(load_model(model, settings.device), settings.batch_tokens)
        scored = score_alleles(scorer, alleles, genome, spans)
        write_tsv(tabulate(scored, records), staging / TABLE_FILE)
        # of several regions that hold an allele the first counts: the last that is put in
        first = {(s.allele.record, s.allele.index): s for s in reversed(scored)}
        entries = [
            annotate([first[number, index] for index in range(len(record.alternatives))])
            for number, record in enumerate(records)
        ]
        write_vcf(staging / VCF_FILE, header, records, INFO, entries)
        summary = {
            "records": len(records),
            "alleles": len(alleles),
            "status": dict(sorted(Counter(s.status for s in first.values()).items())),
            "unmatched_chromosomes": unmatched,
        }
        write_json(summary, staging / SUMMARY_FILE)
    counts = ", ".join(f"{n} {status}" for status, n in summary["status"].items())
    logger.info("%d records, %d alleles: %s", len(records), len(alleles), counts or "none")


def substitutions(
    spans: Sequence[Span], genome: Genome
) -> tuple[list[VcfRecord], list[Span], list[str]]:
    """Make a record of every base of ``spans`` with the three others as alternatives.

    A base of several spans has one record, a base other than A, C, G, T none.

    Returns
    -------
    tuple
        The records, the span of each, and their header.
    """
    contigs = (f"##contig=<ID={name},length={n}>" for name, n in genome.chromosomes.items())
    header = [FILE_FORMAT, PASSED, *contigs, HEADER]
    records: dict[tuple[str, int], tuple[VcfRecord, Span]] = {}
    for span in spans:
        bases = genome.fetch(span.chrom, span.start, span.end)
        for start, base in enumerate(bases, span.start):
            if base in BASES and (span.chrom, start) not in records:
                others = ",".join(BASES.replace(base, ""))
                line = f"{span.chrom}\t{start + 1}\t.\t{base}\t{others}\t.\t.\t."
                records[span.chrom, start] = VcfRecord.read(line), span
    pairs = records.values()
    return [record for record, _ in pairs], [span for _, span in pairs], header


def _resolve(
    rows: Mapping[str, int], path: Path, genome: Genome, rename: bool, unmatched: dict[str, dict]
) -> dict[str, str]:
    """Match the chromosomes of one file, and keep in ``unmatched`` what is not in the genome."""
    resolved = genome.resolve(rows, path, rename)
    if resolved.unmatched:
        unmatched[visible(Path(path).name)] = resolved.unmatched
    return resolved.names


def _read_spans(
    path: Path, *, genome: Genome, rename: bool, unmatched: dict[str, dict]
) -> list[Span]:
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


def _alleles(
    number: int, record: VcfRecord, names: dict[str, str], genome: Genome
) -> Iterator[Allele]:
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
    place = (chrom or record.chrom, start, stop, reference)
    for index, alternative in enumerate(map(str.upper, record.alternatives)):
        yield Allele(number, index, *place, alternative, status or _form(alternative))


def _form(alternative: str) -> str:
    """Say why an alternative allele is no sequence that can be put in."""
    if alternative in ("*", ".") or not alternative.isalpha():
        return SYMBOLIC
    return "" if set(alternative) <= set("ACGT") else AMBIGUOUS


def score_alleles(
    scorer: Ensemble,
    alleles: Sequence[Allele],
    genome: Genome,
    spans: Sequence[Span] | Callable[[Allele], Span],
) -> list[ScoredAllele]:
    """Score alleles in their regions, each alone, all alleles of a region together.

    ``spans`` are the regions, or tell the one region of an allele. A region with an insertion or
    deletion is scored with its new length, its ends where they are.

    Returns
    -------
    list of ScoredAllele
        In the order of ``alleles``; several for an allele in several regions, in their order.
    """
    pairs, statuses = _homes(alleles, spans)
    none = float("nan")
    results = [
        (number, ScoredAllele(allele, None, none, none, status))
        for number, (allele, status) in enumerate(zip(alleles, statuses, strict=True))
        if status
    ]
    by_span: dict[Span, list[int]] = defaultdict(list)
    for span, number in pairs:
        by_span[span].append(number)
    for span, numbers in progress(by_span.items(), "scoring variants"):
        held = [alleles[number] for number in numbers]
        edits = [Edit(a.start - span.start, a.end - span.start, a.alternative) for a in held]
        logit, edited = scorer.edits(genome.fetch(span.chrom, span.start, span.end), edits)
        results += [
            (number, ScoredAllele(allele, span, logit, float(value), PASS))
            for number, allele, value in zip(numbers, held, edited, strict=True)
        ]
    # Python's sort is stable, so the regions of an allele stay in their order
    return [scored for _, scored in sorted(results, key=lambda pair: pair[0])]


def _homes(
    alleles: Sequence[Allele], spans: Sequence[Span] | Callable[[Allele], Span]
) -> tuple[list[tuple[Span, int]], list[str]]:
    """Every region that holds a whole allele, with the allele's number; why others have none."""
    statuses = np.array([allele.status for allele in alleles], dtype=object)
    numbers = np.flatnonzero(statuses == "")
    if callable(spans):
        return [(spans(alleles[number]), number) for number in numbers.tolist()], statuses.tolist()
    queries = pd.DataFrame([alleles[number] for number in numbers], columns=list(Allele._fields))
    targets = pd.DataFrame(spans, columns=list(Span._fields))
    query, target = intervals.pairs(queries, targets)
    allele = queries[["start", "end"]].to_numpy()[query]
    region = targets[["start", "end"]].to_numpy()[target]
    whole = (region[:, 0] <= allele[:, 0]) & (allele[:, 1] <= region[:, 1])
    statuses[numbers] = OFF_REGION
    statuses[numbers[query]] = PARTLY
    statuses[numbers[query[whole]]] = ""
    homes = zip(target[whole].tolist(), numbers[query[whole]].tolist(), strict=True)
    return [(spans[row], number) for row, number in homes], statuses.tolist()


def _round(chrom: str, start: int, end: int, genome: Genome, width: int) -> Span:
    """``width`` bases round a place (more if that is longer), inside the chromosome."""
    length = genome.chromosomes[chrom]
    size = min(max(width, end - start), length)
    first = min(max((start + end - size) // 2, 0), length - size)
    return Span(chrom, first, first + size, f"{chrom}:{first}-{first + size}")


def tabulate(scored: Sequence[ScoredAllele], records: Sequence[VcfRecord]) -> pd.DataFrame:
    """One row per allele and region, columns `COLUMNS`; ``position`` is 1-based as in VCF."""
    rows = []
    for allele, span, before, after, status in scored:
        record, region = records[allele.record], span[1:] if span else (pd.NA, pd.NA, None)
        place = (record.chrom, allele.start + 1, record.id, allele.reference, allele.alternative)
        rows.append((*place, *region, before, after, after - before, status))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"region_start": "Int64", "region_end": "Int64"})


def annotate(scored: Sequence[ScoredAllele]) -> list[str]:
    """What INFO says of a record with these alleles, none to all of them scored.

    All alleles of a record replace the same bases, so they have the same region.
    """
    entries = []
    region = next((s.span for s in scored if s.span is not None), None)
    if region is not None:
        reference = next(s.reference_logit for s in scored if s.span is not None)
        values = {
            "SEF_ALT": [s.alternative_logit for s in scored],
            "SEF_DIFF": [s.alternative_logit - s.reference_logit for s in scored],
        }
        entries = [
            f"SEF_REF={reference:.7g}",
            *(f"{name}={','.join(map(_number, column))}" for name, column in values.items()),
            f"SEF_REGION={region.chrom}:{region.start}-{region.end}",
        ]
    return [*entries, "SEF_STATUS=" + ",".join(s.status for s in scored)] if scored else []


def _number(value: float) -> str:
    return "." if math.isnan(value) else f"{value:.7g}"
