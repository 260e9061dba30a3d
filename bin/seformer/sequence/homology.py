"""Near copies: regions that hold pieces of one sequence, whatever was moved, mutated or turned.

Whole 31-mers survive in exact copies alone: of a copy with 90 % identity 4 % are left. Shorter
k-mers survive more often (0.9^12 = 28 %, 0.9^16 = 19 %) but also meet by chance, so the length
follows the size of the data. Two regions are near copies if they share `SHARE` of the distinct
canonical k-mers of the one that has fewer: half of a region, or all of it with 90 % identity, on
either strand, at any place and in any surroundings, gives twice that or more.

K-mers that occur in many regions are left out of the comparison, as in seqleak and hashFrag's
filters: an Alu is in a tenth of all regions and would chain them into one cluster. They only join
neighbours among the regions that hold them, in an order by content, which share `COMMON_SHARE`:
what is a copy all over, of however many, and no region with an Alu in it. So what is not seen is a
repeat of which there are many diverged copies, and a relative of less than about 80 % identity. Of
many bases only a sample of the k-mers is kept (FracMinHash; Irber 2022,
doi:10.1101/2022.01.11.475838), which loses the shortest of the regions first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from seformer.sequence.kmer_overlap import base_batches, canonical_words, mix, scale_for

SHORTEST, LONGEST = 12, 16
# canonical k-mers for each base of the data: with four a k-mer meets another by chance in one of
# four regions' worth of it, while near copies share dozens
ROOM = 4
SHARE = 0.05
# of a hundred copies with 95 % identity to one sequence the next shares 0.3, of regions with two
# such Alus in 3 kb less than 0.1
COMMON_SHARE = 0.15
# a match of some 25 bases happens by chance once in a data set, and is nothing in a short region
LEAST = 10
LEAST_SAMPLED = 3
MOST_REGIONS = 32
MAX_KMERS = 30_000_000  # 240 MB of words with their regions
PAIRS_AT_ONCE = 10_000_000
_REGION = np.uint64(32)


class NearCopies(NamedTuple):
    """Which of n regions are near copies of which.

    Attributes
    ----------
    k, scaled
        Length of the k-mers, and that one in ``scaled`` of them was looked at.
    group
        int64 [n]: regions with the same k-mers, exact copies above all, have one number.
    first, second
        int64 [pairs]: the groups that are near copies of one another.
    """

    k: int
    scaled: int
    group: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def clusters(self) -> np.ndarray:
        """Number the clusters that regions and their near copies make, in steps: int64 [n]."""
        size = int(self.group.max(initial=-1)) + 1
        ones = np.ones(len(self.first), np.int8)
        graph = coo_matrix((ones, (self.first, self.second)), shape=(size, size))
        return connected_components(graph, directed=False)[1][self.group].astype(np.int64)

    def in_any(self, others: np.ndarray) -> np.ndarray:
        """Tell which regions have a near copy among ``others`` (bool [n]), themselves apart.

        Returns bool [n].
        """
        own = np.bincount(self.group, weights=others)
        found = np.zeros(len(own))
        np.add.at(found, self.first, own[self.second])
        np.add.at(found, self.second, own[self.first])
        return found[self.group] + own[self.group] - others > 0


def near_copies(sequences: Iterable[str], bases: int) -> NearCopies:
    """Find all near copies among regions.

    Parameters
    ----------
    sequences
        Upper-case bases of each region, read once.
    bases
        Their number in all regions together: it decides on length and sample of the k-mers.

    Returns
    -------
    NearCopies
        Of two regions that overlap too, as far as their bases are given.
    """
    k, scaled = kmer_length(bases), scale_for(bases, MAX_KMERS)
    least = max(LEAST_SAMPLED, math.ceil(LEAST / scaled))
    words, counts, digests = _sketch(sequences, k, scaled)
    group, chosen = _join_equal(counts, digests, least)
    region = np.full(len(counts), -1, np.int64)
    region[chosen] = np.arange(len(chosen))
    table = _shared_words(words, region, len(chosen))
    # groups are numbered in the order of the regions chosen for them
    pairs = zip(
        _related(table, counts[chosen], least),
        _neighbours(words, region, counts[chosen], digests[chosen], least),
        strict=True,
    )
    first, second = map(np.concatenate, pairs)
    return NearCopies(k, scaled, group, first, second)


def kmer_length(bases: int) -> int:
    """Return the shortest k, of `SHORTEST` to `LONGEST`, with `ROOM` canonical k-mers a base."""
    enough = (k for k in range(SHORTEST, LONGEST) if 4**k / 2 >= ROOM * bases)
    return next(enough, LONGEST)


def _sketch(
    sequences: Iterable[str], k: int, scaled: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Collect every region's k-mers.

    Returns
    -------
    words : numpy.ndarray
        uint64 [total], sorted: the k-mer in the upper, the region in the lower 32 bits; each once.
    counts : numpy.ndarray
        int64 [n]: a region's distinct k-mers.
    digests : numpy.ndarray
        uint64 [n]: equal for regions with the same k-mers.
    """
    words, counts, digests = [np.empty(0, np.uint64)], [], []
    regions = 0
    for batch in base_batches(sequences):
        word, region = canonical_words(batch, k)
        if scaled > 1:
            chosen = mix(word) <= np.uint64(2**64 // scaled)
            word, region = word[chosen], region[chosen]
        both = (region.astype(np.uint64) << _REGION) | word
        both.sort()
        both = both[np.concatenate([[True], both[1:] != both[:-1]])[: len(both)]]
        word, region = both & np.uint64(2**32 - 1), both >> _REGION
        counts.append(np.bincount(region.astype(np.int64), minlength=len(batch)))
        digest = np.zeros(len(batch), np.uint64)
        np.add.at(digest, region.astype(np.int64), mix(word + np.uint64(1)))
        digests.append(digest)
        words.append((word << _REGION) | (region + np.uint64(regions)))
        regions += len(batch)
    joined = np.concatenate(words)
    joined.sort()
    if not regions:
        return joined, np.empty(0, np.int64), np.empty(0, np.uint64)
    return joined, np.concatenate(counts), np.concatenate(digests)


def _join_equal(
    counts: np.ndarray, digests: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Group the regions with the same k-mers: however many copies there are, they count once.

    Returns int64 [n], the group of each region, and int64 [groups], the first region of each.
    """
    # with hardly a k-mer, or none, nothing is known of a region: it stays alone
    alone = np.where(counts < least, np.arange(1, len(counts) + 1), 0)
    keys = np.stack([digests, counts.astype(np.uint64), alone.astype(np.uint64)], axis=1)
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[group.reshape(-1)], first[order]


def _shared_words(words: np.ndarray, region: np.ndarray, regions: int) -> csr_matrix:
    """Tabulate the k-mers that a few of the chosen regions share: int32 [regions, k-mers].

    ``region`` numbers the chosen ones among all; −1 is not chosen.
    """
    words = words[region[(words & np.uint64(2**32 - 1)).astype(np.int64)] >= 0]
    kmers = words >> _REGION
    starts = np.flatnonzero(np.concatenate([[True], kmers[1:] != kmers[:-1]])[: len(kmers)])
    del kmers
    sizes = np.diff(np.append(starts, len(words)))
    few = (sizes > 1) & (sizes <= MOST_REGIONS)
    words, sizes = words[np.repeat(few, sizes)], sizes[few]
    rows = region[(words & np.uint64(2**32 - 1)).astype(np.int64)]
    columns = np.repeat(np.arange(len(sizes)), sizes)
    ones = np.ones(len(rows), np.int32)
    return csr_matrix((ones, (rows, columns)), shape=(regions, len(sizes)))


def _neighbours(
    words: np.ndarray, region: np.ndarray, counts: np.ndarray, digests: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs that stand beside each other in many lists of the regions with one common k-mer.

    All pairs would be too many. Beside each other means in the order of ``digests`` (uint64
    [regions]), so that the order of the input decides nothing.
    """
    order = np.argsort(digests, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    owner = region[(words & np.uint64(2**32 - 1)).astype(np.int64)]
    kmers, owner = words[owner >= 0] >> _REGION, owner[owner >= 0]
    starts = np.flatnonzero(np.concatenate([[True], kmers[1:] != kmers[:-1]])[: len(kmers)])
    sizes = np.diff(np.append(starts, len(kmers)))
    common = np.repeat(sizes > MOST_REGIONS, sizes)
    ranked = (kmers[common] << _REGION) | place[owner[common]].astype(np.uint64)
    ranked.sort()
    number, kmers = (ranked & np.uint64(2**32 - 1)), ranked >> _REGION
    beside = kmers[1:] == kmers[:-1]
    pairs = (number[:-1][beside] << _REGION) | number[1:][beside]
    pairs, shared = np.unique(pairs, return_counts=True)
    row = order[(pairs >> _REGION).astype(np.int64)]
    column = order[(pairs & np.uint64(2**32 - 1)).astype(np.int64)]
    fewer = np.minimum(counts[row], counts[column])
    enough = shared >= np.maximum(COMMON_SHARE * fewer, least)
    row, column = row[enough], column[enough]
    return np.minimum(row, column), np.maximum(row, column)


def _related(table: csr_matrix, counts: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the pairs of rows that share enough, some rows at a time: memory stays flat."""
    other = table.T.tocsr()
    met = np.diff(other.indptr)
    # an upper bound of the pairs that each row is in
    pairs = np.cumsum(table @ met)
    total = int(pairs[-1]) if table.nnz else 0
    edges = np.searchsorted(pairs, np.arange(0, total, PAIRS_AT_ONCE)).tolist()
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start, stop in itertools.pairwise([*edges, len(counts)]):
        shared = (table[start:stop] @ other).tocoo()
        row, column = shared.row.astype(np.int64) + start, shared.col.astype(np.int64)
        fewer = np.minimum(counts[row], counts[column])
        enough = (shared.data >= np.maximum(SHARE * fewer, least)) & (row < column)
        first.append(row[enough])
        second.append(column[enough])
    return np.concatenate(first), np.concatenate(second)
