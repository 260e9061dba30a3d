"""Places that other stages found: seqlets, constituents and variants, for tables and the genome."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from seformer.genome.intervals import overlapping
from seformer.report.draw import signed
from seformer.report.results import SampleResults
from seformer.util.errors import UserError
from seformer.util.tables import NUMBER, WHOLE, as_numbers, is_bed9, read_tsv

AGAIN = "make these results again with the command that wrote them"
COLUMNS = ["chrom", "start", "end", "name"]


def places_in_regions(sample: SampleResults) -> dict[str, pd.DataFrame]:
    """Read constituents and variants that share a base with a region of `Explanations.top`.

    Returns
    -------
    dict
        Kind -> ``chrom``, ``start``, ``end`` (0-based half-open) and ``name``, sorted by place,
        each once; a kind of which none lies there is left out.

    Raises
    ------
    UserError
        If a table is damaged.
    """
    tops = [bed.top["regions"] for bed in sample.explanations.values() if bed.top]
    regions = pd.DataFrame([region for top in tops for region in top], columns=COLUMNS[:3])
    if not len(regions):
        return {}
    places = {}
    for kind, readers in READERS.items():
        tables = [
            read(path)
            for name, read in readers.items()
            for path in sample.tables.get(name, {}).values()
            if path.is_file()
        ]
        kept = [table[overlapping(table, regions)][COLUMNS] for table in tables]
        table = pd.concat(kept) if kept else pd.DataFrame()
        if len(table):
            same = ["chrom", "start", "end"] if kind == "constituents" else COLUMNS
            places[kind] = table.drop_duplicates(same).sort_values(COLUMNS, ignore_index=True)
    return places


def read_sites(folder: Path) -> pd.DataFrame | None:
    """Read the seqlets that match a motif, if they are there."""
    path = folder / "seqlets.tsv"
    columns = ["chrom", "start", "end", "name", "strand", "attribution"]
    numbers = {"start": WHOLE, "end": WHOLE, "attribution": NUMBER}
    if path.is_file():
        needed = ["motif" if name == "name" else name for name in columns]
        table = read_tsv(path, needed, text=["chrom", "motif"], numbers=numbers)
        table = table.rename(columns={"motif": "name"})[columns]
        return table[table["name"].notna()].reset_index(drop=True)
    path = folder / "seqlets.bed"
    if not path.is_file():
        return None
    # before version 1.1 all was in the BED, the attribution behind the first six columns
    if is_bed9(path):  # the table was not copied along
        return None
    table = _read_bed(path, columns, [0, 1, 2, 3, 5, 6], numbers, "table of seqlets")
    return table[table["name"] != "."].reset_index(drop=True)


def _read_dissected(path: Path) -> pd.DataFrame:
    """Constituents that were dissected, with what is lost without each."""
    numbers = {"start": WHOLE, "end": WHOLE, "effect": NUMBER}
    table = read_tsv(path, ["chrom", "name", *numbers], text=["chrom", "name"], numbers=numbers)
    lost = table["effect"].map(lambda e: f" loses {signed(e, plus=False)}", na_action="ignore")
    return table.assign(name=table["name"].fillna("") + lost.fillna(""))


def _read_called(path: Path) -> pd.DataFrame:
    """Constituents of `seformer call`."""
    return _read_bed(
        path, COLUMNS, [*range(4)], dict.fromkeys(COLUMNS[1:3], WHOLE), "BED of constituents"
    )


def _read_bed(
    path: Path, names: list[str], places: list[int], numbers: dict[str, str], what: str
) -> pd.DataFrame:
    """Read columns of a table without a header: their ``names`` and ``places``, from 0."""
    try:
        table = pd.read_csv(
            path,
            sep="\t",
            names=names,
            usecols=places,
            dtype=str,
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"this is not a {what} ({error})", where=path, do=AGAIN) from error
    return as_numbers(table, path, numbers, line=1)


def _read_alleles(path: Path) -> pd.DataFrame:
    """Variants with a score; the place of an insertion is the base before it."""
    texts = ["chrom", "reference", "alternative"]
    numbers = {"position": WHOLE, "difference": NUMBER}
    table = read_tsv(path, [*texts, *numbers], text=[*texts, "id"], numbers=numbers)
    table = table[table["difference"].notna()]
    start = table["position"] - 1
    change = table["difference"].map(signed)
    alleles = table["reference"] + "→" + table["alternative"] + " " + change
    return table.assign(start=start, end=start + table["reference"].str.len(), name=alleles)


READERS = {
    "constituents": {"constituents": _read_dissected, "called": _read_called},
    "variants": {"variants": _read_alleles},
}
