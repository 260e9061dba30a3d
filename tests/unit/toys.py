"""Toy models with known answers, so that explanations are tested without weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from seformer.model.backbones import build_backbone
from seformer.model.classifier import GatedAttention, RegionClassifier
from seformer.model.folder import Model, new_model
from seformer.model.settings import ModelSettings
from seformer.sequence.tokenizers import KmerTokenizer, Tokenizer


class LookupBackbone(nn.Module):
    """Context-free: the hidden state of a token is its embedding."""

    tokens_a_state = 1

    def __init__(self, vocabulary: int, width: int, seed: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.hidden_size = width
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.embedding.weight.copy_(torch.randn(vocabulary, width, generator=generator))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.embedding(input_ids) * attention_mask.unsqueeze(-1)

    def states(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self(input_ids, attention_mask)


class MixingBackbone(LookupBackbone):
    """Every token looks at all tokens of its window (one layer of attention), with a curve."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        hidden = self.embedding(input_ids)
        scores = hidden @ hidden.transpose(1, 2) / hidden.shape[-1]
        scores = scores.masked_fill(attention_mask[:, None, :] == 0, -torch.inf)
        mixed = torch.tanh(hidden + scores.softmax(-1) @ hidden)
        return mixed * attention_mask.unsqueeze(-1)


class LinearHead(nn.Module):
    """Margin = weight · features."""

    def __init__(self, width: int, seed: int = 1) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(width, generator=generator))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        margin = features @ self.weight
        return torch.stack([torch.zeros_like(margin), margin], dim=-1)


class CurvedHead(LinearHead):
    """Margin = 4 tanh(weight · features) + (weight · features)²."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        margin = features @ self.weight
        return torch.stack([torch.zeros_like(margin), 4 * margin.tanh() + margin.square()], dim=-1)


class ToyClassifier(RegionClassifier):
    def __init__(self, backbone: nn.Module, head: nn.Module, window_pooling: str = "mean") -> None:
        nn.Module.__init__(self)
        self.backbone, self.head = backbone, head
        self.token_pooling, self.window_pooling = "mean", window_pooling
        self.spectrum = None
        if window_pooling == "attention":
            self.attention = GatedAttention(backbone.hidden_size, 4)
            generator = torch.Generator().manual_seed(3)
            with torch.no_grad():
                for parameter in self.attention.parameters():
                    parameter.copy_(torch.randn(parameter.shape, generator=generator))


def toy_model(
    *,
    tokenizer: Tokenizer | None = None,
    mixing: bool = False,
    curved: bool = False,
    window_pooling: str = "mean",
    window: int | None = None,
    overlap: int = 0,
    phases: int = 1,
    width: int = 5,
    seed: int = 0,
) -> Model:
    """Build a model; the default is linear in the embeddings of 3-mers with stride 3."""
    tokenizer = tokenizer or KmerTokenizer(3, 3)
    backbone = (MixingBackbone if mixing else LookupBackbone)(tokenizer.vocab_size, width, seed)
    head = (CurvedHead if curved else LinearHead)(width)
    classifier = ToyClassifier(backbone, head, window_pooling).eval()
    record = {"name": "toy", "source": "preset", "revision": None, "family": "toy"}
    settings = ModelSettings(backbone=record, window=window, overlap=overlap, phases=phases)
    return Model(classifier, tokenizer, settings, torch.device("cpu"))


def tiny_model(seed: int = 1, **settings) -> Model:
    """Build the preset `tiny` with random weights and a new head, on the CPU."""
    backbone, tokenizer, origin = build_backbone("tiny", seed=seed)
    torch.manual_seed(seed)
    return new_model(backbone, tokenizer, origin, device=torch.device("cpu"), **settings)


def random_sequence(length: int, seed: int = 0) -> str:
    """Random bases."""
    codes = np.random.default_rng(seed).integers(0, 4, length)
    return "".join("ACGT"[code] for code in codes)
