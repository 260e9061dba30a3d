"""`seformer finetune-head`: stage 1, the classifier on the frozen backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="tiny or small (from scratch), a name from `seformer models`, a hub id "
            "(owner/name[@revision]), or a folder.",
        ),
    ],
    out: options.Out,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Name of the sample in the results.")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option("--window", min=4, help="Tokens in a window [default: the model's context]."),
    ] = None,
    overlap: Annotated[
        int, typer.Option("--overlap", min=0, help="Tokens that neighbouring windows share.")
    ] = 0,
    token_pooling: Annotated[
        options.TokenPooling, typer.Option("--token-pooling", help="Tokens to a window.")
    ] = options.TokenPooling.mean,
    window_pooling: Annotated[
        options.WindowPooling, typer.Option("--window-pooling", help="Windows to a region.")
    ] = options.WindowPooling.mean,
    features: Annotated[
        options.Features,
        typer.Option(
            "--features",
            help="kmer: add the linear margin of the k-mer spectrum to the transformer's.",
        ),
    ] = options.Features.none,
    head_epochs: Annotated[
        int,
        typer.Option(
            "--head-epochs", min=0, help="Most passes over the training part; 0 = no stage 1."
        ),
    ] = 50,
    head_learning_rate: Annotated[
        float | None,
        typer.Option("--head-learning-rate", help="[default: the model's recommended rate]"),
    ] = None,
    head_patience: Annotated[
        int,
        typer.Option("--head-patience", min=1, help="Epochs without a better validation AUROC."),
    ] = 8,
    class_weights: options.ClassWeightsOption = options.ClassWeights.balanced,
    dropout: Annotated[
        float, typer.Option("--dropout", min=0.0, max=0.9, help="Dropout in the classifier.")
    ] = 0.1,
    batch_tokens: options.BatchTokens = 16_384,
    cache: Annotated[
        Path | None, typer.Option("--cache", help="Folder that keeps the frozen features.")
    ] = None,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Stage 1: train the classifier on the frozen backbone, whose features are computed once."""
    from seformer.training.head import finetune_head
    from seformer.util.devices import use_threads

    use_threads(threads)
    finetune_head(
        extracted,
        splits,
        model,
        out,
        sample=sample,
        window=window,
        overlap=overlap,
        token_pooling=token_pooling.value,
        window_pooling=window_pooling.value,
        features=features.value,
        epochs=head_epochs,
        learning_rate=head_learning_rate,
        patience=head_patience,
        dropout=dropout,
        weights=class_weights.value,
        batch_tokens=batch_tokens,
        cache=cache,
        seed=seed,
        device=device,
    )
