"""Motif files in MEME format, read once and strictly, for Tomtom and for modisco.

https://meme-suite.org/meme/doc/meme-format.html. Every number is looked at: one that is none spoils
the background that Tomtom compares with, so that all other motifs go unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from seformer.util.errors import UserError
from seformer.util.text import numbered_lines, open_text

# rows that were rounded to two decimals sum to 1 within this
TOLERANCE = 0.01
ROUNDING = 1e-9
PROBABILITY = re.compile(r"(?=\.?[0-9])[0-9]{0,3}(\.[0-9]{0,30})?([eE][-+]?[0-9]{1,3})?")
WIDTH, ALPHABET_LENGTH = (re.compile(rf"\b{key}=\s*(\S+)") for key in ("w", "alength"))
MATRIX = "letter-probability matrix"
# what may stand right below the last row of a matrix
AFTER = ("MOTIF", "URL", "---")
EXPECTED = "MEME format: MOTIF and a name, a letter-probability matrix, and its w rows"
ROW = "four probabilities, of A, C, G and T, that sum to 1"
DIVIDE = "if these are counts, divide each row by its sum"
SHOWN = 40
# the collection that comes along, and the word for it; made by scripts/jaspar.py
JASPAR = "jaspar"
JASPAR_FILE = Path(__file__).with_name("jaspar2024_core_vertebrates.meme")
# a name of JASPAR's: the matrix with its version, then the factor
JASPAR_NAME = re.compile(r"((?:MA|UN)\d{4}\.\d+)\s+(.+)")


def motif_file(given: Path) -> Path:
    """The file that is meant: JASPAR 2024 CORE of vertebrates for ``jaspar``."""
    return JASPAR_FILE if str(given) == JASPAR else Path(given)


def split_name(name: str) -> tuple[str, str]:
    """Factor and matrix of a motif's name; without a matrix where it is not as JASPAR has it."""
    found = JASPAR_NAME.fullmatch(name)
    return (found[2], found[1]) if found else (name, "")


def read_meme(path: Path) -> dict[str, np.ndarray]:
    """Read motifs: name → probabilities float64 ``[4, width]``, in the order of the file.

    Raises
    ------
    UserError
        With the line, for anything but motifs over A, C, G, T, each with a name of its own and as
        many rows as it says, of probabilities that sum to 1 (within 0.01, for rounding); also if
        there is none.
    """
    with open_text(path) as text:
        return _Reader(Path(path)).read(numbered_lines(text, Path(path)))


class _Reader:
    """Goes through the lines of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.motifs: dict[str, np.ndarray] = {}
        self.begun: dict[str, int] = {}

    def error(self, found: str, line: int, expected: str = EXPECTED, do: str = "") -> UserError:
        return UserError(found, where=self.path, line=line, expected=expected, do=do)

    def read(self, lines: Iterable[tuple[int, str]]) -> dict[str, np.ndarray]:
        name = ""
        lines = iter(lines)
        last = 0
        for last, line in lines:
            while line:  # what ends a matrix is read again: it may be the next motif
                first = line.split(maxsplit=1)[:1]
                if first == ["MOTIF"]:
                    self._whole(name, last)
                    name = self._name(line, last)
                elif line.startswith("ALPHABET"):
                    self._alphabet(line, last)
                elif line.lstrip().startswith(MATRIX):
                    last, line = self._matrix(name, line, last, lines)
                    continue
                break
        self._whole(name, last)
        if not self.motifs:
            raise UserError(
                "the file holds 0 motifs in MEME format",
                where=self.path,
                expected=EXPECTED,
                do="turn JASPAR's, TRANSFAC's or HOMER's format into it: jaspar2meme, "
                "transfac2meme (MEME suite)",
            )
        return self.motifs

    def _whole(self, name: str, line: int) -> None:
        if name and name not in self.motifs:
            raise self.error(f"the motif {name[:SHOWN]} has no matrix", self.begun[name])

    def _name(self, line: str, number: int) -> str:
        name = " ".join(line.split()[1:])
        if not name:
            raise self.error("a motif has no name", number)
        if name in self.begun:
            raise self.error(
                f"the motif {name[:SHOWN]} is there already, on line {self.begun[name]}",
                number,
                expected="names of their own",
            )
        self.begun[name] = number
        return name

    def _alphabet(self, line: str, number: int) -> None:
        _, equals, letters = line.partition("=")
        if "".join(letters.split()) != "ACGT" if equals else "DNA-LIKE" not in line:
            raise self.error(
                f"the alphabet is not that of DNA: {line.strip()[:SHOWN]}",
                number,
                expected="ALPHABET= ACGT",
            )

    def _matrix(
        self, name: str, head: str, number: int, lines: Iterator[tuple[int, str]]
    ) -> tuple[int, str]:
        """Read one matrix; return the line that ends it, which is not of it."""
        if not name or name in self.motifs:
            raise self.error("the matrix has no motif of its own above it", number)
        width, letters = (pattern.search(head) for pattern in (WIDTH, ALPHABET_LENGTH))
        if letters and letters[1] != "4":
            raise self.error(
                f"alength= {letters[1][:SHOWN]}", number, expected="alength= 4, for A, C, G and T"
            )
        rows, last, line = [], number, ""
        for last, line in lines:
            if not line.strip() or line.lstrip().startswith(AFTER):
                break
            rows.append(self._row(line, last))
            line = ""
        if width and width[1] != str(len(rows)):
            raise self.error(f"w= {width[1][:SHOWN]}, but {len(rows)} rows follow", number)
        if not rows:
            raise self.error(f"the motif {name[:SHOWN]} has no rows", number)
        self.motifs[name] = np.array(rows).T
        return last, line.strip()

    def _row(self, line: str, number: int) -> list[float]:
        fields = line.split()
        for field in fields:
            if not PROBABILITY.fullmatch(field) or float(field) > 1 + TOLERANCE:
                shown = field if len(field) <= SHOWN else f"{field[:SHOWN]}…"
                raise self.error(f"{shown!r} is not a probability", number, ROW, DIVIDE)
        if len(fields) != 4:
            raise self.error(f"a row of {len(fields)} numbers", number, ROW)
        row = [float(field) for field in fields]
        if abs(sum(row) - 1) > TOLERANCE + ROUNDING:
            raise self.error(f"the row sums to {sum(row):.4g}", number, ROW, DIVIDE)
        return row


def write_meme(motifs: Mapping[str, np.ndarray], path: Path) -> None:
    """Write motifs (see `read_meme`) in the plainest form of the format."""
    lines = ["MEME version 4", "", "ALPHABET= ACGT", ""]
    for name, motif in motifs.items():
        lines += [f"MOTIF {name}", f"{MATRIX}: alength= 4 w= {motif.shape[1]}"]
        lines += [" ".join(f"{value:.9g}" for value in column) for column in motif.T] + [""]
    path.write_text("\n".join(lines), encoding="utf-8")
