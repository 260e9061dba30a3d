"""Scores of `tiny`, which reads each strand once, beside those of the `tiny` of version 1.0.

That one had 6-mers that do not overlap and read each strand in six phases. Both are trained here,
on the same simulated regions, and the remark says how well each tells the held-out ones.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import harness
import numpy as np
from harness import Other, Work
from sklearn.metrics import roc_auc_score

from seformer.model.backbones import random_backbone
from seformer.model.backbones.presets import PRESETS, preset_tokenizer
from seformer.model.folder import Model, load_model
from seformer.regions.extract import extract
from seformer.regions.simulate import simulate
from seformer.scoring.score import Ensemble
from seformer.sequence.dna import reverse_complement
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.split import split
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head

NOW, BEFORE = "one reading of a strand", "version 1.0: six phases of 6-mers that do not overlap"
SIX_PHASES = PRESETS["tiny"] | {
    "stride": 6,
    "pool": 1,
    "token_dropout_prob": 0.0,
    "max_position_embeddings": 512,
}
# trained as the preset is, with its rate
RATE, SEED = 0.001, 1
EPOCHS = {"smoke": 1}
MANY = 8
# of the simulated regions every so many is taken; of the held-out ones every so many is timed
EVERY, TIMED = {"smoke": 6}, 4


def regions(work: Path, size: str) -> tuple[list[Path], list[Path]]:
    """Simulate, extract and split: folders of `extract`, files of `split`."""
    made, extracted, parts = (work / f"views_{name}" for name in ("data", "extracted", "split"))
    if not parts.is_dir():
        simulate(made, grammar="motifs", seed=SEED)
        beds = [made / f"{kind}_enhancers.bed" for kind in ("super", "typical")]
        for bed in beds:
            lines = bed.read_text(encoding="ascii").splitlines(keepends=True)
            bed.write_text("".join(lines[:: EVERY.get(size, 1)]), encoding="ascii")
        extract(
            made / "genome.fa.gz",
            extracted,
            super_enhancers=beds[0],
            typical_enhancers=beds[1],
            sample="simulated",
        )
        split([extracted], parts)
    return [extracted], [parts / "simulated/splits.tsv"]


def trained(work: Path, size: str, name: str) -> Model:
    """Train one of the two, both stages."""
    folder = work / ("views_now" if name == NOW else "views_before")
    if not folder.is_dir():
        data, model, head = regions(work, size), "tiny", work / f"{folder.name}_head"
        if name == BEFORE:
            model = work / "views_backbone"
            random_backbone(SIX_PHASES, preset_tokenizer(SIX_PHASES), to=model, seed=SEED)
        finetune_head(*data, str(model), head, device="cpu", epochs=EPOCHS.get(size, 50))
        finetune_full(
            head, *data, folder, device="cpu", epochs=EPOCHS.get(size, MANY), learning_rate=RATE
        )
    return load_model(folder)


@cache
def tested(work: Path, size: str) -> LabelledDataset:
    return open_dataset(*regions(work, size))


def unlike(some: np.ndarray, others: np.ndarray, scores: np.ndarray) -> float:
    """Largest difference, as part of the spread of scores where that is more than a logit."""
    return float(np.abs(some - others).max() / max(scores.std(), 1))


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    models = {name: trained(work, size, name) for name in (NOW, BEFORE)}
    data = tested(work, size)
    tests, labels = list(data.sequences("test")), data.labels("test")
    sequences = tests[::TIMED]
    scores: dict[str, np.ndarray] = {}

    def score(name: str, texts: list[str] = sequences) -> np.ndarray:
        return Ensemble(models[name]).score(texts).logit

    def difference() -> float:
        """Between the scores of a region and of its other strand, of either model."""
        turned = [reverse_complement(bases) for bases in sequences]
        scores.update({name: score(name, tests) for name in models})
        return max(
            unlike(score(name, turned), scores[name][::TIMED], scores[name]) for name in models
        )

    def remark() -> str:
        now, before = (roc_auc_score(labels, scores[name]) for name in (NOW, BEFORE))
        return f"AUROC of {len(tests)} regions {now:.3f}, of version 1.0 {before:.3f}"

    return Work(
        f"scores of `tiny`: {len(sequences)} simulated regions",
        lambda: score(NOW),
        {BEFORE: Other(lambda: score(BEFORE), 3)},
        difference,
        remark,
    )
