"""Where genes lie and begin, from GTF, GFF3, or a BED of transcription start sites.

Followed: GTF 2.2 and GFF3 as GENCODE, Ensembl, NCBI and UCSC write them (starts count from 1, both
ends belong to a feature).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from seformer.regions.formats import gff_attributes, whole
from seformer.regions.read import read_regions
from seformer.util.errors import UserError
from seformer.util.text import numbered_lines, open_text

TRANSCRIPTS = {"transcript", "mRNA", "ncRNA", "lnc_RNA", "lncRNA"}
GENES = {"gene", "pseudogene", "ncRNA_gene"}
NAMED = 8  # types of genes that a message names
EXPECTED = "a GTF or GFF3 of genes, or a BED of transcription start sites with strands"


class Feature(NamedTuple):
    """A gene or a transcript: 0-based half-open, with what its file says of it."""

    chrom: str
    start: int
    end: int
    strand: str
    gene: str
    name: str
    kind: str


def read_genes(path: Path, gene_types: Collection[str] = ()) -> pd.DataFrame:
    """Read where genes lie and where they begin: transcripts, or genes without any.

    Of a BED a row is a gene or a start site: with a strand its 5' end is the site, without one it
    must be of one base. Of a GTF that has exons alone, those of one transcript are taken together.

    Parameters
    ----------
    gene_types
        Only genes of these types (``gene_type``, ``gene_biotype``); all where it is empty.

    Returns
    -------
    pandas.DataFrame
        A row for each transcript: ``chrom``, ``start``, ``end`` (int64, 0-based half-open),
        ``position`` (of its start site, int64, 0-based), ``gene`` (what tells genes apart) and
        ``name``, sorted by chromosome, position and gene.

    Raises
    ------
    UserError
        If there is no gene, none of these types, or a line is not what it must be.
    """
    features = _read_gff(path, gene_types) if _is_gff(path) else _read_bed(path, gene_types)
    table = pd.DataFrame(features, columns=Feature._fields)
    forward = table["strand"] != "-"
    table["position"] = table["start"].where(forward, table["end"] - 1).astype("int64")
    columns = ["chrom", "start", "end", "position", "gene", "name"]
    return table[columns].sort_values(["chrom", "position", "gene"], ignore_index=True)


def _is_gff(path: Path) -> bool:
    with open_text(path) as text:
        for _, line in numbered_lines(text, path):
            if line.strip() and not line.startswith(("#", "track", "browser")):
                cells = line.split("\t")
                _refuse_gene_pred(cells, path)
                return len(cells) >= 8 and whole(cells[3]) and whole(cells[4])
    raise UserError("there is no gene in it", where=path, expected=EXPECTED)


def _refuse_gene_pred(cells: list[str], path: Path) -> None:
    """Tables of UCSC, as in ROSE's annotation folder: (bin), name, chromosome, strand, places."""
    for place in (2, 3):
        if cells[place : place + 1] in (["+"], ["-"]) and all(map(whole, cells[place + 1 :][:4])):
            raise UserError(
                "this is a table of genes as UCSC and ROSE have them (genePred)",
                where=path,
                expected=EXPECTED,
                do="take a GTF of the same assembly, or make one with UCSC's genePredToGtf",
            )


# ------------------------------------------------------------------------- GTF, GFF3


def _read_gff(path: Path, gene_types: Collection[str]) -> list[Feature]:
    """Transcripts, and genes that have none; where there is neither, exons by transcript."""
    genes: dict[str, Feature] = {}
    transcripts: list[Feature] = []
    exons: dict[tuple[str, str], Feature] = {}
    for what, feature, transcript in _gff_features(path):
        if what in GENES:
            genes.setdefault(feature.gene, feature)
        elif what in TRANSCRIPTS:
            transcripts.append(feature)
        elif not genes and not transcripts:
            place = feature.chrom, transcript
            before = exons.get(place, feature)
            exons[place] = feature._replace(
                start=min(before.start, feature.start), end=max(before.end, feature.end)
            )
    with_transcripts = {feature.gene for feature in transcripts}
    features = [_as_its_gene(feature, genes) for feature in transcripts]
    features += [gene for key, gene in genes.items() if key not in with_transcripts]
    features = features or list(exons.values())
    if not features:
        raise UserError("there is no gene, transcript or exon in it", where=path, expected=EXPECTED)
    if not gene_types:
        return features
    chosen = [feature for feature in features if feature.kind in gene_types]
    if not chosen:
        kinds = sorted({feature.kind for feature in features} - {""})
        raise UserError(
            f"no gene is of the type {' or '.join(gene_types)}",
            where=path,
            expected=f"of those there: {', '.join(kinds[:NAMED])}"
            if kinds
            else "genes with gene_type or gene_biotype",
            do="give --gene-types (in the pipeline --gene_types) as the file has them, or none",
        )
    return chosen


