"""Commands in processes that start warm: forks of one that has imported the whole package.

What is stopped, limited or out of room there is a command's work. How it starts is seen by commands
in processes of their own: in tests/unit/test_faults.py, and in surroundings that lack something.
"""

from __future__ import annotations

import atexit
import os
import pkgutil
import resource
import signal
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

import seformer
from seformer import cli

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(
    [module.name for module in pkgutil.walk_packages(seformer.__path__, "seformer.")]
)


def _command(arguments: list[str], limits: str, said: Connection) -> None:
    for stream in (1, 2):
        os.dup2(said.fileno(), stream)
    said.close()
    exec(limits, {"resource": resource})
    try:
        cli.main(arguments)
    finally:
        # a fork ends without what Python does at its end
        atexit._run_exitfuncs()


def run_warm(
    arguments: Sequence[object],
    limits: str = "",
    *,
    signalled: signal.Signals = signal.SIGKILL,
    after: float = 300,
) -> tuple[int, str]:
    """Run a command; return its exit status (of a signal: less 0) and what it has said.

    Parameters
    ----------
    limits
        Python that sets them, with the module `resource` at hand, called before the command.
    signalled, after
        The signal that it gets, and the seconds until then, if it runs for so long.
    """
    hear, said = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=_command, args=(list(map(str, arguments)), limits, said))
    process.start()
    said.close()
    process.join(after)
    if process.is_alive():
        os.kill(process.pid, signalled)
        process.join(60)
    assert process.exitcode is not None, "it does not end"
    with os.fdopen(os.dup(hear.fileno())) as heard:
        text = heard.read()
    hear.close()
    return process.exitcode, text
