"""Genes of regions: those that they overlap, those near them and the nearest, as ROSE names them.

Rules (ROSE_geneMapper): a gene is overlapped where the region shares a base with one of its
transcripts; near where one of its start sites lies within 50 kb of the region; nearest by the
distance of a start site from the middle of the region. That a gene is near does not say that the
region regulates it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome.chromosomes import NAMED, match_names
from seformer.genome.intervals import overlapping, pairs
from seformer.regions.genes import read_genes
from seformer.regions.settings import GeneSettings
from seformer.util.errors import UserError

NEAR = 50_000
OVERLAPPING, NEAR_BY, NEAREST, DISTANCE = (
    *("overlapping_genes", "genes_within_50kb"),
    *("nearest_gene", "nearest_distance"),
)
GENE_COLUMNS = (OVERLAPPING, NEAR_BY, NEAREST, DISTANCE)


def name_with_nearest(names: pd.Series, nearest: pd.Series) -> pd.Series:
    """Put the nearest gene behind the names of regions, for a BED; there need be none."""
    return names.where(nearest.isna(), names + "|" + nearest)


class GeneMap:
    """The genes of a file, for regions whose chromosomes may be called otherwise.

    Attributes
    ----------
    genes
        See `regions.genes.read_genes`.

    Raises
    ------
    UserError
        As `read_genes` does.
    """

    def __init__(self, path: Path, gene_types: Collection[str] = ()) -> None:
        self.path, self.genes = path, read_genes(path, gene_types)
        self._names: dict[str, str] = {}
        self._first = ""

    @classmethod
    def of(cls, settings: GeneSettings) -> GeneMap | None:
        """Read the genes that are asked for, None where none are (`UserError` for types alone)."""
        if settings.gtf is None and settings.gene_types:
            raise UserError(
                "--gene-types is given, but no genes",
                do="give --gtf too, or leave --gene-types out",
            )
        return None if settings.gtf is None else cls(settings.gtf, settings.gene_types)

    def match(self, chromosomes: Iterable[str]) -> dict[str, str]:
        """Return the genes' name of each chromosome of regions that has genes."""
        chromosomes = list(dict.fromkeys(chromosomes))
        self._first = self._first or next(iter(chromosomes), "")
        found = match_names(chromosomes, dict.fromkeys(self.genes["chrom"]))
        self._names.update(found)
        return found

    def require_match(self) -> None:
        """Refuse genes of which none lies on a chromosome of the regions that were asked for."""
        if self._first and not self._names:
            there = ", ".join(list(dict.fromkeys(self.genes["chrom"]))[:NAMED])
            raise UserError(
                f"no gene lies on a chromosome of the regions: they lie on {self._first}, the "
                f"genes on {there}",
                where=self.path,
                expected="genes of the same assembly as the regions",
            )

    def find(self, regions: pd.DataFrame) -> pd.DataFrame:
        """Name the genes of each region; see `find_genes`."""
        names = self.match(regions["chrom"])
        chrom = regions["chrom"].map(lambda name: names.get(name, name))
        return find_genes(regions.assign(chrom=chrom), self.genes)

    def inside(self, regions: pd.DataFrame) -> pd.DataFrame:
        """Return the genes that share a base with any of the regions, each once.

        Columns ``chrom`` (as the regions call it), ``start``, ``end``, ``strand``, ``name``.
        """
        names = {there: here for here, there in self.match(regions["chrom"]).items()}
        genes = self.genes[self.genes["chrom"].isin(names)]
        genes = genes.assign(
            chrom=genes["chrom"].map(names),
            strand=np.where(genes["position"] == genes["start"], "+", "-"),
        )
        own = ["chrom", "gene", "name", "strand"]
        genes = genes.groupby(own, sort=False).agg({"start": "min", "end": "max"}).reset_index()
        hit = overlapping(genes, regions)
        return genes.loc[hit, ["chrom", "start", "end", "strand", "name"]].reset_index(drop=True)


def with_genes(regions: pd.DataFrame, genes: GeneMap | None) -> pd.DataFrame:
    """Return a table of regions with the columns of `find_genes` behind its own, if there are any.

    Raises
    ------
    UserError
        If no gene lies on a chromosome of the regions.
    """
    if genes is None:
        return regions
    found = genes.find(regions)
    genes.require_match()
    return regions.drop(columns=list(GENE_COLUMNS), errors="ignore").join(found)


def find_genes(regions: pd.DataFrame, genes: pd.DataFrame) -> pd.DataFrame:
    """Name the genes of each region.

    Parameters
    ----------
    regions
        ``chrom``, ``start``, ``end`` (0-based half-open).
    genes
        See `regions.genes.read_genes`; chromosomes are called as those of the regions.

    Returns
    -------
    pandas.DataFrame
        ``overlapping_genes`` and ``genes_within_50kb`` (those that are not overlapped), names with
        commas between, by their start sites; ``nearest_gene`` and ``nearest_distance`` (Int64, from
        the middle of the region to the start site, in base pairs), missing where the chromosome has
        no gene. Indexed as the regions.
    """
    regions, index = regions.reset_index(drop=True), regions.index
    names = genes["name"].to_numpy(object)
    overlapped: list[dict[str, None]] = [{} for _ in range(len(regions))]
    near: list[dict[str, None]] = [{} for _ in range(len(regions))]
    for found, targets, reach in (
        (overlapped, genes[["chrom", "start", "end"]], 0),
        (near, genes[["chrom"]].assign(start=genes["position"], end=genes["position"] + 1), NEAR),
    ):
        start, end = (regions["start"] - reach).clip(lower=0), regions["end"] + reach
        wide = regions[["chrom"]].assign(start=start, end=end)
        for row, gene in zip(*pairs(wide, targets), strict=True):
            found[row][names[gene]] = None
    nearest, distance = _nearest(regions, genes)
    return pd.DataFrame(
        {
            OVERLAPPING: [",".join(found) for found in overlapped],
            NEAR_BY: [
                ",".join(name for name in found if name not in inside)
                for found, inside in zip(near, overlapped, strict=True)
            ],
            NEAREST: pd.array([names[i] if i >= 0 else None for i in nearest], dtype="str"),
            DISTANCE: pd.arrays.IntegerArray(distance, nearest < 0),
        },
        index=index,
    )


def _nearest(regions: pd.DataFrame, genes: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row of the nearest start site (-1 without one), of two the left, and its distance."""
    row, distance = np.full(len(regions), -1), np.zeros(len(regions), np.int64)
    middle = ((regions["start"] + regions["end"]) // 2).to_numpy(np.int64)
    for chrom, here in regions.groupby("chrom", sort=False).indices.items():
        rows = np.flatnonzero((genes["chrom"] == chrom).to_numpy())
        if not len(rows):
            continue
        positions = genes["position"].to_numpy()[rows]
        right = np.searchsorted(positions, middle[here])
        left = np.maximum(right - 1, 0)
        right = np.minimum(right, len(rows) - 1)
        gaps = [np.abs(positions[side] - middle[here]) for side in (left, right)]
        chosen = np.where(gaps[0] <= gaps[1], left, right)
        row[here], distance[here] = rows[chosen], np.minimum(*gaps)
    return row, distance
