"""Clusters: regions that must stay on one side of a split because they are one piece of genome.

A classifier that has seen a locus in training knows its label; a test on it measures memory. Three
things make regions one locus: they overlap or nearly do, they were cut from one region, or a table
of the user says so (homologous contigs, which have no coordinates in common). Where it is asked
for, so does what they hold in common: near copies, see `seformer.sequence.homology`.
"""

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
from seformer.genome.chromosomes import match_names
from seformer.regions.negatives import RANDOM
from seformer.regions.parts import missing_error
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
    cluster = pd.Series("", index=rows.index, dtype="str")
    for i, table in enumerate(tables):
        path = Path(table)
        regions = rows[rows["source_index"] == i] if len(tables) > 1 else rows
        clusters = _read_table(path)
        # a piece is called after the region it was cut from: name/number
        cut = regions["parent"] != ""
        name = regions["name"].mask(cut, regions["name"].str.rpartition("/")[0])
        by_name, contig = name.isin(clusters), regions["chrom"]
        if not by_name.any():
            contig = contig.replace(match_names(contig.unique(), clusters))
        _warn_of_shared_names(regions.loc[by_name, "source"], name[by_name], path)
        missing = ~(by_name | contig.isin(clusters) | (regions["source"] == RANDOM))
        if missing.any():
            first = regions[missing].iloc[0]
            raise missing_error(
                f"neither the region {first['name']!r} nor the contig {first['chrom']!r} is here",
                missing,
                path,
                "one line for every region or every contig: its name, a tab, its cluster",
            )
        value = name.where(by_name, contig).map(clusters).fillna("")
        # the same word in two tables need not mean the same cluster
        prefix = f"{i + 1}/" if len(tables) > 1 else ""
        cluster[regions.index] = (prefix + value).where(value != "", "")
    return cluster


def _warn_of_shared_names(source: pd.Series, name: pd.Series, path: Path) -> None:
    files = source.groupby(name).nunique()
    shared = files[files > 1]
    if len(shared):
        logger.warning(
            "%s: %d names, such as %r, are of regions in several files, which it puts into one"
            " cluster each; if that is not meant, give the regions names that differ",
            path,
            len(shared),
            shared.index[0],
        )


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


def name_clusters(
    rows: pd.DataFrame, groups: pd.Series, gap: int = CLUSTER_GAP, alike: np.ndarray | None = None
) -> np.ndarray:
    """Join what overlaps, lies within ``gap`` bases, or has one group; name each cluster.

    Parameters
    ----------
    rows
        Columns ``chrom``, ``start``, ``end`` (0-based half-open), ``source_index``, ``parent``,
        all samples together. What was cut from one region is one cluster, whatever lies between.
    groups
        str, the cluster of a table, "" = none.
    alike
        int64 [n]: regions with one number are joined too.

    Returns
    -------
    numpy.ndarray
        str [n]: the first group's name, else the extent ``chrom:start-end``.
    """
    if groups.ne("").any():
        gap = 0  # the table says what belongs together; only true overlaps are added to it
    # being together is transitive: a region may overlap one that shares a group with a third. So
    # regions and all that can join them are the nodes of a graph, and its components are clusters
    number = len(rows)
    whole = rows["source_index"].astype(str) + "/" + rows["parent"]
    joins = pd.DataFrame(
        {
            "near": intervals.cluster(rows, gap),
            "group": groups.where(groups != "").to_numpy(object),
            "whole": whole.where(rows["parent"] != "").to_numpy(object),
            "alike": None if alike is None else alike,
        }
    )
    links = joins.melt(ignore_index=False).dropna()
    joint = number + links.groupby(["variable", "value"], sort=False).ngroup()
    size = int(joint.max()) + 1 if number else 0
    graph = coo_matrix((np.ones(len(links), np.int8), (links.index, joint)), shape=(size, size))
    component = connected_components(graph, directed=False)[1][:number]
    # named for people: by the table, or by where it lies (on the first of its chromosomes)
    table = rows[["chrom", "start", "end"]].assign(component=component, group=groups.to_numpy())
    table = table.sort_values(["chrom", "start", "end"], kind="stable")
    named = table[table["group"] != ""].groupby("component")["group"].first()
    first = table.groupby("component")[["chrom", "start"]].first()
    on_first = table["chrom"] == table["component"].map(first["chrom"])
    end = table[on_first].groupby("component")["end"].max()
    extent = first["chrom"] + ":" + first["start"].astype(str) + "-" + end.astype(str)
    return named.reindex(extent.index).fillna(extent).reindex(component).to_numpy(dtype=object)