def _as_its_gene(feature: Feature, genes: dict[str, Feature]) -> Feature:
    """In GFF3 the gene's own row says its name and type."""
    gene = genes.get(feature.gene)
    return feature if gene is None else feature._replace(name=gene.name, kind=gene.kind)


def _gff_features(path: Path) -> Iterator[tuple[str, Feature, str]]:
    """Yield genes, transcripts and exons: what it is, the feature, its transcript's name."""
    wanted = GENES | TRANSCRIPTS | {"exon"}
    with open_text(path) as text:
        for number, line in numbered_lines(text, path):
            if line.startswith("##FASTA"):
                return
            if not line.strip() or line.startswith(("#", "track", "browser")):
                continue
            cells = line.split("\t")
            if len(cells) < 8:
                raise UserError(
                    f"{len(cells)} columns", where=path, line=number, expected="9, with tabs"
                )
            if cells[2] not in wanted:
                continue
            if not (whole(cells[3]) and whole(cells[4])) or not 1 <= int(cells[3]) <= int(cells[4]):
                raise UserError(
                    f"start {cells[3][:40]!r} and end {cells[4][:40]!r}",
                    where=path,
                    line=number,
                    expected="whole numbers, 1 <= start <= end, as in GTF and GFF3",
                )
            said, gff3 = gff_attributes(cells[8] if len(cells) > 8 else "")
            yield cells[2], *_feature(cells, said, gff3)


def _feature(cells: list[str], said: dict[str, str], gff3: bool) -> tuple[Feature, str]:
    """Make a feature of a line; GFF3 links transcripts to genes by ID and Parent."""
    start, end = int(cells[3]) - 1, int(cells[4])
    own = said.get("ID") if gff3 else None
    transcript = said.get("transcript_id") or said.get("Parent") or f"{cells[0]}:{start}-{end}"
    above = own if cells[2] in GENES else said.get("Parent")
    gene = (above if gff3 else None) or said.get("gene_id") or said.get("gene") or transcript
    name = said.get("gene_name") or said.get("gene")
    if name is None and cells[2] in GENES:
        name = said.get("Name")
    kind = next((said[key] for key in ("gene_type", "gene_biotype", "biotype") if key in said), "")
    # a version is not part of what a gene is called: ENSG00000141510.18
    plain = re.sub(r"^(ENS[A-Z]*G\d{11})\.\d+", r"\1", name or gene)
    return Feature(cells[0], start, end, cells[6], gene, plain, kind), transcript


# ------------------------------------------------------------------------- BED


def _read_bed(path: Path, gene_types: Collection[str]) -> list[Feature]:
    if gene_types:
        raise UserError(
            "a BED does not say the types of its genes",
            where=path,
            do="leave --gene-types (in the pipeline --gene_types) out, or give a GTF",
        )
    table = read_regions(path, labels=False, own=lambda names: [*_columns_of_genes(names).values()])
    rows, column = table.regions, _columns_of_genes([*table.cells])
    strand = table.own[column["strand"]] if "strand" in column else pd.Series([""] * len(rows))
    if strand.eq("-1").any():  # of Ensembl's tables; alone a 1 may be HOMER's minus
        strand = strand.replace({"1": "+", "-1": "-"})
    unknown = ~strand.isin(["+", "-"]) & (rows["end"] - rows["start"] > 1)
    if unknown.any():
        first = rows[unknown.to_numpy()].iloc[0]
        raise UserError(
            f"{first['chrom']}:{first['start']}-{first['end']} has no strand: which end the gene "
            "begins at is not known",
            where=path,
            line=int(first["line"]),
            expected="rows of one base, or + or - in column 6 or in a column strand",
        )
    columns = (rows[c] for c in ("chrom", "start", "end"))
    names = rows["name"]
    if "name" in column:
        own = table.own[column["name"]].str.strip()
        names = own.where(own != "", names)
    return [
        Feature(*place, name, name, "")
        for *place, name in zip(*columns, strand, names, strict=True)
    ]


def _columns_of_genes(names: Sequence[str]) -> dict[str, str]:
    """Which column holds the strand and, of a table of Ensembl's BioMart, the gene's name."""
    words = {name.lower(): name for name in reversed(names)}
    found = {"strand": words.get("strand"), "name": words.get("gene name")}
    return {meaning: name for meaning, name in found.items() if name is not None}
