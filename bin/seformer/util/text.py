"""Text files of others: opened, unpacked and refused where they are not text."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from seformer.util.atomic import require_whole, temporary_folder
from seformer.util.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
MAX_SMALL_BYTES = 64 * 2**20
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
        do = "check the path and its spelling"
        if re.match(r"[a-z]\w+:/", str(path)):
            do = "download it first: addresses are not read"
        elif path.parts[0].startswith("~"):
            do = "write out the home folder: only a shell knows what ~ is, and not in quotes"
        raise UserError("no such file", where=path, do=do)
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
def open_text(
    path: str | os.PathLike[str], digest: hashlib._Hash | None = None
) -> Iterator[TextIO]:
    """Open a text file, plain or gzipped, byte-order mark dropped, any line ending.

    Parameters
    ----------
    digest
        Where the text is read to its end, it has seen the bytes of the file as they lie there.

    Raises
    ------
    UserError
        If the file is missing, unreadable, damaged or not text (also while it is read).
    """
    path = existing_file(path)
    try:
        with (
            _opened(path, digest) as raw,
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


class _Hashed(io.FileIO):
    """A file that shows its bytes to a digest while it is read from the first to the last."""

    def __init__(self, path: Path, digest: hashlib._Hash) -> None:
        super().__init__(path)
        self._digest = digest

    def readinto(self, buffer: Any, /) -> int:
        number = super().readinto(buffer)
        self._digest.update(buffer[:number])
        return number


def _opened(path: Path, digest: hashlib._Hash | None = None) -> io.BufferedReader[Any] | _Unpacked:
    raw: Any = open(path, "rb") if digest is None else io.BufferedReader(_Hashed(path, digest))
    if raw.peek(2)[:2] != GZIP_MAGIC:
        return raw
    packed = _Unpacked(path, "rb", fileobj=raw)
    packed.myfileobj = raw  # closed with it
    return packed


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


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
