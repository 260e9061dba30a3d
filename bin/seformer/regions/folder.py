"""The extracted folder: what `seformer extract` writes and every later stage reads.

``regions.tsv`` has one row per input row, in input order, with the reason where a row is dropped;
``sequences.fa.gz`` (bgzipped) one record ``chrom:start-end`` per kept row, in the same order.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.bgzf import BgzipWriter
from seformer.util import records, shapes
from seformer.util.errors import UserError
from seformer.util.labels import DROP_REASONS, check_sample_name
from seformer.util.tables import FLOATS, NUMBER, WHOLE, read_tsv, write_tsv_rows
from seformer.util.text import existing_file, open_text


class Column(NamedTuple):
    """A column of ``regions.tsv``: what its cells are read as, and what they mean."""

    kind: str
    meaning: str


# the table of these in docs/output.md is written by scripts/doc_tables.py
COLUMNS = {
    "sample": Column("str", "cell line"),
    "chrom": Column("str", "the region's chromosome, spelled as in the genome"),
    "start": Column(WHOLE, "its first base, counted from 0"),
    "end": Column(WHOLE, "the base behind its last one"),
    "name": Column("str", "its name in the file, else `chrom:start-end`"),
    "label": Column(NUMBER, "1 super-enhancer, 0 typical enhancer, empty without label"),
    "length": Column(WHOLE, "bases"),
    "gc": Column(NUMBER, "share of G and C among A, C, G and T"),
    "n_fraction": Column(NUMBER, "share of N"),
    "signal": Column(
        NUMBER,
        "what it was ranked by, less the control's: of a table that has it; of a window or"
        " constituent that of its region",
    ),
    "line": Column(WHOLE, "line of the file that it comes from"),
    "source": Column("str", "that file; of a region that was drawn from the genome `random`"),
    "parent": Column(
        "str",
        "the region that a window or constituent was cut from (`--unit`); empty for whole regions",
    ),
    "drop_reason": Column("str", "empty if it is used, else why not (below)"),
}
SIGNAL = "signal"
# what later stages add, and read likewise
_KINDS = {name: column.kind for name, column in COLUMNS.items()} | {
    **dict.fromkeys(("cluster", "split", "conflict", "grey_zone"), "str"),
    "fold": NUMBER,
}


@dataclass(frozen=True, eq=False)
class Extracted:
    """An extracted folder.

    Attributes
    ----------
    regions
        Every input row, columns `COLUMNS`; ``label`` Int8 (missing = unlabelled), ``length`` in
        base pairs, ``gc`` and ``n_fraction`` float (missing where no sequence was read),
        ``signal`` float, missing where the file has none (so in folders of 1.0),
        ``parent`` the region that a window or constituent was cut from, "" for whole regions,
        ``drop_reason`` "" for kept rows. ``chrom`` is spelled as in the genome.
    folder
        Where it lies.
    """

    regions: pd.DataFrame
    folder: Path

    @property
    def sample(self) -> str:
        """The sample's name, which must be able to name a folder."""
        name = str(self.regions["sample"].iloc[0]) if len(self.regions) else ""
        return check_sample_name(name, self.folder)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `extract` counted, of this folder or of the one its shard lies in; {} if unknown.

        ``genome`` (``fasta``, ``assembly``, ``fingerprint``, ``contigs``, ``sequences``) says where
        the bases are from, ``read_as`` in which format each region file was read.
        """
        for folder in (self.folder, self.folder.resolve().parent):
            if (folder / "summary.json").is_file():
                return records.read(folder / "summary.json", shapes.Extraction, "extract again")
        return {}

    @property
    def kept(self) -> pd.DataFrame:
        """The rows that have a sequence, in the order of `sequences`, index reset."""
        return self.regions[self.regions["drop_reason"] == ""].reset_index(drop=True)

    def sequences(self, digest: hashlib._Hash | None = None) -> Iterator[str]:
        """Yield the bases (upper case ACGTN) of every kept row in order, one at a time.

        Parameters
        ----------
        digest
            Of `hashlib`; at the end it has seen the bytes of the compressed file.

        Raises
        ------
        UserError
            If the FASTA does not hold exactly the kept rows.
        """
        path = existing_file(self.folder / "sequences.fa.gz")
        kept = self.kept
        records = _fasta_records(path, digest)
        for chrom, start, end in zip(kept["chrom"], kept["start"], kept["end"], strict=True):
            name, bases = next(records, (None, ""))
            if name != f"{chrom}:{start}-{end}" or len(bases) != end - start:
                raise UserError(
                    f"the record {name} stands where regions.tsv has {chrom}:{start}-{end}",
                    where=path,
                    do="extract the regions again",
                )
            yield bases
        if next(records, None) is not None:
            raise UserError("more sequences than kept regions", where=path)


def read_extracted(folder: str | PathLike[str]) -> Extracted:
    """Read an extracted folder (the sequences only when asked for).

    Raises
    ------
    UserError
        If a file is missing or is not what `extract` wrote.
    """
    folder = Path(folder)
    regions = read_region_rows(folder / "regions.tsv", (name for name in COLUMNS if name != SIGNAL))
    if SIGNAL not in regions:
        regions.insert(list(COLUMNS).index(SIGNAL), SIGNAL, np.nan)
    unknown = ~regions["drop_reason"].isin(["", *DROP_REASONS])
    if unknown.any():
        raise UserError(
            f"drop reason {regions.loc[unknown, 'drop_reason'].iloc[0]!r} is unknown",
            where=folder / "regions.tsv",
            line=int(unknown.idxmax()) + 2,
            do="extract the regions again",
        )
    return Extracted(regions, folder)


def read_region_rows(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a table of region rows with the column types of `Extracted.regions`."""
    text = [name for name, kind in _KINDS.items() if kind == "str"]
    numbers = {name: kind for name, kind in _KINDS.items() if kind != "str"}
    table = read_tsv(path, tuple(columns), text=text, numbers=numbers)
    if "label" in table.columns:
        unknown = ~table["label"].isin([0, 1]) & table["label"].notna()
        if unknown.any():
            raise UserError(
                "the label is neither 0 nor 1", where=path, line=int(unknown.idxmax()) + 2
            )
        table["label"] = table["label"].astype("Int8")
    for column in set(text) & set(table.columns):
        table[column] = table[column].fillna("")
    return table


