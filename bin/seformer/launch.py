"""Several processes for one training, one a GPU, started by torch's own launcher."""

from __future__ import annotations

import os
import subprocess
import sys

LAUNCHED = "TORCHELASTIC_RUN_ID"


def in_processes(processes: int, verb: str) -> bool:
    """Run this command again in so many processes, unless this is one of them or one is enough.

    Parameters
    ----------
    processes
        How many.
    verb
        The subcommand; the rest of the command line is this process's own.

    Returns
    -------
    bool
        True if the work has been done by the processes. If one fails, this process ends with
        its exit code.
    """
    if processes <= 1 or LAUNCHED in os.environ:
        return False
    arguments = sys.argv[1:] if sys.argv[1:2] != [verb] else sys.argv[2:]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    command += [f"--nproc-per-node={processes}", sys.executable, "-m", "seformer.cli", verb]
    status = subprocess.run([*command, *arguments]).returncode
    if status:
        sys.exit(status)
    return True
