"""What length, composition and a small network alone achieve on the same folds.

One module beside this one is one baseline. Every baseline is fitted on the training part, chosen
on the validation part, and only scores the test part. All are deterministic.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Iterable, Mapping
from typing import TypeVar

from threadpoolctl import threadpool_limits

from seformer.evaluation.baselines.base import Baseline, BaselineRegions, BaselineScores
from seformer.evaluation.baselines.track import NAME, PREFIX, track_baseline
from seformer.util.errors import UserError

T = TypeVar("T")


def _discover() -> dict[str, Baseline]:
    """Find the baselines in this folder: name -> baseline, in their order."""
    names = {module.name for module in pkgutil.iter_modules(__path__)} - {"base", "track"}
    every = {name: importlib.import_module(f"{__name__}.{name}").BASELINE for name in names}
    return dict(sorted(every.items(), key=lambda item: item[1].order))


BASELINES = _discover()


def find_baseline(name: str) -> Baseline | None:
    """Return the baseline of a name in metrics.json, a track's too; None for another scorer."""
    track = name.removeprefix(PREFIX)
    return track_baseline(track) if track != name and NAME.fullmatch(track) else BASELINES.get(name)


def check_baselines(names: Iterable[str]) -> tuple[str, ...]:
    """Return the baselines asked for (``all``, or names), in the order of `BASELINES`.

    Raises
    ------
    UserError
        If one is not known, or none is left.
    """
    asked = set(BASELINES if tuple(names) == ("all",) else names)
    unknown = sorted(asked - BASELINES.keys())
    if unknown or not asked:
        raise UserError(
            f"the baseline {unknown[0]!r} is not known" if unknown else "no baseline was chosen",
            where="--baselines",
            expected=f"some of {', '.join(BASELINES)}",
        )
    return tuple(name for name in BASELINES if name in asked)


def fitted_baselines(names: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``names`` that are fitted here, not trained apart; all such if none is."""
    fitted = [name for name in check_baselines(names) if BASELINES[name].fit]
    return tuple(fitted) or fitted_baselines(("all",))


# one thread: the same sums on every machine, and no threads that wait for each other on a busy one
@threadpool_limits.wrap(limits=1)
def fit_baselines(regions: BaselineRegions, names: Iterable[str]) -> dict[str, BaselineScores]:
    """Fit the baselines ``names`` and those of the tracks, and score all regions.

    They are in the order of `BASELINES`, then of the tracks. A baseline that is a training of its
    own (`Baseline.fit` is None) is not among them.
    """
    chosen = {name: BASELINES[name] for name in check_baselines(names)}
    chosen |= {PREFIX + name: track_baseline(name) for name in regions.tracks}
    return {name: baseline.fit(regions) for name, baseline in chosen.items() if baseline.fit}


def sort_baselines(baselines: Mapping[str, T]) -> dict[str, T]:
    """Put what belongs to baselines into their order; tracks follow as they come."""

    def order(name: str) -> float:
        baseline = find_baseline(name)
        return math.inf if baseline is None else baseline.order

    return dict(sorted(baselines.items(), key=lambda item: order(item[0])))
