"""The formats that regions come in: one entry each in `FORMATS`.

An entry says what a format is recognised by, which number its files give a chromosome's first
base, what its columns are called and which of them names a region. What stands in a file goes
before its name: a header before all else, then the rows, then the name and the `track` line.

Followed: UCSC's page of formats (BED, ENCODE's narrowPeak, broadPeak and gappedPeak, bedGraph,
wiggle, https://genome.ucsc.edu/FAQ/FAQformat.html), MACS's and HOMER's documentation, Subread's
SAF, GFF3 and GTF, and what R writes of Bioconductor's GRanges.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from seformer.regions.words import column_words

Cells = Sequence[str]

BED_COLUMNS = tuple(
    "chrom start end name score strand thickStart thickEnd itemRgb blockCount blockSizes"
    " blockStarts".split()
)
ROW_NAMES = "row_name"
# of GTF and GFF3; a semicolon in quotes is part of a value
ATTRIBUTE = re.compile(r'\s*([\w.-]+)(=|\s+)(?:"([^"]*)"|([^";]*))\s*(?:;|$)')
STRANDS = ("+", "-", ".", "*", "")


class Format(NamedTuple):
    """A format of region files.

    Attributes
    ----------
    name
        What people call it.
    base
        The number that its files give a chromosome's first base.
    columns
        Its first columns, where a file has no header; read like a header's (`HEADER_WORDS`).
    header
        Whether a header (lower case) is this format's.
    rows
        Whether rows of a file without header are.
    suffixes, track
        Endings of the file's name without .gz, and ``type=`` of a `track` line, lower case.
    begins
        What the file's first line begins with, lower case.
    named
        The columns that hold names, where `HEADER_WORDS` does not say so; the first that is there.
    name_in
        The name in such a cell.
    sure
        Whether the base stands whatever a column of lengths says.
    do
        What to do instead, of a format that is not read.
    """

    name: str
    base: int = 0
    columns: tuple[str, ...] = ()
    header: Callable[[Cells], bool] | None = None
    rows: Callable[[Sequence[Cells]], bool] | None = None
    suffixes: tuple[str, ...] = ()
    track: str = ""
    begins: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    name_in: Callable[[str], str] | None = None
    sure: bool = False
    do: str = ""


# ------------------------------------------------------------------------- what rows tell


def whole(cell: str) -> bool:
    """Whether a cell is a whole number without a sign."""
    return cell.isascii() and cell.isdecimal()


def place_at(cells: Cells, first: int) -> bool:
    """Whether a chromosome, a start and an end stand from column ``first`` on."""
    return (
        len(cells) >= first + 3
        and cells[first] != ""
        and all(map(whole, cells[first + 1 : first + 3]))
    )


def _number(cell: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", cell, re.I) is not None


def _has(*alternatives: Collection[str]) -> Callable[[Cells], bool]:
    """A header that holds all words of one of the ``alternatives``."""
    return lambda header: any(set(words) <= set(header) for words in alternatives)


def _each(test: Callable[[Cells], bool]) -> Callable[[Sequence[Cells]], bool]:
    return lambda rows: all(map(test, rows))


def _thick(cells: Cells) -> bool:
    """Whether columns 7 and 8 can be BED's thickStart and thickEnd: in the region, or 0."""
    if not whole(cells[6]) or not whole(cells[7]):
        return False
    start, end, first, last = (int(cells[i][:16]) for i in (1, 2, 6, 7))
    return first == last == 0 or start <= first <= last <= end


def _peaks(width: int) -> Callable[[Sequence[Cells]], bool]:
    """Rows of ENCODE's peaks that no BED of as many columns can be."""

    def is_peak(cells: Cells) -> bool:
        if len(cells) != width or not place_at(cells, 0) or cells[5] not in STRANDS:
            return False
        return all(map(_number, cells[12:] if width == 15 else cells[6:]))

    def test(rows: Sequence[Cells]) -> bool:
        if not all(map(is_peak, rows)):
            return False
        if width == 15:
            return all(map(_thick, rows)) and not all(whole(x) for row in rows for x in row[12:])
        return not all(map(_thick, rows))

    return test


def _gff_row(cells: Cells) -> bool:
    if len(cells) not in (8, 9) or not cells[0] or place_at(cells, 0):
        return False
    if not (whole(cells[3]) and whole(cells[4])):
        return False
    return cells[6] in (*STRANDS, "?") and cells[7] in (".", "", "0", "1", "2")


