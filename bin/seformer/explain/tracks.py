"""Attributions on the genome: the values file, bigWig, bedGraph, and the folder they lie in.

Where regions overlap, a base gets the mean over the regions that cover it; a region that shares
bases with another therefore does not sum to its own total on the track (it is flagged).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from zlib import crc32

import numpy as np
import pandas as pd
import pybigtools
from safetensors import SafetensorError, safe_open

from seformer.genome.chromosomes import match
from seformer.regions.read import MAX_DIGITS
from seformer.util.atomic import atomic_path, staging_folder
from seformer.util.errors import UserError
from seformer.util.text import existing_file, open_text

VALUES_FILE = "attributions.safetensors"
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
Interval = tuple[str, int, int, float]
PACKED = struct.Struct("<IIf")  # of an interval, as in a bigWig
LARGEST = 2**32 - 1  # positions of a bigWig are 32-bit
TOO_LONG = f"is more than a bigWig can hold ({LARGEST})"


class ValuesWriter:
    """Write `attributions.safetensors` region by region, never holding more than one.

    The file holds ``values`` float32 ``[bases]`` and ``bases`` uint8 ``[bases]`` (0 to 4 for A, C,
    G, T, N), the regions one after the other, and ``offsets`` int64 ``[regions + 1]``. The layout
    is that of the format's own description (the library itself wants whole tensors).

    Parameters
    ----------
    path
        The file to write.
    lengths
        Bases of every region that will be written, in order.
    """

    def __init__(self, path: Path, lengths: Sequence[int]) -> None:
        self.offsets = np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))])
        total, offset_bytes = int(self.offsets[-1]), 8 * len(self.offsets)
        self.total = total
        ends = np.cumsum([0, offset_bytes, 4 * total, total]).tolist()
        shapes = {
            "offsets": ("I64", [len(self.offsets)]),
            "values": ("F32", [total]),
            "bases": ("U8", [total]),
        }
        header = json.dumps(
            {
                name: {"dtype": dtype, "shape": shape, "data_offsets": ends[i : i + 2]}
                for i, (name, (dtype, shape)) in enumerate(shapes.items())
            }
        ).encode()
        header += b" " * (-len(header) % 8)
        self._handle = open(path, "wb")
        self._handle.write(struct.pack("<Q", len(header)) + header)
        self._handle.write(self.offsets.astype("<i8").tobytes())
        self._values_at = self._handle.tell()
        self._bases_at = self._values_at + 4 * total
        self._handle.truncate(self._bases_at + total)
        self._row = 0

    def add(self, values: np.ndarray, sequence: str) -> None:
        """Write the next region: float ``[bases]`` and its upper-case bases."""
        first, last = self.offsets[self._row], self.offsets[self._row + 1]
        if not len(values) == len(sequence) == last - first:
            raise ValueError(f"region {self._row} has {last - first} bases, not {len(values)}")
        self._handle.seek(self._values_at + 4 * first)
        self._handle.write(np.asarray(values, dtype="<f4").tobytes())
        self._handle.seek(self._bases_at + first)
        letters = np.frombuffer(sequence.encode(), dtype=np.uint8)
        codes = np.full(len(letters), 4, dtype=np.uint8)
        for code, letter in enumerate(LETTERS):
            codes[letters == letter] = code
        self._handle.write(codes.tobytes())
        self._row += 1

    def __enter__(self) -> ValuesWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()
        if kind is None and self._row != len(self.offsets) - 1:
            raise ValueError(f"{self._row} of {len(self.offsets) - 1} regions were written")


class Values:
    """Read `attributions.safetensors` region by region.

    Raises
    ------
    UserError
        If the file is missing or is not one that seformer wrote.
    """

    def __init__(self, path: Path) -> None:
        self._path = existing_file(path)
        try:
            self._file = safe_open(path, framework="np")
            self.offsets = self._file.get_tensor("offsets")
            self._values = self._file.get_slice("values")
            self._bases = self._file.get_slice("bases")
        except SafetensorError as error:
            raise self._damaged() from error
        ends = self.offsets if self.offsets.ndim == 1 and self.offsets.dtype == np.int64 else []
        sizes = [self._values.get_shape(), self._bases.get_shape()]
        if not len(ends) or ends[0] or np.any(np.diff(ends) < 0) or sizes != [[ends[-1]]] * 2:
            raise self._damaged()

    def _damaged(self) -> UserError:
        return UserError(
            "the file is damaged or not one of `seformer explain`",
            where=self._path,
            do="run `seformer explain` again",
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """Values of one region, float32 ``[bases]``."""
        return self._values[int(self.offsets[row]) : int(self.offsets[row + 1])]

    def sequence(self, row: int) -> str:
        """Bases of one region."""
        codes = self._bases[int(self.offsets[row]) : int(self.offsets[row + 1])]
        if codes.max(initial=0) >= len(LETTERS):
            raise self._damaged()
        return LETTERS[codes].tobytes().decode()


# ------------------------------------------------------------------------- genome order


def overlapping(regions: pd.DataFrame) -> np.ndarray:
    """Tell which regions share a base with another one: bool ``[regions]``.

    ``regions`` has ``chrom``, ``start`` and ``end`` (0-based half-open).
    """
    shared = np.zeros(len(regions), dtype=bool)
    for cluster in clusters(regions, dict.fromkeys(regions["chrom"], 0)):
        if len(cluster) > 1:
            shared[cluster] = True
    return shared


def clusters(regions: pd.DataFrame, chromosomes: Iterable[str]) -> Iterator[np.ndarray]:
    """Yield the rows of regions joined by overlaps, in genome order.

    ``chromosomes`` gives the order of the chromosomes. Regions that only touch are apart.
    """
    chrom = regions["chrom"].to_numpy()
    start, end = regions["start"].to_numpy(), regions["end"].to_numpy()
    for name in chromosomes:
        rows = np.flatnonzero(chrom == name)
        rows = rows[np.lexsort((end[rows], start[rows]))]
        if not len(rows):
            continue
        reach = np.maximum.accumulate(end[rows])
        breaks = np.flatnonzero(start[rows][1:] >= reach[:-1]) + 1
        yield from np.split(rows, breaks)


def intervals(
    regions: pd.DataFrame, values: Values | Sequence[np.ndarray], chromosomes: Iterable[str]
) -> Iterator[Interval]:
    """Yield (chrom, start, end, value) in genome order, one cluster of overlaps at a time.

    Neighbouring bases with the same value make one interval.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` of the regions in ``values``.
    values
        float ``[bases]`` for each region.
    """
    starts, ends = regions["start"].to_numpy(), regions["end"].to_numpy()
    names = regions["chrom"].to_numpy()
    for cluster in clusters(regions, chromosomes):
        first, last = int(starts[cluster].min()), int(ends[cluster].max())
        total, depth = np.zeros(last - first), np.zeros(last - first)
        for row in cluster.tolist():
            span = slice(int(starts[row]) - first, int(ends[row]) - first)
            total[span] += values[row]
            depth[span] += 1
        mean = (total / depth).astype(np.float32)
        edges = np.concatenate([[0], np.flatnonzero(np.diff(mean)) + 1, [len(mean)]])
        for begin, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            yield str(names[cluster[0]]), first + begin, first + stop, float(mean[begin])


# ------------------------------------------------------------------------- writing


def bigwig_order(sizes: Mapping[str, int]) -> list[str]:
    """Order chromosomes by their bytes, as bigWig's index does."""
    return sorted(sizes)


def write_bigwig(path: Path, sizes: Mapping[str, int], items: Iterable[Interval]) -> None:
    """Write a bigWig (float32 values), and read it back before it gets its name.

    pybigtools says nothing where the end of the track, or of a temporary file of its own, cannot
    be written: what is there would be published as it is.

    Parameters
    ----------
    sizes
        Length of every chromosome in base pairs; only those with intervals get into the file.
    items
        In the order of `bigwig_order` and of position.

    Raises
    ------
    OSError
        If what was written does not read back as it should.
    """
    written = Digest()
    with atomic_path(path) as partial, _folder_beside(partial) as folder:
        target = f"{folder}/track.bw"  # pybigtools tells the format by the ending
        try:
            with _silenced():
                pybigtools.open(target, "w").write(dict(sizes), written.passing(items))
                if read_back(target, sizes) != written:
                    raise ValueError("the values are others")
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
    found = Digest()
    with pybigtools.open(path) as track:
        here = track.chroms()
        if any(sizes.get(name) != size for name, size in here.items()):
            raise ValueError("the chromosomes are others")
        for name in bigwig_order(here):
            for _ in found.passing((name, *record) for record in track.records(name)):
                pass
        for level in track.zooms():
            records = chain.from_iterable(track.zoom_records(level, name) for name in here)
            # where values have gaps pybigtools counts some of the bases between them as well
            if sum(summary["bases_covered"] for *_, summary in records) < found.bases:
                raise ValueError("a zoom level lacks bases")
    return found


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[str]:
    """Yield a new folder beside ``path``, in which pybigtools' temporary files lie too.

    They need room as the track does; ``TMPDIR`` may be full, or not be there. A path that is not
    UTF-8, which Rust does not take as text, is reached through its descriptor.
    """
    before = os.environ.get("TMPDIR")
    with staging_folder(path.parent, "track") as place:
        folder, opened = str(place), os.open(place, os.O_RDONLY)
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


def write_bedgraph(path: Path, name: str, items: Iterable[Interval]) -> None:
    """Write a bedGraph with a track line (UCSC)."""
    with atomic_path(path) as partial, open(partial, "w", encoding="utf-8") as handle:
        handle.write(f'track type=bedGraph name="{name}" visibility=full alwaysZero=on\n')
        for chrom, start, end, value in items:
            handle.write(f"{chrom}\t{start}\t{end}\t{value:.7g}\n")


def read_sizes(path: Path) -> dict[str, int]:
    """Read chromosome sizes: a .fai or a two-column file of names and lengths.

    Raises
    ------
    UserError
        If a line is not a name and a length.
    """
    sizes: dict[str, int] = {}
    with open_text(path) as handle:
        for number, line in enumerate(handle, 1):
            # not all that Python takes for a blank or a digit is one
            fields = re.split("[ \t]+", line.strip(" \t\r\n"))
            if fields == [""]:
                continue
            size = fields[1] if len(fields) > 1 else ""
            fault = ""
            if not (size.isascii() and size.isdecimal()) or not size.strip("0"):
                fault = "is not a chromosome size"
            elif len(size) > MAX_DIGITS or int(size) > LARGEST:
                fault = TOO_LONG
            if fault:
                raise UserError(
                    f"{line.strip()[:80]!r} {fault}",
                    where=path,
                    line=number,
                    expected="a name and a length in base pairs, separated by a tab",
                )
            sizes[fields[0]] = int(size)
    if not sizes:
        raise UserError("the file is empty", where=path, expected="chromosome names and lengths")
    return sizes


def check_sizes(
    regions: pd.DataFrame, sizes: Mapping[str, int], where: str | Path
) -> dict[str, int]:
    """Refuse regions that do not lie on the chromosomes; returns the sizes by the regions' names.

    Raises
    ------
    UserError
        If a chromosome is not in ``sizes``, is shorter than a region's end, or longer than a
        bigWig can hold.
    """
    twins = match(regions["chrom"].unique(), sizes)
    renamed = {twin: name for name, twin in twins.items() if name not in sizes}
    sizes = {renamed.get(name, name): size for name, size in sizes.items()}
    for chrom, end in regions.groupby("chrom", sort=False)["end"].max().items():
        if chrom not in sizes:
            found = f"the chromosome {chrom} is not in it"
        elif sizes[chrom] > LARGEST:
            found = f"{chrom} has {sizes[chrom]} bp, which {TOO_LONG}"
        elif sizes[chrom] < end:
            found = f"{chrom} has {sizes[chrom]} bp, but a region ends at {end}"
        else:
            continue
        do = "give the genome the regions were extracted from"
        if TOO_LONG in found:
            do = "explain the regions of this chromosome in Python, which writes no track"
        raise UserError(found, where=where, do=do)
    return sizes


def furthest(regions: pd.DataFrame) -> dict[str, int]:
    """Chromosome sizes where nothing else is known: the end of the last region."""
    return {
        str(chrom): int(end)
        for chrom, end in regions.groupby("chrom", sort=False)["end"].max().items()
    }
