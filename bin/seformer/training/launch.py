"""Several processes for one training, one a GPU, started by torch's own launcher."""

from __future__ import annotations

import os
import sys
import uuid

from seformer.util.threads import processors

LAUNCHED = "TORCHELASTIC_RUN_ID"


def in_processes(processes: int, verb: str) -> bool:
    """Run this command again in so many processes, unless this is one of them or one is enough.

    A signal that this process gets is passed on to them, and half a minute waited for their end.

    Parameters
    ----------
    processes
        How many.
    verb
        The subcommand; the rest of the command line is this process's own.

    Returns
    -------
    bool
        True if the work has been done by the processes. If one fails, the others are stopped, and
        this process ends with the exit code of the one that failed first.
    """
    if processes <= 1 or LAUNCHED in os.environ:
        return False
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # each process would say that no parameter was left unused, which stage 2 asks torch to look for
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # together they have the processors that one would have; accelerate warns where this is not set
    share = max(1, processors() // processes)
    os.environ.setdefault("OMP_NUM_THREADS", str(share))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        max_restarts=0,
        run_id=str(uuid.uuid4()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
    )
    arguments = sys.argv[1:] if sys.argv[1:2] != [verb] else sys.argv[2:]
    try:
        elastic_launch(config, sys.executable)("-m", "seformer.cli", verb, *arguments)
    except ChildFailedError as error:
        _, first = error.get_first_failure()
        # a process that a signal ended has its number, negative
        sys.exit(first.exitcode if first.exitcode > 0 else 128 - first.exitcode)
    except SignalException as signal:
        sys.exit(128 + signal.sigval)
    return True
