"""How many CPU threads are used; torch need not be there yet."""

from __future__ import annotations

import os
import sys

from seformer.util.errors import UserError

MOST_THREADS = 1024


def processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0))


def use_threads(threads: int) -> None:
    """Use so many CPU threads; 0 takes the processors that this task may use.

    These are as many as OMP_NUM_THREADS says, which schedulers set, or all that the process may
    run on.

    Raises
    ------
    UserError
        If it is more than any machine has.
    """
    if threads > MOST_THREADS:
        raise UserError(
            f"{threads} threads are too many", where="--threads", expected=f"0 to {MOST_THREADS}"
        )
    allotted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    given = threads or (int(allotted) if allotted.isdecimal() else 0)
    number = given or processors()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)
    else:
        # torch reads it when it is imported, which not every stage does
        os.environ["OMP_NUM_THREADS"] = str(number)
