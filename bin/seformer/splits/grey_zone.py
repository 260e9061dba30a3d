"""The grey zone: regions whose signal is so near the cut-off that chance may have named them.

A region just above the cut-off is a super-enhancer, one just below is not, though a second
experiment may well call them the other way. Such labels teach little. They are left out of
training; the parts that choose and measure keep all their regions, since leaving out the hard ones
would only make the result look better, and probabilities wrong for regions as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from seformer.regions.folder import Extracted
from seformer.util.errors import UserError

LEFT_OUT, KEPT = "left_out", "kept"
# signal and cut-off are written with nine digits: a region on the rim is in
_ROUNDING = 1e-8


def within(signal: np.ndarray, cutoff: float, share: float) -> np.ndarray:
    """Tell which signals are in the zone: at most ``share`` of the cut-off above or below it.

    Parameters
    ----------
    signal
        float64 [n]; NaN, no signal, is never in it.
    cutoff
        Between the classes, above 0.

    Returns
    -------
    numpy.ndarray
        bool [n].
    """
    return np.abs(signal - cutoff) <= cutoff * (share + _ROUNDING)


def mark_zone(rows: pd.DataFrame, sources: Sequence[Extracted], share: float) -> np.ndarray:
    """Tell which regions are in the zone of their own sample: bool [n].

    Parameters
    ----------
    rows
        Kept regions of all samples, with ``source_index`` and ``signal``.
    sources
        Extracted folders, by that index.
    share
        Half the width of the zone, as a share of the cut-off; 0 for none.

    Raises
    ------
    UserError
        If a sample has no signal, or none that has a cut-off.
    """
    zone = np.zeros(len(rows), dtype=bool)
    if share:
        of_sample, signal = rows["source_index"].to_numpy(), rows["signal"].to_numpy(np.float64)
        for i, source in enumerate(sources):
            here = of_sample == i
            zone[here] = within(signal[here], _cutoff(source, share), share)
    return zone


def _cutoff(source: Extracted, share: float) -> float:
    said, where = source.summary.get("signal"), source.folder
    what = f"--grey-zone {share:g}: the regions of {source.sample} have no "
    if not said or not source.regions["signal"].notna().any():
        raise UserError(
            what + "signal",
            where=where,
            expected="regions called from peaks and signal, a table of ROSE's "
            "(AllEnhancers.table.txt), or a column called signal",
            do="leave the grey zone out, or give such a table (and extract again)",
        )
    cutoff = said.get("cutoff")
    if cutoff is None:
        raise UserError(
            what + "cut-off: none is written in the table, and some typical enhancers have more "
            "signal than some super-enhancers",
            where=where,
            expected="a table of ROSE's or `seformer call`'s, whose comments name the cut-off, or "
            "classes that are apart in signal",
            do="leave the grey zone out",
        )
    if cutoff <= 0:
        raise UserError(
            what + "zone: the cut-off is 0, all regions with signal are super-enhancers",
            where=where,
            do="leave the grey zone out, or call with other peaks or another control",
        )
    return float(cutoff)


def leave_out(zone: np.ndarray, part: pd.Series) -> np.ndarray:
    """Say what becomes of regions in the zone: `LEFT_OUT` of training, `KEPT` elsewhere, or ""."""
    return np.where(zone, np.where(part == "train", LEFT_OUT, KEPT), "")


def describe_zone(
    rows: pd.DataFrame, zone: np.ndarray, sources: Sequence[Extracted], share: float
) -> dict[str, Any] | None:
    """Count what is in the zone, by sample: ``grey_zone`` of audit.json; None without a zone."""
    if not share:
        return None
    samples = {}
    for i, source in enumerate(sources):
        here = (rows["source_index"] == i).to_numpy()
        labels = rows["label"][here & zone]
        samples[source.sample] = {
            "cutoff": source.summary["signal"]["cutoff"],
            "cutoff_from": source.summary["signal"]["cutoff_from"],
            "regions": int(here.sum()),
            "without_signal": int(rows["signal"][here].isna().sum()),
            "super_enhancers": int((labels == 1).sum()),
            "typical_enhancers": int((labels == 0).sum()),
        }
    return {"share": share, "samples": samples}


def count_zone(outcome: np.ndarray, part: pd.Series) -> dict[str, int]:
    """Count the regions of the zone in one split: left out of training, kept in the others."""
    kept = part[outcome == KEPT]
    return {
        LEFT_OUT: int((outcome == LEFT_OUT).sum()),
        "validation": int((kept == "validation").sum()),
        "test": int((kept == "test").sum()),
    }
