"""Scores beside the rows they belong to: of a file as it is scored, or of shards afterwards."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from io import StringIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.regions.folder import in_order, require_same
from seformer.regions.frames import free_names
from seformer.regions.nearby_genes import GENE_COLUMNS, NEAREST, GeneMap, name_with_nearest
from seformer.regions.read import RegionTable, iter_regions
from seformer.regions.settings import GeneSettings
from seformer.regions.sizes import read_chromosome_sizes
from seformer.regions.words import read_label
from seformer.scoring.browser_bed import BIGBED_FILE, write_browser_bed
from seformer.scoring.strongest import StrongestRegions
from seformer.util import records, shapes
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.labels import BED_COLOURS
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.tables import as_bed9, write_tsv_rows
from seformer.util.text import open_text

SCORE_COLUMNS = ("logit", "probability", "prediction", "coverage", "flags")
# of a model with conformal sets: the classes that the promise allows, behind the prediction
SET = "set"
# only of an ensemble: the standard deviation of its members' logits
LOGIT_SD = "logit_sd"
ROWS = 20_000
# what stands beside the counts of a shard, and what it is called
USED = {"model": "another model", "assembly": "another assembly"}
# of a class, for a file with labels to be a test
LEAST_LABELLED = 10


class LabelledWriter(ExitStack):
    """``labelled.tsv`` of a folder: regions with labels and scores, written some rows at a time.

    Places are counted from 0, whatever the file's own are. There is nothing of a file without
    labels, with other words in its column of labels, or with too few regions of a class.
    """

    COLUMNS = ("chrom", "start", "end", "name", "label", "logit", "probability")

    def __init__(self, folder: Path, by: str) -> None:
        super().__init__()
        self._path, self._by, self._counts = folder / "labelled.tsv", by, Counter()
        self._table = None
        if by:
            self._table = self.enter_context(open(self._path, "w", encoding="utf-8", newline=""))
            self._table.write("\t".join(self.COLUMNS) + "\n")
            self.callback(self._finish)

    def add(self, part: RegionTable, scores: Sequence[str]) -> None:
        """Write the rows of a part that have a label and a score; the latter as a line each."""
        if self._table is None:
            return
        labels = [*map(read_label, part.cells[self._by])]
        self._counts.update(labels)
        rows = part.regions[[*self.COLUMNS[:4]]].assign(label=labels)
        rows[["logit", "probability"]] = [line.split("\t")[:2] for line in scores]
        known = rows["label"].isin([0, 1]) & (rows["logit"] != "")
        write_tsv_rows(rows[known].astype({"label": int}), self._table)

    def _finish(self) -> None:
        few = min(self._counts[0], self._counts[1]) < LEAST_LABELLED
        if few or None in self._counts:
            self._path.unlink()


def logit_sd(members: np.ndarray) -> np.ndarray:
    """Standard deviation of the logits of members, float64 ``[members, n]``: ``[n]``; 0 of one."""
    return members.std(axis=0, ddof=min(len(members) - 1, 1))


def score_columns(*, sets: bool, several: bool) -> list[str]:
    """The columns of a model's scores, with sets or without, of several members or of one."""
    columns = [*SCORE_COLUMNS, *([LOGIT_SD] if several else [])]
    columns[3:3] = [SET] if sets else []
    return columns


class PredictionWriter(ExitStack):
    """``predictions.tsv``, ``predictions.bed`` and ``top.tsv``, written some rows at a time.

    Parameters
    ----------
    folder
        Where to write them.
    own, scores
        The names of the file's own columns, and of those of the scores.
    genes
        Whose genes stand in further columns, and the nearest behind the name in the BED.
    """

    def __init__(
        self, folder: Path, own: Sequence[str], scores: Sequence[str], genes: GeneMap | None = None
    ) -> None:
        super().__init__()
        self.scores, self._genes = list(scores), genes
        self._table, self._bed = (
            self.enter_context(open(folder / name, "w", encoding="utf-8", newline=""))
            for name in ("predictions.tsv", "predictions.bed")
        )
        # an own column of the same name (scored before) is kept under a name that says so
        added = [*scores, *(GENE_COLUMNS if genes else ())]
        names = [*free_names(own, added), *added]
        write_tsv_rows(pd.DataFrame(columns=names), self._table, header=True)
        self._strongest = StrongestRegions(added)
        self.callback(self._strongest.write, folder)

    def add(self, own: Iterable[str], regions: pd.DataFrame, scores: Sequence[str]) -> None:
        """Write rows.

        Parameters
        ----------
        own
            The own columns of each row as a line, see `as_lines`.
        regions
            ``chrom``, ``start``, ``end`` and ``name`` of each row.
        scores
            The scores of each row as a line.

        Raises
        ------
        UserError
            If a probability is not one, or a logit no number.
        """
        cells = [own, scores]
        table = pd.DataFrame([line.split("\t") for line in scores], columns=self.scores)
        found = pd.DataFrame()
        given = regions
        if self._genes is not None:
            found = self._genes.find(regions)
            cells.append(as_lines(found))
            regions = regions.assign(name=name_with_nearest(regions["name"], found[NEAREST]))
        self._table.writelines("\t".join(line) + "\n" for line in zip(*cells, strict=True))
        scored = (table["logit"] != "").to_numpy()
        probability = pd.to_numeric(table["probability"][scored], errors="coerce")
        logit = pd.to_numeric(table["logit"][scored], errors="coerce")
        for good, fault in (
            (probability.between(0, 1), "a probability among the scores is no number from 0 to 1"),
            (logit.notna(), "a logit among the scores is no number"),
        ):
            if not good.all():
                raise UserError(fault, do="score all shards again")
        self._strongest.add(given, pd.concat([table, found.reset_index(drop=True)], axis=1))
        track = regions[["chrom", "start", "end", "name"]].reset_index(drop=True)[scored]
        track = track.assign(score=probability.mul(1000).round().astype(int), strand=".")
        colours = table["prediction"][scored].map(BED_COLOURS)
        write_tsv_rows(as_bed9(track, colours), self._bed)


