"""Token attributions of view margins: integrated gradients, input × gradient, saliency.

A view of a region (a strand, cut into tokens in one phase) is one example: all its windows, pooled,
through the head. Views are batched, but no term joins two of them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn
from torch.utils.checkpoint import checkpoint

from seformer.explain.base_shares import Shares
from seformer.explain.window_contributions import along_path
from seformer.scoring.score import Scorer
from seformer.sequence.batches import Batch, collate, tokens_at_once
from seformer.sequence.tokenizers import Encoding
from seformer.util.devices import side_by_side

Masks = tuple[torch.Tensor, torch.Tensor]  # attention and content, see `Batch`


# ------------------------------------------------------------------------- jobs


class Example(NamedTuple):
    """One view of one region: its windows padded to one length, and where tokens stand.

    Attributes
    ----------
    batch
        See `seformer.sequence.batches.Batch`.
    token
        int64 ``[content tokens of all windows]``: for every true place of the content mask, row
        by row, the index of its token in the view (windows may share tokens).
    """

    batch: Batch
    token: np.ndarray


class Job(NamedTuple):
    """An example with the input ids of one reference, shaped like its own."""

    example: Example
    reference: torch.Tensor


def make_examples(scorer: Scorer, encoding: Encoding) -> list[Example]:
    """Cut every encoded view into windows, without padding between views."""
    windows = scorer.windows(encoding)
    bounds = np.searchsorted(windows.sequence, np.arange(len(encoding.splits)))
    examples = []
    for view, (first, last) in enumerate(pairwise(bounds)):
        start, stop = windows.start[first:last], windows.stop[first:last]
        offset = encoding.splits[view]
        batch = collate(encoding.input_ids, offset + start, offset + stop, scorer.model.tokenizer)
        token = np.concatenate([np.arange(*pair) for pair in zip(start, stop, strict=True)])
        examples.append(Example(batch, token))
    return examples


def with_reference(example: Example, ids: np.ndarray) -> Job:
    """Put the reference's tokens, integer ``[tokens]``, into the windows of the example."""
    out = example.batch.input_ids.clone()
    out[example.batch.content_mask] = torch.from_numpy(ids[example.token].astype(np.int64))
    return Job(example, out)


def group_jobs(jobs: Sequence[Job], batch_tokens: int) -> Iterator[list[int]]:
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


def _stack(tensors: Sequence[torch.Tensor], fill: int) -> torch.Tensor:
    """Pad ``[windows, tokens]`` tensors to one shape: ``[n, windows, tokens]``."""
    shape = [max(t.shape[axis] for t in tensors) for axis in (0, 1)]
    out = tensors[0].new_full((len(tensors), *shape), fill)
    for row, tensor in zip(out, tensors, strict=True):
        row[: tensor.shape[0], : tensor.shape[1]] = tensor
    return out


class _Group(NamedTuple):
    """Jobs that go through the model together; tensors are ``[jobs, windows, tokens]``."""

    rows: list[int]
    jobs: list[Job]
    ids: torch.Tensor
    references: torch.Tensor
    masks: Masks


def _together(scorer: Scorer, jobs: Sequence[Job], rows: list[int]) -> _Group:
    """Put jobs together, on the device of the model."""
    pad, device = scorer.model.tokenizer.pad_id, scorer.model.device
    members = [jobs[row] for row in rows]
    batches = [job.example.batch for job in members]
    ids = _stack([batch.input_ids for batch in batches], pad).to(device)
    references = _stack([job.reference for job in members], pad).to(device)
    attention = _stack([batch.attention_mask for batch in batches], 0).to(device)
    content = _stack([batch.content_mask for batch in batches], 0).to(device)
    return _Group(rows, members, ids, references, (attention, content))


# ------------------------------------------------------------------------- the function


