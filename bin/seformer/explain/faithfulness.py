"""How far attributions can be believed, measured on a few regions of each run.

``deletion`` and ``insertion``: the logit as the bases with the highest attribution are replaced
(or put into a shuffled sequence), against as many random bases (Samek et al., IEEE TNNLS 2017).
``mutagenesis``: rank correlation with in-silico mutagenesis, an independent method.
``randomised_model``: rank correlation with the attributions of the same model after all its
weights were shuffled; a method that only draws the input would agree (Adebayo et al., NeurIPS
2018). ``seed_stability``: rank correlation with another set of shuffled references, where there are
any. All look at known bases alone: at N every attribution is the same, and would agree with any.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from seformer.explain.attribute import FIRST_STEPS, attribute
from seformer.explain.faithfulness_summary import FRACTIONS, summarise_faithfulness
from seformer.explain.settings import AttributionSettings
from seformer.model.folder import Model
from seformer.scoring.mutagenesis import importance, mutate
from seformer.scoring.score import Ensemble
from seformer.sequence.dna import BASE_LETTERS, CODE_OF_LETTER, base_codes
from seformer.sequence.shuffle import dinucleotide_shuffle, generator
from seformer.util.logs import progress
from seformer.util.ranks import spearman

# longer regions are passed over in the choice if there are enough others: the cost is theirs
LONG = 10_000
DRAWS = 4
POSITIONS = 60
# methods that compare with references; only the shuffled ones follow the seed
DRAWING = ("integrated_gradients", "occlusion")


class CheckedRegion(NamedTuple):
    """A region that is looked at, with its attribution.

    ``values`` is float32 ``[bases]``, as the values file has them: what is measured is then the
    same whether the attributions have just been made or are read again.
    """

    sequence: str
    key: str
    values: np.ndarray
    logit: float


def choose(lengths: Sequence[int], number: int) -> list[int]:
    """Choose rows evenly over the file, regions of at most 10 kb if there are any."""
    rows = np.flatnonzero(np.asarray(lengths, dtype=np.int64) <= LONG)
    if not len(rows):
        rows = np.argsort(lengths, kind="stable")[:number]
    if number <= 0 or not len(rows):
        return []
    places = np.linspace(0, len(rows) - 1, min(number, len(rows))).round().astype(int)
    return sorted(set(rows[places].tolist()))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's rank correlation; None where one side is constant or has under 3 values."""
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return spearman(first, second)


def known_bases(region: CheckedRegion) -> np.ndarray:
    """Positions of A, C, G, T, int64; those whose tokens all hold an N are not among them.

    Such tokens stand in the reference too, so that their bases get nothing from any model.
    """
    known = base_codes(region.sequence) >= 0
    if not known.all():
        known &= region.values != 0
    return np.flatnonzero(known)


# ------------------------------------------------------------------------- curves


def replaced(
    sequence: str, positions: np.ndarray, random: np.random.Generator, source: str | None = None
) -> str:
    """Replace the bases at ``positions``: by those of ``source``, else each by another base.

    N stays N.
    """
    bases = np.frombuffer(sequence.encode(), np.uint8).copy()
    if source is not None:
        bases[positions] = np.frombuffer(source.encode(), np.uint8)[positions]
        return bases.tobytes().decode()
    codes = CODE_OF_LETTER[bases[positions]]
    other = BASE_LETTERS[(codes + random.integers(1, 4, len(positions))) % 4]
    bases[positions] = np.where(bases[positions] == ord("N"), bases[positions], other)
    return bases.tobytes().decode()


