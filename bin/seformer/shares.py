"""How the attribution of a token is shared by its bases.

The integrated gradient of a token is slope · (e − e′), with the slope averaged along the path, the
token's embedding e and the reference's e′. Where both tokens are k-mers there are other k-mers
between them, made of some bases of the one and some of the other, and slope · embedding is known
for each. That is a game of the k bases, and its Shapley values are their shares (Lundberg and Lee,
NeurIPS 2017): exact, since there are only 2^k such k-mers; they sum to the token's attribution, and
a base that is the same in the reference gets nothing from it. All other tokens share evenly.
"""

from __future__ import annotations

from math import comb

import numpy as np
import torch

from seformer.tokens import KmerTokenizer, Tokenizer

# numbers of embeddings held at a time
CHUNK_NUMBERS = 2**24


def shapley_weights(k: int) -> np.ndarray:
    """Weights that map the worth of all subsets of k players to Shapley values.

    Returns
    -------
    np.ndarray
        float64 ``[k, 2**k]``; bit ``k - 1 - i`` of a column's number says whether player i is in.
    """
    subsets = np.arange(2**k)
    inside = (subsets >> np.arange(k - 1, -1, -1)[:, None] & 1).astype(bool)
    size = inside.sum(0)
    joined = np.array([1 / (k * comb(k - 1, n - 1)) if n else 0 for n in size])
    left = np.array([1 / (k * comb(k - 1, n)) if n < k else 0 for n in size])
    return np.where(inside, joined, -left)


def base_masks(k: int) -> np.ndarray:
    """Bits of a k-mer's number (two a base) that each subset of its bases holds: ``[2**k]``."""
    subsets = np.arange(2**k)
    return sum((subsets >> place & 1) * (3 << 2 * place) for place in range(k))


class Shares:
    """Shares the attributions of tokens out, for one tokenizer and its embeddings.

    Parameters
    ----------
    tokenizer
        Where it makes k-mers, a token has k shares; otherwise one (`seformer.attribute.project`).
    embedding
        float ``[vocabulary, hidden]``.
    """

    def __init__(self, tokenizer: Tokenizer, embedding: torch.Tensor) -> None:
        self.embedding = embedding
        self.width = tokenizer.k if isinstance(tokenizer, KmerTokenizer) else 1
        if self.width > 1:
            self.ids = torch.from_numpy(tokenizer.kmer_ids.astype(np.int64)).to(embedding.device)
            self.number = self.ids.new_full((len(embedding),), -1)
            self.number[self.ids] = torch.arange(len(self.ids), device=embedding.device)
            self.number[tokenizer.unk_id] = -1
            weights = torch.from_numpy(shapley_weights(self.width))
            self.weights = weights.to(embedding)
            self.masks = torch.from_numpy(base_masks(self.width)).to(embedding.device)

    def __call__(
        self, slope: torch.Tensor, change: torch.Tensor, ids: torch.Tensor, references: torch.Tensor
    ) -> torch.Tensor:
        """Share out slope · change, where change is e − e′.

        Parameters
        ----------
        slope, change
            float ``[tokens, hidden]``.
        ids, references
            int64 ``[tokens]``; a reference may be `seformer.references.ZERO`.

        Returns
        -------
        torch.Tensor
            float64 ``[tokens, k]`` (``[tokens, 1]`` if the tokens are no k-mers).
        """
        total = (slope * change).double().sum(-1, keepdim=True)
        shares = (total / self.width).repeat(1, self.width)
        if self.width == 1:
            return shares
        own, other = self.number[ids], self.number[references.clamp(min=0)]
        known = ((own >= 0) & (other >= 0) & (references >= 0)).nonzero()[:, 0]
        size = max(1, CHUNK_NUMBERS // (len(self.masks) * self.embedding.shape[1]))
        for rows in known.split(size):
            between = own[rows, None] & self.masks | other[rows, None] & ~self.masks
            worth = torch.einsum("nsh,nh->ns", self.embedding[self.ids[between]], slope[rows])
            shares[rows] = (worth @ self.weights.T).double()
        # single precision leaves a trace: sums are kept
        return shares + (total - shares.sum(-1, keepdim=True)) / self.width
