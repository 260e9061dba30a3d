"""The regions with the highest scores on the genome, base by base: igv.js, all data in the page."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from seformer.explain.top_regions import MOST_BASES
from seformer.genome.intervals import cluster, overlapping
from seformer.report.content import FOLDER, TEXTS, Section, say
from seformer.report.draw import (
    BLACK,
    GREEN,
    GREY,
    PINK,
    SUPER,
    TYPICAL,
    counted,
    html,
    number,
    signed,
    table,
)
from seformer.report.results import Results, SampleResults
from seformer.report.sections.predictions_top import (
    BEGINNING,
    in_words,
    nearest_gene,
    sites_of,
    strongest_motifs,
)
from seformer.util.markup import escape, plain

# letters have colours that no class has
BASES = {"A": GREEN, "C": "#6A3D9A", "G": "#8A6D00", "T": PINK, "N": GREY}
TRACKS = {
    "windows": GREY,
    "motifs": BLACK,
    "constituents": GREEN,
    "variants": PINK,
    "genes": "#444444",
}
PLACE = ["chrom", "start", "end"]


@dataclass
class Shown:
    """One explained BED: the regions of its top.json that the page has room for, best first."""

    name: str
    bed: str
    sample: SampleResults
    regions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def top(self) -> dict[str, Any]:
        return self.sample.explanations[self.bed].top or {}

    @property
    def left_out(self) -> int:
        return self.top["explained"] - len(self.regions)


def sections(results: Results) -> Iterator[Section]:
    samples = results.with_("explanations")
    sets = [
        Shown(bed if len(samples) == 1 else f"{sample.name} · {bed}", bed, sample)
        for sample in samples
        for bed, explained in sample.explanations.items()
        if explained.top is not None and explained.top["regions"]
    ]
    share_out(sets, MOST_BASES)
    sets = [shown for shown in sets if shown.regions]
    if not sets:
        return
    texts = "explanations_genome"
    counts = [
        f"{number(shown.left_out)} of {number(shown.top['explained'])} regions of "
        f"{escape(shown.name)}"
        for shown in sets
        if shown.left_out
    ]
    left_out = say(texts, "left_out", counts=", ".join(counts)) if counts else ""
    failed = escape(say(texts, "failed"))
    page = (
        f'<div class="sf-genome-list">{_tabulate(sets)}</div>'
        '<p><b id="sf-genome-where" aria-live="polite"></b></p>'
        f'<div id="sf-genome" class="sf-genome" data-failed="{failed}"></div>'
        f"{_packed('sf-igv-code', _code('igv.min.js'))}"
        f"{_packed('sf-genome-data', json.dumps(view_of(sets), allow_nan=False))}"
        f"<script>{_code('genome.js')}</script>"
    )
    yield html(texts, page, left_out=left_out)


def share_out(sets: Sequence[Shown], bases: int) -> None:
    """Give the page's room to the best regions of every BED in turn."""
    for rank in range(max((len(shown.top["regions"]) for shown in sets), default=0)):
        for shown in sets:
            region = dict(enumerate(shown.top["regions"])).get(rank)
            if region is not None and len(region["bases"]) <= bases:
                shown.regions.append(region)
                bases -= len(region["bases"])


def view_of(sets: Sequence[Shown]) -> dict[str, Any]:
    """All that ``genome.js`` draws; names are harmless, places 0-based half-open."""
    regions = [region for shown in sets for region in shown.regions]
    lengths = {name: size for shown in sets for name, size in shown.top["chromosomes"].items()}
    features = [_features(shown) for shown in sets]
    used = [kind for kind in TRACKS if any(places[kind] for places in features)]
    return {
        "colours": {"SE": SUPER, "TE": TYPICAL, "bases": BASES},
        "chromosomes": {_bare(name): size for name, size in lengths.items()},
        "sequences": [[_bare(chrom), *rest] for chrom, *rest in join_sequences(regions)],
        "tracks": [
            {
                "kind": kind,
                "name": TEXTS["explanations_genome"]["tracks"][kind],
                "color": TRACKS[kind],
            }
            for kind in used
        ],
        "sets": [
            {
                "regions": [
                    {
                        "chrom": _bare(region["chrom"]),
                        **{key: region[key] for key in ("start", "end", "values")},
                    }
                    for region in shown.regions
                ],
                "tracks": {kind: places[kind] for kind in used},
            }
            for shown, places in zip(sets, features, strict=True)
        ],
    }


