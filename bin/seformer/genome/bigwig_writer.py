"""A bigWig written whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from zlib import crc32

import pybigtools

from seformer.util.atomic import atomic_path, staging_folder
from seformer.util.errors import UserError

Interval = tuple[str, int, int, float]
PACKED = struct.Struct("<IIf")  # of an interval, as in a bigWig


def write_bigwig(path: Path, sizes: Mapping[str, int], items: Iterable[Interval]) -> None:
    """Write a bigWig (float32 values), and read it back before it gets its name.

    Parameters
    ----------
    sizes
        Length of every chromosome in base pairs; only those with intervals get into the file.
    items
        In the order of a bigWig's index: chromosomes as their letters sort, each along it.

    Raises
    ------
    OSError
        If what was written does not read back as it should.
    """
    written = Digest()
    with whole_track(path, "bw") as target:
        pybigtools.open(target, "w").write(dict(sizes), written.passing(items))
        if read_back(target, sizes) != written:
            raise ValueError("the values are others")


@contextlib.contextmanager
def whole_track(path: Path, ending: str) -> Iterator[str]:
    """Yield where pybigtools is to write a track, which gets its name if all went well.

    ``ending`` (``bw``, ``bb``) tells pybigtools the format. Whoever writes reads it back before the
    end: pybigtools says nothing where the track, or a temporary file of its own, cannot be written.

    Raises
    ------
    OSError
        If the track cannot be written.
    """
    with atomic_path(path) as partial, _folder_beside(partial) as folder:
        target = f"{folder}/track.{ending}"
        try:
            with _silenced():
                yield target
        except (UserError, OSError):
            raise  # from the items
        except BaseException as error:
            # a panic of Rust is not an Exception
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                fault = "the track cannot be written to its end"
                raise OSError(errno.ENOSPC, fault, str(path)) from error
            raise
        os.replace(target, partial)


@dataclass
class Digest:
    """What a track holds: bases with a value, and all intervals in their order in one number."""

    bases: int = 0
    value: int = 0

    def passing(self, items: Iterable[Interval]) -> Iterator[Interval]:
        """Take in intervals as they pass."""
        for item in items:
            chrom, start, end, value = item
            self.bases += end - start
            self.value = crc32(chrom.encode() + PACKED.pack(start, end, value), self.value)
            yield item


def read_back(path: str, sizes: Mapping[str, int]) -> Digest:
    """Read a whole bigWig.

    Raises
    ------
    ValueError, pybigtools.BBIReadError
        If it cannot be read, has other chromosome sizes, or a zoom level lacks bases.
    """
    digest = Digest()
    with pybigtools.open(path) as track:
        here = track.chroms()
        if any(sizes.get(name) != size for name, size in here.items()):
            raise ValueError("the chromosomes are others")
        for name in sorted(here):
            for _ in digest.passing((name, *record) for record in track.records(name)):
                pass
        for level in track.zooms():
            records = chain.from_iterable(track.zoom_records(level, name) for name in here)
            # where values have gaps pybigtools counts some of the bases between them as well
            if sum(summary["bases_covered"] for *_, summary in records) < digest.bases:
                raise ValueError("a zoom level lacks bases")
    return digest


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[str]:
    """Yield a new folder beside ``path``, in which pybigtools' temporary files lie too.

    They need room as the track does; ``TMPDIR`` may be full, or not be there. A path that is not
    UTF-8, which Rust does not take as text, is reached through its descriptor.
    """
    before = os.environ.get("TMPDIR")
    with staging_folder(path.parent, "track") as staging:
        folder, opened = str(staging), os.open(staging, os.O_RDONLY)
        os.environ["TMPDIR"] = folder
        try:
            yield folder if folder.isprintable() else f"/proc/self/fd/{opened}"
        finally:
            os.environ.pop("TMPDIR")
            if before is not None:
                os.environ["TMPDIR"] = before
            os.close(opened)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keep Rust's own lines from standard output and error: one message says what is wrong."""
    with contextlib.ExitStack() as afterwards:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        afterwards.callback(os.close, nowhere)
        for stream in (1, 2):
            with contextlib.suppress(OSError):  # it is closed
                kept = os.dup(stream)
                afterwards.callback(os.close, kept)
                afterwards.callback(os.dup2, kept, stream)
                os.dup2(nowhere, stream)
        yield
