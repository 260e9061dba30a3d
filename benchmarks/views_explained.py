"""Explanations of `tiny`, which reads each strand once, beside those of the `tiny` of version 1.0.

The models and regions are those of `views`. The remark says how well the explanations show the
planted motifs, and how far they agree with mutagenesis.
"""

from __future__ import annotations

from pathlib import Path

import harness
import numpy as np
import pandas as pd
from harness import Other, Work
from sklearn.metrics import roc_auc_score
from views import BEFORE, NOW, SEED, tested, trained, unlike

from seformer.explain.attribute import Attribution, attribute
from seformer.explain.faithfulness import CheckedRegion, against_mutagenesis
from seformer.explain.settings import AttributionSettings
from seformer.scoring.score import Ensemble

REGIONS = {"smoke": 1}
MANY = 12


def planted(work: Path, rows: pd.DataFrame) -> np.ndarray:
    """Whether each base of the regions lies in a planted motif: bool, region after region."""
    columns = ["chrom", "start", "end", "name", "score", "strand"]
    truth = pd.read_csv(
        work / "views_data/truth.bed", sep="\t", comment="#", header=None, usecols=range(6)
    ).set_axis(columns, axis=1)
    inside = []
    for row in rows.itertuples():
        bases = np.zeros(row.end - row.start, dtype=bool)
        near = truth[(truth["chrom"] == row.chrom) & (truth["start"] >= row.start)]
        for motif in near[near["end"] <= row.end].itertuples():
            bases[motif.start - row.start : motif.end - row.start] = True
        inside.append(bases)
    return np.concatenate(inside)


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    models = {name: trained(work, size, name) for name in (NOW, BEFORE)}
    data = tested(work, size)
    test = data.select("test")
    chosen = np.linspace(0, len(test) - 1, REGIONS.get(size, MANY)).round().astype(int)
    rows, texts = data.regions.iloc[test[chosen]], list(data.sequences("test"))
    sequences = [texts[place] for place in chosen]
    keys = [f"{row.chrom}:{row.start}-{row.end}" for row in rows.itertuples()]
    settings = AttributionSettings(seed=SEED)
    found: dict[str, list[Attribution]] = {}

    def explain(name: str) -> list[Attribution]:
        return attribute(models[name], sequences, keys, settings)

    def difference() -> float:
        """Between the score that is explained and the score that is predicted, of either model."""
        found.update({name: explain(name) for name in models})
        scores = {name: Ensemble(model).score(texts).logit for name, model in models.items()}
        return max(
            unlike(np.array([a.logit for a in found[name]]), scores[name][chosen], scores[name])
            for name in models
        )

    def bars(name: str) -> str:
        motifs = planted(work, rows)
        size_of = np.abs(np.concatenate([a.values for a in found[name]]))
        agreements = [
            against_mutagenesis(
                models[name],
                CheckedRegion(bases, key, own.values, own.logit),
                settings.batch_tokens,
            )
            for bases, key, own in zip(sequences, keys, found[name], strict=True)
        ]
        values = [record["mutagenesis"] for record in agreements]
        return (
            f"AUROC of planted bases {roc_auc_score(motifs, size_of):.3f}, agreement with"
            f" mutagenesis {np.median([value for value in values if value is not None]):.3f}"
        )

    return Work(
        f"explanations of `tiny`: {len(sequences)} simulated regions",
        lambda: explain(NOW),
        {BEFORE: Other(lambda: explain(BEFORE), 3)},
        difference,
        lambda: f"{bars(NOW)}; version 1.0: {bars(BEFORE)}",
    )
