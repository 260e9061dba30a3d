"""Regions made ready for any method of attribution, and what all methods share of the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from seformer.explain.base_shares import project
from seformer.explain.integrated_gradients import Example, Job, make_examples, reference_margins
from seformer.explain.window_contributions import spans
from seformer.scoring.score import Scorer
from seformer.scoring.views import coverage
from seformer.sequence.tokenizers import Encoding


class PreparedRegions(NamedTuple):
    """Regions made ready; rows are those of `seformer.scoring.views.encode_views`.

    Attributes
    ----------
    keys
        One a region; with the seed they decide its shuffles.
    lengths
        int64 ``[regions]``: bases.
    examples, spans
        One a row: what goes through the model, and the bases of its windows on the forward strand.
    margins, logits
        float64 ``[regions, views]``, and float64 ``[regions]``: their mean with the k-mer part.
    coverage
        float64 ``[regions]``: part of the bases in a known token.
    """

    scorer: Scorer
    sequences: Sequence[str]
    keys: Sequence[str]
    lengths: np.ndarray
    encoding: Encoding
    examples: list[Example]
    margins: np.ndarray
    logits: np.ndarray
    coverage: np.ndarray
    spans: list[np.ndarray]

    @property
    def views(self) -> int:
        return self.scorer.model.views

    def tokens(self, row: int) -> slice:
        """Where the tokens of a view stand in the encoding."""
        return slice(*self.encoding.splits[row : row + 2].tolist())


def prepare_regions(
    scorer: Scorer, sequences: Sequence[str], keys: Sequence[str]
) -> PreparedRegions:
    """Tokenise regions, cut them into windows, and score every view."""
    views = scorer.model.views
    encoding = scorer.encode(sequences)
    examples = make_examples(scorer, encoding)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    covered = coverage(encoding, np.repeat(lengths, views), scorer.model.tokenizer)
    # an input is its own reference here: the margin wanted is that of the input
    jobs = [Job(example, example.batch.input_ids) for example in examples]
    margins = reference_margins(scorer, jobs).reshape(-1, views)
    return PreparedRegions(
        scorer,
        sequences,
        keys,
        lengths,
        encoding,
        examples,
        margins,
        margins.mean(1) + scorer.kmers.margins(sequences),
        covered.reshape(-1, views).mean(1),
        spans(scorer, encoding, lengths),
    )


class KmerPart(NamedTuple):
    """What the linear k-mer part adds to an explanation.

    ``values`` has for each region float64 ``[references, bases]``: its share of a base, less the
    mean of what the views' references have there. ``margins`` is float64 ``[regions, references]``:
    the part's margin of each reference, mean over views.
    """

    values: list[np.ndarray]
    margins: np.ndarray


def explain_kmers(
    regions: PreparedRegions, shuffles: list[list[str]] | None, number: int
) -> KmerPart:
    """Explain the k-mer part against ``number`` references, see `explain.references.References`."""
    kmers, views = regions.scorer.kmers, regions.views
    values = [np.tile(kmers.on_bases(sequence), (number, 1)) for sequence in regions.sequences]
    # a reference without bases has no k-mers: nothing but the bias
    margins = np.full((len(values), number), float(kmers.bias))
    for reference, texts in enumerate(shuffles or []):
        for region, shares in enumerate(values):
            shuffled = texts[views * region : views * (region + 1)]
            shares[reference] -= np.mean([kmers.on_bases(text) for text in shuffled], axis=0)
            margins[region, reference] = kmers.margins(shuffled).mean()
    return KmerPart(values, margins)


def values_on_bases(
    regions: PreparedRegions, region: int, views: Sequence[tuple[np.ndarray, float]]
) -> tuple[np.ndarray, float]:
    """Mean of the views' token values on the forward strand's bases.

    Parameters
    ----------
    views
        For each view float64 ``[tokens, shares]``, and the sum over special tokens.

    Returns
    -------
    tuple
        float64 ``[bases]``, and what falls on tokens that stand for no base.
    """
    number, encoding = regions.views, regions.encoding
    total, special = np.zeros(regions.lengths[region]), 0.0
    for view, (values, view_special) in enumerate(views):
        span = regions.tokens(number * region + view)
        bases, spanless = project(values, encoding.starts[span], encoding.ends[span], len(total))
        # the views of the forward strand come first
        total += (bases[::-1] if view >= number // 2 else bases) / number
        special += (view_special + spanless) / number
    return total, special