class Lookup(nn.Module):
    """Word embeddings; the id −1 (`references.ZERO`) gives zeros. The layer attributed to."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__()
        self.embedding = embedding

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.embedding(ids.clamp(min=0)) * (ids >= 0).unsqueeze(-1)


class _Given(threading.local):
    """What the backbone gets in place of its word embeddings, each thread its own."""

    values: torch.Tensor | None = None


class ViewMargins:
    """Margins of views, each with all its windows, as a function of their embeddings.

    If the windows do not fit into ``batch_tokens`` together they go through the backbone in parts
    whose activations are computed again when the gradient needs them, so that memory stays bounded
    for regions of any length.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.classifier = scorer, scorer.model.classifier
        self.lookup = Lookup(self.classifier.backbone.embedding)
        # whatever states tokens share: their own gradients are kept, and threads want a batch each
        self.at_once = tokens_at_once(scorer.batch_tokens, 1, scorer.model.device)
        self._given = _Given()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Be callable: in evaluation mode, without gradients of the weights; puts all back."""
        wanted = [p for p in self.classifier.parameters() if p.requires_grad]
        self.classifier.requires_grad_(False)
        hook = self.lookup.embedding.register_forward_hook(lambda *_: self._given.values)
        try:
            with self.classifier.evaluating():
                yield
        finally:
            hook.remove()
            for parameter in wanted:
                parameter.requires_grad_(True)

    def for_each(self, jobs: Sequence[Job], run: Callable[[_Group], None]) -> None:
        """Call ``run`` on all jobs, those of similar shape together; on a processor side by side.

        `frozen` meanwhile.
        """
        groups = list(group_jobs(jobs, self.at_once))
        tokens = [jobs[rows[0]].reference.numel() for rows in groups]

        def together(rows: list[int]) -> None:
            run(_together(self.scorer, jobs, rows))

        with self.frozen():
            side_by_side(together, groups, tokens, self.scorer.batch_tokens, self.at_once)

    def __call__(
        self, values: torch.Tensor, ids: torch.Tensor, masks: Masks
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Margins of embeddings ``[views, windows, tokens, width]``.

        ``ids`` and ``masks`` are ``[views, windows, tokens]``, padded to the largest; a window of
        padding alone does not exist for the model.

        Returns
        -------
        tuple
            Margins float ``[views]``, and the windows' features float ``[windows, hidden]``, view
            by view.
        """
        real = masks[0].any(-1)
        view = real.nonzero()[:, 0]
        # the ids of a reference of zeros are never looked up, but backbones may shape by them
        inputs = (values[real], ids.clamp(min=0)[real], *(mask[real] for mask in masks))
        size = max(1, self.scorer.batch_tokens // ids.shape[-1])
        features = torch.cat(
            [
                self._features(*(x[first : first + size] for x in inputs), len(view) > size)
                for first in range(0, len(view), size)
            ]
        )
        tokens = inputs[-1].sum(-1).to(features.dtype)
        return self.classifier.margins(features, tokens, view, len(ids)), features

    def of(
        self, tokens: torch.Tensor, ids: torch.Tensor, masks: Masks
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same at the embeddings of ``tokens``: an end of the path, without gradient.

        The model is told the ids of the input at both ends, as along the path: ESM scales by how
        many of them are masks, and the ends would not lie on the path.
        """
        with torch.no_grad():
            return self(self.lookup(tokens), ids, masks)

    def _features(self, values, ids, attention, content, in_parts: bool) -> torch.Tensor:
        def run(values: torch.Tensor) -> torch.Tensor:
            self._given.values = values
            try:
                return self.classifier.window_features(Batch(ids, attention, content))
            finally:
                self._given.values = None

        if in_parts and torch.is_grad_enabled():
            return checkpoint(run, values, use_reentrant=False)
        return run(values)


def reference_margins(scorer: Scorer, jobs: Sequence[Job]) -> np.ndarray:
    """Margin of every job's reference: float64 ``[jobs]``."""
    function, margins = ViewMargins(scorer), np.empty(len(jobs))

    def run(group: _Group) -> None:
        found, _ = function.of(group.references, group.ids, group.masks)
        margins[group.rows] = found.double().cpu()

    function.for_each(jobs, run)
    return margins


# ------------------------------------------------------------------------- the integral


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


def shares_of(scorer: Scorer) -> Shares:
    """How the bases of the model's tokens share an attribution; takes a moment to make."""
    embedding = scorer.model.classifier.backbone.embedding.weight.detach()
    return Shares(scorer.model.tokenizer, embedding)


def integrate(scorer: Scorer, shares: Shares, jobs: Sequence[Job], steps: int) -> list[Integral]:
    """Integrated gradients of view margins (Sundararajan et al., ICML 2017).

    With e the embedding of a token, e′ that of the reference and M the margin, what the token gets
    is (e − e′) · ∫₀¹ ∂M/∂e at e′ + α(e − e′) dα, by Gauss-Legendre quadrature in ``steps`` points.
    Over all tokens of a view this sums to M(x) − M(x′), up to the error of the quadrature.

    Returns
    -------
    list of Integral
        One a job.
    """
    function = ViewMargins(scorer)
    results: dict[int, Integral] = {}

    def run(group: _Group) -> None:
        slope, path = _mean_slope(function, group, steps)
        change = function.lookup(group.ids) - function.lookup(group.references)
        values = shares(slope, change, group.ids)
        columns = (
            _tokens_of(values, group.jobs),
            values.sum((2, 3)).cpu().numpy(),
            _window_differences(function, group, path),
        )
        for row, tokens, total, difference in zip(group.rows, *columns, strict=True):
            results[row] = Integral(*tokens, total, difference)

    function.for_each(jobs, run)
    return [results[row] for row in range(len(jobs))]


def _mean_slope(
    function: ViewMargins, group: _Group, steps: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean gradient of the margins along the path (Captum), and the features it passes.

    Returns
    -------
    tuple
        float ``[jobs, windows, tokens, width]``, and float ``[steps, windows of all jobs,
        hidden]`` on the CPU: the windows' features at each point of the quadrature. Captum asks for
        the margins there anyway, so that they cost nothing more.
    """
    path = []
    # Captum puts hooks on its layer: groups side by side need one each
    layer = Lookup(function.lookup.embedding)

    def margins(ids: torch.Tensor, *masks: torch.Tensor) -> torch.Tensor:
        values = layer(ids)
        if not torch.is_grad_enabled():
            # Captum asks for the layer's output only, and looks at no margin
            return values.new_zeros(len(ids))
        margins, features = function(values, ids, (masks[0], masks[1]))
        path.append(features.detach().cpu())
        return margins

    method = LayerIntegratedGradients(margins, layer, multiply_by_inputs=False)
    slope = method.attribute(
        group.ids,
        baselines=group.references,
        additional_forward_args=group.masks,
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=max(len(group.rows), function.at_once // group.ids[0].numel()),
    )
    return slope.detach(), torch.cat(path).unflatten(0, (steps, -1))


def _window_differences(
    function: ViewMargins, group: _Group, path: torch.Tensor
) -> list[np.ndarray | None]:
    """Contributions of the windows of each job, from their features along the path."""
    if group.ids.shape[1] == 1:
        return [None] * len(group.jobs)
    first, last = (
        function.of(tokens, group.ids, group.masks)[1].cpu()
        for tokens in (group.references, group.ids)
    )
    nodes = torch.cat([first[None], path, last[None]])
    points, _ = np.polynomial.legendre.leggauss(len(path))
    alphas = np.concatenate([[0], (1 + points) / 2, [1]])
    batches = [job.example.batch for job in group.jobs]
    return [
        along_path(
            function.classifier, job_nodes, alphas, batch.content_mask.sum(1).to(group.ids.device)
        )
        for job_nodes, batch in zip(
            nodes.split([len(batch.input_ids) for batch in batches], dim=1), batches, strict=True
        )
    ]


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


def gradients(
    scorer: Scorer, jobs: Sequence[Job], *, times_input: bool
) -> list[tuple[np.ndarray, float]]:
    """Input × gradient of each token, or the gradient's length (saliency), at the input itself.

    As in `integrate`, with one share a token.
    """
    function = ViewMargins(scorer)
    results: dict[int, tuple[np.ndarray, float]] = {}

    def run(group: _Group) -> None:
        inputs = function.lookup(group.ids).detach().requires_grad_()
        margins, _ = function(inputs, group.ids, group.masks)
        (slope,) = torch.autograd.grad(margins.sum(), inputs)
        if times_input:
            values = (inputs.detach() * slope).double().sum(-1)
        else:
            values = slope.double().norm(dim=-1)
        tokens = _tokens_of(values.unsqueeze(-1), group.jobs)
        results.update(zip(group.rows, tokens, strict=True))

    function.for_each(jobs, run)
    return [results[row] for row in range(len(jobs))]
