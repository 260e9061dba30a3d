"""Motifs that a variant makes or breaks: matches over either allele, by FIMO's rule.

A motif matches where its log-odds score has a p-value below a threshold among random bases, on
either strand (FIMO: Grant et al., Bioinformatics 2011; memelite's implementation).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from seformer.motifs.compiled import load_compiled
from seformer.motifs.meme import motif_file, read_meme
from seformer.motifs.settings import MotifChangeSettings
from seformer.sequence.dna import base_codes, one_hot
from seformer.util.settings import takes

logger = logging.getLogger(__name__)
# sequences that are searched at once: memory stays flat
AT_ONCE = 5000
# bases before, reference, alternative, bases behind
Place = tuple[str, str, str, str]


def _tools() -> Callable:
    from memelite import fimo

    return fimo


class MotifFile:
    """The motifs of a file, to be looked for over alleles.

    Attributes
    ----------
    flank
        Bases on either side of an allele that a match over it may need.
    """

    def __init__(self, motifs: dict[str, np.ndarray], threshold: float) -> None:
        self._fimo = load_compiled(_tools)
        self._motifs, self._threshold = motifs, threshold
        self.flank = max(motif.shape[1] for motif in motifs.values()) - 1

    def __call__(self, alleles: Sequence[Place]) -> list[tuple[list[str], list[str]]]:
        """Motifs gained and lost: those that match over one allele alone.

        Parameters
        ----------
        alleles
            Upper-case bases before, reference, alternative, and bases behind, of each.

        Returns
        -------
        list
            Names of motifs that match with the alternative only, and with the reference only,
            each in the order of the file.
        """
        with_reference = self._matches([(a, b, d) for a, b, _, d in alleles])
        with_alternative = self._matches([(a, c, d) for a, _, c, d in alleles])
        return [
            (
                [n for n in self._motifs if n in after - before],
                [n for n in self._motifs if n in before - after],
            )
            for before, after in zip(with_reference, with_alternative, strict=True)
        ]

    def _matches(self, places: Sequence[tuple[str, str, str]]) -> list[set[str]]:
        """Motifs that match over the middle one of three stretches, some bases of it at least."""
        found: list[set[str]] = [set() for _ in places]
        # sequences that are compared together are of one length
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, place in enumerate(places):
            by_length[sum(map(len, place))].append(row)
        for rows in by_length.values():
            for first in range(0, len(rows), AT_ONCE):
                self._search(rows[first : first + AT_ONCE], places, found)
        return found

    def _search(
        self, rows: Sequence[int], places: Sequence[tuple[str, str, str]], found: list[set[str]]
    ) -> None:
        codes = np.stack([base_codes("".join(places[row])) for row in rows])
        # a longer motif finds no place, and memelite would read beyond the end
        motifs = {n: m for n, m in self._motifs.items() if m.shape[1] <= codes.shape[1]}
        if not motifs:
            return
        unknown = np.pad(np.cumsum(codes < 0, axis=1), ((0, 0), (1, 0)))
        first = np.array([len(places[row][0]) for row in rows])
        last = first + [len(places[row][1]) for row in rows]
        hits = self._fimo(motifs, one_hot(codes).astype(np.int8), threshold=self._threshold)
        for name, table in zip(motifs, hits, strict=True):
            if not len(table):
                continue
            row, start, end = (
                table[c].to_numpy(np.int64) for c in ("sequence_name", "start", "end")
            )
            over = (start < last[row]) & (end > first[row])
            # N is not a base that matches
            over &= unknown[row, end] == unknown[row, start]
            for i in np.unique(row[over]).tolist():
                found[rows[i]].add(name)


@takes(MotifChangeSettings)
def read_motif_file(path: Path, settings: MotifChangeSettings) -> MotifFile:
    """Read motifs in MEME format (or those that come along), to be looked for over alleles.

    Raises
    ------
    UserError
        If it is not such a file, or memelite is not installed.
    """
    return MotifFile(read_meme(motif_file(path)), settings.motif_p)
