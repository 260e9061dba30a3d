"""Files of a dissection: constituents and pairs as tables, a BED coloured by rank, the summary."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.explain.dissection import Dissection, PairEffect, empirical_p
from seformer.util.labels import COLOURS, SUPER, TYPICAL
from seformer.util.ranks import false_discovery_rates
from seformer.util.records import write_json
from seformer.util.tables import as_bed9, write_tsv

TABLE_FILE, PAIRS_FILE, BED_FILE, SUMMARY_FILE = (
    *("constituents.tsv", "pairs.tsv"),
    *("constituents.bed", "summary.json"),
)
OWN_FILES = (TABLE_FILE, PAIRS_FILE, BED_FILE, SUMMARY_FILE)
# flags of a constituent
CLIPPED, OVERLAPS, TOO_FEW_BASES, NO_ROOM = (
    *("clipped", "overlaps_another"),
    *("too_few_bases", "no_room"),
)
REGION = ("region_start", "region_end", "region_name")
COLUMNS = (
    *("chrom", "start", "end", "name", "length", *REGION, "region_logit", "shuffled_logit"),
    *("effect", "effect_sd", "effect_member_sd", "masked_effect", "cut_effect"),
    *("alone_effect", "alone_effect_sd", "alone_effect_member_sd"),
    *("rank", "p", "q", "null_stretches", "flags"),
)
PAIR_COLUMNS = (
    *("chrom", *REGION, "first_start", "first_end", "first_name"),
    *("second_start", "second_end", "second_name", "effect", "effect_sd", "effect_member_sd"),
    *("synergy", "synergy_sd", "synergy_member_sd"),
)
NUMBERS = ("effect", "effect_sd", "masked_effect", "cut_effect", "alone_effect", "p", "q")
STRONGEST, DRAWN = 12, 6  # constituents and regions that the report shows
STANDS_OUT = 0.05  # q up to which a constituent does
HIGHEST = 1000  # score of a BED
PALE, NONE = (230, 230, 230), "160,160,160"  # of the last in rank, and of one without effect


def constituent_rows(
    region: pd.Series, inside: pd.DataFrame, measured: Dissection
) -> list[dict[str, Any]]:
    """Cells of `COLUMNS` but for ``q``.

    Parameters
    ----------
    region
        ``spelled`` (its chromosome), ``start``, ``end``, ``name``.
    inside
        Its constituents, see `explain.constituents.constituents_of`, in the order of
        ``measured``.
    """
    effect, alone = (_spread(values) for values in (measured.effect, measured.alone))
    # the strongest first, of equal ones the first in place; those without effect have no rank
    order = np.argsort(-effect["mean"], kind="stable")
    rank = np.empty(len(order), int)
    rank[order] = np.arange(1, len(order) + 1)
    rows = []
    for i, constituent in enumerate(inside.itertuples()):
        null, missing = measured.null[i], bool(np.isnan(effect["mean"][i]))
        flags = {
            CLIPPED: constituent.clipped,
            OVERLAPS: constituent.overlaps,
            TOO_FEW_BASES: missing,
            NO_ROOM: null is None and not missing,
        }
        rows.append(
            {
                **_place(region),
                "start": constituent.start,
                "end": constituent.end,
                "name": constituent.name,
                "length": constituent.end - constituent.start,
                "region_logit": measured.margin.mean(),
                "shuffled_logit": measured.shuffled.mean(),
                **_named("effect", effect, i),
                "masked_effect": measured.masked.mean(axis=0)[i],
                "cut_effect": measured.cut.mean(axis=0)[i],
                **_named("alone_effect", alone, i),
                "rank": pd.NA if missing else rank[i],
                "p": np.nan if null is None else empirical_p(effect["mean"][i], null),
                "null_stretches": 0 if null is None else len(null),
                "flags": ",".join(flag for flag, there in flags.items() if there),
            }
        )
    return rows


def pair_rows(
    region: pd.Series, inside: pd.DataFrame, pairs: Sequence[PairEffect]
) -> list[dict[str, Any]]:
    """Cells of `PAIR_COLUMNS`; see `constituent_rows`."""
    rows = []
    for pair in pairs:
        row = _place(region)
        for side, index in (("first", pair.first), ("second", pair.second)):
            constituent = inside.iloc[index]
            row |= {f"{side}_{key}": constituent[key] for key in ("start", "end", "name")}
        for name, values in (("effect", pair.effect), ("synergy", pair.synergy)):
            row |= _named(name, _spread(values[:, None]), 0)
        rows.append(row)
    return rows


def write_dissected(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    pairs: Sequence[dict[str, Any]],
    record: dict[str, Any],
) -> dict[str, Any]:
    """Write all files and return the summary.

    Parameters
    ----------
    rows, pairs
        See `constituent_rows` and `pair_rows`.
    record
        What else the summary says: settings, counts.
    """
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"rank": "Int64"})
    # over all constituents of the file that have a p
    table["q"] = false_discovery_rates(table["p"])
    both = pd.DataFrame(pairs, columns=list(PAIR_COLUMNS))
    write_tsv(table, folder / TABLE_FILE)
    write_tsv(both, folder / PAIRS_FILE)
    write_tsv(bed_of(table), folder / BED_FILE, header=False)
    summary = record | {
        "rows": len(table),
        "flags": _count_flags(table["flags"]),
        "stand_out": int((table["q"] <= STANDS_OUT).sum()),
        "q_at_most": STANDS_OUT,
        "tested": int(table["q"].notna().sum()),
        "pairs": len(both),
        "strongest": _strongest(table),
        "drawn": _drawn(table, both),
    }
    write_json(summary, folder / SUMMARY_FILE)
    return summary


def bed_of(table: pd.DataFrame) -> pd.DataFrame:
    """BED9 along the genome: colour by rank, score by effect, of the strongest of a region 1000.

    The first in rank of a region has the colour of super-enhancers, the others ever paler ones; one
    that speaks against a super-enhancer has that of typical ones, and a score of 0.
    """
    groups = table.groupby(["chrom", "region_start", "region_end"], sort=False)
    last, most = groups["rank"].transform("max"), groups["effect"].transform("max")
    score = HIGHEST * (table["effect"] / most.where(most > 0)).clip(0, 1).fillna(0)
    colours = [
        _colour(effect, rank, of)
        for effect, rank, of in zip(table["effect"], table["rank"], last, strict=True)
    ]
    bed = table[["chrom", "start", "end", "name"]].assign(
        score=score.round().astype(int), strand="."
    )
    bed = as_bed9(bed, pd.Series(colours, table.index))
    return bed.sort_values(["chrom", "start", "end"], kind="stable")


def _colour(effect: float, rank: Any, last: Any) -> str:
    if pd.isna(effect):
        return NONE
    hue = COLOURS[SUPER if effect > 0 else TYPICAL].lstrip("#")
    full = [int(hue[i : i + 2], 16) for i in (0, 2, 4)]
    share = (rank - 1) / last if effect > 0 else 0.0
    return ",".join(str(round(a + share * (b - a))) for a, b in zip(full, PALE, strict=True))


def _place(region: pd.Series) -> dict[str, Any]:
    place = region["start"], region["end"], region["name"]
    return {"chrom": region["spelled"], **dict(zip(REGION, place, strict=True))}


def _spread(values: np.ndarray) -> dict[str, np.ndarray]:
    """Mean of ``[members, k, shuffles]``, and standard deviations over shuffles and over members.

    NaN where there is one alone.
    """
    members, number, shuffles = values.shape
    none = np.full(number, np.nan)
    return {
        "mean": values.mean(axis=(0, 2)),
        "sd": values.mean(axis=0).std(axis=1, ddof=1) if shuffles > 1 else none,
        "member_sd": values.mean(axis=2).std(axis=0, ddof=1) if members > 1 else none,
    }


def _named(name: str, spread: dict[str, np.ndarray], row: int) -> dict[str, float]:
    return {
        name if key == "mean" else f"{name}_{key}": values[row] for key, values in spread.items()
    }


def _count_flags(flags: pd.Series) -> dict[str, int]:
    counts = flags.str.split(",").explode().value_counts()
    return {str(flag): int(count) for flag, count in counts.items() if flag}


def _strongest(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the constituents for the report: least q first, then largest effect."""
    rows = table[table["effect"].notna()]
    rows = rows.assign(order=rows["q"].fillna(2))
    rows = rows.sort_values(["order", "effect"], ascending=[True, False], kind="stable")
    return [
        {
            "constituent": f"{row.chrom}:{row.start}-{row.end}",
            "name": str(row.name),
            "region": f"{row.chrom}:{row.region_start}-{row.region_end}",
            "rank": int(row.rank),
            **{key: _number(getattr(row, key)) for key in NUMBERS},
        }
        for row in rows.head(STRONGEST).itertuples()
    ]


