"""Bytes of a file by their offset in its text, whether it is plain or bgzipped; bgzipped files.

The index of a bgzipped file is htslib's `.gzi` (https://www.htslib.org/doc/bgzip.html).
"""

from __future__ import annotations

import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np

from seformer.util.errors import UserError

BLOCK = 2**16  # bytes of a block at most, packed and unpacked
WRITTEN = 0xFF00  # bytes of text in a block that is written: however they pack, they fit
# SAM specification 4.1: gzip's header with an extra field, in which the block's size stands
BLOCK_HEAD = bytes.fromhex("1f8b08040000000000ff060042430200")
LAST_BLOCK = BLOCK_HEAD + bytes.fromhex("1b0003000000000000000000")
# more threads would only wait for what uses the bytes
MAX_THREADS = 4


class PlainFile:
    """An uncompressed file.

    It is read without mapping it, so that a genome's pages do not count as this process's memory.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._file)

    def read(self, offsets: np.ndarray, sizes: np.ndarray) -> list[bytes]:
        """Read at many places; past the end there are fewer bytes or none.

        Parameters
        ----------
        offsets, sizes
            int64 ``[places]``.
        """
        return list(map(os.pread, repeat(self._file), sizes.tolist(), offsets.tolist()))


class BgzipWriter:
    """A bgzipped file that is being written.

    htslib's own writer hides what went wrong, and crashes where a file cannot be made.

    Parameters
    ----------
    path
        The file.
    level
        Of the compression, 1 to 9.
    """

    def __init__(self, path: Path, level: int = 6) -> None:
        self._file = open(path, "wb")
        self._level = level
        self._text = bytearray()

    def __enter__(self) -> BgzipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._file:
            if kind is None:
                self._write(bytes(self._text))
                self._file.write(LAST_BLOCK)

    def write(self, text: bytes) -> None:
        self._text += text
        whole = len(self._text) // WRITTEN * WRITTEN
        for begin in range(0, whole, WRITTEN):
            self._write(bytes(self._text[begin : begin + WRITTEN]))
        del self._text[:whole]

    def _write(self, text: bytes) -> None:
        if text:
            packer = zlib.compressobj(self._level, zlib.DEFLATED, -zlib.MAX_WBITS)
            packed = packer.compress(text) + packer.flush()
            size = len(BLOCK_HEAD) + 2 + len(packed) + 8 - 1
            ends = struct.pack("<H", size), struct.pack("<II", zlib.crc32(text), len(text))
            self._file.write(BLOCK_HEAD + ends[0] + packed + ends[1])


class BgzipFile(PlainFile):
    """A bgzipped file; offsets are those of the text. Several threads unpack its blocks.

    Raises
    ------
    UserError
        On reading, if a block is damaged.
    """

    def __init__(self, path: Path, index: Path) -> None:
        raw = index.read_bytes()
        (count,) = struct.unpack_from("<Q", raw)
        pairs = np.frombuffer(raw, "<u8", 2 * count, 8).astype(np.int64).reshape(-1, 2)
        self._packed, self._text = np.concatenate([[[0, 0]], pairs]).T
        super().__init__(path)
        self._path = path
        threads = min(len(os.sched_getaffinity(0)), MAX_THREADS)
        self._pool = ThreadPoolExecutor(threads)

    def close(self) -> None:
        self._pool.shutdown()
        super().close()

    def read(self, offsets: np.ndarray, sizes: np.ndarray) -> list[bytes]:
        first = np.searchsorted(self._text, offsets, "right") - 1
        last = np.maximum(np.searchsorted(self._text, offsets + sizes), first + 1)
        blocks = np.unique(np.concatenate([*map(np.arange, first, last)]))
        texts = list(self._pool.map(self._unpack, blocks.tolist()))
        # blocks of one place lie one after the other here as well
        ends = np.cumsum([0, *map(len, texts)])
        begin = ends[np.searchsorted(blocks, first)] + offsets - self._text[first]
        joined = b"".join(texts)
        places = zip(begin.tolist(), sizes.tolist(), strict=True)
        return [joined[a : a + size] for a, size in places]

    def _unpack(self, block: int) -> bytes:
        try:
            packed = os.pread(self._file, BLOCK, int(self._packed[block]))
            text = zlib.decompress(packed, wbits=31, bufsize=BLOCK)
        except zlib.error as error:
            raise UserError(
                f"the file is damaged ({error})", where=self._path, do="copy it again"
            ) from error
        # of the last block the index does not know the end
        if block + 1 < len(self._text) and len(text) != self._text[block + 1] - self._text[block]:
            raise UserError(
                "the .gzi does not fit the file",
                where=self._path,
                do="remove it, it is made anew",
            )
        return text


def open_bytes(path: Path, index: Path | None = None) -> PlainFile:
    """Open a file to read at any place; ``index`` is the ``.gzi`` of a bgzipped one."""
    return PlainFile(path) if index is None else BgzipFile(path, index)
