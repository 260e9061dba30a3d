"""`seformer predict`: scores for any region file."""

from __future__ import annotations

from seformer.commands import options
from seformer.scoring.settings import PredictSettings


@options.expand
def command(
    model: options.TrainedModel,
    out: options.Out,
    settings: PredictSettings,
    fasta: options.OptionalFasta = None,
    regions: options.Regions = None,
    extracted: options.ExtractedOne = None,
) -> None:
    """Score every region: logit, calibrated probability, call, coverage and flags."""
    from seformer.model.archive import opened
    from seformer.scoring.predict import predict

    with opened(model) as folder:
        predict(folder, out, settings, fasta=fasta, regions=regions, extracted=extracted)
