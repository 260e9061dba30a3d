"""Reading and writing at the edge: text, tables, JSON, checksums."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import json
import math
import os
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

import pandas as pd

from seformer.util.atomic import (
    atomic_path,
    output_folder,
    require_whole,
    require_writable,
    staging_folder,
    sync,
    temporary_folder,
)
from seformer.util.errors import UserError

__all__ = [
    "atomic_path",
    "existing_file",
    "is_gzipped",
    "numbered_lines",
    "open_text",
    "output_folder",
    "read_json",
    "read_object",
    "read_table",
    "require_writable",
    "sha256",
    "small_file",
    "staging_folder",
    "sync",
    "temporary_folder",
    "unpacked",
    "write_json",
    "write_table",
]

GZIP_MAGIC = b"\x1f\x8b"
MAX_SMALL_BYTES = 64 * 2**20
# what a column of a table holds; a ratio may be infinite
WHOLE, COUNT, NUMBER, RATIO = "int64", "Int64", "float64", "float"
# of a number in JSON; transformers writes lengths without bound as 10**30
MAX_DIGITS = 100
NO_NUMBER = re.compile(r"NaN|Infinity|[eE]\+?\d\d|\d{200}")
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
# a line of a table is never longer; memory does not follow what a file claims to be
MAX_LINE = 2**20
MAX_NAME = 4_096  # nor is a name: those of all rows are in memory
SAVE_SHEET = "save the sheet as CSV UTF-8, or as text with tabs"
SPREADSHEET = (b"[Content_Types]", b"_rels/", b"xl/", b"docProps", b"mimetypeapplication/vnd.oasis")
BZIP2 = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))
# what is often given instead of text, by first bytes that no contig's name has (PAR1 is one),
# and what to do about it
BINARY = (
    (b"PK\3\4", "a zip archive", "unpack it: unzip"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", SAVE_SHEET),
    (BZIP2, "packed with bzip2", "unpack it: bunzip2"),
    (b"\xfd7zXZ\0", "packed with xz", "unpack it: unxz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it: unzstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (GZIP_MAGIC, "gzipped twice", "unpack it once: gunzip"),
    (b"\xeb\xf2\x89\x87", "a bigBed", "turn it into BED: bigBedToBed"),
    (b"\x87\x89\xf2\xeb", "a bigBed", "turn it into BED: bigBedToBed"),
    (b"\x26\xfc\x8f\x88", "a bigWig", "give regions: call peaks on the signal first"),
    (b"\x88\x8f\xfc\x26", "a bigWig", "give regions: call peaks on the signal first"),
    (b"BAM\1", "BAM, aligned reads", "give regions: call peaks on the reads first"),
    ((b"CRAM\2", b"CRAM\3"), "CRAM, aligned reads", "give regions: call peaks on the reads first"),
    (b"BCF\2", "BCF, variants", "turn it into text: bcftools view"),
    (b"\x1aA'C", "a 2bit genome", "turn it into FASTA: twoBitToFa"),
    (b"C'A\x1a", "a 2bit genome", "turn it into FASTA: twoBitToFa"),
    (b"\x89HDF", "HDF5", "write a table as text"),
    (b"PAR1\x15", "Parquet", "write a table as text"),
    (b"%PDF", "a PDF", "write a table as text"),
    (b"X\n\0\0", "R's own format (.rds)", "write a table in R: write.table"),
    ((b"RDX2\n", b"RDX3\n"), "R's own format (.RData)", "write a table in R: write.table"),
)
CONTROLS = {*range(9), *range(14, 32)}  # bytes that no text holds, in whatever encoding
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SAVE_UTF8 = "save it as UTF-8 text (spreadsheets: CSV UTF-8)"
# text packs to a tenth: what unpacks to far more was made to fill memory and disks
MAX_UNPACKED_RATIO, UNPACKED_ALLOWED = 200, 64 * 2**20


def existing_file(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` as a `Path` if it is a readable file.

    Raises
    ------
    UserError
        If it is missing, a folder, or not readable.
    """
    path = Path(path)
    if not path.exists():
        raise UserError("no such file", where=path, do="check the path and its spelling")
    if path.is_dir():
        raise UserError("this is a folder", where=path, expected="a file")
    if not path.is_file():
        raise UserError(
            "this is neither a file nor a folder",
            where=path,
            expected="a file, since it is read more than once",
            do="write it to a file first, instead of a pipe or a device",
        )
    if not os.access(path, os.R_OK):
        raise UserError("the file cannot be read", where=path, do="check its permissions")
    require_whole(path)
    return path


def is_gzipped(path: Path) -> bool:
    """Tell by the first two bytes, not by the name (RFC 1952)."""
    with open(path, "rb") as handle:
        return handle.read(2) == GZIP_MAGIC