def curves(
    model: Model, region: CheckedRegion, seed: int, batch_tokens: int
) -> dict[str, list[float]]:
    """Change of the logit at each of `FRACTIONS`, mean of `DRAWS` draws.

    Returns
    -------
    dict
        ``deletion_top`` and ``deletion_random``: f(x) minus the logit with those bases replaced
        each by another base. ``insertion_top`` and ``insertion_random``: the logit of a
        dinucleotide shuffle with those bases put back, minus that of the shuffle.
    """
    sequence = region.sequence
    known = np.flatnonzero(base_codes(sequence) >= 0)
    order = known[np.argsort(-region.values[known], kind="stable")]
    numbers = [max(1, round(fraction * len(known))) for fraction in FRACTIONS]
    texts = []
    for draw in range(DRAWS):
        random = generator(f"{region.key} curves {draw}", seed)
        shuffled = dinucleotide_shuffle(sequence, random)
        mixed = random.permutation(known)
        texts.append(shuffled)
        for ranked in (order, mixed):
            texts += [replaced(sequence, ranked[:n], random) for n in numbers]
            texts += [replaced(shuffled, ranked[:n], random, sequence) for n in numbers]
    logits = Ensemble(model, batch_tokens).score_together(texts).logit.reshape(DRAWS, -1)
    base, points = logits[:, :1], logits[:, 1:].reshape(DRAWS, 4, len(FRACTIONS))
    return {
        "deletion_top": (region.logit - points[:, 0]).mean(0).tolist(),
        "insertion_top": (points[:, 1] - base).mean(0).tolist(),
        "deletion_random": (region.logit - points[:, 2]).mean(0).tolist(),
        "insertion_random": (points[:, 3] - base).mean(0).tolist(),
    }


# ------------------------------------------------------------------------- agreements


def against_mutagenesis(model: Model, region: CheckedRegion, batch_tokens: int) -> dict[str, Any]:
    """Rank correlation with mutagenesis at `POSITIONS` known bases, spread over the region."""
    known = known_bases(region)
    if not len(known):
        return {"mutagenesis": None, "mutagenesis_signed": None}
    chosen = np.linspace(0, len(known) - 1, min(POSITIONS, len(known))).round().astype(int)
    positions = known[np.unique(chosen)]
    effects = mutate(Ensemble(model, batch_tokens), region.sequence, positions.tolist())
    worth, values = importance(effects), region.values[positions]
    return {
        "mutagenesis": rank_correlation(np.abs(worth), np.abs(values)),
        "mutagenesis_signed": rank_correlation(worth, values),
    }


def randomised(model: Model, seed: int) -> Model:
    """Copy the model, all members of it, with the entries of every weight tensor shuffled."""
    generator = torch.Generator().manual_seed(seed)

    def shuffled(member: Model) -> Model:
        classifier = copy.deepcopy(member.classifier)
        with torch.no_grad():
            for parameter in classifier.parameters():
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].view_as(parameter))
        return replace(member, classifier=classifier)

    first, *others = map(shuffled, model.members)
    return replace(first, others=tuple(others))


def against_other_draws(
    model: Model, random_model: Model, region: CheckedRegion, settings: AttributionSettings
) -> dict[str, Any]:
    """Rank correlation with attributions against other references, and of shuffled weights."""
    known, region_of = known_bases(region), ([region.sequence], [region.key])
    values, stability = region.values[known], None
    if settings.method in DRAWING and settings.reference == "dinucleotide":
        (again,) = attribute(model, *region_of, settings.but(seed=settings.seed + 1))
        stability = rank_correlation(values, again.values[known])
    # whether this one is complete does not matter, so it is not driven there
    quick = settings.but(references=1, max_steps=FIRST_STEPS)
    (random,) = attribute(random_model, *region_of, quick)
    return {
        "seed_stability": stability,
        "randomised_model": rank_correlation(np.abs(values), np.abs(random.values[known])),
    }


# ------------------------------------------------------------------------- all


def measure_faithfulness(
    model: Model, regions: Sequence[CheckedRegion], settings: AttributionSettings
) -> dict[str, Any]:
    """Measure all of the above on chosen regions; see `summarise_faithfulness`."""
    if not regions:
        return summarise_faithfulness([])
    random_model = randomised(model, settings.seed)
    return summarise_faithfulness(
        [
            {
                "region": region.key,
                **curves(model, region, settings.seed, settings.batch_tokens),
                **against_mutagenesis(model, region, settings.batch_tokens),
                **against_other_draws(model, random_model, region, settings),
            }
            for region in progress(regions, "checking attributions")
        ]
    )
