"""Loci: regions that must stay on one side of a split because they are one piece of genome."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from seformer.genome import intervals
from seformer.genome.chromosomes import match
from seformer.regions.negatives import RANDOM
from seformer.util.errors import UserError
from seformer.util.text import MAX_NAME, numbered_lines, open_text

# neighbours within a kilobase are one locus: enhancers are called in pieces
CLUSTER_GAP = 1_000

logger = logging.getLogger(__name__)


def read_clusters(rows: pd.DataFrame, tables: Sequence[str | PathLike[str]]) -> pd.Series:
    """Look up each region's cluster in tables of region (or contig) and cluster.

    Parameters
    ----------
    rows
        Columns ``source_index`` (number of the sample), ``chrom``, ``name``, ``source``,
        ``parent``. What was cut from a region has the region's cluster; random regions need none.
    tables
        No table, one for all samples, or one per sample. Two tab-separated columns: the contig
        or the region's name, and its cluster; a first line ``contig cluster`` (or ``region``,
        ``name``) is a header; an empty cluster is a cluster of its own.

    Returns
    -------
    pandas.Series
        str, "" where a region has none.

    Raises
    ------
    UserError
        If a table is malformed or lacks a region.
    """
    found = pd.Series("", index=rows.index, dtype="str")
    for i, table in enumerate(tables):
        path = Path(table)
        mine = rows[rows["source_index"] == i] if len(tables) > 1 else rows
        clusters = _read_table(path)
        name = mine["name"].where(mine["parent"] == "", mine["name"].str.rpartition("/")[0])
        by_name, contig = name.isin(clusters), mine["chrom"]
        if not by_name.any():
            contig = contig.replace(match(contig.unique(), clusters))
        by_contig = contig.isin(clusters)
        key = name.where(by_name, contig)
        files_of = mine[by_name].groupby(name[by_name])["source"].nunique()
        if (files_of > 1).any():
            logger.warning(
                "%s: %d names, such as %r, are of regions in several files, which it puts into one"
                " cluster each; if that is not meant, give the regions names that differ",
                path,
                (files_of > 1).sum(),
                files_of[files_of > 1].index[0],
            )
        missing = ~(by_name | by_contig | (mine["source"] == RANDOM))
        if missing.any():
            first = mine[missing].iloc[0]
            raise UserError(
                f"neither the region {first['name']!r} nor the contig {first['chrom']!r} is here "
                f"({missing.sum()} of {len(mine)} regions are missing)",
                where=path,
                expected="one line for every region or every contig: its name, a tab, its cluster",
            )
        value = key.map(clusters).fillna("")
        # the same word in two tables need not mean the same cluster
        prefix = f"{i + 1}/" if len(tables) > 1 else ""
        found[mine.index] = (prefix + value).where(value != "", "")
    return found


def _read_table(path: Path) -> dict[str, str]:
    clusters: dict[str, str] = {}
    with open_text(path) as text:
        for number, line in numbered_lines(text, path):
            fields = [field.strip() for field in line.split("\t")]
            if fields == [""] or line.startswith("#"):
                continue
            if number == 1 and fields[0].lower() in ("contig", "region", "name", "chrom"):
                continue
            if len(fields) != 2 or not fields[0]:
                raise UserError(
                    f"{len(fields)} columns",
                    where=path,
                    line=number,
                    expected="two: contig or region name, a tab, its cluster",
                )
            if max(map(len, fields)) > MAX_NAME:
                raise UserError(
                    f"a name is longer than {MAX_NAME} characters", where=path, line=number
                )
            if clusters.setdefault(fields[0], fields[1]) != fields[1]:
                raise UserError(f"{fields[0]} is in two clusters", where=path, line=number)
    if not clusters:
        raise UserError("the table of clusters is empty", where=path)
    return clusters


def name_clusters(rows: pd.DataFrame, groups: pd.Series, gap: int = CLUSTER_GAP) -> np.ndarray:
    """Join what overlaps, lies within ``gap`` bases, or has one group; name each cluster.

    Parameters
    ----------
    rows
        Columns ``chrom``, ``start``, ``end`` (0-based half-open), ``source_index``, ``parent``,
        all samples together. What was cut from one region is one cluster, whatever lies between.
    groups
        str, the cluster of a table, "" = none.

    Returns
    -------
    numpy.ndarray
        str [n]: the first group's name, else the extent ``chrom:start-end``.
    """
    if groups.ne("").any():
        gap = 0  # the table says what belongs together; only true overlaps are added to it
    near = intervals.cluster(rows, gap)
    whole = rows["source_index"].astype(str) + "/" + rows["parent"]
    number = len(rows)
    left, right = [np.arange(number)], [number + near]
    offset = number + near.max(initial=-1) + 1
    for label in (groups.where(groups != "", None), whole.where(rows["parent"] != "", None)):
        group = pd.factorize(label)[0]
        linked = np.flatnonzero(group >= 0)
        left.append(linked)
        right.append(offset + group[linked])
        offset += group.max(initial=-1) + 1
    left, right = np.concatenate(left), np.concatenate(right)
    size = int(right.max(initial=number)) + 1
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    component = connected_components(graph, directed=False)[1][:number]
    table = rows[["chrom", "start", "end"]].assign(component=component, group=groups.to_numpy())
    table = table.sort_values(["chrom", "start", "end"], kind="stable")
    named = table[table["group"] != ""].groupby("component")["group"].first()
    first = table.groupby("component")[["chrom", "start"]].first()
    on_first = table["chrom"] == table["component"].map(first["chrom"])
    end = table[on_first].groupby("component")["end"].max()
    extent = first["chrom"] + ":" + first["start"].astype(str) + "-" + end.astype(str)
    name = named.reindex(extent.index).fillna(extent)
    return name.reindex(component).to_numpy(dtype=object)