def join_sequences(regions: Sequence[dict[str, Any]]) -> list[tuple[str, int, str]]:
    """Chromosome, start and bases of the stretches that the regions cover, along the genome."""
    group = cluster(pd.DataFrame(regions)[PLACE])
    stretches: dict[int, list[dict[str, Any]]] = {}
    for number_, region in zip(group.tolist(), regions, strict=True):
        stretches.setdefault(number_, []).append(region)
    joined = []
    for _, members in sorted(stretches.items()):
        members.sort(key=lambda region: region["start"])
        first, bases = members[0]["start"], ""
        for region in members:
            bases += region["bases"][max(0, first + len(bases) - region["start"]) :]
        joined.append((members[0]["chrom"], first, bases))
    return joined


def _features(shown: Shown) -> dict[str, list[list[Any]]]:
    """Of each track what lies in the regions: chromosome, start, end, name, strand."""
    sample, top = shown.sample, shown.top
    motifs = sample.motifs.get(shown.bed)
    sites = motifs.sites if motifs is not None else None
    if sites is not None:
        sites = sites.assign(name=[BEGINNING.sub("", name) for name in sites["name"]])
    windows = [
        window | {"name": f"{window['window']} of {window['windows']}: {_change(window)}"}
        for window in top["windows"]
    ]
    tables = {
        "windows": pd.DataFrame(windows),
        "motifs": sites,
        "genes": pd.DataFrame(top["genes"]),
        **sample.places,
    }
    regions = pd.DataFrame(shown.regions)[PLACE]
    return {kind: _rows(tables.get(kind), regions) for kind in TRACKS}


def _change(window: dict[str, Any]) -> str:
    change = window["difference"]
    return "" if change is None else signed(change)


def _rows(places: pd.DataFrame | None, regions: pd.DataFrame) -> list[list[Any]]:
    if places is None or not len(places):
        return []
    inside = places[overlapping(places, regions)]
    strand = inside["strand"] if "strand" in inside else pd.Series(".", inside.index)
    strand = strand.where(strand.isin(["+", "-"]), ".")
    columns = (inside[column].tolist() for column in (*PLACE, "name"))
    return [
        [_bare(chrom), start, end, plain(name), mark]
        for chrom, start, end, name, mark in zip(*columns, strand, strict=True)
    ]


def _bare(chrom: str) -> str:
    """A chromosome's name as igv.js can read it in a place: HLA's have colons."""
    return re.sub(r"[^\w.-]", "_", chrom)


def _tabulate(sets: Sequence[Shown]) -> str:
    """List the regions; columns that no row has a word in are left out."""
    heads = TEXTS["explanations_genome"]["columns"]
    rows, marks = [], []
    for i, shown in enumerate(sets):
        sites = sites_of(shown.sample)
        for rank, region in enumerate(shown.regions):
            chrom, start, end = (region[key] for key in PLACE)
            place = escape(f"{chrom}:{counted(start, end)}")
            motifs = strongest_motifs(sites.get(chrom), start, end)
            name = region["name"] if region["name"] not in (".", "nan") else ""
            rows.append(
                {
                    "rank": str(rank + 1),
                    "set": escape(shown.name) if len(sets) > 1 else "",
                    "locus": f'<button type="button" class="sf-place">{place}</button>',
                    "name": escape(name),
                    "logit": f"{region['logit']:.2f}".replace("-", "−"),
                    "prediction": escape(region["prediction"]),
                    "gene": nearest_gene(
                        region.get("nearest_gene"), region.get("nearest_distance")
                    ),
                    "motifs": escape(motifs),
                    "flags": escape(in_words(region["flags"])),
                    "bases": '<button type="button" class="sf-bases">bases</button>',
                }
            )
            marks.append(f'<tr data-set="{i}" data-region="{rank}">')
    kept = [name for name in heads if any(row[name] for row in rows)]
    content = table([heads[name] for name in kept], [[row[n] for n in kept] for row in rows], 99)
    head, *body = content.replace("sf-table", "sf-table sf-sortable", 1).split("<tr><td>")
    return head + "".join(f"{mark}<td>{row}" for mark, row in zip(marks, body, strict=True))


def _code(name: str) -> str:
    return FOLDER.joinpath(name).read_text(encoding="utf-8")


@lru_cache(2)
def _packed(id: str, text: str) -> str:
    """Text as part of the page, gzipped: no byte of it is read as HTML."""
    packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
    return f'<script type="text/plain" id="{id}">{packed}</script>'
