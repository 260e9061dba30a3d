"""Shuffles that keep the dinucleotides, and random numbers that depend on a name alone."""

from __future__ import annotations

import hashlib
import re

import numpy as np

RUNS = re.compile("[ACGT]+")


def generator(key: str, seed: int) -> np.random.Generator:
    """Return random numbers that depend on ``key`` and ``seed`` alone, not on order or process."""
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()])


def _last_edges(edges: list[np.ndarray], final: int, random: np.random.Generator) -> list[int]:
    """Draw the last edge of every vertex, uniformly among those that lead to ``final``.

    An edge from a vertex to itself never leads there, so it is left out of the draw; the others
    keep their multiplicities, which is what makes the shuffle uniform.
    """
    choices = [
        vertex_edges[vertex_edges != vertex] if vertex != final else vertex_edges[:0]
        for vertex, vertex_edges in enumerate(edges)
    ]
    while True:
        last = [int(random.choice(c)) if len(c) else -1 for c in choices]
        if all(_reaches(vertex, last, final) for vertex in range(len(edges)) if len(edges[vertex])):
            return last


def _reaches(vertex: int, last: list[int], final: int) -> bool:
    for _ in last:
        if vertex == final:
            return True
        vertex = last[vertex]
    return vertex == final


def dinucleotide_shuffle(sequence: str, random: np.random.Generator) -> str:
    """Shuffle a sequence and keep the exact count of every dinucleotide.

    Uniform over all sequences with the same dinucleotides, first and last base (Altschul and
    Erickson, Mol. Biol. Evol. 1985: a random Euler path). Runs of bases other than A, C, G, T
    stay in place, and the stretches between them are shuffled one by one.

    Parameters
    ----------
    sequence
        Upper-case bases.
    random
        Source of randomness, see `generator`.
    """
    return RUNS.sub(lambda run: euler_shuffle(run[0], random), sequence)


def euler_shuffle(sequence: str, random: np.random.Generator) -> str:
    """Shuffle a sequence without N; see `dinucleotide_shuffle`.

    The bases are the vertices of a graph and its dinucleotides the edges: a walk along all edges
    spells a sequence with the same dinucleotides. The edges that leave each vertex last are drawn
    first, so that every walk ends at the last base; the order of the others is free.
    """
    if len(sequence) < 4:
        return sequence
    alphabet, codes = np.unique(np.frombuffer(sequence.encode(), np.uint8), return_inverse=True)
    edges = [codes[1:][codes[:-1] == vertex] for vertex in range(len(alphabet))]
    final = int(codes[-1])
    last = _last_edges(edges, final, random)
    walks = []
    for vertex, successors in enumerate(edges):
        if last[vertex] >= 0:
            drawn = int(np.flatnonzero(successors == last[vertex])[0])
            successors = np.delete(successors, drawn)
        shuffled = random.permutation(successors).tolist()
        walks.append(iter([*shuffled, last[vertex]] if last[vertex] >= 0 else shuffled))
    path = [int(codes[0])]
    for _ in range(len(sequence) - 1):
        path.append(next(walks[path[-1]]))
    return alphabet[path].tobytes().decode()
