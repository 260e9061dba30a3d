"""Tables of variants without a reference allele: dbSNP's, the GWAS catalogue's, summary statistics.

What the genome has at a place is the reference; the other alleles that the table names there are
the alternatives. Read are, by the names of the columns, counted from 1 where they name a position:

- associations of the NHGRI-EBI catalogue (``CHR_ID``, ``CHR_POS``, ``STRONGEST SNP-RISK ALLELE``);
- its summary statistics and others (``chromosome``, ``base_pair_location``, ``effect_allele``, …);
- UCSC's tables ``snp151`` and older (``chromStart``, ``observed``, ``strand``; also the dump
  without a header), ``gwasCatalog`` (``riskAllele``) and ``dbSnp155`` (``ref``, ``alts``);
- tables of dbSNP's pages and of BioMart (``variation``, ``Variant alleles``);
- tables of ANNOVAR (``Start``, ``End``, ``Ref``, ``Alt``) and MAF files, whose starts count from 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from seformer.genome.genome import Genome
from seformer.regions.headed import read_headed
from seformer.regions.words import ALTERNATIVE_WORDS, REFERENCE_WORDS
from seformer.scoring.alleles import (
    AMBIGUOUS,
    NO_ALTERNATIVE,
    PAST_END,
    SYMBOLIC,
    UNKNOWN_CHROMOSOME,
    WRONG_REFERENCE,
)
from seformer.scoring.vcf import HEADER, LAST_POSITION, VcfRecord, is_bcf
from seformer.sequence.dna import reverse_complement
from seformer.util.errors import UserError
from seformer.util.text import numbered_lines, open_text

# reasons why a row has no allele to score
UNKNOWN_ALLELE = "unknown_allele"
# and why it names no single place
NO_POSITION = "no_position"
SEVERAL_POSITIONS = "several_positions"
# one number as spreadsheets show it: 1,234,567
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+", re.ASCII)

# what columns are called, lower case; the first name that is there is taken
COLUMNS = {
    "chrom": "chr_id|hm_chrom|chrom|chr|chromosome|chromosome/scaffold name|chromosome_name",
    "position": "chr_pos|hm_pos|pos|position|base_pair_location|bp|genpos"
    "|chromosome/scaffold position start (bp)",
    "start": "chromstart|start|start_position",
    "end": "chromend|end|end_position",
    "id": "snps|hm_rsid|rsid|rs_id|snp|name|variant name|variant_id|snp_id|markername|id",
    "strand": "strand",
    "risk": "strongest snp-risk allele|riskallele|risk_allele|risk allele",
    "reference": "|".join(REFERENCE_WORDS),
    "alternative": "|".join(ALTERNATIVE_WORDS),
    "observed": "observed|variation|variant alleles|alleles",
    "effect": "hm_effect_allele|effect_allele|ea|allele1|a1",
    "other": "hm_other_allele|other_allele|nea|non_effect_allele|allele2|a2|allele0",
}
# any of these groups of columns tells the alleles
ALLELES = (("observed",), ("reference", "alternative"), ("effect", "other"), ("risk",))
# snp151.txt.gz and its like have no header
UCSC_DUMP = "bin chrom chromstart chromend name score strand refncbi refucsc observed".split()
NOTHING = ("", "?", "NR", "NA", ".", "N", "NONE")
PLAIN = re.compile("[ACGT]*")
VCF_NAMES = HEADER.lstrip("#").split("\t")


class Row(NamedTuple):
    """One variant: ``start`` is 0-based; ``end`` is None where the table names a position only.

    ``alleles`` are upper case, on the forward strand, an empty one is no bases; ``reference`` is
    the table's own, if it has a column for it.
    """

    chrom: str
    start: int
    end: int | None
    id: str
    alleles: list[str]
    reference: str | None


class VariantTable(NamedTuple):
    """The rows that name one place, and how many do not, by reason."""

    rows: list[Row]
    unreadable: dict[str, int]
    read_as: str

    def records(self, names: Mapping[str, str], genome: Genome) -> list[VcfRecord]:
        """Return each row as a record, on chromosomes as ``names`` spells them."""
        return [_record(row, names.get(row.chrom), genome) for row in self.rows]


def read_table(path: Path) -> VariantTable | None:
    """Read a table of variants; None if the file is not one, but perhaps a VCF.

    Raises
    ------
    UserError
        If a row is broken, or the table names places without alleles.
    """
    if is_bcf(path):
        return None
    with open_text(path) as text:
        lines = numbered_lines(text, path)
        first = next(lines, (1, ""))
        if first[1].startswith("##fileformat"):  # of many samples the names are a long line
            return None
        table = read_headed(chain([first], lines), path, _is_header)
        if table is None or table.names[: len(VCF_NAMES)] == VCF_NAMES:
            return None
        names, lines = _lower(table.names), table.rows
        if _is_dump(names):
            lines = chain([(table.line, table.names)], lines)
            names = [*UCSC_DUMP, *[""] * (len(names) - len(UCSC_DUMP))]
        columns = _columns(names)
        if not any(set(group) <= columns.keys() for group in ALLELES):
            raise UserError(
                "the table names places, but no alleles",
                where=path,
                line=table.line,
                expected="a column such as observed, ref and alt, effect_allele and other_allele, "
                "or STRONGEST SNP-RISK ALLELE",
                do="add one, or give a VCF",
            )
        rows, unreadable = [], Counter()
        for number, cells in lines:
            row = {meaning: cells[i].strip() for meaning, i in columns.items()}
            if fault := _place_fault(row):
                unreadable[fault] += 1
            else:
                rows.append(_row(row, path, number))
    named = next(" and ".join(g) for g in ALLELES if set(g) <= columns.keys())
    return VariantTable(rows, dict(sorted(unreadable.items())), f"table ({named})")


def _lower(names: Sequence[str]) -> list[str]:
    # UCSC's browser writes hg38.snp151.chrom where several tables are joined
    return [re.sub(r"^\w+\.\w+\.", "", name.lower()) for name in names]


def _is_header(names: Sequence[str]) -> bool:
    """Tell a header that names places, or the first row of a dump, which has none."""
    columns = _columns(_lower(names))
    return _is_dump(names) or ("chrom" in columns and ("position" in columns or _interval(columns)))


def _is_dump(cells: Sequence[str]) -> bool:
    """Tell a dump of UCSC's tables of SNPs, whose columns have no names."""
    if len(cells) < len(UCSC_DUMP):
        return False
    row = dict(zip(UCSC_DUMP, cells, strict=False))
    numbers = (row["bin"], row["chromstart"], row["chromend"])
    return all(map(_is_number, numbers)) and row["strand"] in "+-" and "/" in row["observed"]


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Which column has which meaning."""
    columns = {}
    for meaning, words in COLUMNS.items():
        here = [names.index(word) for word in words.split("|") if word in names]
        columns |= {meaning: here[0]} if here else {}
    return columns


def _interval(columns: Mapping[str, int]) -> bool:
    return {"start", "end"} <= columns.keys()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_POSITION))


def _place_fault(row: Mapping[str, str]) -> str:
    """Say why a row names no single place: none, or several (haplotypes, interactions)."""
    places = [row["chrom"], *(row[name] for name in ("position", "start", "end") if name in row)]
    if any(place.upper() in NOTHING for place in places):
        return NO_POSITION
    # `_row` refuses these
    places = [place for place in places if not THOUSANDS.fullmatch(place)]
    said = [*places, row.get("risk", "")]
    return SEVERAL_POSITIONS if any(re.search(r"[;,]|\sx\s", text) for text in said) else ""


def _row(row: Mapping[str, str], path: Path, line: int) -> Row:
    """Read one row that names one place."""
    by_interval = "position" not in row
    for text in (row["start"], row["end"]) if by_interval else (row["position"],):
        if not _is_number(text) or not (by_interval or int(text)):
            raise UserError(
                f"position {text[:40]!r} is not a whole number",
                where=path,
                line=line,
                expected="starts counted from 0 and ends (UCSC), or positions counted from 1",
                do="write the number out in full, in digits alone"
                if THOUSANDS.fullmatch(text)
                else None,
            )
    start = int(row["start"]) if by_interval else int(row["position"]) - 1
    end = int(row["end"]) if by_interval else None
    if end is not None and end < start:
        raise UserError(f"the end {end} lies before the start {start}", where=path, line=line)
    alleles, reference = _alleles(row)
    minus = row.get("strand") in ("-", "-1")
    alleles = [reverse_complement(allele) if minus else allele for allele in alleles]
    if reference is not None:
        reference = alleles[0]
    if end is not None:
        start, end = _from_zero(start, end, alleles, reference)
    name = re.sub(r"\s+", "_", row.get("id", "")) or "."
    return Row(row["chrom"], start, end, name, list(dict.fromkeys(alleles)), reference)


def _from_zero(
    start: int, end: int, alleles: Sequence[str], reference: str | None
) -> tuple[int, int]:
    """Count the start from 0 where the alleles say that it counts from 1.

    UCSC's intervals are as long as the reference and empty where that is no bases. ANNOVAR's and
    MAF's count both ends; MAF names the two bases that an insertion lies between.
    """
    if reference is None:
        empty = start == end and len(alleles) > 1 and "" not in alleles
        return (start - 1, end) if empty else (start, end)
    if reference == "" and end == start + 1:
        return start, start
    return (start - 1, end) if reference and end - start + 1 == len(reference) else (start, end)


def _alleles(row: Mapping[str, str]) -> tuple[list[str], str | None]:
    """Return the alleles of a row, and the one that it calls the reference."""
    reference = None
    if "observed" in row:
        # dbSNP's pages write G>A,T
        first, arrow, others = row["observed"].partition(">")
        cells = [first, *others.split(",")] if arrow else row["observed"].split("/")
        reference = first if arrow else None
    elif "reference" in row and "alternative" in row:
        cells = [row["reference"], *row["alternative"].rstrip(",").split(",")]
        reference = cells[0]
    elif "effect" in row and "other" in row:
        cells = [row["effect"], row["other"]]
    else:
        # rs123-A; alone the identifier says nothing
        _, dash, allele = row["risk"].rpartition("-")
        cells = [allele if dash or not re.match(r"(?i)rs\d", allele) else "?"]
    plain = [cell.strip().upper() for cell in cells]
    return ["" if cell == "-" else cell or "?" for cell in plain], reference


# ------------------------------------------------------------------------- with the genome


def _record(row: Row, chrom: str | None, genome: Genome) -> VcfRecord:
    """Make a record of a row: its reference from the genome, its alternatives all others."""
    fault, start, reference, others = UNKNOWN_CHROMOSOME, row.start, "N", []
    if chrom is not None:
        fault, reference, others = _split(row, chrom, genome)
    if not fault and not (reference and all(others)):
        # as VCF wants it, with the base before, at a chromosome's start the one behind
        stop = start + len(reference)
        before = genome.fetch(str(chrom), start - 1, start) if start else ""
        behind = "" if start else genome.fetch(str(chrom), stop, stop + 1)
        start -= len(before)
        reference, *others = (before + allele + behind for allele in (reference, *others))
    cells = (chrom or row.chrom, str(start + 1), row.id, reference, ",".join(others) or ".")
    record = VcfRecord.read("\t".join((*cells, ".", ".", ".")))
    return record._replace(fault=fault)


def _split(row: Row, chrom: str, genome: Genome) -> tuple[str, str, list[str]]:
    """Return what is wrong, the reference and the alternatives of a row on the genome."""
    length = genome.chromosomes[chrom]
    stop = row.start + max(1, *map(len, row.alleles)) if row.end is None else row.end
    if row.start < 0 or max(row.start + 1, row.end or 0) > length:
        return PAST_END, "N", []
    here = genome.fetch(chrom, row.start, min(stop, length)) if stop > row.start else ""
    known = [allele for allele in row.alleles if allele not in NOTHING[1:]]
    base = here[:1] or "N"
    if not known:
        return UNKNOWN_ALLELE, base, []
    if not all(PLAIN.fullmatch(allele) for allele in known):
        odd = next(allele for allele in known if not PLAIN.fullmatch(allele))
        return AMBIGUOUS if odd.isalpha() and len(odd) == 1 else SYMBOLIC, base, []
    # what the table calls its reference is never taken for an alternative
    if row.reference is not None:
        reference = row.reference
    elif row.end is not None:
        reference = here
    else:
        like = [allele for allele in known if allele and here.startswith(allele)]
        if len(like) > 1 or (not like and ("" in known or max(map(len, known)) > 1 == len(known))):
            # an insertion or a deletion, nobody can tell
            return AMBIGUOUS, base, []
        reference = like[0] if like else base
    others = [allele for allele in known if allele != reference]
    fits = here.startswith(reference) if row.end is None else here == reference
    if (len(known) > 1 and reference not in known) or not fits:
        return WRONG_REFERENCE, base, []
    return ("", reference, others) if others else (NO_ALTERNATIVE, reference or base, [])
