"""How the attribution of a token is shared by its bases.

The integrated gradient of a token is slope · (e − e′), with the slope averaged along the path, the
token's embedding e and the reference's e′. A k-mer has its embedding because of all its bases, but
not of all alike: next to it in the vocabulary stand the k-mers that differ in one base, in two, …
With some bases kept and the others drawn at random the mean embedding is known for every subset of
the bases. That is a game of the k bases, and its Shapley values (Lundberg and Lee, NeurIPS 2017)
share e − ē among them exactly, with ē the mean over all k-mers. They do not depend on the slope, so
that they are made once for a vocabulary. What is left, slope · (ē − e′), tells no base from
another and is spread evenly, and so are tokens that are not k-mers: sums are kept.
"""

from __future__ import annotations

import numpy as np
import torch

from seformer.sequence.tokenizers import KmerTokenizer, MixedTokenizer, Tokenizer

# longer k-mers are spread evenly: the table of all shares would be too large
LONGEST = 6


def shapley_values(table: torch.Tensor) -> torch.Tensor:
    """Share out what each k-mer has above the mean of all.

    Shapley values are the integral of the game's multilinear extension along its diagonal (Owen,
    Manage Sci 1972): with each other base kept with probability p, what one base adds, over all p.
    That is a polynomial in p, so the quadrature is exact.

    Parameters
    ----------
    table
        float ``[4, …, 4, n]``: n numbers for every k-mer, an axis a base.

    Returns
    -------
    torch.Tensor
        float ``[k, 4, …, 4, n]``; its sum over the bases is the table minus its mean.
    """
    k = table.ndim - 1
    points, weights = np.polynomial.legendre.leggauss((k + 1) // 2)
    shares = []
    for base in range(k):
        share = torch.zeros_like(table)
        for point, weight in zip((1 + points) / 2, weights / 2, strict=True):
            part = table
            for axis in range(k):
                mean = part.mean(axis, keepdim=True)
                part = part - mean if axis == base else torch.lerp(mean, part, point)
            share += weight * part
        shares.append(share)
    return torch.stack(shares)


class Shares:
    """Shares the attributions of tokens out, for one tokenizer and its embeddings.

    Parameters
    ----------
    tokenizer
        Where it makes k-mers (k ≤ 6) a token has k shares; otherwise one, and
        `project` spreads it.
    embedding
        float ``[vocabulary, hidden]``.
    """

    def __init__(self, tokenizer: Tokenizer, embedding: torch.Tensor) -> None:
        kmers = isinstance(tokenizer, KmerTokenizer | MixedTokenizer) and tokenizer.k <= LONGEST
        self.width = tokenizer.k if kmers else 1
        # rows of tokens that are not k-mers stay zero: all of theirs is spread evenly
        self.table = embedding.new_zeros((len(embedding), self.width, embedding.shape[1]))
        if kmers:
            ids = torch.from_numpy(tokenizer.kmer_ids.astype(np.int64)).to(embedding.device)
            shares = shapley_values(embedding[ids].view(*[4] * self.width, -1))
            self.table[ids] = shares.view(self.width, len(ids), -1).transpose(0, 1)
            self.table[tokenizer.unk_id] = 0

    def __call__(
        self, slope: torch.Tensor, change: torch.Tensor, ids: torch.Tensor
    ) -> torch.Tensor:
        """Share out slope · change, where change is e − e′.

        Parameters
        ----------
        slope, change
            float ``[…, tokens, hidden]``.
        ids
            int64 ``[…, tokens]``.

        Returns
        -------
        torch.Tensor
            float64 ``[…, tokens, k]`` (or 1 in place of k).
        """
        total = (slope * change).double().sum(-1, keepdim=True)
        shares = torch.einsum("...kh,...h->...k", self.table[ids], slope).double()
        return shares + (total - shares.sum(-1, keepdim=True)) / self.width


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
    single = values[token, np.minimum(within, shares - 1)]
    share = np.where(widths[token] == shares, single, even[token])
    bases = np.bincount(starts[token] + within, weights=share, minlength=length)
    return bases, float(total[widths == 0].sum())
