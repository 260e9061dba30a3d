"""Writing bgzipped files (BGZF, SAM specification 4.1)."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

WRITTEN = 0xFF00  # bytes of text in a block that is written: however they pack, they fit
# gzip's header with an extra field, in which the block's size stands
BLOCK_HEAD = bytes.fromhex("1f8b08040000000000ff060042430200")
LAST_BLOCK = BLOCK_HEAD + bytes.fromhex("1b0003000000000000000000")


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