def write_ucsc(folder: Path, name: str, model: Mapping[str, Any] | None) -> None:
    """Copy ``predictions.bed`` to ``predictions.ucsc.bed``, below a line that UCSC colours it by.

    https://genome.ucsc.edu/goldenPath/help/customTrack.html. ``model`` is of
    `ModelSettings.as_used`; its threshold stands in the description.
    """
    described = "seformer: super-enhancer or typical enhancer"
    if model is not None:
        described += f", called from a probability of {model['threshold']:.3g} on"
    # the line has no escape for quotes
    shown = re.sub(r"[^\w.+-]", "_", name)
    with (
        open(folder / "predictions.bed", encoding="utf-8") as bed,
        open(folder / "predictions.ucsc.bed", "w", encoding="utf-8", newline="") as track,
    ):
        track.write(f'track name="{shown}" description="{described}" itemRgb="On" visibility=2\n')
        shutil.copyfileobj(bed, track)


def as_lines(table: pd.DataFrame, **how: Any) -> list[str]:
    """Each row as a line without its end, as `util.tables.write_tsv_rows` writes it."""
    text = StringIO(newline="")
    text.name = "the regions"
    write_tsv_rows(table, text, **how)
    return text.getvalue().split("\n")[:-1]


@takes(GeneSettings)
def merge_predictions(
    regions: Path,
    shards: Sequence[Path],
    out: Path,
    settings: GeneSettings,
    *,
    chrom_sizes: Path | None = None,
) -> None:
    """Put the scores of consecutive shards beside the rows of the file they come from.

    ``out`` gets ``predictions.tsv``, ``predictions.bed``, the same for UCSC as
    ``predictions.ucsc.bed``, with ``chrom_sizes`` (a .fai) also sorted for browsers as
    ``predictions.bb``, and ``summary.json``, in memory of some 40 bytes a region; of
    a file with labels also ``labelled.tsv``, for `seformer judge`.

    Raises
    ------
    UserError
        If the shards do not add up to the file.
    """
    sizes = None if chrom_sizes is None else read_chromosome_sizes(chrom_sizes)
    own = ["predictions.tsv", "labelled.tsv", BIGBED_FILE, "summary.json"]
    with output_folder(out, own=own) as staging:
        shards = in_order(shards)
        paths = [shard / "scores.tsv" for shard in shards]
        columns = _score_columns(paths)
        lengths: list[int] = []
        scores = _score_lines(paths, 1 + len(columns), lengths)
        # what is an error in the file was one before it was scored
        parts = iter_regions(regions, ROWS, labels=False, invalid="keep")
        first = next(parts)
        genes = GeneMap.of(settings)
        with (
            PredictionWriter(staging, first.own.columns, columns, genes) as writer,
            LabelledWriter(staging, first.labelled_by) as labelled,
        ):
            for part in chain([first], parts):
                pairs = list(islice(scores, len(part.regions)))
                if [line for line, _ in pairs] != part.regions["line"].tolist():
                    raise _misfit(regions, paths, 1 + len(columns))
                lines = [cells for _, cells in pairs]
                writer.add(as_lines(part.own), part.regions, lines)
                labelled.add(part, lines)
        if genes is not None:
            genes.require_match()
        if next(scores, None) is not None:
            raise _misfit(regions, paths, 1 + len(columns))
        summaries = [
            _shard_summary(path.with_name("summary.json"), length)
            for path, length in zip(paths, lengths, strict=True)
        ]
        used: dict[str, Any] = {}
        for key, what in USED.items():
            says = key in summaries[0]  # a shard of version 1.0.0 does not
            said = {p.parent: s.pop(key, None) for p, s in zip(paths, summaries, strict=True)}
            value = require_same(said, what)
            if says:
                used[key] = value
        used["read_as"] = first.read_as
        total = add_summaries(summaries) | used
        write_json(total, staging / "summary.json")
        write_ucsc(staging, regions.name, total.get("model"))
        if sizes is not None and chrom_sizes is not None:
            write_browser_bed(
                staging / "predictions.bed", staging / BIGBED_FILE, sizes, chrom_sizes
            )


