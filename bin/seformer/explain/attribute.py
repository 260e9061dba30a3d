"""Attribution of a region's score to its bases, with completeness enforced.

The score of a region x is f(x) = mean over its views of M(view) + K(x): a view is one strand cut
into tokens in one phase (see `scoring.views`), M the margin SE − TE of the network, for which all
windows of the view are pooled and go through the head, and K the linear k-mer part, if the model
has one. What is attributed is f as a whole, so that the values of all bases of a region sum to
f(x) − f(x′) for the reference x′ (Sundararajan et al., ICML 2017), however many windows it takes.

1. Plan: a job is one view of one region against one of its references. Every view has references of
   its own, so that a base is compared with as many shuffles as it has views times references.
2. Integrate: each token of a job gets its integrated gradient, by a quadrature of few steps
   (`integrated_gradients`).
3. Share: a token's value goes to its bases (`base_shares`), the views are averaged on the forward
   strand, and the k-mer part, which is linear and therefore known exactly, is added.
4. Check: the sum over the bases is held against f(x) − f(x′), and the sum over the tokens of each
   window against what the window contributes (`window_contributions`). The quadrature is the one
   approximation, so that regions where a sum is off are integrated again in twice the steps. Of an
   ensemble that holds for each member, and then for their mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from seformer.explain.completeness import (
    INCOMPLETE,
    INCOMPLETE_WINDOW,
    complete,
    completeness_flags,
    relative_error,
    uncovered_flag,
    windows_complete,
)
from seformer.explain.integrated_gradients import (
    Integral,
    Job,
    gradients,
    integrate,
    reference_margins,
    shares_of,
    with_reference,
)
from seformer.explain.prepared import (
    PreparedRegions,
    explain_kmers,
    prepare_regions,
    values_on_bases,
)
from seformer.explain.references import References, make_references
from seformer.explain.settings import AttributionSettings
from seformer.explain.window_contributions import (
    NO_WINDOWS,
    WindowContributions,
    mean_windows,
    windows_of_view,
)
from seformer.model.folder import Model
from seformer.scoring.mutagenesis import occlude
from seformer.scoring.score import Scorer
from seformer.util.errors import UserError

# steps of the integral at first: so few seldom reach less than 1 %, where they would be for nothing
FIRST_STEPS, FIRST_STEPS_CLOSE, CLOSE = 4, 8, 0.01


class Attribution(NamedTuple):
    """Attribution of one region.

    Attributes
    ----------
    values
        float64 ``[bases]``, forward strand left to right, mean over views and references.
    logit, reference_logit
        f(x), and the mean of f(x′) over views and references (NaN for methods without reference).
    special
        What falls on tokens that stand for no base.
    completeness_error
        |Σ − (f(x) − f(x′))| / |f(x) − f(x′)| of the reported means; NaN for other methods.
    reference_errors, reference_steps
        float64 and int64 ``[references of a view]``: the same error, and the steps, for each.
    coverage
        Part of the bases in a known token.
    flags
        Among ``small_difference`` (|f(x) − f(x′)| < 0.01, where the absolute error is held to
        completeness × 0.01 instead), ``incomplete``, ``incomplete_window`` and ``not_covered``.
    windows
        What each window contributes; none for other methods.
    spectrum
        What the k-mer spectrum of the whole region contributes, exactly; 0 without one. With it the
        windows' contributions sum to f(x) − f(x′).
    """

    values: np.ndarray
    logit: float
    special: float
    coverage: float
    flags: tuple[str, ...]
    reference_logit: float = math.nan
    completeness_error: float = math.nan
    reference_errors: np.ndarray = np.empty(0)
    reference_steps: np.ndarray = np.empty(0, dtype=np.int64)
    windows: WindowContributions = NO_WINDOWS
    spectrum: float = 0.0


class _Plan(NamedTuple):
    """What is integrated: one row a view of a region against one of its references.

    ``region``, ``reference`` and ``view`` are int64 ``[jobs]``, sorted by them in this order;
    ``jobs`` has the tokens.
    """

    region: np.ndarray
    reference: np.ndarray
    view: np.ndarray
    jobs: list[Job]

    def of(self, regions: np.ndarray) -> list[Job]:
        """The jobs of some regions, in order."""
        return [self.jobs[row] for row in np.flatnonzero(np.isin(self.region, regions))]


def _references(regions: PreparedRegions, how: AttributionSettings) -> References:
    model, reference = regions.scorer.model, how.reference
    # where the model itself puts zeros in place of masks, their embedding was never trained
    zeros = reference == "mask" and getattr(model.classifier.backbone, "masks_are_zero", False)
    if zeros and how.method == "integrated_gradients":
        reference = "zero"
    return make_references(
        model.tokenizer,
        regions.encoding,
        regions.sequences,
        regions.keys,
        reference=reference,
        number=how.references,
        seed=how.seed,
    )


def _plan(regions: PreparedRegions, ids: np.ndarray) -> _Plan:
    """Lay out the jobs; ``ids`` are the references' tokens, int64 ``[references, tokens]``."""
    shape = len(regions.sequences), len(ids), regions.views
    region, reference, view = np.indices(shape).reshape(3, -1)
    jobs = [
        with_reference(regions.examples[row], ids[index, regions.tokens(row)])
        for row, index in zip(regions.views * region + view, reference, strict=True)
    ]
    return _Plan(region, reference, view, jobs)


