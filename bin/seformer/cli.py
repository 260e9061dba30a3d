"""The command `seformer`: one subcommand per stage."""

from __future__ import annotations

import errno
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import typer

import seformer
from seformer.errors import UserError

# command line order is the way of the data; each module in `commands` defines one function
COMMANDS = (
    "simulate",
    "init",
    "index",
    "extract",
    "split",
    "finetune-head",
    "finetune-full",
    "evaluate",
    "pool",
    "transfer",
    "pack",
    "unpack",
    "predict",
    "merge-predictions",
    "explain",
    "merge-attributions",
    "motifs",
    "modisco",
    "variants",
    "report",
    "models",
)
# 137 is what a container's memory limit gives, so that a scheduler retries with more; 75 (try
# again later, in sysexits.h) is retried with smaller batches
OUT_OF_MEMORY = ("Out of memory. What to do: give the task more memory or a smaller batch.", 137)
OUT_OF_GPU_MEMORY = (
    "Out of GPU memory. What to do: a smaller batch (--batch-tokens; in the pipeline --batch_tokens"
    " and --explain_batch_tokens).",
    75,
)
MAKE_ROOM = " What to do: make room on the disk, and run it again."
# how pysam and numpy say that not all was written; they give no number
CUT_SHORT = ("BGZFile", "requested and")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# how often a thread looks for work before it sleeps. OpenMP's own 300,000 is a time slice burnt at
# every operation wherever other programs want the processors too: two threads are then five times
# slower than one. So few cost a machine of one's own nothing that can be measured
SPINS = "10000"
# oneDNN keeps code for so many shapes of a layer's input, and the layers of one batch share a few.
# Its own 1,024, some of a megabyte, would grow with every batch of another length
SHAPES = "16"
# click's exception, from click itself or from the copy of it inside newer typers
USAGE_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def build_app() -> typer.Typer:
    """Assemble the application; the commands' heavy imports happen when they run."""
    app = typer.Typer(
        name="seformer",
        help=seformer.__doc__,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )

    @app.callback()
    def common(
        version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    ) -> None:
        if version:
            typer.echo(f"seformer {seformer.__version__}")
            raise typer.Exit()

    for name in COMMANDS:
        module = importlib.import_module(f"seformer.commands.{name.replace('-', '_')}")
        if isinstance(module.command, typer.Typer):
            app.add_typer(module.command, name=name)
        else:
            app.command(name)(module.command)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a user's mistake is one message and exit code 2, never a traceback."""
    from seformer import logs

    logs.set_up(verbose=bool(os.environ.get("SEFORMER_DEBUG")))
    # before torch is imported: its libraries read these once
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", SHAPES)
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if "--version" in arguments[:1]:
        arguments = ["--version", "models"]
    # told to stop, a command takes its unfinished files back; stage 2 has a handler of its own
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminated)
    try:
        status = build_app()(args=list(arguments), standalone_mode=False)
    except UserError as error:
        _fail(str(error), 2)
    except typer.Abort:
        _fail("Stopped.", 130)
    except USAGE_ERROR as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _fail("Stopped.", 130)
    except MemoryError:
        _fail(*OUT_OF_MEMORY)
    except RuntimeError as error:
        # torch is not imported for every command: its errors are known by their names
        if type(error).__name__ == "OutOfMemoryError":
            _fail(*OUT_OF_GPU_MEMORY)
        if "DefaultCPUAllocator: can't allocate memory" in str(error):
            _fail(*OUT_OF_MEMORY)
        raise
    except OSError as error:
        # pysam tries again to write when its object goes, and would say it all over
        sys.unraisablehook = sys.excepthook = lambda *_: None
        if any(words in str(error) for words in CUT_SHORT):
            _fail(f"a file that is being made cannot be written to its end.{MAKE_ROOM}", 1)
        if error.errno is None or os.environ.get("SEFORMER_DEBUG"):
            sys.unraisablehook, sys.excepthook = sys.__unraisablehook__, sys.__excepthook__
            raise
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror}.{MAKE_ROOM if error.errno in FULL else ''}", 1)
    sys.exit(status if isinstance(status, int) else 0)


def _terminated(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _fail(message: str, code: int) -> None:
    logging.getLogger("seformer").debug("stopped", exc_info=True)
    sys.stderr.write(f"seformer: error: {message}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
