"""Section on the motifs behind the attributions: what they are called, where they lie, logos."""

from __future__ import annotations

import base64
from pathlib import Path

import pandas as pd

from seformer.report.collect import Motifs, Results
from seformer.report.content import Section, number, table
from seformer.report.use import headed, named
from seformer.util.markup import escape

ROWS = 12
# how often random stretches may match for each time that seqlets do
NEARLY = 0.5
# pictures on the page, shared out over the BED files: each is some 30 kB
MOTIF_LOGOS, REGION_LOGOS = 24, 12
LARGEST = 400_000
PNG = b"\x89PNG\r\n\x1a\n"
ABOUT = (
    "Stretches of high attribution (seqlets), named after the most similar motif of the motif "
    "file; first the motif that carries most attribution. Odds compare seqlets that match it in "
    "regions of SE with those of TE (by label, else by call), and seqlets with random stretches "
    "of the same regions. Good: a few motifs known from this tissue, odds against random "
    "stretches far above 1 with a small q, and an attribution logo that looks like the file's. "
    "Bad: as many matches among random stretches, odds near 1, or repeats of one letter on top, "
    "which is base composition: such names are chance. Motifs of one family look alike, so a "
    "name stands for its family."
)


def section(results: Results) -> Section | None:
    """Draw the section, if any BED has motifs."""
    found = named({s.name: s.motifs for s in results.with_("motifs")})
    if not found:
        return None
    parts = []
    for heading, one in headed(found):
        parts.append(f"{heading}<p>{counts(one)}</p>")
        if len(one.table):
            parts.append(motif_table(one.table))
        for kind, most, what in (
            ("motif", MOTIF_LOGOS, "motif of the file, and attribution of its seqlets"),
            ("region", REGION_LOGOS, "strongest stretch of a region"),
        ):
            parts.append(pictures(one.folder, kind, max(1, most // len(found)), what))
    return Section(
        "explanations",
        "explanations_motifs",
        "Which motifs stand behind the scores?",
        ABOUT,
        "html",
        "".join(parts),
    )


def counts(found: Motifs) -> str:
    """Say how many seqlets match, and how many random stretches do."""
    known = found.summary
    if "seqlets" not in known:
        return f"{number(len(found.table))} motifs have matches."
    drawn = known.get("background", known["seqlets"])
    text = (
        f"{number(known['seqlets'])} seqlets in {number(known['regions'])} regions; "
        f"<b>{number(known['matched'])}</b> match one of {number(known['motifs_in_file'])} motifs "
        f"(q ≤ {known['max_q']:g}), of {'as many' if drawn == known['seqlets'] else number(drawn)} "
        f"random stretches <b>{number(known['background_matched'])}</b>."
    )
    if crossing := known.get("seqlets_across_borders"):
        text += f" {number(crossing)} across borders of regions or unknown bases are not counted."
    missing = [name for name in ("SE", "TE") if known.get(f"regions_{name.lower()}") == 0]
    if missing and known["seqlets"]:
        text += f" No region is {missing[0]}: there are no odds between the classes."
    if not known["matched"]:
        return text + " No motif of the file explains these attributions."
    times = known["background_matched"] / max(1, drawn) / (known["matched"] / known["seqlets"])
    if times > NEARLY:
        often = f"{times:.2g} times as often" if times >= 2 else f"{100 * times:.0f} % as often"
        text += f" Random stretches match {often}: do not trust these names."
    return text


def motif_table(found: pd.DataFrame) -> str:
    """Make the table; where all regions are of one class there is nothing to compare."""
    both = found["se_seqlets"].sum() > 0 and found["te_seqlets"].sum() > 0
    found = found.head(ROWS)
    rows = [
        [
            escape(row.motif),
            _short(row.best_q),
            number(int(row.seqlets)),
            number(int(row.positive)),
            number(int(row.negative)),
            number(int(row.se_seqlets)),
            number(int(row.te_seqlets)),
            _odds(row.odds_se_te, row.q_se_te) if both else "–",
            _odds(row.odds_background, row.q_background),
        ]
        for row in found.itertuples()
    ]
    head = [
        "motif",
        "best q",
        "seqlets",
        "for SE",
        "against SE",
        "in SE",
        "in TE",
        "odds SE to TE",
        "odds to random",
    ]
    return table(head, rows)


def _odds(odds: float, q: float) -> str:
    return "–" if pd.isna(odds) else f"{_short(odds)}<small>q {_short(q)}</small>"


def _short(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.2g}" if abs(value) < 100 else number(round(value))


def pictures(folder: Path, kind: str, most: int, what: str) -> str:
    """Embed the first pictures of a kind (motif or region); no PNG, or a large one, is left out."""
    shown = []
    for path in sorted((folder / "logos").glob(f"{kind}_*.png"))[:most]:
        content = path.read_bytes() if path.stat().st_size <= LARGEST else b""
        if content.startswith(PNG):
            text = base64.b64encode(content).decode()
            shown.append(
                f'<img alt="{escape(f"{what}: {path.stem}")}" src="data:image/png;base64,{text}">'
            )
    wide = " sf-wide" if kind == "region" else ""
    return f'<div class="sf-logos{wide}">{"".join(shown)}</div>' if shown else ""
