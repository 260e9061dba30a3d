"""Typical enhancers to compare with: as given, matched to the super-enhancers, or drawn at random.

Matching takes away what length, GC, CpG or unknown bases alone tell of the class (as in Ghandi
2014, gkm-SVM, whose null regions match length, GC and repeats). Random regions of the genome are an
easier contrast than typical enhancers: a model trained against them tells enhancers from
background, not super from typical.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from seformer.genome import intervals
from seformer.genome.genome import Genome
from seformer.regions.settings import ExtractSettings
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)

FEATURES = ("length", "gc", "cpg", "n")
# two regions can be a pair within a bin: lengths of a fifth apart, GC and N of 0.02, and the square
# root of CpG per base of 0.02. CpGs are rare (one in a hundred bases, one in ten in an island), and
# the noise of a count grows with its root: of the root it is 0.5 / √length everywhere, 0.009 in
# 3 kb, so that a bin is two of it wide, in deserts as in islands
LENGTH_STEP = math.log(1.2)
SHARE_STEP = 0.02
RANDOM = "random"  # the source of drawn regions
ROUNDS = 200


def check_negatives(settings: ExtractSettings) -> None:
    """Refuse what cannot be (`UserError`)."""
    features, random = settings.match_negatives, settings.random_negatives
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise UserError(
            f"--match-negatives {','.join(features)}: {unknown[0]!r} cannot be matched",
            expected=f"some of {','.join(FEATURES)}",
        )
    if random and not re.fullmatch(r"\d+|\d+(\.\d+)?x", random):
        raise UserError(
            f"--random-negatives {random}",
            expected="a number, such as 500, or a multiple of the super-enhancers, such as 2x",
        )
    if settings.blacklist is not None and not random:
        raise UserError(
            "--blacklist says where no random region is drawn, but none is wanted",
            do="give --random-negatives too, or leave it out",
        )


def add_random(
    table: pd.DataFrame,
    genome: Genome,
    settings: ExtractSettings,
    read: Callable[[Path], pd.DataFrame],
) -> pd.DataFrame:
    """Draw regions from the genome as typical enhancers, as long as the super-enhancers are.

    They lie on the chromosomes of the given regions, overlap no given region, nothing of the
    blacklist, no unknown base and not one another; ``source`` is ``random``.

    Parameters
    ----------
    table
        Training rows of `seformer.regions.units.cut_regions`, chromosomes spelled as the genome's.
    genome
        Where from.
    settings
        ``random_negatives``, ``blacklist`` and ``seed``: how many, and where not.
    read
        Reads the blacklist, its chromosomes spelled likewise.

    Raises
    ------
    UserError
        If none is to be drawn, or they do not fit into the genome.
    """
    lengths = (table["end"] - table["start"])[table["label"] == 1].to_numpy(np.int64)
    if not len(lengths):
        return table
    multiple = settings.random_negatives.endswith("x")
    wanted = float(settings.random_negatives.removesuffix("x")) * (len(lengths) if multiple else 1)
    if not round(wanted):
        raise UserError(
            f"--random-negatives {settings.random_negatives}: no random region would be drawn",
            expected=f"1 or more; there are {len(lengths)} super-enhancers",
            do="leave it out to draw none",
        )
    rng = np.random.default_rng(settings.seed)
    wanted_lengths = rng.permutation(np.resize(rng.permutation(lengths), round(wanted)))
    place = ["chrom", "start", "end"]
    taken = [table[place]]
    if settings.blacklist is not None:
        taken.append(read(settings.blacklist)[place])
    taken = pd.concat(taken, ignore_index=True)
    drawn = _draw(wanted_lengths, table["chrom"], taken, genome, rng)
    if len(drawn) < len(wanted_lengths):
        raise UserError(
            f"only {len(drawn)} of {len(wanted_lengths)} random regions find a place in the genome",
            where=genome.path,
            expected="room outside the given regions, the blacklist and unknown bases",
            do="draw fewer (--random-negatives; in the pipeline --random_negatives)",
        )
    drawn = drawn.assign(label=0, line=0, source=RANDOM, path=RANDOM, parent="", drop_reason="")
    drawn["signal"] = np.nan
    drawn["name"] = [f"{RANDOM}_{i}" for i in range(1, len(drawn) + 1)]
    drawn["label"] = drawn["label"].astype("Int8")
    return pd.concat([table, drawn[table.columns]], ignore_index=True)


def _draw(
    lengths: np.ndarray,
    chroms: Iterable[str],
    taken: pd.DataFrame,
    genome: Genome,
    rng: np.random.Generator,
) -> pd.DataFrame:
    chroms = sorted(set(chroms) & genome.chromosomes.keys())
    sizes = np.array([genome.chromosomes[name] for name in chroms], dtype=np.int64)
    drawn = []
    for _ in range(ROUNDS):
        if not len(lengths):
            break
        where = rng.choice(len(chroms), len(lengths), p=sizes / sizes.sum())
        room = sizes[where] - lengths
        start = rng.integers(0, np.maximum(room, 0) + 1)
        tried = pd.DataFrame(
            {"chrom": np.array(chroms)[where], "start": start, "end": start + lengths}
        )
        good = (room >= 0) & ~intervals.overlapping(tried, taken)
        # of those that overlap one another, one
        good &= ~pd.Series(intervals.cluster(tried)).where(good).duplicated().to_numpy()
        bases = genome.fetch_many(tried[good])
        good[np.flatnonzero(good)] = ["N" not in b for b in bases]
        drawn.append(tried[good])
        taken = pd.concat([taken, tried[good]], ignore_index=True)
        lengths = lengths[~good]
    return pd.concat(drawn, ignore_index=True)


def match_pairs(table: pd.DataFrame, features: Sequence[str], seed: int) -> np.ndarray:
    """Pair every super-enhancer with the typical enhancer nearest to it, each taken once.

    Parameters
    ----------
    table
        Rows with ``label``, ``length``, ``gc``, ``cpg`` (per known base), ``n_fraction``, as far as
        ``features`` need them; only usable ones.
    features
        Some of `FEATURES`. A pair lies in one bin of each (`LENGTH_STEP`, `SHARE_STEP`), and the
        distance is in these steps.
    seed
        Seed of the order in which super-enhancers choose.

    Returns
    -------
    numpy.ndarray
        bool [n]: has a partner. Super-enhancers without one are left out as well: they are what
        the feature would tell apart.
    """
    scaled = np.stack([_in_steps(table, name) for name in features], axis=1)
    bins = np.unique(np.floor(scaled), axis=0, return_inverse=True)[1].reshape(-1)
    label = table["label"].to_numpy(int)
    order = np.random.default_rng(seed).permutation(len(table))
    paired = np.zeros(len(table), dtype=bool)
    for members in np.split(
        order[np.argsort(bins[order], kind="stable")], np.cumsum(np.bincount(bins))
    ):
        supers, typical = members[label[members] == 1], members[label[members] == 0]
        for member in supers[: len(typical)]:
            nearest = int(np.argmin(((scaled[typical] - scaled[member]) ** 2).sum(axis=1)))
            paired[[member, typical[nearest]]] = True
            typical = np.delete(typical, nearest)
    return paired


def _in_steps(table: pd.DataFrame, feature: str) -> np.ndarray:
    """One of `FEATURES` in steps of its bins: float64 [n]."""
    if feature == "length":
        return np.log(table["length"].to_numpy(float)) / LENGTH_STEP
    if feature == "cpg":
        return np.sqrt(table["cpg"].to_numpy(float)) / SHARE_STEP
    return table["n_fraction" if feature == "n" else feature].to_numpy(float) / SHARE_STEP