class _Unpacked(gzip.GzipFile):
    """A gzip file that stops where it unpacks to far more than text does."""

    def read1(self, size: int = -1) -> bytes:
        data = super().read1(size)
        self._seen = getattr(self, "_seen", 0) + len(data)
        if self._seen > UNPACKED_ALLOWED:
            packed = os.stat(self.name).st_size
            if self._seen > MAX_UNPACKED_RATIO * packed:
                raise UserError(
                    f"the file unpacks to over {MAX_UNPACKED_RATIO} times its size",
                    where=self.name,
                    expected="gzipped text",
                    do="if it is what you want, give it unpacked",
                )
        return data


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Yield a plain copy of a gzipped file, for readers that cannot bound what it unpacks to.

    Raises
    ------
    UserError
        If it is damaged, or unpacks to far more than text does.
    """
    if not is_gzipped(path):
        yield path
        return
    with temporary_folder() as folder:
        plain = folder / "plain"
        try:
            with _Unpacked(path, "rb") as packed, open(plain, "wb") as out:
                while block := packed.read1(MAX_LINE):
                    out.write(block)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(
                f"the file cannot be read to its end ({error})", where=path, do="copy it again"
            ) from error
        yield plain


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, plain or gzipped, byte-order mark dropped, any line ending.

    Raises
    ------
    UserError
        If the file is missing, unreadable, damaged or not text (also while it is read).
    """
    path = existing_file(path)
    try:
        with (
            _opened(path) as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", newline=None) as text,
        ):
            _refuse_binary(raw.peek(512)[:512], path)
            yield text
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except (gzip.BadGzipFile, EOFError, OSError, zlib.error) as error:
        raise UserError(
            f"the file cannot be read to its end ({error})", where=path, do="copy it again"
        ) from error


def _opened(path: Path) -> io.BufferedReader | _Unpacked:
    return _Unpacked(path, "rb") if is_gzipped(path) else open(path, "rb")


def _refuse_binary(head: bytes, path: Path) -> None:
    what, do = next(((what, do) for magic, what, do in BINARY if head.startswith(magic)), ("", ""))
    if head[257:262] == b"ustar":
        what, do = "a tar archive", "unpack it: tar -xf"
    if what and any(word in head[:64] for word in SPREADSHEET):
        what, do = "a spreadsheet (.xlsx, .ods)", SAVE_SHEET
    # without a byte-order mark every other byte is 0, at least of the letters of chromosomes
    halves = any(head[0:16:2]), any(head[1:16:2])
    if head.startswith(UTF16) or (len(head) > 3 and sum(halves) == 1):
        what, do = "UTF-16", f"{SAVE_UTF8}, or: iconv -f UTF-16 -t UTF-8"
    if what:
        raise UserError(
            f"the file is not text in UTF-8, but {what}",
            where=path,
            expected="a text file, plain or gzipped",
            do=do,
        )


def _not_utf8(path: Path) -> UserError:
    """Say in which line the first byte stands that is not of UTF-8."""
    number, at = 1, 0
    with _opened(path) as raw:
        head = raw.peek(512)[:512]
        while line := raw.readline(MAX_LINE):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                at = error.start
                break
            number += line.endswith(b"\n")
    near = line[max(0, at - 20) : at + 20]
    if CONTROLS & {*head, *near}:
        return UserError(
            "the file is not text", where=path, expected="a text file, plain or gzipped"
        )
    return UserError(
        "the file is not text in UTF-8, but in another encoding, perhaps Latin-1 or"
        f" Windows-1252: {near.decode('cp1252', 'replace').strip()!r}",
        where=path,
        line=number,
        expected="a text file in UTF-8, plain or gzipped",
        do=f"{SAVE_UTF8}, or: iconv -f WINDOWS-1252 -t UTF-8",
    )


def numbered_lines(text: TextIO, source: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of an opened text with their 1-based numbers, without line ends.

    Raises
    ------
    UserError
        For a line of over `MAX_LINE` characters: no line of a table is.
    """
    number, rest = 1, ""
    while block := text.read(MAX_LINE):
        *lines, rest = (rest + block).split("\n")
        long = next((i for i, line in enumerate([*lines, rest]) if len(line) > MAX_LINE), None)
        yield from enumerate(lines[:long], number)
        if long is not None:
            raise UserError(
                f"the line is longer than {MAX_LINE} characters",
                where=source,
                line=number + long,
                expected="one row of a table",
                do="check that this is the file you mean",
            )
        number += len(lines)
    if rest:
        yield number, rest


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write ``value`` as indented JSON with a final newline (NaN is refused)."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def small_file(path: str | os.PathLike[str]) -> Path:
    """Return ``path`` as a `Path` if it is a readable file of at most 64 MiB.

    Raises
    ------
    UserError
        If it is missing or larger: a model folder's own small files never are.
    """
    path = existing_file(path)
    if path.stat().st_size > MAX_SMALL_BYTES:
        raise UserError("the file is larger than 64 MiB", where=path, expected="a small file")
    return path


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 64 MiB; see `parse_json`.

    Raises
    ------
    UserError
        If it is missing, too large or not such JSON.
    """
    path = small_file(path)
    return parse_json(path.read_bytes(), path)


def parse_json(content: bytes, path: str | os.PathLike[str]) -> Any:
    """Read JSON: UTF-8, every name once, finite numbers of at most `MAX_DIGITS`.

    Raises
    ------
    UserError
        Naming ``path``, if it is not such JSON.
    """
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text, parse_int=_whole, object_pairs_hook=_object)
        if HALF_CHARACTER.search(text):  # by an escape: no file or terminal takes it
            json.dumps(value, ensure_ascii=False).encode()
    except _Refused as error:
        raise UserError(f"the JSON holds {error}", where=path) from error
    except (UnicodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            "the file is not valid JSON", where=path, line=line, expected="JSON in UTF-8"
        ) from error
    except RecursionError as error:
        raise UserError("the JSON is nested too deeply", where=path) from error
    if NO_NUMBER.search(text) and (place := next(_not_finite(value), None)) is not None:
        raise UserError(f"{place} is not a finite number", where=path)
    return value


