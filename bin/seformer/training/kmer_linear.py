"""Fit the k-mer spectrum of a model: what composition knows, and how much it weighs.

The weights are those of a logistic regression, fitted on the training part, with k and the penalty
chosen on the validation part: of frequencies that among the baselines, of densities one that knows
more, as masked and padded bases are bases and a k-mer's first occurrences count most. After the
transformer is trained, the validation part also decides how much the spectrum weighs beside it.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from seformer.model.kmer_linear import Spectrum
from seformer.model.kmer_logistic import KmerLogistic, fit_kmer_logistic
from seformer.scoring.score import Ensemble, Scorer
from seformer.sequence.composition import KMER_SIZES, composition
from seformer.sequence.kmers import KmerScale
from seformer.splits.dataset import LabelledDataset
from seformer.util.labels import TRAINING_PARTS

logger = logging.getLogger(__name__)
# the spectrum counts at most so many times as much as the transformer
MOST = 10.0


@threadpool_limits.wrap(limits=1)
def fit_spectrum(data: LabelledDataset, scale: KmerScale) -> KmerLogistic:
    """Fit the logistic regression on the training part; the test part is not read.

    ``scale`` is what a k-mer counts.
    """
    parts = data.regions["split"].to_numpy(str)[data.select(*TRAINING_PARTS)]
    kmers = composition(data.sequences(*TRAINING_PARTS), KMER_SIZES, len(parts), scale).kmers
    labels = data.labels(*TRAINING_PARTS).astype(np.int64)
    fitted = fit_kmer_logistic(kmers, labels, parts == "train", parts == "validation")
    logger.info("k-mer spectrum: %d-mers, penalty C = %g", fitted.k, fitted.strength)
    return fitted


@torch.no_grad()
def set_spectrum(spectrum: Spectrum, fitted: KmerLogistic) -> None:
    """Put fitted weights into a spectrum."""
    spectrum.weight.copy_(torch.from_numpy(fitted.weight))
    spectrum.bias.fill_(fitted.bias)


@torch.no_grad()
def weigh_spectrum(scorer: Scorer, data: LabelledDataset) -> float:
    """Scale the spectrum to what it adds to the transformer on the validation part.

    A logistic regression on the two margins, each scaled to unit spread and held towards equal
    weights by its penalty, gives their ratio; the transformer keeps its own scale.

    Returns
    -------
    float
        The factor by which the spectrum's weights were multiplied; 0 if it adds nothing.
    """
    in_one_phase = Ensemble(scorer.model.in_one_phase(), scorer.batch_tokens)
    scores = in_one_phase.score(data.sequences("validation"), "weighing the spectrum")
    spectrum = scorer.model.classifier.spectrum
    labels = data.labels("validation")
    factor = spectrum_ratio(scores.logit - scores.spectrum, scores.spectrum, labels)
    spectrum.weight *= factor
    spectrum.bias *= factor
    logger.info("k-mer spectrum: weighs %.3g beside the transformer", factor)
    return factor


def spectrum_ratio(transformer: np.ndarray, spectrum: np.ndarray, labels: np.ndarray) -> float:
    """Weight of the spectrum's margin where the transformer's has weight 1; at least 0.

    Parameters
    ----------
    transformer, spectrum
        float64 ``[n]``: margins of the validation part.
    labels
        ``[n]``, 1 = SE.
    """
    # a second to import, which most trainings need not
    from sklearn.linear_model import LogisticRegression

    spreads = np.array([transformer.std(), spectrum.std()])
    if not spreads.all():
        return 1.0
    margins = np.column_stack([transformer, spectrum]) / spreads
    of_transformer, of_spectrum = LogisticRegression(C=0.1).fit(margins, labels).coef_[0]
    if of_transformer <= 0:
        # the transformer learned nothing: the spectrum is left to speak, much louder
        return float(MOST * spreads[0] / spreads[1])
    return float(np.clip(of_spectrum / of_transformer, 0, MOST) * spreads[0] / spreads[1])
