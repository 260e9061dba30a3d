"""Score sequences: all views, windows, batches by length; no gradient, no side effect.

A view of a sequence is one strand, cut into tokens in one phase (`KmerTokenizer.encode`;
byte-pair tokenisers have one phase). A score is the mean over all views: neither the strand nor
where the first k-mer happens to begin decides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch

from seformer.model.classifier import RegionClassifier
from seformer.model.folder import Model
from seformer.sequence.batches import collate, plan_batches, tokens_at_once
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import Encoding, Tokenizer, interleave
from seformer.sequence.windows import Windows, tile
from seformer.util.devices import side_by_side
from seformer.util.logs import progress
from seformer.util.prefetch import ahead

STRANDS = 2
DEFAULT_BATCH_TOKENS = 16_384
# bounds the memory of one round of scoring: sequences, their tokens and window features
CHUNK_BASES = 2_000_000


class WindowFeatures(NamedTuple):
    """Pooled features of the windows over several strands or views.

    Attributes
    ----------
    features
        float32 ``[windows, hidden]``.
    tokens
        float32 ``[windows]``: tokens that stand for bases.
    strand
        int64 ``[windows]``: row of the strand or view in the encoding the windows are cut from.
    """

    features: torch.Tensor
    tokens: torch.Tensor
    strand: torch.Tensor


class Scores(NamedTuple):
    """Scores of regions.

    Attributes
    ----------
    logit
        float64 ``[regions]``: margin SE − TE, mean over the views.
    coverage
        float64 ``[regions]``: part of the bases that lie in a known token, mean over the views.
    windows
        int64 ``[regions]``: windows a view, mean over the views rounded up.
    members
        float64 ``[members, regions]``: logit of each member of an ensemble; ``logit`` is their
        mean.
    spectrum
        float64 ``[regions]``: what the k-mer spectrum adds to the logit; 0 without one.
    """

    logit: np.ndarray
    coverage: np.ndarray
    windows: np.ndarray
    members: np.ndarray
    spectrum: np.ndarray

    @property
    def logit_sd(self) -> np.ndarray:
        """Standard deviation of the members' logits: float64 ``[regions]``; 0 for one member."""
        if len(self.members) < 2:
            return np.zeros(self.logit.shape)
        return self.members.std(axis=0, ddof=1)


def both_strands(sequences: Sequence[str]) -> list[str]:
    """Return every sequence followed by its reverse complement."""
    return list(chain.from_iterable((s, reverse_complement(s)) for s in sequences))


def encode_views(model: Model, sequences: Sequence[str]) -> Encoding:
    """Tokenise every view of every sequence.

    Returns
    -------
    Encoding
        Row ``sequence × model.views + strand × phases + phase``, see `Model.phases`.
    """
    strands = both_strands(sequences)
    return interleave([model.tokenizer.encode(strands, phase=phase) for phase in model.phases])


def chunks(
    items: Iterable[str], views: int = STRANDS, bases: int = CHUNK_BASES
) -> Iterator[list[str]]:
    """Group sequences into lists of about ``bases`` bases in all views, one sequence at least."""
    group: list[str] = []
    total = 0
    for item in items:
        if group and total + len(item) > bases // views:
            yield group
            group, total = [], 0
        group.append(item)
        total += len(item)
    if group:
        yield group


def coverage(encoding: Encoding, lengths: np.ndarray, tokenizer: Tokenizer) -> np.ndarray:
    """Part of the bases of each sequence that lie in a token other than unknown.

    Returns float64 ``[sequences]``.
    """
    known = encoding.input_ids != tokenizer.unk_id
    first = np.concatenate([[0], np.cumsum(lengths)])
    sequence = np.repeat(np.arange(len(lengths)), np.diff(encoding.splits))
    # +1 where a known token starts and -1 where it ends: bases with a positive sum are covered
    depth = np.zeros(first[-1] + 1, dtype=np.int32)
    np.add.at(depth, first[sequence[known]] + encoding.starts[known], 1)
    np.add.at(depth, first[sequence[known]] + encoding.ends[known], -1)
    covered = np.concatenate([[0], np.cumsum(np.cumsum(depth[:-1]) > 0)])
    return (covered[first[1:]] - covered[first[:-1]]) / lengths


def cut(encoding: Encoding, model: Model) -> Windows:
    """Cut encoded sequences into the windows of the model."""
    return tile(
        np.diff(encoding.splits),
        model.settings.content_window(model.tokenizer),
        model.settings.overlap,
    )


