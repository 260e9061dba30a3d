"""Attribution of a region's logit margin to its bases, with completeness enforced.

The score of a region is f(x) = mean over its views (strands and k-mer phases, see
`scoring.views`) of the margin SE − TE, each view being all its windows, pooled, through the
head. What is attributed is f as a whole, so that the values of all bases of a region sum to
f(x) − f(x′) for the reference x′ (Sundararajan et al., ICML 2017), however many windows it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from seformer.explain.integrated_gradients import (
    DEFAULT_BATCH_TOKENS,
    Example,
    Integral,
    Job,
    gradients,
    integrate,
    make_examples,
    reference_margins,
    shares_of,
    with_reference,
)
from seformer.explain.references import Reference, make_references, shuffled_sequences
from seformer.explain.window_contributions import NO_WINDOWS, Windows, join, mean, spans
from seformer.model.folder import Model
from seformer.scoring.mutagenesis import occlude
from seformer.scoring.score import Scorer
from seformer.scoring.views import coverage
from seformer.sequence.tokenizers import Encoding
from seformer.util.errors import UserError

Method = Literal["integrated_gradients", "saliency", "input_x_gradient", "occlusion"]
METHODS: tuple[Method, ...] = (
    "integrated_gradients",
    "saliency",
    "input_x_gradient",
    "occlusion",
)
# steps of the integral at first: so few seldom reach less than 1 %, where they would be for nothing
FIRST_STEPS, FIRST_STEPS_CLOSE, CLOSE = 4, 8, 0.01
# |f(x) − f(x′)| below this: the relative error says nothing, the absolute one is held instead
SMALL_DIFFERENCE = 0.01
SMALL, INCOMPLETE, NOT_COVERED = "small_difference", "incomplete", "not_covered"
INCOMPLETE_WINDOW = "incomplete_window"
OVERLAPPING = "overlapping"  # set on the whole file, see `seformer.explain.explain`


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
        What each window contributes, see `explain.window_contributions.Windows`; none for other
        methods.
    spectrum
        What the k-mer spectrum of the whole region contributes, exactly; 0 without one. With it the
        windows' contributions sum to f(x) − f(x′).
    """

    values: np.ndarray
    logit: float
    reference_logit: float
    special: float
    completeness_error: float
    reference_errors: np.ndarray
    reference_steps: np.ndarray
    coverage: float
    flags: tuple[str, ...]
    windows: Windows = NO_WINDOWS
    spectrum: float = 0.0


@dataclass(frozen=True)
class Settings:
    """How to attribute.

    Attributes
    ----------
    method, reference
        One of `METHODS` and of `seformer.explain.references.REFERENCES`.
    references
        Shuffles of each view of a region (other references are one each).
    completeness
        Largest relative completeness error.
    max_steps
        Steps of the integral at most; they are doubled from 4, or from 8 for a completeness of
        less than 1 %.
    occluded_tokens
        Width of an occlusion, in tokens.
    """

    method: Method = "integrated_gradients"
    reference: Reference = "dinucleotide"
    references: int = 4
    completeness: float = 0.05
    max_steps: int = 512
    seed: int = 1
    batch_tokens: int = DEFAULT_BATCH_TOKENS
    occluded_tokens: int = 8


def project(
    values: np.ndarray, starts: np.ndarray, ends: np.ndarray, length: int
) -> tuple[np.ndarray, float]:
    """Put token values on the bases; overlapping tokens add up.

    Parameters
    ----------
    values
        float64 ``[tokens, shares]``: as many shares as a token has bases go to one each, others
        are spread evenly over its bases.
    starts, ends
        Integer ``[tokens]``: 0-based half-open offsets in the sequence.
    length
        Bases of the sequence.

    Returns
    -------
    tuple
        float64 ``[length]``, and the sum of the tokens that span no base. Together they sum to
        ``values.sum()`` (to 1e-6 relative and better).
    """
    widths = (ends - starts).astype(np.int64)
    token = np.repeat(np.arange(len(values)), widths)
    within = np.arange(len(token)) - np.repeat(np.cumsum(widths) - widths, widths)
    total, shares = values.sum(1), values.shape[1]
    even = total / np.maximum(widths, 1)
    own = values[token, np.minimum(within, shares - 1)]
    share = np.where(widths[token] == shares, own, even[token])
    bases = np.bincount(starts[token] + within, weights=share, minlength=length)
    return bases, float(total[widths == 0].sum())


