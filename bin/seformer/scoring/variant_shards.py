"""Variants in shards: cut once, scored apart, and put together into the table of a whole run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from typing_extensions import TypedDict

from seformer.genome.genome import Genome
from seformer.regions.folder import in_order, require_same
from seformer.scoring.settings import VariantCutSettings, VariantPlanSettings, VariantSettings
from seformer.scoring.variant_files import (
    OWN_FILES,
    SUMMARY_FILE,
    MotifChanges,
    write_scored_variants,
)
from seformer.scoring.variant_plan import Block, Plan, plan_variants
from seformer.scoring.views import Edit
from seformer.util import records
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.logs import progress
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.shapes import UsedModel
from seformer.util.tables import EXACT, NUMBER, WHOLE, read_tsv, write_tsv

BLOCKS_FILE, EDITS_FILE, SCORES_FILE = "blocks.tsv", "edits.tsv", "scores.tsv"
PLACE = ["chrom", "start", "end", "bases"]
EDIT_COLUMNS = ["edit", "block", *PLACE]
SCORE_COLUMNS = ["edit", *PLACE, "reference_logit", "edited_logit"]


class ScoredShard(TypedDict):
    """summary.json of a scored shard."""

    model: UsedModel


@takes(VariantCutSettings)
def cut_variants(
    out: Path,
    settings: VariantCutSettings,
    *,
    fasta: Path,
    vcf: Path | None = None,
    positions: Path | None = None,
    regions: Path | None = None,
) -> None:
    """Plan variants and their null, and write what is to be scored into ``shard_0001`` and so on.

    A shard holds ``blocks.tsv`` (sequences) and ``edits.tsv`` (edits of these, numbered over all
    shards). Beside them ``summary.json`` tells what lies on no chromosome of the genome.
    Parameters as of `seformer.scoring.variants.variants`.

    Raises
    ------
    UserError
        If a file cannot be used.
    """
    own = [SUMMARY_FILE, *(f"shard_[0-9]*/{name}" for name in (BLOCKS_FILE, EDITS_FILE))]
    with Genome(fasta) as genome, output_folder(out, own=own) as staging:
        plan = plan_variants(genome, settings, vcf=vcf, positions=positions, regions=regions)
        write_json({"unmatched_chromosomes": plan.unmatched}, staging / SUMMARY_FILE)
        first = 0
        for number, blocks in enumerate(_shards(plan, settings.shard_alleles), 1):
            folder = staging / f"shard_{number:04d}"
            folder.mkdir()
            bases = [genome.fetch(b.span.chrom, b.span.start, b.span.end) for b in blocks]
            rows = [
                (row, span.chrom, span.start + edit.start, span.start + edit.stop, edit.bases)
                for row, (span, edits) in enumerate(blocks)
                for edit in edits
            ]
            edits = pd.DataFrame(rows, columns=EDIT_COLUMNS[1:])
            edits.insert(0, "edit", np.arange(first, first + len(edits)))
            first += len(edits)
            starts = [block.span.start for block in blocks]
            table = {"block": range(len(blocks)), "start": starts, "sequence": bases}
            write_tsv(pd.DataFrame(table), folder / BLOCKS_FILE)
            write_tsv(edits, folder / EDITS_FILE)


def _shards(plan: Plan, edits: int) -> Iterator[list[Block]]:
    """Group blocks into shards of like work, of about so many edits or fewer; one if none is."""
    total = plan.edits
    number = math.ceil(total / edits)
    group, shard, before = [], 0, 0
    for block in plan.blocks():
        # the shard in which the block begins
        if group and (place := before * number // total) > shard:
            yield group
            group, shard = [], place
        group.append(block)
        before += len(block.edits)
    yield group


@takes(VariantSettings)
def score_shard(model: Path, shard: Path, out: Path, settings: VariantSettings) -> None:
    """Score a shard of `cut_variants`; ``out`` gets ``scores.tsv`` and ``summary.json``.

    Raises
    ------
    UserError
        If the folder is not such a shard.
    """
    # here, since cutting and merging need no network
    from seformer.model.folder import load_model
    from seformer.scoring.score import Ensemble
    from seformer.scoring.variants import score_blocks

    blocks = read_tsv(
        shard / BLOCKS_FILE,
        ["block", "start", "sequence"],
        text=["sequence"],
        numbers={"start": WHOLE},
    )
    numbers = dict.fromkeys(("edit", "block", "start", "end"), WHOLE)
    edits = read_tsv(shard / EDITS_FILE, EDIT_COLUMNS, text=["chrom", "bases"], numbers=numbers)
    with output_folder(out, own=[SCORES_FILE, SUMMARY_FILE]) as staging:
        loaded = load_model(model, settings.device)
        scorer = Ensemble(loaded, settings.batch_tokens)
        groups = [
            (blocks["sequence"].iat[block], _relative(rows, blocks["start"].iat[block]))
            for block, rows in edits.groupby("block", sort=True)
        ]
        scores = score_blocks(scorer, progress(groups, "scoring variants"))
        table = edits[["edit", *PLACE]].assign(
            reference_logit=scores[:, 0], edited_logit=scores[:, 1]
        )
        # so that shards give what a whole run gives
        write_tsv(table, staging / SCORES_FILE, EXACT)
        write_json({"model": loaded.settings.as_used}, staging / SUMMARY_FILE)


def _relative(rows: pd.DataFrame, start: int) -> list[Edit]:
    places = zip(rows["start"] - start, rows["end"] - start, rows["bases"], strict=True)
    return [Edit(int(first), int(last), bases) for first, last, bases in places]


@takes(VariantPlanSettings)
def merge_variants(
    shards: Sequence[Path],
    out: Path,
    settings: VariantPlanSettings,
    *,
    fasta: Path,
    vcf: Path | None = None,
    positions: Path | None = None,
    regions: Path | None = None,
    motifs: MotifChanges | None = None,
) -> None:
    """Put the scores of all shards together; ``out`` gets what a whole run writes.

    The files and settings must be those that the shards were cut with.

    Raises
    ------
    UserError
        If the scores are not those of this file, or of several models.
    """
    model = _read_model(shards)
    with Genome(fasta) as genome, output_folder(out, own=OWN_FILES) as staging:
        plan = plan_variants(genome, settings, vcf=vcf, positions=positions, regions=regions)
        scores = _read_scores([shard / SCORES_FILE for shard in in_order(shards)])
        planned = [
            (span.chrom, span.start + edit.start, span.start + edit.stop, edit.bases)
            for span, edits in plan.blocks()
            for edit in edits
        ]
        numbered = scores["edit"].tolist() == list(range(len(planned)))
        if not numbered or [*zip(*(scores[name] for name in PLACE), strict=True)] != planned:
            raise UserError(
                f"the {len(scores)} scores are not those of the {len(planned)} alleles and random "
                "substitutions of this file",
                where=vcf or positions,
                expected="all shards, of the same file, cut with the same options",
                do="cut and score the file again",
            )
        logits = scores[["reference_logit", "edited_logit"]].to_numpy(float)
        write_scored_variants(plan, logits, genome, staging, settings, motifs, model)


def _read_model(shards: Sequence[Path]) -> dict[str, Any] | None:
    """Read what model the shards were scored with; None if they do not say it, as of 1.0.0."""
    models: dict[Path, Any] = {
        path.parent: records.read(path, ScoredShard, "score the shards again")["model"]
        for path in (shard / SUMMARY_FILE for shard in shards)
        if path.is_file()
    }
    return require_same(models, "another model")


def _read_scores(paths: Sequence[Path]) -> pd.DataFrame:
    numbers = dict.fromkeys(("edit", "start", "end"), WHOLE)
    numbers |= dict.fromkeys(("reference_logit", "edited_logit"), NUMBER)
    parts = [
        read_tsv(path, SCORE_COLUMNS, text=["chrom", "bases"], numbers=numbers) for path in paths
    ]
    return pd.concat(parts, ignore_index=True)
