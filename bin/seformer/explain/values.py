"""The values file of an explanation, written and read region by region. No torch is needed."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from seformer.sequence.dna import base_codes
from seformer.util.errors import UserError
from seformer.util.text import existing_file

VALUES_FILE = "attributions.safetensors"
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)


def adds_up(values: np.ndarray, total: float) -> bool:
    """Say whether values sum to what the table says: float32, and 9 digits in the table."""
    error = abs(values.sum(dtype=float) - total)
    return bool(error <= 1e-6 * np.abs(values).sum(dtype=float) + 1e-9)


class ValuesWriter:
    """Write `attributions.safetensors` region by region, never holding more than one.

    The file holds ``values`` float32 ``[bases]`` and ``bases`` uint8 ``[bases]`` (0 to 4 for A, C,
    G, T, N), the regions one after the other, and ``offsets`` int64 ``[regions + 1]``. The layout
    is that of the format's own description: the library wants whole tensors. It is written, not
    mapped into memory: where a disk is full a write says so, and a mapped page ends the process.

    Parameters
    ----------
    path
        The file to write.
    lengths
        Bases of every region that will be written, in order.
    """

    def __init__(self, path: Path, lengths: Sequence[int]) -> None:
        self.path = path
        self.offsets = np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))])
        total = int(self.offsets[-1])
        ends = np.cumsum([0, 8 * len(self.offsets), 4 * total, total]).tolist()
        shapes = {"offsets": ("I64", len(self.offsets)), "values": ("F32", total)}
        shapes["bases"] = ("U8", total)
        header = json.dumps(
            {
                name: {"dtype": dtype, "shape": [size], "data_offsets": ends[i : i + 2]}
                for i, (name, (dtype, size)) in enumerate(shapes.items())
            }
        ).encode()
        header += b" " * (-len(header) % 8)
        self._file = open(path, "w+b")
        self._file.write(struct.pack("<Q", len(header)) + header)
        self._file.write(self.offsets.astype("<i8").tobytes())
        self._values_at = self._file.tell()
        self._bases_at = self._values_at + 4 * total
        self._file.truncate(self._bases_at + total)
        self._row = 0

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """Values of a region as they are in the file, float32 ``[bases]``."""
        self._file.seek(self._values_at + 4 * int(self.offsets[row]))
        size = int(self.offsets[row + 1] - self.offsets[row])
        return np.frombuffer(self._file.read(4 * size), dtype="<f4")

    def add(self, values: np.ndarray, sequence: str) -> None:
        """Write the next region: float ``[bases]`` and its upper-case bases."""
        first, last = self.offsets[self._row : self._row + 2].tolist()
        if not len(values) == len(sequence) == last - first:
            raise ValueError(f"region {self._row} has {last - first} bases, not {len(values)}")
        codes = base_codes(sequence)
        self._file.seek(self._values_at + 4 * first)
        self._file.write(np.asarray(values, dtype="<f4").tobytes())
        self._file.seek(self._bases_at + first)
        self._file.write(np.where(codes < 0, 4, codes).astype(np.uint8).tobytes())
        self._row += 1

    def __enter__(self) -> ValuesWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._file.close()
        if kind is None and self._row != len(self):
            raise ValueError(f"{self._row} of {len(self)} regions were written")


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
        """Values of one region, float32 ``[bases]``.

        Raises
        ------
        UserError
            If one is not finite.
        """
        values = self._values[int(self.offsets[row]) : int(self.offsets[row + 1])]
        if not np.isfinite(values).all():
            raise UserError(
                "there are values that are no numbers",
                where=self._path,
                do="run `seformer explain` again",
            )
        return values

    def sequence(self, row: int) -> str:
        """Bases of one region."""
        codes = self._bases[int(self.offsets[row]) : int(self.offsets[row + 1])]
        if codes.max(initial=0) >= len(LETTERS):
            raise self._damaged()
        return LETTERS[codes].tobytes().decode()
