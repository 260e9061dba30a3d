"""Signal of every region that peaks can be stitched to, read once.

Whatever is left out and however far apart peaks are stitched, a region begins and ends where peaks
do. Between these places signal is summed once; a region's signal is the sum of its pieces.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome.intervals import cluster

DIGITS = "%.9g"  # of what a table says: all that follows is computed from the same numbers


class Pieces(NamedTuple):
    """Stretches between the ends of peaks, of which every stitched region is put together.

    Attributes
    ----------
    table
        ``chrom``, ``start``, ``end`` (0-based half-open), along the genome, without overlaps.
    signal, control
        float64 [pieces]: sums over their bases; no control is 0.
    """

    table: pd.DataFrame
    signal: np.ndarray
    control: np.ndarray

    def over(self, regions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return signal and control of regions that begin and end where peaks do."""
        code = {name: i for i, name in enumerate(dict.fromkeys(self.table["chrom"]))}
        size = int(self.table["end"].max()) + 1

        def line(table: pd.DataFrame, column: str) -> np.ndarray:
            return table["chrom"].map(code).to_numpy(np.int64) * size + table[column].to_numpy()

        first = np.searchsorted(line(self.table, "start"), line(regions, "start"))
        last = np.searchsorted(line(self.table, "end"), line(regions, "end"))
        # each region is summed by itself: a difference of cumulated sums would not be exact
        places = np.column_stack([first, last + 1]).ravel()
        signal, control = (
            _as_written(np.add.reduceat(np.append(values, 0.0), places)[::2])
            for values in (self.signal, self.control)
        )
        return signal, control


def cut_pieces(peaks: pd.DataFrame, gap: int) -> pd.DataFrame:
    """Cut what peaks at most ``gap`` bases apart are stitched to at every end of a peak.

    Parameters
    ----------
    peaks
        ``chrom``, ``start``, ``end`` (0-based half-open), sorted by these.

    Returns
    -------
    pandas.DataFrame
        ``chrom``, ``start``, ``end``; the pieces of one region touch.
    """
    owner = cluster(peaks, gap)
    edges = pd.DataFrame(
        {
            "owner": np.tile(owner, 2),
            "chrom": np.tile(peaks["chrom"].to_numpy(), 2),
            "start": np.append(peaks["start"].to_numpy(), peaks["end"].to_numpy()),
        }
    )
    edges = edges.drop_duplicates(["owner", "start"]).sort_values(
        ["owner", "start"], ignore_index=True
    )
    edges["end"] = edges["start"].shift(-1, fill_value=0)
    inside = edges["owner"].eq(edges["owner"].shift(-1))
    return edges.loc[inside, ["chrom", "start", "end"]].reset_index(drop=True)


def _as_written(values: np.ndarray) -> np.ndarray:
    return np.array([float(DIGITS % value) for value in values.tolist()])
