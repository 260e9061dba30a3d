"""Alternative alleles: what can be said of each without the model, and the regions that hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.genome.genome import Genome
from seformer.regions.spelling import Spelling
from seformer.scoring.vcf import FILE_FORMAT, HEADER, PASSED, VcfRecord
from seformer.sequence.dna import BASES
from seformer.util.errors import UserError

SCORED = "scored"
# reasons why an allele has no score
UNKNOWN_CHROMOSOME = "unknown_chromosome"
PAST_END = "past_chromosome_end"
WRONG_REFERENCE = "wrong_reference"
SYMBOLIC = "symbolic_allele"
AMBIGUOUS = "ambiguous_allele"
NO_ALTERNATIVE = "no_alternative"
OFF_REGION = "off_region"
PARTLY = "partly_in_region"


class Allele(NamedTuple):
    """One alternative allele of one record, 0-based half-open, and its status so far.

    ``alternative`` is empty where no allele but the genome's is named.
    """

    record: int
    index: int
    chrom: str
    start: int
    end: int
    reference: str
    alternative: str
    status: str

    @property
    def replaced(self) -> int | None:
        """Index in the alleles of the one base that is replaced by another; else None.

        A VCF may name it with its neighbours (TGT to TTT), or a base that is no other.
        """
        if len(self.reference) != len(self.alternative):
            return None
        pairs = zip(self.reference, self.alternative, strict=True)
        other = [i for i, (before, after) in enumerate(pairs) if before != after]
        return other[0] if len(other) == 1 else None

    @property
    def substitution(self) -> bool:
        """Whether it replaces one base by another and nothing else."""
        return self.replaced is not None


class Span(NamedTuple):
    """A region to score."""

    chrom: str
    start: int
    end: int
    name: str


def read_spans(path: Path, spelling: Spelling) -> list[Span]:
    """Read regions, those that are on the genome; one that stands there twice counts once.

    Raises
    ------
    UserError
        If a region passes its chromosome's end.
    """
    lengths = spelling.genome.chromosomes
    spans: dict[tuple[str, int, int], Span] = {}
    for row in spelling.read(path).itertuples():
        if row.chrom not in lengths:
            continue
        if row.end > lengths[row.chrom]:
            raise UserError(
                f"{row.chrom}:{row.start}-{row.end} passes the end of {row.chrom},"
                f" {lengths[row.chrom]} bp long",
                where=path,
                line=int(row.line),
                do="mend the regions, or use the genome they belong to",
            )
        place = row.chrom, int(row.start), int(row.end)
        spans.setdefault(place, Span(*place, str(row.name)))
    return [*spans.values()]


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
    records: dict[tuple[str, int], tuple[VcfRecord, Span]] = {}
    for span in spans:
        bases = genome.fetch(span.chrom, span.start, span.end)
        for start, base in enumerate(bases, span.start):
            if base in BASES and (span.chrom, start) not in records:
                others = ",".join(BASES.replace(base, ""))
                line = f"{span.chrom}\t{start + 1}\t.\t{base}\t{others}\t.\t.\t."
                records[span.chrom, start] = VcfRecord.read(line), span
    pairs = records.values()
    return [record for record, _ in pairs], [span for _, span in pairs], header_of(genome)


def header_of(genome: Genome) -> list[str]:
    """Header lines of a VCF on this genome."""
    contigs = (f"##contig=<ID={name},length={n}>" for name, n in genome.chromosomes.items())
    return [FILE_FORMAT, PASSED, *contigs, HEADER]


def alternatives_of(
    records: Iterable[VcfRecord], names: Mapping[str, str], genome: Genome
) -> list[Allele]:
    """Return the alternative alleles of records, on chromosomes as ``names`` spells them."""
    return [allele for n, record in enumerate(records) for allele in _of(n, record, names, genome)]


def _of(
    number: int, record: VcfRecord, names: Mapping[str, str], genome: Genome
) -> Iterator[Allele]:
    """Yield the record's alternative alleles with what can be said without the model."""
    chrom, reference = names.get(record.chrom), record.reference.upper()
    start, stop = record.start, record.start + len(reference)
    place = (chrom or record.chrom, start, stop, reference)
    if chrom is None:
        status = UNKNOWN_CHROMOSOME
    elif record.fault:
        status = record.fault
    elif start < 0 or stop > genome.chromosomes[chrom]:
        status = PAST_END  # position 0 stands for a telomere
    elif reference.isalpha() and not set(reference) <= set("ACGTN"):
        status = AMBIGUOUS
    elif genome.fetch(chrom, start, stop) != reference:
        status = WRONG_REFERENCE
    else:
        status = ""
    if not record.alternatives:  # the genome's base alone, as in rows of a gVCF
        yield Allele(number, 0, *place, "", status or NO_ALTERNATIVE)
    for index, alternative in enumerate(record.alternatives):
        # letters of a breakend are also those of its mate's chromosome
        allele = alternative.upper() if alternative.isalpha() else alternative
        yield Allele(number, index, *place, allele, status or form_fault(allele, reference))


def form_fault(alternative: str, reference: str) -> str:
    """Say why an alternative allele is no sequence that can be put in; nothing if it is one."""
    if alternative == reference:
        return NO_ALTERNATIVE
    if alternative in ("*", ".") or not alternative.isalpha():
        return SYMBOLIC
    return "" if set(alternative) <= set("ACGT") else AMBIGUOUS


def find_homes(
    alleles: Sequence[Allele], spans: Sequence[Span] | Callable[[Allele], Span]
) -> tuple[list[tuple[Span, int]], list[str]]:
    """Every region that holds a whole allele, with the allele's number; why others have none.

    ``spans`` are the regions, or tell the one region of an allele.
    """
    statuses: Any = np.array([allele.status for allele in alleles], dtype=object)
    numbers = np.flatnonzero(statuses == "")
    if not isinstance(spans, Sequence):
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


def round_place(chrom: str, start: int, end: int, genome: Genome, width: int) -> Span:
    """``width`` bases round a place (more if that is longer), inside the chromosome."""
    length = genome.chromosomes[chrom]
    size = min(max(width, end - start), length)
    first = min(max((start + end - size) // 2, 0), length - size)
    return Span(chrom, first, first + size, f"{chrom}:{first}-{first + size}")