# ------------------------------------------------------------------------- share


def _on_windows(
    regions: PreparedRegions, region: int, integrals: Sequence[Integral], differences: np.ndarray
) -> WindowContributions:
    """Windows of a region, mean over views and references; see `_share`."""
    half, parts = regions.views // 2, []
    for view in range(regions.views):
        against = integrals[view :: regions.views]  # each reference
        if against[0].differences is None:  # a single window contributes all of the difference
            contributions = differences[:, [view]]
        else:
            contributions = np.stack([np.asarray(integral.differences) for integral in against])
        totals = np.stack([integral.totals for integral in against])
        # left to right on the forward strand
        order = slice(None, None, -1 if view >= half else 1)
        bases = regions.spans[regions.views * region + view]
        parts.append(windows_of_view(bases, contributions[:, order], totals[:, order]))
    return mean_windows(parts)


class _Shared(NamedTuple):
    """A region's score, shared out among its bases.

    ``values`` is float64 ``[references, bases]``; ``special``, what falls on tokens that stand for
    no base, and ``total``, the sum of both, are float64 ``[references]``.
    """

    values: np.ndarray
    special: np.ndarray
    total: np.ndarray
    windows: WindowContributions


def _share(
    regions: PreparedRegions,
    region: int,
    integrals: Sequence[Integral],
    kmer_values: np.ndarray,
    differences: np.ndarray,
) -> _Shared:
    """Share out the integrals of a region.

    Parameters
    ----------
    integrals
        Of all views against one reference, then of all against the next.
    kmer_values
        float64 ``[references, bases]``, see `KmerPart`.
    differences
        float64 ``[references, views]``: M(view) − M(its reference).
    """
    views = regions.views
    each = [
        values_on_bases(
            regions, region, [integral[:2] for integral in integrals[first : first + views]]
        )
        for first in range(0, len(integrals), views)
    ]
    values = np.stack([bases for bases, _ in each]) + kmer_values
    special = np.array([rest for _, rest in each])
    windows = _on_windows(regions, region, integrals, differences)
    return _Shared(values, special, values.sum(1) + special, windows)


# ------------------------------------------------------------------------- integrated gradients


def _rising_steps(how: AttributionSettings, least: int) -> Iterator[int]:
    """Yield the steps to try: few, then twice as many each time, up to the most that are wished."""
    first = FIRST_STEPS if how.completeness >= CLOSE else FIRST_STEPS_CLOSE
    steps = min(max(first, least), how.max_steps)
    while True:
        yield steps
        if steps == how.max_steps:
            return
        steps = min(2 * steps, how.max_steps)


def _integrated(
    regions: PreparedRegions, how: AttributionSettings, least: int
) -> list[Attribution]:
    """Integrated gradients: double the steps, ``least`` at first, of what is not complete yet."""
    scorer, count = regions.scorer, len(regions.sequences)
    references = _references(regions, how)
    number = len(references.ids)
    plan = _plan(regions, references.ids)
    margins = reference_margins(scorer, plan.jobs).reshape(count, number, regions.views)
    kmers = explain_kmers(regions, references.shuffles, number)
    reference_logits = margins.mean(2) + kmers.margins
    kmer_margins = regions.logits - regions.margins.mean(1)
    view_differences = regions.margins[:, None] - margins
    differences = regions.logits[:, None] - reference_logits

    shares = shares_of(scorer)
    shared: dict[int, _Shared] = {}
    used = np.zeros(count, dtype=np.int64)
    pending = np.arange(count)
    for steps in _rising_steps(how, least):
        integrals = integrate(scorer, shares, plan.of(pending), steps)
        size = number * regions.views  # jobs of a region
        for rank, region in enumerate(pending.tolist()):
            shared[region] = _share(
                regions,
                region,
                integrals[size * rank : size * (rank + 1)],
                kmers.values[region],
                view_differences[region],
            )
        used[pending] = steps
        # what is reported, the mean over references, has to add up; each one's error is recorded
        done = [
            complete(shared[region].total.mean(), differences[region].mean(), how.completeness)
            and windows_complete(shared[region].windows, how.completeness)
            for region in pending
        ]
        pending = pending[~np.array(done)]
        if not len(pending):
            break
    return [
        Attribution(
            values=np.mean(share.values, axis=0),
            logit=float(regions.logits[region]),
            special=float(share.special.mean()),
            coverage=float(regions.coverage[region]),
            flags=completeness_flags(
                share.total.mean(),
                difference.mean(),
                regions.coverage[region],
                share.windows,
                how.completeness,
            ),
            reference_logit=float(reference_logits[region].mean()),
            completeness_error=float(relative_error(share.total.mean(), difference.mean())),
            reference_errors=relative_error(share.total, difference),
            reference_steps=np.full(number, used[region]),
            windows=share.windows,
            spectrum=float(kmer_margins[region] - kmers.margins[region].mean()),
        )
        for region, difference in enumerate(differences)
        for share in [shared[region]]
    ]