def _drawn(table: pd.DataFrame, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the regions of the highest margins that have pairs, for the report's heat maps."""
    key = ["chrom", "region_start", "region_end"]
    measured = table[table.set_index(key).index.isin(pairs.set_index(key).index)]
    order = measured.sort_values("region_logit", ascending=False, kind="stable")
    chosen = list(dict.fromkeys(order.set_index(key).index))[:DRAWN]
    of_regions, pairs_of_regions = (dict(iter(t.groupby(key))) for t in (measured, pairs))
    drawn = []
    for place in chosen:
        rows, both = of_regions[place], pairs_of_regions[place]
        region = rows.iloc[0]
        index = {(row.start, row.end): i for i, row in enumerate(rows.itertuples())}
        drawn.append(
            {
                "region": "{}:{}-{}".format(*place),
                "name": str(region["region_name"]),
                "logit": _number(region["region_logit"]),
                "constituents": [
                    {"place": f"{row.start}-{row.end}", "effect": _number(row.effect)}
                    for row in rows.itertuples()
                ],
                "pairs": [
                    {
                        "first": index[row.first_start, row.first_end],
                        "second": index[row.second_start, row.second_end],
                        "effect": _number(row.effect),
                        "synergy": _number(row.synergy),
                    }
                    for row in both.itertuples()
                ],
            }
        )
    return drawn


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.6g}")
