"""Score sequences: all views, windows, batches by length; no gradient, no side effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from seformer.model.folder import Model
from seformer.model.kmer_linear import NoSpectrum, Spectrum
from seformer.scoring.views import Edit, chunks, coverage, encode_edits, encode_views
from seformer.sequence.batches import collate, plan_batches, tokens_at_once
from seformer.sequence.tokenizers import Encoding
from seformer.sequence.windows import Windows, tile
from seformer.util.devices import side_by_side
from seformer.util.logs import progress
from seformer.util.prefetch import ahead
from seformer.util.settings import BATCH_TOKENS
from seformer.util.streams import length_of

# edited sequences are tokenised and compared in groups of about this many tokens
CHUNK_TOKENS = 2_000_000


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


class KnownWindows(NamedTuple):
    """Features by the tokens of a window: its int64 ids as bytes → row of ``features``.

    Features depend on a window's own tokens alone, so a window with the same tokens has the same
    features wherever it lies.
    """

    rows: dict[bytes, int]
    features: torch.Tensor


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


class Scorer:
    """One network with its tokeniser and device, and how many tokens go through it at once.

    A score is the margin of the network, mean over the views, plus the margin of ``kmers``, the
    linear part (a `Spectrum`, or one that adds nothing).

    Parameters
    ----------
    model
        A single model, or the first of an ensemble, whose other members are not looked at.
    batch_tokens
        Tokens in one forward pass, padding included. Scores do not depend on it.
    """

    def __init__(self, model: Model, batch_tokens: int = BATCH_TOKENS.default) -> None:
        self.model, self.batch_tokens = model, batch_tokens

    @property
    def kmers(self) -> Spectrum | NoSpectrum:
        """The linear k-mer part of the score."""
        return self.model.classifier.spectrum or NoSpectrum()

    def encode(self, sequences: Sequence[str]) -> Encoding:
        """Tokenise every view of every sequence, see `scoring.views.encode_views`."""
        return encode_views(self.model, sequences)

    def windows(self, encoding: Encoding) -> Windows:
        """Cut encoded views into the windows of the model."""
        settings = self.model.settings
        size = settings.content_window(self.model.tokenizer)
        return tile(np.diff(encoding.splits), size, settings.overlap)

    def window_features(self, encoding: Encoding) -> WindowFeatures:
        """Run the backbone over every window of encoded strands or views, grouped by length.

        The result is in their order and does not depend on how batches fall. Windows of the same
        tokens are computed once.
        """
        return self._look_up(encoding, None)[0]

    def margins(self, pooled: WindowFeatures, strands: int) -> np.ndarray:
        """Pool window features to the network's margin of each strand: float64 ``[strands]``."""
        classifier = self.model.classifier
        with torch.inference_mode(), classifier.evaluating():
            margins = classifier.margins(*(part.to(self.model.device) for part in pooled), strands)
        return margins.double().cpu().numpy()

    def view_margins(
        self, encoding: Encoding, known: KnownWindows | None = None
    ) -> tuple[np.ndarray, KnownWindows]:
        """The network's margin of each encoded view, without computing what is ``known``.

        Returns
        -------
        tuple
            float64 ``[views]``, and ``known`` with the windows of these views added.
        """
        pooled, known = self._look_up(encoding, known)
        return self.margins(pooled, len(encoding.splits) - 1), known

    def score_encoded(self, sequences: Sequence[str], encoding: Encoding) -> Scores:
        """Score sequences with their tokens, see `encode`."""
        views, number = self.model.views, self.model.views * len(sequences)
        pooled = self.window_features(encoding)
        lengths = np.repeat([len(sequence) for sequence in sequences], views)
        seen = coverage(encoding, lengths, self.model.tokenizer)
        windows = np.bincount(pooled.strand.numpy(), minlength=number)
        spectrum = self.kmers.margins(sequences)
        logit = self.margins(pooled, number).reshape(-1, views).mean(1) + spectrum
        return Scores(
            logit,
            seen.reshape(-1, views).mean(1),
            -(-windows.reshape(-1, views).sum(1) // views),
            logit[None],
            spectrum,
        )

    def edits(self, sequence: str, edits: Sequence[Edit]) -> tuple[float, np.ndarray]:
        """Score a sequence and each of its edited forms, see `Ensemble.edits`."""
        encoding = self.encode([sequence])
        margins, known = self.view_margins(encoding)
        logit = float(margins.mean()) + float(self.kmers.margins([sequence])[0])
        size = max(1, CHUNK_TOKENS // max(len(encoding.input_ids), 1))
        edited = [np.empty(0)]
        for first in range(0, len(edits), size):
            group = edits[first : first + size]
            # what one group computes is not kept: memory would grow with the edits
            margins, _ = self.view_margins(
                encode_edits(self.model, sequence, encoding, group), known
            )
            spectrum = self.kmers.margins([edit.apply(sequence) for edit in group])
            edited.append(margins.reshape(-1, self.model.views).mean(1) + spectrum)
        return logit, np.concatenate(edited)

    def _look_up(
        self, encoding: Encoding, known: KnownWindows | None
    ) -> tuple[WindowFeatures, KnownWindows]:
        """Take the features of known windows, and compute those of the others, each once."""
        windows = self.windows(encoding)
        # one type of number, whatever form the tokens come in: their bytes are compared
        ids = np.ascontiguousarray(encoding.input_ids, dtype=np.int64)
        start = encoding.splits[windows.sequence] + windows.start
        content = windows.stop - windows.start
        stop = start + content
        rows = {} if known is None else dict(known.rows)
        before = len(rows)
        pairs = zip(start.tolist(), stop.tolist(), strict=True)
        row = np.array([rows.setdefault(ids[a:b].tobytes(), len(rows)) for a, b in pairs], np.int64)
        number, first = np.unique(row, return_index=True)
        first = first[number >= before]
        features = self._features(ids, start[first], stop[first])
        if known is not None:
            features = torch.cat([known.features, features])
        pooled = WindowFeatures(
            features[torch.from_numpy(row)],
            torch.from_numpy(content).float(),
            torch.from_numpy(windows.sequence),
        )
        return pooled, KnownWindows(rows, features)

    def _features(self, ids: np.ndarray, start: np.ndarray, stop: np.ndarray) -> torch.Tensor:
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
        model, classifier = self.model, self.model.classifier
        lengths = stop - start + sum(map(len, model.tokenizer.wrap))
        features = torch.empty((len(start), classifier.backbone.hidden_size), dtype=torch.float32)

        @torch.inference_mode()
        def compute(group: np.ndarray) -> None:
            batch = collate(ids, start[group], stop[group], model.tokenizer)
            pooled = classifier.window_features(batch.to(model.device))
            features[torch.from_numpy(group)] = pooled.float().cpu()

        at_once = tokens_at_once(
            self.batch_tokens, classifier.backbone.tokens_a_state, model.device
        )
        groups = list(plan_batches(lengths, at_once))
        longest = [lengths[group[0]] for group in groups]
        with classifier.evaluating():
            side_by_side(compute, groups, longest, self.batch_tokens, at_once)
        return features


class Ensemble:
    """The scorers of a model's members, a single one's too; a score is the mean of theirs.

    Parameters
    ----------
    model
        See `seformer.model.folder.load_model`.
    batch_tokens
        As of `Scorer`.
    """

    def __init__(self, model: Model, batch_tokens: int = BATCH_TOKENS.default) -> None:
        self.model = model
        self.scorers = [Scorer(member, batch_tokens) for member in model.members]

    def score(
        self,
        sequences: Iterable[str],
        description: str = "scoring",
        *,
        done: int = 0,
        total: int | None = None,
    ) -> Scores:
        """Score upper-case sequences of any length.

        Parameters
        ----------
        sequences
            Sequences over A, C, G, T, N, in any number; they are read as a stream.
        description
            What the progress bar says.
        done, total
            See `util.logs.progress`; by default the sequences are all that there is to score.

        Returns
        -------
        Scores
            In the order of ``sequences``. A score depends on its own sequence alone.
        """
        encoded = ((group, self._encode(group)) for group in chunks(sequences, self.model.views))
        shown = progress(
            ahead(encoded),
            description,
            length_of(sequences) if total is None else total,
            done=done,
            counted=lambda pair: len(pair[0]),
        )
        parts = [self._score_encoded(group, encodings) for group, encodings in shown]
        if not parts:
            none, members = np.empty(0), len(self.scorers)
            return Scores(none, none, np.empty(0, dtype=np.int64), np.empty((members, 0)), none)
        return Scores(*(np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)))

    def score_together(self, sequences: Sequence[str]) -> Scores:
        """Score sequences that fit in memory together, without a progress bar; see `score`."""
        return self._score_encoded(sequences, self._encode(sequences))

    def edits(self, sequence: str, edits: Sequence[Edit]) -> tuple[float, np.ndarray]:
        """Score a sequence and each of its edited forms, every edit alone.

        Only windows whose tokens an edit changes are computed: for a substitution all but one or
        two are those of the unedited sequence.

        Parameters
        ----------
        sequence
            Upper-case bases.
        edits
            Substitutions, insertions or deletions; an edit may not remove the whole sequence.

        Returns
        -------
        tuple
            Logit of the sequence, and float64 ``[edits]``: logits of the edited ones, equal to
            scoring each from scratch.
        """
        logits, edited = zip(*(s.edits(sequence, edits) for s in self.scorers), strict=True)
        return float(np.mean(logits)), np.mean(edited, axis=0)

    def _encode(self, sequences: Sequence[str]) -> list[Encoding]:
        return [scorer.encode(sequences) for scorer in self.scorers]

    def _score_encoded(self, sequences: Sequence[str], encodings: Sequence[Encoding]) -> Scores:
        pairs = zip(self.scorers, encodings, strict=True)
        each = [scorer.score_encoded(sequences, encoding) for scorer, encoding in pairs]
        members = np.concatenate([scores.members for scores in each])
        return each[0]._replace(
            logit=members.mean(axis=0),
            members=members,
            spectrum=np.mean([scores.spectrum for scores in each], axis=0),
        )