def _fasta_records(path: Path, digest: hashlib._Hash | None) -> Iterator[tuple[str, str]]:
    with open_text(path, digest) as text:
        name, lines = None, []
        for line in text:
            if line.startswith(">"):
                if name is not None:
                    yield name, "".join(lines)
                name, lines = line[1:].rstrip("\n"), []
            else:
                lines.append(line.rstrip("\n"))
        if name is not None:
            yield name, "".join(lines)


class ExtractedWriter:
    """An extracted folder that is being written, rows and sequences together; closes itself."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._table = open(path / "regions.tsv", "w", encoding="utf-8", newline="")
        self._table.write("\t".join(COLUMNS) + "\n")
        # level 1: fourteen times as fast as the default on DNA, a tenth larger
        self._fasta = BgzipWriter(path / "sequences.fa.gz", level=1)

    def __enter__(self) -> ExtractedWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        with self._table:
            self._fasta.__exit__(*error)

    def add(self, rows: pd.DataFrame, sequences: list[str]) -> Counter:
        """Write rows and the bases of the kept ones; count them by reason and class."""
        # a share has six digits; signal is compared with a cut-off that has nine
        signal = rows[SIGNAL].map(FLOATS.__mod__, na_action="ignore")
        rows_text = rows.assign(**{SIGNAL: signal})
        write_tsv_rows(rows_text, self._table, float_format="%.6g")
        kept = rows[rows["drop_reason"] == ""]
        names = kept["chrom"] + ":" + kept["start"].astype(str) + "-" + kept["end"].astype(str)
        records = (f">{name}\n{bases}\n" for name, bases in zip(names, sequences, strict=True))
        self._fasta.write("".join(records).encode())
        count = Counter(rows["drop_reason"])
        count["bases"] = int(kept["length"].sum())
        count["super_enhancers"] = int((kept["label"] == 1).sum())
        count["typical_enhancers"] = int((kept["label"] == 0).sum())
        return count


def in_order(shards: Sequence[str | PathLike[str]]) -> list[Path]:
    """Put the shards of one folder into the order of their numbers; others stay as given.

    Sorted as text, as a shell does it, ``shard_10000`` comes before ``shard_9999``.
    """
    paths = [Path(shard) for shard in shards]
    numbers = [re.search(r"\d+$", path.name) for path in paths]
    if all(numbers) and len({(p.parent, p.name.rstrip("0123456789")) for p in paths}) == 1:
        paths.sort(key=lambda path: int(re.findall(r"\d+$", path.name)[0]))
    return paths


def require_same(values: Mapping[Path, Any], what: str) -> Any:
    """Return what all shards have alike, such as the model that they were scored with.

    Parameters
    ----------
    values
        What each shard says, by its folder; None where it says nothing.
    what
        Its name in the message.

    Raises
    ------
    UserError
        If the shards are not of one computation: what they hold cannot be joined.
    """
    first = next(iter(values.values()), None)
    for folder, value in values.items():
        if value != first:
            raise UserError(
                f"this shard was computed with {what} than the first",
                where=folder,
                do="compute all shards by one command again",
            )
    return first
