"""Reading and writing at the edge: atomic results, tables, JSON, checksums."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from seformer.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
MAX_JSON_BYTES = 64 * 2**20


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
    if not os.access(path, os.R_OK):
        raise UserError("the file cannot be read", where=path, do="check its permissions")
    return path


def is_gzipped(path: Path) -> bool:
    """Tell by the first two bytes, not by the name (RFC 1952)."""
    with open(path, "rb") as handle:
        return handle.read(2) == GZIP_MAGIC


@contextlib.contextmanager
def open_text(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """Open a text file, plain or gzipped, byte-order mark dropped, any line ending.

    Raises
    ------
    UserError
        If the file is missing, unreadable, damaged or not text (also while it is read).
    """
    path = existing_file(path)
    raw = gzip.open(path, "rb") if is_gzipped(path) else open(path, "rb")
    try:
        with raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline=None) as text:
            yield text
    except UnicodeDecodeError as error:
        raise UserError(
            "the file is not text", where=path, expected="a text file, plain or gzipped"
        ) from error
    except (gzip.BadGzipFile, EOFError, OSError) as error:
        raise UserError(
            f"the file cannot be read to its end ({error})", where=path, do="copy it again"
        ) from error


def sync(path: Path) -> None:
    """Have the file's content on the disk before it gets its final name."""
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it onto ``path`` on success.

    A reader sees the old file or the whole new one, never a part.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    partial = Path(name)
    try:
        yield partial
        # mkstemp makes private files; results follow the user's umask
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        sync(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def output_folder(out: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a staging folder; move its content into ``out`` on success, else leave nothing.

    Files already in ``out`` under the same names are replaced one rename at a time.

    Raises
    ------
    UserError
        If ``out`` cannot be written.
    """
    out = Path(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise UserError(
            f"the results cannot be written here ({error.strerror})",
            where=out,
            do="choose another --out folder",
        ) from error
    try:
        yield staging
        for source in sorted(p for p in staging.rglob("*") if p.is_file()):
            target = out / source.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            sync(source)
            os.replace(source, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write ``value`` as indented JSON with a final newline (NaN is refused)."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 64 MiB.

    Raises
    ------
    UserError
        If it is missing, too large or not JSON.
    """
    path = existing_file(path)
    if path.stat().st_size > MAX_JSON_BYTES:
        raise UserError("the file is larger than 64 MiB", where=path, expected="a small JSON file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise UserError("the file is not valid JSON", where=path, line=line) from error


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a tab-separated table with a header, floats to 9 significant digits."""
    with atomic_path(path) as partial:
        table.to_csv(partial, sep="\t", index=False, float_format="%.9g", lineterminator="\n")


def read_table(
    path: str | os.PathLike[str], columns: Sequence[str] = (), *, text: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table that seformer wrote; empty cells are missing values, "NA" is a name.

    Columns named in ``text`` stay text even where every cell is a number (chromosome "1").

    Raises
    ------
    UserError
        If the file is missing or lacks one of ``columns``.
    """
    path = existing_file(path)
    try:
        table = pd.read_csv(
            path,
            sep="\t",
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(text, "str"),
            low_memory=False,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"the table cannot be read ({error})", where=path) from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(
            f"the columns {', '.join(missing)} are missing",
            where=path,
            line=1,
            expected=f"a table that seformer wrote, with {', '.join(columns)}",
        )
    return table


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
