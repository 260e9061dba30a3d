"""The four bases: their codes, one-hot columns and complements, once for the whole package."""

from __future__ import annotations

import numpy as np

BASES = "ACGT"
# the same letters as ASCII codes, uint8 [4]
BASE_LETTERS = np.frombuffer(BASES.encode(), np.uint8)
# int8 [256], by the ASCII code of a letter: A, C, G, T of either case are 0–3, anything else −1
CODE_OF_LETTER = np.full(256, -1, np.int8)
CODE_OF_LETTER[BASE_LETTERS] = CODE_OF_LETTER[BASE_LETTERS + 32] = range(4)
_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVNacgtryswkmbdhvn", "TGCAYRSWMKVHDBNtgcayrswmkvhdbn")


def base_codes(sequence: str) -> np.ndarray:
    """Code the bases of a sequence: int8 ``[length]``, A, C, G, T as 0–3, anything else −1.

    A code and its complement sum to 3.
    """
    return CODE_OF_LETTER[np.frombuffer(sequence.encode("ascii"), np.uint8)]


def one_hot(codes: np.ndarray, unknown: float = 0.0) -> np.ndarray:
    """Turn base codes (see `base_codes`), ``[…, length]``, into float64 ``[…, 4, length]``.

    The rows are A, C, G, T; a letter that is none of them has ``unknown`` in every row.
    """
    columns = codes[..., None, :]
    return np.where(columns < 0, unknown, columns == np.arange(4)[:, None])


def reverse_complement(sequence: str) -> str:
    """Return the other strand, 5' to 3' (IUPAC letters, case kept)."""
    return sequence.translate(_COMPLEMENT)[::-1]
