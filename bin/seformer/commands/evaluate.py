"""`seformer evaluate`: the test part scored once, beside its baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seformer.commands import options


def command(
    model: Annotated[
        list[Path],
        typer.Option(
            "--model",
            help="Model folder of an earlier stage; several make one ensemble (mean logit).",
        ),
    ],
    extracted: options.ExtractedMany,
    splits: options.SplitsMany,
    out: options.Out,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Name in the results; default: the model's.")
    ] = None,
    calibration: Annotated[
        str,
        typer.Option("--calibration", help="temperature, isotonic or none; fitted on validation."),
    ] = "temperature",
    threshold_by: Annotated[
        str,
        typer.Option("--threshold-by", help="mcc or precision:X; chosen on validation."),
    ] = "mcc",
    prevalence: Annotated[
        float | None,
        typer.Option(
            "--prevalence",
            help="Share of super-enhancers for which precision, AUPRC and MCC are given too; "
            "default: that of all labelled regions.",
        ),
    ] = None,
    baselines: Annotated[
        str,
        typer.Option("--baselines", help="all, or a comma list; cnn costs the most time."),
    ] = "all",
    bootstrap: options.Bootstrap = 1000,
    batch_tokens: options.BatchTokens = 16_384,
    seed: options.Seed = 1,
    device: options.Device = "auto",
    threads: options.Threads = 0,
) -> None:
    """Score the held-out test part once and compare with simple baselines.

    Writes metrics.json, test_predictions.tsv, curves.json and the final model folder model/.
    """
    from seformer.evaluation.baselines import BASELINES
    from seformer.evaluation.evaluate import evaluate
    from seformer.util.devices import use_threads

    use_threads(threads)
    evaluate(
        model,
        extracted,
        splits,
        out,
        sample=sample,
        calibration=calibration,
        threshold_by=threshold_by,
        prevalence=prevalence,
        baseline_names=tuple(BASELINES) if baselines == "all" else baselines.split(","),
        resamples=bootstrap,
        batch_tokens=batch_tokens,
        seed=seed,
        device=device,
    )
