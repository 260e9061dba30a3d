"""Whether an attribution adds up to the difference it explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # shards are merged without torch
    from seformer.explain.window_contributions import WindowContributions

# |f(x) − f(x′)| below this: the relative error says nothing, the absolute one is held instead
SMALL_DIFFERENCE = 0.01
SMALL, INCOMPLETE, NOT_COVERED = "small_difference", "incomplete", "not_covered"
INCOMPLETE_WINDOW = "incomplete_window"
Values = float | np.ndarray


def relative_error(total: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """|Σ − Δ| / |Δ|; 0 where both are 0, infinite where only Δ is. Float64, any shape."""
    error, size = np.abs(total - difference), np.abs(difference)
    return np.divide(error, size, out=np.where(error > 0, np.inf, 0.0), where=size > 0)


def complete(total: Values, difference: Values, completeness: float) -> np.ndarray:
    """Say whether Σ is near enough to Δ, relative to Δ or, where that is small, to 0.01."""
    allowed = completeness * np.maximum(np.abs(difference), SMALL_DIFFERENCE)
    return np.abs(total - difference) <= allowed


def windows_complete(windows: WindowContributions, completeness: float) -> bool:
    """Say whether the tokens of every window sum to what the window contributes."""
    return bool(complete(windows.total, windows.difference, completeness).all())


def check_windows(
    windows: WindowContributions, completeness: float
) -> tuple[np.ndarray, list[str]]:
    """Relative error and flags, joined by commas, of every window."""
    total, difference = windows.total, windows.difference
    checks = {
        SMALL: np.abs(difference) < SMALL_DIFFERENCE,
        INCOMPLETE: ~complete(total, difference, completeness),
    }
    flags = [
        ",".join(name for name, holds in checks.items() if holds[window])
        for window in range(len(total))
    ]
    return relative_error(total, difference), flags


def uncovered_flag(covered: float) -> tuple[str, ...]:
    return (NOT_COVERED,) if covered < 1 else ()


def completeness_flags(
    total: Values,
    difference: Values,
    covered: float,
    windows: WindowContributions,
    completeness: float,
) -> tuple[str, ...]:
    """Flags of a region whose attribution sums to ``total``; see `Attribution`."""
    checks = {
        SMALL: np.abs(difference) < SMALL_DIFFERENCE,
        INCOMPLETE: not complete(total, difference, completeness),
        INCOMPLETE_WINDOW: not windows_complete(windows, completeness),
    }
    return tuple(name for name, holds in checks.items() if holds) + uncovered_flag(covered)
