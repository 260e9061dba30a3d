"""Attribution: integrated gradients of both strands, one dinucleotide shuffle each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import harness
import inputs
import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from harness import Other, Work

from seformer.explain.attribute import attribute
from seformer.explain.integrated_gradients import (
    integrate,
    make_examples,
    shares_of,
    with_reference,
)
from seformer.explain.references import make_references
from seformer.explain.settings import AttributionSettings
from seformer.scoring.score import Scorer
from seformer.scoring.views import encode_views

SEED = 1
# the sums are to be as near as those of 50 steps, which single precision bounds
COMPLETENESS = 1e-4
# as many steps a pass as keep the machine busy
STEPS_AT_ONCE = 5


class Plain:
    """Captum over one padded sequence at a time, with a fixed number of steps."""

    def __init__(self, model, sequences: list[str], longest: int, keys: list[str]) -> None:
        import plain

        self.sequences = sequences
        self.module = plain.PlainClassifier(model).eval()
        padded = inputs.padded_length(longest)
        self.rows = plain.dataset(plain.both_strands(sequences), padded)
        encoding = encode_views(model, sequences)
        self.own = np.diff(encoding.splits)
        ids = references(model, encoding, sequences, keys)
        self.baselines = []
        for i, row in enumerate(self.rows):
            baseline = row["input_ids"].clone()
            first, last = encoding.splits[i], encoding.splits[i + 1]
            place = slice(1, 1 + int(last - first))  # after [CLS]
            assert (baseline[place].numpy() == encoding.input_ids[first:last]).all()
            baseline[place] = torch.from_numpy(ids[first:last])
            self.baselines.append(baseline)

    def margins(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.module(ids, mask)["logits"]

    def run(self, steps: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Values of the tokens of each strand, and what the sum of each region misses, a logit."""
        method = LayerIntegratedGradients(self.margins, self.module.classifier.backbone.embedding)
        values, sums = [], []
        for row, baseline, tokens in zip(self.rows, self.baselines, self.own, strict=True):
            mask = row["attention_mask"][None]
            found = method.attribute(
                row["input_ids"][None],
                baselines=baseline[None],
                additional_forward_args=(mask,),
                n_steps=steps,
                internal_batch_size=STEPS_AT_ONCE,
            )
            found = found.detach().double().sum(-1)[0].numpy()
            with torch.no_grad():
                own = self.margins(row["input_ids"][None], mask).item()
                reference = self.margins(baseline[None], mask).item()
            values.append(found[1 : 1 + int(tokens)])
            sums.append((found.sum(), own - reference))
        total, difference = np.array(sums).reshape(-1, 2, 2).mean(1).T
        return values, np.abs(total - difference)


def references(model, encoding, sequences: list[str], keys: list[str]) -> np.ndarray:
    return make_references(
        model.tokenizer, encoding, sequences, keys, reference="dinucleotide", number=1, seed=SEED
    ).ids[0]


def make(work: Path, size: str) -> Work:
    harness.use_all_threads()
    how, model = inputs.SIZES[size], inputs.model(size)
    sequences = inputs.sequences(how.explained, longest=how.longest_explained)
    keys = [f"region {i}" for i in range(len(sequences))]
    settings = AttributionSettings(references=1, completeness=COMPLETENESS, seed=SEED)
    plainly = Plain(model, sequences, how.longest_explained, keys)

    def ours() -> np.ndarray:
        """What the sum of each region misses, a logit."""
        each = attribute(model, sequences, keys, settings)
        return np.array([a.completeness_error * abs(a.logit - a.reference_logit) for a in each])

    def difference() -> float:
        """Between the attributions of all tokens with the same number of steps."""
        scorer = Scorer(model, AttributionSettings().batch_tokens)
        encoding = scorer.encode(sequences)
        ids = references(model, encoding, sequences, keys)
        jobs = [
            with_reference(e, ids[encoding.splits[i] : encoding.splits[i + 1]])
            for i, e in enumerate(make_examples(scorer, encoding))
        ]
        expected = integrate(scorer, shares_of(scorer), jobs, 50)
        values, errors = plainly.run(50)
        found["50 steps"], found["seformer"] = errors.max(), ours().max()
        pairs = zip(values, expected, strict=True)
        return float(max(np.abs(a - b.tokens.sum(1)).max() for a, b in pairs))

    def remark() -> str:
        errors = ", ".join(f"{name} {error:.1g}" for name, error in found.items())
        return f"the sums miss, in logits: {errors}"

    found: dict[str, float] = {}
    return Work(
        f"attribution: {len(sequences)} regions cut to {how.longest_explained:,} bp",
        ours,
        {
            "Captum, one padded sequence at a time, 50 steps": Other(partial(plainly.run, 50), 5),
            "Captum, one padded sequence at a time, 700 steps": Other(
                partial(plainly.run, 700), 60, repeats=1
            ),
        },
        difference,
        remark,
    )
