"""The shape of summary.json of `seformer pretrain`, see `seformer.util.records.read`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from seformer.util.fields import Count, Number, Positive, Share, Text

SUMMARY_FILE = "summary.json"
LOSS_FILE = "loss.tsv"
# of chromosomes that were left out so many are named
MOST_NAMED = 20


class PretrainedOn(TypedDict):
    """The sequence: a genome, or regions of it."""

    fasta: Text
    assembly: Text | None
    regions: Text | None


LeftOutBy = Literal["splits", "chromosomes", "default", "nothing"]


class LeftOutRecord(TypedDict):
    """What pre-training did not see, and who said so.

    ``chromosomes`` are the first `MOST_NAMED` names of ``whole`` chromosomes; ``regions`` lie on
    others.
    """

    by: LeftOutBy
    chromosomes: list[Text]
    whole: Count
    regions: Count
    bases: Count


class Told(TypedDict):
    """How well hidden tokens are told: mean cross-entropy (nats) and share that is right."""

    loss: Number
    accuracy: Share


class MaskingRecord(TypedDict):
    """How tokens were hidden: which share, and how many in a row at least."""

    share: Share
    run: Positive


class Pretraining(TypedDict):
    """One pre-training.

    ``start`` and ``best`` are of windows held back, before the first step and of the weights that
    were kept; ``constant`` is the best guess without a model, by the training windows.
    """

    on: PretrainedOn
    left_out: LeftOutRecord
    windows: Count
    held_back: Count
    bases: Count
    dropped: dict[Text, Count]
    masking: MaskingRecord
    head: Literal["published", "new"]
    steps: Count
    best_step: Count
    tokens: Count
    start: Told
    best: Told
    constant: Told
    settings: dict[str, Any]


class PretrainedBackbone(TypedDict):
    """What was trained further."""

    name: Text
    source: Text
    revision: Text | None
    family: Text
    licence: Text | None


class PretrainingSummary(TypedDict):
    """summary.json: of several pre-trainings one after the other the last is the last here."""

    seformer_version: Text
    backbone: PretrainedBackbone
    pretraining: list[Pretraining]
    seconds: Number
