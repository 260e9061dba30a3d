"""The classifier: token pooling, window pooling and the head over a backbone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

from seformer.model.backbones import HeadStyle
from seformer.model.choices import TokenPooling, WindowPooling
from seformer.model.kmer_linear import Spectrum
from seformer.sequence.batches import Batch
from seformer.sequence.kmers import KmerScale
from seformer.util.errors import UserError

ACTIVATIONS = {"gelu": nn.GELU, "tanh": nn.Tanh, "gelu_new": lambda: nn.GELU("tanh")}


class Head(nn.Module):
    """Dense layer, activation, optional layer norm, two logits (TE, SE).

    The stock sequence classifiers of BERT, BigBird and ModernBERT all have this form, which is
    why a one-window model of a stock family loads there as well.
    """

    def __init__(self, hidden: int, style: HeadStyle, dropout: float = 0.1) -> None:
        super().__init__()
        if style.activation not in ACTIVATIONS:
            raise UserError(
                f"the activation is {style.activation!r}", expected=", ".join(ACTIVATIONS)
            )
        self.dense = nn.Linear(hidden, hidden, bias=style.dense_bias)
        self.activation = ACTIVATIONS[style.activation]()
        self.norm = (
            nn.LayerNorm(hidden, eps=style.norm_eps, bias=style.norm_bias)
            if style.norm
            else nn.Identity()
        )
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, 2, bias=style.out_bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map float ``[n, hidden]`` to float ``[n, 2]``."""
        hidden = self.norm(self.activation(self.dense(features)))
        return self.out(self.dropout(hidden))


