"""Token attributions of strand margins: integrated gradients, input × gradient, saliency.

A strand of a region is one example: all its windows, pooled, through the head. Strands are
batched, but no term joins two of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn
from torch.utils.checkpoint import checkpoint

from seformer.explain.base_shares import Shares
from seformer.explain.window_contributions import along_path
from seformer.model.folder import Model
from seformer.scoring.score import Scorer
from seformer.sequence.batches import Batch, collate
from seformer.sequence.tokenizers import Encoding

# activations kept for the backward pass need several times the memory of scoring
DEFAULT_BATCH_TOKENS = 4_096


class Lookup(nn.Module):
    """Word embeddings; the id −1 (`references.ZERO`) gives zeros. The layer attributed to."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.embedding(ids.clamp(min=0)) * (ids >= 0).unsqueeze(-1)


@contextlib.contextmanager
def _embedded(embedding: nn.Module, values: torch.Tensor) -> Iterator[None]:
    """Make the backbone use ``values`` in place of its word embeddings."""
    hook = embedding.register_forward_hook(lambda module, inputs, output: values)
    try:
        yield
    finally:
        hook.remove()


class StrandMargin(nn.Module):
    """Margin of strands, each with all its windows, as a function that Captum can drive.

    Inputs are int64 ``[strands, windows, tokens]``, padded to the largest; a window of padding
    alone does not exist for the model. If the windows do not fit into ``batch_tokens`` together
    they go through the backbone in parts whose activations are computed again when the gradient
    needs them, so that memory stays bounded for regions of any length.
    """

    def __init__(self, model: Model, batch_tokens: int) -> None:
        super().__init__()
        self.classifier = model.classifier
        self.lookup = Lookup(model.classifier.backbone.embedding)
        self.batch_tokens = batch_tokens
        self.seen: list[torch.Tensor] = []

    def forward(
        self, ids: torch.Tensor, attention: torch.Tensor, content: torch.Tensor
    ) -> torch.Tensor:
        values = self.lookup(ids)
        if not torch.is_grad_enabled():
            # Captum asks for the layer's output only, and looks at no margin
            return values.new_zeros(len(ids))
        return self.margins(values, ids, attention, content)

    def margins(
        self,
        values: torch.Tensor,
        ids: torch.Tensor,
        attention: torch.Tensor,
        content: torch.Tensor,
    ) -> torch.Tensor:
        """Margins float ``[strands]`` from embeddings ``[strands, windows, tokens, width]``.

        The features of the windows, strand by strand, are added to ``seen``.
        """
        real = attention.any(-1)
        strand = real.nonzero()[:, 0]
        # the ids of a reference of zeros are never looked up, but backbones may shape by them
        parts = (values[real], ids.clamp(min=0)[real], attention[real], content[real])
        size = max(1, self.batch_tokens // ids.shape[-1])
        features = torch.cat(
            [
                self._features(*(part[first : first + size] for part in parts), len(strand) > size)
                for first in range(0, len(strand), size)
            ]
        )
        self.seen.append(features.detach().cpu())
        tokens = parts[-1].sum(-1).to(features.dtype)
        return self.classifier.margins(features, tokens, strand, len(ids))

    def _features(self, values, ids, attention, content, in_parts: bool) -> torch.Tensor:
        def run(values: torch.Tensor) -> torch.Tensor:
            with _embedded(self.lookup.embedding, values):
                return self.classifier.window_features(Batch(ids, attention, content))

        if in_parts and torch.is_grad_enabled():
            return checkpoint(run, values, use_reentrant=False)
        return run(values)


@contextlib.contextmanager
def _frozen(classifier: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients of the weights; both are put back afterwards."""
    training = classifier.training
    wanted = [p for p in classifier.parameters() if p.requires_grad]
    classifier.eval().requires_grad_(False)
    try:
        yield
    finally:
        classifier.train(training)
        for parameter in wanted:
            parameter.requires_grad_(True)


class Example(NamedTuple):
    """One strand of one region: its windows padded to one length, and where tokens stand.

    Attributes
    ----------
    batch
        See `seformer.sequence.batches.Batch`.
    token
        int64 ``[content tokens of all windows]``: for every true place of the content mask, row
        by row, the index of its token in the strand (windows may share tokens).
    """

    batch: Batch
    token: np.ndarray


def make_examples(model: Model, encoding: Encoding) -> list[Example]:
    """Cut every encoded strand into windows, without padding between strands."""
    windows = Scorer(model).windows(encoding)
    bounds = np.searchsorted(windows.sequence, np.arange(len(encoding.splits)))
    examples = []
    for strand, (first, last) in enumerate(pairwise(bounds)):
        start, stop = windows.start[first:last], windows.stop[first:last]
        offset = encoding.splits[strand]
        batch = collate(encoding.input_ids, offset + start, offset + stop, model.tokenizer)
        token = np.concatenate([np.arange(*pair) for pair in zip(start, stop, strict=True)])
        examples.append(Example(batch, token))
    return examples


def _stack(tensors: Sequence[torch.Tensor], fill: int) -> torch.Tensor:
    """Pad ``[windows, tokens]`` tensors to one shape: ``[n, windows, tokens]``."""
    shape = [max(t.shape[axis] for t in tensors) for axis in (0, 1)]
    out = tensors[0].new_full((len(tensors), *shape), fill)
    for row, tensor in zip(out, tensors, strict=True):
        row[: tensor.shape[0], : tensor.shape[1]] = tensor
    return out


class Job(NamedTuple):
    """An example with the input ids of one reference, shaped like its own."""

    example: Example
    reference: torch.Tensor


def with_reference(example: Example, ids: np.ndarray) -> Job:
    """Put the reference's tokens, integer ``[tokens]``, into the windows of the example."""
    out = example.batch.input_ids.clone()
    out[example.batch.content_mask] = torch.from_numpy(ids[example.token].astype(np.int64))
    return Job(example, out)


def plan(jobs: Sequence[Job], batch_tokens: int) -> Iterator[list[int]]:
    """Group jobs of similar shape so that each group fits ``batch_tokens``; at least one each."""
    shapes = [tuple(job.example.batch.input_ids.shape) for job in jobs]
    group: list[int] = []
    for index in sorted(range(len(jobs)), key=shapes.__getitem__, reverse=True):
        windows, tokens = shapes[group[0]] if group else shapes[index]
        full = (len(group) + 1) * windows * tokens > batch_tokens
        unlike = shapes[index][0] != windows or shapes[index][1] < 0.8 * tokens
        if group and (full or unlike):
            yield group
            group = []
        group.append(index)
    if group:
        yield group


def _tensors(
    jobs: Sequence[Job], model: Model
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Input ids, reference ids, and (attention, content) masks of a group, on the device."""
    pad = model.tokenizer.pad_id
    ids = _stack([job.example.batch.input_ids for job in jobs], pad)
    references = _stack([job.reference for job in jobs], pad)
    attention = _stack([job.example.batch.attention_mask for job in jobs], 0)
    content = _stack([job.example.batch.content_mask for job in jobs], 0)
    ids, references, attention, content = (
        tensor.to(model.device) for tensor in (ids, references, attention, content)
    )
    return ids, references, (attention, content)


def reference_margins(model: Model, jobs: Sequence[Job], batch_tokens: int) -> np.ndarray:
    """Margin of every job's reference: float64 ``[jobs]``."""
    function = StrandMargin(model, batch_tokens)
    margins = np.empty(len(jobs))
    with torch.no_grad(), _frozen(model.classifier):
        for group in plan(jobs, batch_tokens):
            _, ids, masks = _tensors([jobs[index] for index in group], model)
            margins[group] = function.margins(function.lookup(ids), ids, *masks).double().cpu()
    return margins


def _tokens_of(values: torch.Tensor, jobs: Sequence[Job]) -> Iterator[tuple[np.ndarray, float]]:
    """Values ``[jobs, windows, tokens, shares]`` as those of a job's tokens, and of special ones.

    Tokens that lie in several windows have the sum of what they have in each.
    """
    for row, job in zip(values.double().cpu(), jobs, strict=True):
        content, token = job.example.batch.content_mask, job.example.token
        row = row[: content.shape[0], : content.shape[1]]
        tokens = np.zeros((token.max(initial=-1) + 1, row.shape[-1]))
        np.add.at(tokens, token, row[content].numpy())
        yield tokens, float(row[~content].sum())


class Integral(NamedTuple):
    """Integrated gradients of one job.

    Attributes
    ----------
    tokens
        float64 ``[tokens, shares]``, see `seformer.explain.base_shares.Shares`.
    special
        Sum over special tokens (zero, because a reference keeps them).
    totals, differences
        float64 ``[windows]``: sum over each window's tokens, and its contribution to the difference
        of the margins (see `explain.window_contributions`), which is not computed for a single
        window: that is all of it.
    """

    tokens: np.ndarray
    special: float
    totals: np.ndarray
    differences: np.ndarray | None


def _differences(
    function: StrandMargin, jobs: Sequence[Job], tensors: tuple, steps: int
) -> list[np.ndarray | None]:
    """Contributions of the windows of a group, from the features seen at each step."""
    ids, references, masks = tensors
    if ids.shape[1] == 1:
        return [None] * len(jobs)
    path = torch.cat(function.seen).unflatten(0, (steps, -1))
    function.seen.clear()
    with torch.no_grad():
        for end in (references, ids):
            function.margins(function.lookup(end), end, *masks)
    first, last = function.seen
    nodes = torch.cat([first[None], path, last[None]])
    alphas = np.concatenate([[0], (1 + np.polynomial.legendre.leggauss(steps)[0]) / 2, [1]])
    counts = [len(job.example.batch.input_ids) for job in jobs]
    tokens = [job.example.batch.content_mask.sum(1).to(ids.device) for job in jobs]
    return [
        along_path(function.classifier, own, alphas, number)
        for own, number in zip(nodes.split(counts, dim=1), tokens, strict=True)
    ]


def shares_of(model: Model) -> Shares:
    """How the bases of the model's tokens share an attribution; takes a moment to make."""
    return Shares(model.tokenizer, model.classifier.backbone.embedding.weight.detach())


def integrate(
    model: Model, shares: Shares, jobs: Sequence[Job], steps: int, batch_tokens: int
) -> list[Integral]:
    """Integrated gradients of strand margins by Gauss-Legendre quadrature (Captum).

    Returns
    -------
    list of Integral
        One a job.
    """
    function = StrandMargin(model, batch_tokens)
    lookup = function.lookup
    method = LayerIntegratedGradients(function, lookup, multiply_by_inputs=False)
    results: list[Integral] = [None] * len(jobs)
    with _frozen(model.classifier):
        for group in plan(jobs, batch_tokens):
            members = [jobs[index] for index in group]
            tensors = ids, references, masks = _tensors(members, model)
            function.seen.clear()
            at_once = max(len(group), batch_tokens // ids[0].numel())
            slope = method.attribute(
                ids,
                baselines=references,
                additional_forward_args=masks,
                n_steps=steps,
                method="gausslegendre",
                internal_batch_size=at_once,
            )
            change = lookup(ids).detach() - lookup(references).detach()
            values = shares(slope.detach(), change, ids)
            tokens = _tokens_of(values, members)
            totals = values.sum((2, 3)).cpu().numpy()
            differences = _differences(function, members, tensors, steps)
            for index, own, total, difference in zip(
                group, tokens, totals, differences, strict=True
            ):
                results[index] = Integral(*own, total, difference)
    return results


def gradients(
    model: Model, jobs: Sequence[Job], batch_tokens: int, *, times_input: bool
) -> list[tuple[np.ndarray, float]]:
    """Input × gradient of each token, or the gradient's length (saliency), at the input itself.

    As in `integrate`, with one share a token.
    """
    function = StrandMargin(model, batch_tokens)
    results: list[tuple[np.ndarray, float]] = [(np.empty(0), 0.0)] * len(jobs)
    with _frozen(model.classifier):
        for group in plan(jobs, batch_tokens):
            members = [jobs[index] for index in group]
            ids, _, masks = _tensors(members, model)
            inputs = function.lookup(ids).detach().requires_grad_()
            margins = function.margins(inputs, ids, *masks)
            (slope,) = torch.autograd.grad(margins.sum(), inputs)
            values = (
                (inputs.detach() * slope).double().sum(-1)
                if times_input
                else slope.double().norm(dim=-1)
            )
            tokens = _tokens_of(values.unsqueeze(-1), members)
            for index, result in zip(group, tokens, strict=True):
                results[index] = result
    return results