def attribute(
    model: Model,
    sequences: Sequence[str],
    keys: Sequence[str],
    settings: AttributionSettings | None = None,
) -> list[Attribution]:
    """Attribute the logit of each region to its bases.

    Parameters
    ----------
    model
        See `seformer.model.folder.load_model`; its state is the same afterwards.
    sequences
        Upper-case sequences over A, C, G, T, N of any length.
    keys
        One a sequence, such as ``chrom:start-end``: with the seed it decides the shuffles, so
        that a result depends neither on the order nor on the neighbours of a region.
    settings
        See `AttributionSettings`.

    Returns
    -------
    list of Attribution
        In the order of ``sequences``.

    Raises
    ------
    UserError
        If the method or reference does not exist, or the tokenizer lacks the reference's token.
    """
    how = settings or AttributionSettings()
    if not sequences:
        return []
    scorers = [Scorer(member, how.batch_tokens) for member in model.members]
    if how.method != "integrated_gradients":
        each = [_without_sum(prepare_regions(s, sequences, keys), how) for s in scorers]
        return [_mean(members, how) for members in zip(*each, strict=True)]
    results: dict[int, Attribution] = {}
    pending, least = [*range(len(sequences))], FIRST_STEPS
    while pending:
        chosen = [sequences[i] for i in pending], [keys[i] for i in pending]
        each = [_integrated(prepare_regions(s, *chosen), how, least) for s in scorers]
        results |= zip(pending, (_mean(m, how) for m in zip(*each, strict=True)), strict=True)
        # members that are complete may differ in sign: their mean has less to be relative to. The
        # steps rise as if a region were alone, so that it does not depend on its neighbours
        pending = [i for i in pending if _may_improve(results[i], how)]
        least *= 2
    return [results[i] for i in range(len(sequences))]


def _may_improve(result: Attribution, how: AttributionSettings) -> bool:
    """Whether a sum is off, and no member has come to the most steps."""
    off = {INCOMPLETE, INCOMPLETE_WINDOW}.intersection(result.flags)
    return bool(off) and result.reference_steps.max() < how.max_steps


def _mean(members: Sequence[Attribution], how: AttributionSettings) -> Attribution:
    """The explanation of an ensemble: the mean of its members'."""
    if len(members) == 1:
        return members[0]
    values = np.mean([member.values for member in members], axis=0)
    logit, reference_logit, special, covered = (
        float(np.mean([getattr(member, name) for member in members]))
        for name in ("logit", "reference_logit", "special", "coverage")
    )
    total, difference = np.array(values.sum() + special), np.array(logit - reference_logit)
    # methods without reference promise no sum
    if np.isnan(reference_logit):
        return Attribution(values, logit, special, covered, uncovered_flag(covered))
    windows = mean_windows([member.windows for member in members])
    return Attribution(
        values=values,
        logit=logit,
        special=special,
        coverage=covered,
        flags=completeness_flags(total, difference, covered, windows, how.completeness),
        reference_logit=reference_logit,
        completeness_error=float(relative_error(total, difference)),
        reference_errors=np.max([member.reference_errors for member in members], axis=0),
        reference_steps=np.max([member.reference_steps for member in members], axis=0),
        windows=windows,
        spectrum=float(np.mean([member.spectrum for member in members])),
    )


def _without_sum(regions: PreparedRegions, how: AttributionSettings) -> list[Attribution]:
    """Saliency, input × gradient and occlusion: nothing is promised about their sums."""
    scorer = regions.scorer
    if how.method == "occlusion":
        if how.reference == "zero":
            raise UserError(
                "occlusion puts other tokens in, and zero is none",
                where="--reference zero",
                do="use --reference dinucleotide, mask or pad",
            )
        references = _references(regions, how)
        results = occlude(scorer, regions.encoding, references.ids, how.occluded_tokens)
        kmers = explain_kmers(regions, references.shuffles, len(references.ids))
    else:
        jobs = [Job(example, example.batch.input_ids) for example in regions.examples]
        results = gradients(scorer, jobs, times_input=how.method == "input_x_gradient")
        # input × gradient of something linear: all of it, against no bases
        kmers = explain_kmers(regions, None, 1)
    attributions = []
    for region in range(len(regions.sequences)):
        of_views = results[regions.views * region : regions.views * (region + 1)]
        values, special = values_on_bases(regions, region, of_views)
        share = np.mean(kmers.values[region], axis=0)
        values += np.abs(share) if how.method == "saliency" else share
        attributions.append(
            Attribution(
                values=values,
                logit=float(regions.logits[region]),
                special=special,
                coverage=float(regions.coverage[region]),
                flags=uncovered_flag(regions.coverage[region]),
            )
        )
    return attributions