def gff_attributes(text: str) -> tuple[dict[str, str], bool]:
    """What the last column of GTF and GFF3 says, and whether it says so as GFF3 does."""
    said: dict[str, str] = {}
    gff3 = False
    for key, equals, quoted, plain in ATTRIBUTE.findall(text):
        # GFF3 escapes as addresses of the web do; a decoded tab must not part a table
        value = unquote(quoted or plain) if equals == "=" else quoted or plain
        said.setdefault(key, " ".join(value.split()))
        gff3 |= equals == "="
    return said, gff3


def _gff_name(attributes: str) -> str:
    """ID of GFF3, else Name, else the gene's of GTF; a plain text is a name itself."""
    said, _ = gff_attributes(attributes)
    plain = "" if re.search(r'[=;"]', attributes) else attributes
    return said.get("ID") or said.get("Name") or said.get("gene_id") or plain


def _counts_both_ends(cells: Cells) -> bool:
    """Whether column 4 is the length of a region that begins at 1 where BED's begins at 0."""
    if not place_at(cells, 0) or len(cells) < 4 or not whole(cells[3]):
        return False
    start, end, length = (int(cell[:16]) for cell in cells[1:4])
    return length == end - start + 1


def _pairs(rows: Sequence[Cells]) -> bool:
    """Rows with a place in columns 4 to 6 as well, on the chromosomes of columns 1 to 3."""
    chroms = {cells[0] for cells in rows}
    two = [place_at(c, 0) and place_at(c, 3) and c[3] in chroms for c in rows]
    # the other end of a pair may lie anywhere, or be unknown
    return sum(two) > len(rows) / 2


def _named_places(rows: Sequence[Cells]) -> bool:
    """Rows of a name, a place and a strand (HOMER, SAF), and not of BED with numbers as names."""
    if not all(place_at(cells, 1) and cells[4:5] in _HOMER_STRANDS for cells in rows):
        return False
    if not all(place_at(cells, 0) for cells in rows):
        return True
    # chromosomes are numbers, or names are: of names there are more
    names, chroms = ({cells[i] for cells in rows} for i in (0, 1))
    return len(names) >= len(chroms) and all(
        cells[4] not in "01" and int(cells[2][:16]) <= int(cells[3][:16]) for cells in rows
    )


def _positions(cells: Cells) -> bool:
    position = r"\S+:[\d,]+-[\d,]+(:[-+*.])?"
    return not place_at(cells, 0) and re.fullmatch(position, cells[0]) is not None


# ------------------------------------------------------------------------- the formats

_SAF = ("geneid", "chr", "start", "end")
_RANGES = ("seqnames", "start", "end", "width")
_HOMER_STRANDS = [[word] for word in ("+", "-", ".", "*", "0", "1")]
_PEAK = (*BED_COLUMNS[:6], "signalValue", "pValue", "qValue")
_SIGNAL = "this is signal along the genome: call peaks on it, and give those"

BED = Format("BED", columns=BED_COLUMNS)
TABLE = Format("a table with a header")

