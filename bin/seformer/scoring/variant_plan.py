"""What is to be scored of a file of variants: alleles, the null beside them, in which regions.

The plan depends on the files and the settings alone. So a whole run, the cutting of shards and the
merging of their scores make the same one, and the same table comes of it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seformer.genome.genome import Genome
from seformer.regions.spelling import Spelling
from seformer.scoring.alleles import (
    Allele,
    Span,
    alternatives_of,
    find_homes,
    header_of,
    read_spans,
    round_place,
    substitutions,
)
from seformer.scoring.settings import VariantPlanSettings
from seformer.scoring.variant_null import Draw, draw_null, kinds_of
from seformer.scoring.variant_table import read_table
from seformer.scoring.vcf import VcfRecord, contig_lengths, read_vcf
from seformer.scoring.views import Edit
from seformer.util.errors import UserError
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
# edits of one region that are scored together; shards are cut between such blocks
BLOCK = 1000


class Block(NamedTuple):
    """Edits of one region, relative to its start."""

    span: Span
    edits: list[Edit]


class Plan(NamedTuple):
    """What is to be scored.

    Attributes
    ----------
    records, header
        The input's.
    alleles
        Of all records; ``statuses`` say why some are not scored.
    homes
        The regions with an allele, and the numbers of the alleles in each.
    null
        Random substitutions in these regions, by region.
    kinds
        int64 ``[alleles]``, see `seformer.scoring.variant_null.kinds_of`.
    unmatched
        By file, what of it is on no chromosome of the genome.
    read_as, unreadable
        The form of the input, and rows of a table that name no single place, by reason.
    """

    records: list[VcfRecord]
    header: list[str]
    alleles: list[Allele]
    statuses: list[str]
    homes: dict[Span, list[int]]
    null: dict[Span, list[Draw]]
    kinds: np.ndarray
    unmatched: dict[str, dict]
    read_as: str
    unreadable: dict[str, int]

    @property
    def edits(self) -> int:
        """Number of all edits."""
        null = (len(self.null.get(span, ())) for span in self.homes)
        return sum(map(len, self.homes.values())) + sum(null)

    def blocks(self) -> Iterator[Block]:
        """Yield all edits: by region first its alleles, then its part of the null."""
        for span, numbers in self.homes.items():
            held = [self.alleles[number] for number in numbers]
            edits = [Edit(a.start - span.start, a.end - span.start, a.alternative) for a in held]
            for draw in self.null.get(span, ()):
                at = draw.position - span.start
                edits.append(Edit(at, at + 1, draw.alternative))
            for first in range(0, len(edits), BLOCK):
                yield Block(span, edits[first : first + BLOCK])


def plan_variants(
    genome: Genome,
    settings: VariantPlanSettings,
    *,
    vcf: Path | None,
    positions: Path | None,
    regions: Path | None,
) -> Plan:
    """Read the files and draw the null; see `seformer.scoring.variants.variants`.

    Raises
    ------
    UserError
        If a file cannot be used.
    """
    given = vcf or positions
    if given is None or (vcf is not None and positions is not None):
        raise UserError("give either --vcf or --positions")
    spelling = Spelling(genome, settings.rename_chromosomes)
    rows: Sequence[Span] = ()
    read_as, unreadable = "VCF", {}
    if vcf is None:
        rows = read_spans(existing_file(given), spelling)
        records, rows, header = substitutions(rows, genome)
        names, read_as = {record.chrom: record.chrom for record in records}, "positions"
    elif (table := read_table(existing_file(vcf))) is not None:
        names = spelling.resolve(Counter(row.chrom for row in table.rows), vcf)
        records, header = table.records(names, genome), header_of(genome)
        read_as, unreadable = table.read_as, table.unreadable
        # its records are spelled as in the genome already
        names = {name: name for name in names.values()}
    else:
        records, header = read_vcf(vcf)
        names = spelling.resolve(Counter(record.chrom for record in records), vcf)
        _compare_lengths(contig_lengths(header), names, genome, vcf)
    alleles = alternatives_of(records, names, genome)

    def home(allele: Allele) -> Span:
        row = rows[allele.record] if rows else allele
        return round_place(row.chrom, row.start, row.end, genome, settings.width)

    pairs, statuses = find_homes(
        alleles, home if regions is None else read_spans(existing_file(regions), spelling)
    )
    homes: dict[Span, list[int]] = defaultdict(list)
    for span, number in pairs:
        homes[span].append(number)
    kinds = kinds_of(alleles, genome)
    # what lies in no region asks for no null
    asked = np.where(np.array([not status for status in statuses], bool), kinds, -1)
    draws = draw_null([*homes], alleles, asked, genome, settings.null, settings.seed)
    null: dict[Span, list[Draw]] = defaultdict(list)
    for draw in draws:
        null[draw.span].append(draw)
    return Plan(
        records,
        header,
        alleles,
        statuses,
        dict(homes),
        dict(null),
        kinds,
        spelling.unmatched,
        read_as,
        unreadable,
    )


def _compare_lengths(
    lengths: Mapping[str, int], names: Mapping[str, str], genome: Genome, vcf: Path
) -> None:
    """Warn of another assembly: of its substitutions one in four fits by chance."""
    for name, own in names.items():
        if lengths.get(name, here := genome.chromosomes[own]) != here:
            logger.warning(
                "%s: its header gives %s %d bp, the genome %d: are they of one assembly?",
                *(vcf, name, lengths[name], here),
            )
            return
