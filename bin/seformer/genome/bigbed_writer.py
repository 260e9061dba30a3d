"""A bigBed written whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from zlib import crc32

import pybigtools

from seformer.genome.bigwig_writer import whole_track

Row = tuple[str, int, int, str]
# that of UCSC's browser for BED9; a reader knows by it that there are colours
BED9 = """table bed9
"Regions with a score and a colour"
(
string chrom;      "Chromosome"
uint   chromStart; "Start, counted from 0"
uint   chromEnd;   "End"
string name;       "Name"
uint   score;      "Score from 0 to 1000"
char[1] strand;    "+ or - or ."
uint   thickStart; "Start of where it is drawn thick"
uint   thickEnd;   "End of where it is drawn thick"
uint   reserved;   "Colour: red, green, blue"
)
"""


def write_bigbed(path: Path, sizes: Mapping[str, int], rows: Iterable[Row]) -> None:
    """Write BED9 as bigBed (Kent et al., Bioinformatics 2010), and read it back.

    Parameters
    ----------
    sizes
        Length of every chromosome in base pairs; only those with rows get into the file.
    rows
        At least one, in the order of the index: chromosomes as their letters sort, each along it by
        start. Chromosome, start and end (0-based half-open), and the other cells with tabs between.

    Raises
    ------
    OSError
        If what was written does not read back as it should.
    """
    written = Checksum()
    with whole_track(path, "bb") as target:
        pybigtools.open(target, "w").write(dict(sizes), written.passing(rows), BED9)
        back = Checksum()
        with pybigtools.open(target) as track:
            for chrom in sorted(track.chroms()):
                records = track.records(chrom)
                for _ in back.passing((chrom, a, b, "\t".join(rest)) for a, b, *rest in records):
                    pass
        if back.value != written.value:
            raise ValueError("the rows are others")


class Checksum:
    """All rows in their order, in one number."""

    def __init__(self) -> None:
        self.value = 0

    def passing(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Take in rows as they pass."""
        for row in rows:
            # pybigtools parts a row that it reads at every blank
            text = "".join("\t".join(map(str, row)).split())
            self.value = crc32(text.encode(), self.value)
            yield row
