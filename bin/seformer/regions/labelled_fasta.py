"""Labelled regions as one FASTA for auditors from outside: ``>chr1:0-200 label=1 split=test``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from seformer.genome.bgzf import BgzipWriter
from seformer.regions.parts import PLACE
from seformer.util.atomic import atomic_path


def write_labelled_fasta(path: Path, rows: pd.DataFrame, sequences: Iterable[str]) -> None:
    """Write one record per region, its place as name, and what is known of it as ``key=value``.

    Parameters
    ----------
    path
        The file; bgzipped where its name ends in ``.gz``.
    rows
        ``chrom``, ``start``, ``end``, ``label`` (1 = SE) and, as far as they are there, ``split``
        and ``sample``.
    sequences
        Their bases, in order.
    """
    more = [name for name in ("label", "split", "sample") if name in rows.columns]
    columns = (rows[name] for name in (*PLACE, *more))
    with atomic_path(path) as partial:
        file = BgzipWriter(partial) if path.suffix == ".gz" else open(partial, "wb")
        with file:
            for (chrom, start, end, *values), bases in zip(
                zip(*columns, strict=True), sequences, strict=True
            ):
                said = "".join(f" {k}={v}" for k, v in zip(more, values, strict=True))
                file.write(f">{chrom}:{start}-{end}{said}\n{bases}\n".encode())