class GatedAttention(nn.Module):
    """Gated attention over the windows of a region (Ilse et al., ICML 2018, equation 9)."""

    def __init__(self, hidden: int, width: int = 64) -> None:
        super().__init__()
        self.value = nn.Linear(hidden, width)
        self.gate = nn.Linear(hidden, width)
        self.score = nn.Linear(width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map float ``[windows, hidden]`` to one score a window, float ``[windows]``."""
        gated = torch.tanh(self.value(features)) * torch.sigmoid(self.gate(features))
        return self.score(gated).squeeze(-1)


def segment_sum(values: torch.Tensor, segment: torch.Tensor, segments: int) -> torch.Tensor:
    """Sum rows of ``values`` ``[n, …]`` that share a ``segment``; returns ``[segments, …]``."""
    out = values.new_zeros((segments, *values.shape[1:]))
    return out.index_add(0, segment, values)


def segment_softmax(scores: torch.Tensor, segment: torch.Tensor, segments: int) -> torch.Tensor:
    """Softmax of ``scores`` ``[n]`` within each segment."""
    shifted = (scores - segment_max(scores, segment, segments)[segment]).exp()
    return shifted / segment_sum(shifted, segment, segments)[segment]


def segment_max(values: torch.Tensor, segment: torch.Tensor, segments: int) -> torch.Tensor:
    """Largest of ``values`` ``[n]`` in each segment, without gradient."""
    out = values.new_full((segments,), -torch.inf)
    return out.scatter_reduce(0, segment, values.detach(), "amax")


class RegionClassifier(nn.Module):
    """Logit margin (SE − TE) of whole regions from the windows over them.

    Parameters
    ----------
    backbone
        See `seformer.model.backbones.load_backbone`.
    token_pooling
        ``mean`` over the tokens that stand for bases, or the ``cls`` token.
    window_pooling
        ``mean``: features averaged, each window weighted by its number of pooled tokens, so that
        one window or many give the same for a backbone that does not look past a token;
        ``lse``: log-sum-exp of the windows' margins, minus log of their number;
        ``attention``: gated attention, trained (multiple-instance learning).
    spectrum
        k of the k-mer spectrum whose margin is added to a region's score, see
        `seformer.model.kmer_linear`; None for none. `margins` gives the transformer's part alone.
    spectrum_scale
        What a k-mer of it counts.
    """

    def __init__(
        self,
        backbone: nn.Module,
        *,
        token_pooling: TokenPooling = "mean",
        window_pooling: WindowPooling = "mean",
        dropout: float = 0.1,
        spectrum: int | None = None,
        spectrum_scale: KmerScale = "frequency",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.token_pooling = token_pooling
        self.window_pooling = window_pooling
        self.head = Head(backbone.hidden_size, backbone.head_style, dropout)
        if window_pooling == "attention":
            self.attention = GatedAttention(backbone.hidden_size)
        self.spectrum = None if spectrum is None else Spectrum(spectrum, spectrum_scale)

    def forward(
        self, batch: Batch, tokens: torch.Tensor, region: torch.Tensor, regions: int
    ) -> torch.Tensor:
        """Margins of whole regions from their windows, as training takes them; see `margins`."""
        return self.margins(self.window_features(batch).float(), tokens, region, regions)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Be in evaluation mode for a while."""
        was_training = self.training
        self.eval()
        try:
            yield
        finally:
            self.train(was_training)

    def window_features(self, batch: Batch) -> torch.Tensor:
        """Pool the tokens of each window: float32 ``[windows, hidden]``."""
        states = self.backbone.states(batch.input_ids, batch.attention_mask).float()
        return self.pool_tokens(states, batch.content_mask)

    def pool_tokens(self, states: torch.Tensor, content_mask: torch.Tensor) -> torch.Tensor:
        """Pool float ``[windows, states, hidden]`` to float ``[windows, hidden]``.

        A state counts as often as tokens that stand for bases have it in common.
        """
        if self.token_pooling == "cls":
            return states[:, 0]
        shared = self.backbone.tokens_a_state
        beyond = -content_mask.shape[1] % shared
        groups = F.pad(content_mask, (0, beyond)).unflatten(1, (-1, shared))
        weight = groups.sum(2).unsqueeze(-1).to(states.dtype)
        # in double precision: features differ little beside their mean, so rounding would show
        total = (states * weight).sum(1, dtype=torch.float64)
        return (total / weight.sum(1)).to(states.dtype)

    def window_weights(self, tokens: torch.Tensor) -> torch.Tensor:
        """Number of vectors pooled in windows of ``tokens`` content tokens: float ``[windows]``."""
        return torch.ones_like(tokens) if self.token_pooling == "cls" else tokens

    def margins(
        self, features: torch.Tensor, tokens: torch.Tensor, region: torch.Tensor, regions: int
    ) -> torch.Tensor:
        """Pool windows to regions and apply the head.

        Parameters
        ----------
        features
            float ``[windows, hidden]``.
        tokens
            float ``[windows]``: content tokens of each window.
        region
            int64 ``[windows]``: the region of each window; every region has at least one.
        regions
            Number of regions.

        Returns
        -------
        torch.Tensor
            float ``[regions]``: z(SE) − z(TE).
        """
        if self.window_pooling == "lse":
            margin = self._margin(features)
            peak = segment_max(margin, region, regions)
            total = segment_sum((margin - peak[region]).exp(), region, regions)
            number = segment_sum(torch.ones_like(margin), region, regions)
            return peak + total.log() - number.log()
        if self.window_pooling == "attention":
            weight = segment_softmax(self.attention(features), region, regions)
        else:
            weight = self.window_weights(tokens)
            weight = weight / segment_sum(weight, region, regions)[region]
        pooled = segment_sum(features * weight.unsqueeze(-1), region, regions)
        return self._margin(pooled)

    def _margin(self, features: torch.Tensor) -> torch.Tensor:
        logits = self.head(features)
        return logits[:, 1] - logits[:, 0]


def check_pooling(token_pooling: str, wrap: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """Refuse CLS pooling for a tokenizer that puts no token before a window.

    Raises
    ------
    UserError
        If ``token_pooling`` is ``cls`` and there is no such token.
    """
    if token_pooling == "cls" and not wrap[0]:
        raise UserError(
            "this model's tokenizer has no [CLS] token",
            where="--token-pooling cls",
            do="use --token-pooling mean",
        )
