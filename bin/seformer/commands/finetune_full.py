"""`seformer finetune-full`: stage 2, all layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: options.ModelFolder,
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Most passes over the training part.")
    ] = 10,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", help="[default: the model's recommended rate]"),
    ] = None,
    warmup: Annotated[
        float,
        typer.Option("--warmup", min=0.0, max=1.0, help="Part of the steps with a rising rate."),
    ] = 0.1,
    patience: Annotated[
        int, typer.Option("--patience", min=1, help="Epochs without a better validation AUROC.")
    ] = 3,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size",
            min=1,
            help="Regions per step; gradients are accumulated over as many passes as "
            "--batch-tokens asks for.",
        ),
    ] = 16,
    batch_tokens: options.BatchTokens = 16_384,
    max_windows: Annotated[
        int,
        typer.Option(
            "--max-windows",
            min=1,
            help="Windows of a region per step; of longer regions a random choice is trained on.",
        ),
    ] = 8,
    precision: Annotated[
        options.Precision, typer.Option("--precision", help="auto is fp32 on a CPU.")
    ] = options.Precision.auto,
    class_weights: options.ClassWeightsOption = options.ClassWeights.balanced,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, a third more time.")
    ] = False,
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", help="Folder that outlives the task, to resume from."),
    ] = None,
    checkpoint_minutes: Annotated[
        float, typer.Option("--checkpoint-minutes", min=0.0, help="Time between checkpoints.")
    ] = 5.0,
    lora_rank: Annotated[
        int,
        typer.Option(
            "--lora-rank", min=0, help="Train low-rank adapters instead of all weights; 0 = no."
        ),
    ] = 0,
    processes: Annotated[
        int, typer.Option("--processes", min=1, help="Processes, one a GPU, for one training.")
    ] = 1,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Stage 2: train all layers with warm-up, early stopping and checkpoints."""
    from seformer.training.launch import in_processes

    if in_processes(processes, "finetune-full"):
        return
    from seformer.training.full import finetune_full
    from seformer.util.devices import use_threads

    use_threads(threads)
    finetune_full(
        model,
        extracted,
        splits,
        out,
        epochs=epochs,
        learning_rate=learning_rate,
        warmup=warmup,
        patience=patience,
        batch_size=batch_size,
        batch_tokens=batch_tokens,
        max_windows=max_windows,
        precision=precision.value,
        weights=class_weights.value,
        gradient_checkpointing=gradient_checkpointing,
        checkpoints=checkpoints,
        checkpoint_minutes=checkpoint_minutes,
        lora_rank=lora_rank,
        seed=seed,
        device=device,
    )
