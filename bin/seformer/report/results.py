"""What the report tells of: the results of a run, by sample and by BED."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seformer.evaluation.verdict import in_short
from seformer.explain.dissect_record import DissectionRecord
from seformer.report.draw import INTEGRATIVE, OF_BED
from seformer.util.labels import PARTS

PROBABILITY_BINS = 20
# more chromosomes than these are not named one by one
FEW_CHROMOSOMES = 8


@dataclass
class Predictions:
    """Counts over one scored BED."""

    rows: int = 0
    scored: int = 0
    super_enhancers: int = 0
    flags: Counter = field(default_factory=Counter)
    unscored: Counter = field(default_factory=Counter)
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(PROBABILITY_BINS, np.int64))
    summary: dict[str, Any] = field(default_factory=dict)
    # the regions with the highest scores, see `scoring.strongest`; None before version 1.1
    top: pd.DataFrame | None = None


@dataclass
class Explanations:
    """Completeness of one explained BED; errors are the finite ones, float64."""

    regions: int
    errors: np.ndarray
    flags: Counter
    summary: dict[str, Any] = field(default_factory=dict)
    window_errors: np.ndarray = field(default_factory=lambda: np.empty(0))
    # top.json: the regions with the highest scores base by base; None before version 1.1
    top: dict[str, Any] | None = None


@dataclass
class Motifs:
    """Motifs behind one explained BED; pictures lie in ``folder/logos``."""

    table: pd.DataFrame
    summary: dict[str, Any]
    folder: Path
    # chrom, start, end, name and attribution of the seqlets that match one
    sites: pd.DataFrame | None = None


@dataclass
class VariantEffects:
    """Scored variants of one file.

    Attributes
    ----------
    scored
        Alleles with a score, as often as regions hold them.
    strongest
        The first rows of variants.tsv, by p, then by the size of the difference.
    sizes, null
        float64: absolute differences of substitutions, and quantiles of those of the null.
    """

    scored: int
    strongest: pd.DataFrame
    sizes: np.ndarray
    null: np.ndarray
    summary: dict[str, Any]


@dataclass
class Judged:
    """Scores that were judged: metrics.json and curves.json of `seformer judge`."""

    metrics: dict[str, Any] | None = None
    curves: dict[str, Any] | None = None


@dataclass
class SampleResults:
    """What is known of one sample; anything may be missing."""

    name: str
    # call.json, where super-enhancers were called from peaks and signal
    call: dict[str, Any] | None = None
    regions: pd.DataFrame | None = None
    # of each fold and seed ("fold_1/seed_2"; "" where there is one training); the first is drawn
    runs: dict[str, pd.DataFrame] = field(default_factory=dict)
    metrics: dict[str, Any] | None = None
    curves: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    judged: dict[str, Judged] = field(default_factory=dict)
    predictions: dict[str, Predictions] = field(default_factory=dict)
    explanations: dict[str, Explanations] = field(default_factory=dict)
    motifs: dict[str, Motifs] = field(default_factory=dict)
    patterns: dict[str, Motifs] = field(default_factory=dict)
    variants: dict[str, VariantEffects] = field(default_factory=dict)
    # summary.json of every dissection
    dissections: dict[str, DissectionRecord] = field(default_factory=dict)
    # where the tables of every BED lie, by kind and BED; beside them are tracks
    tables: dict[str, dict[str, Path]] = field(default_factory=dict)
    # those places, see `report.in_regions`
    places: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def used_models(self) -> list[dict[str, Any]]:
        """The models that were used here, each once: threshold, and its own test in short."""
        kinds = self.predictions, self.explanations, self.variants
        summaries = [bed.summary for beds in kinds for bed in beds.values()]
        models = [s["model"] for s in (*summaries, *self.dissections.values()) if "model" in s]
        return [model for i, model in enumerate(models) if model not in models[:i]]

    @property
    def used_model(self) -> dict[str, Any] | None:
        """The model that was used here; None of several: what holds of one need not of all."""
        return self.used_models[0] if len(self.used_models) == 1 else None

    @property
    def test(self) -> dict[str, Any] | None:
        """The test in short: of this run, or that which the model took along."""
        return in_short(self.metrics) if self.metrics else (self.used_model or {}).get("test")

    @property
    def threshold(self) -> float | None:
        """The probability from which a region is called a super-enhancer."""
        thresholds = {model["threshold"] for model in self.used_models}
        return thresholds.pop() if len(thresholds) == 1 else None

    @property
    def history(self) -> pd.DataFrame | None:
        """The training that the curves show."""
        return self.runs[min(self.runs)] if self.runs else None

    @property
    def used(self) -> pd.DataFrame:
        """Regions in use: not dropped, labelled."""
        if self.regions is None:
            raise ValueError(f"{self.name} has no table of regions")
        return self.regions[(self.regions["drop_reason"] == "") & self.regions["label"].notna()]

    @property
    def one_length(self) -> int | None:
        """The length of all regions in use, if it is the same."""
        lengths = self.used["length"].unique()
        return int(lengths[0]) if len(lengths) == 1 else None


@dataclass
class Results:
    """Everything that the report tells of."""

    samples: dict[str, SampleResults]
    audit: dict[str, Any] | None = None
    transfer: dict[str, Any] | None = None
    # summary.json and loss.tsv of the pre-training, of each fold ("" where there is one)
    pretraining: dict[str, tuple[dict[str, Any], pd.DataFrame]] = field(default_factory=dict)
    # files to score or explain that had no region on the genome: name and reason
    passed_over: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def ordered(self) -> list[SampleResults]:
        """Every sample, see `in_order`."""
        return [self.samples[name] for name in self.in_order(self.samples)]

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Samples in the order of the sheet; the model of all is the last.

        What no audit names follows, sorted as people do, upper case or not.
        """
        sheet = {name: i for i, name in enumerate((self.audit or {}).get("samples", ()))}

        def place(name: str) -> tuple[bool, int, str, str]:
            return (name == INTEGRATIVE, sheet.get(name, len(sheet)), name.casefold(), name)

        return sorted(names, key=place)

    def with_(self, attribute: str) -> list[SampleResults]:
        """Samples for which ``attribute`` is known, in the order of the page."""
        # a table has no truth value
        return [
            sample
            for sample in self.ordered()
            if (value := getattr(sample, attribute)) is not None and len(value)
        ]

    def by_bed(self, attribute: str) -> dict[str, Any]:
        """Results of every BED by its name; with several models by model and BED."""
        samples = self.with_(attribute)
        return {
            bed if len(samples) == 1 else f"{sample.name}{OF_BED}{bed}": result
            for sample in samples
            for bed, result in getattr(sample, attribute).items()
        }

    def judged(self) -> list[SampleResults]:
        """Every judgement as if it were a sample, named after sample and file."""
        return [
            # alone in a folder, scores are a sample of their own
            SampleResults(" · ".join(dict.fromkeys(name.split(" · "))), **vars(judged))
            for name, judged in self.by_bed("judged").items()
            if judged.metrics is not None
        ]


def held_out_chromosomes(samples: list[SampleResults]) -> dict[str, list[str]] | None:
    """Chromosomes of each part where no two parts share one, and they are few."""
    tables = [sample.used for sample in samples if sample.regions is not None]
    tables = [table[["chrom", "split"]] for table in tables if {"chrom", "split"} <= set(table)]
    if not tables:
        return None
    table = pd.concat(tables)
    names = {part: set(map(str, table["chrom"][table["split"] == part])) for part in PARTS}
    if any(names[a] & names[b] for a, b in (PARTS[:2], PARTS[1:], PARTS[::2])):
        return None
    if not 0 < max(len(names["test"]), len(names["validation"])) <= FEW_CHROMOSOMES:
        return None
    return {part: sorted(chromosomes, key=_natural) for part, chromosomes in names.items()}


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort chr7 before chr10."""
    return [
        (not word.isdigit(), int(word) if word.isdigit() else 0, word)
        for word in re.split(r"(\d+)", name)
    ]
