"""Motifs behind the attributions: seqlets, their matches in a motif file, and enrichment.

A seqlet is a stretch of bases whose attribution is high as a whole (tangermeme's recursive
seqlets). Its sequence is compared with every motif of a MEME file by Tomtom (Gupta et al., Genome
Biology 2007; memelite's implementation).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import torch
from scipy.stats import fisher_exact

from seformer.motifs.compiled import keep_compiled, load_compiled
from seformer.motifs.meme import motif_file as file_of
from seformer.motifs.meme import read_meme, split_name
from seformer.motifs.settings import MotifSettings
from seformer.motifs.track import Track, gather, soft_one_hot, with_flanks
from seformer.sequence.shuffle import generator
from seformer.util.atomic import output_folder, require_writable
from seformer.util.errors import UserError
from seformer.util.labels import BED_COLOURS, SUPER, TYPICAL
from seformer.util.ranks import false_discovery_rates
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import as_bed9, write_tsv

logger = logging.getLogger(__name__)


def _tools() -> tuple[Callable, Callable]:
    from memelite import tomtom
    from tangermeme import seqlet

    return tomtom, keep_compiled(seqlet).recursive_seqlets


tomtom, recursive_seqlets = load_compiled(_tools)
MAX_SEQLETS = 4_000
# Tomtom compares columns with those of all motifs, so a handful is no background
MIN_MOTIFS = 25
MIN_LENGTH, MAX_LENGTH = 5, 25
OWN_FILES = ("motifs.tsv", "seqlets.bed", "summary.json", "logos/*.png")
MOTIF_COLUMNS = (
    "motif",
    "seqlets",
    "attribution",
    "positive",
    "negative",
    "best_q",
    "se_seqlets",
    "te_seqlets",
    "odds_se_te",
    "q_se_te",
    "background",
    "odds_background",
    "q_background",
    "regions",
    "factor",
    "matrix",
)


@takes(MotifSettings)
def motifs(
    attributions: Sequence[Path], motif_file: Path, out: Path, settings: MotifSettings
) -> None:
    """Find and name the motifs of explained regions.

    ``out`` gets ``motifs.tsv``, ``seqlets.tsv``, the same as ``seqlets.bed`` for browsers (BED9),
    ``logos/*.png`` and ``summary.json``.

    Parameters
    ----------
    attributions
        Folders of `seformer.explain.explain`.
    motif_file
        Motifs in MEME format, at least 25; ``jaspar`` is the collection that comes along.
    threshold
        p-value below which a stretch is a seqlet.
    max_q
        Largest q-value of a match.
    logos
        Pictures of so many motifs and of so many regions.

    Raises
    ------
    UserError
        If a file cannot be used or a tool is not installed.
    """
    require_writable(out, OWN_FILES)
    collection = read_motif_collection(file_of(motif_file))
    track = gather(attributions)
    drawing = _drawing() if settings.logos else None
    with output_folder(out, own=OWN_FILES) as staging:
        seqlets, crossing = find_seqlets(track, settings.threshold)
        background = draw_background(track, seqlets, settings.seed)
        seqlets = name_seqlets(seqlets, track, collection, settings.threads)
        background = name_seqlets(background, track, collection, settings.threads)
        table = count_motifs(seqlets, background, settings.max_q)
        write_tsv(table, staging / "motifs.tsv")
        places = place_seqlets(seqlets, track, settings.max_q)
        write_tsv(places, staging / "seqlets.tsv")
        write_tsv(bed_rows(places), staging / "seqlets.bed", header=False)
        if drawing:
            (staging / "logos").mkdir()
            drawing.draw_motifs(
                table, seqlets, track, collection, staging / "logos", settings.logos, settings.max_q
            )
            drawing.draw_regions(track, staging / "logos", settings.logos)
        record = {
            "regions": track.count(SUPER, TYPICAL),
            "regions_se": track.count(SUPER),
            "regions_te": track.count(TYPICAL),
            "bases": len(track.values),
            "unknown_bases": track.unknown,
            "motifs_in_file": len(collection),
            "seqlets": len(seqlets),
            "seqlets_across_borders": crossing,
            "matched": int((seqlets["q_value"] <= settings.max_q).sum()),
            "background": len(background),
            "background_matched": int((background["q_value"] <= settings.max_q).sum()),
            "max_q": settings.max_q,
            "top": table["motif"].head(20).tolist(),
        }
        write_json(record, staging / "summary.json")
    logger.info(
        "%d seqlets in %d regions, %d match a motif (of %d random stretches %d)",
        *(record[k] for k in ("seqlets", "regions", "matched", "background", "background_matched")),
    )


def _drawing() -> ModuleType:
    """Import matplotlib before any work: it wants a folder that can be written too."""
    try:
        from seformer.motifs import logos
    except OSError as error:
        raise UserError(
            f"matplotlib cannot be started ({error})",
            do="set TMPDIR to a folder that can be written, or give --logos 0",
        ) from error
    return logos


# ------------------------------------------------------------------------- input


def read_motif_collection(path: Path) -> dict[str, np.ndarray]:
    """Read a MEME file: name → probabilities float64 ``[4, width]``.

    Raises
    ------
    UserError
        If it is not a sound MEME file or holds under 25 motifs.
    """
    collection = read_meme(path)
    if len(collection) < MIN_MOTIFS:
        raise UserError(
            f"the file holds {len(collection)} motifs",
            where=path,
            expected=f"MEME format with at least {MIN_MOTIFS} motifs, the background of Tomtom",
            do="give a whole motif collection; jaspar is JASPAR's CORE of vertebrates",
        )
    return collection


# ------------------------------------------------------------------------- seqlets


def find_seqlets(track: Track, threshold: float) -> tuple[pd.DataFrame, int]:
    """Call seqlets of both signs, strongest first, at most `MAX_SEQLETS`.

    Returns
    -------
    seqlets : DataFrame
        ``start`` and ``end`` in the track (0-based half-open), ``attribution`` (their sum),
        ``stretch``, ``region`` and its ``class``. None crosses a stretch's border.
    crossing : int
        How many did, at the border of a region or at N, and are left out.
    """
    each = [pd.DataFrame({"start": [], "end": [], "attribution": []})]
    if len(track.values) > MAX_LENGTH and np.ptp(track.values) > 0:
        for sign in (1, -1):
            values = torch.from_numpy(sign * track.values)[None]
            called = recursive_seqlets(
                values, threshold=threshold, min_seqlet_len=MIN_LENGTH, max_seqlet_len=MAX_LENGTH
            )
            each.append(called[each[0].columns].assign(attribution=sign * called["attribution"]))
    seqlets = pd.concat(each[1:] or each, ignore_index=True)
    seqlets = seqlets.astype({"start": np.int64, "end": np.int64})
    first, last = track.stretch_of(seqlets["start"]), track.stretch_of(seqlets["end"] - 1)
    regions = track.regions[["region", "class"]].iloc[first].set_index(seqlets.index)
    seqlets = seqlets.assign(stretch=first).join(regions)[first == last]
    order = np.argsort(-seqlets["attribution"].abs().to_numpy(), kind="stable")
    if crossing := int((first != last).sum()):
        logger.info("%d seqlets across the border of a region or at N are left out", crossing)
    if len(order) > MAX_SEQLETS:
        logger.info("the strongest %d of %d seqlets are used", MAX_SEQLETS, len(order))
    return seqlets.iloc[order[:MAX_SEQLETS]].reset_index(drop=True), crossing


def draw_background(track: Track, seqlets: pd.DataFrame, seed: int) -> pd.DataFrame:
    """For each seqlet a random stretch of the same length in the same region, off all seqlets.

    So the background has the seqlets' own lengths and the composition of their regions. Where a
    region has no room a seqlet goes without.
    """
    taken = np.zeros(len(track.values) + 1, dtype=np.int64)
    for start, end in zip(seqlets["start"], seqlets["end"], strict=True):
        taken[start + 1 : end + 1] = 1
    taken = np.cumsum(taken)
    region = track.regions["region"].to_numpy()
    bounds = track.offsets[
        np.searchsorted(region, np.arange(region.max(initial=-1) + 2), side="left")
    ]
    random, rows = generator("motif background", seed), []
    for row in seqlets.itertuples():
        width = row.end - row.start
        begin, stop = bounds[row.region], bounds[row.region + 1] - width
        for _ in range(20):
            start = int(random.integers(begin, stop + 1))
            at = int(np.searchsorted(track.offsets, start, side="right")) - 1
            if taken[start + width] == taken[start] and start + width <= track.offsets[at + 1]:
                rows.append((start, start + width, 0.0, at, row.region))
                break
    table = pd.DataFrame(rows, columns=["start", "end", "attribution", "stretch", "region"])
    return table.astype(dict.fromkeys(("start", "end", "stretch", "region"), np.int64))


def name_seqlets(
    seqlets: pd.DataFrame, track: Track, collection: dict[str, np.ndarray], threads: int
) -> pd.DataFrame:
    """Find the most similar motif of each seqlet.

    Adds ``motif``, ``strand``, ``p_value`` (of the best motif, corrected for their number by
    Šidák) and ``q_value`` (Benjamini and Hochberg over the seqlets).
    """
    if not len(seqlets):
        return seqlets.assign(motif="", strand=".", p_value=1.0, q_value=1.0)
    stretches = [
        track.sequence[slice(*with_flanks(track, row.start, row.end, row.stretch))]
        for row in seqlets.itertuples()
    ]
    distinct = sorted(set(stretches))
    p, _, _, _, strand, index = tomtom(
        [soft_one_hot(text) for text in distinct],
        list(collection.values()),
        n_nearest=1,
        n_jobs=threads,
    )
    rows = np.searchsorted(distinct, stretches)
    best = np.clip(p[rows, 0], 0, 1)
    corrected = -np.expm1(len(collection) * np.log1p(-np.minimum(best, 1 - 1e-16)))
    return seqlets.assign(
        motif=np.array(list(collection), object)[index[rows, 0].astype(int)],
        strand=np.where(strand[rows, 0] > 0, "-", "+"),
        p_value=corrected,
        q_value=false_discovery_rates(corrected),
    )


# ------------------------------------------------------------------------- tables


def count_motifs(seqlets: pd.DataFrame, background: pd.DataFrame, max_q: float) -> pd.DataFrame:
    """Count matches of each motif, in SE against TE regions and against the background.

    Odds ratios have half a count added (Haldane); their q-values are of Fisher's exact test,
    Benjamini and Hochberg over the motifs; both are missing where all seqlets are of one class.
    Motifs stand in the order of their summed absolute attribution.
    """
    chance = background.loc[background["q_value"] <= max_q, "motif"].value_counts()
    se_total, te_total = ((seqlets["class"] == name).sum() for name in (SUPER, TYPICAL))
    rows = []
    for name, group in seqlets[seqlets["q_value"] <= max_q].groupby("motif", sort=True):
        values, drawn = group["attribution"], chance.get(name, 0)
        se, te = ((group["class"] == name).sum() for name in (SUPER, TYPICAL))
        first = name, len(group), values.sum(), (values > 0).sum(), (values < 0).sum()
        by_class = se, te, *_enrichment(se, se_total, te, te_total)
        by_chance = drawn, *_enrichment(len(group), len(seqlets), drawn, len(background))
        last = group["region"].nunique(), *split_name(name), values.abs().sum()
        rows.append((*first, group["q_value"].min(), *by_class, *by_chance, *last))
    table = pd.DataFrame(rows, columns=[*MOTIF_COLUMNS, "weight"])
    for column in ("q_se_te", "q_background"):
        table[column] = false_discovery_rates(table[column])
    table = table.sort_values("weight", ascending=False, kind="stable", ignore_index=True)
    return table[list(MOTIF_COLUMNS)]


def _enrichment(hits: int, total: int, other_hits: int, other_total: int) -> tuple[float, float]:
    """Odds ratio with half counts, and the two-sided p-value of Fisher's exact test.

    Both are NaN where there is nothing on one side to compare with.
    """
    if not (total and other_total):
        return np.nan, np.nan
    table = np.array([[hits, total - hits], [other_hits, other_total - other_hits]], dtype=float)
    (a, b), (c, d) = table + 0.5
    return float(a * d / (b * c)), float(fisher_exact(table.astype(int)).pvalue)


def place_seqlets(seqlets: pd.DataFrame, track: Track, max_q: float) -> pd.DataFrame:
    """Seqlets along the genome, ``motif`` and ``strand`` empty where none matches.

    Columns ``chrom``, ``start``, ``end`` (0-based half-open), ``motif`` (as in the motif file),
    ``strand``, ``attribution``, ``q_value``, and of their region ``class`` and ``region`` (name).
    """
    regions = track.regions.iloc[seqlets["stretch"]]
    shift = regions["start"].to_numpy() - track.offsets[seqlets["stretch"]]
    named = seqlets["q_value"] <= max_q
    table = pd.DataFrame(
        {
            "chrom": regions["chrom"].to_numpy(),
            "start": seqlets["start"] + shift,
            "end": seqlets["end"] + shift,
            "motif": seqlets["motif"].where(named, ""),
            "strand": seqlets["strand"].where(named, ""),
            "attribution": seqlets["attribution"],
            "q_value": seqlets["q_value"],
            "class": seqlets["class"],
            "region": regions["name"].to_numpy(),
        }
    )
    return table.sort_values(["chrom", "start", "end"], kind="stable", ignore_index=True)


def bed_rows(places: pd.DataFrame) -> pd.DataFrame:
    """Seqlets (see `place_seqlets`) as BED9, for genome browsers.

    The name is that of the motif, or ``.``; the score is 1000 for the largest absolute attribution;
    the colour is that of the class which the seqlet speaks for.
    """
    strength = places["attribution"].abs()
    rows = places[["chrom", "start", "end"]].assign(
        # a blank ends a name in some browsers
        name=places["motif"].str.replace(r"\s+", "_", regex=True).replace("", "."),
        score=(1000 * strength / strength.max()).fillna(0).round().astype(int),
        strand=places["strand"].replace("", "."),
    )
    speaks_for = np.where(places["attribution"] > 0, SUPER, TYPICAL)
    return as_bed9(rows, pd.Series(speaks_for, rows.index).map(BED_COLOURS))