class _Inputs(NamedTuple):
    """Regions made ready; rows are those of `seformer.scoring.views.encode_views`."""

    views: int
    lengths: np.ndarray
    encoding: Encoding
    examples: list[Example]
    margins: np.ndarray  # of each view, [regions, views]
    logits: np.ndarray  # their mean, with the k-mer spectrum if the model has one
    coverage: np.ndarray


def _prepare(model: Model, sequences: Sequence[str], batch_tokens: int) -> _Inputs:
    views = model.views
    scorer = Scorer(model, batch_tokens)
    encoding = scorer.encode(sequences)
    examples = make_examples(model, encoding)
    own = [Job(example, example.batch.input_ids) for example in examples]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    seen = coverage(encoding, np.repeat(lengths, views), model.tokenizer)
    margins = reference_margins(model, own, batch_tokens).reshape(-1, views)
    return _Inputs(
        views,
        lengths,
        encoding,
        examples,
        margins,
        margins.mean(1) + scorer.kmers.margins(sequences),
        seen.reshape(-1, views).mean(1),
    )


def _on_bases(inputs: _Inputs, region: int, results: Sequence[tuple]) -> tuple[np.ndarray, float]:
    """Mean of all views' token values on the forward strand's bases, and the special share."""
    total, rest = np.zeros(inputs.lengths[region]), 0.0
    for view, (values, special, *_) in enumerate(results):
        row = inputs.views * region + view
        span = slice(inputs.encoding.splits[row], inputs.encoding.splits[row + 1])
        bases, spanless = project(
            values, inputs.encoding.starts[span], inputs.encoding.ends[span], len(total)
        )
        # the views of the forward strand come first
        total += (bases[::-1] if view >= inputs.views // 2 else bases) / inputs.views
        rest += (special + spanless) / inputs.views
    return total, rest


def relative_error(total: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """|Σ − Δ| / |Δ|; 0 where both are 0, infinite where only Δ is. Float64, any shape."""
    error, size = np.abs(total - difference), np.abs(difference)
    return np.divide(error, size, out=np.where(error > 0, np.inf, 0.0), where=size > 0)


def complete(total: np.ndarray, difference: np.ndarray, completeness: float) -> np.ndarray:
    """Say whether Σ is near enough to Δ, relative to Δ or, where that is small, to 0.01."""
    allowed = completeness * np.maximum(np.abs(difference), SMALL_DIFFERENCE)
    return np.abs(total - difference) <= allowed


def _references(
    model: Model, inputs: _Inputs, sequences: Sequence[str], keys: Sequence[str], how: Settings
) -> np.ndarray:
    """Token ids of the references: integer ``[references, tokens of all views]``."""
    return make_references(
        model.tokenizer,
        inputs.encoding,
        list(sequences),
        list(keys),
        reference=how.reference,
        number=how.references,
        seed=how.seed,
    )


class _Spectral(NamedTuple):
    """What the k-mer spectrum adds to an explanation: exact, since it is linear.

    ``values`` is ``[region][reference]``, float64 ``[bases]`` each; ``margins`` float64
    ``[regions, references]``: the spectrum's margin of each reference. A reference without bases
    (mask, pad, zero) has none but the bias.
    """

    values: list[list[np.ndarray]]
    margins: np.ndarray


def _spectral(
    model: Model, sequences: Sequence[str], keys: Sequence[str], how: Settings, number: int
) -> _Spectral:
    spectrum = model.classifier.spectrum
    if spectrum is None:
        return _Spectral(
            [[np.zeros(len(s))] * number for s in sequences], np.zeros((len(sequences), number))
        )
    own = [spectrum.on_bases(sequence) for sequence in sequences]
    if how.reference != "dinucleotide":
        margins = np.full((len(sequences), number), float(spectrum.bias))
        return _Spectral([[bases] * number for bases in own], margins)
    drawn = shuffled_sequences(list(sequences), list(keys), how.seed, number, model.views)
    values = [
        [bases - np.mean([spectrum.on_bases(text) for text in views], axis=0) for views in region]
        for bases, region in zip(own, drawn, strict=True)
    ]
    margins = [[spectrum.margins(views).mean() for views in region] for region in drawn]
    return _Spectral(values, np.array(margins))


def _integrated(
    model: Model, inputs: _Inputs, sequences: Sequence[str], keys: Sequence[str], how: Settings
) -> list[Attribution]:
    """Integrated gradients: double the steps of whatever is not complete yet."""
    ids = _references(model, inputs, sequences, keys, how)
    regions, number = len(sequences), len(ids)
    splits, views = inputs.encoding.splits, inputs.views
    # [region][reference][view]
    jobs = [
        [
            [
                with_reference(inputs.examples[row], ids[index, splits[row] : splits[row + 1]])
                for row in range(views * region, views * (region + 1))
            ]
            for index in range(number)
        ]
        for region in range(regions)
    ]
    flat = [job for region in jobs for reference in region for job in reference]
    margins = reference_margins(model, flat, how.batch_tokens)
    spectral = _spectral(model, sequences, keys, how, number)
    references = margins.reshape(regions, number, views).mean(2) + spectral.margins
    difference = inputs.logits[:, None] - references

    shares, bases = shares_of(model), spans(model, inputs.encoding, inputs.lengths)
    apart = inputs.margins[:, None] - margins.reshape(regions, number, views)
    values = [[np.empty(0)] * number for _ in range(regions)]
    windows = [[NO_WINDOWS] * number for _ in range(regions)]
    special, total = np.zeros((2, regions, number))
    used = np.zeros(regions, dtype=np.int64)
    first = FIRST_STEPS if how.completeness >= CLOSE else FIRST_STEPS_CLOSE
    pending, steps = list(range(regions)), min(first, how.max_steps)
    while pending:
        pairs = [(region, index) for region in pending for index in range(number)]
        batch = [job for region, index in pairs for job in jobs[region][index]]
        integrals = integrate(model, shares, batch, steps, how.batch_tokens)
        for place, (region, index) in enumerate(pairs):
            own = integrals[views * place : views * (place + 1)]
            found, rest = _on_bases(inputs, region, own)
            found += spectral.values[region][index]
            values[region][index], special[region, index] = found, rest
            total[region, index] = found.sum() + rest
            windows[region][index] = _windows(
                bases[views * region : views * (region + 1)], own, apart[region, index]
            )
        used[pending] = steps
        # what is reported, the mean over references, has to add up; each one's error is recorded
        pending = [
            region
            for region in pending
            if not complete(total[region].mean(), difference[region].mean(), how.completeness)
            or _incomplete(_mean_windows(windows[region]), how)
        ]
        if steps == how.max_steps:
            break
        steps = min(2 * steps, how.max_steps)
    errors = relative_error(total, difference)
    own_spectrum = inputs.logits - inputs.margins.mean(1)
    results = []
    for region in range(regions):
        summed, apart = total[region].mean(), difference[region].mean()
        parts = _mean_windows(windows[region])
        results.append(
            Attribution(
                values=np.mean(values[region], axis=0),
                logit=float(inputs.logits[region]),
                reference_logit=float(references[region].mean()),
                special=float(special[region].mean()),
                completeness_error=float(relative_error(summed, apart)),
                reference_errors=errors[region],
                reference_steps=np.full(number, used[region]),
                coverage=float(inputs.coverage[region]),
                flags=_flags(summed, apart, inputs.coverage[region], parts, how),
                windows=parts,
                spectrum=float(own_spectrum[region] - spectral.margins[region].mean()),
            )
        )
    return results


def _windows(bases: Sequence[np.ndarray], views: Sequence[Integral], apart: np.ndarray) -> Windows:
    """Windows of one region against one reference; ``apart`` is the difference of each view."""
    differences = [
        np.array([whole]) if own.differences is None else own.differences
        for own, whole in zip(views, apart, strict=True)
    ]
    totals, half = [own.totals for own in views], len(views) // 2
    # left to right on the forward strand
    differences[half:] = [one[::-1] for one in differences[half:]]
    totals[half:] = [one[::-1] for one in totals[half:]]
    return join(bases, differences, totals)


def _mean_windows(references: Sequence[Windows]) -> Windows:
    return references[0]._replace(
        difference=np.mean([one.difference for one in references], axis=0),
        total=np.mean([one.total for one in references], axis=0),
    )


def _incomplete(windows: Windows, how: Settings) -> bool:
    return not complete(windows.total, windows.difference, how.completeness).all()


def _uncovered(covered: float) -> tuple[str, ...]:
    return (NOT_COVERED,) if covered < 1 else ()


def _flags(
    total: float, difference: float, covered: float, windows: Windows, how: Settings
) -> tuple[str, ...]:
    sums = tuple(
        name
        for name, holds in (
            (SMALL, abs(difference) < SMALL_DIFFERENCE),
            (INCOMPLETE, not complete(total, difference, how.completeness)),
            (INCOMPLETE_WINDOW, _incomplete(windows, how)),
        )
        if holds
    )
    return sums + _uncovered(covered)


def _other(
    model: Model, inputs: _Inputs, sequences: Sequence[str], keys: Sequence[str], how: Settings
) -> list[Attribution]:
    """Saliency, input × gradient and occlusion: nothing is promised about their sums."""
    if how.method == "occlusion":
        if how.reference == "zero":
            raise UserError(
                "occlusion puts other tokens in, and zero is none",
                where="--reference zero",
                do="use --reference dinucleotide, mask or pad",
            )
        ids = _references(model, inputs, sequences, keys, how)
        results = occlude(
            Scorer(model, how.batch_tokens), inputs.encoding, ids, how.occluded_tokens
        )
        added = _spectral(model, sequences, keys, how, len(ids))
    else:
        jobs = [Job(example, example.batch.input_ids) for example in inputs.examples]
        times_input = how.method == "input_x_gradient"
        results = gradients(model, jobs, how.batch_tokens, times_input=times_input)
        # input × gradient of something linear: all of it, against no bases
        added = _spectral(model, sequences, keys, replace(how, reference="zero"), 1)
    attributions = []
    for region in range(len(sequences)):
        own = results[inputs.views * region : inputs.views * (region + 1)]
        values, special = _on_bases(inputs, region, own)
        share = np.mean(added.values[region], axis=0)
        values += np.abs(share) if how.method == "saliency" else share
        attributions.append(
            Attribution(
                values=values,
                logit=float(inputs.logits[region]),
                reference_logit=float("nan"),
                special=special,
                completeness_error=float("nan"),
                reference_errors=np.empty(0),
                reference_steps=np.empty(0, dtype=np.int64),
                coverage=float(inputs.coverage[region]),
                flags=_uncovered(inputs.coverage[region]),
            )
        )
    return attributions


def attribute(
    model: Model, sequences: Sequence[str], keys: Sequence[str], settings: Settings | None = None
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
        See `Settings`.

    Returns
    -------
    list of Attribution
        In the order of ``sequences``.

    Raises
    ------
    UserError
        If the method or reference does not exist, or the tokenizer lacks the reference's token.
    """
    how = settings or Settings()
    if how.method not in METHODS:
        raise UserError(f"{how.method} is no method", where="--method", expected=", ".join(METHODS))
    if not sequences:
        return []
    each = []
    for member in model.members:
        inputs = _prepare(member, sequences, how.batch_tokens)
        run = _integrated if how.method == "integrated_gradients" else _other
        each.append(run(member, inputs, sequences, keys, how))
    if len(each) == 1:
        return each[0]
    return [_mean(parts, how) for parts in zip(*each, strict=True)]


def _mean(parts: Sequence[Attribution], how: Settings) -> Attribution:
    """The explanation of an ensemble: the mean of its members', whose sums hold as theirs do."""
    values = np.mean([part.values for part in parts], axis=0)
    logit, reference_logit, special, covered = (
        float(np.mean([getattr(part, name) for part in parts]))
        for name in ("logit", "reference_logit", "special", "coverage")
    )
    total, difference = np.array(values.sum() + special), np.array(logit - reference_logit)
    windows = mean([part.windows for part in parts])
    # methods without reference promise no sum
    summed = not np.isnan(reference_logit)
    return Attribution(
        values=values,
        logit=logit,
        reference_logit=reference_logit,
        special=special,
        completeness_error=float(relative_error(total, difference)) if summed else float("nan"),
        reference_errors=np.max([part.reference_errors for part in parts], axis=0),
        reference_steps=np.max([part.reference_steps for part in parts], axis=0),
        coverage=covered,
        flags=_flags(total, difference, covered, windows, how) if summed else _uncovered(covered),
        windows=windows,
        spectrum=float(np.mean([part.spectrum for part in parts])),
    )