def first_of_same(ids: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return for each window ``ids[start:stop]`` the first with its tokens: int64 ``[windows]``."""
    first: dict[bytes, int] = {}
    edges = zip(start.tolist(), stop.tolist(), strict=True)
    same = (first.setdefault(ids[a:b].tobytes(), i) for i, (a, b) in enumerate(edges))
    return np.fromiter(same, np.int64, len(start))


def window_features(
    model: Model, encoding: Encoding, batch_tokens: int = DEFAULT_BATCH_TOKENS
) -> WindowFeatures:
    """Run the backbone over every window of encoded strands, grouped by length.

    The result is in the order of the strands and does not depend on how batches fall. Windows of
    the same tokens are computed once.
    """
    windows = cut(encoding, model)
    content = windows.stop - windows.start
    start = encoding.splits[windows.sequence] + windows.start
    stop = start + content
    same = first_of_same(encoding.input_ids, start, stop)
    distinct = np.flatnonzero(same == np.arange(len(same)))
    features = features_of(model, encoding.input_ids, start[distinct], stop[distinct], batch_tokens)
    if len(distinct) < len(same):
        features = features[torch.from_numpy(np.searchsorted(distinct, same))]
    return WindowFeatures(
        features, torch.from_numpy(content).float(), torch.from_numpy(windows.sequence)
    )


def features_of(
    model: Model, ids: np.ndarray, start: np.ndarray, stop: np.ndarray, batch_tokens: int
) -> torch.Tensor:
    """Run the backbone over the windows ``ids[start:stop]``, in batches of alike length.

    Parameters
    ----------
    ids
        Integer ``[tokens]``.
    start, stop
        int64 ``[windows]``: 0-based half-open positions in ``ids``.

    Returns
    -------
    torch.Tensor
        float32 ``[windows, hidden]``, in their order, on the CPU.
    """
    classifier: RegionClassifier = model.classifier
    lengths = stop - start + sum(map(len, model.tokenizer.wrap))
    features = torch.empty((len(start), classifier.backbone.hidden_size), dtype=torch.float32)

    @torch.inference_mode()
    def compute(group: np.ndarray) -> None:
        batch = collate(ids, start[group], stop[group], model.tokenizer)
        pooled = classifier.window_features(batch.to(model.device))
        features[torch.from_numpy(group)] = pooled.float().cpu()

    was_training = classifier.training
    classifier.eval()
    try:
        at_once = tokens_at_once(batch_tokens, model.device)
        groups = list(plan_batches(lengths, at_once))
        # a window longer than that is a batch by itself: two of them at once would double the peak
        alone = np.count_nonzero(lengths > at_once)
        side_by_side(compute, groups[:alone], 1)
        side_by_side(compute, groups[alone:], batch_tokens // at_once)
    finally:
        classifier.train(was_training)
    return features


@torch.inference_mode()
def strand_margins(model: Model, pooled: WindowFeatures, strands: int) -> np.ndarray:
    """Pool window features to one margin a strand: float64 ``[strands]``."""
    parts = (part.to(model.device) for part in pooled)
    was_training = model.classifier.training
    model.classifier.eval()
    try:
        margins = model.classifier.margins(*parts, strands)
    finally:
        model.classifier.train(was_training)
    return margins.double().cpu().numpy()


def score_chunk(
    model: Model, sequences: Sequence[str], batch_tokens: int = DEFAULT_BATCH_TOKENS
) -> Scores:
    """Score sequences that fit in memory together; see `score`."""
    return _score_encoded(model, sequences, _encode_members(model, sequences), batch_tokens)


def _encode_members(model: Model, sequences: Sequence[str]) -> list[Encoding]:
    return [encode_views(member, sequences) for member in model.members]


def _score_encoded(
    model: Model, sequences: Sequence[str], encodings: Sequence[Encoding], batch_tokens: int
) -> Scores:
    each = [
        _score_member(member, sequences, encoding, batch_tokens)
        for member, encoding in zip(model.members, encodings, strict=True)
    ]
    members = np.concatenate([scores.members for scores in each])
    return each[0]._replace(
        logit=members.mean(axis=0),
        members=members,
        spectrum=np.mean([scores.spectrum for scores in each], axis=0),
    )


def spectrum_margins(model: Model, sequences: Sequence[str]) -> np.ndarray:
    """What the k-mer spectrum of a single model adds to each logit: float64 ``[sequences]``."""
    spectrum = model.classifier.spectrum
    return np.zeros(len(sequences)) if spectrum is None else spectrum.margins(sequences)


def _score_member(
    model: Model, sequences: Sequence[str], encoding: Encoding, batch_tokens: int
) -> Scores:
    views, number = model.views, model.views * len(sequences)
    pooled = window_features(model, encoding, batch_tokens)
    margins = strand_margins(model, pooled, number)
    lengths = np.repeat([len(sequence) for sequence in sequences], views)
    seen = coverage(encoding, lengths, model.tokenizer)
    windows = np.bincount(pooled.strand.numpy(), minlength=number)
    spectrum = spectrum_margins(model, sequences)
    logit = margins.reshape(-1, views).mean(1) + spectrum
    return Scores(
        logit,
        seen.reshape(-1, views).mean(1),
        -(-windows.reshape(-1, views).sum(1) // views),
        logit[None],
        spectrum,
    )


def score(
    model: Model,
    sequences: Iterable[str],
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    description: str = "scoring",
) -> Scores:
    """Score upper-case sequences of any length.

    Parameters
    ----------
    model
        See `seformer.model.folder.load_model`.
    sequences
        Sequences over A, C, G, T, N, in any number; they are read as a stream.
    batch_tokens
        Tokens in one forward pass, padding included.

    Returns
    -------
    Scores
        In the order of ``sequences``. A score depends on its own sequence alone.
    """
    encoded = ((group, _encode_members(model, group)) for group in chunks(sequences, model.views))
    parts = [
        _score_encoded(model, *item, batch_tokens) for item in progress(ahead(encoded), description)
    ]
    if not parts:
        none, members = np.empty(0), len(model.members)
        return Scores(none, none, np.empty(0, dtype=np.int64), np.empty((members, 0)), none)
    return Scores(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))
