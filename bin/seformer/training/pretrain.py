"""Masked-token training of a backbone before stage 1, on sequence without labels."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import seformer
from seformer.genome.genome import Genome
from seformer.model.archive import OWN_FILES
from seformer.model.backbones import Backbone, Origin, build_backbone, save_folder
from seformer.model.backbones.build import read_published
from seformer.model.backbones.presets import PRESETS
from seformer.model.backbones.registry import locate_model
from seformer.model.folder import weights_digest
from seformer.model.masked_head import MaskedModel, masked_head
from seformer.regions.drop import mark_places
from seformer.regions.extract import bad_lines
from seformer.regions.read import read_regions
from seformer.regions.spelling import Spelling
from seformer.training.checkpoint import Checkpoints
from seformer.training.common import fingerprint, recommended_rates
from seformer.training.head import check_window
from seformer.training.masked_trainer import COLUMNS, MaskedTrainer
from seformer.training.optimise import resolve_precision
from seformer.training.pretraining_windows import (
    choose_left_out,
    stretches_of,
    window_bases,
    write_windows,
)
from seformer.training.settings import PretrainCourse, PretrainSettings
from seformer.util.atomic import output_folder, require_writable
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.settings import takes
from seformer.util.shapes_of_pretraining import LOSS_FILE, MOST_NAMED, SUMMARY_FILE, LeftOutRecord
from seformer.util.tables import write_tsv
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
OWN = (*OWN_FILES, SUMMARY_FILE, LOSS_FILE)


@takes(PretrainSettings)
def pretrain(
    model: str,
    out: Path,
    settings: PretrainSettings,
    *,
    fasta: Path,
    regions: Path | None = None,
    splits: Sequence[Path] = (),
) -> dict[str, Any]:
    """Train a backbone to tell hidden tokens, and write it as a folder like a published one.

    ``out`` gets the backbone with its masked-LM head and tokeniser, ``summary.json`` and
    ``loss.tsv``. It starts from the masked-LM head of the checkpoint, if it has one.

    With ``checkpoints``, an interrupted training of the same sequence, model and options goes on
    from the last checkpoint there and ends with the same weights as an uninterrupted one.

    Parameters
    ----------
    model
        A preset, a name of the registry, a hub id or a folder.
    regions
        A region file: only the sequence of these is seen; without it all of the genome.
    splits
        ``splits.tsv`` of `seformer split`: test and validation are left out, see
        `training.pretraining_windows`.

    Returns
    -------
    dict
        The content of ``summary.json``.

    Raises
    ------
    UserError
        If an input or an option cannot be used, nothing is left to train on, or the loss is no
        longer a number.
    Interrupted
        After SIGTERM, once the checkpoint is written.
    """
    require_writable(out, OWN)
    began = time.monotonic()
    device = resolve_device(settings.device)
    backbone, tokenizer, origin = build_backbone(model, seed=settings.seed)
    head, published = masked_head(backbone, *_checkpoint(model), settings.seed)
    special = sum(map(len, tokenizer.wrap))
    window = check_window(settings.window, 0, backbone.context, special)
    settings = settings.but(
        learning_rate=settings.learning_rate or recommended_rates(origin.name).full,
        precision=resolve_precision(settings.precision, device),
        mask_share=settings.mask_share or backbone.mask_share,
    )
    content = None if window is None else window - special
    with Genome(fasta) as genome:
        left_out = choose_left_out(settings, splits, genome)
        told = left_out.record(genome)
        wanted, unusable = _read(regions, genome, settings)
        stretches = stretches_of(genome, wanted, left_out)
        if stretches.empty:
            raise UserError(
                "there is nothing to pre-train on: all of it is left out",
                where=regions or fasta,
                expected="sequence outside the test and validation parts",
            )
        _say(told)
        length = window_bases(genome, stretches, tokenizer, content, settings.seed)
        windows = write_windows(genome, stretches, length, settings.max_n)
        on = {
            "fasta": genome.path.name,
            "assembly": genome.assembly,
            "regions": regions and Path(regions).name,
        }
    whole = MaskedModel(backbone, head).to(device)
    if settings.gradient_checkpointing:
        backbone.gradient_checkpointing_enable()
    kept = settings.checkpoints and settings.checkpoints / fingerprint(
        windows=windows.digest,
        model=weights_digest({k: v.detach().cpu() for k, v in whole.state_dict().items()}),
        config=backbone.config,
        tokenizer=tokenizer.identity,
        options=str(settings.only(PretrainCourse)),
    )
    checkpoints = Checkpoints(kept, settings.checkpoint_minutes * 60, "pretraining")
    trainer = MaskedTrainer(whole, tokenizer, windows, content, settings, device)
    trainer.fit(checkpoints)
    summary = {
        "seformer_version": seformer.__version__,
        "backbone": _base(origin, backbone),
        "pretraining": [
            *backbone.pretraining,
            {
                "on": on,
                "left_out": told,
                **trainer.counts(),
                "dropped": unusable | windows.dropped,
                "masking": {"share": settings.mask_share, "run": tokenizer.overlapping},
                "head": "published" if published else "new",
                "settings": settings.only(PretrainCourse) | {"window": window},
            },
        ],
        "seconds": round(time.monotonic() - began, 1),
    }
    if trainer.optimisation.accelerator.is_main_process:
        with output_folder(out, own=OWN) as staging:
            save_folder(staging, backbone.config, backbone.published_state() | head.published())
            tokenizer.save(staging)
            write_json(summary, staging / SUMMARY_FILE)
            write_tsv(pd.DataFrame(trainer.rows, columns=list(COLUMNS)), staging / LOSS_FILE)
        checkpoints.clear()
    return summary


def _checkpoint(model: str) -> tuple[dict[str, torch.Tensor], str]:
    """All tensors of a model's files, heads included, and where they are; none of a preset."""
    if model in PRESETS:
        return {}, model
    folder = locate_model(model).folder
    return read_published(folder)[1], str(folder)


def _read(
    path: Path | None, genome: Genome, settings: PretrainSettings
) -> tuple[pd.DataFrame | None, dict[str, int]]:
    """Read the regions to see, and count those that cannot be used; None for the whole genome."""
    if path is None:
        return None, {}
    source = existing_file(path)
    invalid = settings.invalid_regions
    rows = read_regions(source, labels=False, own=(), invalid=bad_lines(invalid)).regions
    spelling = Spelling(genome, settings.rename_chromosomes)
    spelling.survey([rows.assign(path=str(source))], past_ends=invalid == "drop")
    placed = mark_places(spelling.spell(rows), genome.chromosomes, min_length=1)
    unusable = placed["drop_reason"] != ""
    return placed[~unusable], placed["drop_reason"][unusable].value_counts().to_dict()


def _base(origin: Origin, backbone: Backbone) -> dict[str, str | None]:
    names = ("name", "source", "revision", "family")
    return {name: getattr(origin, name) for name in names} | {"licence": backbone.licence}


def _say(left_out: LeftOutRecord) -> None:
    """Say in the log what is not seen."""
    named = ", ".join(left_out["chromosomes"]) + ", …" * (left_out["whole"] > MOST_NAMED)
    logger.info(
        "left out: %d chromosomes (%s) and %d regions on others, %d bases in all",
        *(left_out["whole"], named or "none", left_out["regions"], left_out["bases"]),
    )
