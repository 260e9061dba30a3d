"""The sequence of a pre-training: what of the genome it sees, cut into windows, in one file.

Test and validation are left out: whole chromosomes where all regions of a chromosome are held out,
else the regions themselves. Windows with much N are left out, and counted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.chromosomes import match_names
from seformer.genome.genome import Genome
from seformer.genome.intervals import merged, subtract
from seformer.regions.folder import read_region_rows
from seformer.sequence.dna import CODE_OF_LETTER
from seformer.sequence.tokenizers import Tokenizer
from seformer.sequence.windows import tile
from seformer.splits.assign import DEFAULT_TEST
from seformer.training.settings import PretrainCourse
from seformer.util.atomic import temporary_folder
from seformer.util.errors import UserError
from seformer.util.labels import PARTS
from seformer.util.logs import progress
from seformer.util.shapes_of_pretraining import MOST_NAMED, LeftOutBy, LeftOutRecord

logger = logging.getLogger(__name__)
PLACE = ["chrom", "start", "end"]
HELD_OUT = ("test", "validation")
# windows of fewer bases say nothing
SHORTEST = 50
# the tokens of so many windows tell how many bases a token has
PROBES = 64
PROBE_BASES = 8
# byte pairs differ in length: so many windows have more tokens than fit, and are cut in two
RARE = 0.1
# windows that are read at a time
AT_ONCE = 1_000


class LeftOut(NamedTuple):
    """What a pre-training must not see.

    Attributes
    ----------
    chromosomes
        Left out whole.
    regions
        ``chrom``, ``start``, ``end`` (0-based half-open), on other chromosomes.
    by
        ``splits``, ``chromosomes`` (named), ``default`` (chr7 and chr10) or ``nothing``.
    """

    chromosomes: list[str]
    regions: pd.DataFrame
    by: LeftOutBy

    def record(self, genome: Genome) -> LeftOutRecord:
        """What summary.json says of it."""
        places = merged(self.regions)
        whole = sum(genome.chromosomes[name] for name in self.chromosomes)
        return {
            "by": self.by,
            "chromosomes": self.chromosomes[:MOST_NAMED],
            "whole": len(self.chromosomes),
            "regions": len(self.regions),
            "bases": whole + int((places["end"] - places["start"]).sum()),
        }


def choose_left_out(course: PretrainCourse, splits: Sequence[Path], genome: Genome) -> LeftOut:
    """Tell what test and validation are: of split tables, as named, or as they are by default.

    Raises
    ------
    UserError
        If chromosomes are not in the genome, or options contradict each other.
    """
    nothing = pd.DataFrame({"chrom": [], "start": [], "end": []}).astype(
        {"chrom": str, "start": int, "end": int}
    )
    named = (*course.test_chromosomes, *course.validation_chromosomes)
    if course.leave_out == "nothing":
        if named or splits:
            raise UserError(
                "--leave-out nothing, but test or validation are given too",
                do="leave one of them out",
            )
        logger.warning("nothing is left out: what a later test holds out is seen, without labels")
        return LeftOut([], nothing, "nothing")
    if splits and named:
        raise UserError(
            "--splits and chromosomes to hold out are both given",
            do="give --splits alone: it says what is held out",
        )
    if splits:
        return _of_splits(splits, genome)
    if named:
        found = {name: genome.match_chromosomes([name], rename=True).get(name) for name in named}
        if lost := [name for name, twin in found.items() if twin is None]:
            raise UserError(
                f"{', '.join(lost)} is not in the genome",
                where="--test-chromosomes or --validation-chromosomes",
                expected=f"some of {', '.join(list(genome.chromosomes)[:MOST_NAMED])}",
            )
        return LeftOut(sorted({*filter(None, found.values())}), nothing, "chromosomes")
    usual = sorted(match_names(DEFAULT_TEST, genome.chromosomes).values())
    logger.warning(
        "no split and no chromosomes are given: %s left out, which a test holds out by default;"
        " give --splits, or --test-chromosomes and --validation-chromosomes, to leave out others",
        f"{' and '.join(usual)} are" if usual else "nothing is",
    )
    return LeftOut(usual, nothing, "default" if usual else "nothing")


def _of_splits(splits: Sequence[Path], genome: Genome) -> LeftOut:
    tables = []
    for path in splits:
        table = read_region_rows(Path(path), [*PLACE, "split"])[[*PLACE, "split"]]
        if lost := sorted(set(table["chrom"][table["split"].isin(PARTS)]) - {*genome.chromosomes}):
            raise UserError(
                f"its chromosome {lost[0]} is not in the genome {genome.path.name}",
                where=path,
                expected="the split of regions of this genome",
            )
        tables.append(table)
    rows = pd.concat(tables, ignore_index=True)
    held = rows[rows["split"].isin(HELD_OUT)]
    trained = set(rows["chrom"][rows["split"] == "train"])
    whole = ~held["chrom"].isin(trained)
    return LeftOut(sorted(set(held["chrom"][whole])), merged(held[~whole][PLACE]), "splits")


def stretches_of(genome: Genome, regions: pd.DataFrame | None, left_out: LeftOut) -> pd.DataFrame:
    """Return what is to be seen: ``chrom``, ``start``, ``end``, apart and along the genome."""
    sizes = genome.chromosomes
    whole = pd.DataFrame({"chrom": list(sizes), "start": 0, "end": list(sizes.values())})
    wanted = whole if regions is None else regions[PLACE]
    wanted = wanted[~wanted["chrom"].isin(left_out.chromosomes)]
    return subtract(wanted, left_out.regions)


@dataclass(eq=False)
class WindowStore:
    """Bases of windows, one after the other in a file without a name, which goes with them.

    Attributes
    ----------
    file
        One byte a base: A, C, G, T and N.
    start, stop
        int64 ``[windows]``: 0-based half-open positions in it.
    dropped
        Windows left out, by reason.
    digest
        SHA-256 of the bases and positions.
    """

    file: BinaryIO
    start: np.ndarray
    stop: np.ndarray
    dropped: dict[str, int]
    digest: str

    def __post_init__(self) -> None:
        weakref.finalize(self, self.file.close)

    def bases(self, rows: np.ndarray) -> Iterator[str]:
        """The bases of ``rows``, one window at a time."""
        handle = self.file.fileno()
        for start, stop in zip(self.start[rows].tolist(), self.stop[rows].tolist(), strict=True):
            yield os.pread(handle, stop - start, start).decode("ascii")


def window_bases(
    genome: Genome, stretches: pd.DataFrame, tokenizer: Tokenizer, content: int | None, seed: int
) -> int | None:
    """Return how many bases a window takes so that few have more than ``content`` tokens.

    By the tokens of stretches drawn from the sequence. None where any length goes.
    """
    if content is None:
        return None
    rng = np.random.default_rng(seed)
    length = (stretches["end"] - stretches["start"]).to_numpy()
    chosen = rng.choice(len(stretches), min(PROBES, len(stretches)), False, length / length.sum())
    # about a window of byte pairs; of k-mers all rates are alike
    span = np.minimum(length[chosen], PROBE_BASES * content)
    probes = stretches.iloc[chosen]
    first = probes["start"] + ((length[chosen] - span) * rng.random(len(span))).astype(int)
    texts = genome.fetch_many(probes.assign(start=first, end=first + span))
    known = [text for text in (text.replace("N", "") for text in texts) if len(text) >= SHORTEST]
    if not known:
        return content
    encoding = tokenizer.encode(known)
    rates = np.array([len(text) for text in known]) / np.diff(encoding.splits)
    # in some phases there are a few tokens more at the ends
    return max(SHORTEST, int((content - 2 * tokenizer.phases) * np.quantile(rates, RARE)))


def write_windows(
    genome: Genome, stretches: pd.DataFrame, length: int | None, max_n: float
) -> WindowStore:
    """Cut stretches into even windows of at most ``length`` bases and write them into a file.

    Memory does not grow with the sequence: a batch reads its windows from the file.

    Raises
    ------
    UserError
        If fewer than two windows are left.
    """
    cut = tile((stretches["end"] - stretches["start"]).to_numpy(), length)
    begin = stretches["start"].to_numpy()[cut.sequence]
    places = pd.DataFrame(
        {
            "chrom": stretches["chrom"].to_numpy()[cut.sequence],
            "start": begin + cut.start,
            "end": begin + cut.stop,
        }
    )
    sizes, dropped, digest = [], {"n_rich": 0, "short": 0}, hashlib.sha256()
    with temporary_folder() as folder, open(folder / "bases", "w+b") as file:
        parts = (places.iloc[first : first + AT_ONCE] for first in range(0, len(places), AT_ONCE))
        for part in progress(parts, "reading windows", len(places), counted=len):
            for text in genome.fetch_many(part):
                letters = text.encode("ascii")
                if len(letters) < SHORTEST:
                    dropped["short"] += 1
                elif (CODE_OF_LETTER[np.frombuffer(letters, np.uint8)] < 0).mean() > max_n:
                    dropped["n_rich"] += 1
                else:
                    sizes.append(file.write(letters))
                    digest.update(letters + b"\n")
        if len(sizes) < 2:
            reasons = f"{dropped['n_rich']} have too much N, {dropped['short']} are too short"
            raise UserError(
                f"there is nothing to pre-train on: of {len(places)} windows {reasons}",
                where=genome.path,
                expected="two windows or more outside the test and validation parts",
                do="give more regions, or a larger --max-n",
            )
        file.flush()
        edges = np.cumsum([0, *sizes])
        again = open(os.dup(file.fileno()), "rb")
    return WindowStore(again, edges[:-1], edges[1:], dropped, digest.hexdigest())
