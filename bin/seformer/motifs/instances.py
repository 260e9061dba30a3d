"""Where modisco's patterns stand in the explained regions, by Fi-NeMo (kundajelab/Fi-NeMo).

A pattern's own seqlets are those that modisco clustered, at most so many as it is told to take.
Fi-NeMo asks of every base of the windows which patterns, laid on it and added up, give the
attributions with as few of them as possible (a sparse deconvolution). It is in modisco's image;
elsewhere it is used where ``finemo`` is installed beside modisco-lite.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

logger = logging.getLogger(__name__)
COLUMNS = ("chrom", "start", "end", "pattern", "strand", "coefficient", "similarity", "attribution")
# as the command finemo call-hits has them
TRIM, SPARSITY = 0.3, 0.7
SEARCH = {
    "step_size_max": 3.0,
    "step_size_min": 0.08,
    "sqrt_transform": False,
    "convergence_tol": 0.0005,
    "max_steps": 10_000,
    "step_adjust": 0.7,
    "post_filter": True,
    "compile_optimizer": False,
}
# windows at once: with a hundred patterns some 30 MB
BATCH = 200


def available() -> bool:
    """Whether Fi-NeMo is installed; it is not asked for."""
    there = all(find_spec(name) for name in ("finemo", "torch"))
    if not there:
        logger.info("without finemo (pip install finemo) there are no instances of the patterns")
    return there


def call_instances(
    patterns: Path,
    sequences: np.ndarray,
    attributions: np.ndarray,
    places: pd.DataFrame,
    threads: int,
) -> pd.DataFrame:
    """Find the instances of patterns in windows.

    Parameters
    ----------
    patterns
        modisco's HDF5 file, with at least one pattern.
    sequences, attributions
        float32 ``[windows, 4, width]``, one-hot and the attribution at the base that stands there.
    places
        ``chrom`` and ``start`` (0-based) of the windows.

    Returns
    -------
    DataFrame
        `COLUMNS` along the genome: the pattern's core (0-based half-open), its ``strand``,
        ``coefficient`` (its strength, relative to the window), ``similarity`` (cosine to the
        pattern, 0 to 1) and the summed ``attribution`` of its bases. What overlapping regions hold
        twice stands there once.
    """
    import torch
    from finemo import data_io, hitcaller

    torch.set_num_threads(threads)
    motifs, weights, masks, _ = data_io.load_modisco_motifs(
        str(patterns), None, None, TRIM, "cwm", None, None, None, SPARSITY, True
    )
    hits, _ = hitcaller.fit_contribs(
        weights,
        attributions,
        sequences,
        masks,
        use_hypothetical=False,
        lambdas=motifs.get_column("lambda").to_numpy(writable=True),
        batch_size=BATCH,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        **SEARCH,
    )
    motif = hits["motif_id"].to_numpy().astype(np.int64)
    window = hits["peak_id"].to_numpy().astype(np.int64)
    names = ("motif_name", "strand", "motif_start", "motif_end")
    name, strand, first, last = (motifs[column].to_numpy()[motif] for column in names)
    begin = hits["hit_start"].to_numpy() + first
    stop = hits["hit_start"].to_numpy() + last
    # Fi-NeMo's own sums are of attributions that it has scaled, window by window
    total = np.pad(attributions.sum(1, dtype=np.float64).cumsum(1), ((0, 0), (1, 0)))
    start = places["start"].to_numpy()[window]
    table = pd.DataFrame(
        {
            "chrom": places["chrom"].to_numpy()[window],
            "start": start + begin,
            "end": start + stop,
            "pattern": name,
            "strand": strand,
            "coefficient": hits["hit_coefficient"].to_numpy().astype(np.float64),
            "similarity": hits["hit_similarity"].to_numpy().astype(np.float64),
            "attribution": total[window, stop] - total[window, begin],
        }
    )
    place = ["chrom", "start", "end", "pattern", "strand"]
    table = table.sort_values("coefficient", ascending=False, kind="stable").drop_duplicates(place)
    return table.sort_values(place, ignore_index=True)