class _Refused(Exception):
    """What JSON allows and no file of ours has."""


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused(f"a number of {len(digits)} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise _Refused(f"{twice!r} twice")
    return found


def _not_finite(value: Any, place: str = "") -> Iterator[str]:
    """Yield where in a JSON value there is NaN or infinity, such as ``calibration.slope``."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place or "the value"
    elif isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(one, f"{place}.{name}" if place else str(name))


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON file that holds one object; see `read_json`."""
    return as_object(read_json(path), path)


def as_object(value: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a value of JSON that is an object; say so, naming ``path``, if it is not."""
    if not isinstance(value, dict):
        raise UserError(
            "the JSON holds no object", where=path, expected='names and values: {"name": …}'
        )
    return value


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a tab-separated table with a header, floats to 9 significant digits."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8", newline="") as text:
        write_rows(table, text, header=True, float_format="%.9g")


def write_rows(table: pd.DataFrame, text: TextIO, *, header: bool = False, **how: Any) -> None:
    """Write rows with tabs between cells, in which quotes stand for themselves.

    Parameters
    ----------
    **how
        Of `pandas.DataFrame.to_csv`.

    Raises
    ------
    UserError
        If a cell holds a tab or a line end.
    """
    try:
        table.to_csv(
            text,
            sep="\t",
            index=False,
            header=header,
            lineterminator="\n",
            quoting=csv.QUOTE_NONE,
            **how,
        )
    except csv.Error as error:
        raise UserError(
            "a cell holds a tab or a line end", where=text.name, do="take it out of the name"
        ) from error


def read_table(
    path: str | os.PathLike[str],
    columns: Sequence[str] = (),
    *,
    text: Sequence[str] = (),
    numbers: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """Read a table that seformer wrote; empty cells are missing values, "NA" is a name.

    Columns named in ``text`` stay text even where every cell is a number (chromosome "1");
    ``numbers`` says which become numbers, see `as_numbers`.

    Raises
    ------
    UserError
        If the file is missing or lacks one of ``columns``, or a cell is not what it must be.
    """
    path = existing_file(path)
    try:
        table = pd.read_csv(
            path,
            sep="\t",
            keep_default_na=False,
            quoting=csv.QUOTE_NONE,
            na_values=[""],
            dtype=dict.fromkeys(text, "str"),
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"the table cannot be read ({error})", where=path) from error
    if not isinstance(table.index, pd.RangeIndex):
        raise UserError("rows have more columns than the header", where=path, line=1)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(
            f"the columns {', '.join(missing)} are missing",
            where=path,
            line=1,
            expected=f"a table that seformer wrote, with {', '.join(columns)}",
        )
    return as_numbers(table, path, numbers)


def as_numbers(
    table: pd.DataFrame, path: Path, numbers: Mapping[str, str], line: int = 2
) -> pd.DataFrame:
    """Turn columns into numbers, in place.

    Parameters
    ----------
    numbers
        Column to its kind: `WHOLE` (no cell may be empty), `COUNT`, `NUMBER` or `RATIO` (which may
        be infinite). Columns that are not there are passed over.
    line
        Of the first row.

    Raises
    ------
    UserError
        For the first cell that is not such a number, or beyond 2^53, up to which float64 is exact.
    """
    for column, kind in numbers.items():
        if column not in table.columns:
            continue
        given = table[column]
        # True and False are numbers for pandas
        number = pd.to_numeric(given.astype(str) if given.dtype == bool else given, errors="coerce")
        wrong = number.isna() if kind == WHOLE else number.isna() & given.notna()
        if kind != RATIO:
            wrong |= number.abs() > 2**53
        if kind in (WHOLE, COUNT):
            wrong |= number.notna() & (number % 1 != 0)
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            cell = given.iloc[row]
            raise UserError(
                f"the column {column} holds {'nothing' if pd.isna(cell) else repr(str(cell)[:40])}",
                where=path,
                line=line + row,
                expected="a whole number" if kind in (WHOLE, COUNT) else "a number",
                do="make the file again with the command that wrote it",
            )
        table[column] = number.astype(kind)
    return table


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
