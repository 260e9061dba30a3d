"""`seformer finetune-full`: stage 2, all layers."""

from __future__ import annotations

from seformer.commands import options
from seformer.training.settings import FullSettings, LaunchSettings


@options.expand
def command(
    model: options.ModelFolder,
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    settings: FullSettings,
    launch: LaunchSettings,
) -> None:
    """Stage 2: train all layers with warm-up, early stopping and checkpoints."""
    from seformer.training.launch import in_processes

    if in_processes(launch.processes, "finetune-full"):
        return
    from seformer.training.full import finetune_full

    finetune_full(model, extracted, splits, out, settings)
