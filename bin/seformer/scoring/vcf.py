"""VCF and BCF: read whole and strictly, written with more in INFO, all else letter for letter."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pysam

from seformer.genome.bgzf import BgzipWriter
from seformer.regions.formats import whole
from seformer.util.errors import UserError
from seformer.util.text import is_gzipped, open_text, unpacked

HEADER = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
FILE_FORMAT = "##fileformat=VCFv4.2"
PASSED = '##FILTER=<ID=PASS,Description="All filters passed">'
LAST_POSITION = 2**31 - 1  # its integers are 32-bit, signed
LAST_IN_TBI = 2**29
BCF = b"BCF\2"


class VcfRecord(NamedTuple):
    """One line of a VCF; ``start`` is 0-based, -1 before the first base; ``id`` may be None.

    ``fault`` says why what a table gave is no variant that can be scored; a VCF's are empty.
    """

    chrom: str
    start: int
    id: str | None
    reference: str
    alternatives: tuple[str, ...]
    line: str
    fault: str = ""

    @classmethod
    def read(cls, line: str) -> VcfRecord:
        chrom, position, name, reference, alternatives = line.split("\t", 5)[:5]
        alleles = () if alternatives == "." else tuple(alternatives.split(","))
        name = None if name == "." else name
        return cls(chrom, int(position) - 1, name, reference, alleles, line)


def read_vcf(path: Path) -> tuple[list[VcfRecord], list[str]]:
    """Read the records and header lines of a VCF or BCF.

    Raises
    ------
    UserError
        If it cannot be read to its end, unpacks to far more than text does, or for the first line
        that is not one of a VCF.
    """
    header: list[str] = []
    records: list[VcfRecord] = []
    width = 0
    for number, line in _bcf_lines(path) if is_bcf(path) else _text_lines(path):
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
        records.append(VcfRecord.read(line))
    if not width:
        raise _not_vcf(path, "no line begins with #CHROM")
    if not header[0].startswith("##fileformat="):
        header.insert(0, FILE_FORMAT)
    return records, header


def contig_lengths(header: Sequence[str]) -> dict[str, int]:
    """Return the lengths of chromosomes that header lines name, of as many as have one."""
    contigs = (re.match(r"##contig=<(.*)>", line) for line in header)
    fields = [dict(re.findall(r"(ID|length)=([^,]+)", found[1])) for found in contigs if found]
    return {x["ID"]: int(x["length"]) for x in fields if "ID" in x and whole(x.get("length", ""))}


def _not_vcf(path: Path, fault: str, line: int | None = None) -> UserError:
    return UserError(
        f"the file cannot be read as VCF ({fault})",
        where=path,
        line=line,
        expected="VCF or BCF with its header lines, columns separated by tabs; or a table with "
        "columns for chromosome, position and alleles, named in its first line",
        do="mend it; check a VCF with: bcftools view",
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


def is_bcf(path: Path) -> bool:
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


def write_vcf(
    path: Path,
    header: Sequence[str],
    records: Sequence[VcfRecord],
    fields: Sequence[tuple[str, str, str, str]],
    entries: Sequence[Sequence[str]],
    earlier: Sequence[str],
) -> bool:
    """Write records with more in INFO, bgzipped, and their index beside them.

    All else stays as it was, letter for letter, but for the order: an index needs the records of a
    chromosome together and by position. The index is ``.tbi``, or ``.csi`` where a position is
    beyond what ``.tbi`` can hold.

    Parameters
    ----------
    fields
        Identifier, number, type and description of each field that is added.
    entries
        What is added to each record, such as ``["SEF_REF=1.5"]``.
    earlier
        Identifiers of all fields that an earlier run may have added: they are taken out.

    Returns
    -------
    bool
        Whether the records had to be sorted.

    Raises
    ------
    OSError
        If the index is not written to its end.
    """
    defined = tuple(f"##INFO=<ID={name}," for name in earlier)
    stale = tuple(f"{name}=" for name in earlier)
    rank = {chrom: i for i, chrom in enumerate(dict.fromkeys(record.chrom for record in records))}
    pairs = list(zip(records, entries, strict=True))
    ordered = sorted(pairs, key=lambda pair: (rank[pair[0].chrom], pair[0].start))
    with BgzipWriter(path) as handle:
        for line in header:
            if line.startswith("#CHROM"):
                for name, number, kind, text in fields:
                    field = f'##INFO=<ID={name},Number={number},Type={kind},Description="{text}">'
                    handle.write(field.encode() + b"\n")
            if not line.startswith(defined):
                handle.write(line.encode() + b"\n")
        for record, added in ordered:
            cells = record.line.split("\t")
            info = [entry for entry in cells[7].split(";") if entry != "."]
            info = [entry for entry in info if not entry.startswith(stale)]
            cells[7] = ";".join([*info, *added]) or "."
            handle.write("\t".join(cells).encode() + b"\n")
    far = max((record.start + len(record.reference) for record in records), default=0)
    verbosity = pysam.set_verbosity(0)  # a telomere at position 0 is no fault
    try:
        pysam.tabix_index(str(path), preset="vcf", force=True, csi=far > LAST_IN_TBI)
    except OSError as error:  # htslib does not say why; the records were checked before
        fault = "the index of the variants cannot be written to its end"
        raise OSError(errno.ENOSPC, fault, str(path)) from error
    finally:
        pysam.set_verbosity(verbosity)
    return any(one is not other for one, other in zip(pairs, ordered, strict=True))
