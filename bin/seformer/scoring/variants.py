"""Scores of variants: the logit of the region with the alternative allele minus that without."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from seformer.genome.genome import Genome
from seformer.model.folder import load_model
from seformer.scoring.score import Ensemble
from seformer.scoring.settings import VariantSettings
from seformer.scoring.variant_files import OWN_FILES, MotifChanges, write_scored_variants
from seformer.scoring.variant_plan import plan_variants
from seformer.scoring.views import Edit
from seformer.util.atomic import output_folder
from seformer.util.logs import progress
from seformer.util.settings import takes


@takes(VariantSettings)
def variants(
    model: Path,
    out: Path,
    settings: VariantSettings,
    *,
    fasta: Path,
    vcf: Path | None = None,
    positions: Path | None = None,
    regions: Path | None = None,
    motifs: MotifChanges | None = None,
) -> None:
    """Score every alternative allele of a VCF, or every substitution at the bases of a BED.

    ``out`` gets ``variants.vcf.gz`` (the input's records with the fields of
    `seformer.scoring.variant_files.INFO`) with its index, ``variants.tsv`` (one row per allele and
    region), ``null.tsv`` (the random substitutions that they are compared with) and
    ``summary.json``.

    Parameters
    ----------
    vcf
        VCF or BCF, plain or compressed, or a table, see `seformer.scoring.variant_table`; or
    positions
        BED whose every base is replaced by each of the three others.
    regions
        Regions in which variants are scored; an allele is scored in every region that holds it
        whole, and the VCF carries the first of them. Without it the region is ``width`` bases
        round the variant (or the row of ``positions``, so that its substitutions share all
        windows but those they change), inside its chromosome.
    motifs
        Says which motifs an allele makes or breaks, see `seformer.motifs.changes`.

    Raises
    ------
    UserError
        If a file cannot be used. A variant that cannot be scored is no error: it is reported.
    """
    with Genome(fasta) as genome, output_folder(out, own=OWN_FILES) as staging:
        plan = plan_variants(genome, settings, vcf=vcf, positions=positions, regions=regions)
        loaded = load_model(model, settings.device)
        scorer = Ensemble(loaded, settings.batch_tokens)
        blocks = (
            (genome.fetch(block.span.chrom, block.span.start, block.span.end), block.edits)
            for block in progress([*plan.blocks()], "scoring variants")
        )
        scores, used = score_blocks(scorer, blocks), loaded.settings.as_used
        write_scored_variants(plan, scores, genome, staging, settings, motifs, used)


def score_blocks(scorer: Ensemble, blocks: Iterable[tuple[str, Sequence[Edit]]]) -> np.ndarray:
    """Score the edits of each block's sequence, each alone.

    A region with an insertion or deletion is scored with its new length, its ends where they are.

    Returns
    -------
    np.ndarray
        float64 ``[edits, 2]``: logit of the region as it is, and edited.
    """
    scores = [np.empty((0, 2))]
    for sequence, edits in blocks:
        logit, edited = scorer.edits(sequence, edits)
        scores.append(np.column_stack([np.full(len(edited), logit), edited]))
    return np.concatenate(scores)