FORMATS = (
    # not read: what they are is said
    Format(
        "VCF",
        begins=("##fileformat=vcf",),
        suffixes=(".vcf",),
        do="score variants with `seformer variants --vcf`; as regions: "
        "bcftools query -f '%CHROM\\t%POS0\\t%END\\n'",
    ),
    Format(
        "an interval list (Picard, GATK)",
        suffixes=(".interval_list", ".intervals"),
        rows=_each(lambda cells: len(cells) == 5 and place_at(cells, 0) and cells[3] in ("+", "-")),
        do="turn it into BED: gatk IntervalListToBed (its starts count from 1)",
    ),
    Format(
        "SAM or an interval list",
        begins=("@hd\t", "@sq\t", "@rg\t", "@pg\t", "@co\t"),
        do="turn an interval list into BED (gatk IntervalListToBed); of reads call peaks first",
    ),
    Format("FASTQ, reads", begins=("@",), do="call peaks on the reads first"),
    Format("alignments", begins=("pslayout", "##maf ", "chain "), do="write the regions as BED"),
    Format("a pointer of Git LFS", begins=("version https://git-lfs",), do="run: git lfs pull"),
    Format("a word processor's file", begins=("{\\rtf",), do="save it as plain text"),
    Format("FASTA", begins=(">",), do="give the regions here and sequences as --fasta"),
    Format("a web page", begins=("<!doctype", "<html", "<?xml"), do="download the file itself"),
    Format("JSON", begins=("{", "[{"), do="write the regions as BED"),
    Format("a wiggle track", begins=("fixedstep", "variablestep"), track="wiggle_0", do=_SIGNAL),
    Format(
        "a bedGraph", track="bedgraph", suffixes=(".bedgraph", ".bdg", ".bedgraph.txt"), do=_SIGNAL
    ),
    Format(
        "BEDPE, pairs of regions",
        suffixes=(".bedpe",),
        rows=_pairs,
        do="give one region a line: cut -f 1-3",
    ),
    Format(
        "a list of positions chr:start-end",
        rows=_each(_positions),
        do="write chromosome, start and end into columns; such starts mostly count from 1, in BED "
        "they count from 0",
    ),
    # tables with a header
    Format(
        "DeepSE's CSV",
        # its length counts both ends, as ROSE's own code does, but its starts are ROSE's
        header=lambda header: list(header[:5]) == ["chrom", "start", "end", "label", "length"],
        sure=True,
    ),
    Format(
        "MACS peaks (.xls)",
        base=1,
        header=_has(("fold_enrichment", "pileup"), ("fold_enrichment", "tags"), ("abs_summit",)),
        suffixes=(".xls",),
    ),
    Format(
        "HOMER peaks",
        base=1,
        columns=("PeakID", "chr", "start", "end", "strand"),
        header=_has(("peakid",), ("parent files",), ("total subpeaks",)),
        # featureCounts' SAF without its header looks the same, and counts the same
        rows=_named_places,
    ),
    Format(
        "SAF",
        base=1,
        header=lambda header: _SAF in (tuple(header[:4]), tuple(header[1:5])),
        suffixes=(".saf",),
        named=("geneid",),
    ),
    Format(
        "GFF or GTF",
        base=1,
        columns=tuple("seqid source type start end score strand phase attributes".split()),
        header=_has(
            *(("source", word) for word in ("attributes", "attribute", "group")),
            ("seqname", "source", "feature"),
        ),
        rows=_each(_gff_row),
        suffixes=(".gff", ".gff3", ".gtf"),
        named=("attributes", "attribute", "group"),
        name_in=_gff_name,
    ),
    Format(
        "a table of R's GRanges",
        base=1,
        columns=_RANGES,
        header=_has(_RANGES),
        # of most rows: the others are an error, and no reason to lose all first bases
        rows=lambda rows: sum(map(_counts_both_ends, rows)) > len(rows) / 2,
    ),
    Format("DiffBind's table", base=1, header=_has(("conc", "fold", "fdr"))),
    Format(
        "an Ensembl table",
        base=1,
        header=_has(("start_position",), ("start (bp)",), ("gene start (bp)",)),
    ),
    Format("a table with R's word seqnames, but without widths", header=_has(("seqnames",))),
    # files without a header
    Format(
        "narrowPeak",
        columns=(*_PEAK, "peak"),
        rows=_peaks(10),
        suffixes=(".narrowpeak",),
        track="narrowpeak",
    ),
    Format("broadPeak", columns=_PEAK, rows=_peaks(9), suffixes=(".broadpeak",), track="broadpeak"),
    Format(
        "gappedPeak",
        columns=(*BED_COLUMNS, *_PEAK[6:]),
        rows=_peaks(15),
        suffixes=(".gappedpeak",),
        track="gappedpeak",
    ),
)


def of_name(file_name: str) -> Format | None:
    """The format that a file's name tells."""
    stem = re.sub(r"\.b?gz$", "", file_name.lower())
    return next((f for f in FORMATS if f.suffixes and stem.endswith(f.suffixes)), None)


def of_line(line: str) -> Format | None:
    """The format that a file's first line tells: its first words, or the type of a track."""
    start = line[:100].lower()
    kind = re.match(r"track\b.*\btype=\"?(\w+)", line[:1000], re.I)
    for form in FORMATS:
        if form.begins and start.startswith(form.begins):
            return form
        if kind and form.track == kind[1].lower():
            return form
    return None


def of_header(header: Cells) -> Format:
    """The format of a file with this header."""
    words = column_words(header)
    return next((f for f in FORMATS if f.header and f.header(words)), TABLE)


def of_rows(rows: Sequence[Cells], said: Format | None = None) -> tuple[Format, tuple[str, ...]]:
    """The format of rows without a header, and the names of its first columns.

    ``said`` is the format that the file's name or first line tells: right unless the rows are of
    another one.
    """
    form = next((f for f in FORMATS if f.rows and f.rows(rows)), None)
    if form is None and all(place_at(row, 1) and not place_at(row, 0) for row in rows):
        form, columns = of_rows([row[1:] for row in rows], said)
        return form, (ROW_NAMES, *columns)
    form = form or (said if said and said.columns and not said.header else BED)
    return form, form.columns
