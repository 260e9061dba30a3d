"""The motifs behind the attributions: what they are called, where they lie, logos."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from seformer.evaluation.verdict import percent
from seformer.report.content import TEXTS, Section, say
from seformer.report.draw import headed, html, number, table
from seformer.report.results import Motifs, Results
from seformer.util.markup import escape

ROWS = 12
# how often random stretches may match for each time that seqlets do
NEARLY = 0.5
# what the pictures of a kind show, and how many are on the page, shared out over the BED files:
# each is some 30 kB
LOGOS = {
    "motif": (24, "motif of the file, and attribution of its seqlets"),
    "region": (12, "strongest stretch of a region"),
}
LARGEST = 400_000
# what stands in a link has to be this
MATRIX = re.compile(r"(MA|UN)\d{4}\.\d+")
PNG = b"\x89PNG\r\n\x1a\n"


def sections(results: Results) -> Iterator[Section]:
    beds = results.by_bed("motifs")
    parts = {
        name: f"<p>{count_matches(bed)}</p>"
        + (motif_table(bed, max(1, LOGOS["motif"][0] // len(beds))) if len(bed.table) else "")
        + gallery(bed.folder, max(1, LOGOS["region"][0] // len(beds)))
        for name, bed in beds.items()
    }
    if parts:
        yield html("explanations_motifs", headed(parts))


def count_matches(bed: Motifs) -> str:
    """Say how many seqlets match, and how many random stretches do."""
    counts, texts = bed.summary, "explanations_motifs"
    if "seqlets" not in counts:
        return say(texts, "rows", rows=number(len(bed.table)))
    seqlets, matched = counts["seqlets"], counts["matched"]
    drawn = counts.get("background", seqlets)
    text = say(
        texts,
        "matches",
        seqlets=number(seqlets),
        regions=number(counts["regions"]),
        matched=number(matched),
        motifs=number(counts["motifs_in_file"]),
        q=counts["max_q"],
        drawn="as many" if drawn == seqlets else number(drawn),
        random=number(counts["background_matched"]),
    )
    if crossing := counts.get("seqlets_across_borders"):
        text += say(texts, "crossing", crossing=number(crossing))
    missing = [name for name in ("SE", "TE") if counts.get(f"regions_{name.lower()}") == 0]
    if missing and seqlets:
        text += say(texts, "one_class", missing=missing[0])
    if not matched:
        return text + say(texts, "no_match")
    times = counts["background_matched"] / max(1, drawn) / (matched / seqlets)
    if times > NEARLY:
        often = f"{times:.2g} times as often" if times >= 2 else f"{100 * times:.0f} % as often"
        text += say(texts, "chance", often=often)
    return text


def motif_table(bed: Motifs, most: int) -> str:
    """Make the table, the first ``most`` rows with their logos.

    Where all regions are of one class there is nothing to compare.
    """
    motifs = bed.table
    drawn = {int(path.name[6:8]): path for path in pictures(bed.folder, "motif")[:most]}
    both = motifs["se_seqlets"].sum() > 0 and motifs["te_seqlets"].sum() > 0
    rows = [
        [
            embed(drawn[rank], "motif") if rank in drawn else "",
            _named(row.factor, row.matrix),
            _of_regions(row.regions, bed.summary.get("regions")),
            _short(row.best_q),
            *(
                number(int(count))
                for count in (
                    row.seqlets,
                    row.positive,
                    row.negative,
                    row.se_seqlets,
                    row.te_seqlets,
                )
            ),
            _odds(row.odds_se_te, row.q_se_te) if both else "–",
            _odds(row.odds_background, row.q_background),
        ]
        for rank, row in enumerate(motifs.head(ROWS).itertuples(), 1)
    ]
    return table(TEXTS["explanations_motifs"]["head"], rows, numeric=2)


def _named(factor: str, matrix: str | float) -> str:
    """The factor, and below it the matrix, which JASPAR has a page of."""
    if pd.isna(matrix) or not MATRIX.fullmatch(str(matrix)):
        return f"<b>{escape(factor)}</b>"
    place = f"https://jaspar.elixir.no/matrix/{matrix}"
    return f'<b>{escape(factor)}</b><small><a href="{place}">{matrix}</a></small>'


def _of_regions(regions: float, total: int | None) -> str:
    return "–" if pd.isna(regions) or not total else percent(regions, total)


def _odds(odds: float, q: float) -> str:
    return "–" if pd.isna(odds) else f"{_short(odds)}<small>q {_short(q)}</small>"


def _short(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2g}" if abs(value) < 100 else number(round(value))


def pictures(folder: Path, kind: str) -> list[Path]:
    """The pictures of a kind (motif or region), in order; no PNG, or a large one, is left out."""
    return [
        path
        for path in sorted((folder / "logos").glob(f"{kind}_[0-9][0-9]_*.png"))
        if path.stat().st_size <= LARGEST and path.read_bytes().startswith(PNG)
    ]


def embed(path: Path, kind: str) -> str:
    """A picture as part of the page."""
    text = base64.b64encode(path.read_bytes()).decode()
    title = escape(f"{LOGOS[kind][1]}: {path.stem}")
    return f'<img class="sf-logo" alt="{title}" src="data:image/png;base64,{text}">'


def gallery(folder: Path, most: int) -> str:
    """Embed the first pictures of regions."""
    shown = "".join(embed(path, "region") for path in pictures(folder, "region")[:most])
    return f'<div class="sf-logos sf-wide">{shown}</div>' if shown else ""