def _misfit(regions: Path, paths: Sequence[Path], width: int) -> UserError:
    """Say why the scores of shards are not those of the file's rows, in their order."""
    parts = iter_regions(regions, ROWS, labels=False, invalid="keep")
    rows = np.concatenate([part.regions["line"].to_numpy() for part in parts])
    each = [
        np.fromiter((line for line, _ in _score_lines([path], width, [])), rows.dtype)
        for path in paths
    ]
    given, owner = np.concatenate(each), np.repeat(np.arange(len(each)), [*map(len, each)])
    lines, first = np.unique(given, return_index=True)
    if len(again := np.delete(np.arange(len(given)), first)):
        line, here = given[again[0]], owner[again[0]]
        earlier = owner[first[np.searchsorted(lines, line)]]
        return UserError(
            f"this shard, number {here + 1} of {len(paths)}, has scores of the file's line {line}, "
            f"and so has {paths[earlier].parent}",
            where=paths[here].parent,
            expected="shards of one extraction, each once",
            do="leave one of the two out",
        )
    lacking, others = np.setdiff1d(rows, given), np.setdiff1d(given, rows)
    if len(others) and not len(lacking):
        return UserError(
            f"there are more scores than regions: {len(given)} and {len(rows)}",
            where=regions,
            do="score this file again: it was changed after it was scored",
        )
    if len(lacking) and not len(others):
        behind = [
            str(p.parent)
            for p, lines in zip(paths, each, strict=True)
            if len(lines) and lines[0] < lacking[0]
        ]
        return UserError(
            f"{len(lacking)} of the {len(rows)} regions have no scores",
            where=regions,
            line=int(lacking[0]),
            expected=f"all shards of the file; {len(paths)} are given, and one is missing "
            + (f"behind {behind[-1]}" if behind else "before the first"),
            do="give all shards; score again what was not scored",
        )
    if len(lacking):
        return UserError(
            f"the scores do not fit the file's lines {lacking[0]} on",
            where=regions,
            do="score this file again: it was changed after it was scored",
        )
    return UserError(
        "the shards are not in the order of the file's rows",
        where=regions,
        do="give them in the order of their numbers",
    )


def add_summaries(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Add up the counts of shards."""
    total: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if isinstance(value, dict):
                total[key] = dict(Counter(total.get(key, {})) + Counter(value))
            elif key == "smallest_coverage":
                covered = [v for v in (total.get(key), value) if v is not None]
                total[key] = min(covered, default=None)
            else:
                total[key] = total.get(key, 0) + value
    return total


def _shard_summary(path: Path, rows: int) -> dict[str, Any]:
    again = "score this shard again"
    summary = records.read(path, shapes.Predicted, again)
    if summary["rows"] != rows:
        raise UserError(f"it is not of the {rows} rows beside it", where=path, do=again)
    return summary


def _score_columns(paths: Sequence[Path]) -> list[str]:
    """Return the columns of scores that all shards have, one of the kinds of `score_columns`.

    Raises
    ------
    UserError
        If a file is no table of scores, or the shards were scored by different models.
    """
    columns: list[str] = []
    kinds = [score_columns(sets=a, several=b) for a in (True, False) for b in (True, False)]
    for number, path in enumerate(paths):
        with open_text(path) as text:
            first, *here = text.readline().rstrip("\n").split("\t")
        if first != "line" or here not in kinds or (number and here != columns):
            raise UserError(
                "this is not a table of scores, or not of the same model as the others",
                where=path,
                line=1,
                do="score all shards with one model",
            )
        columns = here
    return columns


def _score_lines(
    paths: Sequence[Path], width: int, lengths: list[int]
) -> Iterator[tuple[int, str]]:
    """Yield the line number and the scores of each row of all files.

    The number of each file's rows goes into ``lengths``.
    """
    for path in paths:
        with open_text(path) as text:
            text.readline()
            number = 1
            for number, row in enumerate(text, 2):
                line, _, cells = row[:-1].partition("\t")
                if row.count("\t") != width - 1 or not line.isdecimal() or row[-1] != "\n":
                    raise UserError(
                        "this is no row of scores",
                        where=path,
                        line=number,
                        expected=f"{width} columns, the first a line number",
                        do="score this shard again",
                    )
                yield int(line), cells
        lengths.append(number - 1)
