"""The regions with the highest scores, each with a link to its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from seformer.report.content import TEXTS, Section
from seformer.report.draw import counted, headed, html, number, table
from seformer.report.results import Predictions, Results, SampleResults
from seformer.report.sections.explanations_motifs import MATRIX
from seformer.util.markup import escape

ROWS, MOTIFS = 20, 3
# how a name of JASPAR begins; in the BED of version 1.0 without blanks
BEGINNING = re.compile(f"^{MATRIX.pattern}[ _](?=.)")
UCSC = "https://genome.ucsc.edu/cgi-bin/hgTracks"
# whose names UCSC has, of those that `genome.assemblies` tells apart
ASSEMBLIES = ("hg19", "hg38", "mm9", "mm10", "mm39")


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("predictions")
    tables = {
        name if len(samples) == 1 else f"{sample.name} · {name}": _tabulate(bed, sites_of(sample))
        for sample in samples
        for name, bed in sample.predictions.items()
        if bed.top is not None and len(bed.top)
    }
    if tables:
        yield html("predictions_top", headed(tables))


def sites_of(sample: SampleResults) -> dict[str, pd.DataFrame]:
    """Seqlets that match a motif, by chromosome, of all regions that the model explained."""
    sites = [m.sites for m in sample.motifs.values() if m.sites is not None and len(m.sites)]
    if not sites:
        return {}
    return dict(iter(pd.concat(sites, ignore_index=True).drop_duplicates().groupby("chrom")))


def strongest_motifs(sites: pd.DataFrame | None, start: int, end: int) -> str:
    """Name the motifs with most attribution inside a region, the strongest first."""
    if sites is None:
        return ""
    inside = sites[(sites["start"] >= start) & (sites["end"] <= end)]
    weight = inside["attribution"].abs().groupby(inside["name"], sort=True).sum()
    names = weight.sort_values(ascending=False, kind="stable").index[:MOTIFS]
    # of MA0139.2 CTCF the factor
    return ", ".join(dict.fromkeys(BEGINNING.sub("", name) for name in names))


def _tabulate(bed: Predictions, sites: Mapping[str, pd.DataFrame]) -> str:
    """Tabulate the first rows; columns that no row has a word in are left out."""
    heads = TEXTS["predictions_top"]["columns"]
    rows = []
    for row in bed.top.head(ROWS).itertuples():
        rows.append(
            {
                "rank": str(row.rank),
                "locus": locus(row.chrom, row.start, row.end, bed.summary.get("assembly")),
                "name": escape(_text(row, "name")),
                "probability": f"{float(row.probability):.3f}",
                "logit": f"{float(row.logit):.2f}".replace("-", "−"),
                "prediction": escape(row.prediction),
                "set": escape(_text(row, "set")),
                "flags": escape(in_words(_text(row, "flags"))),
                "motifs": escape(strongest_motifs(sites.get(row.chrom), row.start, row.end)),
                "gene": nearest_gene(_text(row, "nearest_gene"), _text(row, "nearest_distance")),
            }
        )
    shown = [name for name in heads if any(row[name] for row in rows)]
    content = table([heads[name] for name in shown], [[row[n] for n in shown] for row in rows], 99)
    return content.replace("sf-table", "sf-table sf-sortable", 1)


def locus(chrom: str, start: int, end: int, assembly: str | None) -> str:
    """A place as browsers count, linked to UCSC where the assembly is one of UCSC's."""
    shown = escape(f"{chrom}:{counted(start, end)}")
    if assembly not in ASSEMBLIES or not str(chrom).removeprefix("chr").isalnum():
        return shown
    place = f"chr{str(chrom).removeprefix('chr')}:{start + 1}-{end}"
    return f'<a href="{UCSC}?db={assembly}&amp;position={place}">{shown}</a>'


def _text(row: tuple, column: str) -> str:
    """A cell as text, empty where there is none."""
    value = getattr(row, column, "")
    return "" if pd.isna(value) else str(value)


def in_words(flags: str) -> str:
    """Say what the flags of a region mean, those that have words."""
    return ", ".join(TEXTS["flags"].get(flag, flag) for flag in flags.split(",") if flag)


def nearest_gene(name: str | None, distance: str | int | None) -> str:
    """A cell with a gene, and below it how far it is; nothing without one."""
    away = "" if distance in (None, "") else f"{number(int(float(distance)))} bp"
    return f"{escape(name)}<small>{away}</small>" if name else ""
